"""A Keras model as the list of steps that relevance propagation walks: nested models opened, layers folded.

* Nested models are opened: their layers are called "inner/conv". A layer called twice gives two steps, "conv" and
  "conv#2". Attention and other layers that are several steps are opened too (:mod:`helpers.lrp.parts`).
* BatchNormalization, Rescaling and constants that scale each channel are folded into the dense or convolution layer they
  follow or feed, ZeroPadding2D into the convolution it feeds. What the network computes stays the same.

Only the structure is read here. Weights are read when the pass runs, so a list of steps does not age when they change.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from helpers.course.backend import keras, tf
from helpers.course.calls import listening, run
from helpers.course.networks import once
from helpers.course.targets import require_model
from helpers.lrp.layers import (
    KEEPS_NONNEGATIVE,
    MAKES_NONNEGATIVE,
    MOST,
    Blocked,
    Step,
    how_relevance_passes,
    step_of,
)
from helpers.lrp.parts import opened
from helpers.lrp.rules import CONVOLUTION, DENSE, FIRST, POOLING, SCALING, SUM
from helpers.lrp.sums import scaling

_layers = keras.layers
_FOLDABLE = (
    *(_layers.Dense, _layers.Conv1D, _layers.Conv2D, _layers.Conv3D, _layers.DepthwiseConv1D, _layers.DepthwiseConv2D),
)


@dataclass(frozen=True)
class Graph:
    """The steps in the order of computation, the number of the last value, and the number of every layer's output.

    The model's inputs have the numbers from 0. A layer folded into the one before it shares that one's value; a layer
    folded into the next answers with its input. ``dtype`` is the precision in which all is computed: that of the model,
    and float32 where it uses half precision.
    """

    steps: tuple[Step, ...]
    output: int
    values: dict[str, int]
    dtype: str


def read_graph(model: keras.Model) -> Graph:
    """The steps of a Keras model with one output that ends in logits; layers that relevance cannot pass are refused."""
    require_model(model)
    return once(model, "graph", lambda: _graph(model))


def _graph(model: keras.Model) -> Graph:
    inputs, reader, output = read(model)
    if reader.blocked:
        raise reader.blocked[0]
    steps, folded = _fold(reader.steps, output)
    values = {step.name: step.output for step in steps if step.form != "constant"}
    by_name = {step.name: step for step in steps}
    for name, (taker, in_front) in folded.items():
        values[name] = by_name[taker].inputs[0] if in_front else by_name[taker].output
    known = {*inputs, *values.values()}
    values |= {name: value for name, value in reader.models.items() if value in known}
    dtypes = {model.outputs[0].dtype, *(getattr(step.layer, "compute_dtype", "") for step in steps)}
    return Graph(tuple(_with_facts(steps, inputs)), output, values, "float64" if "float64" in dtypes else "float32")


def read(model: keras.Model) -> tuple[list[int], "_Reader", int]:
    """The numbers of the model's inputs, what was read of its layers, blocked ones too, and the number of its output."""
    _require_graph(model)
    inputs = list(range(len(model.inputs)))
    reader = _Reader(inputs[-1], model)
    return inputs, reader, reader.read(model, inputs, "")


class _Reader:
    """Collects the steps of a model and of the models nested in it; every value gets a number.

    A layer that relevance cannot pass is noted under ``blocked``, and read as one that hands its first input on.
    """

    def __init__(self, last_input: int, model: keras.Model):
        self.steps: list[Step] = []
        self.models: dict[str, int] = {}
        self.blocked: list[Blocked] = []
        self.calls: dict[str, int] = {}
        self.constants: set[int] = set()
        self._count, self._model = last_input, model

    def new_value(self) -> int:
        self._count += 1
        return self._count

    def read(self, model, inputs: list[int], prefix: str) -> int:
        """Append the steps of one call of the model; the number of its output."""
        _require_graph(model)
        if len(model.outputs) != 1:
            raise ValueError(
                f"Relevance needs models with one output; {model.name!r} has {len(model.outputs)}. Cut out the part to "
                "explain: keras.Model(model.inputs, model.outputs[0])."
            )
        values = {id(tensor): value for tensor, value in zip(model.inputs, inputs, strict=False)}  # a mask may follow
        nodes = _nodes_in_order(model, self._with_masks)
        wanted = {id(tensor) for node in nodes for tensor in node.input_tensors} | {id(model.outputs[0])}
        for node in nodes:
            read = tuple(values[id(tensor)] for tensor in node.input_tensors)
            name = self._unique(prefix + node.operation.name)
            if isinstance(node.operation, keras.Model):
                value = self.read(node.operation, list(read), name + "/")
                self._refuse_masks(name, node)
                self.models[name] = value
                values[id(node.output_tensors[0])] = value
                continue
            for which, tensor in enumerate(node.output_tensors):
                if id(tensor) in wanted:
                    values[id(tensor)] = self._append(f"{name}:{which}" if which else name, node, read, which, values)
        return values[id(model.outputs[0])]

    def _with_masks(self, node):
        """A call with the masks that Keras gives to the layer as it runs; a node shows them for some calls only."""
        layer, arguments = node.operation, node.arguments
        if not isinstance(layer, keras.layers.Layer) or isinstance(layer, keras.Model):
            return node
        signature = inspect.signature(layer.call)
        given = signature.bind(*arguments.args, **arguments.kwargs).arguments
        masks = {}
        for name, value in given.items():
            for wanted in ("mask", f"{name}_mask"):
                if wanted in signature.parameters and given.get(wanted) is None and _mask_of(value) is not None:
                    masks[wanted] = _mask_of(value)
        if masks:
            seen = once(self._model, "masks", lambda: _masks_in_a_run(self._model)).get(id(layer), frozenset())
            masks = {name: mask for name, mask in masks.items() if name in seen}
        twin = copy.copy(node)
        twin.arguments = type(arguments)(*arguments.args, **{**arguments.kwargs, **masks})
        return twin

    def _refuse_masks(self, name: str, node) -> None:
        """Keras hands masks in and out of nested models while they run; their graph does not show it."""
        inner = node.operation
        if any(_mask_of(tensor) is not None for tensor in (*node.input_tensors, *inner.outputs)):
            why = "a mask goes in or comes out of it; put its layers into the model itself, or leave the masking to it"
            self.blocked.append(Blocked(name, inner, why))

    def _append(self, name: str, node, read: tuple[int, ...], which: int, values: dict[int, int]) -> int:
        output = self.new_value()
        try:
            step = step_of(name, node, read, output, which)
            if which and step.form not in ("route", "constant"):
                raise Blocked(name, node.operation, "only its first output can be explained; leave out the others")
            if self.constants.issuperset(read):
                step = replace(step, form="constant")
            steps = opened(step, node, values, self.new_value)
        except Blocked as error:
            self.blocked.append(error)
            steps = [Step(name, node.operation, "identity", read, output)]
        for step in steps:
            signals = tuple(value not in self.constants for value in step.inputs)
            if step.form == "constant":
                self.constants.add(step.output)
            self.steps.append(replace(step, signals=signals))
        return output

    def _unique(self, name: str) -> str:
        self.calls[name] = self.calls.get(name, 0) + 1
        return name if self.calls[name] == 1 else f"{name}#{self.calls[name]}"


def _mask_of(tensor):
    """The mask that Keras has attached to a tensor of the graph, or None."""
    return getattr(tensor, "_keras_mask", None)


def _masks_in_a_run(model: keras.Model) -> dict[int, frozenset[str]]:
    """The names of the masks that every call of a layer gets when the model runs, by the layer's id."""
    found: dict[int, frozenset[str]] = {}

    def hear(name, layer, arguments, outputs):
        args, keywords = arguments
        given = inspect.signature(layer.call).bind(*args, **keywords).arguments
        masks = frozenset(name for name, value in given.items() if name.endswith("mask") and tf.is_tensor(value))
        found[id(layer)] = found.get(id(layer), masks) & masks

    def traced(*inputs):
        with listening(model, hear):
            return run(model, inputs)

    specs = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in model.inputs]
    tf.function(traced, autograph=False).get_concrete_function(*specs)
    return found


def _nodes_in_order(model, with_masks: Callable) -> list:
    """The calls that lead from the model's inputs to its output, each after those it depends on."""
    done = {id(tensor) for tensor in model.inputs}
    order, stack = [], [model.outputs[0]]
    while stack:
        tensor = stack[-1]
        if id(tensor) in done:
            stack.pop()
            continue
        operation, index, _ = tensor._keras_history
        node = with_masks(operation._inbound_nodes[index])
        waiting = [wanted for wanted in node.input_tensors if id(wanted) not in done]
        if waiting:
            stack.extend(waiting)
        else:
            order.append(node)
            done |= {id(made) for made in node.output_tensors}
    return order


def _require_graph(model) -> None:
    call = getattr(type(model).call, "__qualname__", "")
    if call not in ("Functional.call", "Sequential.call"):
        raise ValueError(
            f"Model {model.name!r} is a {type(model).__name__} with a call of its own, so it has no graph of layers to "
            "walk. Build it as keras.Sequential or keras.Model(inputs, outputs)."
        )
    if not model.built or not getattr(model, "inputs", None):
        raise ValueError(f"Model {model.name!r} is not built yet: start it with keras.Input(shape), or call it once.")


def _fold(steps: list[Step], output: int) -> tuple[list[Step], dict[str, tuple[str, bool]]]:
    """Fold scaling and padding into the weights next to them.

    Returns the steps, and for every folded layer the name of the step that took it in and whether it stood in front.
    """
    folded: dict[str, tuple[str, bool]] = {}
    scales = {step.output for step in steps if SCALING in step.kinds and not step.widens and _scales_channels(step)}
    changed = True
    while changed:
        changed = False
        readers: dict[int, list[Step]] = {}
        for step in steps:
            for value in step.inputs:
                readers.setdefault(value, []).append(step)
        for step in steps:
            if step.output == output or len(readers.get(step.output, ())) != 1:
                continue
            following = readers[step.output][0]
            merged = _merged(step, following, scales)
            if merged is not None:
                gone = following if merged.layer is step.layer else step
                folded[gone.name] = merged.name, gone is step
                steps = [merged if other is following else other for other in steps if other is not step]
                changed = True
                break
    return steps, folded


def _merged(step: Step, following: Step, scales: set[int]) -> Step | None:
    """Two neighbours as one step, or None where they stay apart; ``scales`` are the outputs of those that scale."""
    if _has_kernel(step) and step.activation == "linear" and _is_in(scales, following):
        return replace(step, after=(*step.after, following), output=following.output)
    groups = getattr(following.layer, "groups", 1)
    if _is_in(scales, step) and _has_kernel(following) and groups == 1:
        return replace(following, before=(step, *following.before), inputs=step.inputs)
    pads = step.base is _layers.ZeroPadding2D and following.base in (_layers.Conv2D, _layers.DepthwiseConv2D)
    if not pads or not _has_kernel(following) or following.kernel == "pointwise_kernel":
        return None
    if following.layer.padding == "valid" and not following.before and following.padding is None:
        return replace(following, padding=step.layer, inputs=step.inputs)
    return None


def _is_in(scales: set[int], step: Step) -> bool:
    return SCALING in step.kinds and step.output in scales  # a sum takes over the output of what is folded into it


def _has_kernel(step: Step) -> bool:
    """Whether other weights can be folded into this layer's."""
    return step.base in _FOLDABLE and how_relevance_passes(step.layer) is None


def _scales_channels(step: Step) -> bool:
    """Whether a scaling has a number for every channel, or one for all."""
    if step.base is _layers.BatchNormalization:
        return step.layer.axis in (-1, step.layer.input_spec.ndim - 1)
    return all(n == 1 for part in scaling(step, "float32") for n in part.shape[:-1])


def _with_facts(steps: list[Step], inputs: list[int]) -> list[Step]:
    """Add what follows from the order: which inputs are provably at least 0, which layers read the model's input, and
    what the factors of a product take."""
    raw = dict.fromkeys(inputs, True)
    bounds = dict.fromkeys(inputs, (-np.inf, np.inf))
    found = []
    for step in steps:
        read = [bounds[value] for value in step.inputs]
        reads_input = all(raw[value] for value in step.inputs)
        weights = step.kinds & {CONVOLUTION, DENSE}
        first = weights and reads_input and not (step.whole and DENSE in step.kinds)  # a part of attention is none
        kinds = step.kinds | ({FIRST} if first else set())
        step = replace(step, nonnegative=all(low >= 0 for low, _ in read), kinds=kinds)
        if step.form == "product" and not step.shares:
            step = replace(step, shares=_shares(step, read))
        found.append(step)
        bounds[step.output] = _activated(step, _bounds(step, read))
        raw[step.output] = reads_input and not weights and step.form in ("weighted", "route", "identity", "activation")
    return found


def _shares(step: Step, read: list) -> tuple[float, ...]:
    """Equal parts for the factors that are signals: neither gates, between 0 and 1, nor without relevance."""
    gates = [low >= 0 and high <= 1 + 1e-6 for low, high in read]
    taking = [signal and not gate for signal, gate in zip(step.signals, gates, strict=True)]
    taking = taking if any(taking) else step.signals
    return tuple(take / sum(taking) for take in taking)


def _bounds(step: Step, read: list) -> tuple[float, float]:
    """Numbers between which everything lies that a step puts out, in front of its activation."""
    low, high = min(low for low, _ in read), max(high for _, high in read)
    if step.form in ("route", "identity"):
        return (min(low, 0), max(high, 0)) if step.fills else (low, high)
    if step.form == "activation":
        return low, high
    if step.form == "product" and all(low >= 0 for low, _ in read):
        return np.prod([low for low, _ in read]), np.prod([high for _, high in read])
    if step.kinds & {POOLING} and step.base is not None:
        return low, high
    if step.kinds & {POOLING, SUM} and low >= 0 and "Subtract" not in type(step.layer).__name__:
        return 0, np.inf
    if step.kinds & {SCALING} and (step.base is _layers.Rescaling or not isinstance(step.layer, _layers.Layer)):
        scale, offset = (np.asarray(part) for part in scaling(step, "float64"))  # numbers in the model, no weights
        if scale.all():
            ends = [scale * end + offset for end in (low, high)]
            return min(np.min(end) for end in ends), max(np.max(end) for end in ends)
    return -np.inf, np.inf


def _activated(step: Step, bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    name = step.activation
    if name == "linear":
        return bounds
    if name not in MOST:
        high = high if name == "relu" else np.inf
    else:
        high = min(MOST[name], high) if name == "relu6" else MOST[name]
    if step.base is _layers.ReLU and step.layer.max_value is not None:
        high = min(high, step.layer.max_value)
    return (
        max(low, 0) if name in MAKES_NONNEGATIVE else 0 if low >= 0 and name in KEEPS_NONNEGATIVE else -np.inf
    ), high
