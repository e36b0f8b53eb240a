"""Continuous integration runs what README tells a visitor to run, on every Python that course.py takes."""

import re
from pathlib import Path

import yaml

import course

ROOT = Path(__file__).parents[1]
SUPPORTED = sorted(course.PYTHONS)
README = (ROOT / "README.md").read_text(encoding="utf-8")
(COMMAND,) = re.findall(r"^(make test)\b", README, re.M)
GITHUB = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
GITLAB = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())


def commands(job: dict) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_ci_calls_the_command_of_the_readme():
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == COMMAND
    assert commands(GITHUB["jobs"]["linux"])[-1] == COMMAND
    assert GITLAB["linux"]["script"] == [COMMAND]


def test_linux_has_every_python_and_make_takes_that_one():
    github, gitlab = GITHUB["jobs"]["linux"], GITLAB["linux"]
    assert github["strategy"]["matrix"]["python"] == SUPPORTED
    assert [one["VERSION"] for one in gitlab["parallel"]["matrix"]] == [SUPPORTED]
    assert github["env"] == gitlab["variables"] == {"PYTHON": "python"}
    assert f"Python {SUPPORTED[0]}, {SUPPORTED[1]} or {SUPPORTED[2]}" in README


def test_a_change_is_tested_with_the_pins_and_a_week_with_the_newest_versions():
    on = GITHUB[True]  # YAML reads the word "on" as true
    assert {"push", "pull_request"} < set(on)
    (schedule,) = on["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    assert GITHUB["env"]["LOCKED"] == "${{ github.event_name != 'schedule' && '1' || '' }}"
    weekly, change = GITLAB["workflow"]["rules"]
    assert weekly == {"if": '$CI_PIPELINE_SOURCE == "schedule"', "variables": {"LOCKED": "", "ARGS": "--slow"}}
    assert GITHUB["env"]["ARGS"] == "${{ github.event_name == 'schedule' && '--slow' || '' }}"
    assert (change, GITLAB["variables"]["LOCKED"]) == ({"when": "always"}, "1")


def test_macos_and_windows_run_the_unit_tests_and_one_notebook_without_make():
    smoke = GITHUB["jobs"]["smoke"]
    assert smoke["strategy"]["matrix"]["system"] == ["macos-latest", "windows-latest"]
    run, check = commands(smoke)
    assert run.startswith("python course.py test ")
    assert run.endswith(" 1")
    assert "--locked" in run
    assert check == "python course.py check"


def test_shell_scripts_keep_their_line_ends_on_windows():
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text().splitlines()
