"""What relevance propagation knows about Keras layers: which there are, how they are called, what is refused.

Every call of a layer becomes a :class:`Step` of one of five forms. A subclass with a ``call`` of its own is not taken
for its base class: nobody knows what it computes. A layer that Keras does not have says itself how relevance passes it,
by an attribute ``relevance`` of the class that has its ``call``: "route", "product" (the first input is the signal), or
"dense" and "convolution" for a weighted sum, which then brings ``product(x, change, transposed)`` and ``bias``.
"""

from dataclasses import dataclass

from helpers.course.backend import keras
from helpers.lrp.rules import CONVOLUTION, DENSE, POOLING, SCALING, SUM, Kind

_layers = keras.layers
WEIGHTED = {
    _layers.Dense: DENSE,
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
# activations that act on every value alone, by name: do they keep values of at least 0 there, do they make all so?
MAKES_NONNEGATIVE = frozenset({"relu", "relu6", "softplus", "sigmoid", "hard_sigmoid", "exponential"})
KEEPS_NONNEGATIVE = MAKES_NONNEGATIVE | {
    *("linear", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "swish", "mish", "tanh", "softsign"),
    *("hard_silu", "hard_swish", "hard_tanh"),
}
PROBABILITIES = frozenset({"softmax", "log_softmax", "sigmoid"})


@dataclass(frozen=True)
class Step:
    """One call of a layer.

    Attributes
    ----------
    name : name of the layer, with that of the models around it
    layer : the Keras layer (or operation, for ``x + y``)
    form : "weighted" (a weighted sum with an activation behind it), "activation", "route", "product" or "identity"
    inputs, output : numbers of the values it reads and writes; the model's inputs come first, from 0
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


def base_of(layer, bases):
    """The first of the classes whose computation the layer has; a subclass with its own ``call`` does not count."""
    return next((base for base in bases if isinstance(layer, base) and type(layer).call is base.call), None)


def how_relevance_passes(layer) -> str | None:
    """What the class that gives a layer its ``call`` says under ``relevance``; None for layers of Keras."""
    return next((vars(base).get("relevance") for base in type(layer).__mro__ if "call" in vars(base)), None)


def step_of(name: str, layer, inputs: tuple[int, ...], output: int) -> Step:
    """The step for one call of a Keras layer or operation; one that relevance cannot pass is refused by name."""
    operation = (type(layer).__module__.rsplit(".", 1)[-1], type(layer).__name__)
    if operation == ("numpy", "Add") and len(inputs) == 2:  # x + y
        return Step(name, layer, "weighted", inputs, output, frozenset({SUM}))
    if operation == ("nn", "Relu"):
        return Step(name, layer, "activation", inputs, output, activation="relu")
    if operation == ("core", "Cast") and "float" in layer.dtype:  # Keras casts where precisions meet
        return Step(name, layer, "identity", inputs, output)
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
        return Step(name, layer, "activation", inputs, output, activation=activation_name(name, layer))
    if base_of(layer, IDENTITIES):
        return Step(name, layer, "identity", inputs, output)
    own = how_relevance_passes(layer)
    if own in ("route", "product"):
        return Step(name, layer, own, inputs, output)
    if base_of(layer, ROUTES):
        return Step(name, layer, "route", inputs, output)
    base = base_of(layer, WEIGHTED)
    if base is None and own is None:
        raise ValueError(_unsupported(name, layer, "Replace it by one of these, or explain the part of the model."))
    if base is _layers.BatchNormalization and layer.axis not in (-1, len(layer.output.shape) - 1):
        raise ValueError(f"Layer {name!r} normalises along axis {layer.axis}; only the last axis (channels) will do.")
    kinds = frozenset({Kind(own) if own else WEIGHTED[base]})
    return Step(name, layer, "weighted", inputs, output, kinds, activation_name(name, layer))


def _unsupported(name: str, layer, way_out: str) -> str:
    known = [base.__name__ for base in (*WEIGHTED, *ROUTES, *IDENTITIES, *ACTIVATION_LAYERS)]
    own = next((base.__name__ for base in type(layer).__mro__[1:] if base.__name__ in known), None)
    kind = type(layer).__name__ + (f", a {own} with a call of its own" if own else "")
    return f"Relevance cannot pass layer {name!r} ({kind}). Supported: {', '.join(known)}. {way_out}"


def activation_name(name: str, layer) -> str:
    """ "relu", "linear", ... for what stands behind a layer, or an error for anything that mixes values."""
    if isinstance(layer, _layers.ReLU):
        return "relu" if layer.negative_slope == 0 else "leaky_relu"
    if isinstance(layer, (_layers.LeakyReLU, _layers.PReLU, _layers.ELU)):
        return "elu" if isinstance(layer, _layers.ELU) else "leaky_relu"
    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    if isinstance(function, ACTIVATION_LAYERS):
        return activation_name(name, function)
    known = getattr(function, "__name__", "")
    if known in KEEPS_NONNEGATIVE | PROBABILITIES and getattr(keras.activations, known, None) is function:
        return known
    raise ValueError(
        f"Layer {name!r} has the activation {known or function!r}. Relevance passes activations that act on every "
        f"value alone: {', '.join(sorted(KEEPS_NONNEGATIVE))}."
    )
