"""Memory of the students and of the hub, sampled while a class is at work."""

import json
import os
import subprocess
import sys

import measuring
import pytest
from course_hub import processes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peaks_of_students_and_hub_are_kept_apart(tmp_path):
    code = "x = b'1' * (50 << 20); print('ready', flush=True); import time; time.sleep(60)"
    sampler = measuring.Sampler(str(tmp_path), tmp_path)
    started = []
    try:
        for state, name in ((str(tmp_path), "ada"), ("another hub", "emmy")):
            environment = {processes.STATE: state, "JUPYTERHUB_USER": name, "PATH": os.environ["PATH"]}
            command = [sys.executable, "-c", code]
            started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
            assert started[-1].stdout.readline().strip() == "ready"
        (tmp_path / "pids.json").write_text(json.dumps({"proxy": started[1].pid}))
        sampler.sample()
    finally:
        for one in started:
            one.kill()
            one.wait(10)
            one.stdout.close()
    sampler.sample()  # when it is over
    assert set(sampler.students) == {"ada"}
    assert 50 * 2**20 < sampler.students["ada"].memory < 150 * 2**20
    assert sampler.together == sampler.students["ada"].memory
    assert 50 * 2**20 < sampler.hub.memory < 150 * 2**20
