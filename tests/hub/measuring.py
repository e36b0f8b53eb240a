"""Memory and processor time of every student and of the hub, sampled while a class is at work."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from course_hub import processes


@dataclass
class Usage:
    """Peaks in bytes over the samples; ``seconds`` of processor time per process id."""

    memory: float = 0.0
    resident: float = 0.0
    processes: int = 0
    seconds: dict[int, float] = field(default_factory=dict)

    @property
    def total_seconds(self) -> float:
        return sum(self.seconds.values())


@dataclass
class Sampler:
    """A thread that samples until :meth:`stop`; ``students`` by name, ``hub`` for proxy, hub and helpers together."""

    state: str
    private: Path
    every: float = 1.0
    students: dict[str, Usage] = field(default_factory=dict)
    hub: Usage = field(default_factory=Usage)
    together: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> "Sampler":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)

    def sample(self) -> None:
        total = 0.0
        for name, pids in processes.by_student(self.state, uids(self.private)).items():
            total += _add(self.students.setdefault(name, Usage()), pids)
        self.together = max(self.together, total)
        _add(self.hub, list(pids_of(self.private).values()))

    def _run(self) -> None:
        while not self._over.is_set():
            start = time.monotonic()
            self.sample()
            self._over.wait(max(self.every, 3 * (time.monotonic() - start)))  # measuring takes a quarter at most


def uids(private: Path) -> dict[str, int]:
    path = private / "uids.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def pids_of(private: Path) -> dict[str, int]:
    """Part -> process id, as the supervisor wrote them."""
    path = private / "pids.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _add(usage: Usage, pids: list[int]) -> float:
    running = [process for pid in pids if (process := processes.look(pid))]
    memory = sum(process.proportional for process in running)
    usage.memory = max(usage.memory, memory)
    usage.resident = max(usage.resident, sum(process.resident for process in running))
    usage.processes = max(usage.processes, len(running))
    usage.seconds |= {process.pid: process.seconds for process in running}
    return memory
