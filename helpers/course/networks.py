"""What networks of all topics share: what is made of them once, gradient steps, stored weights, folded normalisation."""

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np

from helpers.course.backend import keras, tf
from helpers.course.targets import get_layer

LARGEST_STEP = 1e6  # of Adam, which changes every weight by about that much
MOST_KEPT = 32  # things made of one model; the one that was not used for longest makes room
Progress = Callable[[int, int, str], None]

_kept: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def once(model: keras.Model, key: Hashable, make: Callable[[], object]):
    """What ``make()`` gave when this model was first asked under this key. It must not hold the model: it ends with it."""
    kept = _kept.setdefault(model, OrderedDict())
    if key not in kept:
        kept[key] = make()
    kept.move_to_end(key)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
    return kept[key]


def compiled(model: keras.Model, build: Callable[[keras.Model], Callable], *layers: str) -> Callable:
    """A compiled function of a model, made once per model, ``build`` and choice of layers, and then reused.

    ``build`` is given a model with the same input and weights whose outputs are those of the named layers and then the
    logits, and returns the function to compile. Weights are read at every call, so changed weights are seen.
    """

    def make():
        outputs = [get_layer(model, name).output for name in layers]
        return tf.function(build(keras.Model(model.inputs[0], [*outputs, model.outputs[0]])), reduce_retracing=True)

    return once(model, (build, layers), make)


def outputs_of(part: keras.Model, images) -> list:
    """The outputs as a list, also where there is only one."""
    return tf.nest.flatten(part(images, training=False))


def gradient_step(model: keras.Model, learning_rate, loss: Callable) -> Callable:
    """A function that takes one step of Adam (Kingma and Ba 2015) and returns what ``loss(*batch)`` gave before it.

    ``loss`` returns a list of numbers; the first one is made smaller. To be called in a ``tf.function``.
    """
    optimiser = keras.optimizers.Adam(learning_rate)
    optimiser.build(model.trainable_variables)

    def step(*batch) -> list:
        with tf.GradientTape() as tape:
            numbers = loss(*batch)
        optimiser.apply(tape.gradient(numbers[0], model.trainable_variables), model.trainable_variables)
        return numbers

    return step


def gradient_steps(model: keras.Model, learning_rate, loss: Callable, numbers: int = 1) -> Callable:
    """Many of them as one compiled function, about five times quicker than ``model.fit`` for a small network.

    It takes the data, tensors with one row for each example, and ``order`` (steps, batch), the rows of each step; it
    returns the means over all steps of the ``numbers`` that ``loss`` gave.
    """
    step = gradient_step(model, learning_rate, loss)

    @tf.function(reduce_retracing=True, autograph=False)  # AutoGraph cannot read loops under every Python
    def take_steps(data: tuple, order: tf.Tensor) -> list:
        count = tf.shape(order)[0]

        def body(number, sums):
            found = step(*(tf.gather(part, order[number]) for part in data))
            return number + 1, [total + value for total, value in zip(sums, found, strict=True)]

        start = [tf.zeros((), model.outputs[0].dtype)] * numbers
        _, sums = tf.while_loop(lambda number, _: number < count, body, (tf.constant(0), start))
        return [total / tf.cast(count, total.dtype) for total in sums]

    return take_steps


def named_weights(*models: keras.Model) -> dict:
    """The variables of models by layer and name, such as "conv1/kernel"."""
    return {weight.path: weight for model in models for weight in model.weights}


def load_weights(path: Path, *models: keras.Model) -> None:
    """Fill models with the arrays of an ``.npz`` file, stored in half precision under the keys of :func:`named_weights`."""
    with np.load(path, allow_pickle=False) as stored:
        for key, weight in named_weights(*models).items():
            weight.assign(stored[key].astype(np.float32))


def fold_normalisation(normalised: keras.Model, plain: keras.Model) -> keras.Model:
    """``plain`` with the weights of ``normalised``, whose layer "norm7" normalises what "conv7" puts out.

    With mean m, variance v, scale g and shift b of each channel: kernel g / sqrt(v + eps) times the old one, bias
    b + (bias - m) g / sqrt(v + eps). Layers without a normalisation keep their weights.
    """
    norms = {layer.name.removeprefix("norm"): layer for layer in normalised.layers if layer.name.startswith("norm")}
    for layer in plain.layers:
        weights = normalised.get_layer(layer.name).get_weights() if layer.weights else []
        norm = norms.get(layer.name.removeprefix("conv"))
        if norm is not None:
            (kernel, bias), (scale, shift, mean, variance) = weights, norm.get_weights()
            factor = scale / np.sqrt(variance + norm.epsilon)
            weights = [kernel * factor, shift + (bias - mean) * factor]
        layer.set_weights(weights)
    return plain
