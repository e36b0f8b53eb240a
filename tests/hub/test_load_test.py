"""The load test: what it asks, and one student on a real hub where one can be started."""

import http.server
import json
import os
import shutil

import client
import load_test
import pytest

PROXY = load_test.COURSE / "build/proxy/node_modules/.bin/configurable-http-proxy"


def test_the_load_test_names_the_notebooks_in_a_home():
    assert load_test.notebook_paths("3,1")[1] == "notebooks/1_gradients_and_taylor.ipynb"
    assert load_test.notebook_paths("2", "course/notebooks") == ["course/notebooks/2_vgg16_feature_maps_and_cam.ipynb"]
    with pytest.raises(ValueError, match="1, 2, 3"):
        load_test.notebook_paths("4")


def test_names_come_from_a_file_with_passwords_or_without(tmp_path):
    (tmp_path / "class.txt").write_text("Ada\tsecret\n\nemmy\n")

    def people(*words):
        return load_test.people(load_test.parser().parse_args(words))

    assert people("--students", "2") == {"student01": "", "student02": ""}
    assert people("--names", str(tmp_path / "class.txt")) == {"ada": "secret", "emmy": ""}
    with pytest.raises(ValueError, match="3 are needed"):
        people("--names", str(tmp_path / "class.txt"), "--faults")


def test_an_address_needs_a_way_to_log_in(capsys):
    assert load_test.main(["--hub", "https://hub.example.org"]) == 2
    assert "--token-file" in capsys.readouterr().err


def test_one_student_on_a_real_hub(tmp_path):
    """Log in, start the server, run a cell, find it where it should be, stop: the load test with a single cell."""
    for package in ("jupyterhub", "jupyterhub_idle_culler"):
        pytest.importorskip(package, reason=f'{package} is not installed; "make hub" installs it')
    if not PROXY.exists() or shutil.which("node") is None:
        pytest.skip('configurable-http-proxy is not installed; "make hub" installs it')
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as free:
        port = min(free.server_port, 65000)
    own = load_test.OwnHub(tmp_path, port, ["student01"])
    if not own.trial:
        pytest.skip("units of systemd cannot reach pytest's folders; make test-hub tries them")
    try:
        own.start()
        student = client.Student(own.address, "student01", own.password)
        client.log_in(student)
        client.start_server(student)
        path = "notebooks/1_gradients_and_taylor.ipynb"
        kernel = client.start_kernel(student, path)
        answer = client.execute(kernel, "import os, helpers; print(os.environ['COURSE_DATA_DIR'])")
        assert (answer.error, answer.text.strip()) == ("", str(own.data))
        assert client.execute(kernel, "1 / 0").error == "ZeroDivisionError: division by zero"
        content = client.open_notebook(student, path)
        content["cells"][0]["source"] = "mine"
        client.save_notebook(student, path, content)
        saved = tmp_path / "homes" / "student01" / path
        assert json.loads(saved.read_text())["cells"][0]["source"] == ["mine"]
        client.stop_kernel(kernel)
    finally:
        own.stop()
    assert not os.path.ismount(own.data)
