"""Events of the ATLAS Higgs challenge 2014: one reader for the excerpt in the repository and for the full set.

Both are the official CSV layout of CERN Open Data record 328 (doi:10.7483/OPENDATA.ATLAS.ZBP2.M5T8): 35 columns, one
simulated proton-proton collision a line. Signal (label s) is a Higgs boson that decays to two taus; background (b) is
everything else that looks like it.
"""

import gzip
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np

from helpers.arguments import positions, whole_number
from helpers.download import fetch, locate
from helpers.higgs_variables import NAMES, UNDEFINED

FILES = {  # name in the course's list of files, number of events
    "excerpt": ("atlas-higgs/atlas-higgs-challenge-2014-v2-first-22800.csv.gz", 22_800),
    "full": ("atlas-higgs/atlas-higgs-challenge-2014-v2.csv.gz", 818_238),
}
COLUMNS = ("EventId", *NAMES, "Weight", "Label", "KaggleSet", "KaggleWeight")
SETS = {"t": "training", "b": "public leaderboard", "v": "private leaderboard", "u": "unused"}
SIGNAL_TOTAL, BACKGROUND_TOTAL = (
    691.99,
    410_999.8,
)  # events expected in the data of 2012: sums of the full set's weights
_TEXT = ("Label", "KaggleSet")
_LINES = 20_000  # read at once
_LONGEST_LINE = 4_096  # characters; those of the file have 300
_EXCERPT_TRAINING = 15_800
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class HiggsEvents:
    """Events, in the order of their file.

    Attributes
    ----------
    source: "excerpt", "full", or the name of the file.
    inputs: (n, 30) float32 array; ``UNDEFINED`` (-999) where a variable has no meaning for the event.
    labels: (n,) float32 array, 1 for signal and 0 for background.
    weights: (n,) float64 array. Over the full set each class sums to the number of events expected in 2012.
    sets: (n,) array of the letters t, b, v and u: the parts the challenge was played with, see ``SETS``.
    names: the names of the 30 inputs.
    """

    source: str
    inputs: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    sets: np.ndarray
    names: tuple[str, ...] = NAMES

    def __len__(self) -> int:
        return len(self.labels)

    def column(self, name: str) -> np.ndarray:
        """The (n,) values of one variable."""
        if name not in self.names:
            raise ValueError(f"There is no variable {name!r}; there are {', '.join(self.names)}.")
        return self.inputs[:, self.names.index(name)]

    def select(self, events: np.ndarray | slice) -> "HiggsEvents":
        """Only these events: a mask, a slice, or positions."""
        if not isinstance(events, slice):
            events = positions(events, len(self))
        parts = {part: getattr(self, part)[events] for part in ("inputs", "labels", "weights", "sets")}
        return replace(self, **parts)


def load_higgs(source: str = "auto", quiet: bool = False) -> HiggsEvents:
    """Load Higgs events.

    Parameters
    ----------
    source: "excerpt", the first 22,800 events, which come with the course; "full", all 818,238, downloaded once
        (66 MB) where they are not on disk yet; "auto", the full set where it is on disk and the excerpt otherwise.
    quiet: do not print the line that says which one is used.

    Raises
    ------
    ValueError
        If the source is none of these, or a file is damaged; the message names file, line and column.
    FileNotFoundError, ConnectionError, OSError
        As ``helpers.download.fetch`` explains them.
    """
    if source not in ("auto", *FILES):
        raise ValueError(f"The source is 'auto', 'excerpt' or 'full'; got {source!r}.")
    chosen = source if source != "auto" else "full" if locate(FILES["full"][0]) else "excerpt"
    name, count = FILES[chosen]
    events = replace(read_higgs_csv(fetch(name), count), source=chosen)
    if not quiet:
        other = {
            "excerpt": "The full set: load_higgs('full').",
            "full": "The small one: load_higgs('excerpt').",
        }[chosen]
        print(f"{len(events):,} ATLAS Higgs challenge events, {int(events.labels.sum()):,} signal ({chosen}). {other}")
    return events


def read_higgs_csv(path: str | Path, events: int | None = None) -> HiggsEvents:
    """Read a CSV file in the official layout, compressed by gzip or not.

    Parameters
    ----------
    events: how many events the file has to hold; any number if left out.

    Raises
    ------
    ValueError
        If a column is missing or unknown, a line has too many or too few values, a value is not a number or a letter
        is unknown, the number of events is wrong, or the compressed file is damaged or cut short. The message names
        the file, the line (the header is line 1) and the column.
    """
    path = Path(path)
    blocks, line = [], 0
    with _opened(path) as file:
        try:
            header = file.readline(_LONGEST_LINE).rstrip("\r\n").split(",")
            _check_header(header, path)
            line = 1
            for lines in _batches(file):
                blocks.append(_parsed(lines, header, path, line))
                line += len(lines)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{path}: the compressed file is damaged or cut short somewhere after line {line} ({error}). "
                "Delete it and fetch it again."
            ) from error
    found = sum(len(block[1]) for block in blocks)
    if found == 0 or (events is not None and found != events):
        raise ValueError(
            f"{path}: {found:,} events after line 1, wanted {'some' if events is None else f'{events:,}'}. "
            "The file is not complete, or not this one: delete it and fetch it again."
        )
    return HiggsEvents(path.name, *(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def training_and_test(events: HiggsEvents, most: int | None = None) -> tuple[HiggsEvents, HiggsEvents]:
    """The training part and the test part, none of them longer than ``most``.

    The full set is divided as in the challenge: set t to train on, the leaderboard sets b and v to test with. The
    excerpt, all of which is set t, is divided after its first 15,800 events; events come in random order.
    """
    most = None if most is None else whole_number("most", most, 1)
    train = events.sets == "t"
    if train.all():
        train = np.arange(len(events)) < round(len(events) * _EXCERPT_TRAINING / FILES["excerpt"][1])
    test = ~train & (events.sets != "u")
    return tuple(events.select(np.flatnonzero(part)[:most]) for part in (train, test))


def expected_weights(events: HiggsEvents) -> np.ndarray:
    """Weights of these events, scaled per class to the totals of the full set: (n,) float64.

    A part of the events stands for all of them. Its weights have to be scaled up before a significance is quoted, for
    the significance depends on the number of events that are expected, not only on how well they are separated.
    """
    weights = events.weights.copy()
    for label, total in ((1, SIGNAL_TOTAL), (0, BACKGROUND_TOTAL)):
        chosen = events.labels == label
        if weights[chosen].sum() <= 0:
            raise ValueError(f"There is no {'signal' if label else 'background'} among these {len(events)} events.")
        weights[chosen] *= total / weights[chosen].sum()
    return weights


def missing_shares(events: HiggsEvents) -> dict[str, float]:
    """The share of events in which a variable is undefined, for those variables that ever are."""
    shares = (events.inputs == UNDEFINED).mean(axis=0)
    return {name: float(share) for name, share in zip(events.names, shares, strict=True) if share > 0}


def _opened(path: Path) -> TextIO:
    """The file as text, one character a byte so that no byte is refused before it can be named."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    if not compressed and path.suffix == ".gz":
        raise ValueError(f"{path}: not a gzip file from its first bytes on. Delete it and fetch it again.")
    return (gzip.open if compressed else open)(path, "rt", encoding="latin-1", newline="\n")


def _batches(file: TextIO) -> Iterator[list[str]]:
    bounded = iter(lambda: file.readline(_LONGEST_LINE), "")  # a small file can unpack to one endless line
    while lines := list(itertools.islice(bounded, _LINES)):
        yield lines


def _check_header(header: list[str], path: Path) -> None:
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown or len(header) != len(COLUMNS):
        twice = [name for name in COLUMNS if header.count(name) > 1]
        details = [
            f"{what} {', '.join(repr(name[:40]) for name in names[:5])}{', ...' if len(names) > 5 else ''}"
            for what, names in (("missing column", missing), ("unknown column", unknown), ("twice:", twice))
            if names
        ]
        raise ValueError(
            f"{path}, line 1: {'; '.join(details)}. Wanted are the {len(COLUMNS)} columns of "
            "atlas-higgs-challenge-2014-v2.csv (CERN Open Data record 328)."
        )


def _parsed(lines: list[str], header: list[str], path: Path, before: int) -> tuple[np.ndarray, ...]:
    """Inputs, labels, weights and sets of some lines; ``before`` lines stand above them in the file."""
    layout = np.dtype([(name, "S2" if name in _TEXT else "f8") for name in header])
    try:
        rows = np.atleast_1d(np.loadtxt(lines, delimiter=",", dtype=layout, comments=None))
    except ValueError:
        rows = None
    if (
        rows is None
        or len(rows) != len(lines)  # empty lines are passed over
        or not all((np.abs(rows[name]) <= _LARGEST).all() for name in header if name not in _TEXT)  # False for NaN
        or not np.isin(rows["Label"], (b"s", b"b")).all()
        or not np.isin(rows["KaggleSet"], [letter.encode() for letter in SETS]).all()
    ):
        raise ValueError(_fault(lines, header, path, before))
    inputs = np.empty((len(rows), len(NAMES)), np.float32)
    for position, name in enumerate(NAMES):
        inputs[:, position] = rows[name]
    labels = (rows["Label"] == b"s").astype(np.float32)
    return inputs, labels, rows["Weight"].copy(), rows["KaggleSet"].astype("U1")


def _fault(lines: list[str], header: list[str], path: Path, before: int) -> str:
    """Say what is wrong with the first bad line: slowly, by hand, with its place."""
    for number, line in enumerate(lines, start=before + 1):
        values = line.rstrip("\r\n").split(",")
        place = f"{path}, line {number}"
        if len(values) != len(header):
            return f"{place}: {len(values)} values, wanted {len(header)}, one for each column."
        for name, value in zip(header, values, strict=True):
            allowed = {"Label": ("s", "b"), "KaggleSet": tuple(SETS)}.get(name)
            if allowed and value not in allowed:
                return f"{place}, column {name}: {value[:40]!r}, wanted {' or '.join(allowed)}."
            if not allowed and not _is_number(value):
                return f"{place}, column {name}: {value[:40]!r} is not a finite number."
    return f"{path}, lines {before + 1} to {before + len(lines)}: these lines cannot be read as numbers."


def _is_number(text: str) -> bool:
    try:
        return "_" not in text and bool(abs(float(text)) <= _LARGEST)
    except ValueError:
        return False
