"""A Keras model as the list of steps that relevance propagation walks: nested models opened, layers folded.

* Nested models are opened: their layers are called "inner/conv". A layer called twice gives two steps, "conv" and
  "conv#2".
* BatchNormalization and Rescaling, which scale each channel, are folded into the dense or convolution layer they follow
  or feed, ZeroPadding2D into the convolution it feeds. What the network computes stays the same.

Only the structure is read here. Weights are read when the pass runs, so a list of steps does not age when they change.
"""

from dataclasses import dataclass, replace

from helpers.course.backend import keras
from helpers.lrp.layers import (
    IDENTITIES,
    KEEPS_NONNEGATIVE,
    MAKES_NONNEGATIVE,
    PROBABILITIES,
    Step,
    activation_name,
    base_of,
    how_relevance_passes,
    step_of,
)
from helpers.lrp.rules import CONVOLUTION, DENSE, FIRST, POOLING, SCALING, SUM


@dataclass(frozen=True)
class Graph:
    """The steps in the order of computation, the number of the last value, and the number of every layer's output.

    The model's inputs have the numbers from 0. A layer folded into the one before it shares that one's value; a layer
    folded into the next answers with its input.
    """

    steps: tuple[Step, ...]
    output: int
    values: dict[str, int]


def read_graph(model: keras.Model) -> Graph:
    """The steps of a Keras model with one output that ends in logits; others, and layers unknown here, are refused."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"Relevance needs a Keras model, such as network.model of the course's networks; got {model!r}."
        )
    _require_graph(model)
    if len(model.outputs) != 1:
        raise ValueError(
            f"Relevance needs one output; the model has {len(model.outputs)}. Cut out the part to explain: "
            "keras.Model(model.inputs, model.outputs[0])."
        )
    inputs = list(range(len(model.inputs)))
    reader = _Reader(inputs[-1])
    output = reader.read(model, inputs, "")
    _require_scores(model, reader.steps, output)
    _require_one_precision(model, reader.steps)
    steps, folded = _fold(reader.steps, output)
    values = {step.name: step.output for step in steps}
    by_name = {step.name: step for step in steps}
    for name, (taker, in_front) in folded.items():
        values[name] = by_name[taker].inputs[0] if in_front else by_name[taker].output
    known = {*inputs, *values.values()}
    values |= {name: value for name, value in reader.models.items() if value in known}
    return Graph(tuple(_with_facts(steps, inputs)), output, values)


class _Reader:
    """Collects the steps of a model and of the models nested in it; every value gets a number."""

    def __init__(self, last_input: int):
        self.steps: list[Step] = []
        self.models: dict[str, int] = {}
        self.count = last_input
        self.calls: dict[str, int] = {}

    def read(self, model, inputs: list[int], prefix: str) -> int:
        """Append the steps of one call of the model; the number of its output."""
        _require_graph(model)
        if len(model.outputs) != 1:
            raise ValueError(f"The nested model {model.name!r} has {len(model.outputs)} outputs; relevance needs one.")
        values = {id(tensor): value for tensor, value in zip(model.inputs, inputs, strict=True)}
        for node in _nodes_in_order(model):
            read = [values[id(tensor)] for tensor in node.input_tensors]
            name = self._unique(prefix + node.operation.name)
            if node.arguments.kwargs.get("training"):
                raise ValueError(f"Layer {name!r} is called with training=True; explain the model as it infers.")
            if isinstance(node.operation, keras.Model):
                value = self.read(node.operation, read, name + "/")
                self.models[name] = value
            else:
                self.count += 1
                value = self.count
                self.steps.append(step_of(name, node.operation, tuple(read), value))
            values[id(node.output_tensors[0])] = value
        return values[id(model.outputs[0])]

    def _unique(self, name: str) -> str:
        self.calls[name] = self.calls.get(name, 0) + 1
        return name if self.calls[name] == 1 else f"{name}#{self.calls[name]}"


def _nodes_in_order(model) -> list:
    """The calls that lead from the model's inputs to its output, each after those it depends on."""
    done = {id(tensor) for tensor in model.inputs}
    order, stack = [], [model.outputs[0]]
    while stack:
        tensor = stack[-1]
        if id(tensor) in done:
            stack.pop()
            continue
        _, node = _producer(tensor)
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


def _require_scores(model, steps: list[Step], output: int) -> None:
    """Refuse a softmax: at the end with the way out, elsewhere because it mixes the values."""
    producers = {step.output: step for step in steps}
    last = producers.get(output)
    while last is not None and last.form == "identity":
        last = producers.get(last.inputs[0])
    if last is not None and last.activation in PROBABILITIES:
        raise ValueError(
            f"The model {model.name!r} ends in probabilities: layer {last.name!r} is a {last.activation}. Relevance "
            "starts from the logits in front of it: pass without_softmax(model) of helpers.lrp.graph, which shares the "
            "weights, or build the model with classifier_activation=None."
        )
    for step in steps:
        if step.activation.endswith("softmax"):
            raise ValueError(
                f"Layer {step.name!r} is a {step.activation} inside the network. It mixes the values, so relevance "
                "cannot be handed through; explain the part of the model in front of it."
            )


def _require_one_precision(model, steps: list[Step]) -> None:
    wanted = model.outputs[0].dtype
    for step in steps:
        precision = getattr(step.layer, "compute_dtype", wanted)
        if precision != wanted:
            raise ValueError(
                f"Layer {step.name!r} computes in {precision}, the model's output is {wanted}; relevance needs one "
                "precision throughout (keras.config.set_dtype_policy before the model is built)."
            )


def _fold(steps: list[Step], output: int) -> tuple[list[Step], dict[str, tuple[str, bool]]]:
    """Fold scaling and padding into the weights next to them.

    Returns the steps, and for every folded layer the name of the step that took it in and whether it stood in front.
    """
    folded: dict[str, tuple[str, bool]] = {}
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
            merged = _merged(step, following)
            if merged is not None:
                gone = following if merged.layer is step.layer else step
                folded[gone.name] = merged.name, gone is step
                steps = [merged if other is following else other for other in steps if other is not step]
                changed = True
                break
    return steps, folded


def _merged(step: Step, following: Step) -> Step | None:
    """Two neighbours as one step, or None where they stay apart."""
    if _has_kernel(step) and step.activation == "linear" and SCALING in following.kinds:
        return replace(step, after=(*step.after, following.layer), output=following.output)
    groups = getattr(following.layer, "groups", 1)
    if SCALING in step.kinds and _has_kernel(following) and groups == 1:
        return replace(following, before=(step.layer, *following.before), inputs=step.inputs)
    pads = (
        base_of(step.layer, (keras.layers.ZeroPadding2D,)) and CONVOLUTION in following.kinds and _has_kernel(following)
    )
    if pads and following.layer.padding == "valid" and not following.before and following.padding is None:
        return replace(following, padding=step.layer, inputs=step.inputs)
    return None


def _has_kernel(step: Step) -> bool:
    """Whether other weights can be folded into this layer's."""
    return bool(step.kinds & {CONVOLUTION, DENSE}) and how_relevance_passes(step.layer) is None


def _with_facts(steps: list[Step], inputs: list[int]) -> list[Step]:
    """Add what follows from the order: which inputs are provably at least 0, which layers read the model's input."""
    positive, raw = dict.fromkeys(inputs, False), dict.fromkeys(inputs, True)
    found = []
    for step in steps:
        nonnegative = all(positive[value] for value in step.inputs)
        reads_input = all(raw[value] for value in step.inputs)
        weights = step.kinds & {CONVOLUTION, DENSE}
        kinds = step.kinds | ({FIRST} if weights and reads_input else set())
        found.append(replace(step, nonnegative=nonnegative, kinds=kinds))
        keeps = step.form != "weighted" or bool(step.kinds & {POOLING, SUM})
        keeps = keeps and nonnegative and step.activation in KEEPS_NONNEGATIVE
        positive[step.output] = keeps or step.activation in MAKES_NONNEGATIVE
        raw[step.output] = reads_input and not weights
    return found


def without_softmax(model: keras.Model) -> keras.Model:
    """The same model without the softmax (or sigmoid) at its end: it returns logits and shares all weights.

    Changing the weights of one changes those of the other. A model that ends in logits is returned as it is.
    """
    _require_graph(model)
    operation, node = _producer(model.outputs[0])
    while base_of(operation, IDENTITIES):  # a dropout behind the softmax goes with it
        operation, node = _producer(node.input_tensors[0])
    scores = node.input_tensors[0]
    if isinstance(operation, keras.Model):
        inner = without_softmax(operation)
        return model if inner is operation else keras.Model(model.inputs[0], inner(scores), name=model.name)
    if isinstance(operation, keras.layers.Softmax) or (
        isinstance(operation, keras.layers.Activation) and activation_name(operation.name, operation) in PROBABILITIES
    ):
        return keras.Model(model.inputs[0], scores, name=model.name)
    if getattr(getattr(operation, "activation", None), "__name__", "") not in PROBABILITIES:
        return model
    return keras.Model(model.inputs[0], _linear_twin(operation)(scores), name=model.name)


def _producer(tensor):
    """The operation that made a tensor of the graph, and the call in which it did."""
    operation, index, _ = tensor._keras_history
    return operation, operation._inbound_nodes[index]


def _linear_twin(layer):
    """A layer with the same variables and no activation."""
    twin = type(layer).from_config({**layer.get_config(), "activation": "linear"})
    twin.built = True  # its variables are those of the layer: none are made
    for attribute in ("_kernel", "kernel", "bias"):
        variable = vars(layer).get(attribute)
        if variable is not None or attribute in vars(layer):
            setattr(twin, attribute, variable)
    return twin
