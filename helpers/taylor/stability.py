"""How far a shift of the inputs moves events in the order of their responses, and where that is known exactly."""

import numpy as np
from scipy.stats import norm

from helpers.course.arguments import finite_array
from helpers.taylor.gaussians import GaussianTask

_ANGLES, _NODES, _REACH = 91, 4001, 8  # directions from 0 to 90 degrees; quadrature of a score, in its widths


def places(response: np.ndarray, moved: np.ndarray) -> float:
    """By how many places events move in the order of their responses, in the mean, as a share of all n events.

    mean |F(f(x + d)) - F(f(x))| with F the share of responses below, as it is before the shift. Only the order counts: it
    stays the same when both responses go through one increasing function.

    Parameters
    ----------
    response, moved: (n,) responses to the same events before and after the shift.
    """
    response = finite_array("response", response, (None,))
    moved = finite_array("moved", moved, response.shape)
    order = np.sort(response)
    before, after = (np.searchsorted(order, values) for values in (response, moved))
    return float(np.abs(after - before).mean() / len(order))


def weighted_sums(task: GaussianTask, move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and AUC of the responses x1 cos(t) + x2 sin(t), t from 0 to 90 degrees, when the inputs are shifted.

    With w = (cos t, sin t) the sum is a Gaussian in each class, of mean w m and variance w S w, and the shift moves it by
    w d. So AUC = Phi(w (m_s - m_b) / sqrt(w S_s w + w S_b w)), and places are an integral over the two densities.

    Parameters
    ----------
    task: a task of two inputs.
    move: (2,) shift d of the inputs, the same for all events.

    Returns
    -------
    places and AUC: two (91,) arrays, one entry for each degree.

    Raises
    ------
    ValueError
        If the task has not two inputs, or the shift not two numbers.
    """
    if task.inputs != 2:
        raise ValueError(f"Weighted sums are taken of two inputs; this task has {task.inputs}.")
    move = finite_array("move", move, (2,))
    angle = np.linspace(0, np.pi / 2, _ANGLES)
    weights = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    means = np.array([weights @ mean for mean in (task.signal_mean, task.background_mean)])
    widths = np.array(
        [np.sqrt((weights @ of * weights).sum(axis=1)) for of in (task.signal_covariance, task.background_covariance)]
    )
    auc = norm.cdf((means[0] - means[1]) / np.hypot(*widths))
    score = np.linspace(
        (means - _REACH * widths).min(axis=0), (means + _REACH * widths).max(axis=0), _NODES
    )  # (nodes, angles)
    density = sum(norm.pdf(score, mean, width) for mean, width in zip(means, widths, strict=True))
    below, below_moved = (
        sum(norm.cdf(s, mean, width) for mean, width in zip(means, widths, strict=True)) / 2
        for s in (score, score + weights @ move)
    )
    return (np.abs(below_moved - below) * density).sum(axis=0) / density.sum(axis=0), auc
