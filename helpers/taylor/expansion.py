"""Taylor coefficients of a network over many events, in bounded memory (Wunsch et al. 2018, arXiv:1803.08782).

``helpers.taylor.coefficients`` defines them and ``helpers.taylor.derivatives`` provides the derivatives. Here the
events go through in blocks, several at once, and only running sums are kept, so that a million events need no more
memory than ten thousand.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

import numpy as np
from threadpoolctl import ThreadpoolController

from helpers.course.arguments import real_array, shown
from helpers.course.backend import keras
from helpers.course.calls import run
from helpers.taylor.coefficients import AbsoluteMeans, TaylorCoefficients, check_names, check_weights
from helpers.taylor.derivatives import FOR_SCALE, DenseDerivatives, FunctionDerivatives, ModelDerivatives
from helpers.taylor.networks import DenseNetwork, checked_inputs, dense_network, forward

WORKING_MEMORY = 30_000_000  # bytes for one block at most
LARGEST_RATIO = 100  # of the inputs' standard deviations, before it is spoken of
_LARGEST_BLOCK = 1_000  # small blocks stay in the processor's cache


def taylor_coefficients(
    model: DenseNetwork | keras.Model | Callable[[np.ndarray], np.ndarray],
    inputs: np.ndarray,
    *,
    output: int = 0,
    weights: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    defined: np.ndarray | None = None,
    before: str | None = None,
    method: str = "auto",
) -> TaylorCoefficients:
    """All first- and second-order coefficients of one output of a network.

    Parameters
    ----------
    model: a dense network, any differentiable Keras model that maps (events, d) to (events, outputs), or any smooth
        function that does, such as ``classifier.predict_proba``: that is expanded by central differences, see
        :class:`helpers.taylor.derivatives.FunctionDerivatives`.
    inputs: (n, d) events, on the scale on which the network takes them. Standardise first: see below.
    output: which output is expanded.
    weights: (n,) weights of the events, none negative; equal weights if left out.
    names: the d names of the inputs; x1, x2, ... if left out.
    defined: (n, d) array, True where an input has a meaning for the event and False where its value is only filled in.
        A coefficient is then the mean over the events in which its one or two inputs are defined; over all if left out.
    before: "sigmoid" expands what stands before the sigmoid at the end of a dense network, u of f = sigmoid(u). The
        sigmoid is curved itself:
        d2f/dx_i dx_j = f' d2u/dx_i dx_j + f'' du/dx_i du/dx_j, so a second order of f need not be one of u.
    method: "dense" uses the closed form for chains of Dense layers (tanh, sigmoid, softplus, relu, linear), "autodiff"
        uses TensorFlow for any model, "auto" takes the first where it can.

    A coefficient has the unit of f over that of its inputs, so their order has a meaning only when all inputs share one
    scale. In a relu network the second derivatives come from the output's activation alone: a relu is made of straight
    pieces, and how these meet is not seen by a derivative. Choose tanh or softplus to look at second order. A warning says
    so where all second derivatives are 0, and another where the spreads of the inputs differ by more than a hundred.

    Raises
    ------
    ValueError
        If shapes do not fit, an input is not finite, the model is not a dense chain (method "dense"), no event has two
        inputs defined together, there is no sigmoid (before "sigmoid"), or a derivative is not finite.
    """
    if method not in ("auto", "dense", "autodiff"):
        raise ValueError(f"The method is 'auto', 'dense' or 'autodiff'; got {method!r}.")
    if before not in (None, "sigmoid"):
        raise ValueError(
            f"Before the sigmoid is before='sigmoid', and nothing else can be left out; got {shown(before)}."
        )
    inputs = real_array("inputs", inputs)
    if inputs.ndim != 2:
        raise ValueError(f"Inputs have the shape (events, d); got {inputs.shape}. One event x is x[np.newaxis].")
    if not len(inputs):
        raise ValueError("There is no event to average over: give at least one.")
    derivatives = _derivatives(model, inputs, output, method, before)
    names = check_names(names, derivatives.checked(inputs[:1]).shape[1])
    mean_weight = check_weights(weights, len(inputs))
    ordered = inputs
    if defined is not None:
        defined = _checked_defined(defined, inputs.shape)
        alike = np.lexsort(
            np.packbits(defined, axis=1).T
        )  # events with the same inputs side by side: most blocks are whole
        ordered, defined = inputs[alike], defined[alike]
        weights = None if weights is None else np.asarray(weights)[alike]
    block = int(np.clip(WORKING_MEMORY // derivatives.bytes_per_event(), 1, _LARGEST_BLOCK))

    def sums_of(start: int) -> AbsoluteMeans:
        part = slice(start, start + block)
        scaled = None if weights is None else np.asarray(weights[part], float) / mean_weight
        meaning = None if defined is None else defined[part].T
        return AbsoluteMeans(derivatives.rows(derivatives.checked(ordered[part])), scaled, meaning)

    workers = _processors() if isinstance(derivatives, DenseDerivatives) else 1  # TensorFlow brings its own threads
    with _blas_threads().limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        parts = pool.map(sums_of, range(0, len(inputs), block))
        sums = next(parts)
        for part in parts:
            sums.merge(part)
    found = sums.coefficients(names)
    _warn(found, inputs)
    return found


def _derivatives(model, inputs: np.ndarray, output: int, method: str, before: str | None):
    """What gives the derivatives of this model, by its method."""
    if isinstance(model, (DenseNetwork, keras.Model)):
        network = model if isinstance(model, DenseNetwork) else _read(model, inputs, method)
        network = _without_sigmoid(network) if before else network
        return DenseDerivatives(network, output) if network else ModelDerivatives(model, inputs[:1], output)
    if not callable(model):
        raise ValueError(
            "The model is a DenseNetwork, a Keras model, or a function such as classifier.predict_proba; got "
            f"{shown(model)}."
        )
    if before:
        raise ValueError(
            "before='sigmoid' reads dense networks; give a function that returns what stands before its own."
        )
    if method != "auto":
        raise ValueError(f"A function is expanded by differences: leave out method={method!r}.")
    return FunctionDerivatives(model, inputs, output)


def _without_sigmoid(network: DenseNetwork | None) -> DenseNetwork:
    if network is None:
        raise ValueError(
            "before='sigmoid' leaves the sigmoid out of a chain of Dense layers. Of this model, expand the part that ends "
            "before its sigmoid: keras.Model(model.inputs, ...)."
        )
    *hidden, last = network.activations
    if last != "sigmoid":
        raise ValueError(f"The network ends in {last}, not in a sigmoid: leave out before='sigmoid'.")
    return replace(network, activations=(*hidden, "linear"))


def _checked_defined(defined: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Where inputs are defined, True or False at every event; ``ValueError`` for anything else."""
    defined = np.asarray(defined)
    if defined.dtype != bool or defined.shape != shape:
        raise ValueError(
            f"Say of each of the {shape[1]} inputs of each of the {shape[0]} events whether it is defined, True or False; "
            f"got an array of {defined.dtype} of shape {defined.shape}."
        )
    return defined


def _warn(found: TaylorCoefficients, inputs: np.ndarray) -> None:
    if not found.second.any():
        warnings.warn(
            "All second-order coefficients are exactly 0: the network is made of straight pieces (relu, linear), which "
            "do not bend. Train one with tanh or softplus to look at second order.",
            stacklevel=3,
        )
    spread = inputs[:FOR_SCALE].std(axis=0, dtype=float)
    spread = np.where(spread > 0, spread, np.nan)
    if np.nanmax(spread, initial=0) > LARGEST_RATIO * np.nanmin(spread, initial=np.inf):
        widest, narrowest = np.nanargmax(spread), np.nanargmin(spread)
        warnings.warn(
            f"The inputs are not on one scale: the standard deviation of {found.names[widest]} is {spread[widest]:.3g}, "
            f"that of {found.names[narrowest]} {spread[narrowest]:.3g}. Their coefficients cannot be compared; standardise "
            "the inputs first.",
            stacklevel=3,
        )


def _processors() -> int:
    """How many processors this process may use, four at most: each of them works on a block of its own."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, usable)


@lru_cache(maxsize=1)
def _blas_threads() -> ThreadpoolController:
    """The threads inside NumPy's matrix products. One each is best here: the blocks already share the processors, and
    where other people's notebooks run too, threads would wait for each other at the end of every short product.
    """
    return ThreadpoolController()


def _read(model: keras.Model, inputs: np.ndarray, method: str) -> DenseNetwork | None:
    """The dense network in a Keras model, or None where it has to be differentiated automatically."""
    if method == "autodiff":
        return None
    try:
        network = dense_network(model)
    except ValueError:
        if method == "dense":
            raise
        return None
    # A subclassed layer may compute something else than its weights say: compare before trusting the closed form.
    few = checked_inputs(network, inputs[:20])
    wanted = np.asarray(run(model, [few]))
    if not np.allclose(forward(network, few), wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max()):
        if method == "dense":
            raise ValueError("The model computes something else than its dense layers say. Choose method='autodiff'.")
        return None
    return network
