"""Gradients and Taylor coefficients of small dense networks (notebook 1).

Gaussian tasks whose best answer is known in closed form, networks and their training, derivatives to second order, the
coefficients made of them, and a playground.
"""

from helpers.taylor.coefficients import inputs_in, over_trainings, ranking_table, top_of_ranking
from helpers.taylor.derivatives import dense_derivatives
from helpers.taylor.expansion import taylor_coefficients
from helpers.taylor.experiments import task_from_sliders, train_on_task
from helpers.taylor.figures import (
    against_exact,
    bar_panels,
    beside_exact,
    events_and_responses,
    gradient_arrows,
    learning_curves,
    local_maps,
    plane,
    playground_figure,
    price_of_stability,
)
from helpers.taylor.gaussians import (
    TASKS,
    GaussianTask,
    bayes_auc,
    bayes_coefficients,
    bayes_derivatives,
    sample,
    toy_task,
)
from helpers.taylor.networks import DenseNetwork, build_network, dense_network, forward
from helpers.taylor.stability import places, weighted_sums
from helpers.taylor.training import train, training_snapshots
from helpers.taylor.widgets import PLAYGROUND, playground, playground_alt
