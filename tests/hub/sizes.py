"""How many students one machine holds: arithmetic on measured numbers, with every assumption in sight."""

import math
import re
from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Measured:
    """What one run gave: ``memory``, the bytes a student took at most; ``longest``, the processor seconds of the
    longest notebook."""

    memory: float
    longest: float


@dataclass(frozen=True)
class Assumptions:
    """``system``: bytes left to hub, proxy, operating system and its file cache. ``reserve``: share of memory kept free.

    ``notebooks_open``: how many kernels a student leaves running at once; each counts in full. ``patience``: seconds
    within which everybody's "Run All", pressed in the same minute, shall be over.
    """

    system: float = 1.8 * GIB
    reserve: float = 0.1
    notebooks_open: int = 1
    patience: float = 600.0


@dataclass(frozen=True)
class Capacity:
    """Students that the memory and the processors hold; the smaller of the two counts."""

    by_memory: int
    by_processors: int

    @property
    def students(self) -> int:
        return min(self.by_memory, self.by_processors)


def machine(text: str) -> tuple[int, int]:
    """ "64GiB,16" -> bytes and processors.

    Raises
    ------
    ValueError
        For anything else.
    """
    match = re.fullmatch(r"(\d+) ?Gi?B, ?([1-9]\d*)", text)
    if not match:
        raise ValueError(f"{text!r}: write memory and processors like 64GiB,16")
    return int(match[1]) * GIB, int(match[2])


def capacity(memory: float, cores: int, measured: Measured, assumed: Assumptions = Assumptions()) -> Capacity:
    """How many students fit.

    memory:      (memory (1 - reserve) - system) / (memory of a student * notebooks open)
    processors:  cores * patience / processor seconds of the longest notebook
    """
    if measured.memory <= 0 or measured.longest <= 0:
        raise ValueError("nothing was measured: memory and processor time must be above 0")
    free = memory * (1 - assumed.reserve) - assumed.system
    by_memory = math.floor(max(0.0, free) / (measured.memory * assumed.notebooks_open))
    return Capacity(by_memory, math.floor(cores * assumed.patience / measured.longest))


def explained(memory: float, cores: int, measured: Measured, assumed: Assumptions = Assumptions()) -> str:
    """The same in three lines."""
    found = capacity(memory, cores, measured, assumed)
    return (
        f"{memory / GIB:.0f} GiB and {cores} processors hold {found.students} students\n"
        f"  memory      {found.by_memory:4d}: {measured.memory / GIB:.2f} GiB each with {assumed.notebooks_open} "
        f"notebook(s) open, {assumed.system / GIB:.1f} for the system and the hub, "
        f"{assumed.reserve:.0%} kept free\n"
        f"  processors  {found.by_processors:4d}: {measured.longest:.0f} processor seconds for the longest notebook, "
        f"all pressing Run All at once and waiting {assumed.patience / 60:.0f} min"
    )
