"""Bring one file into place, whole or not at all: over HTTP with resuming and retrying, or as a copy.

A file is written into a private folder beside its target and moved into place when it is complete and its hash is
right, so a reader never sees half a file, and two processes at once do not meet until then. The beginning of a transfer
that broke off stays as ``<name>.partial``; the next one goes on from there. Errors are raised as they come (requests,
urllib3, OSError); :mod:`helpers.download` puts them into words.
"""

import contextlib
import errno
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pooch
import requests
import urllib3
from tqdm.auto import tqdm

ATTEMPTS, PAUSE = 4, 1.0  # fruitless attempts in a row; seconds after the first, doubled after each
TIMEOUT = 10, 30  # seconds to connect, and to wait for the next piece
CHUNK = 1 << 16  # bytes
SPARE = 50_000_000  # bytes to leave free on the disk
ABANDONED = 3600  # seconds without a byte after which the process behind a transfer is taken for dead
FULL = {errno.ENOSPC, errno.EDQUOT}
NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)


class WrongFileError(ValueError):
    """What the address sends is not the file: another size, or another hash."""


class BrokenOffError(requests.ConnectionError):
    """The server stopped before the end of the file."""


def download(url: str, target: Path, size: int, known_hash: str, progress: bool = True) -> None:
    """Download ``url`` (http or https) to ``target``. ``size`` in bytes, ``known_hash`` as pooch reads it.

    Raises
    ------
    WrongFileError
        If the size announced or received, or the hash, is another one.
    requests.RequestException, urllib3.exceptions.HTTPError
        If there is no network, the server refuses, or ``ATTEMPTS`` in a row brought next to nothing.
    OSError
        If the disk is full (errno in ``FULL``; checked before as well) or must not be written to.
    """
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # pooch notes every download on stderr, which a notebook would store
    try:
        with in_place(target) as arrived:
            kept = _beginning(target)
            already = 0
            with contextlib.suppress(FileNotFoundError):  # another process may take the beginning at any moment
                already = kept.stat().st_size
            require_space(target, size - already)
            stream = functools.partial(_stream, kept=kept, size=size, progress=progress)
            # a wrong hash may be the fault of an old beginning: then once more without it
            for continued in (kept.exists(), False):
                try:
                    pooch.retrieve(url, known_hash, fname=arrived.name, path=arrived.parent, downloader=stream)
                    break
                except (WrongFileError, *NETWORK_ERRORS):  # some of these are ValueErrors too
                    raise
                except ValueError as error:  # pooch found another hash
                    if not continued:
                        raise WrongFileError(f"what the address sends has another hash than {known_hash}") from error
        kept.unlink(missing_ok=True)  # another process may have failed meanwhile
    finally:
        logger.setLevel(level)


def copy(source: Path, target: Path) -> None:
    """Copy a file, as carefully as :func:`download`."""
    with in_place(target) as arrived:
        require_space(target, source.stat().st_size)
        shutil.copyfile(source, arrived)


@contextlib.contextmanager
def in_place(target: Path) -> Iterator[Path]:
    """A path to write to; the file is moved to ``target`` when the block ends, and removed when it fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-", suffix=".partial") as private:
        arrived = Path(private) / target.name
        yield arrived
        arrived.chmod(0o644)  # a temporary file is its owner's alone; a class must be able to read this one
        os.replace(arrived, target)


def free_space(path: Path) -> int:
    """Bytes free on the disk where ``path`` would be written; its folders need not exist yet."""
    return shutil.disk_usage(next(folder for folder in path.absolute().parents if folder.exists())).free


def require_space(path: Path, size: int) -> None:
    """Raise OSError (ENOSPC) unless ``size`` bytes fit there and ``SPARE`` remain."""
    if free_space(path) < size + SPARE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path.parent))


def status_of(error: Exception) -> int | None:
    """The server's answer behind an error, such as 404; None where there was none."""
    return getattr(getattr(error, "response", None), "status_code", None)


def in_words(error: Exception) -> str:
    """What one of ``NETWORK_ERRORS`` means, in plain words."""
    if status_of(error):
        return f"the server answers with status {status_of(error)}"
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return f"no secure connection, or a proxy in between ({error})"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return f"the server does not answer within {TIMEOUT[1]} s"
    if isinstance(error, BrokenOffError | urllib3.exceptions.HTTPError):
        return f"the connection broke off {ATTEMPTS} times ({error})"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server (is there a network?)"
    return str(error)


def _beginning(target: Path) -> Path:
    """Where the beginning of a broken-off transfer is kept; what a killed process left behind is brought there."""
    kept = target.with_name(f"{target.name}.partial")
    for private in target.parent.glob(f".{target.name}-*.partial"):
        with contextlib.suppress(OSError):  # another process is tidying up as well
            pieces = list(private.iterdir())
            if time.time() - max(path.stat().st_mtime for path in [private, *pieces]) > ABANDONED:
                for piece in pieces:
                    os.replace(piece, kept)
                private.rmdir()
    return kept


def _stream(url: str, output_file: str, _pooch: None, *, kept: Path, size: int, progress: bool) -> None:
    """A downloader for pooch that resumes. Attempts are counted anew after every hundredth of the file."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(kept, output_file)  # of two processes only one gets it
    try:
        with (
            open(output_file, "r+b") as output,
            tqdm(desc=kept.stem, total=size, unit="B", unit_scale=True, disable=not progress) as bar,
        ):
            output.seek(0, os.SEEK_END)
            fruitless, furthest = 0, output.tell()
            while output.tell() != size:
                try:
                    _receive(url, output, size, bar)
                except NETWORK_ERRORS as error:
                    fruitless += 1
                    if output.tell() >= furthest + size / 100:
                        fruitless, furthest = 1, output.tell()
                    if fruitless >= ATTEMPTS or not _may_pass(error):
                        raise
                    time.sleep(PAUSE * 2 ** (fruitless - 1))
    except BaseException as error:  # an interrupt too
        useless = isinstance(error, WrongFileError) or (isinstance(error, OSError) and error.errno in FULL)
        if not useless and os.path.getsize(output_file):
            os.replace(output_file, kept)
        raise


def _receive(url: str, output: BinaryIO, size: int, bar: tqdm) -> None:
    """One request: append what is missing, or write all of it anew where the server cannot send a part."""
    start = output.tell()
    # as it is stored: a server that compresses on the way would send another size and another hash
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if 0 < start < size else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416:  # the server's file ends before ours
            output.seek(0)
            output.truncate()
            raise BrokenOffError("the server has nothing from there on")
        response.raise_for_status()
        if response.status_code != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = output.seek(0)
            output.truncate()
        bar.update(start - bar.n)
        announced = start + int(response.headers.get("Content-Length", size - start))
        if announced != size:
            kind = response.headers.get("Content-Type", "unknown")
            raise WrongFileError(
                f"the address sends {announced:,} bytes (of type {kind}) instead of {size:,}. "
                "A page that asks for a login may stand in between"
            )
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            output.write(chunk)
            bar.update(len(chunk))
            if output.tell() > size:
                raise WrongFileError(f"the address sends more than {size:,} bytes")
    if output.tell() < size:
        raise BrokenOffError(f"the server stopped after {output.tell():,} of {size:,} bytes")


def _may_pass(error: Exception) -> bool:
    """Whether another attempt makes sense: after a broken line or from a busy server, not after a refusal."""
    broken = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)
    status = status_of(error) or 0
    return isinstance(error, broken) or status in (408, 425, 429) or status >= 500
