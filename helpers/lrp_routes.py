"""Steps that only move values: pooling maxima, reshaping, padding, joining. Backwards, each value returns to its source."""

from collections.abc import Callable

from helpers.backend import keras, tf
from helpers.lrp_layers import Step, base_of
from helpers.lrp_linear import adjoint


def route(step: Step, inputs: list):
    """The output of a step from the list of its inputs."""
    return _function(step)(inputs)


def route_back(step: Step, inputs: list, r) -> list:
    """Values at every input from the values ``r`` at the output. Of equal maxima the first one gets all."""
    return adjoint(_function(step), inputs, r)


def _function(step: Step) -> Callable:
    if base_of(step.layer, (keras.layers.GlobalMaxPooling2D,)):
        return lambda inputs: _global_maximum(inputs[0], step.layer.keepdims)
    if base_of(step.layer, (keras.layers.Concatenate,)):
        return step.layer
    return lambda inputs: step.layer(inputs[0])


def _global_maximum(x, keepdims: bool):
    """The largest value of every channel; unlike that of ``tf.reduce_max``, the derivative goes to one of equal ones."""
    columns = tf.transpose(tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1])), (0, 2, 1))
    largest = tf.gather(columns, tf.argmax(columns, axis=-1), batch_dims=2)
    return largest[:, tf.newaxis, tf.newaxis] if keepdims else largest
