"""Looking inside: feature maps, filters, and the gradient of a class score with respect to the pixels.

The gradient answers "which pixel would change the score most if it changed a little?" (Simonyan, Vedaldi and
Zisserman 2014, arXiv:1312.6034). Three methods make maps of it, for a picture x and its score f:

* **gradient times input**: x df/dx;
* **SmoothGrad**: the mean of the gradient over noisy copies of the picture (Smilkov et al. 2017, arXiv:1706.03825);
* **integrated gradients**: (x - x') times the mean of the gradient on the straight line from a baseline x' to x. Its sum
  is f(x) - f(x'), which is called completeness (Sundararajan, Taly and Yan 2017, arXiv:1703.01365).

Images are in the model's input space, as ``preprocess`` returns them.
"""

from collections.abc import Callable

import numpy as np

from helpers.course.arguments import choice, finite_array, name_list, real_number, seed_number, whole_number, within
from helpers.course.backend import keras, tf
from helpers.course.networks import compiled, score_gradients, scores_of
from helpers.course.targets import (
    LARGEST_VALUE,
    batches,
    checked_images,
    explained,
    get_call,
    get_layer,
    require_logits,
)
from helpers.vgg16.photo_network import MEAN_BGR

BLACK, WHITE = tuple((-MEAN_BGR).tolist()), tuple((255 - MEAN_BGR).tolist())  # in VGG16's input space
_NO_GRADIENT = (
    "The model {what}, so its input has no gradient; take that of a layer behind it (logit_gradients of helpers.tcav, at "
    "an embedding with pooling=None), or occlusion_map for pictures."
)
MOST_STEPS = 1000  # the quadrature takes them from a matrix with the square of that


def feature_maps(model: keras.Model, images, layers: str | list[str], batch_size: int = 2):
    """What the layers put out for the images; a layer of a model inside the model is "base/conv5".

    Returns one array (N, height, width, channels) for a name, a dictionary of arrays for a list of names; all layers of
    a list are read in one forward pass.
    """
    images = checked_images(model, images)
    names = name_list("layers", layers)
    for name in names:
        get_call(model, name, [images])
    forward = compiled(model, _forward, *names)
    found = [forward(tf.constant(images[rows]))[:-1] for rows in batches(len(images), batch_size)]
    maps = {name: np.concatenate([batch[i] for batch in found]) for i, name in enumerate(names)}
    return maps[layers] if isinstance(layers, str) else maps


def filters(model: keras.Model, layer: str) -> np.ndarray:
    """The kernel of a convolution, shape (height, width, input channels, output channels)."""
    found = get_layer(model, layer)
    if not isinstance(found, keras.layers.Conv2D):
        raise ValueError(f"Layer {layer!r} is a {type(found).__name__}; only a Conv2D has filters.")
    return found.kernel.numpy()


def input_gradient(model: keras.Model, images, target, batch_size: int = 2) -> np.ndarray:
    """Gradient of the explained logit with respect to every input value; the shape is that of the images.

    ``target``: see :mod:`helpers.course.targets`.
    """
    return _gradient(model, *_differentiable(model, images, target), batch_size)


def _differentiable(model: keras.Model, images, target) -> tuple[np.ndarray, np.ndarray]:
    """Images and weights, checked; images of whole numbers are refused."""
    images, weights = explained(model, images, target)
    if images.dtype.kind != "f":
        raise ValueError(_NO_GRADIENT.format(what=f"takes whole numbers ({images.dtype})"))
    return images, weights


def _gradient(model: keras.Model, images: np.ndarray, weights: np.ndarray, batch_size: int) -> np.ndarray:
    gradient, rows = compiled(model, _score_gradient), batches(len(images), batch_size)
    found = np.concatenate([gradient(tf.constant(images[part]), tf.constant(weights[part])) for part in rows])
    if len(found) == 0:
        raise ValueError(_NO_GRADIENT.format(what="turns its input into whole numbers"))
    return found


def gradient_times_input(model: keras.Model, images, target, batch_size: int = 2) -> np.ndarray:
    """x * df/dx: for a linear model without bias its sum is the score. Zero is the reference (the mean colour)."""
    images, weights = _differentiable(model, images, target)
    return _gradient(model, images, weights, batch_size) * images


def smooth_gradient(
    model: keras.Model, images, target, samples: int = 16, noise: float = 0.15, seed: int = 0, batch_size: int = 2
) -> np.ndarray:
    """SmoothGrad: the mean of the input gradient over noisy copies of each image.

    The noise is Gaussian with a standard deviation of ``noise`` times the image's range (maximum - minimum). Copies are
    made batch by batch, so the memory does not depend on their number.

    Raises
    ------
    ValueError
        If ``samples`` is less than 1 or ``noise`` negative.
    """
    samples, noise = whole_number("samples", samples, 1), real_number("noise", noise, 0, 100)
    seed, batch_size = seed_number(seed), whole_number("batch_size", batch_size, 1)
    images, weights = _differentiable(model, images, target)
    mean = np.zeros(images.shape, images.dtype)
    for total, image, weight in zip(mean, images, weights, strict=True):
        rng = np.random.default_rng(seed)  # so that a picture's map does not depend on the others
        scale = noise * float(image.max() - image.min())
        for rows in batches(samples, min(batch_size, samples)):
            noisy = image + scale * rng.standard_normal((rows.stop - rows.start, *image.shape)).astype(image.dtype)
            total += _gradient(model, noisy, np.tile(weight, (len(noisy), 1)), batch_size).sum(axis=0)
    return mean / samples


def pixel_map(gradient: np.ndarray, how: str = "largest") -> np.ndarray:
    """One value per pixel from an array (..., channels).

    ``how="largest"`` takes the largest absolute value over the channels (Simonyan et al. 2014; unsigned),
    ``how="sum"`` the sum (signed; keeps the total, as relevance needs it).
    """
    how = choice("how", how, ("largest", "sum"))
    gradient = finite_array("gradient", gradient, dtype=None)
    if gradient.ndim == 0 or gradient.shape[-1] == 0:
        raise ValueError(f"A gradient has the channels in its last axis; got shape {gradient.shape}.")
    return np.abs(gradient).max(axis=-1) if how == "largest" else gradient.sum(axis=-1)


def integrated_gradients(
    model: keras.Model, images, target, baseline=0.0, steps: int = 32, batch_size: int = 2
) -> np.ndarray:
    """(x - x') times the mean of df/dx on the straight line from the baseline x' to the image x.

    The mean is taken by Gauss-Legendre quadrature at ``steps`` points, which is exact where f is a polynomial of degree
    2 steps along the line and far closer than a sum over equal steps elsewhere.

    Parameters
    ----------
    model, images, target
        As in :mod:`helpers.course.targets`.
    baseline
        Number, value per channel, or array that fits the images; in the model's input space, where 0 is VGG16's mean
        colour.
    steps
        Points on the line; with more of them the sum comes closer to f(x) - f(x').
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
    images, weights = _differentiable(model, images, target)
    baseline = _checked_baseline(baseline, images)
    places, shares = gauss_legendre(steps)
    mean = np.zeros(images.shape)
    for total, image, start, weight in zip(mean, images, baseline, weights, strict=True):
        for rows in batches(steps, batch_size):
            along = places[rows].reshape(-1, *[1] * image.ndim)
            points = (start + along * (image - start)).astype(images.dtype)
            gradients = _gradient(model, points, np.tile(weight, (len(points), 1)), batch_size)
            total += np.tensordot(shares[rows], gradients, axes=1)
    return (mean * (images - baseline)).astype(images.dtype)


def _checked_baseline(baseline, images) -> np.ndarray:
    baseline = finite_array("The baseline", baseline)
    if not within(baseline, LARGEST_VALUE):
        raise ValueError("The baseline holds far too large values; black and white are BLACK and WHITE of this module.")
    try:
        return np.broadcast_to(baseline.astype(images.dtype), images.shape)
    except ValueError:
        raise ValueError(
            f"The baseline is a number, a value per channel, or an array that fits the images {images.shape}; got shape "
            f"{baseline.shape}."
        ) from None


def gauss_legendre(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Places between 0 and 1 and their shares, which sum to 1: the mean of a function is sum(share * f(place))."""
    places, shares = np.polynomial.legendre.leggauss(steps)
    return (places + 1) / 2, shares / 2  # from [-1, 1] to [0, 1]


def logits(model: keras.Model, images, batch_size: int = 2) -> np.ndarray:
    """The class scores (N, classes), in batches of bounded size, compiled once."""
    images = checked_images(model, images)
    require_logits(model, [images])
    return np.concatenate([scores_of(model, [images[rows]]) for rows in batches(len(images), batch_size)])


def _forward(forward: Callable) -> Callable:
    return lambda images: forward(images)


def _score_gradient(forward: Callable) -> Callable:
    def gradient(images, weights):
        _, (found,) = score_gradients(forward, images, weights)
        return tf.zeros((0,)) if found is None else found  # an error raised here would lose its place

    return gradient
