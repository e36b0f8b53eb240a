"""How good a classifier is at finding a signal: the challenge's significance, and permutation importance."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from helpers.course.arguments import finite_array, real_number, seed_number, whole_number

MOST_EVENTS = 1e15  # far more than any experiment expects
REGULARISATION = 10.0  # keeps selections of very few events from winning by chance


def best_selection(
    response: np.ndarray, labels: np.ndarray, weights: np.ndarray, least_background: int = 10
) -> tuple[float, float]:
    """The threshold on the response that gives the largest AMS, and that AMS.

    A threshold that lets hardly any event of the background through tells nothing of how much background is to be
    expected there, and would win by chance.

    Parameters
    ----------
    response, labels, weights: (n,) arrays; events with a response at or above the threshold are selected. Weights sum
        to expected numbers of events: see ``helpers.higgs.events.expected_weights``.
    least_background: thresholds that select fewer background events than this, counted without weights, are left out.
    """
    response, labels, weights = (
        finite_array(name, values)
        for name, values in (("response", response), ("labels", labels), ("weights", weights))
    )
    if response.ndim != 1 or response.shape != labels.shape or response.shape != weights.shape or not len(response):
        raise ValueError(
            f"Response, labels and weights are arrays of one length; got {response.shape}, {labels.shape} "
            f"and {weights.shape}."
        )
    if weights.min() < 0 or weights.max() > MOST_EVENTS:
        raise ValueError(
            f"Weights are expected numbers of events, not negative and at most {MOST_EVENTS:g}; got {weights.min():g} to "
            f"{weights.max():g}."
        )
    least_background = whole_number("least_background", least_background)
    if np.sum(labels != 1) < least_background:
        raise ValueError(
            f"At least {least_background} background events have to be selected, and there are {np.sum(labels != 1)}: give "
            "more events, or a smaller least_background."
        )
    order = np.argsort(-response, kind="stable")
    ordered = response[order]
    signal = np.cumsum(np.where(labels[order] == 1, weights[order], 0))
    background = np.cumsum(np.where(labels[order] == 1, 0, weights[order]))
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal responses are selected together
    last &= np.cumsum(labels[order] != 1) >= least_background
    values = ams(signal[last], background[last])
    best = int(np.argmax(values))
    return float(ordered[last][best]), float(values[best])


def ams(signal: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The approximate median significance of the challenge.

    AMS = sqrt(2 ((s + b + 10) ln(1 + s / (b + 10)) - s)), with s and b the expected numbers of selected signal and
    background events (Cowan, Cranmer, Gross and Vitells 2011; Adam-Bourdarios et al. 2014). For s much smaller than b
    it is s / sqrt(b + 10).
    """
    background = background + REGULARISATION
    # log1p keeps the digits; the difference below cannot be negative but for rounding
    return np.sqrt(2 * np.maximum((signal + background) * np.log1p(signal / background) - signal, 0))


def background_left(labels: np.ndarray, response: np.ndarray, kept: float) -> float:
    """The share of the background at or above the threshold on the response that keeps this share of the signal."""
    labels, response = finite_array("labels", labels, (None,)), finite_array("response", response, (len(labels),))
    if not 0 < real_number("kept", kept) <= 1 or not np.array_equal(np.unique(labels), [0, 1]):
        raise ValueError(
            f"Some signal (1) and some background (0) is needed, of which a share up to 1 is kept; got {kept}."
        )
    return float(np.mean(response[labels == 0] >= np.quantile(response[labels == 1], 1 - kept)))


def permutation_importance(
    predict: Callable[[np.ndarray], np.ndarray],
    inputs: np.ndarray,
    labels: np.ndarray,
    repeats: int = 3,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """By how much the AUC falls when one input is shuffled among the events (Breiman 2001).

    The network stays as it is; what an input says about its own event is destroyed, alone and together with others.

    Parameters
    ----------
    predict: function of (n, d) inputs that returns the (n,) response.
    inputs, labels: (n, d) and (n,) arrays, best of events that were not trained on.
    repeats: shuffles for each input.

    Returns
    -------
    mean and standard error over the repeats: (d,) arrays.
    """
    repeats = whole_number("repeats", repeats, 2)  # an error needs two
    inputs = finite_array("inputs", inputs, (None, None), dtype=None)
    labels = finite_array("labels", labels, (len(inputs),))
    if not np.array_equal(np.unique(labels), [0, 1]):
        raise ValueError(f"Labels are 1 for signal and 0 for background, and both occur; got {np.unique(labels)[:5]}.")
    generator = np.random.default_rng(seed_number(seed))
    full = roc_auc_score(labels, predict(inputs))
    falls = np.empty((repeats, inputs.shape[1]))
    shuffled = np.array(inputs)
    for column in range(inputs.shape[1]):
        for repeat in range(repeats):
            shuffled[:, column] = generator.permutation(inputs[:, column])
            falls[repeat, column] = full - roc_auc_score(labels, predict(shuffled))
        shuffled[:, column] = inputs[:, column]
    return falls.mean(axis=0), falls.std(axis=0, ddof=1) / np.sqrt(repeats)
