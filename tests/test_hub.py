"""The configuration of the hub for one machine, with systemd and without, and the settings for larger hubs."""

import os
import re
import subprocess
from pathlib import Path

import load_test
import pytest
import yaml

ROOT = Path(__file__).parents[1]
HUB = ROOT / "binder" / "hub"


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """The configuration as JupyterHub reads it, with or without root and systemd."""

    def read(systemd: bool, root: bool = True, trial: str = "", folders: tuple = ()):
        Config = pytest.importorskip("traitlets.config").Config
        is_dir, exists = Path.is_dir, Path.exists
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        monkeypatch.setattr(
            Path, "is_dir", lambda path: systemd if str(path) == "/run/systemd/system" else is_dir(path)
        )
        monkeypatch.setattr(Path, "exists", lambda path: str(path) in folders or exists(path))
        monkeypatch.setenv("COURSE_HUB", str(tmp_path / "hub"))
        monkeypatch.setenv("COURSE_HUB_TRIAL", trial)
        c = Config()
        text = (HUB / "jupyterhub_config.py").read_text(encoding="utf-8")
        exec(compile(text, "config", "exec"), {"get_config": lambda: c, "__file__": str(HUB / "jupyterhub_config.py")})
        return c

    return read


def test_the_configuration_can_be_read_in_two_minutes():
    assert len((HUB / "jupyterhub_config.py").read_text(encoding="utf-8").splitlines()) <= 150
    assert [path.name for path in HUB.glob("**/*.py")] == ["jupyterhub_config.py"]


def test_with_systemd_each_student_is_a_unit_with_limits(configured, capsys):
    c = configured(systemd=True)
    assert c.JupyterHub.spawner_class == "systemd"
    assert c.SystemdSpawner.dynamic_users
    assert c.SystemdSpawner.isolate_tmp
    assert (c.Spawner.mem_limit, c.Spawner.cpu_limit) == ("3G", 2)
    assert str(ROOT) in c.SystemdSpawner.readonly_paths
    assert c.JupyterHub.cleanup_servers is False  # they outlive a restart of the hub
    assert all("{" not in word for word in [*c.Spawner.cmd, *c.Spawner.args])  # SystemdSpawner formats them
    assert "3 GB" in capsys.readouterr().out


def test_without_systemd_it_is_a_trial_and_says_what_does_not_hold(configured, capsys):
    c = configured(systemd=False, root=False)
    assert c.JupyterHub.spawner_class == "simple"
    assert "no limit" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="ordinary user"):
        configured(systemd=False)
    assert "--allow-root" in configured(systemd=False, trial="root").Spawner.args


def test_class_list_and_password_are_made_once_and_nobody_else_can_read_them(configured, tmp_path):
    c = configured(systemd=True)
    folder = tmp_path / "hub"
    assert c.Authenticator.allowed_users == {"student01", "student02", "student03"}
    word = c.SharedPasswordAuthenticator.user_password
    assert len(word) >= 12
    assert folder.stat().st_mode & 0o077 == (folder / "password.txt").stat().st_mode & 0o077 == 0
    (folder / "class.txt").write_text("Ada\n\nemmy \n")
    c = configured(systemd=True)
    assert c.Authenticator.allowed_users == {"ada", "emmy"}
    assert c.SharedPasswordAuthenticator.user_password == word


def test_a_name_that_a_program_s_folder_has_is_refused(configured, tmp_path):
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "class.txt").write_text("docker\nada\n")
    with pytest.raises(SystemExit, match="docker"):
        configured(systemd=True, folders=("/var/lib/docker",))
    configured(systemd=True, folders=("/var/lib/docker", "/var/lib/private/docker"))


def test_the_notebooks_are_copied_into_a_home_and_never_over_saved_work(configured, tmp_path):
    c = configured(systemd=True)
    shell, run, copy, source = c.Spawner.cmd[:4]
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run([shell, run, copy, source, "echo", "started"], cwd=home, capture_output=True, text=True)
    assert done.stdout == "started\n"
    book = home / "notebooks" / "1_gradients_and_taylor.ipynb"
    assert book.read_bytes() == (ROOT / "notebooks" / book.name).read_bytes()
    book.write_text("mine")
    subprocess.run([shell, run, copy, source, "true"], cwd=home, check=True, capture_output=True)
    assert book.read_text() == "mine"


def test_what_systemd_would_be_told_is_right(configured, tmp_path):
    """SystemdSpawner's own command, recorded; where systemd-analyze is there it reads the same as a unit."""
    pytest.importorskip("systemdspawner", reason='SystemdSpawner is not installed; "make hub" installs it')
    import asyncio
    from unittest import mock

    from systemdspawner import systemd

    c = configured(systemd=True)
    properties = {"DynamicUser": "yes", "MemoryMax": 3 * 2**30, **c.SystemdSpawner.unit_extra_properties}
    with mock.patch.object(systemd.asyncio, "create_subprocess_exec", mock.AsyncMock()) as called:
        asyncio.run(systemd.start_transient_service("x", c.Spawner.cmd, c.Spawner.args, "/", properties=properties))
    command = called.await_args[0]
    assert command[0] == "systemd-run"
    given = dict(word[11:].split("=", 1) for word in command if word.startswith("--property="))
    assert given["StateDirectoryMode"] == "0700"
    assert given["OOMPolicy"] == "continue"  # a kernel that takes too much ends, and its server stays
    unit = tmp_path / "x.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n" + "".join(f"{key}={value}\n" for key, value in given.items()))
    try:
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not here")
    assert not [line for line in done.stderr.splitlines() if "x.service" in line], done.stderr


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
    assert float(memory["guarantee"].removesuffix("G")) < float(memory["limit"].removesuffix("G"))


def test_the_steps_name_files_and_options_that_exist():
    pages = [HUB / "README.md", HUB / "littlest-jupyterhub.md", ROOT / "INSTRUCTORS.md"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    for path in set(re.findall(r"(?:binder|tests)/[\w./-]+\.(?:py|md|yaml|json)", text)):
        assert (ROOT / path).exists(), path
    known = {word for action in load_test.parser()._actions for word in action.option_strings}
    for line in re.findall(r"make test-hub ARGS=\"(.*?)\"", text):
        assert set(re.findall(r"--[\w-]+", line)) <= known, line
