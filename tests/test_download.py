import errno
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from loopback import serve

from helpers import download, files, transfer
from helpers.files import FILES, CourseFile, DamagedFileError, cache_folder, fetch, fetch_all, folders, locate

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
    monkeypatch.setattr(transfer, "PAUSE", 0.001)
    monkeypatch.setattr(transfer, "SPARE", 0)
    monkeypatch.setattr(transfer, "CHUNK", 4096)
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

    def refuse(*arguments, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied", str(sandbox / "cache" / "vgg16"))

    monkeypatch.setattr(transfer.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(PermissionError, match="cannot be written to: Permission denied") as caught:
        fetch(PATH, progress=False)
    assert url in str(caught.value)


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


@pytest.mark.parametrize("behaviour", ["good", "whole", "moved", "busy-once", "compresses", "labels"])
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


def test_a_broken_transfer_goes_on_where_it_stopped(sandbox, address, server):
    address("drops-once")
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    (_, first), (_, second) = server.requests
    assert first is None
    begin = int(second.removeprefix("bytes=").removesuffix("-"))
    assert 0 < begin <= len(CONTENT) // 2
    assert begin > len(CONTENT) // 2 - transfer.CHUNK


def test_a_broken_transfer_starts_again_where_the_server_cannot_send_a_part(sandbox, address, server):
    address("drops-once-whole")
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_attempts_are_counted_anew_while_the_transfer_gets_on(monkeypatch, address, server):
    monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    address("drips")
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    assert len(server.requests) >= 5


def test_a_server_that_always_stops_is_given_up_and_the_beginning_is_kept_for_the_next_call(sandbox, address, server):
    url = address("drops-always")
    with pytest.raises(ConnectionError, match="broke off 4 times") as caught:
        fetch(PATH, progress=False)
    assert_message_is_complete(str(caught.value), url, sandbox)
    assert len(server.requests) == 4
    assert everything_in(sandbox / "cache") == [f"{PATH}.partial"]
    address("good")
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    assert int(server.requests[0][1].removeprefix("bytes=").removesuffix("-")) > 0
    assert everything_in(sandbox / "cache") == [PATH]


@pytest.mark.parametrize("left", [bytes(1000), CONTENT[:-1] + b"?", CONTENT + b"more"])
@pytest.mark.parametrize("behaviour", ["good", "whole", "beyond"])
def test_a_spoilt_beginning_does_not_spoil_the_file(sandbox, address, left, behaviour):
    address(behaviour)
    put(sandbox / "cache", left, f"{PATH}.partial")
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    assert everything_in(sandbox / "cache") == [PATH]


def test_a_complete_beginning_needs_no_server(sandbox, address, server):
    address("500")
    put(sandbox / "cache", CONTENT, f"{PATH}.partial")
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    assert server.requests == []


def test_what_a_killed_process_left_is_used_but_not_what_a_living_one_writes(sandbox, address, server):
    address("good")
    name = Path(PATH).name
    dead = put(sandbox / "cache", CONTENT[:5000], f"vgg16/.{name}-dead.partial/tmp1")
    put(sandbox / "cache", CONTENT[:6000], f"vgg16/.{name}-living.partial/tmp2")
    for path in (dead, dead.parent):
        os.utime(path, (time.time() - 2 * transfer.ABANDONED,) * 2)
    assert fetch(PATH, progress=False).read_bytes() == CONTENT
    assert server.requests[0][1] == "bytes=5000-"
    assert everything_in(sandbox / "cache") == sorted([f"vgg16/.{name}-living.partial/tmp2", PATH])


@pytest.mark.parametrize(
    ("behaviour", "error", "problem"),
    [
        ("wrong", DamagedFileError, "another hash than sha256:"),
        ("short", DamagedFileError, r"sends 100,000 bytes \(of type unknown\) instead of 200,000.*login"),
        ("long", DamagedFileError, "more than 200,000 bytes"),
        ("cut", ConnectionError, "stopped after 100,000 of 200,000 bytes"),
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
    assert everything_in(sandbox / "cache") in ([], [f"{PATH}.partial"])
    assert behaviour == "cut" or everything_in(sandbox / "cache") == []


@pytest.mark.parametrize(("behaviour", "requests"), [("404", 1), ("403", 1), ("500", 4), ("wrong", 1), ("short", 1)])
def test_only_what_may_pass_is_tried_again(address, server, behaviour, requests):
    address(behaviour)
    with pytest.raises((OSError, ValueError)):
        fetch(PATH, progress=False)
    assert len(server.requests) == requests


def test_a_dead_port_is_explained(sandbox, address):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = address(f"http://127.0.0.1:{port}/some-weights.bin")
    with pytest.raises(ConnectionError, match="no connection to the server") as caught:
        fetch(PATH, progress=False)
    assert_message_is_complete(str(caught.value), url, sandbox)


def test_a_server_that_does_not_answer_does_not_hang(monkeypatch, sandbox, address):
    monkeypatch.setattr(transfer, "TIMEOUT", (1, 0.1))
    monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    url = address("slow")
    started = time.monotonic()
    with pytest.raises(ConnectionError, match="does not answer") as caught:
        fetch(PATH, progress=False)
    assert time.monotonic() - started < 1.5  # before the server would have
    assert_message_is_complete(str(caught.value), url, sandbox)


def test_timeouts_are_always_set(monkeypatch, address):
    seen = []
    real = transfer.requests.get
    monkeypatch.setattr(transfer.requests, "get", lambda *a, **k: seen.append(k["timeout"]) or real(*a, **k))
    address("good")
    fetch(PATH, progress=False)
    assert seen == [transfer.TIMEOUT]
    assert all(0 < seconds <= 60 for seconds in transfer.TIMEOUT)


def test_too_small_a_disk_is_noticed_before_the_download(monkeypatch, sandbox, address, server):
    url = address("good")
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: SimpleNamespace(free=len(CONTENT) - 1))
    with pytest.raises(OSError, match="no room for it: 0 MB are free") as caught:
        fetch(PATH, progress=False)
    assert caught.value.errno == errno.ENOSPC
    assert_message_is_complete(str(caught.value), url, sandbox)
    assert server.requests == []
    assert everything_in(sandbox / "cache") == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_or_quota_that_fills_up_meanwhile_is_explained_and_freed(monkeypatch, sandbox, address, server, number):
    url = address("good")
    real = transfer._receive

    def fill_up(url, output, size, bar):
        output.write(CONTENT[:1000])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(transfer, "_receive", fill_up)
    with pytest.raises(OSError, match="no room for it") as caught:
        fetch(PATH, progress=False)
    assert caught.value.errno == number
    assert_message_is_complete(str(caught.value), url, sandbox)
    assert everything_in(sandbox / "cache") == []
    monkeypatch.setattr(transfer, "_receive", real)
    assert fetch(PATH, progress=False).read_bytes() == CONTENT


def test_an_interrupt_keeps_the_beginning(monkeypatch, sandbox, address):
    address("good")

    def interrupt(url, output, size, bar):
        output.write(CONTENT[:1000])
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "_receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(PATH, progress=False)
    assert (sandbox / "cache" / f"{PATH}.partial").read_bytes() == CONTENT[:1000]
    assert everything_in(sandbox / "cache") == [f"{PATH}.partial"]


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


@pytest.mark.parametrize("behaviour", ["good", "drops-once", "drops-once-whole"])
def test_the_bar_ends_at_the_full_size(monkeypatch, address, behaviour):
    bars = []
    real = transfer.tqdm
    monkeypatch.setattr(transfer, "tqdm", lambda **given: bars.append(real(**given)) or bars[-1])
    address(behaviour)
    fetch(PATH)
    assert [bar.n for bar in bars] == [len(CONTENT)]


# --- two at once -----------------------------------------------------------------------------------------------------


def test_two_processes_at_once_end_with_one_good_file(sandbox, address):
    url = address("slow")  # both ask before either gets an answer
    script = (
        "import sys; from helpers import files, transfer; from helpers.download import fetch\n"
        f"file = files.CourseFile({PATH!r}, 'some weights', 'none', {len(CONTENT)}, {FILES[PATH].hash!r}, {url!r})\n"
        "files.FILES.clear(); files.FILES[file.path] = file; transfer.SPARE = 0\n"
        "print(fetch(file.path, progress=False))"
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


def test_a_kept_beginning_is_taken_by_one_of_many_only(sandbox, address, server):
    address("good")
    put(sandbox / "cache", CONTENT[:50_000], f"{PATH}.partial")
    barrier = threading.Barrier(6)
    results = []

    def work():
        barrier.wait()
        transfer.download(FILES[PATH].url, sandbox / "cache" / PATH, len(CONTENT), FILES[PATH].hash, progress=False)
        results.append((sandbox / "cache" / PATH).read_bytes() == CONTENT)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert results == [True] * 6
    assert sum(asked == "bytes=50000-" for _, asked in server.requests) == 1
    assert everything_in(sandbox / "cache") == [PATH]


def test_what_another_process_left_meanwhile_goes_when_the_file_is_complete(monkeypatch, sandbox, address):
    address("good")
    real = transfer._receive

    def meanwhile(*arguments):
        put(sandbox / "cache", CONTENT[:1000], f"{PATH}.partial")
        real(*arguments)

    monkeypatch.setattr(transfer, "_receive", meanwhile)
    fetch(PATH, progress=False)
    assert everything_in(sandbox / "cache") == [PATH]


# --- a folder for a class --------------------------------------------------------------------------------------------


def test_a_filled_folder_serves_alone(monkeypatch, sandbox, address):
    address("good")
    bundled = put(sandbox / "repository" / "data", path=BUNDLED)
    bundled.chmod(0o400)
    put(sandbox / "repository" / "data", b"picture", "cutouts/cat.png")
    class_folder = sandbox / "new" / "class"
    monkeypatch.setenv("COURSE_DATA_DIR", str(class_folder))  # set beforehand, and not there yet
    assert fetch_all(class_folder, progress=False) == [
        class_folder / name for name in (PATH, BUNDLED, "README.md", "cutouts/cat.png")
    ]
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
    fetch_all(sandbox / "class", progress=False)
    asked = len(server.requests)
    moment = (sandbox / "class" / PATH).stat().st_mtime_ns
    put(sandbox / "class", b"half", BUNDLED)
    fetch_all(sandbox / "class", progress=False)
    assert (sandbox / "class" / BUNDLED).read_bytes() == CONTENT
    assert (sandbox / "class" / PATH).stat().st_mtime_ns == moment
    assert len(server.requests) == asked


def test_a_copy_into_a_full_folder_is_explained(monkeypatch, sandbox):
    put(sandbox / "repository" / "data", path=BUNDLED)
    monkeypatch.setattr(transfer, "SPARE", 10**18)
    with pytest.raises(OSError, match="no room for it"):
        fetch(BUNDLED, dest=sandbox / "class")
    assert everything_in(sandbox / "class") == []


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
