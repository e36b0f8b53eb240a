"""The Makefile takes a Python that TensorFlow has wheels for, and the pins only where they are wanted."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUPPORTED = re.search(r"^PYTHONS := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
OTHER_VERSION = "import sys; sys.version_info = {}; program = sys.argv[2]; del sys.argv[1:3]; exec(program)"
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture
def programs(tmp_path):
    """The only folder where make finds programs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "echo", "id", "rm", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def program(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.fixture
def make(programs, tmp_path):
    """Runs make in a folder with nothing but what is installed from; "chosen" prints the Python that it takes."""
    (tmp_path / "Makefile").write_text(f"include {ROOT / 'Makefile'}\nchosen:\n\t@echo $(PYTHON)\n")
    for name in ("pyproject.toml", "requirements.lock"):
        (tmp_path / name).touch()

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [shutil.which("make"), "--no-print-directory", *arguments]
        return subprocess.run(command, cwd=tmp_path, env={"PATH": str(programs)}, capture_output=True, text=True)

    return run


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ({"python3.11": "3.11"}, "python3.11"),
        ({"python3.11": "3.11", "python3.12": "3.12", "python3.13": "3.13", "python3": "3.13"}, "python3.12"),
        ({"python3.12": None, "python3.13": "3.13"}, "python3.13"),  # a shim for a version that is not chosen fails
        ({"python3": "3.13"}, "python3"),
        ({"python3": "3.14", "python3.14": "3.14", "python": "3.11"}, "python"),
        ({"python3": "3.14", "python3.10": "3.10"}, ""),
        ({"python3": "3.1", "python": "2.7"}, ""),
        ({}, ""),
    ],
)
def test_a_python_is_taken_that_tensorflow_has_wheels_for(make, programs, found, chosen):
    for name, version in found.items():
        if version is None:
            program(programs / name, f"echo '{name}: command not found' >&2; exit 127")
        else:
            inside = OTHER_VERSION.format(tuple(map(int, version.split("."))))
            program(programs / name, f"exec '{sys.executable}' -c '{inside}' \"$@\"")
    done = make("chosen")
    assert (done.stdout.strip(), done.stderr) == (chosen, "")
    assert make("chosen", "PYTHON=python3.15").stdout.strip() == "python3.15"
    if not chosen:
        done = make("lab")
        assert done.returncode != 0
        assert f"No Python was found that TensorFlow has wheels for ({' '.join(sorted(SUPPORTED))})." in done.stdout
        assert "make lab PYTHON=" in done.stdout


def test_pins_are_installed_only_when_asked_for_and_a_change_of_mind_installs_again(make, tmp_path):
    program(tmp_path / ".venv/bin/python", 'echo "$*" >> calls')

    def installed(target: str, *arguments: str) -> list[str]:
        (tmp_path / "calls").write_text("")
        assert make(f".venv/.{target}", *arguments).stderr == ""
        return (tmp_path / "calls").read_text().splitlines()

    pip = "-m pip install --quiet"
    assert installed("installed-test") == [f"{pip} --editable .[test]"]
    assert installed("installed") == installed("installed-test") == []
    assert installed("installed-test,browser") == [f"{pip} --editable .[test,browser]"]
    assert installed("locked-test", "LOCKED=1") == [f"{pip} --constraint requirements.lock --editable .[test]"]
    assert installed("locked", "LOCKED=1") == installed("locked-test", "LOCKED=1") == []
    assert installed("installed") == [f"{pip} --editable ."]
    assert installed("locked", "LOCKED=1") == [f"{pip} --constraint requirements.lock --editable ."]
    os.utime(tmp_path / ".venv/.locked", (0, 0))  # as if pyproject.toml had changed since
    assert len(installed("locked", "LOCKED=1")) == 1
