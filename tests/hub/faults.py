"""What goes wrong in class, done on purpose to a running hub: each fault is a function that asserts what must hold.

A fault hits one student, through that student's own kernel, so that it can be tried on any hub. In all of them the
neighbours must go on, and what was saved must be there afterwards.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import client
import lessons

MARK = "# my own answer, saved before anything went wrong"


class NotHereError(Exception):
    """A fault that cannot be tried on this hub, or that it does not claim to stand: no failure, but no success."""


@dataclass
class Scene:
    """The student who is hit, another one who is there, the neighbours at work, and the notebook.

    ``restart`` ends the hub and starts it again, where that can be done from here; ``trial`` says that the hub itself
    says that it protects nobody.
    """

    student: client.Student
    other: client.Student
    neighbours: list[lessons.Neighbour]
    path: str
    restart: Callable[[], object] | None = None
    trial: bool = False

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
    need(client.open_notebook(scene.student, scene.path)["cells"][0]["source"].startswith(MARK), "saved work is gone")


@contextlib.contextmanager
def kernel_of(student: client.Student, path: str):
    """A kernel for a while; it may be gone at the end."""
    kernel = client.start_kernel(student, path)
    try:
        yield kernel
    finally:
        with contextlib.suppress(client.HubError):
            client.stop_kernel(kernel)


def said(kernel: client.Kernel, code: str) -> str:
    """What a cell prints; HubError if it fails."""
    answer = client.execute(kernel, code)
    if answer.error:
        raise client.HubError(answer.error)
    return answer.text.strip()


def privacy(scene: Scene) -> str:
    """Nobody is root, nobody sees another home, or the environment of the hub's and of another's processes."""
    if scene.trial:
        raise NotHereError("a trial protects nobody from the others, and says so")
    secret = (
        "import os, pathlib; p = pathlib.Path.home() / '.secret'; p.write_text('x'); print(p, os.getppid(), sep='\\n')"
    )
    beside = scene.path.replace(".ipynb", "-beside.ipynb")  # the other one's notebook is at work
    with kernel_of(scene.other, beside) as theirs, kernel_of(scene.student, scene.path) as kernel:
        file, server = said(theirs, secret).splitlines()
        uid = said(kernel, "import os; print(os.getuid())")
        need(uid != "0", "a student's server runs as root")
        for place in (file, f"/proc/{server}/environ", "/proc/1/environ"):
            found = client.execute(kernel, f"open({place!r}).read()").error
            need(
                found.startswith(("PermissionError", "FileNotFoundError")),
                f"{place} can be read ({found or 'no error'})",
            )
        return f"user id {uid}; other homes, environments of others and of the system: no permission, or not to be seen"


def read_only_data(scene: Scene) -> str:
    """The data folder refuses to be written to, and is the one that is used."""
    with kernel_of(scene.student, scene.path) as kernel:
        code = "import os\nfrom pathlib import Path\nfrom helpers import files\n"
        code += "folder = Path(os.environ['COURSE_DATA_DIR'])\n"
        code += "print(files.locate('digits/mnist_5000.npz').is_relative_to(folder), files.folders()[0] == folder)"
        need(said(kernel, code).split() == ["True", "True"], "another folder is used")
        for change in ("(folder / 'new').touch()", "open(folder / 'imagenet_class_index.json', 'r+b')"):
            found = client.execute(kernel, change).error
            need(found.startswith(("PermissionError", "OSError")), f"{change} gave {found or 'no error'}")
        return "no file can be added or changed; the notebooks run from it"


def kernel_killed(scene: Scene) -> str:
    """SIGKILL to a kernel: the same session gets a new one, the server never stops."""
    save_an_answer(scene)
    with kernel_of(scene.student, scene.path) as kernel:
        pid, server = said(kernel, "import os; remembered = 1; print(os.getpid(), os.getppid())").split()
        lost(kernel, "os.kill(os.getpid(), 9)")
        again = _until(lambda: _new_kernel_answers(kernel, pid), "the kernel was not started again")
        need(again == server, "the server ended with its kernel")
        need(client.execute(kernel, "remembered").error.startswith("NameError"), "it is not a new kernel")
    answer_is_there(scene)
    scene.others_go_on()
    return "a new kernel in the same session, the server went on, saved work is there"


def too_much_memory(scene: Scene) -> str:
    """A cell that takes more than the limit loses its kernel, and nothing else."""
    save_an_answer(scene)
    with kernel_of(scene.student, scene.path) as kernel:
        code = "import os, numpy as np; print(os.getpid(), os.getppid(), os.environ.get('MEM_LIMIT', 0))"
        pid, server, limit = said(kernel, code).split()
        if limit == "0":
            raise NotHereError("this hub limits no memory")
        gib = int(limit) / 2**30
        start = time.monotonic()
        lost(kernel, f"kept = [np.ones(2**24) for _ in range({int(gib * 8) + 8})]")
        seconds = time.monotonic() - start
        again = _until(lambda: _new_kernel_answers(kernel, pid), "the kernel was not started again")
        need(again == server, "the server ended with its kernel")
    answer_is_there(scene)
    scene.others_go_on()
    return f"the kernel was ended at {gib:.1f} GiB after {seconds:.0f} s, the server went on, saved work is there"


def server_killed(scene: Scene) -> str:
    """SIGKILL to a student's server: its kernels end too, and the student starts it again."""
    save_an_answer(scene)
    kernel = client.start_kernel(scene.student, scene.path)
    pid, server = said(kernel, "import os; print(os.getpid(), os.getppid())").split()
    lost(kernel, "os.kill(os.getppid(), 9)\nimport time; time.sleep(600)")
    client.disconnect(kernel)
    scene.others_go_on()
    seconds = client.start_server(scene.student)
    with kernel_of(scene.student, scene.path) as fresh:
        need(said(fresh, "import os; print(os.getppid())") != server, "it is the same server")
        gone = f"os.path.exists('/proc/{pid}/environ') and b'ipykernel' in open('/proc/{pid}/cmdline', 'rb').read()"
        _until(lambda: said(fresh, f"print({gone})") == "False", "its kernel was left running")
    answer_is_there(scene)
    return f"started again by the student within {seconds:.0f} s, saved work is there, no kernel was left over"


def hub_restarted(scene: Scene) -> str:
    """The hub ends by force and is started again: kernels go on computing, and students can log in afterwards."""
    if scene.restart is None:
        raise NotHereError('say how: --restart "systemctl restart jupyterhub"')
    save_an_answer(scene)
    kernel = client.start_kernel(scene.student, scene.path)
    pid = said(kernel, "import os; remembered = 42; print(os.getpid())")
    client.disconnect(kernel)
    start = time.monotonic()
    scene.restart()
    fresh = client.Student(scene.student.base, scene.student.name, scene.student.password, scene.student.token)
    _until(lambda: _logged_in(fresh), "nobody can log in after the restart")
    seconds = time.monotonic() - start
    client.start_server(fresh)
    with kernel_of(fresh, scene.path) as found:  # the session of before, with the kernel of before
        need(said(found, "print(os.getpid(), remembered)") == f"{pid} 42", "the kernel is another one")
    answer_is_there(scene)
    return f"log-in again after {seconds:.0f} s, the same kernel has what it had"


def disk_full(scene: Scene) -> str:
    """No room in one home: saving fails in plain words, the last version stays whole, and others notice nothing."""
    save_an_answer(scene)
    content = client.open_notebook(scene.student, scene.path)
    content["cells"][0]["source"] += "\n" + "x" * 2_000_000
    with kernel_of(scene.student, scene.path) as kernel, _no_room(kernel) as means:
        try:
            client.save_notebook(scene.student, scene.path, content)
            need(False, f"saving worked although there was no room ({means})")
        except client.HubError as error:
            words = str(error)
        need("No space left" in words or "File too large" in words, f"the message says something else: {words}")
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


def check(scene: Scene, name: str) -> tuple[bool | None, str]:
    """Run one fault; (held? None where it does not apply, what was seen)."""
    try:
        return True, FAULTS[name](scene)
    except NotHereError as reason:
        return None, str(reason)
    except (AssertionError, client.HubError, OSError, subprocess.SubprocessError, ValueError) as error:
        return False, f"{type(error).__name__}: {error}"


def lost(kernel: client.Kernel, code: str) -> None:
    """Run a cell that its kernel does not outlive."""
    with contextlib.suppress(client.KernelDiedError):
        answer = client.execute(kernel, code)
        need(False, f"the kernel lives on: {answer.text or answer.error}")


SMALL_DISK = 2**30  # bytes: so much free space can be filled within seconds
FREE = "import os; v = os.statvfs(os.path.expanduser('~')); print(v.f_bavail * v.f_frsize)"
FILL = """
with open(os.path.expanduser("~/filler"), "wb", buffering=0) as file:
    try:
        while file.write(bytes(65536)):
            pass
    except OSError:
        print("full")
"""
FEW = "import os, resource; was = resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE); "
FEW += "_ = resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (65536, was[1]))"


@contextlib.contextmanager
def _no_room(kernel: client.Kernel):
    """Fill a home with a small disk of its own; elsewhere forbid the server to write files of more than 64 kB."""
    if int(said(kernel, FREE)) < SMALL_DISK:
        said(kernel, FILL)
        try:
            yield "its own disk filled to the last byte"
        finally:
            said(kernel, "os.unlink(os.path.expanduser('~/filler'))")
    else:
        said(kernel, FEW)
        try:
            yield "stand-in for a quota: RLIMIT_FSIZE"
        finally:
            said(kernel, "_ = resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, was)")


def _new_kernel_answers(kernel: client.Kernel, old: str) -> str | None:
    """The process id of the new kernel's server."""
    with contextlib.suppress(client.HubError):
        client.connect(kernel)
        pid, server = client.execute(kernel, "import os; print(os.getpid(), os.getppid())", 20).text.split()
        return server if pid != old else None
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
