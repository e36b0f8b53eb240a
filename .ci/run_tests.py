"""Every test of the course: style, unit tests, and the notebooks from top to bottom. ``make test`` calls it.

    python .ci/run_tests.py [--slow] [NAME ...]    of the notebooks only those whose names begin so, such as 1

--slow adds what is too slow for every change, such as every method on all networks of keras.applications.

All of it runs, whatever fails; the exit status is 0 if everything passed. Unit tests and notebooks share the workers, one
for each processor, with one thread each: so no processor waits while there is anything left to do. How long each file took
is kept in build/ for the next time; then the longest come first (the first time, the notebooks from the last one on).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import notebooks

ROOT = Path(__file__).parents[1]
LAST = ROOT / "build" / "last_test.json"
MOST_WORKERS = 4  # each needs up to 1.5 GiB of memory
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
NOTEBOOKS = ["--nbval-lax", "--nbval-current-env", "--nbval-kernel-startup-timeout=120"]
NOTEBOOKS += [f"--nbval-cell-timeout={notebooks.SECONDS_PER_CELL}"]
PAUSE = 30  # seconds between two lines of progress


class Progress:
    """Instead of a dot for each test a line every half minute, for each notebook that is done, and for each failure."""

    def __init__(self, start: float):
        self.start = self.said = start
        self.total, self.done, self.failed, self.seconds = Counter(), Counter(), Counter(), Counter()

    def pytest_configure(self, config):
        self.config = config

    def pytest_xdist_node_collection_finished(self, node, ids):
        self.total = Counter(map(part, ids))

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self, report):
        category, _, word = yield
        return category, "", word

    def pytest_runtest_logreport(self, report):
        of = part(report.nodeid)
        self.seconds[report.nodeid.split("::")[0]] += report.duration
        if report.failed:
            self.failed[of] += 1
            self.say(f"FAILED {report.nodeid}")
        if report.when != "teardown":
            return
        self.done[of] += 1
        if self.done[of] == self.total[of]:
            self.say(f"{of}: all {self.total[of]} done")
        elif time.monotonic() > self.said + PAUSE:
            running = [of for of in sorted(self.done) if self.done[of] < self.total[of]]
            self.say(", ".join(f"{of}: {self.done[of]} of {self.total[of]}" for of in running))

    def say(self, words: str) -> None:
        self.said = time.monotonic()
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        terminal.ensure_newline()
        terminal.write_line(f"{in_words(time.monotonic() - self.start):>12}  {words}")


def pytest_collection_modifyitems(items):
    """In every worker: what took longest last time comes first."""
    seconds = last_time()["files"]
    items.sort(key=lambda item: -seconds.get(item.nodeid.split("::")[0], 0))


def last_time() -> dict:
    """Seconds and verdict of the last call on this machine, and the seconds of each file."""
    return json.loads(LAST.read_text()) if LAST.exists() else {"files": {}}


UNIT_TESTS = "unit tests"


def part(nodeid: str) -> str:
    """What a test belongs to: the unit tests, or a notebook."""
    file = nodeid.split("::")[0]
    return f"notebook {notebooks.number(Path(file))}" if file.endswith(".ipynb") else UNIT_TESTS


def in_words(seconds: float) -> str:
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def style() -> bool:
    commands = (["check", "."], ["format", "--check", "."])
    return not any([subprocess.call([sys.executable, "-m", "ruff", *command], cwd=ROOT) for command in commands])


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="first letters of notebooks, such as 1; all when left out")
    parser.add_argument(
        "--slow", action="store_true", help="also the tests that are marked as slow (half an hour more)"
    )
    chosen = parser.parse_args(arguments)
    paths = notebooks.paths(chosen.names)
    workers = min(processors(), MOST_WORKERS)
    tests = f"unit tests{'' if chosen.slow else ' but the slow ones'}"
    print(f"Style, {tests} and notebooks {', '.join(map(notebooks.number, paths))}: all of it, whatever fails.")
    last = last_time()
    if "verdict" in last:
        print(f"Last time on this machine: {in_words(last['seconds'])}, {last['verdict']}.", flush=True)
    start, progress = time.monotonic(), Progress(time.monotonic())
    failed = [] if style() else ["style"]
    os.environ.update(dict.fromkeys(THREADS, str(max(1, processors() // workers))))
    pool = ["-q", f"-n{workers}", "--dist=loadfile", "--no-loadscope-reorder", "-prun_tests"]
    pool += ["--durations=0", "--durations-min=10"]
    os.chdir(ROOT)
    pool += [] if chosen.slow else ["-m", "not slow"]
    status = pytest.main([*pool, *NOTEBOOKS, *map(str, reversed(paths)), "tests"], plugins=[progress])
    failed += [f"{of} ({number})" for of, number in sorted(progress.failed.items())]
    if status and not progress.failed:
        failed.append(f"pytest ended with status {int(status)}")
    seconds, verdict = time.monotonic() - start, f"failed: {', '.join(failed)}" if failed else "everything passed"
    LAST.parent.mkdir(exist_ok=True)
    files = last["files"] | {file: round(seconds, 1) for file, seconds in progress.seconds.items()}
    LAST.write_text(json.dumps({"seconds": seconds, "verdict": verdict, "files": files}, indent=1))
    print(f"{in_words(seconds)}, {verdict}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
