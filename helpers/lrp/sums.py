"""Which weighted sum a step is: the dense and convolution layers of :mod:`helpers.lrp.linear`, and all others.

Means and scalings, sums and differences, convolutions of one and three dimensions and transposed ones, dense layers by
einsum, normalisations, and scaling folded into a layer beside it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from helpers.course.backend import keras, tf
from helpers.lrp.layers import TRANSPOSED, Step, how_relevance_passes
from helpers.lrp.linear import (
    CHANGES,
    Linear,
    adjoint,
    changing,
    convolution,
    dense,
    in_halves,
    own_product,
    positive,
    summed_to,
)
from helpers.lrp.rules import NORMALISATION, POOLING, SCALING, SUM

_layers = keras.layers
_DEPTHWISE = (_layers.DepthwiseConv1D, _layers.DepthwiseConv2D)


def linear_map(step: Step, inputs: list) -> Linear:
    """The weighted sum of a step, with what was folded into it. ``inputs`` are what it reads."""
    if step.kinds & {SUM}:
        return _sum(step, len(inputs), inputs[0].dtype)
    if step.kinds & {POOLING}:
        return positive(lambda x: step.call([x, *inputs[1:]]))
    if step.kinds & {SCALING}:
        return _scaling_alone(step)
    if step.kinds & {NORMALISATION}:
        return in_halves(_normalisation(step, inputs[0]))
    if how_relevance_passes(step.layer):
        return own_product(step.layer)
    return _with_folded(step, inputs[0].dtype)


def _with_folded(step: Step, dtype) -> Linear:
    kernel = tf.cast(tf.convert_to_tensor(getattr(step.layer, step.kernel)), dtype)
    bias = None if step.kernel == "depthwise_kernel" else step.layer.bias
    bias = None if bias is None else tf.cast(tf.convert_to_tensor(bias), dtype)
    if step.base is _layers.DepthwiseConv2D and isinstance(step.layer, _layers.Conv2D):  # one group for every channel
        groups = step.layer.groups
        kernel = tf.reshape(kernel, (*kernel.shape[:2], groups, kernel.shape[-1] // groups))
    depthwise = step.base in _DEPTHWISE
    if step.after:
        outputs = kernel.shape[-2] * kernel.shape[-1] if depthwise else kernel.shape[-1]
        scale, offset = _composed(step.after, dtype, outputs)
        kernel *= tf.reshape(scale, kernel.shape[-2:]) if depthwise else scale
        bias = offset if bias is None else bias * scale + offset
    if not step.before:
        return _with_kernel(step, kernel, lambda x: bias)
    scale, offset = _composed(step.before, dtype, kernel.shape[-2])
    of_scaled = _with_kernel(step, kernel, None)

    def whole_bias(x):
        # padding is not scaled, so at the border the offset of the scaling counts for less: the bias is a map
        field = tf.broadcast_to(offset, tf.concat([[1], tf.shape(x)[1:]], 0))
        return of_scaled.apply(field, "w") if bias is None else of_scaled.apply(field, "w") + bias

    return _with_kernel(step, kernel * scale[:, tf.newaxis], whole_bias)


def _with_kernel(step: Step, kernel, bias) -> Linear:
    if step.base is _layers.Dense:
        return Linear(*dense(kernel), bias)
    if step.base is _layers.EinsumDense:
        return in_halves(_by_kernel(kernel, lambda x, kernel: tf.einsum(step.layer.equation, x, kernel), bias))
    if step.base in (_layers.Conv2D, _layers.DepthwiseConv2D):
        geometry = _geometry(step)
        linear = Linear(*convolution(geometry, kernel, step.padding), bias)
        return in_halves(linear) if geometry.depthwise or geometry.groups > 1 else linear
    return in_halves(_by_kernel(kernel, _convolve(step), bias))


class _Geometry(NamedTuple):
    """How a convolution moves over its input."""

    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]
    groups: int
    depthwise: bool


def _geometry(step: Step) -> _Geometry:
    layer, depthwise = step.layer, step.base in _DEPTHWISE
    if step.kernel == "pointwise_kernel":
        one = (1,) * layer.rank
        return _Geometry(one, "valid", one, 1, False)
    groups = 1 if depthwise else layer.groups
    return _Geometry(tuple(layer.strides), layer.padding, tuple(layer.dilation_rate), groups, depthwise)


def _by_kernel(kernel, function: Callable, bias) -> Linear:
    """A sum function(x, kernel) that is linear in both."""
    changed = changing(kernel)

    def apply(x, change):
        return function(x, changed(change, x))

    def transpose(r, change, x):
        weights = changed(change, r)
        return adjoint(lambda x: function(x, weights), x, r)

    return Linear(apply, transpose, bias)


def _convolve(step: Step) -> Callable:
    """A convolution of any kind by Keras' own function."""
    geometry = _geometry(step) if step.base not in TRANSPOSED else None
    layer = step.layer

    def turned_round(x, kernel):
        settings = {"output_padding": layer.output_padding, "dilation_rate": layer.dilation_rate}
        return keras.ops.conv_transpose(
            x, kernel, layer.strides, layer.padding, data_format="channels_last", **settings
        )

    def convolve(x, kernel):
        padding = geometry.padding
        if padding == "causal":  # of one dimension
            x = tf.pad(x, [[0, 0], [geometry.dilation_rate[0] * (kernel.shape[0] - 1), 0], [0, 0]])
            padding = "valid"
        if geometry.depthwise:
            return keras.ops.depthwise_conv(
                x, kernel, geometry.strides, padding, data_format="channels_last", dilation_rate=geometry.dilation_rate
            )
        settings = {"strides": geometry.strides, "padding": padding.upper(), "dilations": geometry.dilation_rate}
        parts = zip(tf.split(x, geometry.groups, -1), tf.split(kernel, geometry.groups, -1), strict=True)
        sums = [tf.nn.convolution(part, weights, **settings) for part, weights in parts]
        return sums[0] if len(sums) == 1 else tf.concat(sums, -1)

    return turned_round if geometry is None else convolve


def _sum(step: Step, count: int, dtype) -> Linear:
    """x + y, x - y and the mean of several; the summands stand in axis 1."""
    name = step.base.__name__ if step.base else type(step.layer).__name__
    if name == "Add":
        return positive(lambda x: tf.reduce_sum(x, axis=1))
    weights = tf.constant([1.0, -1.0] if name == "Subtract" else [1 / count] * count, dtype)

    def changed(change, x):
        return tf.reshape(CHANGES[change](weights), (1, count) + (1,) * (x.shape.rank - 2))

    def apply(x, change):
        return tf.reduce_sum(x * changed(change, x), axis=1)

    def transpose(r, change, x):
        return r[:, tf.newaxis] * changed(change, x)

    return in_halves(Linear(apply, transpose, lambda x: None))


def _scaling_alone(step: Step) -> Linear:
    """A scaling that stands alone: every output has one input."""

    def weights(dtype, change):
        return CHANGES[change](scaling(step, dtype)[0])

    def apply(x, change):
        return x * weights(x.dtype, change)

    def transpose(r, change, x):
        return summed_to(r * weights(r.dtype, change), x)  # a constant may have more places: x + positions

    return in_halves(Linear(apply, transpose, lambda x: scaling(step, x.dtype)[1]))


def scaling(step: Step, dtype):
    """(a, c) of a layer that computes a x + c, both of a shape that fits x."""
    layer = step.layer
    if step.base is _layers.Rescaling:
        return tuple(tf.constant(np.asarray(value), dtype) for value in (layer.scale, layer.offset))
    if step.base is _layers.Normalization:
        mean, variance = (tf.cast(tf.convert_to_tensor(value), dtype) for value in (layer.mean, layer.variance))
        spread = tf.maximum(tf.sqrt(variance), keras.config.epsilon())
        return (spread, mean) if layer.invert else (1 / spread, -mean / spread)
    if step.base is _layers.BatchNormalization:
        mean, variance = (tf.cast(value, dtype) for value in (layer.moving_mean, layer.moving_variance))
        scale = 1 / tf.sqrt(variance + tf.constant(layer.epsilon, dtype))
        scale = scale if layer.gamma is None else scale * tf.cast(layer.gamma, dtype)
        offset = -mean * scale
        offset = offset if layer.beta is None else offset + tf.cast(layer.beta, dtype)
        rank = layer.input_spec.ndim
        behind = 0 if layer.axis == -1 else rank - 1 - layer.axis % rank
        return tuple(tf.reshape(part, (-1,) + (1,) * behind) if behind else part for part in (scale, offset))
    # in double precision, as a = f(1) - f(0); what comes of x * w, x - 3, ... is what was meant
    zero, one = (step.call([tf.constant(value, tf.float64)]) for value in (0, 1))
    return tf.cast(tf.cast(one, tf.float64) - tf.cast(zero, tf.float64), dtype), tf.cast(zero, dtype)


def _composed(steps, dtype, channels: int):
    """(a, c) of several scalings, one after the other, for every channel."""
    whole, shift = tf.ones((channels,), dtype), tf.zeros((channels,), dtype)
    for step in steps:
        a, c = (tf.reshape(part, part.shape[-1:]) for part in scaling(step, dtype))
        whole, shift = a * whole, a * shift + c
    return whole, shift


def _normalisation(step: Step, x) -> Linear:
    """gamma (x - mean) / spread + beta with the spread held constant (AttnLRP, Prop. 3.4).

    That is y_j = d_j x_j + o_j (sum of the other x_i), with d = gamma (1 - 1/n) / spread and o = -gamma / (n spread) for
    groups of n values with a mean and a spread in common; o = 0 where no mean is subtracted.
    """
    layer, base = step.layer, step.base
    shape, (split, axes, fit) = tf.shape(x), _groups(step, x)
    centred = base in (_layers.LayerNormalization, _layers.GroupNormalization)
    values = tf.reshape(x, split)
    if centred:
        values -= tf.reduce_mean(values, axes, keepdims=True)
    if base is _layers.UnitNormalization:
        scale = tf.math.rsqrt(tf.maximum(tf.reduce_sum(values**2, axes, keepdims=True), 1e-12))
    else:
        epsilon = tf.constant(layer.epsilon, x.dtype)
        scale = tf.math.rsqrt(tf.reduce_mean(values**2, axes, keepdims=True) + epsilon)

    def parameter(name):
        variable = getattr(layer, name, None)
        return None if variable is None else tf.reshape(tf.cast(tf.convert_to_tensor(variable), x.dtype), fit)

    gamma, beta = parameter("gamma" if centred else "scale"), parameter("beta")
    scale = scale * tf.ones_like(values) if gamma is None else scale * gamma
    share = 1 / tf.reduce_prod(tf.cast(tf.gather(tf.shape(values), axes), x.dtype)) if centred else 0
    own, others = scale * (1 - share), -scale * share

    def weights(change):
        return CHANGES[change](own), CHANGES[change](others) if centred else tf.zeros_like(others)

    def apply(x, change):
        d, o = weights(change)
        x = tf.reshape(x, tf.concat([tf.shape(x)[:1], split[1:]], 0))  # one example may stand for all
        total = d * x + o * (tf.reduce_sum(x, axes, keepdims=True) - x)
        return tf.reshape(total, shape)

    def transpose(r, change, x):
        d, o = weights(change)
        r = tf.reshape(r, split)
        return tf.reshape(d * r + tf.reduce_sum(o * r, axes, keepdims=True) - o * r, shape)

    bias = None if beta is None else tf.reshape(tf.zeros_like(values) + beta, shape)
    return Linear(apply, transpose, lambda x: bias)


def _groups(step: Step, x) -> tuple:
    """The shape in which a group of values has axes of its own, these axes, and the shape of gamma and beta there."""
    layer, rank, shape = step.layer, x.shape.rank, tf.shape(x)
    if step.base is _layers.GroupNormalization:
        axis = layer.axis % rank
        groups = x.shape[axis] if layer.groups == -1 else layer.groups
        split = tf.concat([shape[:axis], [groups, x.shape[axis] // groups], shape[axis + 1 :]], 0)
        return split, [i for i in range(1, rank + 1) if i != axis], (groups, -1, *(1,) * (rank - 1 - axis))
    axes = sorted(axis % rank for axis in tf.nest.flatten(layer.axis))
    return shape, axes, [x.shape[i] if i in axes else 1 for i in range(1, rank)]
