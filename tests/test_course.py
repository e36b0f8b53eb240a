"""The one way to set the course up: which Python, what is installed when, with the network and without it; make calls it."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import course

ROOT = Path(__file__).parents[1]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A course in a folder of its own, whose environment notes down what it is told to install."""
    folder = tmp_path / "Ein Kurs für alle"
    folder.mkdir()
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    python = Path(course.inside(str(folder / ".venv")))
    python.parent.mkdir(parents=True)
    python.write_text(f"#!{sys.executable}\n{STAND_IN}")
    python.chmod(0o755)
    monkeypatch.setattr(course, "ROOT", str(folder))
    monkeypatch.setattr(course.shutil, "which", lambda name: None)
    return folder


STAND_IN = """
import subprocess, sys
if sys.argv[1:4] == ["-m", "pip", "install"]:
    open("calls", "a").write(" ".join(sys.argv[3:]) + "\\n")
elif sys.argv[1] == "-m":
    print("started", *sys.argv[2:])
else:
    sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))
"""
posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a first line for Unix")


def installed(folder: Path, *arguments: str) -> list[str]:
    (folder / "calls").unlink(missing_ok=True)
    assert course.main(list(arguments)) == 0
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


@posix
def test_packages_are_installed_by_phases_and_only_what_is_new(here, capsys):
    calls = installed(here, "install")
    assert len(calls) == len(course.PHASES)
    assert "tensorflow" in calls[0]
    assert "jupyterlab" not in calls[0]
    assert all(line in calls[-1] for line in calls[0].split()[2:])  # each phase holds to what came before
    assert "290 MB" in capsys.readouterr().out
    assert installed(here, "install") == []
    (tools,) = installed(here, "install", "test")
    assert "nbval" in tools
    assert installed(here, "install") == installed(here, "install", "test") == []
    text = (here / "pyproject.toml").read_text()
    (here / "pyproject.toml").write_text(text.replace('"tqdm>=', '"a-new-one>=1",\n    "tqdm>='))
    assert all("a-new-one" in call for call in installed(here, "install")[-1:])


@posix
def test_pins_are_installed_only_when_asked_for_and_a_change_of_mind_installs_again(here):
    assert "--constraint" not in installed(here, "install")[0]
    calls = installed(here, "install", "--locked")
    assert len(calls) == len(course.PHASES)
    assert f"--constraint {here / 'requirements.lock'}" in calls[0]
    assert installed(here, "install", "--locked") == installed(here, "install") == []
    with open(here / "requirements.lock", "a") as file:
        file.write("one-more==1\n")
    assert len(installed(here, "install", "--locked")) == len(course.PHASES)


@posix
def test_without_a_network_packages_come_from_the_folder_alone(here, tmp_path, capsys):
    (tmp_path / "räder hier").mkdir()
    calls = installed(here, "install", "--offline", str(tmp_path / "räder hier"))
    assert all(f"--no-index --find-links {tmp_path / 'räder hier'}" in call for call in calls)
    assert course.main(["install", "hub", "--offline", "nowhere"]) == 1
    assert "no folder nowhere" in capsys.readouterr().err


@posix
def test_what_is_not_for_course_py_goes_on_to_the_program(here, capfd):
    (here / "notebooks").mkdir()
    assert course.main(["lab", "--no-browser", "--port", "8899"]) == 0
    assert capfd.readouterr().out.rstrip().endswith("--no-browser --port 8899")


@posix
def test_a_failed_installation_shows_the_last_words_and_a_remedy(here, capsys):
    python = Path(course.inside(str(here / ".venv")))
    python.write_text(python.read_text().replace('open("calls"', 'sys.exit("no such package")\nopen("calls"'))
    python.write_text(python.read_text().replace("\nopen(", "\n    open("))
    assert course.main(["install"]) == 1
    said = capsys.readouterr().err
    assert "no such package" in said
    assert "--offline FOLDER" in said
    assert not (here / ".venv" / "installed.json").exists()


def test_a_python_is_taken_that_tensorflow_has_wheels_for(monkeypatch):
    found, fits = {"python3.13": "/a/python3.13", "python3": "/a/python3"}, {"/a/python3.13"}
    monkeypatch.setattr(course.shutil, "which", lambda name: name if name == sys.executable else found.get(name))
    monkeypatch.setattr(course, "works", lambda command, *_: command[0] in fits)
    assert course.fitting() == ["/a/python3.13"]
    fits.add(sys.executable)
    assert course.fitting() == [sys.executable]  # the one that was called, if it fits
    fits.clear()
    assert course.fitting() is None


def test_what_fits_is_what_the_project_asks_for():
    running = "{}.{}".format(*sys.version_info)
    assert course.works([sys.executable], arguments=[running])
    assert not course.works([sys.executable], arguments=["2.7"])
    assert not course.works(["no-such-python"])
    lowest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert sorted(course.PYTHONS)[0] == lowest


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ({"fitting": lambda: None}, "No Python was found that TensorFlow has wheels for (3.11, 3.12, 3.13)"),
        ({"NO_WHEELS": {("Darwin", "x86_64"): "Macs"}}, "TensorFlow has no wheels for Macs"),
        ({"DISK": 10**9}, "make room"),
    ],
)
def test_what_keeps_the_course_from_being_set_up_is_said_before(here, monkeypatch, capsys, harm, words):
    shutil.rmtree(here / ".venv")
    monkeypatch.setattr(course.platform, "system", lambda: "Darwin" if "NO_WHEELS" in harm else "Linux")
    monkeypatch.setattr(course.platform, "machine", lambda: "x86_64")
    for name, value in harm.items():
        monkeypatch.setattr(course, name, value)
    assert course.main(["install"]) == 1
    assert words in capsys.readouterr().err
    assert not (here / ".venv").exists()


def test_check_says_in_one_line_that_nothing_is_set_up(here, capsys):
    shutil.rmtree(here / ".venv")
    assert course.main(["check"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("NOT READY")


def test_every_package_of_the_course_belongs_to_a_phase_once():
    import tomllib

    lines = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    divided = [line for _, packages in course.phases(lines) for line in packages]
    assert sorted(divided) == sorted(lines)


def test_an_old_python_can_still_read_it_and_needs_nothing_else():
    tree = ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 8))
    names = {node.names[0].name for node in tree.body if isinstance(node, ast.Import)}
    assert names <= set(sys.stdlib_module_names)


def test_help_is_the_text_at_its_top(capsys):
    assert course.main([]) == 0
    assert "python course.py lab" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_calls_it_with_what_it_was_given():
    def planned(*arguments: str) -> str:
        command = ["make", "--no-print-directory", "--dry-run", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    python = "PYTHON=/a/python3.12"
    assert planned("lab", python, "LOCKED=1", "ARGS=--port 1").split() == [
        *"/a/python3.12 course.py lab --locked --port 1".split()
    ]
    assert planned("test", python).split() == "/a/python3.12 course.py test".split()
    assert "course.py install" in planned("hub", python)
    assert planned("lab", python, "OFFLINE=two words").strip().endswith('--offline "two words"')
