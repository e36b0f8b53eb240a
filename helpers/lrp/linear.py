"""The linear steps of a network, forwards and backwards: weighted sums, and routes, which only move values.

A rule needs the sums of a layer with its kernel changed: only the positive weights, the squares, ones. So every
weighted sum is a :class:`Linear`: ``apply`` takes inputs to outputs, ``transpose`` carries values at the outputs back
to the inputs, both with one of ``CHANGES`` made to the kernel. They are made while a pass is traced, and read the
variables when it runs.

A route (pooling maxima, reshaping, padding, joining) has no kernel. Backwards, each value returns to its source.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.course.backend import computes_with_onednn, keras, tf
from helpers.lrp.layers import Step

CHANGES = {  # to a kernel, whose last axes are inputs and outputs
    "w": tf.identity,
    "w+": tf.nn.relu,
    "w-": lambda w: tf.minimum(w, 0),
    "w2": tf.square,
    "1": tf.ones_like,
    # for inputs of both signs, as [x+, x-] along the last axis: what makes the positive and the negative products
    "+": lambda w: tf.concat([tf.nn.relu(w), tf.minimum(w, 0)], axis=-2),
    "-": lambda w: tf.concat([tf.minimum(w, 0), tf.nn.relu(w)], axis=-2),
}
FEW_CHANNELS = 16  # with fewer, a convolution is quick in any form
SMALL_MAP = 10  # times its values are fewer than the kernel's: turning the kernel does not pay
_GLOBAL_MAXIMA = tuple(getattr(keras.layers, f"GlobalMaxPooling{n}D") for n in (1, 2, 3))


@dataclass(frozen=True)
class Linear:
    """A weighted sum z = apply(x, "w") + bias(x).

    Attributes
    ----------
    apply : (x, change) -> sums; x (N, ...) may have N = 1 where the rule does not look at the inputs
    transpose : (values at the outputs, change, x) -> values at the inputs; of x only the shape counts
    bias : x -> bias, broadcast to the outputs, or None
    """

    apply: Callable
    transpose: Callable
    bias: Callable


def in_halves(linear: Linear) -> Linear:
    """Give changes "+" and "-" to a sum whose kernel cannot be stacked: each half of the inputs by itself."""
    halves = {"+": ("w+", "w-"), "-": ("w-", "w+")}

    def apply(x, change):
        if change not in halves:
            return linear.apply(x, change)
        return tf.add_n([linear.apply(half, c) for half, c in zip(tf.split(x, 2, -1), halves[change], strict=True)])

    def transpose(r, change, x):
        if change not in halves:
            return linear.transpose(r, change, x)
        half = tf.split(x, 2, -1)[0]
        return tf.concat([linear.transpose(r, c, half) for c in halves[change]], axis=-1)

    return Linear(apply, transpose, linear.bias)


def changing(kernel) -> Callable:
    """The kernel with a change, made when ``values`` are there.

    Nothing else would hold TensorFlow back from changing the kernels of all layers at the start, and keeping them.
    """

    def changed(change, values):
        if change == "w":
            return kernel
        with tf.control_dependencies([values]):
            return CHANGES[change](kernel)

    return changed


def dense(kernel):
    changed = changing(kernel)

    def apply(x, change):
        return tf.matmul(x, changed(change, x))

    def transpose(r, change, x):
        return tf.matmul(r, changed(change, r), transpose_b=True)

    return apply, transpose


def own_product(layer) -> Linear:
    """That of a layer which brings its product."""

    def apply(x, change):
        return layer.product(x, CHANGES[change])

    def transpose(r, change, x):
        return layer.product(r, CHANGES[change], transposed=True)

    return in_halves(
        Linear(apply, transpose, lambda x: None if layer.bias is None else tf.convert_to_tensor(layer.bias))
    )


def convolution(layer, kernel, padding):
    if layer.groups > 1:
        return _grouped(layer, kernel, padding)
    changed = changing(kernel)
    margins = None if padding is None else [[0, 0], *padding.padding, [0, 0]]

    def convolve(x, kernel):
        x = x if margins is None else tf.pad(x, margins)
        settings = {"padding": layer.padding.upper(), "dilations": layer.dilation_rate}
        if layer.depthwise:
            return tf.nn.depthwise_conv2d(x, kernel, [1, *layer.strides, 1], **settings)
        return tf.nn.conv2d(x, kernel, layer.strides, **settings)

    def apply(x, change):
        return convolve(x, changed(change, x))

    def transpose(r, change, x):
        weights = changed(change, r)
        return adjoint(lambda x: convolve(x, weights), x, r)

    if layer.depthwise or tuple(layer.strides) != (1, 1):
        return apply, transpose
    return _stride_one(layer, kernel, convolve, padding)


def _grouped(layer, kernel, padding):
    """Every group of channels by itself."""
    one = layer._replace(groups=1)
    parts = [convolution(one, k, padding) for k in tf.split(kernel, layer.groups, axis=-1)]

    def each(way: int, change: str, *values):
        split = zip(parts, *(tf.split(value, layer.groups, axis=-1) for value in values), strict=True)
        found = [part[way](group[0], change, *group[1:]) for part, *group in split]
        width = kernel.shape[-2] if way else kernel.shape[-1] // layer.groups
        if found[0].shape[-1] < width:  # with ones for weights one channel stands for all of its group
            found = [tf.repeat(channel, width, axis=-1) for channel in found]
        return tf.concat(found, axis=-1)

    return lambda x, change: each(0, change, x), lambda r, change, x: each(1, change, r, x)


def _stride_one(layer, kernel, convolve: Callable, padding):
    """The same for stride 1, faster.

    Such a convolution and its transpose are one another, with the kernel turned by 180 degrees and its channels
    exchanged. TensorFlow computes the two by different code. With oneDNN its gradient of a convolution is the quicker
    form, up to twice; without it the convolution is, up to three times. So both are written in the quicker form, except
    where the map is so small that turning the kernel costs more. With ones for weights, one channel stands for all.
    """
    changed = changing(kernel)
    height, width, channels, filters = kernel.shape
    rates = layer.dilation_rate
    reach = [rate * (size - 1) for rate, size in zip(rates, (height, width), strict=True)]
    first = [n // 2 if layer.padding == "same" else 0 for n in reach]  # the padding of the layer on either side
    last = [n - n // 2 if layer.padding == "same" else 0 for n in reach]
    around = [[0, 0], *([n - f, n - e] for n, f, e in zip(reach, first, last, strict=True)), [0, 0]]
    has_gradient = tuple(rates) == (1, 1) and padding is None  # it knows no dilation on processors
    symmetric = layer.padding == "same" and first == last
    onednn = computes_with_onednn()
    ones = functools.cache(lambda: tf.ones((height, width, 1, 1), kernel.dtype))
    kernels = {}  # the turned kernel by inputs: once for all changes

    def turned(change, values, x):
        with tf.control_dependencies([values]):  # as in changing
            if change in ("+", "-"):
                return _turned(CHANGES[change](kernel))
            if x.ref() not in kernels:
                kernels[x.ref()] = _turned(kernel)
            return CHANGES[change](kernels[x.ref()])

    def gradient(values, weights, sizes, shape):
        found = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=sizes,
            filter=weights,
            out_backprop=values,
            strides=[1, 1, 1, 1],
            padding=layer.padding.upper(),
        )
        found.set_shape(shape)
        return found

    def small(x):
        return None not in x.shape[1:] and SMALL_MAP * np.prod(x.shape[1:]) < np.prod(kernel.shape)

    def apply(x, change):
        if change == "1":
            return convolve(tf.reduce_sum(x, axis=-1, keepdims=True), ones())
        if not (onednn and has_gradient and symmetric) or channels < FEW_CHANNELS or small(x):
            return convolve(x, changed(change, x))
        sizes = tf.concat([tf.shape(x)[:3], [filters]], 0)
        return gradient(x, turned(change, x, x), sizes, (*x.shape[:3], filters))

    def transpose(r, change, x):
        if change != "1" and has_gradient and (onednn or small(r)):
            return gradient(r, changed(change, r), tf.shape(x), x.shape)
        if change == "1":
            r, weights = tf.reduce_sum(r, axis=-1, keepdims=True), ones()
        else:
            weights = turned(change, r, x)
        back = tf.nn.conv2d(r, weights, 1, around, dilations=rates)
        if padding is None:
            return back
        (top, _), (left, _) = padding.padding
        return back[:, top : top + tf.shape(x)[1], left : left + tf.shape(x)[2]]

    return apply, transpose


def _turned(kernel):
    """A kernel turned by 180 degrees, its inputs and outputs exchanged."""
    places = tf.reshape(kernel, (-1, *kernel.shape[2:]))
    return tf.reshape(tf.transpose(tf.reverse(places, [0]), [0, 2, 1]), (*kernel.shape[:2], *kernel.shape[:1:-1]))


def positive(sums: Callable) -> Linear:
    """A sum with equal weights of at least zero. Its squares and ones are proportional to it: a rule sees no difference."""

    def apply(x, change):
        total = sums(x)
        return tf.zeros_like(total) if change == "w-" else total

    def transpose(r, change, x):
        return tf.zeros_like(x) if change == "w-" else adjoint(sums, x, r)

    return in_halves(Linear(apply, transpose, lambda x: None))


def adjoint(function: Callable, x, r):
    """The derivative of sum(function(x) * r) with respect to x: a tensor, or a list, in which a tensor may stand twice.

    Zero for what has no derivative, such as masks.
    """
    if isinstance(x, list) and len({id(each) for each in x}) < len(x):
        x = [tf.identity(each) for each in x]  # the same tensor twice would get the sum of both, twice
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([each for each in tf.nest.flatten(x) if each.dtype.is_floating])
        y = function(x)
    found = tape.gradient(y, x, output_gradients=r)
    if isinstance(x, list):
        return [tf.zeros_like(each, r.dtype) if g is None else g for each, g in zip(x, found, strict=True)]
    return tf.zeros_like(x) if found is None else found


def summed_to(values, like):
    """The values, summed over the places along which ``like`` was repeated."""
    same = tuple(values.shape) == tuple(like.shape)
    return values if same else adjoint(lambda x: x + tf.zeros_like(values), like, values)


def route(step: Step, inputs: list):
    """The output of a step from the list of its inputs."""
    return _function(step)(inputs)


def route_back(step: Step, inputs: list, r) -> list:
    """Values at every input from the values ``r`` at the output. Of equal maxima the first one gets all."""
    if step.base is keras.layers.MaxPooling2D and _halves(step.layer, inputs[0].shape):
        return [_back_to_maxima_of_four(inputs[0], r)]
    return adjoint(_function(step), inputs, r)


def _halves(layer, shape) -> bool:
    """Whether a pooling takes every square of 2 x 2 values to one, and none is left over."""
    sizes = tuple(layer.pool_size), tuple(layer.strides)
    return sizes == ((2, 2), (2, 2)) and None not in shape[1:] and shape[1] % 2 == 0 == shape[2] % 2


def _back_to_maxima_of_four(x, r):
    """What the gradient of such a pooling gives, by comparison: TensorFlow computes that on one core only."""
    _, height, width, channels = x.shape
    squares = tf.reshape(x, (-1, height // 2, 2, width // 2, 2, channels))
    rows = [tf.unstack(row, axis=3) for row in tf.unstack(squares, axis=2)]
    (a, b), (c, d) = rows
    none = tf.zeros_like(r)
    above = tf.maximum(a, b) >= tf.maximum(c, d)
    parts = []
    for (left, right), values in zip(rows, (tf.where(above, r, none), tf.where(above, none, r)), strict=True):
        first = left >= right
        parts.append(tf.stack([tf.where(first, values, none), tf.where(first, none, values)], axis=3))
    return tf.reshape(tf.stack(parts, axis=2), (-1, height, width, channels))


def _function(step: Step) -> Callable:
    if step.base in _GLOBAL_MAXIMA:
        return lambda inputs: _global_maximum(inputs[0], step.layer.keepdims)
    return step.call


def _global_maximum(x, keepdims: bool):
    """The largest value of every channel; unlike that of ``tf.reduce_max``, the derivative goes to one of equal ones."""
    columns = tf.transpose(tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1])), (0, 2, 1))
    largest = tf.gather(columns, tf.argmax(columns, axis=-1), batch_dims=2)
    return tf.reshape(largest, (-1, *(1,) * (x.shape.rank - 2), x.shape[-1])) if keepdims else largest
