"""Higgs boson decays to tau leptons (notebook 1): events and variables, the selection's significance, figures, networks
with a hidden flaw.
"""

from helpers.higgs.events import (
    TRAINING,
    expected_weights,
    fit_standardiser,
    load_higgs,
    missing_shares,
    training_and_test,
    variable,
)
from helpers.higgs.figures import (
    coefficient_matrix,
    predicted_changes,
    ranking_bars,
    response_bands,
    roc_curves,
    share_lines,
    two_rankings,
    variable_histograms,
)
from helpers.higgs.flaws import patient_file, patients
from helpers.higgs.selection import ams, background_left, best_selection, permutation_importance
from helpers.higgs.uncertainty import shift
