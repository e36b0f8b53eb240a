"""What a Keras model does when it runs: which layers it calls, under which names, and what leads to its output.

``layer.output`` belongs to the first call a layer ever had, which may have been in another model, on another input, or
inside a model that is a layer here. So a model is asked by running it: while it runs, its calls are listened to.

Names are those of the layers. A layer of a model inside the model is "base/conv5", and where a layer runs several times
its calls are "conv#1", "conv#2" and so on.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from helpers.course.backend import keras, tf

# operations of TensorFlow that leave every value as it is; the second ones may give it another place
_SAME = frozenset({"Identity", "StopGradient", "EnsureShape"})
_MOVED = _SAME | {"Cast", "Reshape", "Squeeze", "ExpandDims", "Transpose"}
# and these, with constants, leave probabilities what they are: a part of them, their logarithm, their complement
_CHANGED = _MOVED | {"StridedSlice", "GatherV2", "AddV2", "Sub", "Mul", "RealDiv", "Neg", "Log", "Minimum", "Maximum"}
_NORMALISES = frozenset({"Softmax", "LogSoftmax", "Sigmoid"})
_WEIGHS = frozenset({"BiasAdd", "AddV2", "MatMul", "Conv2D"})
_listening = threading.RLock()


@dataclass(frozen=True)
class Call:
    """One call of a layer, or of an operation such as ``x + y``.

    Attributes
    ----------
    name, layer : which one
    shape, dtype : of what it puts out, (None, ...); the shape is None for several arrays, or for the inside of a loop
    reads, makes : numbers of the values that go in and come out; the same value has the same number everywhere
    leads : does what it puts out lead to the model's output?
    """

    name: str
    layer: keras.Operation
    shape: tuple[int | None, ...] | None
    dtype: str
    reads: tuple[int, ...]
    makes: int
    leads: bool

    @property
    def places(self) -> int:
        """Height times width of its maps (N, height, width, channels), 0 if it puts out no maps."""
        return prod(n or 2 for n in self.shape[1:3]) if self.shape is not None and len(self.shape) == 4 else 0


@dataclass(frozen=True)
class Run:
    """All calls of one run in the order in which they end, and the number of the model's output.

    ``last`` is the name of the layer that makes the output; ``probabilities`` says whether that is a softmax, its
    logarithm or a sigmoid: True, False if it is a weighted sum, None if it is something else.
    """

    calls: tuple[Call, ...]
    output: int
    last: str
    probabilities: bool | None


@contextlib.contextmanager
def listening(model: keras.Model, hear: Callable) -> Iterator[None]:
    """Inside, ``hear(name, layer, arguments, outputs)`` is told of every call that running the model makes.

    Keras has no hook for that, but every layer and every operation comes through ``keras.Operation.__call__``, which is
    replaced as long as this lasts. Calls by other threads are left alone.
    """
    thread, path, counts = threading.get_ident(), [""], Counter()
    with _listening:
        original = keras.Operation.__call__

        def call(layer, *arguments, **keywords):
            if threading.get_ident() != thread or layer is model:
                return original(layer, *arguments, **keywords)
            name = path[-1] + layer.name
            counts[name] += 1
            name += f"#{counts[name]}" if counts[name] > 1 else ""
            path.append(name + "/")
            try:
                outputs = original(layer, *arguments, **keywords)
            finally:
                path.pop()
            hear(name, layer, (arguments, keywords), outputs)
            return outputs

        keras.Operation.__call__ = call
        try:
            yield
        finally:
            keras.Operation.__call__ = original


def run(model: keras.Model, inputs: Sequence):
    """The output of a model with one output, as it infers; half precision is left out: all is computed in float32."""
    structure = getattr(model, "_inputs_struct", 0)  # a list, names, or one; a Sequential has one
    packed = keras.tree.pack_sequence_as(structure, list(inputs))
    with in_single_precision(model):
        return tf.nest.flatten(model(packed, training=False))[0]


@contextlib.contextmanager
def in_single_precision(model: keras.Model) -> Iterator[None]:
    """Inside, what the model computes in half precision is computed in float32; variables stay what they are.

    In half precision a gradient below 6e-8 is 0, and others keep three digits.
    """
    half = [(layer, layer.dtype_policy) for layer in model._flatten_layers() if is_half(layer.compute_dtype)]
    for layer, policy in half:
        if is_half(policy.variable_dtype) and layer.weights:
            raise ValueError(
                f"Layer {layer.name!r} keeps its weights in half precision; build the model under the policy 'float32' or "
                "'mixed_float16', which keep them in single."
            )
    try:
        for layer, policy in half:
            quantised, joint, _ = policy.name.rpartition("_from_")  # such as "int8_from_mixed_float16"
            layer.dtype_policy = quantised + joint + "float32"
        yield
    finally:
        for layer, policy in half:
            layer.dtype_policy = policy


def is_half(dtype) -> bool:
    return keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16")


def observed(model: keras.Model, shapes: Sequence[tuple]) -> Run:
    """Run the model once, in TensorFlow's graph, where nothing is computed, on inputs of these shapes (None, ...)."""
    heard, output = [], []

    def traced(*inputs):
        with listening(model, lambda *call: heard.append(call)):
            output.append(run(model, inputs))
        return output[0]

    specs = [tf.TensorSpec(shape, wanted.dtype) for shape, wanted in zip(shapes, model.inputs, strict=True)]
    tf.function(traced, autograph=False).get_concrete_function(*specs)
    return _facts(heard, output[0])


def _facts(heard: list, output) -> Run:
    leading, numbers = _leading_to(output), {}

    def number(tensor) -> int:
        value = _behind(tensor, _SAME)
        return numbers.setdefault((id(value.graph), value.name), len(numbers))

    end, calls, last, names = _behind(output, _MOVED), [], None, {name for name, *_ in heard}
    for name, layer, arguments, outputs in heard:
        made, read = ([t for t in tf.nest.flatten(x) if tf.is_symbolic_tensor(t)] for x in (outputs, arguments))
        one = made[0] if len(made) == 1 and made[0].graph is output.graph else None
        call = Call(
            _numbered(name, names),
            layer,
            None if one is None or one.shape.rank is None else tuple(one.shape),
            "" if one is None else one.dtype.name,
            tuple(map(number, read)),
            -1 if one is None else number(one),
            one is not None and one.op in leading,
        )
        calls.append(call)
        if last is None and call.leads and _behind(one, _MOVED).name == end.name:
            last = call  # the innermost one, which ends first
    name, layer = (last.name, last.layer) if last else ("", None)
    linear = hasattr(layer, "kernel") and getattr(layer, "activation", None) in (None, keras.activations.linear)
    surely_not = False if linear and end.op.type in _WEIGHS else None
    return Run(tuple(calls), number(output), name, surely_not if before_probabilities(output) is None else True)


def before_probabilities(output):
    """What the softmax or sigmoid at the end is taken of, as a tensor of the same graph, or None if there is none."""
    end = _behind(output, _CHANGED).op
    return end.inputs[0] if end.type in _NORMALISES else None


def _numbered(name: str, names: set[str]) -> str:
    """The name with "#1" wherever there is a "#2"."""
    parts = name.split("/")
    befores = ["/".join(parts[:i]) for i in range(1, len(parts) + 1)]
    return "/".join(part + "#1" * (f"{before}#2" in names) for part, before in zip(parts, befores, strict=True))


def _behind(tensor, passed: frozenset):
    """The tensor of which this one is made by nothing but operations of these types, and constants."""
    while tensor.op.type in passed:
        varying = [each for each in tensor.op.inputs if each.op.type != "Const"]
        if len(varying) != 1:
            break
        tensor = varying[0]
    return tensor


def _leading_to(output) -> set:
    """The operations of TensorFlow's graph on which a tensor depends."""
    found, waiting = set(), [output.op]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
    return found
