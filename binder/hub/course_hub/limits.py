"""Memory and processor limits that hold, by the best means the machine offers.

JupyterHub's ``mem_limit`` and ``cpu_limit`` are only words for spawners of local processes: nothing enforces them. Here

* **control groups** (``cgroup2``, or the older ``cgroup1``) do, where the hub runs as root and may write to them: the
  kernel of the operating system ends the largest process of a student who takes more memory, which is a notebook's
  kernel, and gives each student at most their share of processor time;
* otherwise (``watch``) :mod:`course_hub.watch` looks at the memory twice a second and does the same; and each server is
  bound to as many processors as it may use. A student who means harm can undo both; one who errs cannot.

A limit on address space (``RLIMIT_AS``) is no way: TensorFlow reserves many times what it uses.
"""

import contextlib
import math
import os
import time
from pathlib import Path

GROUP = "understanding-networks"
MOUNT = Path("/sys/fs/cgroup")
PERIOD = 100_000  # microseconds over which processor time is counted


def mechanism(mount: Path = MOUNT, own: str | None = None) -> str:
    """ "cgroup2", "cgroup1" or "watch", found by trying. ``own``: the text of /proc/self/cgroup, for tests."""
    for kind in ("cgroup2", "cgroup1"):
        with contextlib.suppress(OSError):
            for base in _bases(kind, mount, own).values():
                (base / GROUP).mkdir(exist_ok=True)
            if kind == "cgroup2":
                for folder in (mount, mount / GROUP):
                    (folder / "cgroup.subtree_control").write_text("+memory +cpu")
            return kind
    return "watch"


def make_group(
    kind: str, name: str, memory: int, cpus: float, mount: Path = MOUNT, own: str | None = None
) -> list[Path]:
    """Create a student's group, or change its limits; returns the files that a process writes to in order to join."""
    if kind == "watch":
        return []
    joins = []
    for controller, base in _bases(kind, mount, own).items():
        folder = base / GROUP / name
        folder.mkdir(exist_ok=True)
        joins.append(folder / "cgroup.procs")
        for file, text, needed in _limits(controller, memory, cpus):
            try:
                (folder / file).write_text(text)
            except OSError:
                if needed:
                    raise
    return joins


def join(joins: list[Path]) -> None:
    """Put the calling process, and all it will start, into a group: between fork and exec, still as root."""
    for path in joins:
        path.write_text("0")


def remove_groups(kind: str, mount: Path = MOUNT, own: str | None = None, seconds: float = 3.0) -> None:
    """Remove what is empty, when every server has ended; the groups of another hub, which are in use, stay."""
    if kind == "watch":
        return
    bases = _bases(kind, mount, own).values()
    deadline = time.monotonic() + seconds  # a process that has just ended leaves its group a moment later
    while folders := [path for base in bases for path in [*(base / GROUP).glob("*/"), base / GROUP] if path.is_dir()]:
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)


def processors(cpus: float, turn: int, available: set[int]) -> set[int]:
    """Which processors a server may use: ``cpus`` of them rounded up, for each student (``turn``) the next ones."""
    order = sorted(available)
    count = min(len(order), max(1, math.ceil(cpus)))
    return {order[(turn * count + k) % len(order)] for k in range(count)}


def threads(cpus: float) -> dict[str, str]:
    """Environment that keeps numerical libraries from starting a thread for each processor of a large machine."""
    count = str(max(1, math.ceil(cpus)))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, count)


def _bases(kind: str, mount: Path, own: str | None) -> dict[str, Path]:
    """Controller -> the folder in which groups are made. OSError where this kind is not mounted."""
    if kind == "cgroup2":
        if not {"memory", "cpu"} <= set((mount / "cgroup.controllers").read_text().split()):
            raise OSError("no memory or cpu controller")
        return {"both": mount}
    text = Path("/proc/self/cgroup").read_text() if own is None else own
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    bases = {}
    for controller in ("memory", "cpu"):
        if controller not in paths or not (mount / controller).is_dir():
            raise OSError(f"no {controller} controller")
        inside = mount / controller / paths[controller].strip("/")  # a container may show another path than it mounts
        bases[controller] = inside if inside.is_dir() else mount / controller
    return bases


def _limits(controller: str, memory: int, cpus: float) -> list[tuple[str, str, bool]]:
    """(file, content, must it succeed?): of one controller of version 1, or of "both" in version 2."""
    quota = str(max(1000, round(cpus * PERIOD)))
    if controller == "both":
        return [
            ("memory.max", str(memory), True),
            ("memory.swap.max", "0", False),
            ("cpu.max", f"{quota} {PERIOD}", True),
        ]
    if controller == "memory":
        return [("memory.limit_in_bytes", str(memory), True), ("memory.memsw.limit_in_bytes", str(memory), False)]
    return [("cpu.cfs_period_us", str(PERIOD), True), ("cpu.cfs_quota_us", quota, True)]


def as_root() -> bool:
    return os.geteuid() == 0
