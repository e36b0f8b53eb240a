"""The 30 variables of the ATLAS Higgs challenge 2014: names, units, definitions, and what can be recomputed.

An event holds a lepton (electron or muon), a hadronically decaying tau, missing transverse momentum from the unseen
neutrinos, and up to three jets. The 17 primitive variables (PRI_) are measured; the 13 derived ones (DER_) are computed
from them by physicists. Definitions: Adam-Bourdarios et al., "Learning to discover: the Higgs boson machine learning
challenge" (2014), Appendix B. Momenta, energies and masses are in GeV (c = 1), angles in radians; eta is the
pseudorapidity -ln tan(theta/2); "transverse" is perpendicular to the beams.


Events of the ATLAS Higgs challenge 2014: one reader for the excerpt in the repository and for the full set.

Both are the official CSV layout of CERN Open Data record 328 (doi:10.7483/OPENDATA.ATLAS.ZBP2.M5T8): 35 columns, one
simulated proton-proton collision a line. Signal (label s) is a Higgs boson that decays to two taus; background (b) is
everything else that looks like it.


Inputs on one scale: standardisation fitted on the training part, undefined values filled.

Standardisation is part of the method, not a convenience: a Taylor coefficient has the unit of one over its input, so
that "mass in GeV" and "angle in radians" can only be compared once both are counted in standard deviations.

Undefined values are filled with the mean of the defined ones, that is with 0 after standardisation. The network then
sees an average value, which draws its answer neither way at first order; a fill far outside, such as -999, would put
nearly all of the variance, and thus the unit of the coefficient, into the distance between real values and the fill.
That a value is undefined is mostly not lost: PRI_jet_num says how many jets there are.
"""

import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np

from helpers.course.arguments import positions, real_array, real_number, whole_number, within
from helpers.files import fetch, locate

UNDEFINED = -999.0  # stands in the files where a variable has no meaning, such as the angle of a jet that is not there


@dataclass(frozen=True)
class Variable:
    """A column: its name, its unit (empty for pure numbers), what it is, and the jets it needs to be defined."""

    name: str
    unit: str
    meaning: str
    jets: int = 0


VARIABLES = (
    Variable("DER_mass_MMC", "GeV", "estimated mass of the Higgs candidate, neutrinos included; not every event fits"),
    Variable("DER_mass_transverse_met_lep", "GeV", "transverse mass of missing momentum and lepton"),
    Variable("DER_mass_vis", "GeV", "invariant mass of tau and lepton, neutrinos left out"),
    Variable("DER_pt_h", "GeV", "transverse momentum of tau, lepton and missing momentum together"),
    Variable("DER_deltaeta_jet_jet", "", "distance in eta of the two leading jets", 2),
    Variable("DER_mass_jet_jet", "GeV", "invariant mass of the two leading jets", 2),
    Variable("DER_prodeta_jet_jet", "", "product of the eta of the two leading jets", 2),
    Variable("DER_deltar_tau_lep", "", "distance of tau and lepton in eta and phi"),
    Variable("DER_pt_tot", "GeV", "transverse momentum of tau, lepton, missing momentum and leading jets together"),
    Variable("DER_sum_pt", "GeV", "sum of the transverse momenta of tau, lepton and all jets"),
    Variable("DER_pt_ratio_lep_tau", "", "transverse momentum of the lepton over that of the tau"),
    Variable("DER_met_phi_centrality", "", "is the missing momentum between tau and lepton in phi? sqrt 2: midway"),
    Variable("DER_lep_eta_centrality", "", "is the lepton between the two jets in eta? 1: midway, 1/e: at a jet", 2),
    Variable("PRI_tau_pt", "GeV", "transverse momentum of the tau"),
    Variable("PRI_tau_eta", "", "eta of the tau"),
    Variable("PRI_tau_phi", "rad", "azimuth of the tau"),
    Variable("PRI_lep_pt", "GeV", "transverse momentum of the lepton"),
    Variable("PRI_lep_eta", "", "eta of the lepton"),
    Variable("PRI_lep_phi", "rad", "azimuth of the lepton"),
    Variable("PRI_met", "GeV", "missing transverse momentum"),
    Variable("PRI_met_phi", "rad", "azimuth of the missing momentum"),
    Variable("PRI_met_sumet", "GeV", "sum of all transverse energy in the detector"),
    Variable("PRI_jet_num", "", "number of jets, 3 for three or more"),
    Variable("PRI_jet_leading_pt", "GeV", "transverse momentum of the jet with the largest", 1),
    Variable("PRI_jet_leading_eta", "", "eta of the leading jet", 1),
    Variable("PRI_jet_leading_phi", "rad", "azimuth of the leading jet", 1),
    Variable("PRI_jet_subleading_pt", "GeV", "transverse momentum of the second jet", 2),
    Variable("PRI_jet_subleading_eta", "", "eta of the second jet", 2),
    Variable("PRI_jet_subleading_phi", "rad", "azimuth of the second jet", 2),
    Variable("PRI_jet_all_pt", "GeV", "sum of the transverse momenta of all jets"),
)
NAMES = tuple(variable.name for variable in VARIABLES)
_BY_NAME = {variable.name: variable for variable in VARIABLES}


def variable(name: str) -> Variable:
    """One variable by name; ``ValueError`` that names the nearest for another."""
    if name not in NAMES:
        raise ValueError(f"The challenge has no variable {name!r}; it has {', '.join(NAMES)}.")
    return _BY_NAME[name]


def derived_variables(columns: Callable[[str], np.ndarray]) -> dict[str, np.ndarray]:
    """Recompute the derived variables from the primitive ones; DER_mass_MMC alone needs more than the file holds.

    Particles are taken as massless. The files round to three decimals, and jets do have a mass, so that the results
    differ a little from the columns: most of all DER_mass_jet_jet.

    Parameters
    ----------
    columns: gives the (n,) values of a primitive variable by its name, as ``HiggsEvents.column`` does.

    Returns
    -------
    dict of name to (n,) float64 array, -999 where the variable is undefined.
    """
    jets = columns("PRI_jet_num")
    tau, lepton, leading, second = (
        _Particle(
            *(np.where(jets >= least, columns(f"PRI_{which}_{part}"), 0).astype(float) for part in ("pt", "eta", "phi"))
        )
        for which, least in (("tau", 0), ("lep", 0), ("jet_leading", 1), ("jet_subleading", 2))
    )
    missing, missing_phi = columns("PRI_met").astype(float), columns("PRI_met_phi").astype(float)
    missing_x, missing_y = missing * np.cos(missing_phi), missing * np.sin(missing_phi)
    higgs_x, higgs_y = tau.x + lepton.x + missing_x, tau.y + lepton.y + missing_y
    found = {
        "DER_mass_transverse_met_lep": np.sqrt(
            2 * np.maximum(lepton.pt * missing - lepton.x * missing_x - lepton.y * missing_y, 0)
        ),
        "DER_mass_vis": _mass(tau, lepton),
        "DER_pt_h": np.hypot(higgs_x, higgs_y),
        "DER_deltaeta_jet_jet": np.abs(leading.eta - second.eta),
        "DER_mass_jet_jet": _mass(leading, second),
        "DER_prodeta_jet_jet": leading.eta * second.eta,
        "DER_deltar_tau_lep": np.hypot(tau.eta - lepton.eta, _turned(tau.phi - lepton.phi)),
        "DER_pt_tot": np.hypot(higgs_x + leading.x + second.x, higgs_y + leading.y + second.y),
        "DER_sum_pt": tau.pt + lepton.pt + columns("PRI_jet_all_pt"),
        "DER_pt_ratio_lep_tau": lepton.pt / tau.pt,
        "DER_met_phi_centrality": _phi_centrality(missing_phi, tau.phi, lepton.phi),
        "DER_lep_eta_centrality": _eta_centrality(lepton.eta, leading.eta, second.eta),
    }
    return {name: np.where(jets >= variable(name).jets, values, UNDEFINED) for name, values in found.items()}


@dataclass(frozen=True)
class _Particle:
    """Transverse momentum, eta and phi of a particle: (n,) float64 arrays, all zero where it is not there."""

    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray

    @property
    def x(self) -> np.ndarray:
        return self.pt * np.cos(self.phi)

    @property
    def y(self) -> np.ndarray:
        return self.pt * np.sin(self.phi)


def _turned(angle: np.ndarray) -> np.ndarray:
    """An angle between -pi and pi."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _mass(one: _Particle, other: _Particle) -> np.ndarray:
    """The invariant mass of two massless particles: m^2 = 2 pt1 pt2 (cosh(eta1 - eta2) - cos(phi1 - phi2))."""
    opening = np.cosh(one.eta - other.eta) - np.cos(one.phi - other.phi)
    return np.sqrt(2 * one.pt * other.pt * np.maximum(opening, 0))


def _phi_centrality(at: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """sqrt 2 midway between two directions, 1 on one of them, below 1 outside; -sqrt 2 exactly opposite of midway."""
    side = np.sign(np.sin(other - one))
    first, second = np.sin(at - one) * side, np.sin(other - at) * side
    length = np.hypot(first, second)
    return np.divide(first + second, length, out=np.zeros_like(length), where=length > 0)


def _eta_centrality(at: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """exp(-4 (eta - middle)^2 / (eta1 - eta2)^2)."""
    distance = np.square(one - other)
    ratio = np.divide(np.square(at - (one + other) / 2), distance, out=np.full(at.shape, np.inf), where=distance > 0)
    return np.exp(-4 * ratio)


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
        As ``helpers.files.fetch`` explains them.
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


LARGEST = 1e30  # of an input; squares and single precision stay finite


@dataclass(frozen=True)
class Standardiser:
    """Means and standard deviations (d,) of the defined values of each input, from the training part."""

    mean: np.ndarray
    width: np.ndarray
    undefined: float = UNDEFINED

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """(n, d) inputs with mean 0 and standard deviation 1, undefined values at 0, as float32."""
        inputs = real_array("inputs", inputs)
        if inputs.ndim != 2 or inputs.shape[1] != len(self.mean):
            raise ValueError(f"This standardiser was fitted on {len(self.mean)} inputs; got shape {inputs.shape}.")
        scaled = (inputs.astype(float).clip(-2 * LARGEST, 2 * LARGEST) - self.mean) / self.width
        scaled[inputs == self.undefined] = 0
        if not within(scaled, LARGEST):
            raise ValueError("An input is not finite (NaN or infinity), or far too large. Remove such events first.")
        return scaled.astype(np.float32)


def fit_standardiser(inputs: np.ndarray, undefined: float = UNDEFINED) -> Standardiser:
    """Measure means and widths on the (n, d) training inputs, undefined values left out.

    An input that is always undefined, or the same for all events, keeps its width at 1, so that it becomes 0.
    """
    inputs, undefined = real_array("inputs", inputs), real_number("undefined", undefined)
    if inputs.ndim != 2 or not len(inputs):
        raise ValueError(f"Inputs have the shape (events, inputs), with at least one event; got {inputs.shape}.")
    if not within(inputs, LARGEST):
        raise ValueError("An input is not finite (NaN or infinity), or far too large. Remove such events first.")
    inputs = inputs.astype(float)
    defined = inputs != undefined
    count = np.maximum(defined.sum(axis=0), 1)
    mean = np.where(defined, inputs, 0).sum(axis=0) / count
    width = np.sqrt(np.where(defined, (inputs - mean) ** 2, 0).sum(axis=0) / count)
    return Standardiser(mean, np.where(width > 1e-12 * np.maximum(np.abs(mean), 1), width, 1.0), undefined)
