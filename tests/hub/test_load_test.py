"""The load test: the notebooks it names, and one student on a real hub where one can be started."""

import http.server
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import client
import hub
import load_test
import pytest
from course_hub import class_list, processes, settings

AS_ROOT = os.geteuid() == 0


def test_the_load_test_names_the_notebooks_in_a_home():
    assert load_test.notebook_paths("3,1")[1] == "notebooks/1_gradients_and_taylor.ipynb"
    with pytest.raises(ValueError, match="1, 2, 3"):
        load_test.notebook_paths("4")


def test_one_student_on_a_real_hub(tmp_path):
    """Log in, start the server, run a cell, find it where it should be, stop: the load test with a single cell."""
    pytest.importorskip("jupyterhub", reason='JupyterHub is not installed; "make hub" installs it')
    pytest.importorskip("jupyterhub_idle_culler", reason='the culler is not installed; "make hub" installs it')
    proxy = os.environ.get("COURSE_HUB_PROXY") or (str(hub.PROXY) if hub.PROXY.exists() else None)
    proxy = proxy or shutil.which("configurable-http-proxy")
    if proxy is None:
        pytest.skip('configurable-http-proxy is not installed; "make hub" installs it')
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as free:
        port = min(free.server_port, 65000)
    # pytest's own folders are closed to others
    state = Path("/tmp" if AS_ROOT else tmp_path) / f"hub-test-{os.getpid()}"
    accounts = "own" if AS_ROOT else "trial"
    chosen = settings.Settings(str(state), accounts, data=str(settings.COURSE / "data"), port=port)
    found = hub.problems(chosen, Path(proxy))
    if found:
        pytest.skip(f"a hub cannot run here: {found[0]}")
    command = [sys.executable, hub.__file__, "--students", "1", "--state", str(state), "--port", str(port)]
    command += ["--first-uid", "50000"]
    log = tmp_path / "hub.log"
    with log.open("w") as words:
        started = subprocess.Popen([*command, "--proxy", proxy], stdout=words, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + client.PATIENCE
        while "The hub is open" not in log.read_text():
            assert started.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        ((name, word),) = class_list.passwords(class_list.path_of(chosen)).items()
        student = client.Student(chosen.url, name, word)
        client.log_in(student)
        client.start_server(student)
        path = "notebooks/1_gradients_and_taylor.ipynb"
        kernel = client.start_kernel(student, path)
        answer = client.execute(kernel, "import os, helpers; print(os.getuid(), os.environ['COURSE_DATA_DIR'])")
        assert answer.error == ""
        assert answer.text.split() == [str(50_000 if AS_ROOT else os.getuid()), chosen.data]
        assert client.execute(kernel, "1 / 0").error == "ZeroDivisionError: division by zero"
        content = client.open_notebook(student, path)
        content["cells"][0]["source"] = "mine"
        client.save_notebook(student, path, content)
        saved = chosen.homes / name / path
        assert json.loads(saved.read_text())["cells"][0]["source"] == ["mine"]
        assert stat.S_IMODE((chosen.homes / name).stat().st_mode) == 0o700
        client.stop_kernel(kernel)
    finally:
        started.send_signal(signal.SIGINT)
        status = started.wait(client.PATIENCE)
        left = processes.by_student(str(state))
        processes.end([pid for pids in left.values() for pid in pids])
        shutil.rmtree(state, ignore_errors=True)
    assert (status, left) == (0, {}), log.read_text()
