"""Keep every student below the memory limit where control groups cannot: ``python -m course_hub.watch SETTINGS``.

Twice a second the memory of each student's processes is added up. Whoever is above the limit loses the largest process
that is not the server itself, in practice a notebook's kernel. JupyterLab then says that the kernel died and starts
a new one; what was saved is not touched.
"""

import contextlib
import json
import os
import signal
import sys
import time
from datetime import datetime

from course_hub import processes, settings

SECONDS = 0.5


def victim(running: list[processes.Process], limit: int) -> processes.Process | None:
    """The process to end: the largest that is not a server, when all together take more than ``limit`` bytes."""
    if sum(process.proportional for process in running) <= limit:
        return None
    others = [process for process in running if not process.server]
    return max(others, key=lambda process: process.proportional, default=None)


def look_once(chosen: settings.Settings) -> list[str]:
    """One round over the whole class; returns a line for each process that had to be ended."""
    table = chosen.private / "uids.json"
    uids = json.loads(table.read_text(encoding="utf-8")) if chosen.accounts == "own" and table.exists() else None
    lines = []
    for name, pids in processes.by_student(chosen.state, uids).items():
        cheap = [process for pid in pids if (process := processes.look(pid, proportional=False))]
        if victim(cheap, chosen.memory) is None:  # resident memory counts shared pages in full: never too small
            continue
        exact = [process for pid in pids if (process := processes.look(pid))]
        found = victim(exact, chosen.memory)
        if found is not None:
            used = sum(process.proportional for process in exact)
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)
                lines.append(
                    f"{name}: {used / 2**30:.2f} GiB used, {chosen.memory / 2**30:.2f} allowed; ended process "
                    f"{found.pid}, which held {found.proportional / 2**30:.2f}"
                )
    return lines


def main(arguments: list[str]) -> None:
    chosen = settings.load(arguments[0])
    while True:
        for line in look_once(chosen):
            print(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}", flush=True)
        time.sleep(SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
