"""Pin the newest version of every package with which the whole of the tests passes. ``make lock`` calls it.

uv resolves what pyproject.toml asks for, with all that those packages ask for: one version for every Python and platform.
TensorFlow comes first, for it is the choosiest. The pins go into ``requirements.lock`` (all groups of packages) and
``binder/environment.yml`` (the course alone), the versions of the leading packages into CHANGELOG.md. When a test then
fails, all three files become what they were.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK, BINDER, CHANGELOG = (ROOT / name for name in ("requirements.lock", "binder/environment.yml", "CHANGELOG.md"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LEADING = {"tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy", "scipy": "SciPy", "jupyterlab": "JupyterLab"}
HEAD = "# Written by make lock: every test passed with these versions. make lab LOCKED=1 takes them as constraints.\n"


def resolved(requirements: list[str], constraints: list[str], *options: str) -> list[str]:
    """The pins that uv finds for the requirements, a line each, with markers where a platform needs more or less."""
    partial = LOCK.with_suffix(".partial")
    partial.write_text("\n".join(constraints))
    universal = ["--universal", "--fork-strategy", "fewest", "--python-version", PROJECT["requires-python"][2:]]
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", *universal, *options]
    found = subprocess.run(
        [sys.executable, "-m", *command, "--constraint", partial, "-"],
        input="\n".join(requirements),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    partial.unlink()
    return found.stdout.splitlines()


def environment(text: str, pins: list[str]) -> str:
    """Binder's environment file with these pins in place of those that it has."""
    start, _ = text.split("  - pip:\n")
    return start + "  - pip:\n" + "".join(f"      - {pin}\n" for pin in pins)


def tested_with(pins: list[str]) -> str:
    """The line for CHANGELOG.md."""
    versions = dict(pin.split(" ")[0].split("==") for pin in pins)
    leading = ", ".join(f"{words} {versions[name]}" for name, words in LEADING.items())
    return f"- Tested with {leading}; `requirements.lock` has the rest."


def main() -> int:
    course = PROJECT["dependencies"]
    everything = course + [line for group in PROJECT["optional-dependencies"].values() for line in group]
    newest = resolved([line for line in course if line.startswith("tensorflow")], [], "--no-deps")
    pins = resolved(everything, newest)
    before = {path: path.read_text(encoding="utf-8") for path in (LOCK, BINDER, CHANGELOG)}
    after = {
        LOCK: HEAD + "\n".join(pins) + "\n",
        BINDER: environment(before[BINDER], resolved(course, pins)),
        CHANGELOG: re.sub(r"^- Tested with .*$", tested_with(pins), before[CHANGELOG], count=1, flags=re.M),
    }
    for path, text in after.items():
        path.write_text(text, encoding="utf-8")
    status = 1
    try:
        status = subprocess.call([sys.executable, "course.py", "test", "--locked"], cwd=ROOT)
    finally:
        if status:
            for path, text in before.items():
                path.write_text(text, encoding="utf-8")
            print("Not everything passed with the newest versions, see above: the pins are what they were.")
    return status


if __name__ == "__main__":
    sys.exit(main())
