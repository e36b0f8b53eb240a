"""The 30 variables of the ATLAS Higgs challenge 2014: names, units, definitions, and what can be recomputed.

An event holds a lepton (electron or muon), a hadronically decaying tau, missing transverse momentum from the unseen
neutrinos, and up to three jets. The 17 primitive variables (PRI_) are measured; the 13 derived ones (DER_) are computed
from them by physicists. Definitions: Adam-Bourdarios et al., "Learning to discover: the Higgs boson machine learning
challenge" (2014), Appendix B. Momenta, energies and masses are in GeV (c = 1), angles in radians; eta is the
pseudorapidity -ln tan(theta/2); "transverse" is perpendicular to the beams.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
