"""Higgs boson decays to tau leptons (notebook 1): events and variables, the selection's significance, figures."""

from helpers.higgs.events import (
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
    two_rankings,
    variable_histograms,
)
from helpers.higgs.selection import ams, best_selection, permutation_importance
from helpers.higgs.uncertainty import shift
