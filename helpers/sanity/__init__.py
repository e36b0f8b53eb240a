"""Is a map to be believed? (notebook 3)

Weights drawn anew, similarity of maps, every method by its name, scenes whose truth is known, and tables of scores.
"""

from helpers.sanity.figures import own_and_other, similarity_curves
from helpers.sanity.methods import BASELINES, FAMILIES, explainers
from helpers.sanity.randomisation import (
    cascading_randomisation,
    edges,
    independent_randomisation,
    random_logit,
)
from helpers.sanity.similarity import similarities, spearman
from helpers.sanity.standings import league
from helpers.sanity.tables import agreement_of_families, format_table, joined, rank_agreement, stored_table
from helpers.sanity.truth import world_scenes
