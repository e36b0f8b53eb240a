"""From a toy task to a trained network and its coefficients, in one call: what notebook 1 does again and again."""

from dataclasses import dataclass

from sklearn.metrics import roc_auc_score

from helpers.course.arguments import LARGEST_SEED, real_number, whole_number
from helpers.course.networks import Progress
from helpers.taylor.coefficients import TaylorCoefficients
from helpers.taylor.expansion import taylor_coefficients
from helpers.taylor.gaussians import (
    LARGEST_WIDTH,
    GaussianTask,
    bayes_auc,
    bayes_coefficients,
    covariance_matrix,
    sample,
)
from helpers.taylor.networks import DenseNetwork, build_network, dense_network, forward
from helpers.taylor.training import train

_TEST_EVENTS = 50_000


@dataclass(frozen=True)
class TrainedTask:
    """A network trained on a toy task, and what to compare it with.

    ``coefficients`` and ``auc`` are those of the network over events it was not trained on; ``exact`` and ``best_auc``
    are those of the best possible response.
    """

    task: GaussianTask
    network: DenseNetwork
    coefficients: TaylorCoefficients
    exact: TaylorCoefficients
    auc: float
    best_auc: float


def train_on_task(
    task: GaussianTask,
    neurons: int = 100,
    events: int = 200_000,
    epochs: int = 20,
    seed: int = 0,
    batch: int = 1000,
    progress: Progress | None = None,
) -> TrainedTask:
    """Train a 2-neurons-1 network on fresh events of a task, and compute its coefficients on further ones.

    Start, events and their order all follow from the seed. ``progress`` is passed on to
    ``helpers.taylor.training.train``.
    """
    seed = whole_number("seed", seed, 0, LARGEST_SEED // 1000)
    inputs, labels = sample(task, events, seed=1000 + seed)
    model = build_network(task.inputs, (neurons,), seed=10 * seed)
    train(model, inputs, labels, epochs=epochs, batch=batch, seed=seed, progress=progress)
    network = dense_network(model)
    test_inputs, test_labels = sample(task, _TEST_EVENTS, seed=2000 + seed)
    return TrainedTask(
        task,
        network,
        taylor_coefficients(network, test_inputs, names=task.names),
        bayes_coefficients(task),
        float(roc_auc_score(test_labels, forward(network, test_inputs)[:, 0])),
        bayes_auc(task),
    )


def task_from_sliders(
    distance: float = 1.0, signal_width: float = 1.0, background_width: float = 1.0, correlation: float = 0.5
) -> GaussianTask:
    """The tasks a to d and all that lies between them.

    Parameters
    ----------
    distance: between the means, along each axis: they stand at plus and minus half of it.
    signal_width, background_width: standard deviation of both inputs.
    correlation: of the signal; that of the background is its negative.
    """
    half = [real_number("distance", distance, -LARGEST_WIDTH, LARGEST_WIDTH) / 2] * 2
    return GaussianTask(
        half,
        covariance_matrix((signal_width, signal_width), correlation),
        [-half[0], -half[1]],
        covariance_matrix((background_width, background_width), -correlation),
    )
