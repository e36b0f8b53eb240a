"""What networks of all topics share: parts compiled once, weights by name, progress of a training."""

import weakref
from collections.abc import Callable

from helpers.course.backend import keras, tf
from helpers.course.targets import get_layer

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


def named_weights(model: keras.Model) -> dict:
    """The variables of a model as "layer/variable"."""
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}


LARGEST_STEP = 1e6  # of Adam, which changes every weight by about that much
Progress = Callable[[int, int, str], None]
