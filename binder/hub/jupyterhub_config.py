"""JupyterHub's configuration for one class on one machine. ``hub.py`` starts it; do not start it by hand.

What can be chosen is chosen with the options of ``hub.py``; this file turns them into JupyterHub's own words.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parent))

from course_hub import class_list, limits, settings
from course_hub.jupyter import ClassListAuthenticator, StudentSpawner, SystemAuthenticator

c = get_config()  # noqa: F821 - JupyterHub puts it here
course = settings.load(os.environ["COURSE_HUB_SETTINGS"])

# Proxy and hub. The proxy is a process of its own that hub.py looks after: a restart of the hub interrupts nobody.
c.JupyterHub.bind_url = f"http://{course.ip}:{course.port}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{course.hub_port}"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{course.proxy_port}"
c.ConfigurableHTTPProxy.auth_token = settings.secret(course, "proxy_token")
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False

# What must survive a restart, in a folder that nobody else can enter.
c.JupyterHub.cookie_secret_file = str(course.private / "cookie_secret")
settings.secret(course, "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{course.private / 'hub.sqlite'}"

# Who may log in.
c.JupyterHub.authenticator_class = SystemAuthenticator if course.accounts == "system" else ClassListAuthenticator
c.Authenticator.passwords = str(class_list.path_of(course))
c.Authenticator.admin_users = set(course.admins)
c.PAMAuthenticator.open_sessions = False

# Their servers: same environment as the hub's, data shared and read-only, limits that hold.
c.JupyterHub.spawner_class = StudentSpawner
c.StudentSpawner.course = course
c.StudentSpawner.limit_by = limits.mechanism() if limits.as_root() else "watch"
c.Spawner.cmd = [str(Path(sys.executable).parent / "jupyterhub-singleuser")]
c.Spawner.args = [
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=None",
    # JupyterLab keeps the kernel of a notebook that is closed; each of them holds more than a gigabyte
    f"--LabApp.app_settings_dir={settings.HERE / 'lab_settings'}",
]
c.Spawner.notebook_dir = "~"
c.Spawner.default_url = "/lab/tree/notebooks"
c.Spawner.environment = {"COURSE_DATA_DIR": course.data, **limits.threads(course.cpus)}
c.Spawner.mem_limit = course.memory
c.Spawner.cpu_limit = course.cpus
c.Spawner.start_timeout = 600  # a whole class at the same moment, on a slow disk
c.Spawner.http_timeout = 600
c.Spawner.poll_interval = 5  # seconds until a server that died is offered to be started again
c.JupyterHub.concurrent_spawn_limit = 10

# Two helpers that hub.py starts: one stops idle servers, the other stops everything when the class is over.
c.JupyterHub.services = [
    {"name": "idle-culler", "api_token": settings.secret(course, "culler_token")},
    {"name": "hub-stopper", "api_token": settings.secret(course, "stopper_token")},
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    },
    {"name": "hub-stopper", "scopes": ["shutdown"], "services": ["hub-stopper"]},
]
