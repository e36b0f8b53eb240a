"""Testing with concept activation vectors (notebook 3).

Concept vectors, scores and their significance over many random sets, concepts of one's own and of photographs, figures, and
a canvas for a texture.
"""

from helpers.tcav.figures import (
    concept_vector_in_two_dimensions,
    most_and_least,
    score_against_loss,
    score_bars,
    score_map,
    score_over_depth,
)
from helpers.tcav.own_concepts import texture_set
from helpers.tcav.photo_concepts import class_pictures, photo_concept, thing_pictures
from helpers.tcav.runs import compare_with_random
from helpers.tcav.scores import activations, directional_derivatives, logit_gradients, tcav_score
from helpers.tcav.significance import format_tests
from helpers.tcav.vectors import accuracy_beyond_chance, concept_vector, projections
from helpers.tcav.widgets import draw_tile, own_concept, pattern_strokes
