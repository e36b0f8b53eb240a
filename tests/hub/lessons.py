"""What a student does in class: log in, start the server, run notebooks from the first cell to the last, save."""

import threading
import time
import traceback
from dataclasses import dataclass, field

import client
import nbformat


@dataclass
class Report:
    """One student's outcome. ``problem`` is empty when everything went well."""

    name: str
    problem: str = ""
    login: float = 0.0
    server: float = 0.0
    notebooks: dict[str, float] = field(default_factory=dict)
    cells: int = 0
    seconds: float = 0.0
    memory: float = 0.0  # bytes: the peaks of a kernel and of the server together
    processor: float = 0.0  # seconds of all kernels


# asked in a student's own kernel, whatever hub it is: its peak in kB and processor seconds, its server's peak in kB
USAGE = """
import os as _os, resource as _resource
_own = _resource.getrusage(_resource.RUSAGE_SELF)
with open(f"/proc/{_os.getppid()}/status") as _status:
    _server = next((line.split()[1] for line in _status if line.startswith("VmHWM")), "0")
print(_own.ru_maxrss, _own.ru_utime + _own.ru_stime, _server)
"""


def measure(kernel: client.Kernel, report: Report) -> None:
    """Add to the report what this kernel has used; nothing where its system does not tell."""
    answer = client.execute(kernel, USAGE)
    if not answer.error:
        own, seconds, server = map(float, answer.text.split())
        report.memory = max(report.memory, 1024 * (own + server))
        report.processor += seconds


def run_notebook(student: client.Student, path: str, report: Report, stop: threading.Event | None = None) -> None:
    """Execute every code cell in a new kernel, save the notebook with its outputs, and shut the kernel down.

    Raises
    ------
    HubError
        At the first cell that ends with an error.
    """
    start = time.monotonic()
    content = client.open_notebook(student, path)
    kernel = client.start_kernel(student, path)
    try:
        for index, cell in enumerate(content["cells"]):
            if cell["cell_type"] != "code":
                continue
            if stop is not None and stop.is_set():
                return
            answer = client.execute(kernel, cell["source"])
            if answer.error:
                raise client.HubError(f"{path}, cell {index}: {answer.error}")
            cell["outputs"] = [nbformat.v4.output_from_msg(message) for message in answer.messages]
            report.cells += 1
        measure(kernel, report)
        client.save_notebook(student, path, content)
        report.notebooks[path] = time.monotonic() - start
    finally:
        client.stop_kernel(kernel)


def attend(student: client.Student, paths: list[str], report: Report, begin: threading.Barrier | None = None) -> None:
    """A whole class for one student. Never raises: what went wrong stands in the report."""
    start = time.monotonic()
    try:
        client.log_in(student)
        report.login = time.monotonic() - start
        report.server = client.start_server(student)
        if begin is not None:
            begin.wait(client.PATIENCE)
        for path in paths:
            run_notebook(student, path, report)
    except client.HubError as error:
        report.problem = str(error)
    except Exception as error:  # a bug of ours must be told too, not end a thread in silence
        report.problem = f"{type(error).__name__}: {error}".splitlines()[0]
        traceback.print_exc()
    finally:
        if report.problem and begin is not None:
            begin.abort()
        report.seconds = time.monotonic() - start


@dataclass
class Neighbour:
    """A student who runs a notebook over and over, while something happens to others."""

    student: client.Student
    path: str
    report: Report
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> "Neighbour":
        self.stop.clear()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def goes_on(self, seconds: float = client.PATIENCE, cells: int = 3) -> None:
        """Return when some more cells are done; AssertionError when the neighbour failed or stands still."""
        wanted, deadline = self.report.cells + cells, time.monotonic() + seconds
        while self.report.cells < wanted:
            if self.report.problem:
                raise AssertionError(f"{self.report.name} was hit too: {self.report.problem}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.report.name} stands still")
            time.sleep(0.2)

    def end(self) -> None:
        self.stop.set()
        if self.thread is not None:
            self.thread.join(client.PATIENCE)

    def _run(self) -> None:
        try:
            while not self.stop.is_set():
                run_notebook(self.student, self.path, self.report, self.stop)
        except Exception as error:
            self.report.problem = f"{type(error).__name__}: {error}".splitlines()[0]
