"""Events of the ATLAS Higgs challenge 2014: the 30 variables, the reader, the parts to train and test on, one scale.

An event is a simulated proton-proton collision. It holds a lepton (electron or muon), a hadronically decaying tau,
missing transverse momentum from the unseen neutrinos, and up to three jets. Signal is a Higgs boson that decays to two
taus; background is everything else that looks like it. The 17 primitive variables (PRI_) are measured; the 13 derived
ones (DER_) are computed from them by physicists. Definitions: Adam-Bourdarios et al., "Learning to discover: the Higgs
boson machine learning challenge" (2014), Appendix B. Momenta, energies and masses are in GeV (c = 1), angles in
radians; eta is the pseudorapidity -ln tan(theta/2); "transverse" is perpendicular to the beams. The excerpt in the
repository and the full set both have the layout of CERN Open Data record 328 (doi:10.7483/OPENDATA.ATLAS.ZBP2.M5T8).

Standardisation is part of the method, not a convenience: a Taylor coefficient has the unit of one over its input, so
that "mass in GeV" and "angle in radians" can only be compared once both are counted in standard deviations. Undefined
values are filled with the mean of the defined ones, that is with 0 after standardisation. The network then sees an
average value, which draws its answer neither way at first order; a fill far outside, such as -999, would put nearly all
of the variance, and thus the unit of the coefficient, into the distance between real values and the fill. That a value
is undefined is mostly not lost: PRI_jet_num says how many jets there are.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from helpers.course.arguments import positions, real_array, whole_number, within
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
FILES = {  # name in the course's list of files, number of events
    "excerpt": ("atlas-higgs/atlas-higgs-challenge-2014-v2-first-22800.csv.gz", 22_800),
    "full": ("atlas-higgs/atlas-higgs-challenge-2014-v2.csv.gz", 818_238),
}
LAYOUT = np.dtype(  # of a line in these files
    [
        ("EventId", float),
        ("inputs", np.float32, (len(NAMES),)),
        ("Weight", float),
        ("Label", "U1"),
        ("KaggleSet", "U1"),
        ("KaggleWeight", float),
    ]
)
TRAINING = {
    "epochs": 15,
    "batch": 200,
    "learning_rate": 0.01,
}  # of the course's networks on these events: a second each
SIGNAL_TOTAL = 691.99  # events expected in the data of 2012: sums of the full set's weights
BACKGROUND_TOTAL = 410_999.8
_EXCERPT_TRAINING = 15_800
_LARGEST = 1e30  # of an input; squares and single precision stay finite


def variable(name: str) -> Variable:
    """One variable by name; ``ValueError`` that lists them all for another."""
    if name not in NAMES:
        raise ValueError(f"The challenge has no variable {name!r}; it has {', '.join(NAMES)}.")
    return VARIABLES[NAMES.index(name)]


@dataclass(frozen=True)
class HiggsEvents:
    """Events, in the order of their file.

    Attributes
    ----------
    inputs: (n, inputs) float32 array, 30 as they are read; ``UNDEFINED`` (-999) where a variable has no meaning for the
        event.
    labels: (n,) float32 array, 1 for signal and 0 for background.
    weights: (n,) float64 array. Over the full set each class sums to the number of events expected in 2012.
    sets: (n,) array of letters, the parts the challenge was played with: t training, b public and v private
        leaderboard, u unused.
    names: the names of the inputs.
    """

    inputs: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    sets: np.ndarray
    names: tuple[str, ...] = NAMES

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def defined(self) -> np.ndarray:
        """(n, 30) array, True where a variable has a meaning for the event."""
        return self.inputs != UNDEFINED

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
        If the source is none of these, or a file is damaged.
    FileNotFoundError, ConnectionError, OSError
        As ``helpers.files.fetch`` explains them.
    """
    if source not in ("auto", *FILES):
        raise ValueError(f"The source is 'auto', 'excerpt' or 'full'; got {source!r}.")
    chosen = source if source != "auto" else "full" if locate(FILES["full"][0]) else "excerpt"
    events = read_higgs_csv(fetch(FILES[chosen][0]))
    if not quiet:
        other = {
            "excerpt": "The full set: load_higgs('full').",
            "full": "The small one: load_higgs('excerpt').",
        }[chosen]
        print(f"{len(events):,} ATLAS Higgs challenge events, {int(events.labels.sum()):,} signal ({chosen}). {other}")
    return events


def read_higgs_csv(path: Path) -> HiggsEvents:
    """Read a file in the official layout: a line of names, then one event a line."""
    rows = np.loadtxt(path, LAYOUT, delimiter=",", skiprows=1)
    labels = (rows["Label"] == "s").astype(np.float32)
    return HiggsEvents(rows["inputs"].copy(), labels, rows["Weight"].copy(), rows["KaggleSet"].copy())


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
    shares = 1 - events.defined.mean(axis=0)
    return {name: float(share) for name, share in zip(events.names, shares, strict=True) if share > 0}


@dataclass(frozen=True)
class Standardiser:
    """Means and standard deviations of the defined values of each input of the training part, held by scikit-learn."""

    scaler: StandardScaler

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """(n, d) inputs with mean 0 and standard deviation 1, undefined values at 0, as float32."""
        inputs, wanted = real_array("inputs", inputs), self.scaler.n_features_in_
        if inputs.ndim != 2 or not len(inputs) or inputs.shape[1] != wanted:
            raise ValueError(f"This standardiser was fitted on {wanted} inputs; got shape {inputs.shape}.")
        scaled = np.nan_to_num(self.scaler.transform(_defined(inputs)))
        _require_within_bounds(scaled)
        return scaled.astype(np.float32)


def fit_standardiser(inputs: np.ndarray) -> Standardiser:
    """Measure means and widths on the (n, d) training inputs, undefined values left out.

    An input that is always undefined, or the same for all events, becomes 0.
    """
    inputs = real_array("inputs", inputs)
    if inputs.ndim != 2 or not inputs.size:
        raise ValueError(f"Inputs have the shape (events, inputs), with at least one event; got {inputs.shape}.")
    with np.errstate(invalid="ignore"):  # an input that is always undefined has no mean
        return Standardiser(StandardScaler().fit(_defined(inputs)))


def _defined(inputs: np.ndarray) -> np.ndarray:
    """Inputs with NaN, which scikit-learn passes over, where they are undefined."""
    _require_within_bounds(inputs)
    return np.where(inputs == UNDEFINED, np.nan, inputs.astype(float))


def _require_within_bounds(inputs: np.ndarray) -> None:
    if not within(inputs, _LARGEST):
        raise ValueError("An input is not finite (NaN or infinity), or far too large. Remove such events first.")
