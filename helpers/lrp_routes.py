"""Steps that only move values: pooling maxima, reshaping, padding, joining. Backwards, each value returns to its source."""

from collections.abc import Callable

from helpers.backend import keras, tf
from helpers.lrp_graph import Step, base_of
from helpers.lrp_linear import adjoint


def route(step: Step, inputs: list):
    """The output of a step from the list of its inputs."""
    return _function(step)(inputs)


def route_back(step: Step, inputs: list, output, r) -> list:
    """Values at every input from the values ``r`` at the output. Of equal maxima the first one gets all."""
    if base_of(step.layer, (keras.layers.MaxPooling2D,)) and _tiles(step.layer, inputs[0].shape):
        return [_unpool(inputs[0], output, r, step.layer.pool_size)]
    return adjoint(_function(step), inputs, r)


def _function(step: Step) -> Callable:
    if base_of(step.layer, (keras.layers.GlobalMaxPooling2D,)):
        return lambda inputs: _global_maximum(inputs[0], step.layer.keepdims)
    if base_of(step.layer, (keras.layers.Concatenate,)):
        return step.layer
    return lambda inputs: step.layer(inputs[0])


def _global_maximum(x, keepdims: bool):
    columns = tf.transpose(tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1])), (0, 2, 1))
    largest = tf.gather(columns, tf.argmax(columns, axis=-1), batch_dims=2)  # its derivative goes to one of equal maxima
    return largest[:, tf.newaxis, tf.newaxis] if keepdims else largest


def _tiles(layer, shape) -> bool:
    """Whether the pooling windows cover the map without overlap or rest."""
    if tuple(layer.pool_size) != tuple(layer.strides):
        return False
    return all(n is not None and n % size == 0 for n, size in zip(shape[1:3], layer.pool_size, strict=True))


def _unpool(x, y, r, size):
    """The derivative of max pooling over tiles, twice as fast as TensorFlow's for one picture (that uses one core).

    The map is cut into one list of pixels per place in the window; the places are asked in order whether they hold
    the maximum.
    """
    (rows, columns), (height, width, channels) = size, x.shape[1:]
    lines = tf.unstack(tf.reshape(x, (-1, rows, width, channels)), axis=1)
    places = [place for line in lines for place in tf.unstack(tf.reshape(line, (-1, columns, channels)), axis=1)]
    largest, left = tf.reshape(y, (-1, channels)), tf.reshape(r, (-1, channels))
    found = []
    for place in places[:-1]:
        found.append(tf.where(place == largest, left, tf.zeros_like(left)))
        left = left - found[-1]
    found.append(left)
    lines = [
        tf.reshape(tf.stack(found[i : i + columns], axis=1), (-1, width, channels))
        for i in range(0, rows * columns, columns)
    ]
    return tf.reshape(tf.stack(lines, axis=1), (-1, height, width, channels))
