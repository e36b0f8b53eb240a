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
from helpers.course.networks import once
from helpers.course.targets import batches
from helpers.lrp.graph import Graph
from helpers.lrp.layers import Step, base_of
from helpers.lrp.linear import adjoint, linear_map, route, route_back
from helpers.lrp.propagation import Numbers, backward, forward, no_losses, per_picture, sign_of_sum
from helpers.lrp.rules import Rule, Share, is_built_in

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
    """
    numbers = [_numbers_of(rule, weights.dtype) for rule in rules.values()]
    run = _compiled(model, graph, rules, activations, everything)
    batch_size = max(1, VALUES_AT_A_TIME // inputs[0][0].size) if batch_size is None else batch_size
    found = [
        tf.nest.map_structure(np.asarray, run([each[rows] for each in inputs], weights[rows], start[rows], numbers))
        for rows in batches(len(weights), batch_size)
    ]
    return found[0] if len(found) == 1 else tf.nest.map_structure(lambda *parts: np.concatenate(parts), *found)


def _compiled(model, graph: Graph, rules: dict[int, Rule], activations: str, everything: bool) -> Callable:
    """The compiled walk for this model and these rules; made on first use."""
    parts = _parts_of(graph)
    key = (
        tuple(id(part) for part in parts),
        tuple((step.name, step.inputs, step.output, step.activation) for step in graph.steps),
        tuple((value, _structure_of(rule)) for value, rule in rules.items()),
        activations,
        everything,
    )
    # the parts are kept so that their ids stay theirs
    return once(model, key, lambda: (_traced(model, graph, rules, activations, everything), parts))[0]


def _traced(model, graph: Graph, rules: dict[int, Rule], activations: str, everything: bool) -> Callable:
    dtype = model.outputs[0].dtype

    def run(inputs, weights, start, numbers):
        chosen = {
            value: (rule, _numbers_from(rule, *given))
            for (value, rule), given in zip(rules.items(), numbers, strict=True)
        }
        inputs = [tf.cast(each, dtype) for each in inputs]
        return _walk(graph, chosen, inputs, weights, start, activations, everything)

    classes = tf.TensorSpec((None, model.outputs[0].shape[-1]), dtype)
    inputs = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in model.inputs]
    numbers = [tuple(tf.TensorSpec(part.shape, dtype) for part in _numbers_of(rule, dtype)) for rule in rules.values()]
    signature = [inputs, classes, classes, numbers]
    # a concrete function cannot be traced again; without AutoGraph, errors keep their own line numbers
    return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()


def _parts_of(graph: Graph) -> list:
    """The objects a compiled walk was made from: layers, activations and variables (not their values)."""
    parts = []
    for step in graph.steps:
        for layer in (step.layer, step.padding, *step.before, *step.after):
            parts += [layer, getattr(layer, "activation", None), *getattr(layer, "variables", ())]
    return parts


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
    return rule.contributions, rule.bias, shares, len(rule.low)


def _numbers_of(rule: Rule, dtype) -> tuple[np.ndarray, ...]:
    """The numbers of a rule that are passed in: epsilon, three for each share, the bounds of the box."""
    parts = rule.epsilon, [share.numbers for share in rule.shares], rule.low, rule.high
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
    logits = values[graph.output]
    arriving = {graph.output: weights * logits + start}
    ledger = []
    for step in reversed(graph.steps):
        r = arriving[step.output]
        parts, lost = _backward(step, chosen.get(step.output), kept[step.output], r, activations, everything)
        if everything:
            ledger.append((per_picture(r), sum(per_picture(part) for part in parts), *lost))
        for value, part in zip(step.inputs, parts, strict=True):
            arriving[value] = part if value not in arriving else arriving[value] + part
    wanted = arriving if everything else range(len(inputs))
    return Walked(logits, {value: arriving[value] for value in wanted}, ledger)


def _forward(step: Step, chosen, inputs: list):
    """The output of a step, and what its backward pass needs."""
    if step.form == "identity":
        return inputs[0], None
    if step.form == "route":
        return route(step, inputs), inputs
    if step.form == "product":
        return step.layer(*inputs), inputs
    if step.form == "activation":
        return _activate(step, inputs[0]), inputs[0]
    linear = linear_map(step)
    sums = forward(linear, *chosen, _joined(step, inputs), step.nonnegative)
    return _activate(step, sums.z), (linear, sums)


def _backward(step: Step, chosen, kept, r, activations: str, everything: bool):
    """Values at every input of a step, from those at its output, and what got lost."""
    if step.form == "identity":
        return [r], no_losses(r)
    if step.form == "route":
        back = route_back(step, kept, r)
        padded = everything and base_of(step.layer, (keras.layers.ZeroPadding2D,))
        other = per_picture(r * (1 - step.layer(tf.ones_like(kept[0])))) if padded else 0.0
        return back, no_losses(r)._replace(other=no_losses(r).other + other)
    if step.form == "product":
        if activations == "pass":
            return [r, *map(tf.zeros_like, kept[1:])], no_losses(r)
        return adjoint(lambda read: step.layer(*read), kept, r), no_losses(r)
    if step.form == "activation":
        return [_through_activation(step, kept, r, activations)], no_losses(r)
    linear, sums = kept
    r = _through_activation(step, sums.z, r, activations)
    back, lost = backward(linear, *chosen, sums, r, step.nonnegative, everything)
    return tf.unstack(back, num=len(step.inputs), axis=1) if len(step.inputs) > 1 else [back], lost


def _joined(step: Step, inputs: list):
    """The inputs of a weighted sum as one tensor; those of an Add are stacked in axis 1."""
    if len(inputs) == 1:
        return inputs[0]
    if len({tuple(x.shape) for x in inputs}) > 1:
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        raise ValueError(f"Layer {step.name!r} adds arrays of different shapes ({shapes}); make them equal first.")
    return tf.stack(inputs, axis=1)


def _activate(step: Step, z):
    if step.form == "activation" and not isinstance(step.layer, keras.layers.Activation):
        return step.layer(z)
    return z if step.activation == "linear" else step.layer.activation(z)


def _through_activation(step: Step, z, r, mode: str):
    if mode == "pass" or step.activation == "linear":
        return r
    if step.activation == "relu" and mode in ("guided", "deconvnet"):
        r = tf.nn.relu(r)
        if mode == "deconvnet":
            return r
    return adjoint(lambda z: _activate(step, z), z, r)
