"""Attribution methods beside LRP, in the same calling form ``method(model, images, target)``.

* **Integrated gradients** (Sundararajan, Taly and Yan 2017, arXiv:1703.01365) average the gradient on the way from a
  baseline to the image; their sum is the difference of the scores.
* **Deconvnet** (Zeiler and Fergus 2014, arXiv:1311.2901) and **guided backpropagation** (Springenberg et al. 2015,
  arXiv:1412.6806) are gradients in which ReLUs let only positive values back.
* **Deep Taylor decomposition** (Montavon et al. 2017, doi:10.1016/j.patcog.2016.11.008) is LRP with z-B in the first layer
  and z+ in all others.

Gradient, gradient times input and SmoothGrad are in :mod:`helpers.saliency`, Grad-CAM in :mod:`helpers.cam`.
"""

import numpy as np

from helpers import lrp_composites
from helpers.arguments import finite_array, whole_number, within
from helpers.backend import keras
from helpers.lrp import lrp
from helpers.lrp_engine import walk_back
from helpers.lrp_graph import read_graph
from helpers.lrp_rules import Rule
from helpers.photo_network import MEAN_BGR
from helpers.saliency import input_gradient, logits
from helpers.targets import LARGEST_VALUE, batches, checked_images, output_weights

BLACK, WHITE = tuple((-MEAN_BGR).tolist()), tuple((255 - MEAN_BGR).tolist())  # in VGG16's input space
MOST_STEPS = 1000  # the quadrature takes them from a matrix with the square of that
CHAIN_RULE = Rule("gradient", "gradient")


def integrated_gradients(
    model: keras.Model, images, target, baseline=0.0, steps: int = 32, batch_size: int = 2
) -> np.ndarray:
    """(x - x') times the mean of df/dx on the straight line from the baseline x' to the image x.

    The mean is taken by Gauss-Legendre quadrature at ``steps`` points, which is exact where f is a polynomial of degree
    2 steps along the line and far closer than a sum over equal steps elsewhere. :func:`completeness_gap` says how close.

    Parameters
    ----------
    model, images, target
        As in :mod:`helpers.targets`.
    baseline
        Number, value per channel, or array that fits the images; in the model's input space, where 0 is VGG16's mean
        colour.
    steps
        Points on the line; more of them close the gap.
    batch_size
        Points at a time; the memory does not depend on ``steps``.

    Returns
    -------
    array shaped like the images

    Raises
    ------
    ValueError
        If ``steps`` is less than 1 or the baseline does not fit.
    """
    steps = whole_number("steps", steps, 1, MOST_STEPS)
    images = checked_images(model, images)
    baseline = _checked_baseline(baseline, images)
    weights = output_weights(model, len(images), target)
    places, shares = gauss_legendre(steps)
    mean = np.zeros(images.shape)
    for total, image, start, weight in zip(mean, images, baseline, weights, strict=True):
        for rows in batches(steps, batch_size):
            along = places[rows].reshape(-1, *[1] * image.ndim)
            points = (start + along * (image - start)).astype(images.dtype)
            gradients = input_gradient(model, points, np.tile(weight, (len(points), 1)), batch_size)
            total += np.tensordot(shares[rows], gradients, axes=1)
    return (mean * (images - baseline)).astype(images.dtype)


def gauss_legendre(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Places between 0 and 1 and their shares, which sum to 1: the mean of a function is sum(share * f(place))."""
    places, shares = np.polynomial.legendre.leggauss(steps)
    return (places + 1) / 2, shares / 2  # from [-1, 1] to [0, 1]


def completeness_gap(model: keras.Model, images, target, attribution, baseline=0.0) -> np.ndarray:
    """Sum of the attribution minus (score of the image - score of the baseline), shape (N,): 0 where it is complete."""
    images = checked_images(model, images)
    attribution = finite_array("The attribution", attribution)
    if attribution.shape != images.shape:
        raise ValueError(f"The attribution has shape {attribution.shape}, the images {images.shape}; they must agree.")
    weights = output_weights(model, len(images), target)
    start = _checked_baseline(baseline, images)
    change = (weights * (logits(model, images) - logits(model, start))).sum(axis=1)
    return attribution.reshape(len(images), -1).sum(axis=1) - change


def guided_backpropagation(model: keras.Model, images, target, batch_size: int | None = None) -> np.ndarray:
    """The gradient with every ReLU passing only what is positive, forwards and backwards: r+ where z > 0.

    Only ReLUs differ from the chain rule. The result tells more about the picture than about the class (Adebayo et al.
    2018, arXiv:1810.03292).
    """
    return _modified_gradient(model, images, target, "guided", batch_size)


def deconvnet(model: keras.Model, images, target, batch_size: int | None = None) -> np.ndarray:
    """The gradient with every ReLU applied to what comes back, r+, whatever its input was; poolings keep their maxima."""
    return _modified_gradient(model, images, target, "deconvnet", batch_size)


def deep_taylor(model: keras.Model, images, target, low=BLACK, high=WHITE, batch_size: int | None = None) -> np.ndarray:
    """Deep Taylor decomposition: z-B for the first layer, z+ for the others, biases left out.

    ``low`` and ``high`` are the values of black and white after preprocessing, one number or one per channel; by default
    those of VGG16. The method is derived for positive scores; a negative one gives a negative map.

    Raises
    ------
    ValueError
        If the images lie outside the bounds, or these do not fit the number of channels.
    """
    return lrp(model, images, target, lrp_composites.deep_taylor(low, high), batch_size=batch_size)


def _modified_gradient(model, images, target, activations: str, batch_size: int | None) -> np.ndarray:
    graph = read_graph(model)
    images = checked_images(model, images)
    weights = output_weights(model, len(images), target)
    rules = {step.output: CHAIN_RULE for step in graph.steps if step.form == "weighted"}
    walked = walk_back(
        model, graph, rules, [images], np.zeros_like(weights), weights, activations, batch_size=batch_size
    )
    return walked.values[0]


def _checked_baseline(baseline, images) -> np.ndarray:
    baseline = finite_array("The baseline", baseline)
    if not within(baseline, LARGEST_VALUE):
        raise ValueError("The baseline holds far too large values; black and white are BLACK and WHITE of this module.")
    baseline = baseline.astype(images.dtype)
    try:
        baseline = np.broadcast_to(baseline, images.shape)
    except ValueError:
        raise ValueError(
            f"The baseline is a number, a value per channel, or an array that fits the images {images.shape}; got shape "
            f"{baseline.shape}."
        ) from None
    return baseline
