"""Taylor coefficients of a network over many events, in bounded memory (Wunsch et al. 2018, arXiv:1803.08782).

``helpers.coefficients`` defines them and ``helpers.derivatives`` provides the derivatives. Here the events go through
in blocks and only running sums are kept, so that a million events need no more memory than ten thousand.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from threadpoolctl import ThreadpoolController

from helpers.backend import keras, tf
from helpers.coefficients import AbsoluteMeans, TaylorCoefficients, check_names, check_weights
from helpers.derivatives import DenseDerivatives, check_model_output, checked_model_inputs, compiled_derivatives
from helpers.networks import DenseNetwork, checked_inputs, dense_network, forward

WORKING_MEMORY = 36_000_000  # bytes for one block; larger ones are no quicker
_LARGEST_BLOCK = 5_000


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
    network = model if isinstance(model, DenseNetwork) else _read(model, inputs, method)
    inputs = np.asarray(inputs)
    if network is None:
        rows, block = _autodiff_rows(model, inputs, output)
        check = partial(checked_model_inputs, model)
    else:
        derivatives = DenseDerivatives(network, output)
        rows, block = derivatives.rows, WORKING_MEMORY // derivatives.bytes_per_event()
        check = partial(checked_inputs, network)
    size = check(inputs[:1]).shape[1]
    names = check_names(names, size)
    mean_weight = check_weights(weights, len(inputs))
    block = int(np.clip(block, 1, _LARGEST_BLOCK))
    sums = AbsoluteMeans(size + size * (size + 1) // 2)
    with _blas_threads().limit(limits=1, user_api="blas"):
        for start in range(0, len(inputs), block):
            part = slice(start, start + block)
            values = rows(check(inputs[part]))
            scaled = None if weights is None else np.asarray(weights[part], float) / mean_weight
            sums.add(values, scaled, overwrite=True)
    found = sums.coefficients(names)
    if not (np.isfinite(found.first).all() and np.isfinite(found.second).all()):
        raise ValueError("A derivative is not finite. Are the weights of the network finite, and the inputs on scale?")
    return found


@lru_cache(maxsize=1)
def _blas_threads() -> ThreadpoolController:
    """The threads of NumPy's matrix products. One is as quick as two here, for the products are short, and much
    quicker where other people's notebooks run on the same processor: threads would wait for each other at each product.
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


def _autodiff_rows(
    model: keras.Model, inputs: np.ndarray, output: int
) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """The rows of :class:`DenseDerivatives` from automatic differentiation, and how many events to take at once."""
    few = checked_model_inputs(model, inputs[:1])
    check_model_output(model, few, output)
    derivatives = compiled_derivatives(model, output)
    size = few.shape[1]
    pairs = np.triu_indices(size)

    def rows(part: tf.Tensor) -> np.ndarray:
        _, gradient, hessian = (tensor.numpy() for tensor in derivatives(part))
        return np.concatenate([gradient, hessian[:, pairs[0], pairs[1]]], axis=1).T.copy()

    # the second tape keeps about ten copies of every layer for each of the d inputs
    shapes = [getattr(getattr(layer, "output", None), "shape", (None, 1000)) for layer in model.layers]
    widest = max((int(np.prod([length or 1 for length in shape[1:]])) for shape in shapes), default=1)
    return rows, WORKING_MEMORY // (10 * 4 * size * max(widest, size))
