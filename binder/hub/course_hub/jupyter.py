"""The two parts that JupyterHub is given: who may log in, and how a student's server is started."""

import asyncio
import os
import pwd
import subprocess
import sys
from pathlib import Path

from jupyterhub.auth import Authenticator, PAMAuthenticator
from jupyterhub.spawner import LocalProcessSpawner, set_user_setuid
from traitlets import Instance, Unicode

from course_hub import class_list, homes, limits, processes
from course_hub.settings import COURSE, Settings

SECONDS_AFTER_A_WRONG_PASSWORD = 1.0


class _ClassList(Authenticator):
    """Only who is on the class list, as it stands at that moment, gets in: no restart to add or remove somebody."""

    passwords = Unicode(help="the file of class_list.enrol").tag(config=True)
    any_allow_config = True

    async def check_allowed(self, username, authentication=None):
        return username in class_list.passwords(Path(self.passwords))


class ClassListAuthenticator(_ClassList):
    """Name and password of the class list."""

    async def authenticate(self, handler, data):
        name = self.normalize_username(data.get("username", "").strip())
        if class_list.is_right(Path(self.passwords), name, data.get("password", "")):
            return name
        await asyncio.sleep(SECONDS_AFTER_A_WRONG_PASSWORD)
        return None


class SystemAuthenticator(_ClassList, PAMAuthenticator):
    """The machine's own accounts and passwords, for those on the class list."""

    async def check_allowed(self, username, authentication=None):
        on_the_list = await super().check_allowed(username, authentication)
        return on_the_list and pwd.getpwnam(username).pw_uid != 0


class StudentSpawner(LocalProcessSpawner):
    """A local process under the student's own user id, in their own home, within limits; never as root."""

    course = Instance(Settings).tag(config=True)
    limit_by = Unicode("watch", help="what limits.mechanism found").tag(config=True)

    def account(self) -> tuple[Path, int | None, int | None]:
        """Home, user id and group id. The ids are None in a trial, where all run as the user who started the hub.

        Raises
        ------
        PermissionError
            Where the server would run as root.
        """
        name, course = self.user.name, self.course
        if course.accounts == "system":
            found = pwd.getpwnam(name)
            home, uid, gid = Path(found.pw_dir), found.pw_uid, found.pw_gid
        elif course.accounts == "own":
            uid = gid = homes.uid_of(name, course.private / "uids.json", course.first_uid)
            home = course.homes / name
        else:
            home, uid, gid = course.homes / name, None, None
        if uid == 0 or (uid is None and limits.as_root()):
            raise PermissionError(f"the server of {name} would run as root; use accounts of their own")
        return home, uid, gid

    def user_env(self, env):
        home, _, _ = self.account()
        name = self.user.name
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return env | {"USER": name, "LOGNAME": name, "HOME": str(home), "SHELL": shell}

    def make_preexec_fn(self, name):
        """What the new process does to itself before it becomes the server: limits first, while it still may."""
        home, uid, gid = self.account()
        joins = limits.make_group(self.limit_by, f"{name}-{uid}", self.course.memory, self.course.cpus)
        available = os.sched_getaffinity(0)
        mine = available if joins else limits.processors(self.course.cpus, self.user.id, available)
        become = set_user_setuid(name) if self.course.accounts == "system" else None

        def preexec():
            limits.join(joins)
            os.sched_setaffinity(0, mine)
            os.umask(0o077)
            if become is not None:
                become()
            elif uid is not None:
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
            os.chdir(home)

        return preexec

    async def start(self):
        """Make home and notebooks, then start the server; its words go to a log of its own."""
        home, uid, _ = self.account()
        if self.course.accounts != "system":
            homes.make_home(home, uid)
        copy = [sys.executable, "-I", homes.__file__, str(COURSE / "notebooks"), str(home)]
        done = await asyncio.to_thread(
            subprocess.run,
            copy,
            preexec_fn=self.make_preexec_fn(self.user.name),
            capture_output=True,
            text=True,
            timeout=60,
            env={"HOME": str(home)},
        )
        if done.returncode:  # a full disk must not keep anybody from their saved work
            self.log.warning("No fresh notebooks for %s: %s", self.user.name, done.stderr.strip()[-300:])
        logs = self.course.private / "servers"
        logs.mkdir(exist_ok=True)
        with open(logs / f"{self.user.name}.log", "w", encoding="utf-8") as log:
            self.popen_kwargs = {"stdout": log, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
            return await super().start()

    def get_env(self):
        return super().get_env() | {processes.STATE: self.course.state}
