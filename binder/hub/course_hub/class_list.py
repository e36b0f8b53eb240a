"""Who may log in: the class list, and a password for each of them.

The list is a text file, one name a line. Each name gets a random password the first time it is seen; names and
passwords are kept in ``private/passwords.tsv``, mode 600, for the instructor to hand out. A password shared by the
whole class would let everyone open everyone else's notebooks. They are stored as they are, not hashed: they are random,
used nowhere else, and whoever can read that folder can read the notebooks anyway.
"""

import hmac
import re
import secrets
from pathlib import Path

from course_hub.settings import Settings, write_private

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
RESERVED = {"root", "nobody", "daemon"}
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0, 1: passwords are read from paper
LENGTH = 10  # log2(31) * 10 = 49 bits


def names_in(text: str) -> list[str]:
    """The names of a class list: one a line, "#" begins a comment, capital letters are lowered, doubles dropped.

    Raises
    ------
    ValueError
        If a name could not be a folder's and an account's name at the same time.
    """
    lines = [line.split("#")[0].strip().lower() for line in text.splitlines()]
    names = list(dict.fromkeys(line for line in lines if line))
    for name in names:
        if not NAME.fullmatch(name) or name in RESERVED:
            raise ValueError(
                f"{name!r} cannot be a login name: a letter first, then letters, digits, - and _, at most 31, "
                f"and none of {', '.join(sorted(RESERVED))}"
            )
    return names


def numbered(count: int) -> list[str]:
    """student01, student02, ...: for a class whose names are not known beforehand."""
    if not 1 <= count <= 500:
        raise ValueError(f"{count} students? One machine holds a few dozen: 1 to 500")
    return [f"student{number:02d}" for number in range(1, count + 1)]


def path_of(settings: Settings) -> Path:
    return settings.private / "passwords.tsv"


def passwords(path: Path) -> dict[str, str]:
    """Name -> password, as the file stands now; empty where there is none."""
    if not path.exists():
        return {}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(line.count("\t") != 1 for line in lines):
        raise ValueError(f"{path}: each line must be a name, one tab, and a password")
    return dict(line.split("\t") for line in lines)


def enrol(path: Path, names: list[str]) -> dict[str, str]:
    """Make exactly these names the class. Those who were there keep their password, new ones get one."""
    known = passwords(path)
    found = {name: known.get(name) or "".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for name in names}
    if found != known:
        write_private(path, "".join(f"{name}\t{word}\n" for name, word in found.items()))
    return found


def is_right(path: Path, name: str, password: str) -> bool:
    """Is it this student's password? Takes the same time whatever is wrong."""
    wanted = passwords(path).get(name, "")
    same = hmac.compare_digest(wanted.encode(), password.encode())
    return bool(wanted) and same
