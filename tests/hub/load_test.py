"""A class on a real hub of this machine: ``make test-hub ARGS="--students 4 --notebooks 1"``.

Starts the hub of ``binder/hub/hub.py`` on the loopback address with a state folder of its own, lets students log in
with their passwords as a browser would, start their servers, and run notebooks at the same time; prints what it took
and what a machine holds. ``--faults`` breaks things on purpose instead. The exit status is 1 if anything failed.
Everything that was started is stopped, whatever happens; ``--limit`` seconds bound the whole.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[2] / "binder" / "hub"))

import client
import faults
import lessons
import measuring
import sizes
from course_hub import class_list, homes, limits, processes, settings

GIB = 2**30
FIRST_UID = 40_000  # not those of a hub that may be running beside


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="load_test.py", description=__doc__.split("\n")[0])
    options.add_argument("--students", type=int, default=2, help="how many at the same time (default: 2)")
    options.add_argument("--notebooks", default="1,2,3", help="which, in this order (default: 1,2,3)")
    options.add_argument("--memory", default="3G", help="limit for each student (default: 3G)")
    options.add_argument("--cpus", type=float, default=2.0, help="processors for each student (default: 2)")
    options.add_argument("--port", type=int, default=8600)
    options.add_argument("--faults", action="store_true", help="break things on purpose, with two neighbours at work")
    options.add_argument("--only", help="only the faults whose name contains this")
    options.add_argument("--machine", action="append", default=[], metavar="64GiB,16", help="what would it hold?")
    options.add_argument("--open", type=int, default=1, metavar="N", help="notebooks left open at once (for --machine)")
    options.add_argument("--limit", type=float, default=10_800.0, help="seconds for the whole (default: 10800)")
    options.add_argument("--keep", action="store_true", help="keep the state folder, with its logs")
    return options


def read_only_copy(source: Path, folder: Path) -> Path:
    """The data as a hub shares them: a copy without a single bit for writing, as root mounted read-only too."""
    copy = folder / "data"
    shutil.copytree(source, copy)
    for path in [*copy.rglob("*"), copy]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if limits.as_root():
        for flags in ("bind", "remount,ro,bind"):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(["mount", "-o", flags, str(copy), str(copy)], check=True, timeout=30)
    return copy


def remove(folder: Path) -> None:
    """The state folder with all that is mounted in it. (``is_mount`` does not see a folder mounted on itself.)"""
    mounts = Path("/proc/self/mounts").read_text().splitlines() if sys.platform.startswith("linux") else []
    for place in reversed([line.split()[1] for line in mounts]):
        if Path(place).is_relative_to(folder):
            subprocess.run(["umount", place], check=False, timeout=30)
    for path in [folder / "data", *(folder / "data").rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@contextlib.contextmanager
def hub(options: argparse.Namespace, folder: Path, names: list[str]):
    """A running hub; yields its settings and the passwords. Ends all of it afterwards."""
    state = folder / "state"
    (folder / "class.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    data = read_only_copy(settings.COURSE / "data", folder)
    command = [sys.executable, str(settings.HERE / "hub.py"), "--students", str(folder / "class.txt")]
    command += ["--state", str(state), "--first-uid", str(FIRST_UID), "--port", str(options.port)]
    command += ["--memory", options.memory, "--cpus", str(options.cpus)]
    with open(folder / "hub.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([*command, "--data", str(data)], stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + client.PATIENCE
            while "The hub is open" not in (folder / "hub.log").read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"The hub did not start:\n{(folder / 'hub.log').read_text()}")
                time.sleep(0.3)
            course = settings.load(state / "private" / "settings.json")
            yield course, class_list.passwords(class_list.path_of(course))
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(client.PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            processes.end([pid for pids in processes.by_student(str(state)).values() for pid in pids])


def notebook_paths(numbers: str) -> list[str]:
    """ "1,3" -> the paths inside a home."""
    found = {
        path.name.split("_")[0]: f"{homes.FOLDER}/{path.name}" for path in settings.COURSE.glob("notebooks/*.ipynb")
    }
    wanted = [number.strip() for number in numbers.split(",")]
    if not set(wanted) <= set(found):
        raise ValueError(f"--notebooks {numbers}: there are {', '.join(sorted(found))}")
    return [found[number] for number in wanted]


def load(options: argparse.Namespace, course: settings.Settings, words: dict[str, str]) -> int:
    """All students at the same time; prints the table and returns how many failed."""
    paths = notebook_paths(options.notebooks)
    reports = [lessons.Report(name) for name in words]
    students = [client.Student(course.url, name, word) for name, word in words.items()]
    begin = threading.Barrier(len(students))  # every server is up before anybody's first cell
    sampler = measuring.Sampler(course.state, course.private).start()
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
    seconds = time.monotonic() - start
    sampler.stop()
    print(table(reports, sampler, paths))
    failed = sum(bool(report.problem) for report in reports)
    print(f"\n{len(reports) - failed} finished, {failed} failed, {seconds:.0f} s; {os.cpu_count()} processors")
    print(f"all students together {sampler.together / GIB:.2f} GiB, proxy and hub {sampler.hub.memory / GIB:.2f} GiB")
    usages = [sampler.students[report.name] for report in reports if report.name in sampler.students]
    if usages and not failed:
        # a share of the whole is charged to the longest notebook in proportion to its seconds
        shares = [max(report.notebooks.values()) / sum(report.notebooks.values()) for report in reports]
        used = max(usage.total_seconds for usage in usages)
        measured = sizes.Measured(
            memory=max(usage.memory for usage in usages),
            longest=used * max(shares),
            hub=sampler.hub.memory,
        )
        assumed = sizes.Assumptions(notebooks_open=options.open)
        for text in options.machine or ["16GiB,4", "64GiB,16", "256GiB,64"]:
            print(sizes.explained(*sizes.machine(text), measured, assumed))
    return failed


def table(reports: list[lessons.Report], sampler: measuring.Sampler, paths: list[str]) -> str:
    """One line for each student."""
    titles = [f"notebook {path.split('/')[-1][0]}" for path in paths]
    lines = [
        "  ".join([f"{'student':12}", "server", *titles, "cells", "processor", "peak GiB", "resident", "outcome"]),
        "  ".join([f"{'':12}", f"{'s':>6}", *(f"{'s':>10}" for _ in paths), f"{'':5}", f"{'s':>9}"]),
    ]
    for report in reports:
        usage = sampler.students.get(report.name, measuring.Usage())
        each = [f"{report.notebooks[path]:10.0f}" if path in report.notebooks else f"{'-':>10}" for path in paths]
        numbers = [f"{report.cells:5d}", f"{usage.total_seconds:9.0f}", f"{usage.memory / GIB:8.2f}"]
        numbers.append(f"{usage.resident / GIB:8.2f}")
        outcome = report.problem or "finished"
        lines.append("  ".join([f"{report.name:12}", f"{report.server:6.1f}", *each, *numbers, outcome]))
    return "\n".join(lines)


def break_things(options: argparse.Namespace, course: settings.Settings, words: dict[str, str]) -> int:
    """The faults one after the other, with neighbours at work; prints the table and returns how many did not hold."""
    path = notebook_paths(options.notebooks)[0]
    students = [client.Student(course.url, name, word) for name, word in words.items()]
    for student in students:
        if course.accounts == "own" and student is students[0]:
            uid = homes.uid_of(student.name, course.private / "uids.json", course.first_uid)
            home = homes.make_home(course.homes / student.name, uid)
            with contextlib.suppress(subprocess.SubprocessError):  # not allowed in every container
                faults.small_disk(home, uid)
        client.log_in(student)
        client.start_server(student)
    neighbours = [lessons.Neighbour(student, path, lessons.Report(student.name)).start() for student in students[1:]]
    scene = faults.Scene(course, students[0], students[1], neighbours, path)
    failed, start = 0, time.monotonic()
    try:
        for neighbour in neighbours:
            neighbour.goes_on(cells=1)
        for name in faults.FAULTS:
            if options.only and options.only not in name:
                continue
            if time.monotonic() - start > options.limit:
                held, seen = False, f"not tried: the limit of {options.limit:.0f} s is over"
            else:
                held, seen = faults.check(scene, name)
            failed += not held
            print(f"{'held' if held else 'FAILED':7} {name:36} {seen}", flush=True)
    finally:
        for neighbour in neighbours:
            neighbour.end()
    for neighbour in neighbours:
        failed += bool(neighbour.report.problem)
        runs = "finished" if neighbour.report.notebooks else "was in the middle of"
        outcome = neighbour.report.problem or f"{neighbour.report.cells} cells without an error, {runs} {path}"
        print(
            f"{'FAILED' if neighbour.report.problem else 'held':7} {'neighbour ' + neighbour.report.name:36} {outcome}"
        )
    return failed


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        notebook_paths(options.notebooks)
        names = class_list.numbered(max(3, options.students) if options.faults else options.students)
        for text in options.machine:
            sizes.machine(text)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="hub-load-"))
    folder.chmod(0o711)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cleaning up below happens then too
    try:
        with hub(options, folder, names) as (course, words):
            failed = (break_things if options.faults else load)(options, course, words)
        print((folder / "hub.log").read_text().strip().splitlines()[-1])
    finally:
        if options.keep:
            print(f"Kept: {folder}")
        else:
            remove(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
