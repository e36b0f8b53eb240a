"""The activation functions of dense layers with their first two derivatives, in NumPy.

Each entry of ``ACTIVATIONS`` declares one function a = phi(z). Its derivatives are functions of z and a, because for
most of them the value a is the cheaper way in: tanh' = 1 - a^2, sigmoid' = a (1 - a).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class Activation:
    """phi(z), phi'(z, a) and phi''(z, a) with a = phi(z); ``curvature`` is None where phi'' is zero (almost) everywhere.

    Arrays in, arrays of the same shape and precision out.
    """

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    curvature: Callable[[np.ndarray, np.ndarray], np.ndarray] | None


ACTIVATIONS = {
    "linear": Activation(lambda z: z, lambda z, a: np.ones_like(z), None),
    # phi'(0) is taken as 0, as TensorFlow does; phi'' is a spike at 0 that no event ever hits, and counts as 0
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype), None),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a * a, lambda z, a: -2 * a * (1 - a * a)),
    "sigmoid": Activation(expit, lambda z, a: a * (1 - a), lambda z, a: a * (1 - a) * (1 - 2 * a)),
    "softplus": Activation(lambda z: np.logaddexp(0, z), lambda z, a: expit(z), lambda z, a: expit(z) * expit(-z)),
}


def activation(name: str) -> Activation:
    """Look up an activation; ``ValueError`` that names the known ones otherwise."""
    if name not in tuple(ACTIVATIONS):
        hint = (
            " Softmax mixes all outputs: end the network in its logits (a linear output) instead."
            if name == "softmax"
            else ""
        )
        raise ValueError(f"The activation {name!r} is not one of {', '.join(ACTIVATIONS)}.{hint}")
    return ACTIVATIONS[name]
