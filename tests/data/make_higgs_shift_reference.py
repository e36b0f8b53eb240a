"""Make ``higgs_shift_reference.npz`` with the package HiggsML, and print how far ours is from it on all events here.

    pip install HiggsML==0.1.5  # and the course itself
    python tests/data/make_higgs_shift_reference.py

HiggsML (FAIR Universe, Bhimji et al. 2024, arXiv:2410.02867) shifts the tau's energy in events of another year, which has
other names (had for tau, n_jets for jet_num), -25 for undefined, and neither MMC nor the sum of transverse energy. It rounds
momenta and angles to three digits after the shift and computes the derived variables from these. The reference is made with
``round`` switched off, so that it can be compared to more than these digits; what the rounding does is printed beside it.
Its selection (tau above 26 GeV, jets above 26 GeV) is left out: ``dopostprocess=False``.
"""

from pathlib import Path

import numpy as np
import pandas
from HiggsML.derived_quantities import DER_data
from HiggsML.systematics import mom4_manipulate

from helpers.higgs.events import UNDEFINED, load_higgs
from helpers.higgs.uncertainty import shift

SCALES = {"down": 0.97, "nominal": 1.0, "up": 1.03}
STORED = 400  # events
CHANGED = (
    "PRI_tau_pt",
    "PRI_met",
    "PRI_met_phi",
    "DER_mass_transverse_met_lep",
    "DER_mass_vis",
    "DER_pt_h",
    "DER_pt_tot",
    "DER_sum_pt",
    "DER_pt_ratio_lep_tau",
    "DER_met_phi_centrality",
)


def theirs(events, scale: float, rounded: bool) -> np.ndarray:
    """What HiggsML makes of the events: an (n, variables) array in the order of ``CHANGED``."""
    other = {name: name.replace("tau", "had").replace("jet_num", "n_jets") for name in events.names}
    table = pandas.DataFrame(
        {other[name]: events.column(name).astype(float) for name in events.names if name.startswith("PRI_")}
    ).replace(UNDEFINED, -25)
    round_, pandas.Series.round = pandas.Series.round, pandas.Series.round if rounded else lambda self, decimals: self
    try:
        table = DER_data(mom4_manipulate(table, scale, 1.0, 0.0))
    finally:
        pandas.Series.round = round_
    return table[[other[name] for name in CHANGED]].to_numpy(np.float64)


def ours(events, scale: float) -> np.ndarray:
    shifted = shift(events, tau_energy=scale)
    return np.stack([shifted.column(name).astype(float) for name in CHANGED], axis=1)


def main() -> None:
    events = load_higgs()
    few = events.select(slice(STORED))
    reference = {name: theirs(few, scale, rounded=False).astype(np.float32) for name, scale in SCALES.items()}
    np.savez_compressed(Path(__file__).with_name("higgs_shift_reference.npz"), names=np.array(CHANGED), **reference)
    for rounded in (False, True):
        print(
            f"\nlargest difference on {len(events):,} events, HiggsML {'as it is' if rounded else 'without rounding'}:"
        )
        print(f"{'':<28}      value     change  99.9 % of changes")
        start, our_start = theirs(events, 1.0, rounded), ours(events, 1.0)
        for scale in (0.97, 1.03):
            here, there = ours(events, scale), theirs(events, scale, rounded)
            value, change = np.abs(here - there), np.abs((here - our_start) - (there - start))
            for column, name in enumerate(CHANGED):
                if name == "PRI_met_phi":  # once round is no difference
                    value, change = (
                        np.where(np.abs(x - 2 * np.pi) < 0.01, np.abs(x - 2 * np.pi), x) for x in (value, change)
                    )
                numbers = value[:, column].max(), change[:, column].max(), np.quantile(change[:, column], 0.999)
                print(f"{name:<28} {scale} " + " ".join(f"{number:10.6f}" for number in numbers))


if __name__ == "__main__":
    main()
