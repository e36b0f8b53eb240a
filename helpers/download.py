"""The command line of :mod:`helpers.files`.

    python -m helpers.download                        fetch what is missing into the user's cache
    python -m helpers.download --dest DIR             fill DIR with everything, to serve a class as COURSE_DATA_DIR
    python -m helpers.download --list                 what there is, and where

Downloads go into the cache, and a damaged copy there is replaced; no other folder is written to, unless it is named as
``--dest``.
"""

import argparse
import sys
from pathlib import Path

from helpers.files import FILES, course_file, fetch, locate, size_in_words, unlisted


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
