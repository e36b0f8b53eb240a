"""The weighted sums of a network, each as a pair of maps that any kernel can be put into.

A rule needs the sums of a layer with the kernel changed: only its positive weights, its squares, ones. So every weighted
sum is a :class:`Linear`: ``apply`` takes inputs to outputs, ``transpose`` carries values at the outputs back to the
inputs, both with one of ``CHANGES`` made to the kernel. Made inside a compiled pass, from variables that are read there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.backend import keras, tf
from helpers.half_dense import HalfPrecisionDense, blockwise_product
from helpers.lrp_graph import Step, base_of

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


def linear_map(step: Step) -> Linear:
    """The weighted sum of a step, with what was folded into it."""
    if len(step.inputs) > 1:
        return _positive(lambda x: tf.reduce_sum(x, axis=1))  # the summands stand in axis 1
    layer = step.layer
    if isinstance(layer, (keras.layers.BatchNormalization, keras.layers.Rescaling)):
        return _diagonal(layer)
    if isinstance(layer, (keras.layers.AveragePooling2D, keras.layers.GlobalAveragePooling2D)):
        return _positive(layer)
    if isinstance(layer, HalfPrecisionDense):
        return _half_precision(layer)
    kernel, bias = tf.convert_to_tensor(layer.kernel), layer.bias
    bias = None if bias is None else tf.convert_to_tensor(bias)
    if step.after:
        scale, offset = _composed(step.after, kernel.dtype)
        kernel *= tf.reshape(scale, kernel.shape[2:]) if _is_depthwise(layer) else scale
        bias = offset if bias is None else bias * scale + offset
    offset = None
    if step.before:
        scale, offset = _composed(step.before, kernel.dtype)
        kernel *= scale[:, tf.newaxis]
    dense = isinstance(layer, keras.layers.Dense)
    apply, transpose = _dense(kernel) if dense else _convolution(layer, kernel, step.padding)

    def whole_bias(x):
        if offset is None:
            return bias
        # padding is not scaled, so at the border the offset of the scaling counts for less: the bias is a map
        from_offset = apply(tf.broadcast_to(offset, tf.concat([[1], tf.shape(x)[1:]], 0)), "w")
        return from_offset if bias is None else from_offset + bias

    linear = Linear(apply, transpose, whole_bias)
    return _in_halves(linear) if _is_depthwise(layer) or getattr(layer, "groups", 1) > 1 else linear


def _in_halves(linear: Linear) -> Linear:
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


def _changed(kernel) -> Callable:
    """Changes to a kernel, each made once."""
    made = {}

    def changed(change):
        if change not in made:
            made[change] = CHANGES[change](kernel)
        return made[change]

    return changed


def _dense(kernel):
    changed = _changed(kernel)

    def apply(x, change):
        return tf.matmul(x, changed(change))

    def transpose(r, change, x):
        return tf.matmul(r, changed(change), transpose_b=True)

    return apply, transpose


def _half_precision(layer) -> Linear:
    def apply(x, change):
        return blockwise_product(x, layer.kernel.value, CHANGES[change], layer.rows_per_block)

    def transpose(r, change, x):
        return blockwise_product(r, layer.kernel.value, CHANGES[change], layer.rows_per_block, transposed=True)

    return _in_halves(Linear(apply, transpose, lambda x: tf.convert_to_tensor(layer.bias)))


def _convolution(layer, kernel, padding):
    changed, flipped = _changed(kernel), {}
    margins = [[0, 0], *padding.padding, [0, 0]] if padding is not None else None
    strides, rates = layer.strides, layer.dilation_rate
    groups = 1 if _is_depthwise(layer) else layer.groups

    def convolve(x, kernel):
        x = x if margins is None else tf.pad(x, margins)
        if _is_depthwise(layer):
            return tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], layer.padding.upper(), dilations=rates)
        parts = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
        sums = [tf.nn.conv2d(part, k, strides, layer.padding.upper(), dilations=rates) for part, k in parts]
        return tf.concat(sums, axis=-1) if groups > 1 else sums[0]

    if _is_depthwise(layer) or groups > 1 or tuple(strides) != (1, 1):

        def transpose(r, change, x):
            return adjoint(lambda x: convolve(x, changed(change)), x, r)

        return (lambda x, change: convolve(x, changed(change))), transpose

    def apply(x, change):
        if change == "1":  # one channel is enough: all weights are the same
            ones = tf.ones((*kernel.shape[:2], 1, 1), kernel.dtype)
            return convolve(tf.reduce_sum(x, axis=-1, keepdims=True), ones)
        return convolve(x, changed(change))

    # With stride 1 the transpose is a convolution with the kernel turned by 180 degrees and its channels exchanged
    reach = [rate * (size - 1) for rate, size in zip(rates, kernel.shape[:2], strict=True)]
    before = [n // 2 if layer.padding == "same" else 0 for n in reach]
    after = [n - first if layer.padding == "same" else 0 for n, first in zip(reach, before, strict=True)]
    around = [[n - first, n - last] for n, first, last in zip(reach, before, after, strict=True)]

    def transpose(r, change, x):
        if change == "1":
            turned, r = tf.ones((*kernel.shape[:2], 1, 1), kernel.dtype), tf.reduce_sum(r, axis=-1, keepdims=True)
        elif __import__("os").environ.get("BPI"):
            return adjoint(lambda x: convolve(x, changed(change)), x, r)
        else:
            if change not in flipped:
                flipped[change] = tf.transpose(tf.reverse(changed(change), [0, 1]), [0, 1, 3, 2])
            turned = flipped[change]
        same = layer.padding == "same" and all(n % 2 == 0 for n in reach)
        back = tf.nn.conv2d(r, turned, 1, "SAME" if same else [[0, 0], *around, [0, 0]], dilations=rates)
        if margins is not None:
            (top, bottom), (left, right) = padding.padding
            back = back[:, top : tf.shape(back)[1] - bottom, left : tf.shape(back)[2] - right]
        return back

    return apply, transpose


def _is_depthwise(layer) -> bool:
    return base_of(layer, (keras.layers.DepthwiseConv2D,)) is not None


def _positive(sums: Callable) -> Linear:
    """A sum with equal weights of at least zero. Its squares and ones are proportional to it: a rule sees no difference."""

    def apply(x, change):
        total = sums(x)
        return tf.zeros_like(total) if change == "w-" else total

    def transpose(r, change, x):
        return tf.zeros_like(x) if change == "w-" else adjoint(sums, x, r)

    return _in_halves(Linear(apply, transpose, lambda x: None))


def _diagonal(layer) -> Linear:
    """A scaling that stands alone: every output has one input."""

    def weights(dtype, change):
        return CHANGES[change](_scaling(layer, dtype)[0])

    return _in_halves(
        Linear(
            lambda x, change: x * weights(x.dtype, change),
            lambda r, change, x: r * weights(r.dtype, change),
            lambda x: _scaling(layer, x.dtype)[1],
        )
    )


def _scaling(layer, dtype):
    """(a, c) of a layer that computes a x + c for every channel."""
    if isinstance(layer, keras.layers.Rescaling):
        scale, offset = (np.asarray(value, dtype.as_numpy_dtype) for value in (layer.scale, layer.offset))
        scale, offset = np.broadcast_arrays(np.atleast_1d(scale), np.atleast_1d(offset))
        channels = layer.output.shape[-1]
        return tf.broadcast_to(scale, (channels,)), tf.broadcast_to(offset, (channels,))
    mean, variance = (tf.cast(value, dtype) for value in (layer.moving_mean, layer.moving_variance))
    scale = tf.math.rsqrt(variance + tf.cast(layer.epsilon, dtype))
    scale = scale if layer.gamma is None else scale * tf.cast(layer.gamma, dtype)
    offset = -mean * scale
    return scale, offset if layer.beta is None else offset + tf.cast(layer.beta, dtype)


def _composed(layers, dtype):
    """(a, c) of several scalings, one after the other."""
    scale, offset = _scaling(layers[0], dtype)
    for layer in layers[1:]:
        a, c = _scaling(layer, dtype)
        scale, offset = a * scale, a * offset + c
    return scale, offset


def adjoint(function: Callable, x, r):
    """The derivative of sum(function(x) * r) with respect to x (a tensor or a list)."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x, output_gradients=r, unconnected_gradients="zero")
