"""How much memory a notebook takes on a server: JupyterLab and kernel together, which is what Binder and hubs limit.

    python tests/benchmarks/measure_notebook_memory.py                 all three, bundled data and full-size data
    python tests/benchmarks/measure_notebook_memory.py 3 --data full --cells
    taskset -c 0 python tests/benchmarks/measure_notebook_memory.py    on one processor, as on mybinder.org

A server is started on the loopback interface, and each notebook is opened, run from top to bottom and saved through its
HTTP and websocket interface, as a browser would. Nothing is stored in the repository. Full-size data are imitated,
for this measurement only: VGG16 with random dense layers, the Higgs events repeated.

"together" adds the largest resident sizes so far (VmHWM) of server and kernel: it cannot miss a short peak, and counts
shared libraries twice. "shared out" (PSS, sampled) counts them once and is what the two really held. The exit
status is 1 when "together" exceeds the budget. Linux only: the figures come from /proc.
"""

import argparse
import contextlib
import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import nbformat
import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.measure_vgg16_memory import write_official_layout  # noqa: E402

BUDGET = 1_900_000_000  # bytes; mybinder.org ends a server at 2 GB
VGG16 = "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5"
EVENTS = "atlas-higgs/atlas-higgs-challenge-2014-v2.csv.gz"
EXCERPT = "atlas-higgs/atlas-higgs-challenge-2014-v2-first-22800.csv.gz"
PARTS = {"t": 250_000, "b": 100_000, "v": 450_000, "u": 18_238}  # of the full set, as the challenge divided it
PATIENCE = 600  # seconds for one cell
INTERVAL = 0.1  # seconds between two samples
# Run by IPython before the first cell: only these folders count, and stand-ins pass the check of size and hash.
START_UP = """\
import dataclasses, pathlib
from helpers import files
files.folders = lambda found=tuple(map(pathlib.Path, {folders!r})): list(found)
for name in {stand_ins!r}:
    files.FILES[name] = dataclasses.replace(files.FILES[name], size=None, hash=None)
del dataclasses, files, pathlib
"""


@dataclass
class Memory:
    """Bytes that a process tree has held: its root, all below it, the two together, and with shared pages shared out."""

    root: int = 0
    below: int = 0
    together: int = 0
    shared_out: int = 0

    def look(self, root: int) -> None:
        """Add a sample. Each process that is there counts with its largest resident size so far."""
        largest, proportional = {}, 0
        for pid in tree(root):
            with contextlib.suppress(OSError, IndexError):  # it may end while being looked at
                largest[pid] = field_of(pid, "status", "VmHWM:")
                proportional += field_of(pid, "smaps_rollup", "Pss:")
        whole, own = sum(largest.values()), largest.get(root, 0)
        self.root, self.below = max(self.root, own), max(self.below, whole - own)
        self.together, self.shared_out = max(self.together, whole), max(self.shared_out, proportional)


def field_of(pid: int, file: str, name: str) -> int:
    """A size in bytes from a file of /proc/PID."""
    return int(Path(f"/proc/{pid}/{file}").read_text().split(name)[1].split()[0]) * 1024


def tree(root: int) -> list[int]:
    """The process and its descendants."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # its name, in brackets, may hold spaces; the parent comes after the state
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


@contextlib.contextmanager
def sampled(root: int) -> Iterator[Memory]:
    """Look at the process tree until the block ends."""
    memory, done = Memory(), threading.Event()

    def sample() -> None:
        while not done.wait(INTERVAL):
            memory.look(root)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()
        memory.look(root)


@contextlib.contextmanager
def server(folder: Path, environment: dict[str, str]) -> Iterator[tuple[str, str, int]]:
    """JupyterLab on a free port of the loopback interface: its address, token and process. Ended with the block."""
    token = uuid.uuid4().hex
    runtime = folder / "runtime"
    places = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += ["--ServerApp.port=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env={**environment, **places}, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with contextlib.suppress(StopIteration, ValueError, requests.ConnectionError):
                about = json.loads(next(runtime.glob("jpserver-*.json")).read_text())
                if requests.get(f"{about['url']}api/status", params={"token": token}, timeout=10).ok:
                    yield about["url"], token, process.pid
                    return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{(folder / 'server.log').read_text()[-2000:]}")
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(address: str, token: str, path: str, after_cell) -> None:
    """Open a notebook, run it through its kernel, save it, and shut the kernel down: the server's own interface.

    ``after_cell(number, source, kernel process)`` is called after each code cell.
    """
    import websocket

    web = requests.Session()
    web.headers["Authorization"] = f"token {token}"
    web.get(f"{address}lab/tree/{quote(path)}", timeout=60).raise_for_status()
    book = nbformat.from_dict(web.get(f"{address}api/contents/{quote(path)}", timeout=60).json()["content"])
    wanted = {"path": path, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    session = web.post(f"{address}api/sessions", json=wanted, timeout=120)
    session.raise_for_status()
    kernel, name = session.json()["kernel"]["id"], uuid.uuid4().hex
    channel = f"{address.replace('http', 'ws', 1)}api/kernels/{kernel}/channels?session_id={name}&token={token}"
    socket = websocket.create_connection(channel, timeout=PATIENCE)
    try:
        process = int(execute(socket, name, "import os; print(os.getpid())")[0]["text"])
        for number, cell in enumerate(book.cells):
            if cell.cell_type == "code":
                cell.outputs = execute(socket, name, cell.source)
                after_cell(number, cell.source, process)
        save = {"type": "notebook", "format": "json", "content": book}
        web.put(f"{address}api/contents/{quote(path)}", json=save, timeout=120).raise_for_status()
    finally:
        socket.close()
        web.delete(f"{address}api/sessions/{session.json()['id']}", timeout=60)


def execute(socket, session: str, code: str) -> list:
    """The outputs of a cell; RuntimeError if it fails. Messages with binary parts (widgets' pictures) are passed over."""
    request = uuid.uuid4().hex
    header = {"msg_id": request, "msg_type": "execute_request", "session": session, "username": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    message = {"channel": "shell", "header": {**header, "date": ""}, "parent_header": {}, "metadata": {}}
    socket.send(json.dumps({**message, "content": content, "buffers": []}))
    outputs = []
    while True:
        received = socket.recv()
        if not isinstance(received, str):
            continue
        answer = json.loads(received)
        kind = answer["header"]["msg_type"]
        if kind == "status" and answer["content"]["execution_state"] in ("restarting", "dead", "autorestarting"):
            raise RuntimeError(f"The kernel died in the cell:\n{code}")
        if answer["parent_header"].get("msg_id") != request or answer["channel"] != "iopub":
            continue
        if kind == "error":
            raise RuntimeError(f"{answer['content']['ename']}: {answer['content']['evalue']}, in the cell:\n{code}")
        if kind in ("stream", "display_data", "execute_result"):
            outputs.append(nbformat.v4.output_from_msg(answer))
        if kind == "status" and answer["content"]["execution_state"] == "idle":
            return outputs


def write_all_events(path: Path) -> None:
    """As many Higgs events as the full set has, divided like it: the excerpt's, over and over."""
    header, *lines = gzip.decompress((ROOT / "data" / EXCERPT).read_bytes()).decode().splitlines()
    column = header.split(",").index("KaggleSet")
    cut = [line.split(",") for line in lines]
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write(header + "\n")
        for part, count in PARTS.items():
            for values in cut:
                values[column] = part
            batch = [",".join(values) for values in cut]
            for start in range(0, count, len(batch)):
                file.write("\n".join(batch[: count - start]) + "\n")


def measure(path: Path, folder: Path, stand_ins: tuple[str, ...], cells: bool) -> tuple[float, Memory]:
    """The seconds a notebook takes, and the memory of server (root) and kernel. ``folder`` has the stand-ins' files."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        start_up = place / "ipython/profile_default/startup/stand_ins.py"
        start_up.parent.mkdir(parents=True)
        folders = [str(folder), str(ROOT / "data")]
        start_up.write_text(START_UP.format(folders=folders if stand_ins else folders[1:], stand_ins=stand_ins))
        (place / path.name).write_bytes(path.read_bytes())
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(place / "ipython")}
        before = 0

        def after_cell(number: int, source: str, kernel: int) -> None:
            nonlocal before
            largest = field_of(kernel, "status", "VmHWM:")
            if cells and largest > before + 10e6:
                now, first = field_of(kernel, "status", "VmRSS:"), source.partition("\n")[0]
                print(
                    f"    cell {number:3d}  peak {largest / 1e6:5.0f}  now {now / 1e6:5.0f} MB  {first[:70]}",
                    flush=True,
                )
            before = max(before, largest)

        with server(place, environment) as (address, token, process):
            start = time.perf_counter()
            with sampled(process) as memory:
                run(address, token, path.name, after_cell)
            seconds = time.perf_counter() - start
        return seconds, memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebook", nargs="*", help="first letters of their names, such as 3; all when left out")
    parser.add_argument("--data", choices=("bundled", "full"), help="one kind of data; both when left out")
    parser.add_argument("--cells", action="store_true", help="name the cells that raise the kernel's peak")
    chosen = parser.parse_args()
    if not Path("/proc/self/smaps_rollup").exists():
        print("Not measured: this needs Linux's /proc.")
        return 0
    names = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    names = [path for path in names if not chosen.notebook or path.name.startswith(tuple(chosen.notebook))]
    if not names:
        parser.error(f"no notebook begins with {' or '.join(chosen.notebook)}")
    over = False
    with tempfile.TemporaryDirectory() as folder:
        stand_ins = (VGG16, EVENTS)
        if chosen.data != "bundled":
            for name, write in zip(stand_ins, (write_official_layout, write_all_events), strict=True):
                (Path(folder) / name).parent.mkdir()
                write(Path(folder) / name)
        print(f"{len(os.sched_getaffinity(0))} processors; budget {BUDGET / 1e6:,.0f} MB; MB = 10^6, MiB = 2^20 bytes")
        print(
            f"{'notebook':32s} {'data':8s} {'s':>4s} {'server':>9s} {'kernel':>9s} {'together':>21s} {'shared out':>12s}"
        )
        for path in names:
            for data in ("bundled", "full"):
                if chosen.data in (None, data):
                    seconds, held = measure(path, Path(folder), stand_ins * (data == "full"), chosen.cells)
                    over |= held.together > BUDGET
                    print(
                        f"{path.stem[:32]:32s} {data:8s} {seconds:4.0f} {held.root / 1e6:6.0f} MB "
                        f"{held.below / 1e6:6.0f} MB {held.together / 1e6:6.0f} MB = {held.together / 2**20:5.0f} MiB "
                        f"{held.shared_out / 1e6:9.0f} MB{'  OVER BUDGET' * (held.together > BUDGET)}",
                        flush=True,
                    )
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
