"""Layer-wise relevance propagation and its relatives (notebook 3).

:func:`explain` gives relevance with its ledger, :func:`lrp` relevance alone; the rules and composites say how each layer
shares it out. Beside it guided backpropagation, the deconvnet and deep Taylor decomposition.
"""

from helpers.lrp.explanation import explain, format_ledger, lrp
from helpers.lrp.figures import digit_explained, network_with_numbers, relevance_grid
from helpers.lrp.gradients import deconvnet, guided_backpropagation
from helpers.lrp.rules import (
    alpha_beta,
    deep_taylor,
    epsilon,
    epsilon_alpha2beta1_flat,
    epsilon_gamma_box,
    epsilon_plus,
    epsilon_plus_flat,
    flat,
    gamma,
    lrp_0,
    z_plus,
)
