"""What relevance propagation knows about Keras layers: which there are, how relevance passes them, what is refused.

Every call of a layer or operation becomes a :class:`Step`, and its form says how relevance passes:

* "weighted": a weighted sum, perhaps with an activation behind it; a rule shares it out;
* "contraction": sums of products, such as ``q @ k``; the epsilon rule, in equal parts to the factors (AttnLRP);
* "recurrent": an LSTM or GRU, word by word (:mod:`helpers.lrp.recurrent`);
* "softmax": R_i = x_i (R_i - s_i sum_j R_j), its Taylor expansion (AttnLRP);
* "product": value times value; the signals take equal parts, what scales them nothing;
* "route": every output value is one of the input values, or zero, and relevance goes back to where it came from;
* "activation": acts on every value alone, which keeps its relevance; "identity": hands the values on;
* "lookup": a number becomes a vector, and gets the sum of its relevance; "constant": no relevance belongs here.

A subclass with a ``call`` of its own is not taken for its base class: nobody knows what it computes. A layer that Keras
does not have says itself how relevance passes it, by an attribute ``relevance`` of the class that has its ``call``:
"route", "product" (the first input is the signal), or "dense" and "convolution" for a weighted sum, which then brings
``product(x, change, transposed)`` and ``bias``.

AttnLRP: Achtibat et al. 2024, arXiv:2402.05602.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from helpers.course.backend import keras, tf
from helpers.lrp.rules import CONVOLUTION, DENSE, NORMALISATION, POOLING, SCALING, SUM, Kind

_layers = keras.layers


@dataclass(frozen=True)
class Group:
    """Layers that relevance passes in the same way.

    Attributes
    ----------
    how : that way, for a table
    form, kind : of their steps
    names : of the layers; the installed Keras need not have all of them
    operations : "numpy.Add", module and class, for what ``keras.ops`` has of the same kind
    """

    how: str
    form: str
    kind: Kind | None = None
    names: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()

    @cached_property
    def layers(self) -> tuple[type, ...]:
        return layers_named(*self.names)


def layers_named(*names: str) -> tuple[type, ...]:
    """The layers of these names, as far as the installed Keras has them."""
    return tuple(getattr(_layers, name) for name in names if hasattr(_layers, name))


def _in_dimensions(name: str, dimensions=(1, 2, 3)) -> tuple[str, ...]:
    return tuple(name.format(n) for n in dimensions)


_DEPTHWISE = _in_dimensions("DepthwiseConv{}D", (1, 2))
_SEPARABLE = _in_dimensions("SeparableConv{}D", (1, 2))
_TRANSPOSED = _in_dimensions("Conv{}DTranspose")
SEPARABLE, TRANSPOSED = layers_named(*_SEPARABLE), layers_named(*_TRANSPOSED)
_RANDOM = (  # layers that change pictures while a network learns
    *("Flip", "Rotation", "Zoom", "Translation", "Shear", "Perspective", "ElasticTransform", "Contrast", "Brightness"),
    *("Hue", "Saturation", "Sharpness", "Grayscale", "Invert", "Posterization", "ColorJitter", "ColorDegeneration"),
    *("GaussianBlur", "Erasing"),
)
GROUPS = (
    Group("a weighted sum, by the rule for dense layers", "weighted", DENSE, ("Dense", "EinsumDense")),
    Group(
        "a weighted sum, by the rule for convolutions; a separable one is two",
        "weighted",
        CONVOLUTION,
        (*_in_dimensions("Conv{}D"), *_DEPTHWISE, *_SEPARABLE, *_TRANSPOSED),
    ),
    Group(
        "a scaling: folded into the dense or convolution layer beside it, else the epsilon rule",
        "weighted",
        SCALING,
        ("BatchNormalization", "Normalization", "Rescaling"),
        ("numpy.Add", "numpy.Subtract", "numpy.Multiply", "numpy.Divide", "numpy.TrueDivide", "numpy.Negative"),
    ),
    Group(
        "its mean is a weighted sum, its spread counts as a constant; the epsilon rule",
        "weighted",
        NORMALISATION,
        ("LayerNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization"),
    ),
    Group(
        "a mean is a weighted sum; the epsilon rule",
        "weighted",
        POOLING,
        (
            *_in_dimensions("AveragePooling{}D"),
            *_in_dimensions("GlobalAveragePooling{}D"),
            *_in_dimensions("AdaptiveAveragePooling{}D"),
        ),
        ("numpy.Mean", "numpy.Sum", "nn.AveragePool", "nn.AdaptiveAveragePool"),
    ),
    Group("every summand by what it contributes; the epsilon rule", "weighted", SUM, ("Add", "Subtract", "Average")),
    Group(
        "signals share equally, a gate (a factor that is surely between 0 and 1) gets nothing",
        "product",
        None,
        ("Multiply",),
    ),
    Group(
        "sums of products; the epsilon rule, factors share equally",
        "contraction",
        None,
        ("Dot", "Resizing"),
        (
            *("numpy.Matmul", "numpy.Dot", "numpy.Einsum", "numpy.Tensordot", "numpy.Inner", "image.Resize"),
            *("nn.Conv", "nn.DepthwiseConv", "nn.SeparableConv", "nn.ConvTranspose"),
        ),
    ),
    Group("inside a network: by its Taylor expansion", "softmax", None, ("Softmax",), ("nn.Softmax",)),
    Group(
        "its dense layers by their rule, its products half and half, its softmax by Taylor expansion",
        "attention",
        None,
        ("MultiHeadAttention",),
    ),
    Group(
        "step by step with the epsilon rule; in a product with a gate the signal takes all",
        "recurrent",
        None,
        ("LSTM", "GRU", "SimpleRNN", "Bidirectional"),
    ),
    Group("a word gets the sum over its embedding", "lookup", None, ("Embedding",), ("nn.OneHot",)),
    Group(
        "back to where each value came from",
        "route",
        None,
        (
            *_in_dimensions("MaxPooling{}D"),
            *_in_dimensions("GlobalMaxPooling{}D"),
            *_in_dimensions("AdaptiveMaxPooling{}D"),
            *("Maximum", "Minimum", "Concatenate", "Flatten", "Reshape", "Permute", "RepeatVector"),
            *_in_dimensions("Cropping{}D"),
            "CenterCrop",
            *_in_dimensions("ZeroPadding{}D"),
            *_in_dimensions("UpSampling{}D"),
            "Masking",
        ),
        (
            *("numpy.Reshape", "numpy.Transpose", "numpy.Squeeze", "numpy.ExpandDims", "numpy.Ravel", "numpy.Moveaxis"),
            *("numpy.Swapaxes", "numpy.Concatenate", "numpy.Stack", "numpy.Split", "core.Unstack", "numpy.Hstack"),
            *("numpy.Vstack", "numpy.GetItem", "core.Slice", "numpy.Take", "numpy.Flip", "numpy.Roll", "numpy.Repeat"),
            *("numpy.Tile", "numpy.BroadcastTo", "numpy.Pad", "numpy.Max", "numpy.Min", "numpy.Amax", "numpy.Amin"),
            *("numpy.Maximum", "numpy.Minimum", "nn.MaxPool", "nn.AdaptiveMaxPool", "einops.Rearrange"),
            *("nn.DepthToSpace", "nn.SpaceToDepth"),
        ),
    ),
    Group(
        "every value keeps its relevance",
        "activation",
        None,
        ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"),
        (
            *("nn.Relu", "nn.Relu6", "nn.Sigmoid", "nn.SparseSigmoid", "nn.Softplus", "nn.Softsign", "nn.SoftShrink"),
            *("nn.SparsePlus", "nn.Silu", "nn.Squareplus", "nn.LogSigmoid", "nn.LeakyRelu", "nn.HardSigmoid"),
            *(
                "nn.HardSilu",
                "nn.Elu",
                "nn.Selu",
                "nn.Gelu",
                "nn.Celu",
                "nn.TanhShrink",
                "nn.HardTanh",
                "nn.HardShrink",
            ),
            *("nn.Threshold", "numpy.Tanh", "numpy.Clip", "numpy.Absolute", "numpy.Square", "numpy.Sqrt", "numpy.Exp"),
            *("numpy.Expm1", "numpy.Log", "numpy.Log1p", "numpy.Power", "numpy.Sin", "numpy.Cos", "numpy.Reciprocal"),
            *("math.Rsqrt", "math.Erf"),
        ),
    ),
    Group(
        "hands its values on when the model infers",
        "identity",
        None,
        (
            "Dropout",
            *_in_dimensions("SpatialDropout{}D"),
            *("AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity"),
            *(*(f"Random{name}" for name in _RANDOM), "MixUp", "CutMix", "RandAugment", "AugMix"),
        ),
        ("core.StopGradient", "core.ConvertToTensor", "numpy.Copy", "numpy.Array"),
    ),
)
# what keras.applications brings, by module and class
_OF_APPLICATIONS = {"convnext.LayerScale": ("weighted", SCALING), "convnext.StochasticDepth": ("identity", None)}
_FILLS = layers_named(*_in_dimensions("ZeroPadding{}D"), "Masking")  # routes that lose what they fill with zeros
# activations that act on every value alone, by name: do they keep values of at least 0 there, do they make all so?
MAKES_NONNEGATIVE = frozenset({"relu", "relu6", "softplus", "sigmoid", "hard_sigmoid", "exponential", "softmax"})
KEEPS_NONNEGATIVE = MAKES_NONNEGATIVE | {
    *("linear", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "swish", "mish", "tanh", "softsign"),
    *("hard_silu", "hard_swish", "hard_tanh"),
}
_ALONE = KEEPS_NONNEGATIVE - {"softmax"} | {
    *("log_sigmoid", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus", "sparse_plus", "sparse_sigmoid"),
    "threshold",
}
_MANY = 7919  # examples: a number that no other axis has
_MIXES = "it mixes the examples of a batch; let it leave the first axis as it is"
MOST = {"sigmoid": 1.0, "hard_sigmoid": 1.0, "sparse_sigmoid": 1.0, "softmax": 1.0, "relu6": 6.0}  # largest value


@dataclass(frozen=True)
class Step:
    """One call of a layer, or a part of one.

    Attributes
    ----------
    name : name of the layer, with that of the models around it
    layer : the Keras layer (or operation, for ``x + y``)
    form : how relevance passes it, see the module's text
    inputs, output : numbers of the values it reads and writes; the model's inputs come first, from 0
    kinds : what a composite can call it
    activation : name of the activation behind it, "linear" for none
    before, after, padding : steps folded into it: scaling in front, scaling behind, ZeroPadding2D in front
    nonnegative : all values it reads are provably at least 0
    call : from the list of its inputs to its output: what the layer itself computes
    base : the class of Keras whose computation it is, for layers
    whole : the layer that it is a part of, and its name
    kernel : name of the layer's attribute that holds its kernel
    signals : which inputs carry relevance; a mask does not
    shares : of a product, the part of the relevance that each input takes
    fills : it is a route that fills up with zeros
    widens : it is a scaling that repeats its input, as x + (1, 2, 3) does with x of shape (N, 1)
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
    call: Callable | None = None
    base: type | None = None
    whole: tuple[object, str] | None = None
    kernel: str = "kernel"
    signals: tuple[bool, ...] = ()
    shares: tuple[float, ...] = ()
    fills: bool = False
    widens: bool = False


class Blocked(ValueError):
    """Relevance cannot pass a layer; the message says which and why in one sentence."""

    def __init__(self, name: str, layer, why: str):
        super().__init__(f"Relevance cannot pass layer {name!r} ({type(layer).__name__}): {why}.")
        self.name, self.layer, self.why = name, layer, why


def base_of(layer, bases):
    """The first of the classes whose computation the layer has; a subclass with its own ``call`` does not count."""
    return next((base for base in bases if isinstance(layer, base) and type(layer).call is base.call), None)


def how_relevance_passes(layer) -> str | None:
    """What the class that gives a layer its ``call`` says under ``relevance``; None for layers of Keras."""
    return next((vars(base).get("relevance") for base in type(layer).__mro__ if "call" in vars(base)), None)


def how_it_passes(step: Step) -> str:
    """How relevance passes the layer that a step belongs to, in words."""
    layer = step.whole[0] if step.whole else step.layer
    if step.form == "constant":
        return "a mask or the like, which gets no relevance"
    if how_relevance_passes(layer):
        return f"as its class says: {how_relevance_passes(layer)}"
    of_layer = next((group for group in GROUPS if base_of(layer, group.layers)), None)
    like = next(
        (group for group in GROUPS if (group.form, group.kind) == (step.form, next(iter(step.kinds), None))), None
    )
    return (of_layer or like).how


def step_of(name: str, node, inputs: tuple[int, ...], output: int, which: int = 0) -> Step:
    """The step for one call of a Keras layer or operation; one that relevance cannot pass is refused by name.

    ``which`` of its outputs, if there are several.
    """
    layer, call = node.operation, own_call(node, which)
    step = Step(name, layer, "", inputs, output, call=call)
    if not isinstance(layer, keras.layers.Layer):
        return _operation(step, node)
    if getattr(layer, "data_format", None) == "channels_first":
        raise Blocked(name, layer, "its channels come first; the course works with channels last")
    for part in layer._flatten_layers():
        if getattr(part, "quantization_mode", None):
            raise Blocked(name, layer, f"it is quantised ({part.quantization_mode}); explain the model before that")
    if _runs_along_examples(layer, node):
        raise Blocked(name, layer, _MIXES)
    own = how_relevance_passes(layer)
    if own in ("route", "product"):
        return _with(step, form=own, shares=(1.0,) + (0.0,) * (len(inputs) - 1))
    if own in ("dense", "convolution"):
        base = {"dense": _layers.Dense, "convolution": _layers.Conv2D}[own]
        return _with(step, form="weighted", kinds={Kind(own)}, base=base, activation=activation_name(name, layer))
    for group in GROUPS:
        base = base_of(layer, group.layers)
        if base is not None:
            return _layer(_with(step, form=group.form, kinds={group.kind}, base=base), node)
    form, kind = _OF_APPLICATIONS.get(_key(layer), (None, None))
    if form is None:
        raise Blocked(name, layer, _unknown(layer))
    return _with(step, form=form, kinds={kind})


def _with(step: Step, kinds=(), **changes) -> Step:
    """``dataclasses.replace`` is slower, and there are hundreds of steps."""
    return Step(**{**vars(step), "kinds": frozenset(kinds) - {None} or step.kinds, **changes})


def _layer(step: Step, node) -> Step:
    """A layer of a known class, as it is set up."""
    layer, name = step.layer, step.name
    if step.form in ("activation", "softmax"):
        activation = "softmax" if step.form == "softmax" else activation_name(name, layer)
        return _with(step, form="softmax" if activation == "softmax" else "activation", activation=activation)
    if step.form == "route":
        if getattr(layer, "interpolation", "nearest") != "nearest":
            return _with(step, form="contraction", call=_enlarged(step))
        if step.base is _layers.CenterCrop:  # it enlarges what is smaller than its size, in single precision
            sizes = zip(node.input_tensors[0].shape[-3:-1], (layer.height, layer.width), strict=True)
            if any(given is None or given < wanted for given, wanted in sizes):
                return _with(step, form="contraction", call=lambda read: tf.cast(step.call(read), read[0].dtype))
        return _with(step, fills=base_of(layer, _FILLS) is not None)
    if step.form == "contraction" and getattr(layer, "normalize", False):
        raise Blocked(name, layer, "it divides by lengths (normalize=True); use UnitNormalization in front of it")
    if getattr(layer, "rms_scaling", False):
        raise Blocked(name, layer, "it divides by a spread without subtracting the mean; use RMSNormalization")
    if (
        step.base is _layers.Conv2D
        and 1 < layer.groups == node.input_tensors[0].shape[-1]
        and len({*layer.strides}) == 1
    ):
        step = _with(step, base=_layers.DepthwiseConv2D)  # the same sums, quicker
    if step.kinds & {SUM} and len({len(tensor.shape) for tensor in node.input_tensors}) > 1:
        raise Blocked(name, layer, "its inputs differ in the number of axes; reshape them to the same")
    return _with(step, activation=activation_name(name, layer)) if step.kinds & {DENSE, CONVOLUTION} else step


def _operation(step: Step, node) -> Step:
    """``x + y``, ``x / 255``, ``x[:, 0]`` and what else of keras.ops stands in a graph."""
    name, key, count = step.name, _key(step.layer), len(step.inputs)
    made = keras.backend.standardize_dtype(node.output_tensors[0].dtype)
    if made == "bool":
        return _with(step, form="constant")
    if key == "core.Cast":
        return _with(step, form="identity" if "float" in made else "activation")  # whole numbers for an embedding
    group = next((group for group in GROUPS if key in group.operations), None)
    if group is None:
        raise Blocked(name, step.layer, _unknown(step.layer))
    is_sum = key in ("numpy.Add", "numpy.Subtract") and count == 2
    if is_sum and len({len(tensor.shape) for tensor in node.input_tensors}) > 1:
        raise Blocked(name, step.layer, "its inputs differ in the number of axes; reshape them to the same")
    if not _keeps_examples_apart(key, node):
        raise Blocked(name, step.layer, _MIXES)
    if is_sum:
        return _with(step, form="weighted", kinds={SUM})
    if key in ("numpy.Multiply", "numpy.Divide", "numpy.TrueDivide") and count == 2:
        return _with(step, form="product", shares=() if key == "numpy.Multiply" else (1.0, 0.0))
    if key in ("numpy.Divide", "numpy.TrueDivide") and not isinstance(node.arguments.args[0], keras.KerasTensor):
        return _with(step, form="activation", activation="reciprocal")
    if key in ("numpy.Maximum", "numpy.Minimum") and count == 1:
        return _with(step, form="activation", activation="clip")
    if key == "numpy.Power" and count == 2:
        raise Blocked(name, step.layer, "its exponent is not a number; build the model so that it is one")
    activation = function_name(key) if group.form in ("activation", "softmax") else "linear"
    widens = group.kind is SCALING and node.input_tensors[0].shape != node.output_tensors[0].shape
    fills = key == "numpy.Pad"
    return _with(step, form=group.form, kinds={group.kind}, activation=activation, fills=fills, widens=widens)


def _key(layer) -> str:
    return f"{type(layer).__module__.rsplit('.', 1)[-1]}.{type(layer).__name__}"


def function_name(key: str) -> str:
    """ "nn.LeakyRelu" as "leaky_relu", the name that the activation has in Keras."""
    name = key.split(".")[1]
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).strip("_")


def _keeps_examples_apart(key: str, node) -> bool:
    """Whether an operation leaves the first axis as it is: asked for the shape of what it makes of many examples."""

    def of_many(tensor):
        if not isinstance(tensor, keras.KerasTensor) or not tensor.shape or tensor.shape[0] is not None:
            return tensor
        return keras.KerasTensor((_MANY, *tensor.shape[1:]), tensor.dtype)

    args, keywords = keras.tree.map_structure(of_many, (node.arguments.args, node.arguments.kwargs))
    given = [tensor for tensor in keras.tree.flatten((args, keywords)) if isinstance(tensor, keras.KerasTensor)]
    count = max((tensor.shape[0] for tensor in given if tensor.shape), default=_MANY)
    try:
        made = keras.tree.flatten(node.operation.compute_output_spec(*args, **keywords))
    except Exception:  # whatever Keras raises where these shapes do not go together
        return False
    if any(tensor.shape[:1] not in ((count,), (None,)) or _MANY in tensor.shape[1:] for tensor in made):
        return False
    if key == "numpy.GetItem":
        first = next(iter(keras.tree.flatten(args[1:])), None)
        return not (isinstance(first, slice) and first.step not in (None, 1))
    if key in ("numpy.Flip", "numpy.Roll") and node.operation.axis is None:
        return False
    return key not in ("numpy.Flip", "numpy.Roll", "nn.Softmax") or not _runs_along_examples(node.operation, node)


def _runs_along_examples(layer, node) -> bool:
    """Whether the first axis is among those that a layer says it runs along."""
    axes, rank = keras.tree.flatten(getattr(layer, "axis", None)), len(node.input_tensors[0].shape)
    return any(isinstance(axis, int) and axis % rank == 0 for axis in axes)


def _enlarged(step: Step) -> Callable:
    """Enlarging with interpolation; Keras' own words for it want to know the size before the pictures are there."""

    def call(inputs: list):
        (x,) = inputs
        if None not in x.shape:
            return step.call(inputs)
        sizes = tf.shape(x)[1:3] * tf.constant(step.layer.size)
        return tf.cast(tf.image.resize(x, sizes, step.layer.interpolation), x.dtype)

    return call


def own_call(node, which: int = 0) -> Callable:
    """What the layer computes in this call, from the list of its inputs, in the order of ``node.input_tensors``."""
    layer, arguments = node.operation, node.arguments

    def call(values: list):
        left = iter(values)
        args, keywords = keras.tree.map_structure(
            lambda given: next(left) if isinstance(given, keras.KerasTensor) else given,
            (arguments.args, arguments.kwargs),
        )
        if "training" in keywords:
            keywords["training"] = False
        return keras.tree.flatten(layer.call(*args, **keywords))[which]

    return call


def _unknown(layer) -> str:
    """Why a layer is not known, and what to do."""
    if not isinstance(layer, keras.layers.Layer):
        return "no rule is known for this operation; use a layer that can_explain(model) lists, or explain a part"
    if isinstance(layer, keras.layers.Lambda):
        return "nobody can look into a function of your own; build it of Keras' layers and operations"
    known = [base for group in GROUPS for base in group.layers if isinstance(layer, base)]
    if known:
        return (
            f"it is a {known[0].__name__} with a call of its own; give its class an attribute relevance, or replace it"
        )
    if type(layer).__module__.startswith("keras."):
        return (
            "no rule is known for it; replace it by a layer of the table in helpers.lrp, or explain the part behind it"
        )
    return "it has a call of its own; give its class an attribute relevance (see helpers.lrp.layers), or replace it"


def activation_name(name: str, layer) -> str:
    """ "relu", "linear", ... for what stands behind a layer, or an error for anything that mixes values."""
    if isinstance(layer, _layers.ReLU):
        return "relu" if layer.negative_slope == 0 else "leaky_relu"
    if isinstance(layer, (_layers.LeakyReLU, _layers.PReLU, _layers.ELU)):
        return "elu" if isinstance(layer, _layers.ELU) else "leaky_relu"
    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    if isinstance(function, keras.layers.Layer):
        return activation_name(name, function)
    known = getattr(function, "__name__", "")
    places = keras.activations, keras.ops, tf.nn, tf.math, tf
    if known in _ALONE | {"softmax"} and any(getattr(place, known, None) is function for place in places):
        return known
    raise Blocked(
        name,
        layer,
        f"its activation {known or function!r} is not one of those that act on every value alone, such as "
        f"{', '.join(sorted(KEEPS_NONNEGATIVE - {'softmax'}))}",
    )
