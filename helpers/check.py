"""Is everything here that the notebooks need? One screen in plain words.

    python -m helpers.check            everything; starts TensorFlow once, which takes some seconds
    python -m helpers.check --quick    without starting TensorFlow and without comparing weights

The exit status is 1 when a notebook could not run, else 0. Nothing is installed, downloaded or written. The checks are
functions that return findings: those of the computer are in :mod:`helpers.check_computer`, those of the files here.
Modules of the course that need packages are imported only where they are used; what is missing is to be said, not
raised.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from pathlib import Path

from helpers import check_computer as computer
from helpers.check_computer import EVERY_NOTEBOOK, MISSING, NOTE, OK, Finding

EVENTS = "atlas-higgs/atlas-higgs-challenge-2014-v2-first-22800.csv.gz"
ALL_EVENTS = "atlas-higgs/atlas-higgs-challenge-2014-v2.csv.gz"
CONVOLUTIONS = "vgg16/vgg16_conv_float16.npz"
OFFICIAL = "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5"
USED_BY = {
    "atlas-higgs": (1,),
    "digits": (3,),
    "movie-reviews": (3,),
    "toyworld": (3,),
}  # by folder; every other file is for 2 and 3


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


def convolutions() -> list[Finding]:
    """Compare the bundled convolutions with the official weights, where both are here."""
    official, bundled = _look(OFFICIAL)[0], _look(CONVOLUTIONS)[0]
    if official is None or bundled is None:
        return []
    try:
        unequal, largest = difference(official, bundled)
    except (KeyError, ValueError, OSError) as error:
        return [Finding(NOTE, f"the convolutions could not be compared with the official ones: {error}")]
    if unequal:
        text = f"{unequal:,} bundled weights of VGG16 differ from the official ones, by {largest:.2g} at most"
        return [Finding(NOTE, text, "please report this to the course's authors")]
    return [Finding(OK, "the bundled convolutions are the official ones, rounded to half precision")]


def difference(official: Path, bundled: Path) -> tuple[int, float]:
    """How many bundled numbers differ from the official ones rounded to float16, and the largest difference.

    ``official`` is Keras' HDF5 file, ``bundled`` the course's npz. Read layer by layer, 10 MB at a time.

    Raises
    ------
    ValueError
        If a layer is missing in one of the two, or its shape differs.
    """
    import h5py
    import numpy as np

    unequal, largest = 0, 0.0
    with h5py.File(official, "r") as theirs, np.load(bundled, allow_pickle=False) as ours:
        for name in ours.files:
            layer, _, kind = name.rpartition("_")  # block1_conv1_kernel is block1_conv1/block1_conv1_W_1:0 there
            there = f"{layer}/{layer}_{'W' if kind == 'kernel' else 'b'}_1:0"
            if there not in theirs:
                raise ValueError(f"the official file has no {there}")
            half, mine = theirs[there][()].astype(np.float16), ours[name]
            if half.shape != mine.shape:
                raise ValueError(f"{name} has the shape {mine.shape}, officially {half.shape}")
            differs = half.view(np.uint16) != mine.astype(np.float16).view(np.uint16)
            if differs.any():
                unequal += int(differs.sum())
                gaps = np.abs(half.astype(float) - mine.astype(float))
                largest = max(largest, float(np.nan_to_num(gaps, nan=np.inf).max()))
    return unequal, largest


def notebooks(findings: list[Finding], every_event: bool, full_network: bool) -> list[Finding]:
    """For each notebook: with what it will run, or what stops it. The two flags: whether the downloads are here."""
    events = "all 818,238 events" if every_event else "the 22,800 bundled events"
    network = "the full VGG16" if full_network else "VGG16-GAP (the full VGG16 once its weights are here)"
    lines = []
    for number, default in zip(EVERY_NOTEBOOK, (events, network, network)):  # noqa: B905 - for an old Python
        reasons = [finding.text for finding in findings if finding.mark == MISSING and number in finding.stops]
        if reasons:
            more = f"; and {len(reasons) - 1} more" if reasons[1:] else ""
            lines.append(Finding(MISSING, f"notebook {number} cannot run ({reasons[0]}{more})", stops=(number,)))
        else:
            lines.append(Finding(OK, f"notebook {number} will use {default}"))
    return lines


def collect(quick: bool = False) -> dict[str, list[Finding]]:
    """All findings under their headings. ``quick`` leaves out what takes seconds."""
    found = {"Programs": [computer.python()]}
    if found["Programs"][0].mark == MISSING:  # the rest of the course does not even load
        return {**found, "Notebooks": notebooks(found["Programs"], False, False)}
    found["Programs"] += [
        computer.tensorflow_installed(),
        *computer.packages(computer.PACKAGES, "packages"),
        *computer.packages(computer.WIDGETS, "widgets"),
    ]
    if not quick and not any(finding.stops for finding in found["Programs"]):
        found["Programs"].append(computer.tensorflow_starts())
    found["Programs"].append(computer.jupyterlab())
    if found["Programs"][-1].mark == OK:
        found["Programs"] += computer.widget_extensions(computer.extension_folders())
    found["Computer"] = [computer.memory(computer.memory_limit())]
    every_event = full_network = False
    try:
        found["Files"] = [*data_folder(os.environ.get("COURSE_DATA_DIR")), *bundled_files(), *downloads()]
        every_event, full_network = _look(ALL_EVENTS)[0] is not None, _look(OFFICIAL)[0] is not None
        if not quick and full_network:
            found["Files"] += convolutions()
    except ImportError as error:
        found["Files"] = [Finding(MISSING, f"not looked for: {error}", "install the packages first", EVERY_NOTEBOOK)]
    so_far = [finding for group in found.values() for finding in group]
    found["Notebooks"] = notebooks(so_far, every_event, full_network)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the findings; 1 when a notebook could not run, else 0."""
    parser = argparse.ArgumentParser(prog="python -m helpers.check", description="Is everything here?")
    parser.add_argument("--quick", action="store_true", help="do not start TensorFlow, do not compare weights")
    found = collect(parser.parse_args(arguments).quick)
    for heading, findings in found.items():
        print(heading)
        for finding in findings:
            print(_wrapped(f"  {finding.mark:<8}", finding.text))
            if finding.remedy:
                print(_wrapped(f"{'':10}", f"-> {finding.remedy}"))
    stopped = [finding for finding in found["Notebooks"] if finding.mark == MISSING]
    print("Something is missing: see the lines marked MISSING." if stopped else "Every notebook can run.")
    return 1 if stopped else 0


def _look(path: str) -> tuple[Path | None, str]:
    """Where a file of the course is, and in one line what is wrong with it, if anything is."""
    from helpers import files

    try:
        return files.locate(path), ""
    except (ValueError, OSError) as error:
        return None, str(error.args[-1]).splitlines()[0]


def _wrapped(start: str, text: str) -> str:
    whole = {"break_long_words": False, "break_on_hyphens": False}  # paths and commands are there to be copied
    return textwrap.fill(text, 110, initial_indent=start, subsequent_indent=" " * 12, **whole)


if __name__ == "__main__":
    sys.exit(main())
