"""What one hub was told: read from the command line by ``hub.py``, kept in its state folder, read by everybody else.

The state folder holds two things with different rights:

    private/     mode 700: settings, passwords, user ids, secrets, the hub's database, logs
    homes/       mode 711: one folder of mode 700 for every student; nobody can list the others
"""

import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

HERE = Path(__file__).absolute().parents[1]
COURSE = HERE.parents[1]
ACCOUNTS = ("own", "system", "trial")
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


@dataclass(frozen=True)
class Settings:
    """All that a hub is told. Memory in bytes; ``cpus`` may be a fraction; ``idle_minutes`` 0 never stops a server.

    ``accounts``: "own" gives each student a user id of their own (the hub runs as root), "system" uses the accounts
    of the machine (root too), "trial" runs everything as the user who started it: no protection between students.
    """

    state: str
    accounts: str
    data: str
    ip: str = "127.0.0.1"
    port: int = 8000
    memory: int = 3 * 2**30
    cpus: float = 2.0
    idle_minutes: float = 60.0
    admins: tuple[str, ...] = ()
    first_uid: int = 20_000  # two hubs on one machine must not give away the same user ids

    @property
    def private(self) -> Path:
        return Path(self.state) / "private"

    @property
    def homes(self) -> Path:
        return Path(self.state) / "homes"

    @property
    def proxy_port(self) -> int:
        """Where the hub tells the proxy about servers; on the loopback address only."""
        return self.port + 1

    @property
    def hub_port(self) -> int:
        """Where the proxy finds the hub. Fixed, because running servers keep it over a restart of the hub."""
        return self.port + 81

    @property
    def url(self) -> str:
        return f"http://{'127.0.0.1' if self.ip in ('', '0.0.0.0') else self.ip}:{self.port}"


def make_folders(settings: Settings) -> None:
    """The state folder and the two inside it, with the right modes."""
    Path(settings.state).mkdir(parents=True, exist_ok=True)
    for folder, mode in ((Path(settings.state), 0o711), (settings.homes, 0o711), (settings.private, 0o700)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)


def save(settings: Settings) -> Path:
    """Write the settings into their state folder."""
    make_folders(settings)
    path = settings.private / "settings.json"
    write_private(path, json.dumps(asdict(settings), indent=2) + "\n")
    return path


def load(path: str | Path) -> Settings:
    """The settings that :func:`save` wrote.

    Raises
    ------
    ValueError
        If the file is damaged, or was written by another version.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        unknown = set(found) - {field.name for field in fields(Settings)}
        if unknown:
            raise ValueError(f"unknown: {sorted(unknown)}")
        return Settings(**{**found, "admins": tuple(found.get("admins", ()))})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not what hub.py writes ({error}); delete it and start hub.py again") from None


def secret(settings: Settings, name: str) -> str:
    """A random word of 64 hexadecimal digits that stays the same from start to start, in a file only we can read."""
    path = settings.private / name
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text(encoding="ascii").strip()


def write_private(path: Path, text: str) -> None:
    """Write in one step, readable by the owner alone from the first byte on."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def size(text: str) -> int:
    """ "3G", "1.5 GiB", "512M" -> bytes (powers of 1024).

    Raises
    ------
    ValueError
        For anything else.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text, re.IGNORECASE)
    if not match or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is not a size; write it like 3G or 512M")
    return int(float(match[1]) * UNITS[match[2].lower()])


def default_state(root: bool) -> Path:
    """Where students' work is kept: never inside the repository, which "make clean" tidies."""
    if root:
        return Path("/var/lib/understanding-networks-hub")
    return Path.home() / ".local" / "share" / "understanding-networks-hub"
