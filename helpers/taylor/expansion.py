"""Taylor coefficients of a network over many events, in bounded memory (Wunsch et al. 2018, arXiv:1803.08782).

``helpers.taylor.coefficients`` defines them and ``helpers.taylor.derivatives`` provides the derivatives. Here the
events go through in blocks, several at once, and only running sums are kept, so that a million events need no more
memory than ten thousand.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from threadpoolctl import ThreadpoolController

from helpers.course.arguments import real_array, shown
from helpers.course.backend import keras
from helpers.taylor.coefficients import AbsoluteMeans, TaylorCoefficients, check_names, check_weights
from helpers.taylor.derivatives import DenseDerivatives, ModelDerivatives
from helpers.taylor.networks import DenseNetwork, checked_inputs, dense_network, forward

WORKING_MEMORY = 30_000_000  # bytes for one block at most
_LARGEST_BLOCK = 1_000  # small blocks stay in the processor's cache


def taylor_coefficients(
    model: DenseNetwork | keras.Model,
    inputs: np.ndarray,
    *,
    output: int = 0,
    weights: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    method: str = "auto",
) -> TaylorCoefficients:
    """All first- and second-order coefficients of one output of a network.

    Parameters
    ----------
    model: a dense network, or any differentiable Keras model that maps (events, d) to (events, outputs).
    inputs: (n, d) events, on the scale on which the network takes them. Standardise first: see below.
    output: which output is expanded.
    weights: (n,) weights of the events, none negative; equal weights if left out.
    names: the d names of the inputs; x1, x2, ... if left out.
    method: "dense" uses the closed form for chains of Dense layers (tanh, sigmoid, softplus, relu, linear), "autodiff"
        uses TensorFlow for any model, "auto" takes the first where it can.

    A coefficient has the unit of f over that of its inputs, so their order has a meaning only when all inputs share one
    scale. In a relu network the second derivatives come from the output's activation alone: a relu is made of straight
    pieces, and how these meet is not seen by a derivative. Choose tanh or softplus to look at second order.

    Raises
    ------
    ValueError
        If shapes do not fit, an input is not finite, the model is not a dense chain (method "dense"), or a derivative
        is not finite.
    """
    if method not in ("auto", "dense", "autodiff"):
        raise ValueError(f"The method is 'auto', 'dense' or 'autodiff'; got {method!r}.")
    inputs = real_array("inputs", inputs)
    if inputs.ndim != 2:
        raise ValueError(f"Inputs have the shape (events, d); got {inputs.shape}. One event x is x[np.newaxis].")
    if not len(inputs):
        raise ValueError("There is no event to average over: give at least one.")
    if not isinstance(model, (DenseNetwork, keras.Model)):
        raise ValueError(f"The model is a DenseNetwork or a Keras model; got {shown(model)}.")
    network = model if isinstance(model, DenseNetwork) else _read(model, inputs, method)
    derivatives = DenseDerivatives(network, output) if network else ModelDerivatives(model, inputs[:1], output)
    names = check_names(names, derivatives.checked(inputs[:1]).shape[1])
    mean_weight = check_weights(weights, len(inputs))
    block = int(np.clip(WORKING_MEMORY // derivatives.bytes_per_event(), 1, _LARGEST_BLOCK))

    def sums_of(start: int) -> AbsoluteMeans:
        part = slice(start, start + block)
        scaled = None if weights is None else np.asarray(weights[part], float) / mean_weight
        return AbsoluteMeans(derivatives.rows(derivatives.checked(inputs[part])), scaled)

    workers = _processors() if network else 1  # TensorFlow brings its own threads
    with _blas_threads().limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        parts = pool.map(sums_of, range(0, len(inputs), block))
        sums = next(parts)
        for part in parts:
            sums.merge(part)
    return sums.coefficients(names)


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
    if not np.allclose(forward(network, few), np.asarray(model(few, training=False)), rtol=1e-3, atol=1e-4):
        if method == "dense":
            raise ValueError("The model computes something else than its dense layers say. Choose method='autodiff'.")
        return None
    return network
