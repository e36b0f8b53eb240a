"""What goes wrong in class, done on purpose to a running hub: each fault is a function that asserts what must hold.

A fault hits one student. In all of them the neighbours must go on, and what was saved must be there afterwards.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import client
import lessons
import measuring
from course_hub import processes
from course_hub.settings import Settings

MARK = "# my own answer, saved before anything went wrong"


@dataclass
class Scene:
    """Settings of the hub, the student who is hit, another one who is there, the neighbours at work, the notebook."""

    course: Settings
    student: client.Student
    other: client.Student
    neighbours: list[lessons.Neighbour]
    path: str

    @property
    def home(self) -> Path:
        return self.course.homes / self.student.name

    def processes(self) -> list[processes.Process]:
        pids = processes.by_student(self.course.state, measuring.uids(self.course.private)).get(self.student.name, [])
        return [process for pid in pids if (process := processes.look(pid))]

    def others_go_on(self) -> None:
        for neighbour in self.neighbours:
            neighbour.goes_on()


def need(condition: bool, words: str) -> None:
    """``assert`` that stays when Python runs with -O."""
    if not condition:
        raise AssertionError(words)


def save_an_answer(scene: Scene) -> None:
    """The student writes something into the notebook and saves it."""
    content = client.open_notebook(scene.student, scene.path)
    content["cells"][0]["source"] = f"{MARK}\n{time.time()}"
    client.save_notebook(scene.student, scene.path, content)


def answer_is_there(scene: Scene) -> None:
    """As the student's server sees it, and on the disk."""
    need(client.open_notebook(scene.student, scene.path)["cells"][0]["source"].startswith(MARK), "saved work is gone")
    on_disk = json.loads((scene.home / scene.path).read_text(encoding="utf-8"))
    need("".join(on_disk["cells"][0]["source"]).startswith(MARK), "saved work is not on the disk")


def privacy(scene: Scene) -> str:
    """Nobody is root, nobody sees another home, the secrets, or the environment of another's processes."""
    kernel = client.start_kernel(scene.student, scene.path)
    try:
        uid = int(client.execute(kernel, "import os; print(os.getuid())").text)
        need(uid != 0, "a student's server runs as root")
        if scene.course.accounts == "trial":
            return "not root; a trial protects nobody from the others, and says so"
        for place in (scene.course.homes / scene.other.name, scene.course.private, scene.course.homes):
            found = client.execute(kernel, f"os.listdir({str(place)!r})").error
            need(found.startswith("PermissionError"), f"{place} can be listed by a student ({found or 'no error'})")
        pid = measuring.pids_of(scene.course.private)["hub"]
        found = client.execute(kernel, f"open('/proc/{pid}/environ').read()").error
        need(found.startswith("PermissionError"), "the hub's environment can be read by a student")
        return f"user id {uid}; other homes, the list of homes, secrets, the hub's environment: no permission"
    finally:
        client.stop_kernel(kernel)


def read_only_data(scene: Scene) -> str:
    """The data folder refuses to be written to, and is the one that is used."""
    kernel = client.start_kernel(scene.student, scene.path)
    try:
        code = "import os\nfrom pathlib import Path\nfrom helpers import files\n"
        code += "folder = Path(os.environ['COURSE_DATA_DIR'])\n"
        code += "print(files.locate('digits/mnist_5000.npz').is_relative_to(folder), files.folders()[0] == folder)"
        answer = client.execute(kernel, code)
        need(answer.text.split() == ["True", "True"], f"another folder is used: {answer.text}{answer.error}")
        for change in ("(folder / 'new').write_text('x')", "(folder / 'imagenet_class_index.json').unlink()"):
            found = client.execute(kernel, change).error
            need(found.startswith(("PermissionError", "OSError")), f"{change} gave {found or 'no error'}")
        scene.others_go_on()
        return "no file can be added or removed; the notebooks run from it"
    finally:
        client.stop_kernel(kernel)


def kernel_killed(scene: Scene) -> str:
    """SIGKILL to a kernel: the same session gets a new one, the server never stops."""
    save_an_answer(scene)
    kernel = client.start_kernel(scene.student, scene.path)
    server = next(process.pid for process in scene.processes() if process.server)
    pid = int(client.execute(kernel, "import os; remembered = 1; print(os.getpid())").text)
    os.kill(pid, signal.SIGKILL)
    again = _until(lambda: _new_kernel_answers(kernel, pid), "the kernel was not started again")
    need(again != pid, "it is the same kernel")
    need(client.execute(kernel, "remembered").error.startswith("NameError"), "it is not a new kernel")
    need(any(process.pid == server for process in scene.processes()), "the server ended with its kernel")
    client.stop_kernel(kernel)
    answer_is_there(scene)
    scene.others_go_on()
    return "a new kernel in the same session, the server went on, saved work is there"


def too_much_memory(scene: Scene) -> str:
    """A cell that takes more than the limit loses its kernel, and nothing else."""
    save_an_answer(scene)
    kernel = client.start_kernel(scene.student, scene.path)
    server = next(process.pid for process in scene.processes() if process.server)
    pid = int(client.execute(kernel, "import os, numpy as np; print(os.getpid())").text)
    gib = scene.course.memory / 2**30
    code = f"kept = []\nfor _ in range({int(gib * 8) + 8}):\n    kept.append(np.ones(2**24))\nprint('not stopped')"
    start = time.monotonic()
    try:
        answer = client.execute(kernel, code)
        need(False, f"{gib:.1f} GiB and more could be taken: {answer.text or answer.error}")
    except client.KernelDiedError:
        seconds = time.monotonic() - start
    _until(lambda: _new_kernel_answers(kernel, pid), "the kernel was not started again")
    need(any(process.pid == server for process in scene.processes()), "the server ended with its kernel")
    client.stop_kernel(kernel)
    answer_is_there(scene)
    scene.others_go_on()
    return f"the kernel was ended at {gib:.1f} GiB after {seconds:.0f} s, the server went on, saved work is there"


def server_killed(scene: Scene) -> str:
    """SIGKILL to a student's server: its kernels end too, and the student starts it again."""
    save_an_answer(scene)
    kernel = client.start_kernel(scene.student, scene.path)
    pid = int(client.execute(kernel, "import os; print(os.getpid())").text)
    server = next(process.pid for process in scene.processes() if process.server)
    os.kill(server, signal.SIGKILL)
    client.disconnect(kernel)
    _until(lambda: processes.look(pid, proportional=False) is None, "its kernel was left running")
    scene.others_go_on()
    seconds = client.start_server(scene.student)
    need(server not in [process.pid for process in scene.processes()], "it is the same server")
    answer_is_there(scene)
    return f"started again by the student within {seconds:.0f} s, saved work is there, no kernel was left over"


def hub_restarted(scene: Scene) -> str:
    """The hub ends, by signal and by force: kernels go on computing, and students can log in afterwards."""
    save_an_answer(scene)
    kernel = client.start_kernel(scene.student, scene.path)
    pid = client.execute(kernel, "import os; remembered = 42; print(os.getpid())").text.strip()
    seconds = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        old = measuring.pids_of(scene.course.private)["hub"]
        os.kill(old, number)
        start = time.monotonic()
        answer = client.execute(kernel, "print(remembered)")
        need(answer.text.strip() == "42", f"the kernel forgot: {answer.text}{answer.error}")
        fresh = client.Student(scene.student.base, scene.student.name, scene.student.password)
        _until(lambda fresh=fresh: _logged_in(fresh), "nobody can log in after the restart")
        need(measuring.pids_of(scene.course.private)["hub"] != old, "the hub was not restarted")
        seconds.append(time.monotonic() - start)
        client.start_server(fresh)
        found = client.start_kernel(fresh, scene.path)  # the session of before, with the kernel of before
        need(client.execute(found, "print(os.getpid())").text.strip() == pid, "the kernel is another one")
        client.disconnect(found)
    client.stop_kernel(kernel)
    answer_is_there(scene)
    scene.others_go_on()
    return f"kernels went on; log-in again after {seconds[0]:.0f} s (TERM) and {seconds[1]:.0f} s (KILL), same kernel"


def disk_full(scene: Scene) -> str:
    """No room in one home: saving fails in plain words, the last version stays whole, and others notice nothing."""
    save_an_answer(scene)
    before = (scene.home / scene.path).read_bytes()
    content = client.open_notebook(scene.student, scene.path)
    content["cells"][0]["source"] += "\n" + "x" * 2_000_000
    with _no_room(scene) as means:
        try:
            client.save_notebook(scene.student, scene.path, content)
            need(False, f"saving worked although there was no room ({means})")
        except client.HubError as error:
            words = str(error)
        need("No space left" in words or "File too large" in words, f"the message says something else: {words}")
        need((scene.home / scene.path).read_bytes() == before, "the saved version was damaged")
        answer_is_there(scene)
        scene.others_go_on()
    client.save_notebook(scene.student, scene.path, content)
    return f'{means}: saving failed with "{words.rpartition("] ")[2][:60]}", the last version is whole'


FAULTS: dict[str, Callable[[Scene], str]] = {
    "nobody is root, nobody sees others": privacy,
    "data folder read-only": read_only_data,
    "a kernel killed": kernel_killed,
    "too much memory": too_much_memory,
    "a server killed": server_killed,
    "the hub restarted": hub_restarted,
    "the disk of one student full": disk_full,
}


def check(scene: Scene, name: str) -> tuple[bool, str]:
    """Run one fault; (held?, what was seen)."""
    try:
        return True, FAULTS[name](scene)
    except (AssertionError, client.HubError, OSError, subprocess.SubprocessError, StopIteration) as error:
        return False, f"{type(error).__name__}: {error}"


def small_disk(home: Path, uid: int, megabytes: int = 40) -> None:
    """Give a home a disk of its own, in memory (root only)."""
    options = f"size={megabytes}m,mode=700,uid={uid},gid={uid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home)], check=True, timeout=30)


def is_small_disk(home: Path) -> bool:
    return home.is_mount()


@contextlib.contextmanager
def _no_room(scene: Scene):
    """Fill the student's own disk; where they have none, forbid their server to write files of more than 64 kB."""
    if is_small_disk(scene.home):
        filler = scene.home / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65536)
        try:
            yield "its own disk filled to the last byte"
        finally:
            filler.unlink()
    else:
        server = next(process.pid for process in scene.processes() if process.server)
        before = resource.prlimit(server, resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
        try:
            yield "stand-in for a quota: RLIMIT_FSIZE"
        finally:
            resource.prlimit(server, resource.RLIMIT_FSIZE, before)


def _new_kernel_answers(kernel: client.Kernel, old: int) -> int | None:
    with contextlib.suppress(client.HubError):
        client.connect(kernel)
        pid = int(client.execute(kernel, "import os; print(os.getpid())", 20).text)
        return pid if pid != old else None
    return None


def _logged_in(student: client.Student) -> bool:
    with contextlib.suppress(client.HubError, OSError):
        client.log_in(student)
        return True
    return False


def _until(question: Callable[[], object], words: str):
    """Ask until the answer is true; AssertionError when the time is over."""
    deadline = time.monotonic() + client.PATIENCE
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(words)
        time.sleep(0.5)
    return answer
