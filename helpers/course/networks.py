"""What networks of all topics share: what is made of them once, gradient steps, stored weights, folded normalisation."""

import inspect
import re
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.course.backend import keras, tf
from helpers.course.calls import Run, listening, observed, run

LARGEST_STEP = 1e6  # of Adam, which changes every weight by about that much
MOST_KEPT = 32  # things made of one model; the one that was not used for longest makes room
Progress = Callable[[int, int, str], None]

_KERAS_OWN = frozenset(vars(keras.layers.Dense(1)))  # what Keras keeps in every layer, and may change in a run

_kept: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_results: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # of layers, what a run leaves in them: no settings


def once(model: keras.Model, key: Hashable, make: Callable[[], object]):
    """What ``make()`` gave when this model was first asked under this key. It must not hold the model: it ends with it.

    All is made anew once the model is another: a layer more or less, a layer's setting or activation, another variable.
    New values of the weights make no difference.
    """
    structure, parts = _structure(model)
    kept = _kept.get(model)
    if kept is None or kept.structure != structure:
        kept = _kept[model] = _Kept(structure, parts, OrderedDict())
    if key not in kept.made:
        kept.made[key] = make()
    kept.made.move_to_end(key)
    while len(kept.made) > MOST_KEPT:
        kept.made.popitem(last=False)
    return kept.made[key]


class _Kept(NamedTuple):
    """What was made of a model as it was; its parts are kept so that their ids stay theirs."""

    structure: list
    parts: list
    made: OrderedDict


def _structure(model: keras.Model) -> tuple[list, list]:
    """What says how a model computes, but for the values of its weights, and the objects in it, which go by their ids."""
    layers, parts, seen = model._flatten_layers(include_self=False), [], set()

    def plain(value):
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, (tuple, list)):
            return [plain(part) for part in value]
        if isinstance(value, dict):
            return [(str(key), plain(part)) for key, part in value.items()]
        if isinstance(value, np.ndarray) and value.size < 1000:  # compiled as it is, and may be changed in place
            return value.tobytes()
        if id(value) in seen:
            return id(value)
        seen.add(id(value))
        parts.append(value)
        if inspect.isfunction(value):
            outside = inspect.getclosurevars(value)
            return [id(value), *map(setting, outside.nonlocals.items()), *map(setting, outside.globals.items())]
        own = isinstance(value, keras.Operation) or type(value).__module__.split(".")[0] in ("keras", "tensorflow")
        return id(value) if own else [id(value), *map(setting, getattr(value, "__dict__", {}).items())]

    def setting(named) -> tuple:
        """Of an object of one's own: a number, a text, an array or a list of such."""
        name, value = named
        simple = value is None or isinstance(value, (bool, int, float, str, tuple, list, dict, np.ndarray))
        return name, plain(value) if simple else None

    found = [plain(part) for part in (*layers, *model.variables)]
    for layer in layers:
        found.append(layer.dtype_policy.name)
        results = _results.setdefault(layer, set())
        results |= {name for name, value in vars(layer).items() if tf.is_symbolic_tensor(value)}
        settings = {name: value for name, value in vars(layer).items() if name not in results}
        found += [(name, plain(value)) for name, value in settings.items() if not name.startswith("_")]
        if not type(layer).__module__.startswith("keras."):  # one's own, perhaps with settings of one's own
            hidden = [pair for pair in settings.items() if pair[0].startswith("_") and pair[0] not in _KERAS_OWN]
            found += map(setting, hidden)
    return found, parts


def calls_of(model: keras.Model, inputs: Sequence[np.ndarray] = ()) -> Run:
    """What the model calls when it runs on inputs of these shapes, or of those it was built for.

    Raises
    ------
    ValueError
        If the model cannot be run on them.
    """
    shapes = tuple((None, *each.shape[1:]) for each in (inputs or model.inputs))

    def observe() -> Run:
        for layer in model._flatten_layers():
            if getattr(layer, "data_format", None) == "channels_first":
                raise ValueError(f"Layer {layer.name!r} has its channels first; the course works with channels last.")
            if getattr(layer, "stateful", False):
                raise ValueError(
                    f"Layer {layer.name!r} carries a state from call to call; build it with stateful=False."
                )
        try:
            return observed(model, shapes)
        except Exception as error:  # whatever a layer may raise
            wanted = " and ".join(str(shape[1:]) for shape in shapes)
            raise ValueError(f"The model {model.name!r} cannot be run on inputs {wanted}: {said(error)}") from None

    return once(model, ("calls", shapes), observe)


def compiled(model: keras.Model, build: Callable[[Callable], Callable], *layers: str) -> Callable:
    """A compiled function of a model, made once per model, ``build`` and choice of layers, and then reused.

    ``build`` is given ``forward`` and returns the function to compile. ``forward(inputs, watch)`` runs the model and
    returns what the named layers put out, then the model's own output; ``watch``, such as ``tape.watch``, is called with
    the former as they come. Weights are read at every call, so changed weights are seen.
    """

    def make():
        function = tf.function(build(_forward(weakref.ref(model), layers)), reduce_retracing=True, autograph=False)

        def run_it(*arguments):
            try:
                return function(*arguments)
            except (tf.errors.OpError, ValueError, TypeError) as error:
                raise ValueError(f"The model cannot compute this: {said(error)}") from None

        run_it.__wrapped__ = function
        return run_it

    return once(model, (build, layers), make)


def _forward(model: weakref.ref, layers: tuple[str, ...]) -> Callable:
    wanted = [re.sub(r"#1(?=/|$)", "", name) for name in layers]  # as it runs, nobody knows whether a #2 will come

    def forward(inputs, watch: Callable = lambda tensor: None) -> list:
        found = {}

        def hear(name, layer, arguments, outputs):
            if name in wanted:
                (found[name],) = tf.nest.flatten(outputs)
                watch(found[name])

        with listening(model(), hear):
            output = run(model(), inputs if isinstance(inputs, list) else [inputs])
        return [*(found[name] for name in wanted), output]

    return forward


def classes_of(model: keras.Model) -> int:
    """How many scores a model has for each input: C of an output (N, C), also of (N, 1, ..., 1, C), and 1 of (N,).

    Raises
    ------
    ValueError
        If there are several outputs, scores for many places of an input, or no numbers with a gradient.
    """
    if len(model.outputs) != 1:
        raise ValueError(
            f"The model has {len(model.outputs)} outputs, but one is explained; choose it: "
            "keras.Model(model.inputs, model.outputs[0])."
        )
    shape, dtype = tuple(model.outputs[0].shape), keras.backend.standardize_dtype(model.outputs[0].dtype)
    *places, classes = shape[1:] or (1,)
    if any(n != 1 for n in places) or classes is None:
        raise ValueError(
            f"Explanations need scores of shape (N, classes); this model puts out {shape}, scores for many places. Add a "
            "layer that chooses a place or takes the mean over them, such as GlobalAveragePooling2D."
        )
    if "float" not in dtype:
        raise ValueError(f"The model puts out {dtype}, which has no gradient; leave out the layer that decides.")
    return classes


def scores_of(model: keras.Model, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The scores (N, classes) for inputs that were checked, one array for each input of the model."""
    scores = compiled(model, _scores)([tf.constant(each) for each in inputs])
    return np.reshape(scores, (len(inputs[0]), classes_of(model)))


def _scores(forward: Callable) -> Callable:
    return lambda inputs: forward(inputs)[-1]


def score_gradients(forward: Callable, inputs, weights) -> tuple[list, list]:
    """What the layers named to :func:`compiled` put out, and the gradient of sum(weights * scores) with respect to each;
    the inputs themselves where no layer is named. A gradient is None where no way leads from there to the scores."""

    def watch(tensor):
        if tensor.dtype.is_floating:  # whole numbers have no gradient
            tape.watch(tensor)

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        watch(inputs)
        *values, scores = forward(inputs, watch)
        score = tf.reduce_sum(tf.reshape(scores, tf.shape(weights)) * weights)
    values = values or [inputs]
    return values, tape.gradient(score, values)


def said(error: Exception) -> str:
    """The first sentence of somebody else's error message that says something."""
    text = re.sub(r"\x1b\[\d*m|\{\{.*?\}\} ?", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not re.match(r"Exception encountered|in user code|File |Arguments", line)]
    return (telling or [type(error).__name__])[0]


def gradient_step(model: keras.Model, learning_rate, loss: Callable) -> Callable:
    """A function that takes one step of Adam (Kingma and Ba 2015) and returns what ``loss(*batch)`` gave before it.

    ``loss`` returns a list of numbers; the first one is made smaller. To be called in a ``tf.function``.
    """
    optimiser = keras.optimizers.Adam(learning_rate)
    optimiser.build(model.trainable_variables)

    def step(*batch) -> list:
        with tf.GradientTape() as tape:
            numbers = loss(*batch)
        optimiser.apply(tape.gradient(numbers[0], model.trainable_variables), model.trainable_variables)
        return numbers

    return step


def gradient_steps(model: keras.Model, learning_rate, loss: Callable, numbers: int = 1) -> Callable:
    """Many of them as one compiled function, about five times quicker than ``model.fit`` for a small network.

    It takes the data, tensors with one row for each example, and ``order`` (steps, batch), the rows of each step; it
    returns the means over all steps of the ``numbers`` that ``loss`` gave.
    """
    step = gradient_step(model, learning_rate, loss)

    @tf.function(reduce_retracing=True, autograph=False)  # AutoGraph cannot read loops under every Python
    def take_steps(data: tuple, order: tf.Tensor) -> list:
        count = tf.shape(order)[0]

        def body(number, sums):
            found = step(*(tf.gather(part, order[number]) for part in data))
            return number + 1, [total + value for total, value in zip(sums, found, strict=True)]

        start = [tf.zeros((), model.outputs[0].dtype)] * numbers
        _, sums = tf.while_loop(lambda number, _: number < count, body, (tf.constant(0), start))
        return [total / tf.cast(count, total.dtype) for total in sums]

    return take_steps


def named_weights(*models: keras.Model) -> dict:
    """The variables of models by layer and name, such as "conv1/kernel"."""
    return {weight.path: weight for model in models for weight in model.weights}


def load_weights(path: Path, *models: keras.Model) -> None:
    """Fill models with the arrays of an ``.npz`` file, stored in half precision under the keys of :func:`named_weights`."""
    with np.load(path, allow_pickle=False) as stored:
        for key, weight in named_weights(*models).items():
            weight.assign(stored[key].astype(np.float32))


def fold_normalisation(normalised: keras.Model, plain: keras.Model) -> keras.Model:
    """``plain`` with the weights of ``normalised``, whose layer "norm7" normalises what "conv7" puts out.

    With mean m, variance v, scale g and shift b of each channel: kernel g / sqrt(v + eps) times the old one, bias
    b + (bias - m) g / sqrt(v + eps). Layers without a normalisation keep their weights.
    """
    norms = {layer.name.removeprefix("norm"): layer for layer in normalised.layers if layer.name.startswith("norm")}
    for layer in plain.layers:
        weights = normalised.get_layer(layer.name).get_weights() if layer.weights else []
        norm = norms.get(layer.name.removeprefix("conv"))
        if norm is not None:
            (kernel, bias), (scale, shift, mean, variance) = weights, norm.get_weights()
            factor = scale / np.sqrt(variance + norm.epsilon)
            weights = [kernel * factor, shift + (bias - mean) * factor]
        layer.set_weights(weights)
    return plain
