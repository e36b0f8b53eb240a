"""Is everything here that the notebooks need? One screen in plain words.

    python -m helpers.check            everything; starts TensorFlow once, which takes some seconds
    python -m helpers.check --quick    without starting TensorFlow
    python -m helpers.check --line     one line that a room can read out

The exit status is 1 when a notebook could not run, else 0. Nothing is installed, downloaded or written. At the top only
the standard library is imported, and :mod:`helpers.files` where it is used, so that this can still speak where packages
are missing or Python is too old.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import re
import signal
import site
import statistics
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

COURSE = "understanding-networks"
PYTHON = "3.11"
OK, NOTE, MISSING = "ok", "note", "MISSING"
EVERY_NOTEBOOK = (1, 2, 3)
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "ipycanvas")
GIB = 2**30
MEMORY = 1.5 * GIB  # the peak of notebooks 2 and 3 with VGG16-GAP, and JupyterLab beside it
START = """
from helpers.course.backend import keras, tf  # what every notebook does first
print(keras.backend.backend())
from helpers.check import probe
print(*probe())
"""
REFERENCE = (0.0195, 0.0100)  # seconds of what `probe` times, on two processors of a machine where ...
RUN_ALL = {1: 49, 2: 61, 3: 50}  # ... a notebook took so many seconds, with what comes with the course
PATIENCE = 180  # seconds: from a cold network disk TensorFlow takes its time
EVENTS = "atlas-higgs/atlas-higgs-challenge-2014-v2-first-22800.csv.gz"
ALL_EVENTS = "atlas-higgs/atlas-higgs-challenge-2014-v2.csv.gz"
OFFICIAL = "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5"
HERE = Path(__file__).absolute().parents[1]  # the folder of the course, or the one that its package was installed into
FOUND = "from importlib.util import find_spec as f; print(f('helpers').origin if f('helpers') else '')"
NAMED = {"KERAS_BACKEND": "tensorflow", "KERAS_MAX_EPOCHS": None, "KERAS_MAX_STEPS_PER_EPOCH": None}
KERAS = {"backend": "tensorflow", "image_data_format": "channels_last", "floatx": "float32"}  # what the course sets
USED_BY = {"atlas-higgs": (1,), "digits": (3,), "movie-reviews": (3,), "toyworld": (3,)}  # all others: 2 and 3


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


def requirements(lines: list[str] | None = None) -> dict[str, str]:
    """What the course asks of each package, as its folder says, its metadata, or the ``lines``: the lowest version, and
    those that are left out, such as "2.0,!=2.5.*".

    TensorFlow has two distributions, of which one is enough: it counts as "tensorflow".
    """
    if lines is None and (HERE / "pyproject.toml").exists():
        import tomllib

        lines = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    lines = importlib.metadata.requires(COURSE) if lines is None else lines
    asked = (line.split(";")[0] for line in lines if "extra ==" not in line)
    found = ((re.match(r"([\w-]+).*?>=([\w.]+)", line), re.findall(r"!=[\w.]+\*?", line)) for line in asked)
    return {
        match[1].replace("tensorflow-cpu", "tensorflow"): ",".join([match[2], *left_out])
        for match, left_out in found
        if match
    }


def _fits(version: str, asked: str) -> bool:
    lowest, *left_out = asked.replace("!=", "").split(",")
    return _numbers(version) >= _numbers(lowest) and not version.startswith(tuple(one.rstrip("*") for one in left_out))


def packages(wanted: dict[str, str] | None = None, lookup=importlib.metadata.version) -> list[Finding]:
    """One line for those that are there in a sufficient version, one for those that are not.

    JupyterLab beside this Python is not needed where another program opens the notebooks: a note is enough.
    """
    try:
        wanted = requirements() if wanted is None else wanted
    except importlib.metadata.PackageNotFoundError:
        remedy = "in the course's folder: python -m pip install --editable ."
        return [Finding(MISSING, "the course is not installed in this Python", remedy, EVERY_NOTEBOOK)]
    versions = {package: installed(package, lookup) for package in wanted}
    poor = [
        package for package, asked in wanted.items() if not versions[package] or not _fits(versions[package], asked)
    ]
    findings = []
    if len(poor) < len(wanted):
        enough = ", ".join(f"{package} {version}" for package, version in versions.items() if package not in poor)
        findings.append(Finding(OK, f"packages: {enough}"))
    for mark, lacking in (
        (MISSING, [p for p in poor if p != "jupyterlab"]),
        (NOTE, [p for p in poor if p == "jupyterlab"]),
    ):
        states = (
            f"{p} is {f'{versions[p]}, >={wanted[p]} is needed' if versions[p] else 'not installed'}" for p in lacking
        )
        text = f"packages: {'; '.join(states)}" + ("; that is fine on a hub or in an editor" if mark == NOTE else "")
        remedy = "python -m pip install " + " ".join(f'"{package}>={wanted[package]}"' for package in lacking)
        if lacking:
            findings.append(Finding(mark, text, remedy, EVERY_NOTEBOOK if mark == MISSING else ()))
    return findings


def installed(package: str, lookup=importlib.metadata.version) -> str | None:
    """The version of an installed distribution, or None."""
    for name in (package, "tensorflow-cpu") if package == "tensorflow" else (package,):
        try:
            return lookup(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def own_helpers(here: Path = HERE) -> list[Finding]:
    """Whether a notebook's kernel finds the helpers of this folder, and not none or those of another copy.

    A kernel starts beside its notebook, so it knows the course only as it was installed; where the folder was moved or
    copied since, that can be the old place.
    """
    done = subprocess.run([sys.executable, "-P", "-c", FOUND], capture_output=True, text=True)
    found = done.stdout.strip() and Path(done.stdout.strip()).parents[1]
    if found and (found.name in ("site-packages", "dist-packages") or found.samefile(here)):
        return []
    text = f"a notebook would use the helpers in {found}, another copy" if found else "a notebook would find no helpers"
    remedy = "delete the folder .venv there, then: python course.py lab"
    return [Finding(MISSING, f"{text}: was the folder moved or copied?", f"in {here}: {remedy}", EVERY_NOTEBOOK)]


def hidden_modules(folder: Path = HERE / "notebooks") -> list[Finding]:
    """What lies beside a notebook and has the name of a module that notebooks use: a student's own ``helpers.py``."""
    wanted = {"helpers", "keras", "sklearn", "skimage", "PIL", *getattr(sys, "stdlib_module_names", ())}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        wanted |= {package.replace("-", "_") for package in requirements()}
    beside = [entry for pattern in ("*", "*/*") for entry in sorted(folder.glob(pattern))]
    hiding = [e for e in beside if e.stem in wanted and (e.suffix == ".py" or (e / "__init__.py").exists())]
    return [
        Finding(MISSING, f"{entry} hides the module {entry.stem!r} that notebooks use", "rename it", EVERY_NOTEBOOK)
        for entry in hiding
    ]


def command_starts(script: Path | None = None) -> list[Finding]:
    """A note where ``jupyter-lab`` is for a Python that is gone, because its folder was moved."""
    head = _text(script or Path(sys.executable).with_name("jupyter-lab"))[:1000]
    named = re.search(r"/[^\n\"']*python[\w.]*", head)
    if named is None or Path(named[0]).exists():
        return []
    return [
        Finding(NOTE, f"jupyter-lab is for {named[0]}, which is gone", "python course.py lab, or: python -m jupyterlab")
    ]


def keras_settings(environment=os.environ) -> list[Finding]:
    """A note where the environment or Keras' own file have other settings than the course, which sets its own."""
    other = [
        f"{name}={environment[name]}" for name, own in NAMED.items() if environment.get(name) not in (None, "", own)
    ]
    file = Path(environment.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "keras.json")
    said = {}
    with contextlib.suppress(ValueError, TypeError):
        said = dict(json.loads(_text(file) or "{}"))
    in_file = [f"{key} {said[key]} in {file}" for key, own in KERAS.items() if said.get(key, own) != own]
    if not other + in_file:
        return []
    remedy = f"if Keras does not start: correct or delete {file}" if in_file else ""
    return [Finding(NOTE, f"not for the course, which has its own settings: {', '.join(other + in_file)}", remedy)]


def tensorflow_starts(seconds: float = PATIENCE) -> tuple[Finding, float | None]:
    """Start TensorFlow and Keras in a process of their own, where a crash cannot hurt.

    The second value says how many times slower than the reference machine this one is now (None where unknown).
    """
    package = str(Path(__file__).absolute().parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", START], env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        text = f"TensorFlow did not start within {seconds:g} s"
        remedy = "try again; the first start from a slow disk takes longest"
        return Finding(MISSING, text, remedy, EVERY_NOTEBOOK), None
    if done.returncode != 0:
        return Finding(MISSING, f"TensorFlow does not start: {_cause(done)}", stops=EVERY_NOTEBOOK), None
    backend, *times = done.stdout.split() or [""]
    if backend != "tensorflow":
        remedy = "unset KERAS_BACKEND, or set it to tensorflow"
        return Finding(MISSING, f"Keras runs on {backend!r} instead of TensorFlow", remedy, EVERY_NOTEBOOK), None
    ratios = [float(own) / reference for own, reference in zip(times, REFERENCE)]  # noqa: B905 - for an old Python
    return Finding(OK, "TensorFlow and Keras start"), statistics.mean(ratios) if ratios else None


def probe(seconds: float = 0.5) -> list[float]:
    """Seconds that a convolution as in the middle of VGG16 takes here, and a product of two matrices.

    Each is repeated for half a second, and the median is given: other work that keeps the processors busy counts too.
    """
    from helpers.course.backend import keras

    inputs = keras.Input((56, 56, 256))
    network = keras.Model(inputs, keras.layers.Conv2D(256, 3, padding="same")(inputs))
    maps, matrix = keras.ops.ones((1, 56, 56, 256)), keras.ops.ones((1000, 1000))
    found = []
    for call in (lambda: network(maps, training=False), lambda: keras.ops.matmul(matrix, matrix)):
        keras.ops.convert_to_numpy(call())  # the first call makes things ready
        taken, end = [], time.perf_counter() + seconds
        while not taken or time.perf_counter() < end:
            start = time.perf_counter()
            keras.ops.convert_to_numpy(call())
            taken.append(time.perf_counter() - start)
        found.append(statistics.median(taken))
    return found


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


def used_by(path: str) -> tuple[int, ...]:
    """Numbers of the notebooks that need the file."""
    return USED_BY.get(path.split("/")[0], (2, 3))


def bundled_files() -> list[Finding]:
    """The files that come with the repository."""
    from helpers import files

    findings, right = [], 0
    for path, file in files.FILES.items():
        if file.url is not None:
            continue
        here, problem = _look(path)
        right += here is not None
        if problem or (here is None and not (path == EVENTS and _look(ALL_EVENTS)[0])):
            text = problem or f"not found: {file.words}"
            remedy = f"copy data/{path} from a fresh copy of the course, or set COURSE_DATA_DIR"
            findings.append(Finding(MISSING, text, remedy, used_by(path)))
    pictures = [name for name in files.unlisted() if name.startswith("cutouts/") and name.endswith(".png")]
    if not pictures or _look("cutouts/index.tsv")[0] is None:
        remedy = "copy data/cutouts from a fresh copy of the course, or set COURSE_DATA_DIR"
        findings.append(Finding(MISSING, "not found: the cut-outs for collages", remedy, (2, 3)))
    if right or pictures:
        text = f"{right} bundled files, sizes and hashes right; {len(pictures)} cut-outs for collages"
        findings.insert(0, Finding(OK, text))
    return findings


def downloads() -> list[Finding]:
    """The large files. None of them is needed, but a damaged one stands in the way."""
    from helpers import files

    findings = []
    for path, file in files.FILES.items():
        if file.url is None:
            continue
        here, problem = _look(path)
        command = f"python -m helpers.download {file.name}"
        if problem:
            findings.append(Finding(MISSING, problem, f"delete it, then: {command}", used_by(path)))
        elif here:
            findings.append(Finding(OK, f"{file.words}: {here}"))
        else:
            text = f"{file.words}: not here, not needed ({files.size_in_words(file.size)} to download)"
            findings.append(Finding(NOTE, text, command))
    return findings


def data_folder(named: str | None) -> list[Finding]:
    """What ``COURSE_DATA_DIR`` says, if it says anything."""
    if not named:
        return []
    if Path(os.path.expanduser(named)).is_dir():
        return [Finding(OK, f"COURSE_DATA_DIR: {named}")]
    remedy = "correct or unset it; until then nothing is downloaded"
    return [Finding(NOTE, f"COURSE_DATA_DIR names {named}, which is not a folder", remedy)]


def notebooks(
    findings: list[Finding], every_event: bool, full_network: bool, slowness: float | None = None
) -> list[Finding]:
    """For each notebook: with what it will run, or what stops it, and how long *Run All* takes.

    The two flags: whether the downloads are here. ``slowness``: see :func:`tensorflow_starts`.
    """
    events = "all 818,238 events" if every_event else "the 22,800 bundled events"
    network = "the full VGG16" if full_network else "VGG16-GAP (the full VGG16 once its weights are here)"
    lines = []
    for number, default in zip(EVERY_NOTEBOOK, (events, network, network)):  # noqa: B905 - for an old Python
        reasons = [finding.text for finding in findings if finding.mark == MISSING and number in finding.stops]
        if reasons:
            more = f"; and {len(reasons) - 1} more" if reasons[1:] else ""
            lines.append(Finding(MISSING, f"notebook {number} cannot run ({reasons[0]}{more})", stops=(number,)))
        else:
            downloaded = every_event if number == 1 else full_network
            takes = f" and take {in_minutes(RUN_ALL[number] * slowness, downloaded)} here" if slowness else ""
            lines.append(Finding(OK, f"notebook {number} will use {default}{takes}"))
    return lines


def in_minutes(seconds: float, or_more: bool = False) -> str:
    minutes = round(seconds / 60)
    if or_more:
        return f"{minutes} minutes or more" if minutes > 1 else "a minute or more"
    return "less than a minute" if seconds < 50 else f"about {minutes} minutes" if minutes > 1 else "about a minute"


def collect(quick: bool = False) -> dict[str, list[Finding]]:
    """All findings under their headings. ``quick`` leaves out what takes seconds."""
    found = {"Programs": [python()]}
    if found["Programs"][0].mark == MISSING:  # the rest of the course does not even load
        return {**found, "Notebooks": notebooks(found["Programs"], False, False)}
    found["Programs"] += [*packages(), *own_helpers(), *hidden_modules(), *keras_settings()]
    slowness = None
    if not quick and not any(finding.stops for finding in found["Programs"]):
        finding, slowness = tensorflow_starts()
        found["Programs"].append(finding)
    if installed("jupyterlab"):
        found["Programs"] += [*widget_extensions(extension_folders()), *command_starts()]
    found["Computer"] = [memory(memory_limit())]
    every_event = full_network = False
    try:
        found["Files"] = [*data_folder(os.environ.get("COURSE_DATA_DIR")), *bundled_files(), *downloads()]
        every_event, full_network = _look(ALL_EVENTS)[0] is not None, _look(OFFICIAL)[0] is not None
    except ImportError as error:
        found["Files"] = [Finding(MISSING, f"not looked for: {error}", "install the packages first", EVERY_NOTEBOOK)]
    so_far = [finding for group in found.values() for finding in group]
    found["Notebooks"] = notebooks(so_far, every_event, full_network, slowness)
    return found


def in_a_line(found: dict[str, list[Finding]]) -> str:
    """What each of a class reads out: ready with which Python, memory and minutes, or the first thing that is missing."""
    stops = [finding for group in found.values() for finding in group if finding.stops]
    if stops:
        return f"NOT READY: {stops[0].text}; {stops[0].remedy or 'python course.py check --all says more'}"
    said = [found["Programs"][0].text, found["Computer"][0].text.split(" (")[0]]
    takes = [re.search(r"take (.*) here", finding.text) for finding in found["Notebooks"]]
    said += [f"notebook {number} {match[1]}" for number, match in zip(EVERY_NOTEBOOK, takes) if match]  # noqa: B905
    return f"READY: {', '.join(said)}"


def main(arguments: list[str] | None = None) -> int:
    """Print the findings; 1 when a notebook could not run, else 0."""
    parser = argparse.ArgumentParser(prog="python -m helpers.check", description="Is everything here?")
    parser.add_argument("--quick", action="store_true", help="do not start TensorFlow")
    parser.add_argument("--line", action="store_true", help="one line for all of it")
    options = parser.parse_args(arguments)
    found = collect(options.quick)
    stopped = [finding for finding in found["Notebooks"] if finding.mark == MISSING]
    if options.line:
        print(in_a_line(found))
        return 1 if stopped else 0
    for heading, findings in found.items():
        print(heading)
        for finding in findings:
            print(_wrapped(f"  {finding.mark:<8}", finding.text))
            if finding.remedy:
                print(_wrapped(f"{'':10}", f"-> {finding.remedy}"))
    print("Something is missing: see the lines marked MISSING." if stopped else "Every notebook can run.")
    return 1 if stopped else 0


def _look(path: str) -> tuple[Path | None, str]:
    """Where a file of the course is, and in one line what is wrong with it, if anything is."""
    from helpers import files

    try:
        return files.locate(path), ""
    except (ValueError, OSError) as error:
        return None, str(error.args[-1]).splitlines()[0]


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


def _wrapped(start: str, text: str) -> str:
    whole = {"break_long_words": False, "break_on_hyphens": False}  # paths and commands are there to be copied
    return textwrap.fill(text, 110, initial_indent=start, subsequent_indent=" " * 12, **whole)


if __name__ == "__main__":
    sys.exit(main())
