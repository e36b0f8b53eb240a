"""The part of :mod:`helpers.check` that looks at the computer: Python, the packages, TensorFlow, memory.

Every function returns a :class:`Finding`, or several. Only the standard library is imported, so that the check can
still speak where packages are missing or Python is too old.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import signal
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OK, NOTE, MISSING = "ok", "note", "MISSING"
EVERY_NOTEBOOK = (1, 2, 3)
PYTHON = "3.11"
# Lowest versions, by distribution: what the notebooks import. A test compares them with pyproject.toml.
TENSORFLOW = ("tensorflow", "tensorflow-cpu"), "2.18"
JUPYTERLAB = "4.2"
PACKAGES = {
    "keras": "3.6",
    "numpy": "2.0",
    "scipy": "1.14",
    "scikit-learn": "1.5",
    "scikit-image": "0.24",
    "matplotlib": "3.9",
    "pillow": "10.4",
    "h5py": "3.11",
    "pooch": "1.8",
    "tqdm": "4.66",
    "ipykernel": "6.29",
}
WIDGETS = {"ipywidgets": "8.1.5", "ipycanvas": "0.13.2"}
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "ipycanvas")
GIB = 2**30
MEMORY = 1.5 * GIB  # the peak of notebooks 2 and 3 with VGG16-GAP, and JupyterLab beside it
START = "from helpers.course.backend import keras, tf; print(keras.backend.backend())"  # what every notebook does first
PATIENCE = 180  # seconds: from a cold network disk TensorFlow takes its time


@dataclass(frozen=True)
class Finding:
    """One line: a mark (ok, note or MISSING), what was found, what to do about it, and which notebooks it stops."""

    mark: str
    text: str
    remedy: str = ""
    stops: tuple[int, ...] = ()


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python is new enough."""
    shown = ".".join(map(str, version))
    if version < _numbers(PYTHON):
        remedy = f"install Python {PYTHON} or newer, and the course into it (see README.md)"
        return Finding(MISSING, f"Python {shown} is too old, {PYTHON} is needed", remedy, EVERY_NOTEBOOK)
    return Finding(OK, f"Python {shown}")


def packages(wanted: dict[str, str], name: str, lookup=importlib.metadata.version) -> list[Finding]:
    """One line for those that are there in a sufficient version, one for those that are not."""
    versions = {package: installed(package, lookup) for package in wanted}
    poor = [p for p, lowest in wanted.items() if not versions[p] or _numbers(versions[p]) < _numbers(lowest)]
    findings = []
    if len(poor) < len(wanted):
        enough = ", ".join(f"{package} {version}" for package, version in versions.items() if package not in poor)
        findings.append(Finding(OK, f"{name}: {enough}"))
    if poor:
        states = (f"{p} is {f'{versions[p]}, {wanted[p]} is needed' if versions[p] else 'not installed'}" for p in poor)
        remedy = "python -m pip install " + " ".join(f'"{package}>={wanted[package]}"' for package in poor)
        findings.append(Finding(MISSING, f"{name}: {'; '.join(states)}", remedy, EVERY_NOTEBOOK))
    return findings


def installed(package: str, lookup=importlib.metadata.version) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return lookup(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def tensorflow_installed(lookup=importlib.metadata.version) -> Finding:
    """Whether one of TensorFlow's distributions is installed; :func:`tensorflow_starts` says whether it works."""
    names, lowest = TENSORFLOW
    version = next((version for version in (installed(name, lookup) for name in names) if version), None)
    remedy = f'python -m pip install "tensorflow>={lowest}" (its newest version may lag behind the newest Python)'
    if version is None:
        return Finding(MISSING, "TensorFlow is not installed", remedy, EVERY_NOTEBOOK)
    if _numbers(version) < _numbers(lowest):
        return Finding(MISSING, f"TensorFlow {version} is too old, {lowest} is needed", remedy, EVERY_NOTEBOOK)
    return Finding(OK, f"TensorFlow {version}")


def tensorflow_starts(seconds: float = PATIENCE) -> Finding:
    """Start TensorFlow and Keras in a process of their own, where a crash cannot hurt."""
    package = str(Path(__file__).absolute().parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", START], env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        text = f"TensorFlow did not start within {seconds:g} s"
        return Finding(MISSING, text, "try again; the first start from a slow disk takes longest", EVERY_NOTEBOOK)
    backend = done.stdout.strip()
    if done.returncode == 0 and backend == "tensorflow":
        return Finding(OK, "TensorFlow and Keras start")
    if done.returncode == 0:
        remedy = "unset KERAS_BACKEND, or set it to tensorflow"
        return Finding(MISSING, f"Keras runs on {backend!r} instead of TensorFlow", remedy, EVERY_NOTEBOOK)
    return Finding(MISSING, f"TensorFlow does not start: {_cause(done)}", stops=EVERY_NOTEBOOK)


def jupyterlab(lookup=importlib.metadata.version) -> Finding:
    """JupyterLab beside this Python. Not needed where another program opens the notebooks."""
    version = installed("jupyterlab", lookup)
    if version and _numbers(version) >= _numbers(JUPYTERLAB):
        return Finding(OK, f"JupyterLab {version}")
    text = f"JupyterLab {version} is too old" if version else "JupyterLab is not installed beside this Python"
    remedy = f'python -m pip install "jupyterlab>={JUPYTERLAB}"'
    return Finding(NOTE, f"{text}; that is fine on a hub or in an editor", remedy)


def extension_folders() -> list[Path]:
    """Where JupyterLab looks for extensions: ``JUPYTER_PATH``, this environment, the user's folder, the system's."""
    named = [Path(folder) for folder in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if folder]
    shared = [Path(base, "share", "jupyter") for base in (sys.prefix, site.getuserbase(), "/usr/local", "/usr")]
    return [folder / "labextensions" for folder in [*named, *shared]]


def widget_extensions(folders: list[Path]) -> list[Finding]:
    """A note where JupyterLab would show no widgets: its side of them lies in none of its extension folders."""
    lacking = [name for name in EXTENSIONS if not any((folder / name).is_dir() for folder in folders)]
    if not lacking:
        return []
    remedy = "python -m pip install --force-reinstall --no-deps jupyterlab_widgets ipycanvas"
    return [Finding(NOTE, f"JupyterLab may show no widgets: {', '.join(lacking)} not found", remedy)]


def memory(limit: int | None) -> Finding:
    """Whether ``limit`` bytes (see :func:`memory_limit`; None where unknown) are enough."""
    if limit is None:
        return Finding(NOTE, f"memory: could not be found out; {MEMORY / GIB:g} GiB are needed")
    if limit < MEMORY:
        text = f"memory: {limit / GIB:.1f} GiB, {MEMORY / GIB:g} GiB are needed"
        return Finding(MISSING, text, "use another computer, or ask the hub's owner for more", EVERY_NOTEBOOK)
    return Finding(OK, f"memory: {limit / GIB:.1f} GiB ({MEMORY / GIB:g} GiB are needed)")


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes this process may use: the computer's memory or a container's limit, whichever is smaller.

    ``root`` holds the system's ``proc`` and ``sys/fs/cgroup`` (Linux; version 1 and 2 of control groups).
    """
    known = []
    if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(os.sysconf_names):
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    top = root / "sys/fs/cgroup"
    groups = re.findall(r"^\d+:[^:]*:(/.*)$", _text(root / "proc/self/cgroup"), re.MULTILINE)
    for tree, name in ((top, "memory.max"), (top / "memory", "memory.limit_in_bytes")):
        for group in ["/", *groups]:
            own = tree / group.strip("/")
            for folder in [own, *own.parents]:  # the limits of the groups above count too
                if folder.is_relative_to(tree) and _text(folder / name).strip().isdigit():
                    known.append(int(_text(folder / name)))
    return min(known, default=None)


def _cause(done: subprocess.CompletedProcess) -> str:
    """Why a process ended, in plain words."""
    code = done.returncode
    if code in (-4, 0xC000001D):  # SIGILL, and what Windows calls it
        return "this processor lacks instructions (AVX) that it was built for; another computer or a hub helps"
    if code == -9:
        return "the system ended it, most likely for want of memory"
    if code < 0:
        return f"it crashed ({signal.Signals(-code).name})"
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"it ended with status {code}"


def _numbers(version: str) -> tuple[int, ...]:
    """The version "2.21.0rc1" is (2, 21, 0)."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
