"""The backward walk through a whole network, compiled once and kept as long as its model lives.

One walk serves relevance and gradients alike: weighted sums follow their rule, and routes (pooling, reshaping, ...)
carry values back to where they came from. In a product the signal takes all relevance, what scales it none: that only
says how much passes (Arras et al. 2017, arXiv:1706.07206); a gradient goes to both. What an activation f makes of the
values r that come from above is said by its mode, with z the pre-activation:

* "pass": r, relevance passes unchanged;
* "gradient": r f'(z), the chain rule;
* "guided": r+ f'(z) at a ReLU, else the chain rule;
* "deconvnet": r+ at a ReLU, whatever its input was, else the chain rule.

What is compiled depends on the structure of the model and of the rules only. Weights are read from the model's
variables at every call, and the numbers of a rule (epsilon, gamma, ...) are passed in, so that changing either needs no
new compilation and never goes unseen.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from helpers.course.backend import keras, tf
from helpers.course.calls import in_single_precision
from helpers.course.networks import classes_of, once, scores_of
from helpers.course.targets import batches
from helpers.lrp.graph import Graph
from helpers.lrp.layers import Step
from helpers.lrp.linear import adjoint, route, route_back, summed_to
from helpers.lrp.propagation import (
    Losses,
    Numbers,
    backward,
    forward,
    no_losses,
    per_picture,
    sign_of_sum,
    stabilised,
)
from helpers.lrp.recurrent import recurrent, recurrent_back
from helpers.lrp.rules import NORMALISATION, SUM, Rule, Share, is_built_in
from helpers.lrp.sums import linear_map

SAME = 1e-3  # as a share of the largest score; rounding in single precision is far below
VALUES_AT_A_TIME = 224 * 224 * 3  # inputs in one batch, unless the caller says: one photograph, or 64 digits


class Walked(NamedTuple):
    """Logits, relevance by number of the value (inputs first), and the ledger of every step from the output down."""

    logits: np.ndarray
    values: dict[int, np.ndarray]
    ledger: list


def walk_back(
    model: keras.Model,
    graph: Graph,
    rules: dict[int, Rule],
    inputs: Sequence[np.ndarray],
    weights: np.ndarray,
    start: np.ndarray,
    activations: str = "pass",
    everything: bool = False,
    batch_size: int | None = None,
) -> Walked:
    """Walk back from ``weights * logits + start`` (both (N, classes)) to the inputs, in batches of bounded size.

    ``inputs`` has an array for every input of the model, ``graph`` is that of the model as it is now, ``rules`` has the
    rule of every weighted sum by the number of its output, ``activations`` is their mode, and ``everything`` asks for
    the values at every layer and the ledger.

    Raises
    ------
    ValueError
        If the model computes other scores than its graph says.
    """
    numbers = [_numbers_of(rule, graph.dtype) for rule in rules.values()]
    weights, start = (each.astype(graph.dtype, copy=False) for each in (weights, start))
    run = _compiled(model, graph, rules, activations, everything)
    batch_size = max(1, VALUES_AT_A_TIME // inputs[0][0].size) if batch_size is None else batch_size
    masked, found = any(step.form == "constant" for step in graph.steps), []
    for rows in batches(len(weights), batch_size):
        batch = [each[rows] for each in inputs]
        found.append(tf.nest.map_structure(np.asarray, run(batch, weights[rows], start[rows], numbers)))
        if masked or len(found) == 1:  # what a mask hides is another thing in every batch
            _require_scores_of(model, batch, found[-1].logits, always=masked)
    return found[0] if len(found) == 1 else tf.nest.map_structure(lambda *parts: np.concatenate(parts), *found)


def _require_scores_of(model, inputs: list, logits: np.ndarray, always: bool) -> None:
    """Refuse a model whose own scores are others: the walk would explain another network. Unless ``always``, this is
    looked at once for inputs of one size."""

    def compare() -> None:
        scores = scores_of(model, inputs)
        apart, largest = np.abs(scores - logits).max(), np.abs(scores).max()
        if apart > SAME * largest + 1e-5:  # scores may be tiny differences of what goes before
            raise ValueError(
                f"The model {model.name!r} computes other scores than its layers one by one: {apart:.3g} apart, where "
                f"the largest is {largest:.3g}. That may come of a mask: give it to its layers by name (mask=..., "
                "attention_mask=...), or explain a part of the model."
            )

    if always:
        compare()
    elif logits.any():  # zeros tell nothing
        once(model, ("same scores", tuple(each.shape[1:] for each in inputs)), compare)


def _compiled(model, graph: Graph, rules: dict[int, Rule], activations: str, everything: bool) -> Callable:
    """The compiled walk for this model and these rules; made on first use."""
    key = ("walk", tuple((value, _structure_of(rule)) for value, rule in rules.items()), activations, everything)
    return once(model, key, lambda: _traced(model, graph, rules, activations, everything))


def _traced(model, graph: Graph, rules: dict[int, Rule], activations: str, everything: bool) -> Callable:
    run = _as_written(graph, rules, activations, everything)
    scores = tf.TensorSpec((None, classes_of(model)), graph.dtype)
    inputs = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in model.inputs]
    numbers = [
        tuple(tf.TensorSpec(part.shape, graph.dtype) for part in _numbers_of(rule, graph.dtype))
        for rule in rules.values()
    ]
    signature = [inputs, scores, scores, numbers]
    # a concrete function cannot be traced again; without AutoGraph, errors keep their own line numbers
    with in_single_precision(model):
        return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()


def _as_written(graph: Graph, rules: dict[int, Rule], activations: str, everything: bool) -> Callable:
    """The walk as a function of tensors that is not compiled."""

    def run(inputs, weights, start, numbers):
        chosen = {
            value: (rule, _numbers_from(rule, *given))
            for (value, rule), given in zip(rules.items(), numbers, strict=True)
        }
        inputs = [tf.cast(each, graph.dtype) for each in inputs]
        return _walk(graph, chosen, inputs, weights, start, activations, everything)

    return run


def _structure_of(rule: Rule) -> tuple:
    """What of a rule is built into the compiled walk; the rest is passed in."""
    shares = tuple(
        (
            share.where,
            sign_of_sum(share, rule.bias),
            *(n if is_built_in(n) else "given" for n in share.numbers),
        )
        for share in rule.shares
    )
    return rule.contributions, rule.bias, shares, len(rule.low), rule.epsilon is None


def _numbers_of(rule: Rule, dtype) -> tuple[np.ndarray, ...]:
    """The numbers of a rule that are passed in: epsilon, three for each share, the bounds of the box."""
    parts = rule.stabiliser, [share.numbers for share in rule.shares], rule.low, rule.high
    return tuple(np.array(part, dtype) for part in parts)


def _numbers_from(rule: Rule, epsilon, shares, low, high) -> Numbers:
    """The numbers of a rule as tensors; those built in stay as they are."""
    mixed = [
        Share(*(n if is_built_in(n) else g for n, g in zip(share.numbers, tf.unstack(given), strict=True)), share.where)
        for share, given in zip(rule.shares, tf.unstack(shares), strict=True)
    ]
    return Numbers(epsilon, tuple(mixed), low, high)


def _walk(graph: Graph, chosen: dict, inputs: list, weights, start, activations: str, everything: bool):
    """Forwards through all steps, then backwards through all of them; traced into one graph."""
    values, kept = dict(enumerate(inputs)), {}
    for step in graph.steps:
        read = [values[i] for i in step.inputs]
        values[step.output], kept[step.output] = _forward(step, chosen.get(step.output), read)
    scores = values[graph.output]
    logits = tf.reshape(scores, tf.shape(weights))
    arriving = {graph.output: tf.reshape(weights * logits + start, tf.shape(scores))}
    ledger = []
    for step in reversed(graph.steps):
        r = arriving[step.output]
        parts, lost = _backward(step, chosen.get(step.output), kept[step.output], r, activations, everything)
        if everything:
            ledger.append((per_picture(r), sum(per_picture(part) for part in parts), *lost))
        for value, part in zip(step.inputs, parts, strict=True):
            arriving[value] = part if value not in arriving else arriving[value] + part
    for number, each in enumerate(inputs):  # one on which the output does not depend gets nothing
        arriving.setdefault(number, tf.zeros_like(each))
    wanted = arriving if everything else range(len(inputs))
    return Walked(logits, {value: arriving[value] for value in wanted}, ledger)


def _forward(step: Step, chosen, inputs: list):
    """The output of a step, and what its backward pass needs."""
    if step.form == "identity":
        return inputs[0], None
    if step.form == "route":
        return route(step, inputs), inputs
    if step.form == "activation":
        return _activate(step, inputs[0]), inputs[0]
    if step.form == "lookup":
        return tf.cast(step.call(inputs), inputs[0].dtype), inputs
    if step.form == "recurrent":
        return recurrent(step, inputs), inputs
    if step.form == "contraction":
        z = step.call(inputs)
        return z, (z, inputs)
    if step.form != "weighted":
        return step.call(inputs), inputs
    linear = linear_map(step, inputs)
    sums = forward(linear, *chosen, _joined(step, inputs), step.nonnegative)
    return _activate(step, sums.z), (linear, sums, inputs)


def _backward(step: Step, chosen, kept, r, activations: str, everything: bool):
    """Values at every input of a step, from those at its output, and what got lost."""
    if step.form == "identity":
        return [r], no_losses(r)
    if step.form == "activation":
        return [_through_activation(step, kept, r, activations)], no_losses(r)
    if step.form == "weighted":
        return _back_through_sum(step, chosen, kept, r, activations, everything)
    if step.form == "constant":
        return [tf.zeros_like(each, r.dtype) for each in kept], no_losses(r)._replace(other=per_picture(r))
    if step.form == "route":
        back = route_back(step, kept, r)
        other = per_picture(r) - sum(map(per_picture, back)) if step.fills else no_losses(r).other
        return back, no_losses(r)._replace(other=other)
    if step.form == "lookup":
        return [tf.reduce_sum(r, axis=-1)], no_losses(r)
    if step.form == "contraction":
        return _back_through_contraction(step, *chosen, *kept, r, activations)
    if activations != "pass":
        function = (lambda read: recurrent(step, read)) if step.form == "recurrent" else step.call
        return adjoint(function, kept, r), no_losses(r)
    if step.form == "recurrent":
        return recurrent_back(step, *chosen, kept, r)
    if step.form == "softmax":
        back = _through_softmax(step, kept[0], step.call(kept), r)
        return [back, *(tf.zeros_like(each, r.dtype) for each in kept[1:])], _into_bias(r, back)
    parts = zip(step.shares, kept, strict=True)
    return [summed_to(share * r, each) if share else tf.zeros_like(each, r.dtype) for share, each in parts], no_losses(
        r
    )


def _back_through_sum(step: Step, chosen, kept, r, activations: str, everything: bool):
    linear, sums, inputs = kept
    arriving, r = r, _through_activation(step, sums.z, r, activations)
    if step.kinds & {NORMALISATION} and activations != "pass":  # the spread is no constant for a gradient
        return adjoint(step.call, inputs, r), no_losses(r)
    back, lost = backward(linear, *chosen, sums, r, step.nonnegative, everything)
    if everything and step.activation == "softmax":
        lost = lost._replace(bias=lost.bias + _into_bias(arriving, r).bias)
    if len(inputs) == 1:
        return [back], lost
    if sums.x is inputs[0]:  # a mask beside it
        return [back, *(tf.zeros_like(each, r.dtype) for each in inputs[1:])], lost
    parts = zip(tf.unstack(back, num=len(inputs), axis=1), inputs, strict=True)
    return [summed_to(part, each) for part, each in parts], lost


def _back_through_contraction(step: Step, rule: Rule, numbers: Numbers, z, inputs: list, r, activations: str):
    """Every factor gets its share of what the epsilon rule gives it with the others held constant (AttnLRP, Prop. 3.3)."""
    if activations != "pass":
        return adjoint(step.call, inputs, r), no_losses(r)
    ratio = tf.math.divide_no_nan(r, stabilised(rule, numbers, z))
    found = zip(inputs, adjoint(step.call, inputs, ratio), step.signals, strict=True)
    share = 1 / sum(step.signals)
    back = [share * each * part if signal else tf.zeros_like(part) for each, part, signal in found]
    undefined = per_picture(tf.where((ratio == 0) & (z == 0), r, tf.zeros_like(r)))
    rest = per_picture(r) - sum(map(per_picture, back)) - undefined
    return back, no_losses(r)._replace(stabiliser=rest, other=undefined)


def _through_softmax(step: Step, z, s, r):
    """R_i = z_i (R_i - s_i sum_j R_j), the Taylor expansion of s at z (AttnLRP, Prop. 3.1)."""
    axis = step.layer.axis if step.form == "softmax" else -1
    axes = list(axis) if isinstance(axis, (tuple, list)) else axis
    return z * (r - s * tf.reduce_sum(r, axes, keepdims=True))


def _into_bias(r, back) -> Losses:
    """What is missing behind a softmax belongs to the constant of its expansion."""
    return no_losses(r)._replace(bias=per_picture(r) - per_picture(back))


def _joined(step: Step, inputs: list):
    """The inputs of a weighted sum as one tensor; summands are stacked in axis 1, each as large as the largest."""
    if SUM not in step.kinds:
        return inputs[0]
    if len({tuple(x.shape) for x in inputs}) > 1:
        zero = sum(tf.zeros_like(x[:1]) for x in inputs)
        inputs = [x + zero for x in inputs]
    return tf.stack(inputs, axis=1)


def _activate(step: Step, z):
    if step.form == "activation":
        return tf.cast(step.call([z]), z.dtype)
    return z if step.activation == "linear" else step.layer.activation(z)


def _through_activation(step: Step, z, r, mode: str):
    if step.activation == "softmax" and mode == "pass":
        return _through_softmax(step, z, _activate(step, z), r)
    if mode == "pass" or step.activation == "linear":
        return r
    if step.activation == "relu" and mode in ("guided", "deconvnet"):
        r = tf.nn.relu(r)
        if mode == "deconvnet":
            return r
    return adjoint(lambda z: _activate(step, z), z, r)
