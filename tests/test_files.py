"""Which files there are and where, what a damaged one gets, and downloads by the real pooch from a server with faults."""

import contextlib
import errno
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest
from loopback import serve

from helpers import download, files
from helpers.files import FILES, CourseFile, DamagedFileError, cache_folder, fetch, folders, locate

ROOT = Path(__file__).parents[1]
CONTENT = hashlib.shake_256(b"the same bytes every time").digest(200_000)
PATH = "vgg16/some-weights.bin"
BUNDLED = "atlas-higgs/some-events.csv"


@pytest.fixture(scope="module")
def server():
    with serve(CONTENT) as loopback:
        yield loopback


@pytest.fixture(autouse=True)
def sandbox(monkeypatch, tmp_path):
    """Every folder inside ``tmp_path``, and only two files in the course: one to download, one bundled."""
    for name in ("prefix", "repository/data", "repository/notebooks", "cache"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "repository" / "data" / "README.md").write_text("what is here")
    monkeypatch.setattr(files, "__file__", str(tmp_path / "repository" / "helpers" / "files.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    sha256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    large = CourseFile(PATH, "some weights", "none", len(CONTENT), sha256, "set by the test")
    real = dict(FILES)
    FILES.clear()
    FILES.update({PATH: large, BUNDLED: replace(large, path=BUNDLED, url=None)})
    monkeypatch.setattr(files, "CHUNK", 4096)
    monkeypatch.setattr(pooch.core, "time", SimpleNamespace(sleep=lambda seconds: None))  # between two attempts
    yield tmp_path
    FILES.clear()
    FILES.update(real)


@pytest.fixture
def address(sandbox, server):
    """Choose the server's behaviour: ``address("good")``."""

    def choose(behaviour):
        server.requests.clear()
        url = behaviour if ":" in behaviour else f"{server.address}/{behaviour}/some-weights.bin"
        FILES[PATH] = replace(FILES[PATH], url=url)  # the sandbox restores the table
        return url

    return choose


def put(folder, content=CONTENT, path=PATH):
    target = Path(folder) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


def everything_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if not path.is_dir())


# --- where files are looked for -------------------------------------------------------------------------------------


def test_folders_are_searched_in_the_documented_order(monkeypatch, sandbox):
    places = [
        sandbox / "named",
        sandbox / "prefix" / "share" / "understanding-networks",
        sandbox / "repository" / "data",
        sandbox / "cache",
    ]
    assert folders() == places[1:]
    monkeypatch.setenv("COURSE_DATA_DIR", str(places[0]))
    assert folders() == places
    for place in reversed(places):  # each one that is filled hides those behind it
        put(place)
        assert locate(PATH) == place / PATH


def test_an_empty_variable_counts_as_unset(monkeypatch, sandbox):
    monkeypatch.setenv("COURSE_DATA_DIR", "")
    assert sandbox not in folders()


def test_an_installed_package_finds_the_repository_above_the_working_directory(monkeypatch, sandbox):
    monkeypatch.setattr(files, "__file__", str(sandbox / "site-packages" / "helpers" / "files.py"))
    assert sandbox / "repository" / "data" not in folders()
    monkeypatch.chdir(sandbox / "repository" / "notebooks")
    assert sandbox / "repository" / "data" in folders()


def test_a_deleted_working_directory_does_no_harm(monkeypatch, sandbox):
    (sandbox / "gone").mkdir()
    monkeypatch.chdir(sandbox / "gone")
    (sandbox / "gone").rmdir()
    put(sandbox / "cache")
    assert locate(PATH) == sandbox / "cache" / PATH


def test_the_cache_is_the_users_own(monkeypatch, sandbox):
    monkeypatch.delenv("COURSE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(sandbox / "home"))
    assert cache_folder().name == "understanding-networks"
    if sys.platform == "linux":
        assert cache_folder() == sandbox / "home" / "understanding-networks"


def test_what_is_nowhere_is_none_and_nothing_is_written(sandbox):
    before = everything_in(sandbox)
    assert locate(PATH) is None
    assert everything_in(sandbox) == before


def test_a_file_may_be_asked_for_by_its_name_alone(sandbox):
    put(sandbox / "cache")
    assert locate("some-weights.bin") == sandbox / "cache" / PATH


def test_an_unknown_name_suggests_a_near_one():
    with pytest.raises(ValueError, match=r"no file 'some-weight\.bin'.*Did you mean 'some-weights\.bin'"):
        locate("some-weight.bin")


@pytest.mark.parametrize("name", ["../secret", "cutouts/../../secret", "/etc/hostname", ""])
def test_names_do_not_lead_out_of_the_folders(name):
    with pytest.raises(ValueError, match="has no file"):
        locate(name)


def test_unlisted_files_are_found_and_listed(sandbox):
    put(sandbox / "repository" / "data", b"picture", "cutouts/cat.png")
    put(sandbox / "repository" / "data", b"", "cutouts/.hidden")
    put(sandbox / "repository" / "data", b"", "cutouts/choose.py")
    assert locate("cutouts/cat.png") == sandbox / "repository" / "data" / "cutouts" / "cat.png"
    assert files.unlisted() == ["README.md", "cutouts/cat.png"]


# --- damaged copies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (CONTENT[:-1], "has 199,999 bytes instead of 200,000"),
        (b"", "has 0 bytes instead of 200,000"),
        (CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), "right size, but its sha256 is .* instead of"),
    ],
)
def test_a_damaged_copy_is_named_and_never_skipped(monkeypatch, sandbox, address, content, problem):
    url = address("good")
    monkeypatch.setenv("COURSE_DATA_DIR", str(sandbox / "named"))
    damaged = put(sandbox / "named", content)
    put(sandbox / "cache")
    for look in (locate, fetch):
        with pytest.raises(DamagedFileError, match=problem) as caught:
            look(PATH)
        for part in (str(damaged), "200,000 bytes", url, str(damaged.parent), "delete", "COURSE_DATA_DIR"):
            assert part in str(caught.value)
    assert damaged.read_bytes() == content


def test_a_damaged_copy_in_the_cache_is_fetched_again(sandbox, address):
    address("good")
    damaged = put(sandbox / "cache", CONTENT[:1000])
    with pytest.raises(DamagedFileError):
        locate(PATH)
    assert fetch(PATH, progress=False) == damaged
    assert damaged.read_bytes() == CONTENT


def test_a_change_after_the_first_look_is_noticed(sandbox):
    path = put(sandbox / "cache")
    assert locate(PATH) == path
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, ns=(0, 0))
    with pytest.raises(DamagedFileError):
        locate(PATH)


def test_the_hash_is_computed_once(monkeypatch, sandbox):
    calls = []
    monkeypatch.setattr(files.pooch, "file_hash", lambda path, alg: calls.append(path) or FILES[PATH].hash[7:])
    put(sandbox / "cache")
    assert locate(PATH) == locate(PATH)
    assert len(calls) == 1


def test_a_folder_in_place_of_the_file_is_explained(sandbox, address):
    address("good")
    (sandbox / "cache" / PATH).mkdir(parents=True)
    for look in (locate, fetch):
        with pytest.raises(IsADirectoryError, match="a file was expected here, not a folder"):
            look(PATH)


def test_a_link_that_leads_nowhere_is_explained(sandbox):
    link = sandbox / "cache" / PATH
    link.parent.mkdir()
    link.symlink_to(sandbox / "unmounted")
    with pytest.raises(FileNotFoundError, match="cannot be read"):
        locate(PATH)


def test_a_file_that_may_not_be_read_is_explained(monkeypatch, sandbox):
    path = put(sandbox / "cache")

    def refuse(name, alg):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(files.pooch, "file_hash", refuse)
    with pytest.raises(PermissionError, match="cannot be read: Permission denied") as caught:
        locate(PATH)
    assert str(path) in str(caught.value)


def test_a_locked_folder_is_explained(monkeypatch, sandbox):
    put(sandbox / "named")
    monkeypatch.setenv("COURSE_DATA_DIR", str(sandbox / "named"))
    (sandbox / "named").chmod(0)
    try:
        if os.access(sandbox / "named", os.X_OK):
            pytest.skip("root may enter every folder")
        with pytest.raises(PermissionError, match="cannot be read"):
            locate(PATH)
    finally:
        (sandbox / "named").chmod(0o755)


# --- read-only and missing folders -----------------------------------------------------------------------------------


def test_a_read_only_folder_is_read_and_left_alone(monkeypatch, sandbox, address, server):
    address("good")
    path = put(sandbox / "named")
    path.chmod(0o444)
    path.parent.chmod(0o555)
    monkeypatch.setenv("COURSE_DATA_DIR", str(sandbox / "named"))
    before = path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns
    try:
        assert fetch(PATH, progress=False) == path
        assert (path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns) == before
        assert everything_in(sandbox / "cache") == []
        assert server.requests == []
    finally:
        path.parent.chmod(0o755)


def test_a_cache_that_may_not_be_written_to_is_explained(monkeypatch, sandbox, address):
    url = address("good")

    def refuse(*arguments, **keywords):  # root, who runs the tests in containers, may write everywhere
        raise PermissionError(errno.EACCES, "Permission denied", str(sandbox / "cache" / "vgg16"))

    monkeypatch.setattr(pooch.utils.tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(PermissionError, match="cannot be written to") as caught:
        fetch(PATH, progress=False)
    assert url in str(caught.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="whoever is root may write everywhere")
def test_a_read_only_cache_is_explained(sandbox, address):
    address("good")
    (sandbox / "cache").chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="cannot be written to"):
            fetch(PATH, progress=False)
    finally:
        (sandbox / "cache").chmod(0o755)


def test_a_file_in_place_of_the_cache_is_explained(monkeypatch, sandbox, address):
    address("good")
    (sandbox / "blocked").write_text("not a folder")
    monkeypatch.setenv("COURSE_CACHE_DIR", str(sandbox / "blocked"))
    with pytest.raises(OSError, match="cannot be written to"):
        fetch(PATH, progress=False)


def test_a_mistyped_data_folder_still_finds_the_rest_but_prevents_downloads(monkeypatch, sandbox, address, server):
    address("good")
    bundled = put(sandbox / "repository" / "data", path=BUNDLED)
    monkeypatch.setenv("COURSE_DATA_DIR", str(sandbox / "mistyped"))
    assert locate(BUNDLED) == bundled
    with pytest.raises(FileNotFoundError, match="COURSE_DATA_DIR names .*mistyped, which is not a folder"):
        fetch(PATH, progress=False)
    assert server.requests == []


# --- downloads -------------------------------------------------------------------------------------------------------


def assert_message_is_complete(text, url, sandbox):
    for part in ("some-weights.bin", "some weights", "200,000 bytes (200 kB)", url, str(sandbox / "cache" / "vgg16")):
        assert part in text
    assert f"save the file as {sandbox / 'cache' / PATH}" in text
    assert f"as {PATH} and set COURSE_DATA_DIR" in text


@pytest.mark.parametrize("behaviour", ["good", "moved", "busy-once", "compresses", "labels"])
def test_a_download_lands_in_the_cache_and_nowhere_else(sandbox, address, server, behaviour):
    address(behaviour)
    path = fetch(PATH, progress=False)
    assert path == sandbox / "cache" / PATH
    assert path.read_bytes() == CONTENT
    assert everything_in(sandbox) == [f"cache/{PATH}", "repository/data/README.md"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o644
    asked = len(server.requests)
    assert fetch(PATH, progress=False) == locate(PATH) == path
    assert len(server.requests) == asked  # the second time from the cache


def test_a_transfer_that_breaks_off_is_tried_again(sandbox, address, server):
    address("drops-once")
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("behaviour", "error", "problem"),
    [
        ("wrong", DamagedFileError, "not the file.*login.*SHA256 hash"),
        ("short", DamagedFileError, "not the file.*login.*SHA256 hash"),
        ("long", DamagedFileError, "more than 200,000 bytes arrived"),
        ("cut", DamagedFileError, "not the file.*SHA256 hash"),
        ("drops-always", ConnectionError, "broke off 3 times"),
        ("404", FileNotFoundError, "status 404"),
        ("403", ConnectionError, "status 403"),
        ("500", ConnectionError, "status 500"),
        ("elsewhere", ConnectionError, "No connection adapters were found for 'file:"),
        ("file:///etc/hostname", ConnectionError, "No connection adapters were found for 'file:"),
    ],
)
def test_what_goes_wrong_is_explained_and_leaves_no_file(sandbox, address, behaviour, error, problem):
    url = address(behaviour)
    with pytest.raises(error, match=problem) as caught:
        fetch(PATH, progress=False)
    assert_message_is_complete(str(caught.value), url, sandbox)
    assert everything_in(sandbox / "cache") == []


def test_a_dead_port_is_explained(sandbox, address):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = address(f"http://127.0.0.1:{port}/some-weights.bin")
    with pytest.raises(ConnectionError, match="no connection to the server") as caught:
        fetch(PATH, progress=False)
    assert_message_is_complete(str(caught.value), url, sandbox)


def test_a_server_that_does_not_answer_does_not_hang(monkeypatch, sandbox, address):
    monkeypatch.setattr(files, "TIMEOUT", 0.1)
    monkeypatch.setattr(files, "RETRIES", 0)
    url = address("slow")
    with pytest.raises(ConnectionError, match="does not answer") as caught:
        fetch(PATH, progress=False)
    assert_message_is_complete(str(caught.value), url, sandbox)


@contextlib.contextmanager
def full_disk(path):
    """In place of pooch's temporary file: a device that is always full."""
    link = Path(path) / "temporary"
    link.symlink_to("/dev/full")
    try:
        yield str(link)
    finally:
        link.unlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("behaviour", ["download", "copy"])
def test_a_disk_that_is_full_is_explained_and_nothing_stays(monkeypatch, sandbox, address, behaviour):
    url = address("good")
    if behaviour == "copy":
        put(sandbox / "repository" / "data")
    with monkeypatch.context() as patched:
        patched.setattr(pooch.core, "temporary_file", full_disk)
        with pytest.raises(OSError, match="no room for it") as caught:
            fetch(PATH, dest=sandbox / "class", progress=False)
    assert caught.value.errno == errno.ENOSPC
    assert url in str(caught.value)
    assert everything_in(sandbox / "class") == []
    assert fetch(PATH, progress=False).read_bytes() == CONTENT


def test_an_interrupt_leaves_nothing(monkeypatch, sandbox, address):
    address("good")

    class Interrupted(files.tqdm):
        def update(self, n=1):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "tqdm", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(PATH, progress=False)
    assert everything_in(sandbox / "cache") == []
    assert fetch(PATH, progress=False).read_bytes() == CONTENT


def test_a_missing_bundled_file_names_the_folders_and_the_way_to_get_it(sandbox):
    with pytest.raises(FileNotFoundError, match="in none of the folders searched") as caught:
        fetch(BUNDLED)
    for part in (*map(str, folders()), "comes with the course", f"copy data/{BUNDLED}"):
        assert part in str(caught.value)


def test_the_bar_is_shown_unless_it_is_not_wanted(address, capfd):
    address("good")
    path = fetch(PATH, progress=False)
    assert capfd.readouterr() == ("", "")
    path.unlink()
    fetch(PATH)
    out, err = capfd.readouterr()
    assert out == ""
    assert "some-weights.bin: 100%" in err


# --- two at once -----------------------------------------------------------------------------------------------------


def test_two_processes_at_once_end_with_one_good_file(sandbox, address):
    url = address("slow")  # both ask before either gets an answer
    script = (
        "from helpers import files\n"
        f"file = files.CourseFile({PATH!r}, 'some weights', 'none', {len(CONTENT)}, {FILES[PATH].hash!r}, {url!r})\n"
        "files.FILES.clear(); files.FILES[file.path] = file\n"
        "print(files.fetch(file.path, progress=False))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err, out.strip()) == (0, "", str(sandbox / "cache" / PATH))
    assert (sandbox / "cache" / PATH).read_bytes() == CONTENT
    assert everything_in(sandbox / "cache") == [PATH]


# --- a folder for a class --------------------------------------------------------------------------------------------


def test_a_filled_folder_serves_alone(monkeypatch, sandbox, address):
    address("good")
    bundled = put(sandbox / "repository" / "data", path=BUNDLED)
    bundled.chmod(0o400)
    put(sandbox / "repository" / "data", b"picture", "cutouts/cat.png")
    class_folder = sandbox / "new" / "class"
    monkeypatch.setenv("COURSE_DATA_DIR", str(class_folder))  # set beforehand, and not there yet
    assert download.main(["--dest", str(class_folder), "--quiet"]) == 0
    assert everything_in(sandbox / "cache") == []
    assert (class_folder / BUNDLED).read_bytes() == CONTENT
    if os.name == "posix":
        assert (class_folder / BUNDLED).stat().st_mode & 0o777 == 0o644
    shutil.rmtree(sandbox / "repository")
    assert locate(PATH) == class_folder / PATH
    assert locate(BUNDLED) == class_folder / BUNDLED
    assert locate("cutouts/cat.png") == class_folder / "cutouts" / "cat.png"


def test_filling_a_folder_again_does_nothing_and_repairs_what_is_damaged(sandbox, address, server):
    address("good")
    put(sandbox / "repository" / "data", path=BUNDLED)
    download.main(["--dest", str(sandbox / "class"), "--quiet"])
    asked = len(server.requests)
    moment = (sandbox / "class" / PATH).stat().st_mtime_ns
    put(sandbox / "class", b"half", BUNDLED)
    download.main(["--dest", str(sandbox / "class"), "--quiet"])
    assert (sandbox / "class" / BUNDLED).read_bytes() == CONTENT
    assert (sandbox / "class" / PATH).stat().st_mtime_ns == moment
    assert len(server.requests) == asked


def test_the_command_line_fills_a_folder(sandbox, address, capsys):
    address("good")
    put(sandbox / "repository" / "data", path=BUNDLED)
    assert download.main(["--dest", str(sandbox / "class"), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert everything_in(sandbox / "class") == sorted([PATH, BUNDLED, "README.md"])
    assert f"COURSE_DATA_DIR={sandbox / 'class'}" in out
    assert err == ""


def test_the_command_line_goes_on_after_a_failure_and_ends_with_status_one(sandbox, address, capsys):
    address("404")
    put(sandbox / "repository" / "data", path=BUNDLED)
    assert download.main(["--dest", str(sandbox / "class"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert everything_in(sandbox / "class") == sorted([BUNDLED, "README.md"])
    assert "status 404" in err
    assert "Traceback" not in err
    assert "COURSE_DATA_DIR=" not in out


def test_the_command_line_fetches_by_name_and_lists_without_fetching(sandbox, address, capsys, server):
    url = address("good")
    assert download.main(["--list"]) == 1  # the bundled file is missing
    assert server.requests == []
    assert url in capsys.readouterr().out
    assert download.main(["--quiet", "some-weights.bin"]) == 0
    assert str(sandbox / "cache" / PATH) in capsys.readouterr().out
    assert download.main(["no-such-file"]) == 1
    assert "has no file 'no-such-file'" in capsys.readouterr().err


# --- the table, as it stands in a fresh process ----------------------------------------------------------------------


def test_the_table_is_complete_and_the_repository_holds_what_it_says():
    """What is downloaded has size, hash and a safe address; what lies in data/ is what the table says."""
    script = (
        "import sys; from helpers.files import FILES, verify; from pathlib import Path\n"
        "for path, file in FILES.items():\n"
        "    assert file.path == path and file.words and file.licence, file\n"
        "    assert path == Path(path).as_posix() and not path.startswith('/') and '..' not in path, path\n"
        "    here = Path('data', path)\n"
        "    if file.url or here.exists():\n"
        "        assert file.size and file.hash and file.hash.split(':')[0] in ('md5', 'sha1', 'sha256'), file\n"
        "    if file.url: assert file.url.startswith('https://') and file.url.endswith('/' + file.name), file\n"
        "    if here.exists(): verify(here, file)\n"
        "assert len({Path(path).name for path in FILES}) == len(FILES)\n"
        "import helpers.check, helpers.download\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_the_folder_is_named_after_the_course():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == files.COURSE
