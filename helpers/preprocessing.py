"""Inputs on one scale: standardisation fitted on the training part, undefined values filled.

Standardisation is part of the method, not a convenience: a Taylor coefficient has the unit of one over its input, so
that "mass in GeV" and "angle in radians" can only be compared once both are counted in standard deviations.

Undefined values are filled with the mean of the defined ones, that is with 0 after standardisation. The network then
sees an average value, which draws its answer neither way at first order; a fill far outside, such as -999, would put
nearly all of the variance, and thus the unit of the coefficient, into the distance between real values and the fill.
That a value is undefined is mostly not lost: PRI_jet_num says how many jets there are.
"""

from dataclasses import dataclass

import numpy as np

from helpers.arguments import real_array, real_number, within
from helpers.higgs_variables import UNDEFINED

LARGEST = 1e30  # of an input; squares and single precision stay finite


@dataclass(frozen=True)
class Standardiser:
    """Means and standard deviations (d,) of the defined values of each input, from the training part."""

    mean: np.ndarray
    width: np.ndarray
    undefined: float = UNDEFINED

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """(n, d) inputs with mean 0 and standard deviation 1, undefined values at 0, as float32."""
        inputs = real_array("inputs", inputs)
        if inputs.ndim != 2 or inputs.shape[1] != len(self.mean):
            raise ValueError(f"This standardiser was fitted on {len(self.mean)} inputs; got shape {inputs.shape}.")
        scaled = (inputs.astype(float).clip(-2 * LARGEST, 2 * LARGEST) - self.mean) / self.width
        scaled[inputs == self.undefined] = 0
        if not within(scaled, LARGEST):
            raise ValueError("An input is not finite (NaN or infinity), or far too large. Remove such events first.")
        return scaled.astype(np.float32)


def fit_standardiser(inputs: np.ndarray, undefined: float = UNDEFINED) -> Standardiser:
    """Measure means and widths on the (n, d) training inputs, undefined values left out.

    An input that is always undefined, or the same for all events, keeps its width at 1, so that it becomes 0.
    """
    inputs, undefined = real_array("inputs", inputs), real_number("undefined", undefined)
    if inputs.ndim != 2 or not len(inputs):
        raise ValueError(f"Inputs have the shape (events, inputs), with at least one event; got {inputs.shape}.")
    if not within(inputs, LARGEST):
        raise ValueError("An input is not finite (NaN or infinity), or far too large. Remove such events first.")
    inputs = inputs.astype(float)
    defined = inputs != undefined
    count = np.maximum(defined.sum(axis=0), 1)
    mean = np.where(defined, inputs, 0).sum(axis=0) / count
    width = np.sqrt(np.where(defined, (inputs - mean) ** 2, 0).sum(axis=0) / count)
    return Standardiser(mean, np.where(width > 1e-12 * np.maximum(np.abs(mean), 1), width, 1.0), undefined)
