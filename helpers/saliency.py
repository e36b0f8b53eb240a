"""Looking inside: feature maps, filters, and the gradient of a class score with respect to the pixels.

The gradient answers "which pixel would change the score most if it changed a little?" (Simonyan, Vedaldi and
Zisserman 2014, arXiv:1312.6034). SmoothGrad averages it over noisy copies of the picture (Smilkov et al. 2017,
arXiv:1706.03825). Images are in the model's input space, as ``preprocess`` returns them.
"""

import weakref
from collections.abc import Callable

import numpy as np

from helpers.arguments import choice, finite_array, name_list, real_number, seed_number, whole_number
from helpers.backend import keras, tf
from helpers.targets import batches, checked_images, get_layer, output_weights, require_logits

_compiled: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def compiled(model: keras.Model, build: Callable[[keras.Model], Callable], *layers: str) -> Callable:
    """A compiled function of a model, made once per model, ``build`` and choice of layers, and then reused.

    ``build`` is given a model with the same input and weights whose outputs are those of the named layers and then the
    logits, and returns the function to compile. Weights are read at every call, so changed weights are seen. What is
    kept refers to the model's layers but not to the model itself, and goes when the model goes.
    """
    known = _compiled.setdefault(model, {})
    if (build, layers) not in known:
        outputs = [get_layer(model, name).output for name in layers]
        part = keras.Model(model.inputs[0], [*outputs, model.outputs[0]])
        known[build, layers] = tf.function(build(part), reduce_retracing=True)
    return known[build, layers]


def outputs_of(part: keras.Model, images) -> list:
    """The outputs as a list, also where there is only one."""
    return tf.nest.flatten(part(images, training=False))


def _forward(part: keras.Model) -> Callable:
    return lambda images: outputs_of(part, images)


def _score_gradient(part: keras.Model) -> Callable:
    def gradient(images, weights):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = tf.reduce_sum(outputs_of(part, images)[-1] * weights)
        return tape.gradient(score, images)

    return gradient


def feature_maps(model: keras.Model, images, layers: str | list[str], batch_size: int = 2):
    """What the layers put out for the images.

    Returns one array (N, height, width, channels) for a name, a dictionary of arrays for a list of names; all layers of
    a list are read in one forward pass.
    """
    images = checked_images(model, images)
    names = name_list("layers", layers)
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


def logits(model: keras.Model, images, batch_size: int = 2) -> np.ndarray:
    """The class scores (N, classes), in batches of bounded size, compiled once."""
    require_logits(model)
    images = checked_images(model, images)
    forward = compiled(model, _forward)
    return np.concatenate([forward(tf.constant(images[rows]))[-1] for rows in batches(len(images), batch_size)])


def input_gradient(model: keras.Model, images, target, batch_size: int = 2) -> np.ndarray:
    """Gradient of the explained logit with respect to every input value; the shape is that of the images.

    ``target``: see :mod:`helpers.targets`.
    """
    require_logits(model)
    images = checked_images(model, images)
    weights = output_weights(model, len(images), target)
    gradient = compiled(model, _score_gradient)
    rows = batches(len(images), batch_size)
    return np.concatenate([gradient(tf.constant(images[part]), tf.constant(weights[part])) for part in rows])


def gradient_times_input(model: keras.Model, images, target, batch_size: int = 2) -> np.ndarray:
    """x * df/dx: for a linear model without bias its sum is the score. Zero is the reference (the mean colour)."""
    return input_gradient(model, images, target, batch_size) * checked_images(model, images)


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
    require_logits(model)
    images = checked_images(model, images)
    weights = output_weights(model, len(images), target)
    rng = np.random.default_rng(seed)
    mean = np.zeros(images.shape, images.dtype)
    for total, image, weight in zip(mean, images, weights, strict=True):
        scale = noise * float(image.max() - image.min())
        for rows in batches(samples, min(batch_size, samples)):
            noisy = image + scale * rng.standard_normal((rows.stop - rows.start, *image.shape)).astype(image.dtype)
            total += input_gradient(model, noisy, np.broadcast_to(weight, (len(noisy), len(weight))), batch_size).sum(
                axis=0
            )
    return mean / samples


def pixel_map(gradient: np.ndarray, how: str = "largest") -> np.ndarray:
    """One value per pixel from an array (..., channels).

    ``how="largest"`` takes the largest absolute value over the channels (Simonyan et al. 2014; unsigned),
    ``how="sum"`` the sum (signed; keeps the total, as relevance needs it).
    """
    ways = {"largest": lambda g: np.abs(g).max(axis=-1), "sum": lambda g: g.sum(axis=-1)}
    choice("how", how, ways)
    gradient = finite_array("gradient", gradient, dtype=None)
    if gradient.ndim == 0 or gradient.shape[-1] == 0:
        raise ValueError(f"A gradient has the channels in its last axis; got shape {gradient.shape}.")
    return ways[how](gradient)
