"""The hub for a class (binder/hub): its parts one by one. ``tests/hub/`` has a class at work on it."""

import argparse
import contextlib
import http.server
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import hub
import load_test
import pytest
import yaml
from course_hub import class_list, homes, limits, processes, settings, supervisor, watch

ROOT = Path(__file__).parents[1]
HUB = ROOT / "binder" / "hub"
AS_ROOT = os.geteuid() == 0
GIB = 2**30


def course(tmp_path: Path, **changes) -> settings.Settings:
    return settings.Settings(
        **{"state": str(tmp_path / "state"), "accounts": "trial", "data": str(ROOT / "data")} | changes
    )


# The class list


def test_the_class_list_is_read_as_people_write_it():
    assert class_list.names_in("Ada\n\n# second group\nemmy-n  # late\nada\n grace_h2 \n") == [
        "ada",
        "emmy-n",
        "grace_h2",
    ]


@pytest.mark.parametrize("name", ["root", "../x", "a/b", "2nd", "a b", "ä", "x" * 32, "-a", ".hidden"])
def test_names_that_are_no_accounts_are_refused(name):
    with pytest.raises(ValueError, match="login name"):
        class_list.names_in(name)


def test_passwords_are_random_kept_and_private(tmp_path):
    path = tmp_path / "passwords.tsv"
    first = class_list.enrol(path, ["ada", "emmy"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(set(first.values())) == 2
    assert all(re.fullmatch(f"[{class_list.LETTERS}]{{10}}", word) for word in first.values())
    second = class_list.enrol(path, ["emmy", "grace"])
    assert list(second) == ["emmy", "grace"]
    assert second["emmy"] == first["emmy"]
    assert class_list.passwords(path) == second


def test_only_the_right_password_of_somebody_on_the_list_opens(tmp_path):
    path = tmp_path / "passwords.tsv"
    words = class_list.enrol(path, ["ada", "emmy"])
    assert class_list.is_right(path, "ada", words["ada"])
    assert not class_list.is_right(path, "ada", words["emmy"])
    assert not class_list.is_right(path, "ada", "")
    assert not class_list.is_right(path, "stranger", "")
    assert not class_list.is_right(tmp_path / "none.tsv", "ada", "")


def test_numbered_students():
    assert class_list.numbered(3) == ["student01", "student02", "student03"]
    with pytest.raises(ValueError, match="1 to 500"):
        class_list.numbered(0)


# Homes


def test_every_student_gets_a_user_id_that_nobody_else_has_or_had(tmp_path):
    table = tmp_path / "uids.json"
    first = homes.uid_of("ada", table, taken={20_001})
    second = homes.uid_of("emmy", table, taken={20_001})
    assert (first, second) == (20_000, 20_002)
    assert homes.uid_of("ada", table, taken={20_000}) == first
    assert 0 not in (first, second)


def test_a_damaged_table_of_user_ids_is_never_guessed_at(tmp_path):
    table = tmp_path / "uids.json"
    for text in ('{"ada": 20000, "emmy": 20000}', '{"ada": "root"}', "[1]", "{"):
        table.write_text(text)
        with pytest.raises(ValueError, match="is damaged"):
            homes.uid_of("grace", table)
        assert table.read_text() == text


def test_notebooks_are_copied_once_and_saved_work_is_kept(tmp_path):
    source, home = tmp_path / "course", tmp_path / "home"
    source.mkdir()
    (source / "further").mkdir()
    for name in ("1_a.ipynb", "2_b.ipynb", "conftest.py", "further/own.ipynb"):
        (source / name).write_text("original")
        (source / name).chmod(0o444)
    homes.make_home(home, None)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    copied = homes.copy_notebooks(source, home)
    wanted = ["1_a.ipynb", "2_b.ipynb", "further/own.ipynb"]
    assert [path.relative_to(home / "notebooks").as_posix() for path in copied] == wanted
    assert os.access(home / "notebooks" / "1_a.ipynb", os.W_OK)
    assert stat.S_IMODE((home / "notebooks" / "1_a.ipynb").stat().st_mode) & 0o200
    (home / "notebooks" / "1_a.ipynb").write_text("my answers")
    (home / "notebooks" / "2_b.ipynb").unlink()
    (source / "1_a.ipynb").chmod(0o644)
    (source / "1_a.ipynb").write_text("a newer version")
    assert [path.name for path in homes.copy_notebooks(source, home)] == ["2_b.ipynb"]
    assert (home / "notebooks" / "1_a.ipynb").read_text() == "my answers"


def test_a_link_put_in_the_way_is_not_followed(tmp_path):
    source, home = tmp_path / "course", tmp_path / "home"
    source.mkdir()
    (source / "1_a.ipynb").write_text("original")
    (home / "notebooks").mkdir(parents=True)
    (home / "notebooks" / "1_a.ipynb").symlink_to(tmp_path / "elsewhere")
    assert homes.copy_notebooks(source, home) == []
    assert not (tmp_path / "elsewhere").exists()


# Settings


def test_settings_survive_and_their_folders_are_closed(tmp_path):
    chosen = course(tmp_path, admins=("teacher",), memory=123)
    path = settings.save(chosen)
    assert settings.load(path) == chosen
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in (Path(chosen.state), chosen.homes, chosen.private, path)]
    assert modes == [0o711, 0o711, 0o700, 0o600]
    path.write_text('{"state": "x", "surprise": 1}')
    with pytest.raises(ValueError, match="surprise"):
        settings.load(path)


def test_a_secret_stays_the_same_and_is_private(tmp_path):
    chosen = course(tmp_path)
    settings.save(chosen)
    first = settings.secret(chosen, "cookie_secret")
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert settings.secret(chosen, "cookie_secret") == first != settings.secret(chosen, "proxy_token")
    assert stat.S_IMODE((chosen.private / "cookie_secret").stat().st_mode) == 0o600


@pytest.mark.parametrize(("text", "wanted"), [("3G", 3 * GIB), ("1.5 GiB", 3 * GIB // 2), ("512m", 2**29), ("7", 7)])
def test_sizes_in_words(text, wanted):
    assert settings.size(text) == wanted


@pytest.mark.parametrize("text", ["", "G", "-1G", "0", "1e3", "3 X"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is not a size"):
        settings.size(text)


def options(*words: str) -> argparse.Namespace:
    return hub.parser().parse_args(list(words))


def test_the_options_choose_accounts_that_protect_students(tmp_path):
    state = ("--state", str(tmp_path))
    assert hub.chosen(options(*state), root=True).accounts == "own"
    assert hub.chosen(options(*state), root=False).accounts == "trial"
    for words, root in (
        (("--accounts", "trial"), True),
        (("--accounts", "own"), False),
        (("--accounts", "system"), False),
    ):
        with pytest.raises(ValueError, match="root"):
            hub.chosen(options(*state, *words), root=root)


@pytest.mark.parametrize(
    "words",
    [
        ("--memory", "100M"),
        ("--cpus", "0"),
        ("--idle", "-1"),
        ("--port", "65530"),
        ("--cert", __file__),
        ("--cert", "no-such-file", "--key", __file__),
        ("--data", "/no/such/folder"),
        ("--admin", "root"),
        ("--first-uid", "0"),
    ],
)
def test_options_that_cannot_work_are_refused(words):
    with pytest.raises(ValueError, match=r"."):
        hub.chosen(options(*words), root=True)


def test_the_state_is_not_in_the_repository():
    for root in (True, False):
        assert not settings.default_state(root).is_relative_to(ROOT)


def test_a_used_port_is_told(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        found = hub.problems(course(tmp_path, port=server.server_port), Path(sys.executable))
    assert any(f"Port {server.server_port} cannot be used" in line for line in found)


# Limits


def test_control_groups_of_version_2_are_written_as_the_kernel_wants_them(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    assert limits.mechanism(tmp_path) == "cgroup2"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +cpu"
    assert (tmp_path / limits.GROUP / "cgroup.subtree_control").read_text() == "+memory +cpu"
    joins = limits.make_group("cgroup2", "ada", 3 * GIB, 1.5, tmp_path)
    folder = tmp_path / limits.GROUP / "ada"
    assert joins == [folder / "cgroup.procs"]
    assert (folder / "memory.max").read_text() == str(3 * GIB)
    assert (folder / "cpu.max").read_text() == "150000 100000"


def test_groups_are_removed_when_they_are_empty(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    for name in ("empty", "busy"):
        (tmp_path / limits.GROUP / name).mkdir(parents=True)
    (tmp_path / limits.GROUP / "busy" / "a file keeps a folder as a process keeps a group").touch()
    limits.remove_groups("cgroup2", tmp_path, seconds=0.0)
    assert [path.name for path in (tmp_path / limits.GROUP).iterdir()] == ["busy"]


def test_without_the_right_controllers_the_watcher_is_chosen(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("hugetlb\n")
    assert limits.mechanism(tmp_path, own="0::/\n") == "watch"
    assert limits.make_group("watch", "ada", 3 * GIB, 2.0, tmp_path) == []


def test_control_groups_of_version_1_lie_inside_our_own(tmp_path):
    (tmp_path / "memory" / "box").mkdir(parents=True)
    (tmp_path / "cpu").mkdir()
    own = "4:memory:/box\n1:cpu:/not/mounted/here\n"
    assert limits.mechanism(tmp_path, own) == "cgroup1"
    limits.make_group("cgroup1", "ada", 2 * GIB, 0.5, tmp_path, own)
    assert (tmp_path / "memory" / "box" / limits.GROUP / "ada" / "memory.limit_in_bytes").read_text() == str(2 * GIB)
    assert (tmp_path / "cpu" / limits.GROUP / "ada" / "cpu.cfs_quota_us").read_text() == "50000"


def test_each_student_gets_the_next_processors():
    assert limits.processors(2, 0, {0, 1, 2, 3, 4}) == {0, 1}
    assert limits.processors(1.5, 1, {0, 1, 2, 3, 4}) == {2, 3}
    assert limits.processors(2, 2, {0, 1, 2, 3, 4}) == {4, 0}
    assert limits.processors(64, 3, {0, 1}) == {0, 1}
    assert limits.threads(1.5)["OMP_NUM_THREADS"] == "2"


@pytest.mark.skipif(not AS_ROOT, reason="control groups and user ids can be given away by root only")
def test_a_process_in_a_group_cannot_take_more_memory():
    kind = limits.mechanism()
    if kind == "watch":
        pytest.skip("this machine has no control groups that may be written to; the watcher's tests stand below")
    name = f"test-{os.getpid()}"
    code = "import os, sys; x = bytearray(int(sys.argv[1]) << 20); print(os.getuid(), len(x) >> 20)"

    def become():
        limits.join(joins)
        os.setgroups([])
        os.setgid(20_000)
        os.setuid(20_000)

    python = shutil.which("python3", path="/usr/bin:/bin") or pytest.skip("no Python that other users may start")
    joins = limits.make_group(kind, name, 96 * 2**20, 1.0)
    try:
        run = [
            subprocess.run([python, "-c", code, mib], cwd="/", preexec_fn=become, capture_output=True, text=True)
            for mib in ("20", "300")
        ]
        assert run[0].stdout.split() == ["20000", "20"]
        assert run[1].returncode == -signal.SIGKILL
    finally:
        for path in joins:
            path.parent.rmdir()
            with contextlib.suppress(OSError):  # a hub may be running
                path.parent.parent.rmdir()


# The watcher


def process(pid: int, gib: float, server: bool = False) -> processes.Process:
    return processes.Process(pid, int(gib * GIB), int(gib * GIB), 0.0, not server, server)


def test_the_watcher_ends_the_largest_process_that_is_not_the_server():
    server, small, large = process(1, 2.5, server=True), process(2, 0.4), process(3, 1.0)
    assert watch.victim([server, small, large], 4 * GIB) is None
    assert watch.victim([server, small, large], 3 * GIB) == large
    assert watch.victim([server], 1 * GIB) is None


def sleeper(state: str, name: str, megabytes: int) -> subprocess.Popen:
    code = f"x = b'1' * ({megabytes} << 20); print('ready', flush=True); import time; time.sleep(60)"
    environment = {processes.STATE: state, "JUPYTERHUB_USER": name, "PATH": os.environ["PATH"]}
    started = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline().strip() == "ready"
    return started


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_watcher_finds_each_students_processes_and_keeps_the_limit(tmp_path):
    chosen = course(tmp_path, memory=150 * 2**20)
    settings.save(chosen)
    started = [sleeper(chosen.state, "ada", 50), sleeper(chosen.state, "emmy", 300), sleeper("another hub", "ada", 300)]
    try:
        found = processes.by_student(chosen.state)
        assert found == {"ada": [started[0].pid], "emmy": [started[1].pid]}
        assert 50 * 2**20 < processes.look(started[0].pid).proportional < 150 * 2**20
        lines = watch.look_once(chosen)
        assert len(lines) == 1
        assert lines[0].startswith("emmy: 0.3")
        assert started[1].wait(10) == -signal.SIGKILL
        assert started[0].poll() is started[2].poll() is None
        assert processes.by_student(chosen.state) == {"ada": [started[0].pid]}
        processes.end([started[0].pid])
        assert started[0].poll() == -signal.SIGTERM
    finally:
        for one in started:
            one.kill()
            one.wait(10)
            one.stdout.close()


# The supervisor


class Ended:
    """Stands for a process that has ended, or never does."""

    def __init__(self, status):
        self.status, self.pid = status, 1

    def poll(self):
        return self.status


def test_what_ends_is_started_again_and_what_cannot_run_is_given_up(tmp_path):
    part, words = supervisor.Part("hub", [], {}, Ended(1)), []
    (tmp_path / "hub.log").write_text("address already in use\n")

    def again(one, logs):
        one.starts.append(time.monotonic())

    with pytest.raises(RuntimeError, match="6 times within a minute(.|\n)*address already in use"):
        supervisor.keep_running([part], tmp_path, lambda: False, words.append, again, pause=0.0)
    assert len(words) == supervisor.RESTARTS + 1

    calm = supervisor.Part("hub", [], {}, Ended(None))
    rounds = iter([False, False, True])
    supervisor.keep_running([calm], tmp_path, lambda: next(rounds), words.append, again, pause=0.0)
    assert calm.starts == []


def test_secrets_are_in_no_command_line_and_only_where_they_are_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "of another hub")
    chosen = course(tmp_path)
    settings.save(chosen)
    parts = {part.name: part for part in supervisor.parts(chosen, Path("proxy"), "watch")}
    assert list(parts) == ["proxy", "hub", "culler", "watch"]
    secrets = {settings.secret(chosen, f"{name}_token"): name for name in ("proxy", "culler", "stopper")}
    assert not secrets.keys() & {word for part in parts.values() for word in part.command}
    holders = {
        secrets[value]: part.name for part in parts.values() for value in part.environment.values() if value in secrets
    }
    assert holders == {"proxy": "proxy", "culler": "culler"}
    assert all("of another hub" not in part.environment.values() for part in parts.values())
    assert "--api-ip" in parts["proxy"].command
    assert "culler" not in {
        part.name for part in supervisor.parts(course(tmp_path, idle_minutes=0), Path("p"), "cgroup2")
    }


# JupyterHub's own parts


def test_the_configuration_says_what_it_must(tmp_path, monkeypatch):
    pytest.importorskip("jupyterhub", reason='JupyterHub is not installed; "make hub" installs it')
    from traitlets.config import PyFileConfigLoader

    chosen = course(tmp_path, port=8123, admins=("teacher",))
    monkeypatch.setenv("COURSE_HUB_SETTINGS", str(settings.save(chosen)))
    found = PyFileConfigLoader("jupyterhub_config.py", str(HUB)).load_config()
    assert found.JupyterHub.cleanup_servers is False
    assert found.JupyterHub.cleanup_proxy is False
    assert found.ConfigurableHTTPProxy.should_start is False
    assert found.JupyterHub.bind_url == "http://127.0.0.1:8123"
    assert found.Spawner.environment["COURSE_DATA_DIR"] == chosen.data
    assert found.Spawner.mem_limit == chosen.memory
    assert found.Authenticator.admin_users == {"teacher"}
    assert "allow_all" not in found.Authenticator
    assert Path(found.JupyterHub.cookie_secret_file).is_relative_to(chosen.private)
    from jupyterhub.app import JupyterHub

    assert JupyterHub(config=found).cleanup_servers is False  # the names are those that JupyterHub knows
    scopes = {role["name"]: set(role["scopes"]) for role in found.JupyterHub.load_roles}
    assert scopes["hub-stopper"] == {"shutdown"}
    assert not any("admin" in scope for wanted in scopes.values() for scope in wanted)


def test_only_the_class_gets_in(tmp_path):
    pytest.importorskip("jupyterhub", reason='JupyterHub is not installed; "make hub" installs it')
    import asyncio

    from course_hub import jupyter

    path = tmp_path / "passwords.tsv"
    words = class_list.enrol(path, ["ada"])
    door = jupyter.ClassListAuthenticator(passwords=str(path))
    jupyter.SECONDS_AFTER_A_WRONG_PASSWORD = 0.0

    def log_in(name, word):
        return asyncio.run(door.get_authenticated_user(None, {"username": name, "password": word}))

    assert log_in("Ada", words["ada"])["name"] == "ada"
    assert log_in("ada", "wrong") is None
    assert log_in("emmy", words["ada"]) is None
    assert asyncio.run(door.check_allowed("emmy")) is False
    class_list.enrol(path, ["emmy"])  # while the hub runs
    assert log_in("ada", words["ada"]) is None
    assert log_in("emmy", class_list.passwords(path)["emmy"])["name"] == "emmy"


def test_no_server_ever_runs_as_root(tmp_path, monkeypatch):
    pytest.importorskip("jupyterhub", reason='JupyterHub is not installed; "make hub" installs it')
    from course_hub import jupyter

    chosen = course(tmp_path)
    settings.make_folders(chosen)

    def account(accounts, root):
        monkeypatch.setattr(limits, "as_root", lambda: root)
        changed = course(tmp_path, accounts=accounts)
        spawner = SimpleNamespace(user=SimpleNamespace(name="ada"), course=changed)
        return jupyter.StudentSpawner.account(spawner)

    assert account("trial", root=False) == (chosen.homes / "ada", None, None)
    assert account("own", root=True) == (chosen.homes / "ada", 20_000, 20_000)
    with pytest.raises(PermissionError, match="as root"):
        account("trial", root=True)
    rooted = SimpleNamespace(pw_dir="/root", pw_uid=0, pw_gid=0)
    monkeypatch.setattr(jupyter.pwd, "getpwnam", lambda name: rooted)
    with pytest.raises(PermissionError, match="as root"):
        account("system", root=True)


# Values for Kubernetes

VALUES = yaml.safe_load((HUB / "zero-to-jupyterhub.yaml").read_text(encoding="utf-8"))
TOP = "enabled fullnameOverride nameOverride imagePullSecret imagePullSecrets hub proxy singleuser scheduling prePuller"
TOP += " ingress httpRoute cull debug rbac global custom"
SINGLEUSER = (
    "allowPrivilegeEscalation cloudMetadata cmd cpu defaultUrl events extraAnnotations extraContainers extraEnv"
)
SINGLEUSER += " extraFiles extraLabels extraNodeAffinity extraPodAffinity extraPodAntiAffinity extraPodConfig"
SINGLEUSER += " extraResource extraTolerations fsGid image initContainers lifecycleHooks memory networkPolicy"
SINGLEUSER += " networkTools nodeSelector podNameTemplate profileList serviceAccountName startTimeout storage uid"


def test_the_values_use_keys_that_the_chart_has():
    assert set(VALUES) <= set(TOP.split())
    user = VALUES["singleuser"]
    assert set(user) <= set(SINGLEUSER.split())
    assert set(user["memory"]) == set(user["cpu"]) == {"guarantee", "limit"}
    assert isinstance(user["startTimeout"], int)
    assert all(isinstance(value, str) for value in user["extraEnv"].values())
    assert set(VALUES["prePuller"]) <= {"annotations", "resources", "hook", "continuous", "extraImages", "pause"}
    assert VALUES["scheduling"]["userPlaceholder"]["replicas"] > 0
    assert set(VALUES["cull"]) <= {
        "enabled",
        "timeout",
        "every",
        "users",
        "removeNamedServers",
        "maxAge",
        "concurrency",
    }
    assert all(isinstance(VALUES["cull"][key], int) for key in ("timeout", "every"))


def test_the_values_mount_the_data_read_only_where_the_course_looks():
    user = VALUES["singleuser"]
    volumes = {volume["name"]: volume for volume in user["storage"]["extraVolumes"]}
    (mount,) = user["storage"]["extraVolumeMounts"]
    assert mount["readOnly"] is True
    assert volumes[mount["name"]]["persistentVolumeClaim"]["readOnly"] is True
    assert mount["mountPath"] == user["extraEnv"]["COURSE_DATA_DIR"]
    assert user["image"]["tag"] not in ("", "latest")


def test_a_failing_download_does_not_keep_a_server_from_starting(tmp_path):
    command = VALUES["singleuser"]["lifecycleHooks"]["postStart"]["exec"]["command"]
    assert command[2].startswith("gitpuller ")
    (tmp_path / "gitpuller").write_text("#!/bin/sh\necho tried\nexit 1\n")
    (tmp_path / "gitpuller").chmod(0o755)
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "tried\n")


def test_the_profiles_speak_kubespawners_language():
    profiles = VALUES["singleuser"]["profileList"]
    assert [bool(profile.get("default")) for profile in profiles].count(True) == 1
    known = {"mem_guarantee", "mem_limit", "cpu_guarantee", "cpu_limit", "image", "environment", "node_selector"}
    for profile in profiles:
        assert set(profile.get("kubespawner_override", {})) <= known  # snake_case; camelCase would be ignored silently
    memory = VALUES["singleuser"]["memory"]
    assert settings.size(memory["guarantee"]) < settings.size(memory["limit"])


def test_the_steps_name_files_and_options_that_exist():
    text = (HUB / "README.md").read_text(encoding="utf-8") + (HUB / "littlest-jupyterhub.md").read_text(
        encoding="utf-8"
    )
    for path in set(re.findall(r"(?:binder|tests)/[\w./-]+\.(?:py|md|yaml|json)", text)):
        assert (ROOT / path).exists(), path
    known = {word for script in (hub, load_test) for a in script.parser()._actions for word in a.option_strings}
    for line in re.findall(r"make (?:test-)?hub ARGS=\"(.*?)\"", text):
        assert set(re.findall(r"--[\w-]+", line)) <= known, line
