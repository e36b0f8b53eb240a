"""A home for every student: a user id nobody else has, a folder of mode 700, and the notebooks in it.

Run as a script (``homes.py SOURCE HOME``) it copies the notebooks. The hub starts it under the student's own user id,
so that nothing a student puts in the way (a link to a system's file, say) is ever followed with the hub's rights.
"""

import json
import os
import pwd
import shutil
import sys
from pathlib import Path

LAST_UID = 59_999  # above the accounts of people, below those that systems give away themselves
FOLDER = "notebooks"


def uid_of(name: str, table: Path, first: int = 20_000, taken: set[int] | None = None) -> int:
    """The student's user id, the same for ever; a new student gets the next free one, never one used before.

    ``table`` is the JSON file that remembers them; ``taken`` the ids of the machine's accounts (read when None).

    Raises
    ------
    ValueError
        If the table is damaged: guessing would hand one student's files to another.
    """
    try:
        uids = json.loads(table.read_text(encoding="utf-8")) if table.exists() else {}
        right = isinstance(uids, dict) and all(isinstance(uid, int) for uid in uids.values())
        if not right or len(set(uids.values())) != len(uids):
            raise ValueError("two students share an id, or an id is no number")
    except ValueError as error:
        raise ValueError(f"{table} is damaged ({error}); the owners of the folders in homes/ tell the ids") from None
    if name in uids:
        return uids[name]
    taken = {account.pw_uid for account in pwd.getpwall()} if taken is None else taken
    uid = max([first - 1, *uids.values()]) + 1
    while uid in taken:
        uid += 1
    if uid > LAST_UID:
        raise ValueError(f"no user id is left between {first} and {LAST_UID}")
    partial = table.with_suffix(".partial")
    partial.write_text(json.dumps({**uids, name: uid}, indent=2) + "\n", encoding="utf-8")
    partial.replace(table)
    return uid


def make_home(home: Path, uid: int | None) -> Path:
    """An empty home that only its owner can enter. ``uid`` None leaves it to whoever calls."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    if uid is not None:
        os.chown(home, uid, uid)
    return home


def copy_notebooks(source: Path, home: Path) -> list[Path]:
    """Put those notebooks into the home that are not there yet; what is there is never touched. Returns the new ones.

    A student who wants a fresh copy renames or deletes the old one and starts the server again.
    """
    folder = home / FOLDER
    folder.mkdir(exist_ok=True)
    new = []
    for path in [*sorted(source.glob("*.ipynb")), *sorted(source.glob("further/*.ipynb"))]:
        target = folder / path.relative_to(source)
        target.parent.mkdir(exist_ok=True)
        if not os.path.lexists(target):
            partial = target.with_suffix(".partial")
            shutil.copyfile(path, partial)  # its own rights, not those of the original, which may be read-only
            partial.replace(target)
            new.append(target)
    return new


if __name__ == "__main__":
    os.umask(0o077)
    for path in copy_notebooks(Path(sys.argv[1]), Path(sys.argv[2])):
        print(path)
