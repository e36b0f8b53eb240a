"""Start a hub for one class on this machine, and stop it with Ctrl-C: ``make hub``.

    python binder/hub/hub.py --students class.txt      a class list: one name a line
    python binder/hub/hub.py --students 12             student01 to student12
    python binder/hub/hub.py --list                    names and passwords, to hand out

It listens on 127.0.0.1:8000 unless told otherwise (``--ip 0.0.0.0 --cert FILE --key FILE`` for a class). Everything
that must be kept is in the state folder: homes, passwords, secrets, logs. What is where is told at the start.
"""

import argparse
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).absolute().parent
sys.path.insert(0, str(HERE))

from course_hub import class_list, limits, settings, supervisor  # noqa: E402

PROXY = settings.COURSE / "build" / "proxy" / "node_modules" / ".bin" / "configurable-http-proxy"
NOBODY = 65534


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="hub.py", description=__doc__.split("\n")[0])
    options.add_argument("--students", metavar="FILE|N", help="class list, or how many; remembered for the next time")
    options.add_argument("--list", action="store_true", help="print names and passwords, and start nothing")
    options.add_argument("--admin", action="append", default=[], metavar="NAME", help="may use the hub's admin page")
    options.add_argument("--accounts", choices=settings.ACCOUNTS, help="own (default as root), system, trial")
    options.add_argument("--ip", default="127.0.0.1", help="address to listen on (default: this machine only)")
    options.add_argument("--port", type=int, default=8000, help="port; port+1 and port+81 are used on 127.0.0.1")
    options.add_argument("--cert", help="TLS certificate, with --key")
    options.add_argument("--key", help="TLS key")
    options.add_argument("--memory", default="3G", help="memory of one student (default: 3G)")
    options.add_argument("--cpus", type=float, default=2.0, help="processors of one student (default: 2)")
    options.add_argument("--idle", type=float, default=60.0, metavar="MIN", help="stop idle servers (60; 0 never)")
    options.add_argument("--data", default=os.environ.get("COURSE_DATA_DIR"), help="shared data folder, read-only")
    options.add_argument("--state", help="folder for homes, passwords and logs")
    options.add_argument("--first-uid", type=int, default=20_000, help="first user id to give away (20000)")
    options.add_argument("--proxy", type=Path, default=PROXY, help=argparse.SUPPRESS)
    return options


def chosen(options: argparse.Namespace, root: bool) -> settings.Settings:
    """The settings that the options mean.

    Raises
    ------
    ValueError
        If they contradict each other or the machine.
    """
    accounts = options.accounts or ("own" if root else "trial")
    if accounts != "trial" and not root:
        raise ValueError(f"--accounts {accounts} needs root; without it only a trial is possible")
    if accounts == "trial" and root:
        raise ValueError("--accounts trial is for ordinary users: as root every student would be root")
    if not 1 <= options.port <= 65535 - 81:
        raise ValueError(f"--port {options.port}: 1 to {65535 - 81}")
    if options.cpus <= 0 or options.idle < 0:
        raise ValueError("--cpus must be above 0, --idle at least 0")
    if bool(options.cert) != bool(options.key):
        raise ValueError("--cert and --key go together")
    for path in filter(None, (options.cert, options.key)):
        if not Path(path).is_file():
            raise ValueError(f"{path} is not a file")
    if not 1000 <= options.first_uid <= 59_000:
        raise ValueError(f"--first-uid {options.first_uid}: 1000 to 59000")
    memory = settings.size(options.memory)
    if memory < 2**30:
        raise ValueError(f"--memory {options.memory}: a notebook needs 1 GiB at least")
    data = Path(options.data or settings.COURSE / "data").expanduser().absolute()
    if not data.is_dir():
        raise ValueError(f"--data {data} is not a folder")
    state = Path(options.state).expanduser() if options.state else settings.default_state(root)
    return settings.Settings(
        state=str(state.absolute()),
        accounts=accounts,
        data=str(data),
        ip=options.ip,
        port=options.port,
        memory=memory,
        cpus=options.cpus,
        idle_minutes=options.idle,
        first_uid=options.first_uid,
        admins=tuple(class_list.names_in("\n".join(options.admin))),
    )


def enrol(options: argparse.Namespace, course: settings.Settings) -> dict[str, str]:
    """Names and passwords: those asked for, else those of the last time, else three for a first look."""
    path = class_list.path_of(course)
    if options.students is None:
        names = list(class_list.passwords(path)) or class_list.numbered(3)
    elif options.students.isdigit():
        names = class_list.numbered(int(options.students))
    else:
        names = class_list.names_in(Path(options.students).read_text(encoding="utf-8"))
    names += [name for name in course.admins if name not in names]
    return class_list.enrol(path, names)


def problems(course: settings.Settings, proxy: Path) -> list[str]:
    """What would keep this hub from working, in plain words; the quick questions first."""
    found = []
    if not sys.platform.startswith("linux"):
        found.append("This hub needs Linux (it reads /proc). Elsewhere each student can use: make lab")
    if shutil.which("node") is None or not proxy.exists():
        found.append(f"The proxy is not installed ({proxy}). Install Node.js 20 or newer with npm, then: make hub")
    for port in (course.port, course.proxy_port, course.hub_port):
        with socket.socket() as test:
            test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                test.bind((course.ip if port == course.port else "127.0.0.1", port))
            except OSError as error:
                found.append(f"Port {port} cannot be used ({error.strerror}). Another hub? Choose one with --port")
    if not found:
        found += _unusable(course)
    return found


def _unusable(course: settings.Settings) -> list[str]:
    """Can a student's server start at all? Tried as a user without any rights, where the hub is root."""
    lowered = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if course.accounts != "trial" else {}
    code = "import helpers.files, jupyterlab, sys; from pathlib import Path; "
    code += "[open(p).close() for f in sys.argv[1:] for p in list(Path(f).iterdir()) if p.is_file()]"
    command = [sys.executable, "-c", code, str(settings.COURSE / "notebooks"), course.data]
    try:
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120, **lowered)
        words = (done.stderr.strip().splitlines() or ["no message"])[-1] if done.returncode else None
    except OSError as error:
        words = str(error)
    if words is None:
        return []
    who = "Other users cannot" if lowered else "This user cannot"
    return [
        f"{who} use the course ({words}). Students need to read {sys.prefix}, the Python in it and "
        f"{settings.COURSE}: put the course into a folder open to all, such as /opt, and build it with a Python that "
        "does not lie in root's home (make hub PYTHON=/usr/bin/python3)"
    ]


def notes(course: settings.Settings, limit_by: str) -> list[str]:
    """What the instructor must know about this hub, in whole sentences."""
    lines = []
    if course.accounts == "trial":
        lines.append(
            "A trial: all servers run as you, students are not protected from each other. Use root for a class."
        )
    if limit_by == "watch":
        lines.append("Limits are kept by watching twice a second; control groups are not available here.")
    if course.accounts != "trial" and Path(course.data).stat().st_mode & 0o002:
        lines.append(f"Everybody may write into {course.data}: chmod -R o-w would make it read-only.")
    return lines


def run(course: settings.Settings, options: argparse.Namespace) -> int:
    """Start, look after, and stop everything."""
    lock = open(course.private / "lock", "w")  # noqa: SIM115 - held until this process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print(f"A hub with the state folder {course.state} is running already.", file=sys.stderr)
        return 1
    found = problems(course, options.proxy)
    if found:
        print("\n".join(found), file=sys.stderr)
        return 1
    settings.save(course)
    limit_by = limits.mechanism() if limits.as_root() else "watch"
    signals = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: signals.append(received))
    certificate = (os.path.abspath(options.cert), os.path.abspath(options.key)) if options.cert else None
    running = supervisor.parts(course, options.proxy.absolute(), limit_by, certificate)
    try:
        for part in running[:2]:  # proxy and hub; the helpers ask the hub at once
            supervisor.start(part, course.private)
        supervisor.wait_until_up(course, running)
        for part in running[2:]:
            supervisor.start(part, course.private)
        supervisor.write_pids(running, course.private)
        print(f"The hub is open at {course.url.replace('http', 'https', 1) if certificate else course.url}")
        words = "The passwords of their accounts" if course.accounts == "system" else class_list.path_of(course)
        print(f"Passwords: {words}   Logs: {course.private}/*.log")
        print("\n".join([*notes(course, limit_by), "Ctrl-C stops it, with all servers."]), flush=True)
        supervisor.keep_running(running, course.private, lambda: bool(signals))
        print("Stopping the servers of the class ...", flush=True)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        supervisor.stop(course, running, limit_by)
    print("Everything is stopped; work is kept in the homes.")
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        course = chosen(options, limits.as_root())
        settings.make_folders(course)
        words = enrol(options, course)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.list:
        print("".join(f"{name}\t{word}\n" for name, word in words.items()), end="")
        return 0
    return run(course, options)


if __name__ == "__main__":
    sys.exit(main())
