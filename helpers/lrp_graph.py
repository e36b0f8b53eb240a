"""A Keras model as the list of steps that relevance propagation walks: nested models opened, layers folded.

Every call of a layer becomes a :class:`Step`. Three things happen on the way:

* nested models are opened (their layers are called "inner/conv"), a layer called twice gives two steps ("conv", "conv#2");
* BatchNormalization and Rescaling, which scale each channel, are folded into the dense or convolution layer they follow
  or feed, ZeroPadding2D into the convolution it feeds; what the network computes stays the same;
* what relevance cannot be propagated through is refused, with the name of the layer and the way out.

Only the structure is read here. Weights are read when the pass runs, so a step list never goes stale when they change.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from helpers.backend import keras
from helpers.half_dense import HalfPrecisionDense
from helpers.lrp_composites import CONVOLUTION, DENSE, FIRST, POOLING, SCALING, SUM, Kind

_layers = keras.layers
WEIGHTED = {
    _layers.Dense: DENSE,
    HalfPrecisionDense: DENSE,
    _layers.Conv2D: CONVOLUTION,
    _layers.DepthwiseConv2D: CONVOLUTION,
    _layers.AveragePooling2D: POOLING,
    _layers.GlobalAveragePooling2D: POOLING,
    _layers.Add: SUM,
    _layers.BatchNormalization: SCALING,
    _layers.Rescaling: SCALING,
}
ROUTES = (  # every output value is one of the input values, or zero
    _layers.MaxPooling2D,
    _layers.GlobalMaxPooling2D,
    _layers.Flatten,
    _layers.Reshape,
    _layers.Permute,
    _layers.ZeroPadding2D,
    _layers.Cropping2D,
    _layers.Concatenate,
)
IDENTITIES = (  # at inference
    _layers.Dropout,
    _layers.SpatialDropout2D,
    _layers.GaussianDropout,
    _layers.GaussianNoise,
    _layers.ActivityRegularization,
    _layers.Identity,
)
ACTIVATION_LAYERS = (_layers.Activation, _layers.ReLU, _layers.LeakyReLU, _layers.PReLU, _layers.ELU)
ELEMENTWISE = frozenset(
    "linear relu relu6 leaky_relu elu celu selu gelu silu swish mish tanh softsign softplus sigmoid hard_sigmoid "
    "hard_silu hard_swish hard_tanh exponential".split()
)
NONNEGATIVE = frozenset("relu relu6 softplus sigmoid hard_sigmoid exponential".split())
KEEPS_SIGN = NONNEGATIVE | frozenset("linear leaky_relu elu celu selu gelu silu swish mish tanh softsign".split())
PROBABILITIES = frozenset("softmax log_softmax sigmoid".split())


@dataclass(frozen=True)
class Step:
    """One call of a layer.

    Attributes
    ----------
    name : name of the layer, with that of the models around it
    layer : the Keras layer (or operation, for ``x + y``)
    form : "weighted" (a weighted sum with an activation behind it), "activation", "route" or "identity"
    inputs, output : numbers of the values it reads and writes; 0 is the model's input
    kinds : what a composite can call it
    activation : name of the activation behind it, "linear" for none
    before, after, padding : layers folded into it: scaling in front, scaling behind, ZeroPadding2D in front
    nonnegative : all values it reads are provably at least 0
    """

    name: str
    layer: object
    form: str
    inputs: tuple[int, ...]
    output: int
    kinds: frozenset[Kind] = frozenset()
    activation: str = "linear"
    before: tuple = ()
    after: tuple = ()
    padding: object = None
    nonnegative: bool = False


@dataclass(frozen=True)
class Graph:
    """The steps in the order of computation, the number of the last value, and the number of every layer's output.

    A layer folded into the one before it shares that one's value; a layer folded into the next answers with its input.
    """

    steps: tuple[Step, ...]
    output: int
    values: dict[str, int]


def read_graph(model: keras.Model) -> Graph:
    """The steps of a Keras model with one input and one output that ends in logits.

    Raises
    ------
    ValueError
        If the model has no graph of layers, several inputs or outputs, ends in probabilities, or has a layer through
        which relevance cannot be propagated.
    """
    reader = _Reader()
    _require_graph(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"Relevance needs one input and one output; the model has {len(model.inputs)} and {len(model.outputs)}. "
            "Cut out the part to explain: keras.Model(model.inputs[0], model.outputs[0])."
        )
    output = reader.read(model, [0], "")
    _require_scores(model, reader.steps, output)
    steps, folded = _fold(reader.steps, output)
    values = {step.name: step.output for step in steps} | folded
    known = {0, *values.values()}
    values |= {name: value for name, value in reader.models.items() if value in known}
    return Graph(tuple(_with_facts(steps)), output, values)


class _Reader:
    """Collects the steps of a model and of the models nested in it; every value gets a number."""

    def __init__(self):
        self.steps: list[Step] = []
        self.models: dict[str, int] = {}
        self.count = 0
        self.calls: dict[str, int] = {}

    def read(self, model, inputs: list[int], prefix: str) -> int:
        """Append the steps of one call of the model; the number of its output."""
        _require_graph(model)
        values = {id(tensor): value for tensor, value in zip(model.inputs, inputs, strict=True)}
        for node in _nodes_in_order(model):
            read = [values[id(tensor)] for tensor in node.input_tensors]
            name = self._unique(prefix + node.operation.name)
            if isinstance(node.operation, keras.Model):
                value = self.read(node.operation, read, name + "/")
                self.models[name] = value
            else:
                self.count += 1
                value = self.count
                self.steps.append(_step(name, node.operation, tuple(read), value))
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
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
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


def base_of(layer, bases):
    """The first of the classes whose computation the layer has; a subclass with its own ``call`` does not count."""
    return next((base for base in bases if isinstance(layer, base) and type(layer).call is base.call), None)


def _step(name: str, layer, inputs: tuple[int, ...], output: int) -> Step:
    operation = (type(layer).__module__.rsplit(".", 1)[-1], type(layer).__name__)
    if operation == ("numpy", "Add") and len(inputs) == 2:  # x + y
        return Step(name, layer, "weighted", inputs, output, frozenset({SUM}))
    if operation == ("nn", "Relu"):
        return Step(name, layer, "activation", inputs, output, activation="relu")
    if not isinstance(layer, keras.layers.Layer):
        raise ValueError(_unsupported(name, layer, "Use the layer that does the same."))
    if getattr(layer, "data_format", None) == "channels_first":
        raise ValueError(f"Layer {name!r} has its channels first; this works with channels last (data_format).")
    if getattr(layer, "quantization_mode", None):
        raise ValueError(f"Layer {name!r} is quantised ({layer.quantization_mode}); explain the model before that.")
    if layer.compute_dtype not in ("float32", "float64"):
        raise ValueError(f"Layer {name!r} computes in {layer.compute_dtype}; use the policy 'float32' or 'float64'.")
    if isinstance(layer, keras.layers.Softmax):
        return Step(name, layer, "activation", inputs, output, activation="softmax")
    if base_of(layer, ACTIVATION_LAYERS):
        return Step(name, layer, "activation", inputs, output, activation=_activation_name(name, layer))
    if base_of(layer, IDENTITIES):
        return Step(name, layer, "identity", inputs, output)
    if base_of(layer, ROUTES):
        return Step(name, layer, "route", inputs, output)
    base = base_of(layer, WEIGHTED)
    if base is None:
        raise ValueError(_unsupported(name, layer, "Replace it by one of these, or explain the part of the model."))
    if base is _layers.BatchNormalization and layer.axis not in (-1, len(layer.output.shape) - 1):
        raise ValueError(f"Layer {name!r} normalises along axis {layer.axis}; only the last axis (channels) will do.")
    kinds = frozenset({WEIGHTED[base]})
    return Step(name, layer, "weighted", inputs, output, kinds, _activation_name(name, layer))


def _unsupported(name: str, layer, way_out: str) -> str:
    known = [base.__name__ for base in (*WEIGHTED, *ROUTES, *IDENTITIES, *ACTIVATION_LAYERS)]
    own = next((base.__name__ for base in type(layer).__mro__[1:] if base.__name__ in known), None)
    kind = type(layer).__name__ + (f", a {own} with a call of its own" if own else "")
    return f"Relevance cannot pass layer {name!r} ({kind}). Supported: {', '.join(known)}. {way_out}"


def _activation_name(name: str, layer) -> str:
    """ "relu", "linear", ... for what stands behind a layer, or an error for anything that mixes values."""
    if isinstance(layer, _layers.ReLU):
        return "relu" if layer.negative_slope == 0 else "leaky_relu"
    if isinstance(layer, (_layers.LeakyReLU, _layers.PReLU, _layers.ELU)):
        return "elu" if isinstance(layer, _layers.ELU) else "leaky_relu"
    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    if isinstance(function, ACTIVATION_LAYERS):
        return _activation_name(name, function)
    known = getattr(function, "__name__", "")
    if known in ELEMENTWISE | PROBABILITIES and getattr(keras.activations, known, None) is function:
        return known
    raise ValueError(
        f"Layer {name!r} has the activation {known or function!r}. Relevance passes through activations that act on each "
        f"value alone: {', '.join(sorted(ELEMENTWISE))}."
    )


def _require_scores(model, steps: list[Step], output: int) -> None:
    """Refuse a softmax: at the end with the way out, elsewhere because it mixes the values."""
    producers = {step.output: step for step in steps}
    last = producers.get(output)
    while last is not None and last.form == "identity":
        last = producers.get(last.inputs[0])
    if last is not None and last.activation in PROBABILITIES:
        raise ValueError(
            f"The model {model.name!r} ends in probabilities: layer {last.name!r} is a {last.activation}. Relevance "
            "starts from the logits in front of it: pass without_softmax(model), which shares the weights, or build the "
            "model with classifier_activation=None."
        )
    for step in steps:
        if step.activation.endswith("softmax"):
            raise ValueError(
                f"Layer {step.name!r} is a {step.activation} inside the network. It mixes the values, so relevance "
                "cannot be handed through; explain the part of the model in front of it."
            )


def _fold(steps: list[Step], output: int) -> tuple[list[Step], dict[str, int]]:
    """Fold scaling and padding into the weights next to them; the steps, and the value each folded layer answers for."""
    folded: dict[str, int] = {}
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
                folded[gone.name] = merged.output if gone is following else merged.inputs[0]
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
    pads = base_of(step.layer, (_layers.ZeroPadding2D,)) and CONVOLUTION in following.kinds
    if pads and following.layer.padding == "valid" and not following.before and following.padding is None:
        return replace(following, padding=step.layer, inputs=step.inputs)
    return None


def _has_kernel(step: Step) -> bool:
    return bool(step.kinds & {CONVOLUTION, DENSE}) and not isinstance(step.layer, HalfPrecisionDense)


def _with_facts(steps: list[Step]) -> list[Step]:
    """Add what follows from the order: which inputs are provably at least 0, which layers read the model's input."""
    positive, raw = {0: False}, {0: True}
    found = []
    for step in steps:
        nonnegative = all(positive[value] for value in step.inputs)
        reads_input = all(raw[value] for value in step.inputs)
        weights = step.kinds & {CONVOLUTION, DENSE}
        kinds = step.kinds | ({FIRST} if weights and reads_input else set())
        found.append(replace(step, nonnegative=nonnegative, kinds=kinds))
        keeps_sign = step.form in ("route", "identity") or bool(step.kinds & {POOLING, SUM})
        keeps_sign = keeps_sign or (step.form == "activation" and step.activation in KEEPS_SIGN)
        positive[step.output] = step.activation in NONNEGATIVE or (keeps_sign and nonnegative)
        raw[step.output] = reads_input and not weights
    return found


def without_softmax(model: keras.Model) -> keras.Model:
    """The same model without the softmax (or sigmoid) at its end: it returns logits and shares all weights.

    Changing the weights of one changes those of the other. A model that ends in logits is returned as it is.
    """
    _require_graph(model)
    operation, index, _ = model.outputs[0]._keras_history
    node = operation._inbound_nodes[index]
    if isinstance(operation, keras.Model):
        inner = without_softmax(operation)
        return model if inner is operation else keras.Model(model.inputs, inner(node.input_tensors[0]))
    if isinstance(operation, _layers.Softmax) or (
        isinstance(operation, _layers.Activation) and _activation_name(operation.name, operation) in PROBABILITIES
    ):
        return keras.Model(model.inputs, node.input_tensors[0], name=model.name)
    if getattr(getattr(operation, "activation", None), "__name__", "") not in PROBABILITIES:
        return model
    return keras.Model(model.inputs, _linear_twin(operation)(node.input_tensors[0]), name=model.name)


def _linear_twin(layer):
    """A layer with the same variables and no activation."""
    twin = type(layer).from_config({**layer.get_config(), "activation": "linear"})
    twin.built = True  # its variables are those of the layer: none are made
    for attribute in ("_kernel", "kernel", "bias"):
        variable = vars(layer).get(attribute)
        if variable is not None or attribute in vars(layer):
            setattr(twin, attribute, variable)
    return twin
