"""A class at work on a hub: ``make test-hub ARGS="--hub https://hub.example.org --names class.txt --password-file FILE"``.

Students log in as a browser would, start their servers, and run notebooks at the same time; the table says what it took
and what a machine holds. ``--faults`` breaks things on purpose instead. Without ``--hub`` one is started from
``binder/hub`` on this machine, in a folder of its own, and ended afterwards. Where the institute's log-in cannot be
filled in by a program, ``--token-file`` names a file with a token of the hub (admin:users, admin:servers, access:servers).
The exit status is 1 if anything failed; ``--limit`` seconds bound the whole.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import client
import faults
import lessons
import requests
import sizes

COURSE = Path(__file__).absolute().parents[2]
CONFIG = COURSE / "binder" / "hub" / "jupyterhub_config.py"
GIB = 2**30


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="load_test.py", description=__doc__.split("\n")[0])
    options.add_argument("--hub", metavar="ADDRESS", help="a running hub; else one is started here")
    options.add_argument("--students", type=int, default=2, help="how many at the same time (default: 2)")
    options.add_argument(
        "--names", metavar="FILE", help="a name a line, with a password of its own behind a tab if any"
    )
    options.add_argument("--password-file", metavar="FILE", help="the password that all names share")
    options.add_argument("--token-file", metavar="FILE", help="a token of the hub instead of passwords")
    options.add_argument("--folder", default="notebooks", help="where a home has the notebooks (default: notebooks)")
    options.add_argument("--notebooks", default="1,2,3", help="which, in this order (default: 1,2,3)")
    options.add_argument("--port", type=int, default=8600, help="of the hub that is started here")
    options.add_argument("--faults", action="store_true", help="break things on purpose, with two neighbours at work")
    options.add_argument("--only", default="", help="only the faults whose name contains this")
    options.add_argument("--restart", metavar="COMMAND", help="restarts the hub, for its fault")
    options.add_argument("--machine", action="append", default=[], metavar="64GiB,16", help="what would it hold?")
    options.add_argument("--open", type=int, default=1, metavar="N", help="notebooks left open at once (for --machine)")
    options.add_argument("--limit", type=float, default=10_800.0, help="seconds for the whole (default: 10800)")
    return options


class OwnHub:
    """The course's hub in a folder of its own; with systemd a real one, else a trial."""

    def __init__(self, folder: Path, port: int, names: list[str]):
        self.folder, self.port, self.address = folder, port, f"http://127.0.0.1:{port}"
        self.trial = os.geteuid() != 0 or not Path("/run/systemd/system").is_dir()
        (folder / "class.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        self.data = folder / "data"
        shutil.copytree(COURSE / "data", self.data)
        for path in [*self.data.rglob("*"), self.data]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        if self.trial and os.geteuid() == 0:  # bits stop everybody but root, whose servers a trial's are
            home = folder / "homes" / names[0]
            home.mkdir(parents=True)
            self.mounted = [home, self.data]
            with contextlib.suppress(OSError, subprocess.SubprocessError):  # not allowed in every container
                self._mount("-t", "tmpfs", "-o", "size=40m", "tmpfs", home)
                for flags in ("bind", "remount,ro,bind"):
                    self._mount("-o", flags, self.data, self.data)
        else:
            self.mounted = []

    def _mount(self, *words) -> None:
        subprocess.run(["mount", *words], check=True, timeout=30, capture_output=True)

    @property
    def password(self) -> str:
        return (self.folder / "password.txt").read_text(encoding="utf-8").strip()

    def start(self) -> None:
        environment = {**os.environ, "COURSE_HUB": str(self.folder), "COURSE_DATA_DIR": str(self.data)}
        if self.trial and os.geteuid() == 0:
            environment["COURSE_HUB_TRIAL"] = "root"
        command = [sys.executable, "-m", "jupyterhub", f"--config={CONFIG}", f"--JupyterHub.bind_url={self.address}"]
        command += [f"--JupyterHub.hub_port={self.port + 2}"]
        command += [f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{self.port + 1}"]
        with open(self.folder / "hub.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=self.folder)
        deadline = time.monotonic() + client.PATIENCE
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The hub did not start:\n{(self.folder / 'hub.log').read_text()[-2000:]}")
            time.sleep(0.3)

    def _is_up(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.address}/hub/health", timeout=5).status_code == 200
        return False

    def restart(self) -> None:
        """As after a crash: the hub alone is gone from one moment to the next."""
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(client.PATIENCE)
        finally:
            self.process.kill()
            if not self.trial:
                subprocess.run(["systemctl", "stop", "course-hub.slice"], check=False)
            for place in self.mounted:
                subprocess.run(["umount", place], check=False, capture_output=True)
            for path in [self.data, *self.data.rglob("*")]:
                if path.is_dir():
                    path.chmod(0o755)


def people(options: argparse.Namespace) -> dict[str, str]:
    """Name -> own password, or "" where all share one: those of the file, else student01, student02, ..."""
    count = max(3, options.students) if options.faults else options.students
    if not options.names:
        return {f"student{number:02d}": "" for number in range(1, count + 1)}
    lines = Path(options.names).read_text(encoding="utf-8").splitlines()
    found = {line.partition("\t")[0].strip().lower(): line.partition("\t")[2].strip() for line in lines if line.strip()}
    if len(found) < count:
        raise ValueError(f"{options.names} has {len(found)} names; {count} are needed")
    return dict(list(found.items())[:count])


def notebook_paths(numbers: str, folder: str = "notebooks") -> list[str]:
    """ "1,3" -> the paths inside a home."""
    found = {path.name.split("_")[0]: f"{folder}/{path.name}" for path in COURSE.glob("notebooks/[0-9]*.ipynb")}
    wanted = [number.strip() for number in numbers.split(",")]
    if not set(wanted) <= set(found):
        raise ValueError(f"--notebooks {numbers}: there are {', '.join(sorted(found))}")
    return [found[number] for number in wanted]


def load(students: list[client.Student], paths: list[str], options: argparse.Namespace) -> int:
    """All students at the same time; prints the table and returns how many failed."""
    reports = [lessons.Report(student.name) for student in students]
    begin = threading.Barrier(len(students))  # every server is up before anybody's first cell
    start = time.monotonic()
    threads = [
        threading.Thread(target=lessons.attend, args=(student, paths, report, begin), daemon=True)
        for student, report in zip(students, reports, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, options.limit - (time.monotonic() - start)))
    for report, thread in zip(reports, threads, strict=True):
        if thread.is_alive():
            report.problem = f"not finished within {options.limit:.0f} s"
    print(table(reports, paths))
    failed = sum(bool(report.problem) for report in reports)
    print(f"\n{len(reports) - failed} finished, {failed} failed, {time.monotonic() - start:.0f} s")
    if not failed and all(report.memory for report in reports):
        # a share of the whole is charged to the longest notebook in proportion to its seconds
        longest = max(max(r.notebooks.values()) / sum(r.notebooks.values()) * r.processor for r in reports)
        measured = sizes.Measured(memory=max(report.memory for report in reports), longest=longest)
        for text in options.machine or ["16GiB,4", "64GiB,16", "256GiB,64"]:
            assumed = sizes.Assumptions(notebooks_open=options.open)
            print(sizes.explained(*sizes.machine(text), measured, assumed))
    return failed


def table(reports: list[lessons.Report], paths: list[str]) -> str:
    """One line for each student."""
    titles = [f"notebook {path.split('/')[-1][0]}" for path in paths]
    lines = [
        "  ".join([f"{'student':12}", "server", *titles, "cells", "processor", "peak GiB", "outcome"]),
        "  ".join([f"{'':12}", f"{'s':>6}", *(f"{'s':>10}" for _ in paths), f"{'':5}", f"{'s':>9}"]),
    ]
    for report in reports:
        each = [f"{report.notebooks[path]:10.0f}" if path in report.notebooks else f"{'-':>10}" for path in paths]
        numbers = [f"{report.cells:5d}", f"{report.processor:9.0f}", f"{report.memory / GIB:8.2f}"]
        lines.append(
            "  ".join([f"{report.name:12}", f"{report.server:6.1f}", *each, *numbers, report.problem or "finished"])
        )
    return "\n".join(lines)


def break_things(students: list[client.Student], path: str, options: argparse.Namespace, own: OwnHub | None) -> int:
    """The faults one after the other, with neighbours at work; prints the table and returns how many did not hold."""
    for student in students:
        client.log_in(student)
        client.start_server(student)
    neighbours = [lessons.Neighbour(student, path, lessons.Report(student.name)).start() for student in students[1:]]
    restart = own.restart if own else None
    if options.restart:
        restart = lambda: subprocess.run(options.restart, shell=True, check=True, timeout=client.PATIENCE)  # noqa: E731
    scene = faults.Scene(students[0], students[1], neighbours, path, restart, bool(own and own.trial))
    failed, start = 0, time.monotonic()
    words = {True: "held", None: "not here", False: "FAILED"}
    try:
        for neighbour in neighbours:
            neighbour.goes_on(cells=1)
        for name in (name for name in faults.FAULTS if options.only in name):
            if name == "the hub restarted" and restart:  # takes the connections of all with it, as it should
                for neighbour in neighbours:
                    neighbour.end()
            held, seen = False, f"not tried: the limit of {options.limit:.0f} s is over"
            if time.monotonic() - start < options.limit:
                held, seen = faults.check(scene, name)
            failed += held is False
            print(f"{words[held]:8} {name:36} {seen}", flush=True)
            if name == "the hub restarted" and restart:
                for neighbour in neighbours:
                    neighbour.start()
    finally:
        for neighbour in neighbours:
            neighbour.end()
    for neighbour in neighbours:
        problem = neighbour.report.problem
        failed += bool(problem)
        outcome = problem or f"{neighbour.report.cells} cells without an error"
        print(f"{words[not problem]:8} {'neighbour ' + neighbour.report.name:36} {outcome}")
    return failed


def secret(file: str | None) -> str:
    return Path(file).read_text(encoding="utf-8").strip() if file else ""


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        paths, names = notebook_paths(options.notebooks, options.folder), people(options)
        shared, token = secret(options.password_file), secret(options.token_file)
        for text in options.machine:
            sizes.machine(text)
        if options.hub and not token and not all(shared or own for own in names.values()):
            raise ValueError("A hub's address needs --token-file, --password-file, or --names with passwords")
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        own, address = None, options.hub
        if not address:
            place = "/var/lib" if os.geteuid() == 0 else None  # units of systemd have a /tmp of their own
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-load-", dir=place))
            os.chmod(folder, 0o711)
            own = OwnHub(Path(folder), options.port, list(names))
            stack.callback(own.stop)
            own.start()
            address, shared = own.address, own.password
        students = [client.Student(address.rstrip("/"), name, word or shared, token) for name, word in names.items()]
        failed = break_things(students, paths[0], options, own) if options.faults else load(students, paths, options)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
