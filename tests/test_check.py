import ast
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import course as course_py
from helpers import check, files
from helpers.check import MISSING, NOTE, OK
from helpers.files import FILES, CourseFile

ROOT = Path(__file__).parents[1]
HEAD = "vgg16/vgg16_gap_head.npz"


def lookup(**versions):
    """A stand-in for importlib.metadata.version that knows these distributions only."""

    def version(package):
        if package.replace("-", "_") not in versions:
            raise PackageNotFoundError(package)
        return versions[package.replace("-", "_")]

    return version


def only(findings):
    (finding,) = findings
    return finding


# --- the computer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "mark"), [((3, 10, 14), MISSING), ((3, 11, 0), OK), ((3, 12, 1), OK), ((4, 0, 0), OK)]
)
def test_python_must_be_new_enough(version, mark):
    finding = check.python(version)
    assert finding.mark == mark
    assert ".".join(map(str, version)) in finding.text
    assert finding.stops == ((1, 2, 3) if mark == MISSING else ())


def test_packages_that_are_there_are_named_with_their_versions():
    finding = only(check.packages({"keras": "3.6", "numpy": "2.0"}, lookup(keras="3.10.1", numpy="2.0")))
    assert (finding.mark, finding.text) == (OK, "packages: keras 3.10.1, numpy 2.0")


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({}, "keras is not installed"),
        ({"keras": "3.5.9"}, "keras is 3.5.9, >=3.6,!=3.7.* is needed"),
        ({"keras": "3.7.2"}, "keras is 3.7.2, >=3.6,!=3.7.* is needed"),
    ],
)
def test_packages_that_lack_or_are_too_old_stop_every_notebook(found, problem):
    good, bad = check.packages({"keras": "3.6,!=3.7.*", "numpy": "2.0"}, lookup(numpy="2.4.6", **found))
    assert (good.mark, good.text) == (OK, "packages: numpy 2.4.6")
    assert (bad.mark, bad.stops) == (MISSING, (1, 2, 3))
    assert problem in bad.text
    assert bad.remedy == 'python -m pip install "keras>=3.6,!=3.7.*"'


def test_nothing_good_is_said_when_nothing_is_there():
    assert only(check.packages({"keras": "3.6", "numpy": "2.0"}, lookup())).mark == MISSING


def test_what_is_wanted_stands_in_the_metadata_of_the_package():
    lines = ["keras!=3.7.*,>=3.6", "tensorflow-cpu>=2.18; a", "tensorflow>=2.18; b", 'pytest>=8; extra == "test"']
    assert check.requirements(lines) == {"keras": "3.6,!=3.7.*", "tensorflow": "2.18"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert check.requirements() == check.requirements(project["dependencies"])
    assert (project["name"], project["requires-python"]) == (check.COURSE, f">={check.PYTHON}")


def test_a_course_that_is_neither_here_nor_installed_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "COURSE", "no-such-course")
    monkeypatch.setattr(check, "HERE", tmp_path)
    finding = only(check.packages())
    assert (finding.mark, finding.stops) == (MISSING, (1, 2, 3))
    assert "pip install --editable ." in finding.remedy


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        ({"tensorflow": "2.21.0"}, OK),
        ({"tensorflow_cpu": "2.18.0rc1"}, OK),
        ({"tensorflow": "2.17.1"}, MISSING),
        ({}, MISSING),
    ],
)
def test_either_tensorflow_will_do(found, mark):
    finding = only(check.packages({"tensorflow": "2.18"}, lookup(**found)))
    assert finding.mark == mark
    assert bool(finding.stops) == bool(finding.remedy) == (mark == MISSING)


@pytest.mark.parametrize(("found", "mark"), [({"jupyterlab": "4.6.6"}, OK), ({"jupyterlab": "3.6"}, NOTE), ({}, NOTE)])
def test_jupyterlab_may_be_elsewhere(found, mark):
    finding = only(check.packages({"jupyterlab": "4.2"}, lookup(**found)))
    assert (finding.mark, finding.stops) == (mark, ())


@pytest.mark.parametrize(
    ("code", "mark", "words"),
    [
        ("print('tensorflow')", OK, "TensorFlow and Keras start"),
        ("print('jax')", MISSING, "Keras runs on 'jax'"),
        ("import no_such_module", MISSING, "No module named 'no_such_module'"),
        ("raise SystemExit(3)", MISSING, "it ended with status 3"),
        ("import time; time.sleep(60)", MISSING, "did not start within 2 s"),
    ],
)
def test_tensorflow_is_tried_in_another_process(monkeypatch, code, mark, words):
    monkeypatch.setattr(check, "START", code)
    finding, slowness = check.tensorflow_starts(seconds=2 if "sleep" in code else 60)
    assert (finding.mark, slowness) == (mark, None)
    assert words in finding.text
    assert finding.stops == ((1, 2, 3) if mark == MISSING else ())


@pytest.mark.skipif(os.name != "posix", reason="signals as return codes")
@pytest.mark.parametrize(
    ("signal", "words"), [("SIGILL", "lacks instructions"), ("SIGKILL", "memory"), ("SIGSEGV", "crashed (SIGSEGV)")]
)
def test_a_crash_of_tensorflow_is_put_into_words(monkeypatch, signal, words):
    no_dump = "import resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
    monkeypatch.setattr(check, "START", f"{no_dump}; signal.raise_signal(signal.{signal})")
    finding, _ = check.tensorflow_starts()
    assert finding.mark == MISSING
    assert words in finding.text


def test_an_illegal_instruction_on_windows_is_recognised():
    done = subprocess.CompletedProcess([], 0xC000001D, "", "")
    assert "lacks instructions" in check._cause(done)


def test_the_child_finds_this_package_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "START", "import helpers.files; print('tensorflow')")
    assert check.tensorflow_starts()[0].mark == OK


@pytest.mark.parametrize(
    ("limit", "mark"), [(None, NOTE), (2**30, MISSING), (int(1.5 * 2**30) - 1, MISSING), (int(1.5 * 2**30), OK)]
)
def test_memory_is_compared_with_what_is_needed(limit, mark):
    finding = check.memory(limit)
    assert finding.mark == mark
    assert "1.5 GiB" in finding.text
    assert bool(finding.stops) == (mark == MISSING)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, None),
        ({"sys/fs/cgroup/memory.max": "1000"}, 1000),
        ({"sys/fs/cgroup/memory.max": "max"}, None),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000"}, 2000),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "3000"}, 3000),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": "4000",
                "sys/fs/cgroup/a/b/memory.max": "max",
            },
            4000,
        ),
        (
            {"proc/self/cgroup": "5:cpu,memory:/c\n1:cpu:/\n", "sys/fs/cgroup/memory/c/memory.limit_in_bytes": "5000"},
            5000,
        ),
        ({"proc/self/cgroup": "0::/elsewhere\n", "sys/fs/cgroup/a/memory.max": "1"}, None),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path, written, expected):
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert check.memory_limit(tmp_path) == (check.memory_limit(tmp_path / "none") if expected is None else expected)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/meminfo")
def test_without_a_container_the_limit_is_the_computers_memory(tmp_path):
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert check.memory_limit(tmp_path) == pytest.approx(total, rel=0.01)


def kernel_finds(monkeypatch, path):
    monkeypatch.setattr(check, "FOUND", f"print({str(path)!r})")
    return check.own_helpers()


def test_a_kernel_finds_the_helpers_of_this_folder_or_those_that_were_installed(monkeypatch, tmp_path):
    assert kernel_finds(monkeypatch, ROOT / "helpers" / "__init__.py") == []
    (tmp_path / "linked").symlink_to(ROOT)
    assert kernel_finds(monkeypatch, tmp_path / "linked" / "helpers" / "__init__.py") == []
    assert kernel_finds(monkeypatch, tmp_path / "site-packages" / "helpers" / "__init__.py") == []


@pytest.mark.parametrize(("place", "words"), [("old", "in {}/old, another copy"), ("", "find no helpers")])
def test_a_folder_that_was_moved_or_copied_is_found(monkeypatch, tmp_path, place, words):
    (tmp_path / "old" / "helpers").mkdir(parents=True)
    monkeypatch.chdir(ROOT / "notebooks")
    finding = only(kernel_finds(monkeypatch, place and tmp_path / place / "helpers" / "__init__.py"))
    assert (finding.mark, finding.stops) == (MISSING, (1, 2, 3))
    assert words.format(tmp_path) in finding.text
    assert f"in {ROOT}: delete the folder .venv" in finding.remedy


def test_the_line_in_the_environment_holds_where_the_folder_is_moved_or_copied(tmp_path):
    """What course.py writes into .venv, run in a folder that has no more of the course than an empty package."""
    old, new = tmp_path / "old place", tmp_path / "deeper" / "new"
    (old / "helpers").mkdir(parents=True)
    (old / "helpers" / "__init__.py").touch()
    venv.create(old / ".venv")
    python = Path(".venv", "Scripts" if os.name == "nt" else "bin", "python")
    subprocess.run([old / python, "-c", course_py.OWN_FOLDER], cwd=old, check=True)
    new.parent.mkdir()
    shutil.copytree(old, new, symlinks=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for folder in (new, old):
        command = [folder / python, "-P", "-c", check.FOUND]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True)
        assert Path(done.stdout.strip()).samefile(folder / "helpers" / "__init__.py")


def test_what_hides_a_module_of_the_notebooks_is_named(tmp_path):
    for name in ("notes.py", "helpers.py", "further/keras.py", "random/__init__.py", "pictures/1.png", "sklearn/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    findings = check.hidden_modules(tmp_path)
    assert sorted(finding.text.split(" hides ")[0] for finding in findings) == [
        str(tmp_path / name) for name in ("further/keras.py", "helpers.py", "random")
    ]
    assert all((f.mark, f.remedy, f.stops) == (MISSING, "rename it", (1, 2, 3)) for f in findings)
    assert check.hidden_modules() == check.hidden_modules(tmp_path / "none") == []


@pytest.mark.parametrize("head", ["#!{}\n# -*- coding: utf-8 -*-", "#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''"])
def test_a_command_whose_python_is_gone_is_noted(tmp_path, head):
    script = tmp_path / "jupyter-lab"
    script.write_text(head.format("/old place/.venv/bin/python3.12") + "\nimport re\n")
    finding = only(check.command_starts(script))
    assert (finding.mark, finding.stops) == (NOTE, ())
    assert "for /old place/.venv/bin/python3.12, which is gone" in finding.text
    (tmp_path / "python").touch()
    script.write_text(head.format(tmp_path / "python"))
    assert check.command_starts(script) == check.command_starts(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("json", "environment", "words"),
    [
        ('{"image_data_format": "channels_first"}', {}, "image_data_format channels_first in"),
        ('{"floatx": "float64", "epsilon": 1e-7}', {}, "floatx float64 in"),
        ('{"backend": "jax"}', {"KERAS_BACKEND": "torch"}, "KERAS_BACKEND=torch, backend jax in"),
        ("", {"KERAS_MAX_EPOCHS": "1"}, "KERAS_MAX_EPOCHS=1"),
    ],
)
def test_other_settings_of_keras_are_noted(tmp_path, json, environment, words):
    (tmp_path / "keras.json").write_text(json)
    finding = only(check.keras_settings({"KERAS_HOME": str(tmp_path), **environment}))
    assert (finding.mark, finding.stops) == (NOTE, ())
    assert words in finding.text
    assert bool(json) == (f"delete {tmp_path / 'keras.json'}" in finding.remedy)


@pytest.mark.parametrize("json", ["", "{}", '{"floatx": "float32", "backend": "tensorflow"}', "{broken", "[1]", "3"])
def test_usual_settings_of_keras_need_no_word(tmp_path, json):
    (tmp_path / "keras.json").write_text(json)
    environment = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""}
    assert (
        check.keras_settings(environment) == check.keras_settings(environment | {"KERAS_BACKEND": "tensorflow"}) == []
    )


def test_a_note_says_when_jupyterlab_lacks_its_side_of_the_widgets(tmp_path):
    (tmp_path / "one" / "@jupyter-widgets" / "jupyterlab-manager").mkdir(parents=True)
    finding = only(check.widget_extensions([tmp_path / "one", tmp_path / "two"]))
    assert (finding.mark, finding.stops) == (NOTE, ())
    assert "ipycanvas not found" in finding.text
    (tmp_path / "two" / "ipycanvas").mkdir(parents=True)
    assert check.widget_extensions([tmp_path / "one", tmp_path / "two"]) == []


def test_the_widgets_of_this_environment_are_found(monkeypatch, tmp_path):
    assert check.widget_extensions(check.extension_folders()) == []
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "bare"))
    monkeypatch.setattr(check.site, "getuserbase", lambda: str(tmp_path / "bare"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "named"))
    for name in check.EXTENSIONS:
        (tmp_path / "named" / "labextensions" / name).mkdir(parents=True)
    assert check.widget_extensions(check.extension_folders()) == []
    assert tmp_path / "bare" / "share" / "jupyter" / "labextensions" in check.extension_folders()


@pytest.mark.parametrize("module", ["check.py", "__init__.py"])
def test_an_old_python_can_still_read_the_check(module):
    source = (ROOT / "helpers" / module).read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name for node in top}
    assert all(name.split(".")[0] in sys.stdlib_module_names for name in names)


# --- the files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def course(monkeypatch, tmp_path):
    """A small course in a folder of its own, everything in place but the downloads; returns that folder."""
    data = tmp_path / "data"
    monkeypatch.setattr(files, "folders", lambda: [data])
    for name in ("COURSE_DATA_DIR", *check.NAMED):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(check, "FOUND", f"print({str(ROOT / 'helpers' / '__init__.py')!r})")
    monkeypatch.chdir(tmp_path)
    bundled = [path for path, file in FILES.items() if file.url is None]
    for path in (*bundled, "cutouts/index.tsv", "cutouts/cat.png"):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text(f"the content of {path}")
    for path, file in list(FILES.items()):
        content = (data / path).read_bytes() if (data / path).exists() else b"downloaded " + path.encode()
        known = "sha256:" + hashlib.sha256(content).hexdigest()
        monkeypatch.setitem(FILES, path, CourseFile(path, file.words, "", len(content), known, file.url))
    return data


def download(course, path, content=None):
    """Put a download there; with a content of its own it becomes the right one."""
    target = course / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content or b"downloaded " + path.encode())


def stopped(findings):
    return sorted({number for finding in findings for number in finding.stops})


def test_a_complete_course_is_said_in_one_line(course):
    finding = only(check.bundled_files())
    count = sum(file.url is None for file in FILES.values())
    assert (finding.mark, finding.text) == (
        OK,
        f"{count} bundled files, sizes and hashes right; 1 cut-outs for collages",
    )


@pytest.mark.parametrize(
    ("path", "numbers"),
    [
        (check.EVENTS, [1]),
        ("vgg16/vgg16_conv_float16.npz", [2, 3]),
        (HEAD, [2, 3]),
        ("cutouts/index.tsv", [2, 3]),
        ("digits/mnist_5000.npz", [3]),
    ],
)
def test_a_missing_file_stops_the_notebooks_that_need_it(course, path, numbers):
    (course / path).unlink()
    findings = check.bundled_files()
    assert stopped(findings) == numbers
    assert [f.mark for f in findings] == [OK, MISSING]
    assert findings[1].text.startswith("not found: ")
    assert "copy data/" in findings[1].remedy


@pytest.mark.parametrize("content", [b"", b"too short"])
def test_a_damaged_file_is_named(course, content):
    (course / HEAD).write_bytes(content)
    ok, damaged = check.bundled_files()
    assert ok.text.startswith(f"{sum(file.url is None for file in FILES.values()) - 1} bundled files")
    assert (damaged.mark, damaged.stops) == (MISSING, (2, 3))
    assert f"{course / HEAD} has {len(content)} bytes instead of" in damaged.text
    assert "\n" not in damaged.text


def test_an_unreadable_file_is_named(course, monkeypatch):
    def refuse(path, alg):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(files.pooch, "file_hash", refuse)
    findings = check.bundled_files()
    assert stopped(findings) == [1, 2, 3]
    assert all("Permission denied" in finding.text for finding in findings if finding.mark == MISSING)


def test_the_small_event_file_may_be_missing_where_the_large_one_is_there(course, monkeypatch):
    (course / check.EVENTS).unlink()
    download(course, check.ALL_EVENTS)
    assert stopped(check.bundled_files()) == []


def test_downloads_are_not_needed_and_how_to_get_them_is_said(course):
    findings = check.downloads()
    assert [finding.mark for finding in findings] == [NOTE, NOTE]
    assert stopped(findings) == []
    for finding, path in zip(findings, (check.OFFICIAL, check.ALL_EVENTS), strict=True):
        assert finding.remedy == f"python -m helpers.download {Path(path).name}"
        assert "to download" in finding.text


def test_a_download_that_is_there_is_named_and_a_damaged_one_stands_in_the_way(course, monkeypatch):
    download(course, check.ALL_EVENTS)
    _, events = check.downloads()
    assert (events.mark, events.stops) == (OK, ())
    assert str(course / check.ALL_EVENTS) in events.text
    download(course, check.ALL_EVENTS, b"half of it")
    _, events = check.downloads()
    assert (events.mark, events.stops) == (MISSING, (1,))
    assert events.remedy.startswith("delete it, then: python -m helpers.download")


def test_the_data_folder_is_mentioned_when_it_is_set(tmp_path):
    assert check.data_folder(None) == check.data_folder("") == []
    assert only(check.data_folder(str(tmp_path))).mark == OK
    finding = only(check.data_folder(str(tmp_path / "mistyped")))
    assert (finding.mark, finding.stops) == (NOTE, ())
    assert "not a folder" in finding.text


# --- the whole screen ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every_event", [False, True])
@pytest.mark.parametrize("full_network", [False, True])
def test_the_default_of_each_notebook_is_said(every_event, full_network):
    lines = check.notebooks([], every_event, full_network)
    assert [line.mark for line in lines] == [OK] * 3
    assert ("818,238" in lines[0].text) == every_event
    assert ("22,800" in lines[0].text) != every_event
    assert all(("VGG16-GAP" in line.text) != full_network for line in lines[1:])


def test_a_machine_that_takes_three_times_as_long_is_that_much_slower(monkeypatch):
    times = [3 * seconds for seconds in check.REFERENCE]
    monkeypatch.setattr(check, "START", f"print('tensorflow'); print(*{times})")
    finding, slowness = check.tensorflow_starts()
    assert (finding.mark, slowness) == (OK, pytest.approx(3))


def test_the_probe_times_both_and_takes_little_time():
    times = check.probe(seconds=0.01)
    assert len(times) == len(check.REFERENCE) == 2
    assert all(time > 0 for time in times)


@pytest.mark.parametrize(
    ("seconds", "words", "with_downloads"),
    [
        (5, "less than a minute", "a minute or more"),
        (50, "about a minute", "a minute or more"),
        (89, "about a minute", "a minute or more"),
        (91, "about 2 minutes", "2 minutes or more"),
    ],
)
def test_minutes_are_rounded(seconds, words, with_downloads):
    assert (check.in_minutes(seconds), check.in_minutes(seconds, True)) == (words, with_downloads)


@pytest.mark.parametrize("downloaded", [False, True])
def test_how_long_a_notebook_takes_here_is_said_with_it(downloaded):
    for line, number in zip(check.notebooks([], downloaded, downloaded, 10.0), (1, 2, 3), strict=True):
        assert line.text.endswith(f" and take {check.in_minutes(10 * check.RUN_ALL[number], downloaded)} here")
    assert all(" take " not in line.text for line in check.notebooks([], downloaded, downloaded))


def test_what_stops_a_notebook_is_said_with_it():
    findings = [
        check.Finding(MISSING, "no head", stops=(2, 3)),
        check.Finding(MISSING, "no names", stops=(3,)),
        check.Finding(NOTE, "a note", stops=(1,)),
    ]
    one, two, three = check.notebooks(findings, False, False)
    assert [line.mark for line in (one, two, three)] == [OK, MISSING, MISSING]
    assert two.text == "notebook 2 cannot run (no head)"
    assert three.text == "notebook 3 cannot run (no head; and 1 more)"


def test_everything_there_is_status_zero_and_one_screen(course, monkeypatch, capsys):
    download(course, check.OFFICIAL)
    monkeypatch.setattr(check, "START", "print('tensorflow')")
    monkeypatch.setattr(check, "memory_limit", lambda: 2**33)
    assert check.main([]) == 0
    out = capsys.readouterr().out
    for words in ("Python", "TensorFlow", "jupyterlab", "ipywidgets", "memory: 8.0 GiB", "14 bundled files"):
        assert words in out
    assert "notebook 3 will use the full VGG16" in out
    assert "Every notebook can run." in out
    assert MISSING not in out
    assert len(out.splitlines()) <= 30
    assert all(len(line) <= 110 or str(course) in line for line in out.splitlines())


def test_quick_starts_nothing(course, monkeypatch, capsys):

    def refuse(*arguments, **keywords):
        raise AssertionError("too slow for --quick")

    monkeypatch.setattr(check, "tensorflow_starts", refuse)
    assert check.main(["--quick"]) == 0
    assert "Every notebook can run." in capsys.readouterr().out


@pytest.mark.parametrize(
    "harm",
    [
        lambda course, patch: (course / HEAD).unlink(),
        lambda course, patch: (course / check.EVENTS).write_text("spoilt"),
        lambda course, patch: (course / check.OFFICIAL).write_text("spoilt"),
        lambda course, patch: patch.setattr(check, "memory_limit", lambda: 2**30),
        lambda course, patch: patch.setattr(check, "START", "import no_such_module"),
        lambda course, patch: patch.setattr(check, "requirements", lambda: {"no-such-package": "1.0"}),
        lambda course, patch: patch.setattr(check, "requirements", lambda: {"ipycanvas": "99.0"}),
        lambda course, patch: patch.setitem(sys.modules, "pooch", None),
        lambda course, patch: patch.setattr(check, "python", lambda: check.Finding(MISSING, "old", "", (1, 2, 3))),
    ],
)
def test_whatever_stops_a_notebook_is_status_one(course, monkeypatch, capsys, harm):
    monkeypatch.setattr(check, "START", "print('tensorflow')")
    monkeypatch.setattr(check, "memory_limit", lambda: 2**33)
    assert check.main([]) == 0
    harm(course, monkeypatch)
    if sys.modules.get("pooch", 0) is None:
        monkeypatch.delitem(sys.modules, "helpers.files")
        monkeypatch.delattr("helpers.files")
    capsys.readouterr()
    assert check.main([]) == 1
    out = capsys.readouterr().out
    assert "Something is missing" in out
    assert "cannot run" in out
    assert len(out.splitlines()) <= 30


def test_one_line_is_there_for_a_room_to_read_out(course, monkeypatch, capsys):
    monkeypatch.setattr(check, "START", "print('tensorflow', 0.078, 0.029)")  # half as fast as the reference
    monkeypatch.setattr(check, "memory_limit", lambda: 2**33)
    assert check.main(["--line"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("READY: Python 3.")
    assert "memory: 8.0 GiB, notebook 1 about 3 minutes" in line
    (course / HEAD).unlink()
    assert check.main(["--line"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("NOT READY: ")
    assert f"copy data/{HEAD}" in line


def test_notes_alone_are_status_zero(course, monkeypatch, capsys):
    monkeypatch.setattr(check, "START", "print('tensorflow')")
    monkeypatch.setattr(check, "memory_limit", lambda: None)
    monkeypatch.setenv("COURSE_DATA_DIR", "mistyped")
    assert check.main([]) == 0
    assert capsys.readouterr().out.count("  note    ") == 4


def test_it_runs_as_a_module_and_ends_with_its_status():
    result = subprocess.run(
        [sys.executable, "-m", "helpers.check", "--quick"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
    assert result.returncode == ("cannot run" in result.stdout)
    assert result.stdout.startswith("Programs\n  ok      Python ")
