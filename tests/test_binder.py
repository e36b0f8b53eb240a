"""Binder: the environment agrees with the package, the scripts do what repo2docker expects, the links open notebooks."""

import filecmp
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat
import pytest
import yaml
from benchmarks import measure_notebook_memory as memory

from helpers import files

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS = ("postBuild", "start")
linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from Linux's /proc")


def load_links():
    spec = importlib.util.spec_from_file_location("binder_links", BINDER / "links.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


links = load_links()


def environment(path: Path) -> tuple[dict, list[str]]:
    """The file, and its pip requirements without blanks."""
    whole = yaml.safe_load(path.read_text())
    (pip,) = (part["pip"] for part in whole["dependencies"] if isinstance(part, dict))
    return whole, [re.sub(r"\s+", "", line).replace("'", '"') for line in pip]


def test_the_environment_has_no_local_lines_and_the_same_conda_packages_as_the_other():
    whole, pip = environment(BINDER / "environment.yml")
    assert [line for line in pip if line.startswith(("-", ".", "/"))] == []
    root = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert (whole["name"], whole["channels"]) == (root["name"], root["channels"])
    conda = [part for part in whole["dependencies"] if isinstance(part, str)]
    assert conda == [part for part in root["dependencies"] if isinstance(part, str)]


def test_repo2docker_understands_the_version_of_python():
    """It reads x.y after "=", and takes another Python for anything else."""
    whole, _ = environment(BINDER / "environment.yml")
    assert [part for part in whole["dependencies"] if str(part).startswith("python")] == ["python=3.12"]
    assert int(re.fullmatch(r">=3\.(\d+)", PROJECT["requires-python"])[1]) <= 12


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_executable_and_stop_at_the_first_failure(name):
    path = BINDER / name
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    code = [line for line in lines if line.strip() and not line.startswith("#")]
    assert code[0] == "set -euo pipefail"
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", path], capture_output=True, text=True).stderr == ""
    listed = subprocess.run(["git", "ls-files", "--stage", path], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:  # else this is no checkout, or the file is not added yet
        assert listed.stdout.startswith("100755 ")


def launch(*command: str, **environment: str) -> subprocess.CompletedProcess:
    inherited = {name: value for name, value in os.environ.items() if "THREADS" not in name and name != "CPU_LIMIT"}
    return subprocess.run(
        [BINDER / "start", *command], env={**inherited, **environment}, capture_output=True, text=True
    )


def test_start_becomes_the_command_and_keeps_its_words_and_status():
    done = launch(sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "two words", "*", "")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (7, "['two words', '*', '']", "")
    assert (BINDER / "start").read_text().rstrip().splitlines()[-1] == 'exec "$@"'


THREADS = "TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS OMP_NUM_THREADS OPENBLAS_NUM_THREADS".split()


@pytest.mark.parametrize(
    ("limit", "threads"),
    [("1.0", "1"), ("0.5", "1"), ("2", "2"), ("08", "8"), ("3.9", "3"), ("", None), ("1e3", None), ("-2", None)],
)
def test_start_asks_for_as_many_threads_as_the_server_has_processors(limit, threads):
    code = f"import os; print([os.environ.get(name) for name in {THREADS}])"
    done = launch(sys.executable, "-c", code, CPU_LIMIT=limit)
    assert (done.stdout.strip(), done.stderr) == (str([threads] * len(THREADS)), "")


def test_start_leaves_the_threads_alone_where_there_is_no_limit():
    code = f"import os; print([os.environ.get(name) for name in {THREADS}])"
    assert launch(sys.executable, "-c", code).stdout.strip() == str([None] * len(THREADS))
    assert launch(sys.executable, "-c", code, OMP_NUM_THREADS="3").stdout.count("'3'") == 1


def copied(tmp_path: Path) -> Path:
    """A copy of the repository (data as links), and an environment that sees all installed packages but the course."""
    copy = tmp_path / "repository"
    ignored = shutil.ignore_patterns("__pycache__", "*.partial", "hub")
    shutil.copytree(ROOT / "data", copy / "data", ignore=ignored, copy_function=os.symlink)
    for name in ("helpers", "binder"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    (copy / "notebooks").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    venv.create(tmp_path / "env", symlinks=True)
    (packages,) = (tmp_path / "env/lib").glob("python*/site-packages")
    (packages / "packages.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")) + "\n")
    return copy


@pytest.fixture
def image(tmp_path):
    return copied(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy after its build, what stood in it before, and what the build said."""
    image = copied(tmp_path_factory.mktemp("built"))
    before = {path.name for path in image.iterdir()}
    return image, before, build(image)


STUB = """#!/bin/bash
echo "$*" >> "{folder}/calls"
case "$1 $2" in
"-m pip") mkdir -p build/lib build/html understanding_networks.egg-info ;;
"-m helpers.check") exit "${{CHECKED:-0}}" ;;
*) exec "{folder}/env/bin/python" "$@" ;;
esac
"""


def build(image: Path, stub: bool = True, **environment: str) -> subprocess.CompletedProcess:
    """postBuild without a network. With the stub, pip and the check are only written down, in the file ``calls``."""
    folder = image.parent
    path = folder / "env/bin"
    if stub:
        path = folder / "stub"
        path.mkdir(exist_ok=True)
        (path / "python").write_text(STUB.format(folder=folder))
        (path / "python").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "COURSE_", "PYTHON"))}
    closed = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    own = {"PATH": f"{path}:{os.environ['PATH']}", "COURSE_CACHE_DIR": str(folder / "cache")}
    whole = {**kept, **closed, **pip, **own, **environment}
    return subprocess.run(["binder/postBuild"], cwd=image, env=whole, capture_output=True, text=True, timeout=300)


def share(image: Path) -> Path:
    return image.parent / "env/share/understanding-networks"


def test_post_build_installs_then_copies_the_data_outside_the_home_then_checks(built):
    image, _, done = built
    assert (done.returncode, done.stderr) == (0, "")
    calls = (image.parent / "calls").read_text().splitlines()
    assert calls[0] == "-m pip install --no-deps --no-cache-dir ."
    assert calls[-1] == "-m helpers.check"
    copied = {path.relative_to(share(image)).as_posix() for path in share(image).rglob("*") if path.is_file()}
    assert {path for path, file in files.FILES.items() if file.url is None} < copied
    assert {path for path in files.unlisted() if (ROOT / "data" / path).is_file()} < copied
    assert filecmp.cmpfiles(ROOT / "data", share(image), copied, shallow=False)[1:] == ([], [])
    assert not any(path.is_symlink() for path in share(image).rglob("*"))


def test_post_build_leaves_nothing_of_pip_s_in_the_folder_of_the_visitors(built):
    image, before, _ = built
    assert {path.name for path in image.iterdir()} - before == {"build"}  # may hold pages that somebody rendered
    assert [path.name for path in (image / "build").iterdir()] == ["html"]


def test_jupyterlab_reads_the_setting_that_ends_the_kernel_of_a_closed_notebook(built):
    from jupyterlab.commands import get_app_dir
    from jupyterlab_server.settings_utils import _get_overrides

    settings, error = _get_overrides(str(built[0].parent / "env/share/jupyter/lab/settings"))
    assert (settings["@jupyterlab/notebook-extension:tracker"], error) == ({"kernelShutdown": True}, "")
    schema = Path(get_app_dir()) / "schemas/@jupyterlab/notebook-extension/tracker.json"
    assert json.loads(schema.read_text())["properties"]["kernelShutdown"]["type"] == "boolean"


def test_post_build_fails_where_the_check_fails(image):
    assert build(image, CHECKED="1").returncode != 0


def test_post_build_fails_where_a_bundled_file_is_damaged(image):
    file = image / "data/imagenet_class_index.json"
    file.unlink()
    file.write_text("[]")
    done = build(image)
    assert done.returncode != 0
    assert "imagenet_class_index.json" in done.stderr
    assert "-m helpers.check" not in (image.parent / "calls").read_text()


def test_post_build_goes_on_with_a_plain_line_where_a_download_fails(image):
    """Binder's image fetches nothing by itself; an image for a hub may."""
    script = image / "binder/postBuild"
    text = script.read_text()
    assert text.count("\ndownloads=()\n") == 1
    name = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    script.write_text(text.replace("\ndownloads=()\n", f"\ndownloads=({name})\n"))
    done = build(image)
    assert done.returncode == 0
    assert f"{name} could not be fetched" in done.stdout
    assert (image.parent / "calls").read_text().splitlines()[-1] == "-m helpers.check"
    assert not list(share(image).glob("vgg16/*.h5"))


def test_post_build_with_the_real_pip_and_the_real_check(image):
    done = build(image, stub=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("Every notebook can run.")
    python = image.parent / "env/bin/python"
    code = "import helpers.files; print(helpers.files.__file__)"
    where = subprocess.run([python, "-c", code], cwd=image.parent, capture_output=True, text=True, check=True)
    assert where.stdout.startswith(str(image.parent / "env/lib"))


def test_repo2docker_picks_conda_this_python_and_both_scripts(tmp_path):
    """Its own dry run, which needs neither Docker nor a network."""
    program = shutil.which("repo2docker")
    if program is None:
        pytest.skip("repo2docker is not installed: python -m pip install jupyter-repo2docker")
    copy = tmp_path / "repository"
    shutil.copytree(BINDER, copy / "binder", ignore=shutil.ignore_patterns("hub", "__pycache__"))
    for name in ("pyproject.toml", "environment.yml"):  # to be ignored, and what is not is seen
        shutil.copy(ROOT / name, copy)
    command = [program, "--no-build", "--debug", "--user-id", "1000", "--user-name", "jovyan", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    whole = done.stdout + done.stderr
    assert "Building conda environment for python=3.12" in whole
    recipe = done.stdout.splitlines()
    for line in (
        "RUN chmod +x binder/postBuild",
        "RUN ./binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ):
        assert line in recipe
    assert any("env update" in line and '--file "binder/environment.yml"' in line for line in recipe)
    # installed before the repository is copied: a commit does not have all packages installed anew
    update = next(number for number, line in enumerate(recipe) if "env update" in line)
    assert update < next(number for number, line in enumerate(recipe) if line.endswith("src/ ${REPO_DIR}/"))


# The links

README = f"before\n{links.BEGIN}\nold\n{links.END}\nafter\n"


def written(tmp_path, *arguments: str, text: str = README) -> tuple[int, str]:
    file = tmp_path / "README.md"
    file.write_text(text, encoding="utf-8")
    status = links.main([*arguments, "--file", str(file)])
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    return status, file.read_text(encoding="utf-8")


def test_each_notebook_has_a_binder_link_that_decodes_to_its_path(tmp_path):
    status, text = written(tmp_path, "--repository", "some-one/a.course", "--tag", "v0.1.0")
    assert status == 0
    assert text.startswith(f"before\n{links.BEGIN}\n[![")
    assert text.endswith(f"{links.END}\nafter\n")
    assert "old" not in text
    addresses = re.findall(r"\]\((https://mybinder\.org/v2/[^)\s]*)\)", text)
    opened = []
    for address in addresses:
        parts = urlsplit(address)
        assert unquote(parts.path) == "/v2/gh/some-one/a.course/v0.1.0"
        assert re.fullmatch(r"urlpath=[A-Za-z0-9_.~%-]+", parts.query)
        opened.append(parse_qs(parts.query, strict_parsing=True)["urlpath"][0].removeprefix("lab/tree/"))
    paths = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/[0-9]*.ipynb"))
    assert opened == [paths[0], *paths]  # the badge opens the first
    assert len(paths) == 3


def test_each_notebook_has_a_hub_link_that_decodes_to_its_parts(tmp_path):
    hub = ("--hub", "https://hub.example.org/base/", "--branch", "course/2026")
    status, text = written(tmp_path, "--repository", "some-one/a.course", "--tag", "v0.1.0", *hub)
    assert status == 0
    addresses = re.findall(r"\]\((https://hub\.[^)\s]*)\)", text)
    paths = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/[0-9]*.ipynb"))
    assert len(addresses) == len(paths)
    for address, path in zip(addresses, paths, strict=True):
        parts = urlsplit(address)
        assert (
            f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://hub.example.org/base/hub/user-redirect/git-pull"
        )
        assert parse_qs(parts.query, strict_parsing=True) == {
            "repo": ["https://github.com/some-one/a.course"],
            "branch": ["course/2026"],
            "urlpath": [f"lab/tree/a.course/{path}"],
        }
        assert re.fullmatch(r"[A-Za-z0-9_.~%=&-]+", parts.query)


def test_writing_the_links_again_changes_nothing(tmp_path):
    arguments = ("--repository", "https://github.com/some-one/course.git", "--tag", "v0.1.0")
    _, once = written(tmp_path, *arguments)
    status, twice = written(tmp_path, *arguments, text=once)
    assert (status, twice) == (0, once)
    assert once.count("/some-one/course/v0.1.0?") == 4


@pytest.mark.parametrize("tag", ["main", "master", "HEAD", "", "v0.1.0/x", "v0.1.0?a=b", "latest", "1", "v1.2 "])
def test_a_branch_is_no_tag(tmp_path, capsys, tag):
    assert written(tmp_path, "--repository", "a/b", "--tag", tag) == (1, README)
    assert "tag such as v0.1.0" in capsys.readouterr().err


@pytest.mark.parametrize("tag", ["v0.1.0", "1.2", "v2.0rc1", "v1.0.0-rc.1", "v0.1.0.post1"])
def test_versions_are_tags(tmp_path, tag):
    assert written(tmp_path, "--repository", "a/b", "--tag", tag)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hub", "https://hub.example.org"), "need both"),
        (("--branch", "course"), "need both"),
        (("--hub", "hub.example.org", "--branch", "course"), "begins with https://"),
        (("--hub", "https://hub.example.org/?x", "--branch", "course"), "begins with https://"),
        (("--hub", "https://hub.example.org", "--branch", "v0.1.0"), "not a tag"),
        (("--hub", "https://hub.example.org", "--branch", "a b"), "names a branch"),
    ],
)
def test_a_hub_s_links_need_an_address_and_a_branch(tmp_path, capsys, arguments, message):
    assert written(tmp_path, "--repository", "a/b", "--tag", "v0.1.0", *arguments) == (1, README)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", links.BEGIN, f"{links.END}\n{links.BEGIN}", README + README])
def test_a_file_without_the_marks_is_left_alone(tmp_path, capsys, text):
    assert written(tmp_path, "--repository", "a/b", "--tag", "v0.1.0", text=text) == (1, text)
    assert links.BEGIN in capsys.readouterr().err


@pytest.mark.parametrize("named", ["course", "a/b/c", "a b/c", "https://elsewhere.example/a/b", "/b", "a/"])
def test_a_repository_is_owner_and_name(named):
    with pytest.raises(ValueError, match="owner/name on GitHub"):
        links.repository_named(named, "")


def test_the_repository_is_taken_from_the_citation():
    assert links.repository_named(None, 'title: x\nrepository-code: "https://github.com/a/b"\nversion: 1\n') == "a/b"
    assert links.repository_named("c/d", 'repository-code: "https://github.com/a/b"\n') == "c/d"
    with pytest.raises(ValueError, match="Give --repository owner/name"):
        links.repository_named(None, "title: x\n")


# The memory


@pytest.fixture
def notebook(tmp_path):
    """Writes a notebook with these cells."""

    def write(*cells: str) -> Path:
        path = tmp_path / "9_a b.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
        return path

    return write


LOCATE = f"from helpers.files import locate\nplace = str(locate({memory.VGG16!r}))"


def stand_in(folder: Path) -> None:
    (folder / memory.VGG16).parent.mkdir()
    (folder / memory.VGG16).write_text("no weights")


@linux
def test_a_short_peak_in_a_cell_is_seen_and_the_server_is_counted_apart(notebook, tmp_path, capsys):
    path = notebook(
        f"import numpy as np\n{LOCATE}\nassert not place.startswith({str(tmp_path)!r})",
        "block = np.ones(40_000_000)\ndel block",
        "1 + 1",
    )
    stand_in(tmp_path)
    seconds, held = memory.measure(path, tmp_path, (), cells=True)
    assert 0 < seconds < 300
    assert 320e6 < held.below < 550e6  # 40 million float64, and a kernel
    assert 50e6 < held.root < 250e6  # JupyterLab
    assert held.below < held.together <= held.root + held.below
    assert 0 < held.shared_out <= held.together
    assert re.findall(r"cell +(\d)", capsys.readouterr().out)[-1] == "1"
    assert memory.tree(os.getpid()) == [os.getpid()]  # nothing was left running
    assert {file.name for file in tmp_path.iterdir()} == {path.name, Path(memory.VGG16).parent.name}


@linux
def test_a_peak_that_is_over_counts_and_so_do_processes_below():
    code = "block = bytearray(b'1') * 200_000_000; del block; print(flush=True); input()"
    below = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with subprocess.Popen([sys.executable, "-c", below], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        held = memory.Memory()
        held.look(process.pid)
        process.stdin.close()
    assert held.root < 100e6 < 200e6 < held.below < 300e6
    assert held.together == held.root + held.below
    assert 0 < held.shared_out < 100e6  # what they hold now


@linux
def test_stand_ins_are_taken_for_the_files_where_wanted(notebook, tmp_path):
    stand_in(tmp_path)
    path = notebook(f"{LOCATE}\nassert place.startswith({str(tmp_path)!r})")
    memory.measure(path, tmp_path, (memory.VGG16,), cells=False)


@linux
def test_a_cell_that_fails_and_a_kernel_that_dies_are_errors(notebook, tmp_path):
    with memory.server(tmp_path, dict(os.environ)) as (address, token, _):
        for cell, said in (
            ("assert 1 == 2", r"AssertionError.*in the cell:\nassert 1"),
            ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", r"kernel died in the cell:\nimport os, signal"),
        ):
            with pytest.raises(RuntimeError, match=said):
                memory.run(address, token, notebook(cell).name, lambda *_: None)
    assert memory.tree(os.getpid()) == [os.getpid()]


def test_all_events_are_as_many_as_the_full_set_and_divided_like_it(tmp_path, monkeypatch):
    from helpers.higgs.events import FILES, read_higgs_csv

    assert sum(memory.PARTS.values()) == FILES["full"][1]
    monkeypatch.setattr(memory, "PARTS", {"t": 30_000, "b": 10, "v": 22_801, "u": 3})
    memory.write_all_events(tmp_path / "events.csv.gz")
    events = read_higgs_csv(tmp_path / "events.csv.gz")
    assert {part: int((events.sets == part).sum()) for part in "tbvu"} == memory.PARTS
