"""An uncertain input and all that follows from it: the energy scale of the tau.

The energy of a hadronically decaying tau is known to a few per cent only, and the error is the same for all of them: it
is the calibration that is off, not the single measurement. A tau that gets another momentum changes the missing momentum,
which is what the sum of all others lacks, and every variable that is made of the two. Definitions of the variables:
Adam-Bourdarios et al., "Learning to discover: the Higgs boson machine learning challenge" (2014), Appendix B. The tests
compare with the package HiggsML of the FAIR Universe challenge (Bhimji et al. 2024, arXiv:2410.02867).
"""

from dataclasses import replace

import numpy as np

from helpers.course.arguments import real_number
from helpers.higgs.events import UNDEFINED, HiggsEvents

NOT_COMPUTED = "DER_mass_MMC"
_DERIVED = ("mass_transverse_met_lep", "mass_vis", "sum_pt", "pt_ratio_lep_tau", "met_phi_centrality")
_MEASURED = ("tau_pt", "tau_phi", "lep_pt", "lep_phi", "met", "met_phi", "met_sumet")
_NEEDED = (*(f"DER_{name}" for name in _DERIVED), *(f"PRI_{name}" for name in _MEASURED))
_HALF_TURN = 3.1425  # azimuths are stored with three digits, the largest is 3.142


def shift(events: HiggsEvents, tau_energy: float) -> HiggsEvents:
    """The same events as they would be measured if the energy of every tau were ``tau_energy`` times as large.

    With k the factor, p the transverse momenta as vectors, t the tau, l the lepton and m the missing one::

        PRI_tau_pt                   |p_t| -> k |p_t|
        PRI_met, PRI_met_phi         p_m   -> p_m - (k - 1) p_t, so that p_t + p_m stays
        PRI_met_sumet, DER_sum_pt    grow by (k - 1) |p_t|
        DER_pt_ratio_lep_tau         |p_l| / |p_t|, divided by k
        DER_mass_vis                 sqrt(2 |p_l| |p_t| (cosh(eta_l - eta_t) - cos(phi_l - phi_t))), times sqrt(k)
        DER_mass_transverse_met_lep  sqrt(2 |p_l| |p_m| (1 - cos(phi_l - phi_m)))
        DER_met_phi_centrality       (A + B) / sqrt(A^2 + B^2), A = s sin(phi_m - phi_l), B = s sin(phi_t - phi_m)

    with s the sign of sin(phi_t - phi_l). The last two are computed before and after, and their change is added to the
    value in the data, because the angles in the data are rounded to 0.001, which makes them uncertain by up to 0.2 GeV and
    0.02. All other variables stay: ``DER_pt_h`` and ``DER_pt_tot`` hold p_t and p_m only as their sum. What is undefined
    stays so, and ``tau_energy=1`` gives the events as they are.

    ``DER_mass_MMC``, the estimated mass of the Higgs candidate, is left out: it comes from a fit that needs more than the
    data hold. Events are neither lost nor won at the threshold of the data, 20 GeV for the tau; who counts events selects
    them far enough above it, such as above 22 GeV for shifts of up to nine per cent.

    Parameters
    ----------
    tau_energy: the factor k, from 0.5 to 2.

    Returns
    -------
    the events without ``DER_mass_MMC``, float32 as before.

    Raises
    ------
    ValueError
        If the factor is not a number in this range, or the events lack a variable that is needed.
    """
    factor = real_number("tau_energy", tau_energy, 0.5, 2)
    names = tuple(name for name in events.names if name != NOT_COMPUTED)
    before = {name: events.column(name).astype(float) for name in (*names, *_NEEDED)}
    tau = before["PRI_tau_pt"] * np.exp(1j * before["PRI_tau_phi"])
    missing = before["PRI_met"] * np.exp(1j * before["PRI_met_phi"])
    gained, moved = (factor - 1) * before["PRI_tau_pt"], missing - (factor - 1) * tau
    azimuth = before["PRI_met_phi"] + np.angle(moved * missing.conj())

    after = dict(before)
    after["PRI_tau_pt"] = factor * before["PRI_tau_pt"]
    after["PRI_met"] = np.abs(moved)
    after["PRI_met_phi"] = azimuth - 2 * np.pi * np.sign(azimuth) * (np.abs(azimuth) > _HALF_TURN)
    after["PRI_met_sumet"] = before["PRI_met_sumet"] + gained
    after["DER_sum_pt"] = before["DER_sum_pt"] + gained
    after["DER_pt_ratio_lep_tau"] = before["DER_pt_ratio_lep_tau"] / factor
    after["DER_mass_vis"] = before["DER_mass_vis"] * np.sqrt(factor)
    mass = before["DER_mass_transverse_met_lep"] + _transverse_mass(after) - _transverse_mass(before)
    after["DER_mass_transverse_met_lep"] = np.maximum(mass, 0)
    after["DER_met_phi_centrality"] = before["DER_met_phi_centrality"] + _centrality(after) - _centrality(before)
    columns = [np.where(before[name] == UNDEFINED, UNDEFINED, after[name]) for name in names]
    return replace(events, inputs=np.stack(columns, axis=1).astype(np.float32), names=names)


def _transverse_mass(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Of missing momentum and lepton; with half the angle, which keeps the digits of a small one."""
    half = (columns["PRI_met_phi"] - columns["PRI_lep_phi"]) / 2
    return 2 * np.sqrt(columns["PRI_lep_pt"] * columns["PRI_met"]) * np.abs(np.sin(half))


def _centrality(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Of the missing momentum between tau and lepton; 0 where all three point into one direction."""
    lepton, tau, missing = (columns[f"PRI_{of}_phi"] for of in ("lep", "tau", "met"))
    a, b = np.sin(missing - lepton), np.sin(tau - missing)
    side = np.where(np.sin(tau - lepton) < 0, -1, 1)
    return side * (a + b) / np.maximum(np.hypot(a, b), 1e-12)
