"""Layers that are several steps for relevance: separable convolutions, attention, bidirectional LSTMs.

Every part has a name of its own ("attention/query") and a row of its own in the ledger; the last one has the layer's.
A rule for the layer's name or class holds for all its parts.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace

from helpers.course.backend import keras, tf
from helpers.lrp.layers import SEPARABLE, Blocked, Step, activation_name, base_of
from helpers.lrp.rules import CONVOLUTION, DENSE, SUM

_layers = keras.layers


def opened(step: Step, node, values: dict[int, int], new_value: Callable[[], int]) -> list[Step]:
    """The steps that a step stands for, in order; itself, if it is one.

    ``values`` has the number of every tensor by its id, ``new_value`` gives a number that nobody has yet.
    """
    if step.base in SEPARABLE:
        return _separable(step, new_value)
    if step.form == "attention":
        return _attention(step, _given(node, values), new_value)
    if step.base is _layers.Bidirectional:
        return _bidirectional(step, _given(node, values), new_value)
    if step.form == "recurrent":
        return [replace(step, inputs=_sequence(step, _given(node, values)))]
    return [step]


def _given(node, values: dict[int, int]) -> dict:
    """The arguments of a call by name; a tensor of the graph by its number, None left out."""
    bound = inspect.signature(node.operation.call).bind(*node.arguments.args, **node.arguments.kwargs)
    given = keras.tree.map_structure(
        lambda value: values[id(value)] if isinstance(value, keras.KerasTensor) else value, bound.arguments
    )
    return {name: value for name, value in given.items() if value is not None}


def _part(step: Step, name: str, layer, inputs, output: int, form: str, **settings) -> Step:
    name = f"{step.name}/{name}" if name else step.name
    return Step(name, layer, form, tuple(inputs), output, whole=(step.layer, step.name), **settings)


def _separable(step: Step, new_value) -> list[Step]:
    """A depthwise convolution, and one of 1 x 1 that mixes the channels."""
    layer, between = step.layer, new_value()
    rank = layer.rank
    deep, point = (getattr(_layers, name.format(rank)) for name in ("DepthwiseConv{}D", "Conv{}D"))
    kinds = {"kinds": frozenset({CONVOLUTION})}
    first = _part(
        step, "depthwise", layer, step.inputs, between, "weighted", base=deep, kernel="depthwise_kernel", **kinds
    )
    last = _part(step, "", layer, [between], step.output, "weighted", base=point, kernel="pointwise_kernel", **kinds)
    return [first, replace(last, activation=step.activation)]


def _attention(step: Step, given: dict, new_value) -> list[Step]:
    """Multi-head attention: projections, products of queries and keys, a softmax, the sum of values, a projection."""
    layer, steps = step.layer, []
    if type(layer)._compute_attention is not _layers.MultiHeadAttention._compute_attention:
        raise Blocked(step.name, layer, "it computes its attention in a way of its own; replace it")

    def add(name, layer_of_part, inputs, form, output=None, **settings) -> int:
        output = new_value() if output is None else output
        steps.append(_part(step, name, layer_of_part, inputs, output, form, **settings))
        return output

    def projected(name, dense, read, output=None) -> int:
        settings = {"base": _layers.EinsumDense, "kinds": frozenset({DENSE})}
        return add(name, dense, [read], "weighted", output, activation=activation_name(step.name, dense), **settings)

    query, value = given["query"], given["value"]
    read = {"query": query, "key": given.get("key", value), "value": value}
    q, k, v = (projected(name, getattr(layer, f"_{name}_dense"), read[name]) for name in read)

    def products(inputs):
        keys, queries = inputs
        return tf.einsum(layer._dot_product_equation, keys, queries * layer._key_dim**-0.5)

    masks = {name: given[name] for name in ("query_mask", "value_mask", "key_mask", "attention_mask") if name in given}
    causal = bool(given.get("use_causal_mask"))

    # without dropout and for one axis, Keras lets a query that sees nothing look everywhere, else nowhere
    everywhere = not (layer._dropout or len(layer._attention_axes) > 1 or given.get("return_attention_scores"))

    def mask_for(scores, queries, keys, *found):
        mask = layer._compute_attention_mask(
            queries, keys, **dict(zip(masks, found, strict=True)), use_causal_mask=causal
        )
        for _ in range(0 if mask is None else len(scores.shape) - len(mask.shape)):
            mask = tf.expand_dims(mask, -2 * len(layer._attention_axes) - 1)
        return mask

    def seen(inputs):
        return tf.where(mask_for(*inputs), inputs[0], tf.zeros_like(inputs[0]))

    def softmax(inputs):
        scores, mask = inputs[0], mask_for(*inputs)
        if mask is None or not everywhere:
            return layer._softmax.call(scores, mask=mask)
        return tf.nn.softmax(tf.where(mask, scores, tf.cast(0.7 * scores.dtype.min, scores.dtype)))

    def summed(inputs):
        return tf.einsum(layer._combine_equation, *inputs)

    scores = add("scores", layer, [k, q], "contraction", call=products)
    beside = [q, k, *masks.values()]
    if masks:  # a score that nobody sees gets no relevance
        scores = add("seen", layer, [scores, *beside], "route", call=seen, fills=True)
    weights = add("softmax", layer._softmax, [scores, *beside], "softmax", call=softmax, activation="softmax")
    mixed = add("mixed", layer, [weights, v], "contraction", call=summed)
    if getattr(layer, "_use_gate", False):
        gate = projected("gate", layer._gate_dense, query)
        mixed = add("gated", layer, [mixed, gate], "product", call=lambda both: both[0] * both[1], shares=(1.0, 0.0))
    projected("", layer._output_dense, mixed, step.output)
    return steps


def _sequence(step: Step, given: dict) -> tuple[int, ...]:
    """What a recurrent layer reads: the sequence, then the mask, if there is one."""
    if keras.tree.flatten(given.get("initial_state", ())):
        raise Blocked(
            step.name, step.layer, "it starts from given states; explain the part of the model that reads them"
        )
    if step.layer.stateful:
        raise Blocked(step.name, step.layer, "it carries a state from call to call; build it with stateful=False")
    return (given["sequences"], given["mask"]) if "mask" in given else (given["sequences"],)


def _bidirectional(step: Step, given: dict, new_value) -> list[Step]:
    """Two recurrent layers, of which the second reads backwards, and what joins them."""
    layer, read, steps = step.layer, _sequence(step, given), []
    for name, inner in (("forward", layer.forward_layer), ("backward", layer.backward_layer)):
        base = base_of(inner, (_layers.LSTM, _layers.GRU, _layers.SimpleRNN))
        if base is None:
            raise Blocked(step.name, layer, "only LSTM, GRU and SimpleRNN are read step by step")
        steps.append(_part(step, name, inner, read, new_value(), "recurrent", base=base))
    forward, backward = (part.output for part in steps)
    if layer.return_sequences:
        turned = new_value()
        steps.append(
            _part(step, "turned", layer, [backward], turned, "route", call=lambda read: tf.reverse(read[0], [1]))
        )
        backward = turned
    mode, both = layer.merge_mode, [forward, backward]
    joining = {
        "concat": {"form": "route", "call": lambda read: tf.concat(read, -1)},
        "mul": {"form": "product", "call": lambda read: read[0] * read[1]},
        "sum": {"form": "weighted", "base": _layers.Add, "kinds": frozenset({SUM})},
        "ave": {"form": "weighted", "base": _layers.Average, "kinds": frozenset({SUM})},
    }
    if mode not in joining:
        raise Blocked(step.name, layer, f"its merge_mode is {mode}; join its two outputs")
    steps.append(_part(step, "", layer, both, step.output, **joining[mode]))
    return steps
