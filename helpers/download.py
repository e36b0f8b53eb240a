"""Fetch the course's files: :func:`fetch` for one, ``python -m helpers.download`` for all.

    python -m helpers.download                        fetch what is missing into the user's cache
    python -m helpers.download --dest DIR             fill DIR with everything, to serve a class as COURSE_DATA_DIR
    python -m helpers.download --list                 what there is, and where

Where files are looked for is :mod:`helpers.files`; how they travel (retries, resuming, moving into place in one step)
is :mod:`helpers.transfer`. Downloads go into the cache, and a damaged copy there is replaced; no other folder is
written to, unless it is named as ``dest``.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from helpers import transfer
from helpers.files import (
    FILES,
    CourseFile,
    DamagedFileError,
    cache_folder,
    course_file,
    explanation,
    find,
    folders,
    locate,
    size_in_words,
    unlisted,
)

__all__ = ["FILES", "CourseFile", "DamagedFileError", "fetch", "fetch_all", "folders", "locate"]


def fetch(name: str, dest: str | Path | None = None, progress: bool = True) -> Path:
    """The checked file; downloaded into the cache where no folder has it.

    With ``dest`` a copy is made, or downloaded, inside that folder instead. ``progress`` shows a bar while downloading.

    Raises
    ------
    FileNotFoundError
        If a bundled file is nowhere, the address no longer has the file, or ``COURSE_DATA_DIR`` is no folder.
    ConnectionError
        If there is no network, or the server fails or stops again and again.
    DamagedFileError (a ValueError)
        If what arrived is not the file.
    OSError
        If the folder is full, or may not be written to (PermissionError).

    And those of :func:`locate`.
    """
    file = course_file(name)
    base = cache_folder() if dest is None else Path(dest).expanduser().absolute()
    target = base / file.path
    found = find(file, folders() if dest is None else [base, *folders()], replaceable=target)
    if found is not None and (dest is None or found == target):
        return found
    if found is None:
        _require_downloadable(file, target, into_cache=dest is None)
    with _explained(file, target):
        if found is None:
            transfer.download(file.url, target, file.size, file.hash, progress)
        else:
            transfer.copy(found, target)
    return target


def fetch_all(dest: str | Path, progress: bool = True) -> list[Path]:
    """Put everything into ``dest``, which can then serve alone as ``COURSE_DATA_DIR``. Errors as for :func:`fetch`."""
    return [fetch(name, dest, progress) for name in [*FILES, *unlisted()]]


@contextlib.contextmanager
def _explained(file: CourseFile, target: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is being written to ``target`` into errors that say what to do."""
    try:
        yield
    except transfer.WrongFileError as error:
        raise DamagedFileError(explanation(file, target, str(error))) from error
    except transfer.NETWORK_ERRORS as error:  # before OSError, which some of them are too
        gone = transfer.status_of(error) in (404, 410)
        text = explanation(file, target, f"the download failed: {transfer.in_words(error)}")
        raise (FileNotFoundError if gone else ConnectionError)(text) from error
    except OSError as error:
        if error.errno in transfer.FULL:
            free = transfer.free_space(target) / 1e6
            problem = f"there is no room for it: {free:,.0f} MB are free on that disk. "
            problem += "Make some, or set COURSE_CACHE_DIR to a folder on a larger one"
        else:
            problem = f"{error.filename or target.parent} cannot be written to: {error.strerror or error}"
        raise OSError(error.errno, explanation(file, target, problem)) from error


def _require_downloadable(file: CourseFile, target: Path, into_cache: bool) -> None:
    named = os.environ.get("COURSE_DATA_DIR")
    if file.url is None:
        searched = ", ".join(str(folder) for folder in folders())
        problem = f"it is in none of the folders searched ({searched})"
    elif into_cache and named and not Path(os.path.expanduser(named)).is_dir():
        # It was set so that nobody need download: a missing mount must not end in thirty downloads.
        problem = f"COURSE_DATA_DIR names {named}, which is not a folder. Correct it, or unset it to download"
    else:
        return
    raise FileNotFoundError(explanation(file, target, problem))


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when everything asked for is there."""
    parser = argparse.ArgumentParser(prog="python -m helpers.download", description="Fetch the course's files.")
    parser.add_argument("name", nargs="*", help="files to fetch; without a name, all of them")
    parser.add_argument("--dest", metavar="DIR", help="fill this folder, to be named by COURSE_DATA_DIR")
    parser.add_argument("--list", action="store_true", help="only say what there is, and where")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    chosen = parser.parse_args(arguments)
    failed = 0
    for name in chosen.name or [*FILES, *(unlisted() if chosen.dest else [])]:
        try:
            path = locate(name) if chosen.list else fetch(name, chosen.dest, progress=not chosen.quiet)
            file = course_file(name)
            print(f"{file.path}  {size_in_words(file.size)}, {file.licence}\n    {path or file.url or 'missing'}")
            failed += path is None and file.url is None
        except (ValueError, OSError) as error:
            failed += 1
            print(f"{error.args[-1]}\n", file=sys.stderr)
    if chosen.dest and not chosen.list and not failed:
        print(f"\nTell everyone's notebook server where that is: COURSE_DATA_DIR={Path(chosen.dest).absolute()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
