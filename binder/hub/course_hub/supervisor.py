"""Proxy, hub, and their helpers as processes of their own: started together, restarted one by one, stopped together."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from course_hub import limits, processes
from course_hub.settings import HERE, Settings, secret

RESTARTS, WITHIN = 5, 60.0  # a part that dies more often than this is not going to get better
END_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass
class Part:
    """A process to be kept running, and when it was started."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen | None = None
    starts: list[float] = field(default_factory=list)


def parts(settings: Settings, proxy: Path, limit_by: str, certificate: tuple[str, str] | None = None) -> list[Part]:
    """What a hub is made of, in the order of starting."""
    settings_file = str(settings.private / "settings.json")
    base = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTERHUB_", "CONFIGPROXY_"))}
    python = {**base, "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [base.get("PYTHONPATH")])])}
    hub_url = f"http://127.0.0.1:{settings.hub_port}/hub"
    proxy_command = [
        str(proxy),
        *("--ip", settings.ip, "--port", str(settings.port)),
        *("--api-ip", "127.0.0.1", "--api-port", str(settings.proxy_port)),
        *("--error-target", f"{hub_url}/error"),
    ]
    if certificate:
        proxy_command += ["--ssl-cert", certificate[0], "--ssl-key", certificate[1]]
    config = str(HERE / "jupyterhub_config.py")
    found = [
        Part("proxy", proxy_command, {**base, "CONFIGPROXY_AUTH_TOKEN": secret(settings, "proxy_token")}),
        Part(
            "hub",
            [sys.executable, "-m", "jupyterhub", "--config", config],
            {**base, "COURSE_HUB_SETTINGS": settings_file},
        ),
    ]
    if settings.idle_minutes > 0:
        seconds = round(settings.idle_minutes * 60)
        command = [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={seconds}"]
        command.append(f"--cull-every={max(5, min(60, seconds // 2))}")
        token = {"JUPYTERHUB_API_TOKEN": secret(settings, "culler_token"), "JUPYTERHUB_API_URL": f"{hub_url}/api"}
        found.append(Part("culler", command, {**base, **token}))
    if limit_by == "watch":
        found.append(Part("watch", [sys.executable, "-m", "course_hub.watch", settings_file], python))
    return found


def start(part: Part, logs: Path) -> None:
    """Start one part; its words are appended to its log."""
    libc = ctypes.CDLL(None)
    with open(logs / f"{part.name}.log", "ab") as log:
        part.process = subprocess.Popen(
            part.command,
            env=part.environment,
            cwd=logs,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us alone; we stop the parts in the right order
            preexec_fn=lambda: libc.prctl(END_WITH_PARENT, signal.SIGTERM),
        )
    part.starts.append(time.monotonic())


def keep_running(
    running: list[Part],
    logs: Path,
    stopped: Callable[[], bool],
    say: Callable[[str], None] = print,
    alone: Callable[[Part, Path], None] = start,
    pause: float = 0.5,
) -> None:
    """Restart what ends, until ``stopped()``.

    Raises
    ------
    RuntimeError
        If one part ends again and again.
    """
    while not stopped():
        for part in running:
            status = part.process.poll()
            if status is None:
                continue
            now = time.monotonic()
            if len([moment for moment in part.starts if now - moment < WITHIN]) > RESTARTS:
                raise RuntimeError(f"{part.name} ended {RESTARTS + 1} times within a minute. {last_words(logs, part)}")
            say(f"{part.name} ended with status {status}; starting it again")
            alone(part, logs)
            write_pids(running, logs)
        time.sleep(pause)


def write_pids(running: list[Part], logs: Path) -> None:
    """Who is who, for the load test and for people."""
    partial = logs / "pids.partial"
    partial.write_text(json.dumps({part.name: part.process.pid for part in running}) + "\n", encoding="utf-8")
    partial.replace(logs / "pids.json")


def last_words(logs: Path, part: Part, lines: int = 15) -> str:
    """The end of a part's log, for error messages."""
    path = logs / f"{part.name}.log"
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:] if path.exists() else []
    return "\n".join([f"The last lines of {path}:", *(f"    {line}" for line in text)])


def wait_until_up(settings: Settings, running: list[Part], seconds: float = 600.0) -> None:
    """Return when the hub answers through the proxy.

    Raises
    ------
    RuntimeError
        If a part ends meanwhile, or the time is over.
    """
    scheme = "https" if "--ssl-cert" in running[0].command else "http"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for part in running:
            if part.process is not None and part.process.poll() is not None:
                raise RuntimeError(f"{part.name} did not start. {last_words(settings.private, part)}")
        if scheme == "https" and answers(f"http://127.0.0.1:{settings.hub_port}/hub/api"):
            return
        if scheme == "http" and answers(f"{settings.url}/hub/api"):
            return
        time.sleep(0.3)
    raise RuntimeError(f"The hub did not answer within {seconds:.0f} s. {last_words(settings.private, running[1])}")


def answers(url: str, timeout: float = 3.0) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy of the institute
    try:
        with opener.open(url, timeout=timeout) as reply:
            return reply.status == 200
    except OSError:
        return False


def stop(settings: Settings, running: list[Part], limit_by: str, seconds: float = 60.0) -> None:
    """End students' servers in an orderly way, then everything else; whatever is left is ended by force."""
    by_name = {part.name: part.process for part in running if part.process is not None}
    hub = by_name.get("hub")
    if hub is not None and hub.poll() is None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{settings.hub_port}/hub/api/shutdown",
            data=json.dumps({"servers": True, "proxy": False}).encode(),
            headers={
                "Authorization": f"token {secret(settings, 'stopper_token')}",
                "Content-Type": "application/json",
            },
        )
        with contextlib.suppress(OSError):
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                hub.wait(seconds)
    for process in reversed(list(by_name.values())):
        if process.poll() is None:
            process.terminate()
    for process in by_name.values():
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    processes.end([pid for pids in processes.by_student(settings.state).values() for pid in pids])
    limits.remove_groups(limit_by)
    (settings.private / "pids.json").unlink(missing_ok=True)
