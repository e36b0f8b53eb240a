"""Relevance through LSTM, GRU and SimpleRNN layers, step by step, after Arras et al. 2017 (arXiv:1706.07206).

In a product of a gate and a signal the signal takes all, activations hand relevance on unchanged, and sums follow the
epsilon rule, as in :mod:`helpers.words.lstm`, which says it for the LSTM in full. The sums are

    LSTM       a_t = x_t W + h_(t-1) U + b,                c_t = f * c_(t-1) + i * tanh(a_t)
    GRU        a_t = x_t W + b + r * (h_(t-1) U + b'),     h_t = z * h_(t-1) + (1 - z) * tanh(a_t)
    SimpleRNN  a_t = x_t W + h_(t-1) U + b

each with the part of W, U and b that belongs to a_t. All of this is one gradient: R = x * dF/dx, where F is the layer with

* the gates held constant;
* an activation y = f(z) replaced by the line through the origin, z * (y / z), which gives z what y has;
* a sum z replaced by z * (z / s(z)), where the factor is held constant, which gives its summands what the rule says;

and sum(R_j / h_j * h_j) in place of what stands behind it. TensorFlow finds that gradient through all steps.
"""

from collections.abc import Callable
from typing import NamedTuple

from helpers.course.backend import keras, tf
from helpers.lrp.layers import Step
from helpers.lrp.propagation import Losses, Numbers, per_picture, stabilised
from helpers.lrp.rules import Rule


class _Ways(NamedTuple):
    """How a cell computes: ``gate(f, z)``, ``kept(f, z)`` for an activation, ``total(sums, bias)``."""

    gate: Callable
    kept: Callable
    total: Callable


_PLAIN = _Ways(lambda f, z: f(z), lambda f, z: f(z), lambda sums, bias: sums + bias)


def recurrent(step: Step, inputs: list):
    """What the layer computes."""
    x, *mask = inputs
    return _unrolled(step, x, _bias(step.layer.cell, x), mask, _PLAIN)


def recurrent_back(step: Step, rule: Rule, numbers: Numbers, inputs: list, r):
    """Relevance at the inputs, and what biases and stabilisers absorbed. A mask gets nothing."""
    x, *mask = inputs
    bias = _bias(step.layer.cell, x)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([x, bias])
        y = _unrolled(step, x, bias, mask, _held(rule, numbers))
    to_x, to_bias = tape.gradient(y, [x, bias], tf.math.divide_no_nan(r, y), unconnected_gradients="zero")
    back = x * to_x
    by_bias, nowhere = per_picture(bias * to_bias), per_picture(tf.where(y == 0, r, tf.zeros_like(r)))
    rest = per_picture(r) - per_picture(back) - by_bias - nowhere
    return [back, *(tf.zeros_like(part, r.dtype) for part in mask)], Losses(by_bias, rest, nowhere)


def _held(rule: Rule, numbers: Numbers) -> _Ways:
    def total(sums, bias):
        z = sums + bias
        counted = z if rule.bias else sums
        factor = tf.math.divide_no_nan(z, stabilised(rule, numbers, counted))
        return _with_slope(z, counted, factor)

    return _Ways(
        lambda f, z: tf.stop_gradient(f(z)), lambda f, z: _with_slope(f(z), z, tf.math.divide_no_nan(f(z), z)), total
    )


def _with_slope(value, z, slope):
    """``value``, whose derivative by z is ``slope``."""
    return tf.stop_gradient(value) + (z - tf.stop_gradient(z)) * tf.stop_gradient(slope)


def _bias(cell, x):
    """The cell's bias for every example by itself, so that its relevance can be told apart."""
    width = cell.kernel.shape[-1]
    bias = tf.zeros((width,), x.dtype) if cell.bias is None else tf.cast(tf.convert_to_tensor(cell.bias), x.dtype)
    return tf.broadcast_to(bias, tf.concat([tf.shape(x)[:1], tf.shape(bias)], 0))


def _unrolled(step: Step, x, bias, mask: list, ways: _Ways):
    layer, cell = step.layer, step.layer.cell
    kernel, recurrent_kernel = (tf.cast(tf.convert_to_tensor(w), x.dtype) for w in (cell.kernel, cell.recurrent_kernel))
    advance = {keras.layers.LSTM: _lstm, keras.layers.GRU: _gru, keras.layers.SimpleRNN: _simple}[step.base]
    count, length, units = tf.shape(x)[0], tf.shape(x)[1], recurrent_kernel.shape[0]
    here = tf.cast(mask[0], x.dtype) if mask else tf.ones((count, length), x.dtype)
    elements = [tf.transpose(tf.tensordot(x, kernel, 1), (1, 0, 2)), tf.transpose(here)[..., tf.newaxis]]
    if layer.go_backwards:
        elements = [tf.reverse(each, [0]) for each in elements]
    states = [tf.zeros((count, units), x.dtype)] * (2 if step.base is keras.layers.LSTM else 1)

    def one(states, element):
        read, present = element
        new = advance(cell, read, states, recurrent_kernel, bias, ways)
        return [tf.where(present > 0, after, before) for after, before in zip(new, states, strict=True)]

    hidden = tf.scan(one, elements, states)[0]
    if not layer.return_sequences:
        return hidden[-1]
    if getattr(layer, "zero_output_for_mask", False):
        hidden = tf.where(elements[1] > 0, hidden, tf.zeros_like(hidden))
    return tf.transpose(hidden, (1, 0, 2))


def _lstm(cell, read, states, recurrent_kernel, bias, ways: _Ways):
    h, c = states
    i, f, _, o = (
        ways.gate(cell.recurrent_activation, z) for z in tf.split(read + h @ recurrent_kernel + bias, 4, axis=1)
    )
    sums, own_bias = (tf.split(each, 4, axis=1)[2] for each in (read + h @ recurrent_kernel, bias))
    candidate = ways.kept(cell.activation, ways.total(sums, own_bias))
    c = ways.total(f * c + i * candidate, tf.zeros_like(c))
    return [o * ways.kept(cell.activation, c), c]


def _gru(cell, read, states, recurrent_kernel, bias, ways: _Ways):
    (h,) = states
    of_words, of_state = (
        (bias[:, 0], bias[:, 1]) if cell.reset_after and bias.shape.rank == 3 else (bias, tf.zeros_like(bias))
    )
    units = h.shape[1]
    inner = h @ recurrent_kernel
    both = read + of_words + inner + of_state
    z, r = (ways.gate(cell.recurrent_activation, part) for part in tf.split(both[:, : 2 * units], 2, axis=1))
    before = r * inner[:, 2 * units :] if cell.reset_after else (r * h) @ recurrent_kernel[:, 2 * units :]
    sums = read[:, 2 * units :] + before
    own_bias = of_words[:, 2 * units :] + r * of_state[:, 2 * units :]
    candidate = ways.kept(cell.activation, ways.total(sums, own_bias))
    return [ways.total(z * h + (1 - z) * candidate, tf.zeros_like(h))]


def _simple(cell, read, states, recurrent_kernel, bias, ways: _Ways):
    return [ways.kept(cell.activation, ways.total(read + states[0] @ recurrent_kernel, bias))]
