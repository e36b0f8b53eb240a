"""Toy tasks: signal and background drawn from two Gaussians, where the best possible answer is known exactly.

With equal priors the best response is f(x) = p_s(x) / (p_s(x) + p_b(x)); no classifier separates better (Neyman and
Pearson 1933). It is the sigmoid of l(x) = log p_s(x) - log p_b(x), and l is quadratic, so its derivatives are closed::

    grad l = S_b^-1 (x - m_b) - S_s^-1 (x - m_s)          hess l = S_b^-1 - S_s^-1
    grad f = f (1-f) grad l                               hess f = f (1-f) [(1-2f) grad l grad l^T + hess l]

The four tasks follow Wunsch et al. 2018 (arXiv:1803.08782).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from helpers.course.arguments import finite_array, real_array, real_number, seed_number, whole_number, within
from helpers.taylor.coefficients import TaylorCoefficients, coefficients_from_derivatives, numbered_inputs

TASKS = ("a", "b", "c", "d")
LARGEST_WIDTH = 1e9  # far more than an input on any scale varies; squares stay finite
_TURN = np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
_NODES = 301  # quadrature points per axis: with 1001 the coefficients change by less than 2e-4 of themselves
_REACH = 6.5  # standard deviations covered by the quadrature; the rest holds 1e-9 of the events


@dataclass(frozen=True)
class GaussianTask:
    """Signal and background as two Gaussians of d inputs with equal priors.

    Attributes
    ----------
    signal_mean, background_mean: (d,) arrays.
    signal_covariance, background_covariance: (d, d) arrays, symmetric and positive definite.
    title: what the task shows, in a few words.

    Raises
    ------
    ValueError
        If a shape does not fit, a number is not finite, or a covariance is not one.
    """

    signal_mean: np.ndarray
    signal_covariance: np.ndarray
    background_mean: np.ndarray
    background_covariance: np.ndarray
    title: str = "two Gaussians"

    def __post_init__(self) -> None:
        for name in ("signal", "background"):
            mean = finite_array(f"The {name} mean", getattr(self, f"{name}_mean"), (None,)).copy()
            covariance = _checked_covariance(getattr(self, f"{name}_covariance"), len(mean), name)
            object.__setattr__(self, f"{name}_mean", mean)
            object.__setattr__(self, f"{name}_covariance", covariance)
        if len(self.signal_mean) != len(self.background_mean):
            raise ValueError(
                f"Signal has {len(self.signal_mean)} inputs and background {len(self.background_mean)}; "
                "both need the same number."
            )

    @property
    def inputs(self) -> int:
        return len(self.signal_mean)

    @property
    def names(self) -> tuple[str, ...]:
        return numbered_inputs(self.inputs)


def covariance_matrix(widths: tuple[float, float] = (1.0, 1.0), correlation: float = 0.0) -> np.ndarray:
    """The 2x2 covariance of two inputs with these standard deviations and this correlation (between -1 and 1)."""
    first, second = finite_array("widths", widths, (2,)).tolist()
    if not (0 < first < LARGEST_WIDTH and 0 < second < LARGEST_WIDTH):
        raise ValueError(f"Widths are standard deviations above zero; got {first:g} and {second:g}.")
    correlation = real_number("correlation", correlation)
    if not -1 < correlation < 1:
        raise ValueError(f"A correlation lies between -1 and 1, both excluded; got {correlation:g}.")
    mixed = correlation * first * second
    return np.array([[first**2, mixed], [mixed, second**2]])


def toy_task(name: str) -> GaussianTask:
    """One of the four tasks of the course.

    a: the means differ. b: only the correlation differs. c: means and correlation differ. d: only the width differs.
    """
    half, none, one = np.array([0.5, 0.5]), np.zeros(2), np.eye(2)
    plus, minus = covariance_matrix(correlation=0.5), covariance_matrix(correlation=-0.5)
    tasks = {
        "a": (half, one, -half, one, "means differ"),
        "b": (none, plus, none, minus, "correlation differs"),
        "c": (half, plus, -half, minus, "both differ"),
        "d": (none, 0.5 * one, none, 3 * one, "widths differ"),
    }
    if name not in TASKS:
        raise ValueError(f"The toy tasks are called {', '.join(TASKS)}; got {name!r}.")
    return GaussianTask(*tasks[name])


def sample(task: GaussianTask, events: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw events, half of them signal, in random order.

    Returns
    -------
    inputs: (events, d) float32 array.
    labels: (events,) float32 array, 1 for signal and 0 for background.
    """
    events = whole_number("events", events, 2)  # one of each class
    generator = np.random.default_rng(seed_number(seed))
    labels = np.zeros(events, np.float32)
    labels[: events // 2] = 1
    normal = generator.standard_normal((events, task.inputs))
    normal[labels == 1] = _coloured(normal[labels == 1], task.signal_mean, task.signal_covariance)
    normal[labels == 0] = _coloured(normal[labels == 0], task.background_mean, task.background_covariance)
    order = generator.permutation(events)
    return normal[order].astype(np.float32), labels[order]


def log_density_ratio(task: GaussianTask, inputs: np.ndarray) -> np.ndarray:
    """l(x) = log p_s(x) - log p_b(x) at (n, d) inputs: an (n,) array."""
    signal = _log_density(inputs, task.signal_mean, task.signal_covariance)
    return signal - _log_density(inputs, task.background_mean, task.background_covariance)


def bayes_response(task: GaussianTask, inputs: np.ndarray) -> np.ndarray:
    """The best possible response f = p_s / (p_s + p_b) at (n, d) inputs: an (n,) array between 0 and 1."""
    return expit(log_density_ratio(task, inputs))


def bayes_derivatives(task: GaussianTask, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best response with its exact derivatives at (n, d) inputs: arrays (n,), (n, d) and (n, d, d)."""
    inputs = real_array("inputs", inputs)
    if inputs.ndim != 2 or inputs.shape[1] != task.inputs:
        raise ValueError(f"Inputs have the shape (events, {task.inputs}); got {inputs.shape}.")
    if not within(inputs, LARGEST_WIDTH):
        raise ValueError("An input is not finite, or far too large; remove or fill such events first.")
    inputs = inputs.astype(float)
    ratio = log_density_ratio(task, inputs)
    response = expit(ratio)
    slope = (response * expit(-ratio))[:, None]  # f (1-f); expit(-l) keeps its digits where f is nearly 1
    signal, background = np.linalg.inv(task.signal_covariance), np.linalg.inv(task.background_covariance)
    gradient = (inputs - task.background_mean) @ background - (inputs - task.signal_mean) @ signal
    bend = (1 - 2 * response)[:, None, None] * gradient[:, :, None] * gradient[:, None, :]
    return response, slope * gradient, slope[:, :, None] * (bend + background - signal)


def bayes_coefficients(task: GaussianTask, inputs: np.ndarray | None = None) -> TaylorCoefficients:
    """The Taylor coefficients of the best response.

    Parameters
    ----------
    inputs: (n, d) events to average over. Left out (two inputs at most), the mean runs over the densities themselves,
        by quadrature: the exact values, whose standard errors are zero.
    """
    if inputs is not None:
        _, gradient, hessian = bayes_derivatives(task, inputs)
        if not len(gradient):
            raise ValueError("There is no event to average over: give at least one.")
        return coefficients_from_derivatives(gradient, hessian, task.names)
    nodes, weights, _ = _quadrature(task)
    _, gradient, hessian = bayes_derivatives(task, nodes)
    found = coefficients_from_derivatives(gradient, hessian, task.names, weights)
    none = np.zeros_like(found.second)
    return replace(found, first_error=none[0], second_error=none)


def bayes_auc(task: GaussianTask) -> float:
    """The area under the ROC curve of the best response (two inputs at most): the most any classifier can reach."""
    nodes, weights, labels = _quadrature(task)
    return float(roc_auc_score(labels, log_density_ratio(task, nodes), sample_weight=weights))


def _quadrature(task: GaussianTask) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, weights and labels that integrate over both densities: a grid in the whitened space of each class."""
    if task.inputs > 2:
        raise ValueError(
            f"Exact values are integrated for one or two inputs; this task has {task.inputs}. "
            "Average over events instead: bayes_coefficients(task, inputs)."
        )
    line = np.linspace(-_REACH, _REACH, _NODES ** (3 - task.inputs))  # alone, an axis needs them all for the ROC curve
    white = np.stack(np.meshgrid(*[line] * task.inputs, indexing="ij"), axis=-1).reshape(-1, task.inputs)
    weights = np.exp(-0.5 * (white**2).sum(axis=1))
    if task.inputs == 2:
        white = white @ _TURN  # off the axes, where many nodes would share one response and tie in the ROC curve
    nodes = [
        _coloured(white, task.signal_mean, task.signal_covariance),
        _coloured(white, task.background_mean, task.background_covariance),
    ]
    return np.concatenate(nodes), np.tile(weights, 2), np.repeat([1, 0], len(white))


def _coloured(white: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return mean + white @ np.linalg.cholesky(covariance).T


def _log_density(inputs: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """log of the Gaussian density, without the constant that both classes share."""
    offset = inputs - mean
    distance = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset)
    return -0.5 * (distance + np.linalg.slogdet(covariance)[1])


def _checked_covariance(covariance: np.ndarray, inputs: int, name: str) -> np.ndarray:
    covariance = real_array(f"The {name} covariance", covariance).astype(float)
    if covariance.shape != (inputs, inputs):
        raise ValueError(
            f"The {name} covariance has the shape ({inputs}, {inputs}) to fit its mean; got {covariance.shape}."
        )
    if not within(covariance, LARGEST_WIDTH**2) or not np.allclose(covariance, covariance.T):
        raise ValueError(f"The {name} covariance is a symmetric matrix of finite numbers; got {covariance.tolist()}.")
    smallest = np.linalg.eigvalsh(covariance)[0]
    if smallest <= 1e-12 * np.abs(covariance).max():
        raise ValueError(
            f"The {name} covariance is not positive definite: its smallest eigenvalue is {smallest:.3g}. Variances must "
            "be above zero and every correlation between -1 and 1, both excluded."
        )
    return covariance
