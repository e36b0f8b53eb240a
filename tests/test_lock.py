"""The pins agree with the bounds of pyproject.toml, are complete, and are written only when every test has passed."""

import contextlib
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import lock
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GROUPS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
LINES = (ROOT / "requirements.lock").read_text().splitlines()[1:]
PINS = {pin.name: pin for pin in map(Requirement, LINES)}


def of_binder() -> list[str]:
    whole = yaml.safe_load((ROOT / "binder/environment.yml").read_text())
    (lines,) = (part["pip"] for part in whole["dependencies"] if isinstance(part, dict))
    return lines


def here(requirement: Requirement, extra: str = "") -> bool:
    """Whether this computer and this Python need it."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def needed(requirements: list[str]) -> set[str]:
    """Names of all packages that come with these, as far as they are installed here."""
    found, todo = set(), [r for r in map(Requirement, requirements) if here(r)]
    while todo:
        requirement = todo.pop()
        one = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if one in found:
            continue
        found.add(one)
        try:
            below = map(Requirement, importlib.metadata.requires(one[0]) or [])
        except importlib.metadata.PackageNotFoundError:
            continue  # of a group that is not installed
        todo += [r for r in below if any(here(r, extra) for extra in ("", *requirement.extras))]
    return {name for name, _ in found}


def test_a_line_is_a_name_an_exact_version_and_perhaps_a_marker():
    assert [line for line in LINES if not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [\w.'=!<>() ]+)?", line)] == []
    assert list(PINS) == sorted(PINS)
    assert len(PINS) == len(LINES)  # one version, whatever Python and computer


@pytest.mark.parametrize("group", GROUPS)
def test_every_requirement_has_a_pin_within_its_bounds(group):
    for line in GROUPS[group]:
        requirement = Requirement(line)
        assert requirement.name in PINS, f"{requirement.name} has no pin: make lock"
        (pin,) = PINS[requirement.name].specifier
        assert requirement.specifier.contains(pin.version), f"{line} excludes {PINS[requirement.name]}: make lock"


@pytest.mark.parametrize("group", GROUPS)
def test_what_the_requirements_need_themselves_is_pinned_too(group):
    assert needed(GROUPS[group]) - {"pip", *PINS} == set()


def test_binder_installs_the_same_pins_and_no_test_tools():
    lines = of_binder()
    assert [line for line in lines if line not in LINES] == []
    names = {Requirement(line).name for line in lines if here(Requirement(line))}
    assert names == needed(GROUPS[""]) - {"pip"}


def test_the_changelog_says_what_the_newest_version_was_tested_with():
    newest = re.findall(r"^- Tested with .*$", (ROOT / "CHANGELOG.md").read_text(), re.M)[0]
    assert newest == lock.tested_with(LINES)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Copies of the three files, and a uv that answers with one version of each package it is asked for."""
    for name in ("LOCK", "BINDER", "CHANGELOG"):
        copy = tmp_path / getattr(lock, name).name
        copy.write_text(getattr(lock, name).read_text())
        monkeypatch.setattr(lock, name, copy)
    names = [f"{name}==9.9" for name in sorted({Requirement(line).name for group in GROUPS.values() for line in group})]

    def resolved(requirements, constraints, *options):
        wanted = {Requirement(line).name for line in requirements}
        return [line for line in names if line.split("==")[0] in wanted]

    monkeypatch.setattr(lock, "resolved", resolved)
    return {path: path.read_text() for path in tmp_path.iterdir()}


def test_new_pins_are_written_to_all_three_files_before_the_tests_run(files, monkeypatch):
    def passes(command, cwd):
        assert command == [sys.executable, "course.py", "test", "--locked"]
        assert "keras==9.9\n" in lock.LOCK.read_text()
        return 0

    monkeypatch.setattr(lock.subprocess, "call", passes)
    assert lock.main() == 0
    assert "nbval==9.9\n" in lock.LOCK.read_text()
    environment = yaml.safe_load(lock.BINDER.read_text())
    assert environment["dependencies"][:2] == ["python=3.12", "pip"]
    assert {"keras==9.9", "numpy==9.9"} < set(environment["dependencies"][2]["pip"])
    assert "nbval==9.9" not in environment["dependencies"][2]["pip"]
    assert lock.CHANGELOG.read_text().count("- Tested with TensorFlow 9.9, Keras 9.9, ") == 1


@pytest.mark.parametrize("ends", [lambda *_, **__: 2, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)])
def test_pins_with_which_not_everything_passed_are_taken_back(files, monkeypatch, ends):
    monkeypatch.setattr(lock.subprocess, "call", ends)
    with contextlib.suppress(KeyboardInterrupt):
        assert lock.main() == 2
    assert {path: path.read_text() for path in files} == files
