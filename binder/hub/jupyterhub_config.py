"""JupyterHub for one class on one machine; ``make hub`` starts it. All parts are JupyterHub's own.

With systemd, as root: every student's server is a unit of its own (SystemdSpawner), under a user id that is made for it,
with limits of memory and processors that the kernel keeps, a private /tmp, a home that nobody else can enter, and
everything else read-only. Without systemd: JupyterHub's local spawner, a trial for yourself on your own machine.

What is written here can be given otherwise in JupyterHub's own words, and those win:

    make hub ARGS="--JupyterHub.bind_url=https://0.0.0.0:443 --ssl-cert=FILE --ssl-key=FILE --Spawner.mem_limit=4G"

COURSE_HUB names the folder for class list, password, and what the hub remembers; COURSE_DATA_DIR the shared data.
"""

import os
import secrets
import sys
from pathlib import Path

c = get_config()  # noqa: F821 - JupyterHub puts it here

COURSE = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
SYSTEMD = AS_ROOT and Path("/run/systemd/system").is_dir()  # what sd_booted(3) asks for
FOLDER = os.environ.get("COURSE_HUB") or ("/var/lib/course-hub" if AS_ROOT else "~/.local/share/course-hub")
FOLDER = Path(FOLDER).expanduser()
DATA = Path(os.environ.get("COURSE_DATA_DIR") or COURSE / "data").expanduser()
PROCESSORS = 2

if AS_ROOT and not SYSTEMD and os.environ.get("COURSE_HUB_TRIAL") != "root":
    sys.exit("No systemd runs here, and every student would be root: start the hub as an ordinary user, for a trial.")

# The class list, one name a line, and a password for the class: both are made if they are not there.
os.umask(0o077)
FOLDER.mkdir(parents=True, exist_ok=True)
CLASS, PASSWORD = FOLDER / "class.txt", FOLDER / "password.txt"
if not CLASS.exists():
    CLASS.write_text("student01\nstudent02\nstudent03\n", encoding="utf-8")
if not PASSWORD.exists():
    PASSWORD.write_text(secrets.token_urlsafe(9) + "\n", encoding="utf-8")
names = {line.strip().lower() for line in CLASS.read_text(encoding="utf-8").splitlines() if line.strip()}
if SYSTEMD:  # a student's home is /var/lib/NAME, which must not be the folder of a program
    taken = [name for name in names if Path("/var/lib", name).exists() and not Path("/var/lib/private", name).exists()]
    if taken:
        sys.exit(f"Choose other names in {CLASS}: /var/lib has folders of programs called {', '.join(sorted(taken))}.")

# Log-in. Whoever knows the password of the class can log in under any name of the list, also a neighbour's: good for an
# afternoon. Passwords of their own: "firstuse" (pip install jupyterhub-firstuseauthenticator: the first one that a
# student types stays theirs) or "pam" (accounts of this machine); your institute's log-in: OAuthenticator.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = PASSWORD.read_text(encoding="utf-8").strip()
c.Authenticator.allowed_users = names
c.Authenticator.username_pattern = r"[a-z][a-z0-9._-]{0,30}"

# Hub and proxy. Servers outlive a restart of the hub, and are found again; a trial ends with everything it started.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.cleanup_servers = not SYSTEMD
c.JupyterHub.cookie_secret_file = str(FOLDER / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{FOLDER / 'hub.sqlite'}"
c.JupyterHub.pid_file = str(FOLDER / "hub.pid")
c.ConfigurableHTTPProxy.log_level = "warn"
c.ConfigurableHTTPProxy.pid_file = str(FOLDER / "proxy.pid")
c.ConfigurableHTTPProxy.command = [str(COURSE / "build/proxy/node_modules/.bin/configurable-http-proxy")]
c.JupyterHub.concurrent_spawn_limit = 10
c.JupyterHub.log_level = "WARN"

# A student's server: the notebooks are copied into the home, never over what is there; then JupyterLab.
copy = 'mkdir -p notebooks && cp -Rn "$0"/. notebooks; chmod -R u+w notebooks; exec "$@"'
server = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.cmd = ["/bin/sh", "-c", copy, str(COURSE / "notebooks"), *server]
c.Spawner.args = [
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=None",
    # JupyterLab keeps the kernel of a notebook that is closed; each of them holds more than a gigabyte
    f"--LabApp.app_settings_dir={COURSE / 'binder/hub/lab_settings'}",
]
c.Spawner.default_url = "/lab/tree/notebooks"
c.Spawner.environment = {"COURSE_DATA_DIR": str(DATA), "PYTHONDONTWRITEBYTECODE": "1"}
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    c.Spawner.environment[variable] = str(PROCESSORS)
c.Spawner.start_timeout = c.Spawner.http_timeout = 600  # a whole class at the same moment, on a slow disk
c.Spawner.poll_interval = 5  # seconds until a server that died is offered to be started again


def forget_the_last_time(spawner):
    """A dynamic user's server leaves a link in /run to what is gone; SystemdSpawner 1.0 stumbles over it (its issue 76)."""
    link = Path("/run", spawner.unit_name)
    if link.is_symlink() and not link.exists():
        link.unlink()


if SYSTEMD:
    c.JupyterHub.spawner_class = "systemd"
    c.Spawner.mem_limit = "3G"
    c.Spawner.cpu_limit = PROCESSORS
    c.SystemdSpawner.dynamic_users = True  # a user id for each server, home in /var/lib/NAME, all else read-only
    c.SystemdSpawner.isolate_tmp = True
    c.SystemdSpawner.isolate_devices = True
    c.SystemdSpawner.readonly_paths = [str(COURSE), str(DATA)]
    c.SystemdSpawner.default_shell = "/bin/bash"
    c.Spawner.pre_spawn_hook = forget_the_last_time
    c.SystemdSpawner.unit_extra_properties = {
        "StateDirectoryMode": "0700",
        "UMask": "0077",
        "ProtectProc": "invisible",  # other people's processes
        "ProtectControlGroups": "yes",
        "ProtectKernelTunables": "yes",
        "MemorySwapMax": "0",
        "Slice": "course-hub.slice",  # systemctl stop course-hub.slice ends the servers of the class
    }
    said = "Servers are units of systemd, each with its own user id, 3 GB and 2 processors."
else:
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(FOLDER / "homes" / "{username}")
    c.Spawner.args += ["--allow-root"] * AS_ROOT
    said = (
        "A trial for yourself: no limit of memory or processors holds, and all servers run as one user, so that nobody"
    )
    said += " is protected from anybody. With systemd, as root, both hold."

# Servers that nobody uses are stopped after an hour, by the culler of the JupyterHub project.
c.JupyterHub.services = [
    {"name": "idle-culler", "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"]},
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    },
]
print(f"{said}\n{len(names)} names: {CLASS}   password: {PASSWORD}   Ctrl-C stops the hub.", flush=True)
