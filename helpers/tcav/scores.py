"""Testing with concept activation vectors: does a class score rise when a picture is moved towards a concept?

TCAV (Kim et al. 2018, arXiv:1711.11279) asks in three steps, and each is a function or a module:

1. a(x), the activations of a layer for pictures of a concept and for others (:func:`activations`);
2. v, the unit normal of a linear classifier that tells the two apart: the concept activation vector, CAV
   (:mod:`helpers.tcav.vectors`);
3. S(x) = grad_a logit_k(x) . v for pictures of class k (:func:`directional_derivatives`) and its share of positive
   values, the TCAV score (:func:`tcav_score`). :mod:`helpers.tcav.significance` tells it from chance.

**Pooling.** A layer of maps has an activation A_pc at every place p and channel c. Flattened, a CAV knows where in the
picture the concept stands. Pooled over the places (a_c = mean_p A_pc or max_p A_pc) it does not, has fewer numbers and
is steadier. Adding t v to the activation of every place adds exactly t v to the mean and to the maximum, so that in
both cases "towards the concept" means

    S = d/dt logit_k(A + t v at every place) at t = 0 = sum_p grad_(A_p) logit_k . v.

Pictures are in the model's own input space, as ``preprocess`` returns them; the model ends in logits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from helpers.course.arguments import name_list, real_array, within
from helpers.course.backend import keras, tf
from helpers.course.calls import Call
from helpers.course.networks import calls_of, compiled, score_gradients
from helpers.course.targets import (
    LARGEST_VALUE,
    batches,
    checked_images,
    get_call,
    output_weights,
    require_logits,
    require_way,
)
from helpers.tcav.vectors import vectors_as_rows

LARGEST_ARRAY = 256 * 2**20  # bytes of one array of activations or gradients
BYTES_AT_A_TIME = 32 * 2**20  # of all layers' outputs for one batch
MOST_AT_A_TIME = 256  # pictures
POOLINGS = ("mean", "max", None)


def activations(
    model: keras.Model,
    layer: str | Sequence[str],
    images,
    *,
    pooling: str | None = "mean",
    batch_size: int | None = None,
    preprocess: Callable | None = None,
):
    """What a layer puts out for the images, one row for each: (N, features).

    Parameters
    ----------
    model
        Or a network that has one (``ToyworldNetwork``, ``PhotoNetwork``): its ``preprocess`` is then applied.
    layer
        Its name; a list of names gives a dictionary, all read in one forward pass.
    pooling
        "mean" or "max" over the places of a layer (N, ..., channels), or None: flattened. A layer (N, features) is
        taken as it is.
    batch_size
        Pictures at a time; by default as many as fit into 32 MiB of layer outputs, 256 at most. The result does not
        depend on it, the memory does.
    preprocess
        Applied to the images of each batch: 8-bit pictures then need not be held in memory a second time as floats.

    Raises
    ------
    ValueError
        If a layer is unknown, an image does not fit, activations are not finite, or an array would take more than
        256 MiB: at early layers of large networks only pooled activations are small enough.
    """
    model, preprocess, _ = _opened(model, preprocess)
    images, first = _images(model, images, preprocess)
    names = name_list("layer", layer)
    found = {name: _empty(model, name, first, len(images), pooling) for name in names}
    rows = batches(len(images), batch_size or _pictures_at_a_time(model, first))
    read = compiled(model, _READ[pooling], *names)
    for part in rows:
        for name, values in zip(names, read(_batch(model, images[part], preprocess)), strict=True):
            found[name][part] = values
    for name, values in found.items():
        _require_finite(values, f"The activations of layer {name!r}")
    return found[layer] if isinstance(layer, str) else found


def logit_gradients(
    model: keras.Model,
    layer: str | Sequence[str],
    images,
    target,
    *,
    pooling: str | None = "mean",
    batch_size: int | None = None,
    preprocess: Callable | None = None,
):
    """Gradient of the explained logit with respect to a layer, one row for each image: (N, features).

    The directional derivative along any CAV is its product with this row, so that one backward pass serves all CAVs.
    With ``pooling`` it is the sum over the places: see the module's text. ``target``: see
    :mod:`helpers.course.targets`. A list of layers gives a dictionary, all from one pass backwards.
    ``model``, ``preprocess`` and what is raised are as in :func:`activations`; of a network a name is a target. Besides

    ValueError
        If the model ends in probabilities, the target does not fit, or the logits do not depend on the layer.
    """
    model, preprocess, target = _opened(model, preprocess, target)
    images, first = _images(model, images, preprocess)
    names = name_list("layer", layer)
    found = {name: _empty(model, name, first, len(images), pooling) for name in names}
    for part, values in _gradient_batches(model, names, images, first, target, pooling, batch_size, preprocess):
        for name, rows in zip(names, values, strict=True):
            found[name][part] = rows
    return found[layer] if isinstance(layer, str) else found


def directional_derivatives(
    model: keras.Model,
    layer: str,
    images,
    target,
    vectors,
    *,
    pooling: str | None = "mean",
    batch_size: int | None = None,
) -> np.ndarray:
    """S = grad logit . v for every image and CAV: (N, vectors), or (N,) for a single CAV.

    ``vectors`` is a :class:`~helpers.tcav.vectors.ConceptVector`, an array (features,), or a list or an array of
    several; they must come from the same layer with the same pooling. Never holds more than one batch of gradients.

    Raises
    ------
    ValueError
        As :func:`logit_gradients`, and if the vectors do not fit the layer.
    """
    matrix, single = vectors_as_rows(vectors)
    images = checked_images(model, images)
    features = _features(model, layer, images, pooling)[0]
    if matrix.shape[1] != features:
        raise ValueError(
            f"A vector at layer {layer!r} with pooling={pooling!r} has {features} values; got {matrix.shape[1]}. Was it "
            "made at another layer, or with another pooling?"
        )
    found = np.empty((len(images), len(matrix)))
    for part, (rows,) in _gradient_batches(model, [layer], images, images, target, pooling, batch_size):
        found[part] = rows @ matrix.T
    return found[:, 0] if single else found


@dataclass(frozen=True, eq=False)
class TcavScore:
    """What the directional derivatives of a class say. Each is a number for one CAV and an array for several.

    Attributes
    ----------
    score : share of the pictures with S > 0, 0 to 1: it counts signs, whatever their size
    mean : mean of S; logits for one unit of activation along the CAV
    zero : share of the pictures with S = 0 exactly, which count as not positive: nothing reaches the logit (dead units)
    count : number of pictures
    """

    score: np.ndarray | float
    mean: np.ndarray | float
    zero: np.ndarray | float
    count: int

    def __str__(self) -> str:
        if np.ndim(self.score):
            return (
                f"TCAV scores of {len(self.score)} vectors over {self.count} pictures, mean {np.mean(self.score):.2f}"
            )
        dead = f"; exactly zero for {self.zero:.0%}" if self.zero else ""
        return f"TCAV score {self.score:.2f} ({self.count} pictures), mean S {self.mean:.3g}{dead}"


def tcav_score(derivatives) -> TcavScore:
    """The TCAV score of directional derivatives (N,) or (N, vectors): the share of pictures with S > 0.

    Raises
    ------
    ValueError
        If there are no pictures or a derivative is not finite.
    """
    derivatives = real_array("The derivatives", derivatives)
    if not within(derivatives, LARGEST_VALUE):
        raise ValueError("The directional derivatives hold NaN, infinite or far too large values.")
    derivatives = derivatives.astype(float)
    if derivatives.ndim not in (1, 2) or derivatives.size == 0:
        raise ValueError(f"Derivatives have shape (N,) or (N, vectors) with N > 0; got {derivatives.shape}.")
    parts = [part.mean(axis=0) for part in (derivatives > 0, derivatives, derivatives == 0)]
    return TcavScore(*(float(part) if part.ndim == 0 else part for part in parts), len(derivatives))


def _pool(values, pooling: str | None):
    places = list(range(1, len(values.shape) - 1))
    if pooling is None:
        return tf.reshape(values, (tf.shape(values)[0], -1))
    if not places:
        return values
    return {"mean": tf.reduce_mean, "max": tf.reduce_max, "sum": tf.reduce_sum}[pooling](values, axis=places)


def _reader(pooling: str | None) -> Callable:
    def build(forward: Callable) -> Callable:
        return lambda images: [_pool(values, pooling) for values in forward(images)[:-1]]

    return build


def _differentiator(pooling: str | None) -> Callable:
    def build(forward: Callable) -> Callable:
        def gradients(images, weights):
            _, found = score_gradients(forward, images, weights)
            return [tf.zeros((0,)) if g is None else _pool(g, pooling and "sum") for g in found]  # see require_way

        return gradients

    return build


# one function for each pooling, made once: ``compiled`` knows them again
_READ = {pooling: _reader(pooling) for pooling in POOLINGS}
_DIFFERENTIATE = {pooling: _differentiator(pooling) for pooling in POOLINGS}


def _opened(model, preprocess: Callable | None, target=None) -> tuple[keras.Model, Callable | None, object]:
    """The model of a network, its preprocessing unless another is given, and the number of a class that has a name."""
    if not hasattr(model, "class_index"):
        return model, preprocess, target
    return model.model, preprocess or model.preprocess, model.class_index(target) if isinstance(target, str) else target


def _images(model, images, preprocess: Callable | None) -> tuple[np.ndarray, np.ndarray]:
    """The images, checked, and some as the model takes them; before ``preprocess`` one of them stands for all."""
    if preprocess is None:
        images = checked_images(model, images)
        return images, images
    images = np.asarray(images)
    return images, checked_images(model, preprocess(images[:1]))


def _batch(model, images: np.ndarray, preprocess: Callable | None):
    return tf.constant(images if preprocess is None else checked_images(model, preprocess(images)))


def _gradient_batches(
    model, names, images, first, target, pooling, batch_size, preprocess: Callable | None = None
) -> Iterator[tuple[slice, list[np.ndarray]]]:
    require_logits(model, [first])
    weights = output_weights(model, len(images), target)
    differentiate = compiled(model, _DIFFERENTIATE[pooling], *names)
    for part in batches(len(images), batch_size or _pictures_at_a_time(model, first)):
        found = [
            values.numpy()
            for values in differentiate(_batch(model, images[part], preprocess), tf.constant(weights[part]))
        ]
        require_way(names, found)
        for name, values in zip(names, found, strict=True):
            _require_finite(values, f"The gradients at layer {name!r}")
        yield part, found


def _features(model: keras.Model, name: str, inputs: np.ndarray, pooling: str | None) -> tuple[int, Call]:
    """Values that a layer has for one image, pooled or flattened, and its call."""
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is 'mean', 'max' or None (flattened); got {pooling!r}.")
    call = get_call(model, name, [inputs])
    shape = call.shape[1:]
    return prod(shape[-1:] if pooling else shape), call


def _empty(model: keras.Model, name: str, inputs: np.ndarray, count: int, pooling: str | None) -> np.ndarray:
    """An array for one row of every image, or an error if it would be too large."""
    features, call = _features(model, name, inputs, pooling)
    size = count * features * np.dtype(call.dtype).itemsize
    if size > LARGEST_ARRAY:
        shape = " x ".join(map(str, call.shape[1:]))
        raise ValueError(
            f"{count} pictures at layer {name!r} ({shape} = {features} values each) take {size / 2**20:.0f} MiB; "
            f"the limit is {LARGEST_ARRAY >> 20} MiB. Use pooling='mean', fewer pictures or a later layer."
        )
    return np.empty((count, features), call.dtype)


def _pictures_at_a_time(model: keras.Model, inputs: np.ndarray) -> int:
    values = sum(prod(n or 1 for n in call.shape[1:]) for call in calls_of(model, [inputs]).calls if call.shape)
    return max(1, min(MOST_AT_A_TIME, BYTES_AT_A_TIME // (4 * max(1, values))))


def _require_finite(values: np.ndarray, what: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{what} hold NaN or infinite values. Look for them in the weights and in the inputs.")
