"""The processes of each student, their memory and their processor time, read from ``/proc``.

A process belongs to a student when it was started from their server, which shows in its environment, or when it runs
under their user id. Memory is the *proportional* set size: a page that n processes share, such as TensorFlow's code,
counts 1/n in each, so that the sum over all students is what the machine really holds.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
STATE = "COURSE_HUB_STATE"  # set for every server: which hub it belongs to


@dataclass(frozen=True)
class Process:
    """``resident`` and ``proportional`` in bytes, ``seconds`` of processor time, ``kernel``: of a notebook?"""

    pid: int
    resident: int
    proportional: int
    seconds: float
    kernel: bool
    server: bool


def by_student(state: str, uids: dict[str, int] | None = None) -> dict[str, list[int]]:
    """Name -> process ids. ``uids``: name -> user id, where each student has one."""
    owners = {uid: name for name, uid in (uids or {}).items()}
    found: dict[str, list[int]] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            name = owners.get(folder.stat().st_uid)
            if name is None:
                variables = dict(
                    part.split(b"=", 1) for part in (folder / "environ").read_bytes().split(b"\0") if b"=" in part
                )
                if variables.get(STATE.encode()) == state.encode():
                    name = variables.get(b"JUPYTERHUB_USER", b"").decode()
            if name:
                found.setdefault(name, []).append(int(folder.name))
    return found


def look(pid: int, proportional: bool = True) -> Process | None:
    """What a process uses now; None when it has ended. Without ``proportional`` only the cheap numbers are read."""
    folder = PROC / str(pid)
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        resident = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        times = (folder / "stat").read_text().rpartition(")")[2].split()
        shared = _proportional(folder) if proportional else resident
    except (OSError, IndexError, ValueError):
        return None
    if times[0] == "Z":
        return None
    return Process(
        pid=pid,
        resident=resident,
        proportional=resident if shared is None else shared,
        seconds=(int(times[11]) + int(times[12])) / TICKS,
        kernel=b"ipykernel_launcher" in words,
        server=any(word.endswith(b"jupyterhub-singleuser") for word in words),
    )


def end(pids: Iterable[int], seconds: float = 5.0) -> None:
    """Ask processes to end, and after some seconds make them."""
    pids = list(pids)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while (pids := [pid for pid in pids if look(pid, proportional=False)]) and time.monotonic() < deadline:
            time.sleep(0.1)


def _proportional(folder: Path) -> int | None:
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None
