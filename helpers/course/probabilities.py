"""Probabilities in place of logits: how they are found, and how a trained model gets rid of them.

A softmax couples all classes: its gradient for one class also says what would lower the others, and it vanishes where
the network is sure. Every method of the course therefore explains the logit in front of it.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from helpers.course.backend import keras
from helpers.course.calls import before_probabilities
from helpers.course.networks import calls_of, classes_of, compiled, once, scores_of

CLOSE = 1e-3  # to which probabilities sum to 1
SCALES = (1, 30, 1e-2, 1e3)  # of the inputs with which a model is tried
_PASSED_ON = (  # layers behind a softmax that hand its values on when the model infers
    *(keras.layers.Dropout, keras.layers.GaussianNoise, keras.layers.GaussianDropout, keras.layers.Identity),
    *(keras.layers.ActivityRegularization, keras.layers.Flatten, keras.layers.Reshape),
)
_MOVES = ("Cast", "Squeeze", "ExpandDims")  # operations that do the same


def ends_in_probabilities(model: keras.Model) -> str | None:
    """The name of the layer that turns logits into probabilities, or None if the model ends in logits.

    It is read from what TensorFlow computes, so that neither a function's name nor layers behind it matter. The sigmoid
    of a single output counts too, and so does a part of the probabilities, or their logarithm.
    """
    run = calls_of(model)
    return run.last if run.probabilities else None


def gives_probabilities(model: keras.Model, inputs: Sequence[np.ndarray]) -> str | None:
    """As :func:`ends_in_probabilities`; where nothing shows it but the numbers, they are looked at, once a model.

    That is so if for the first of the inputs and for random ones no score is negative and they have the same sum, or the
    sum 1 but for a few; or if this holds for exp(scores); or if a single score goes from 0 to 1 and never beyond.
    """

    def look() -> str | None:
        run = calls_of(model, inputs)
        if run.probabilities is not None:
            return run.last if run.probabilities else None
        tried = [[each[:1] for each in inputs], *_random_inputs(model, [each.shape[1:] for each in inputs])]
        scores = np.concatenate([scores_of(model, each) for each in tried]).astype(float)
        return (run.last or model.layers[-1].name) if _normalised(scores[np.isfinite(scores).all(axis=1)]) else None

    return once(model, "probabilities", look)


def _random_inputs(model: keras.Model, shapes: Sequence[tuple[int, ...]]) -> list[list[np.ndarray]]:
    """Three inputs of both signs and three that are positive, at every scale; of whole numbers three alone."""
    rng = np.random.default_rng(0)
    dtypes = [keras.backend.standardize_dtype(each.dtype) for each in model.inputs]
    positive = [rng.uniform(0, 2, (3, *shape)) for shape in shapes]
    if not all("float" in dtype for dtype in dtypes):
        return [[values.astype(dtype) for values, dtype in zip(positive, dtypes, strict=True)]]
    signed = [rng.normal(size=(3, *shape)) for shape in shapes]
    return [
        [(scale * values).astype(dtype) for values, dtype in zip(some, dtypes, strict=True)]
        for scale in SCALES
        for some in (positive, signed)
    ]


def _normalised(scores: np.ndarray) -> bool:
    if not len(scores):
        return False
    if scores.shape[1] == 1:
        return bool((scores >= 0).all() and (scores <= 1).all() and np.ptp(scores) > 0.9)
    if (np.abs(np.exp(np.minimum(scores, 1)).sum(axis=1) - 1) < CLOSE).all():
        return True
    sums, differences = scores.sum(axis=1), np.ptp(scores, axis=0).max()
    sums = sums[sums != 0]  # of a dead network nothing can be said
    ones = np.abs(sums - 1) < CLOSE  # nearly all: what keeps a division from 0 shows where relus are nearly dead
    to_one = len(sums) > 0 and (ones.mean() > 0.9 or np.ptp(sums) < CLOSE * differences)
    return bool(to_one and (scores >= 0).all())


def without_softmax(model: keras.Model) -> keras.Model:
    """The same model without the softmax (or sigmoid) at its end: it returns logits and shares all weights.

    Changing the weights of one changes those of the other. A model that ends in logits is returned as it is; for any
    other the same model is returned at every call.

    Raises
    ------
    ValueError
        If no values are found of which the output is the softmax (or sigmoid).
    """
    classes_of(model)
    tried = _random_inputs(model, [tuple(n or 96 for n in each.shape[1:]) for each in model.inputs])
    layer = gives_probabilities(model, tried[0])
    return model if layer is None else once(model, "without softmax", lambda: _logits(model, layer, tried))


def _logits(model: keras.Model, layer: str, tried: list[list[np.ndarray]]) -> keras.Model:
    found = _before_probabilities(model)
    if found is not None and found.outputs[0].shape[1:] == model.outputs[0].shape[1:]:
        if calls_of(model).probabilities:
            wanted = [np.reshape(compiled(model, _taken_of)(each), (len(each[0]), -1)) for each in tried[:2]]
            same = [_close(scores_of(found, each), values) for each, values in zip(tried[:2], wanted, strict=True)]
        else:
            same = [_are_logits(scores_of(found, each), scores_of(model, each)) for each in tried]
        if True in same and False not in same:
            return found
    raise ValueError(
        f"The probabilities of layer {layer!r} are no plain softmax or sigmoid of what another layer puts out, so there are "
        "no logits to explain; build the model so that it ends in a linear layer."
    )


def _taken_of(forward):
    return lambda inputs: before_probabilities(forward(inputs)[-1])


def _close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=CLOSE, atol=CLOSE * np.abs(wanted).max())


def _are_logits(scores: np.ndarray, probabilities: np.ndarray) -> bool | None:
    """Whether this is the softmax of the scores, its logarithm, or the sigmoid; None where all are too close to 0 or 1."""
    scores, probabilities = scores.astype(float), probabilities.astype(float)
    with np.errstate(all="ignore"):
        logarithms = np.log(probabilities) if (probabilities >= 0).all() else probabilities
        if np.allclose(np.exp(logarithms).sum(axis=1), 1, atol=CLOSE):
            found, wanted = scores - scores[:, :1], logarithms - logarithms[:, :1]
        else:
            found, wanted = scores, logit(np.exp(logarithms))
    telling = np.isfinite(wanted).all() and 0.01 < np.abs(wanted).max() < 10
    return _close(found, wanted) if telling else None


def _before_probabilities(model: keras.Model) -> keras.Model | None:
    """The model without the activation at its end, or without the layer if that has no weights."""
    if not getattr(model, "outputs", None):  # a class with a call of its own: there is no looking into it
        return None
    tensor, behind = model.outputs[0], []
    operation, node = _producer(tensor)
    while _hands_on(operation):
        if getattr(operation, "weights", None) or not node.input_tensors:
            return None
        behind.append((operation, node, node.input_tensors[0]))
        operation, node = _producer(node.input_tensors[0])
    if isinstance(operation, keras.Model):
        inner = _before_probabilities(operation)
        scores = inner and inner(*node.arguments.args)
    elif len(node.input_tensors) != 1:
        return None
    elif not getattr(operation, "weights", None):
        scores = node.input_tensors[0]
    else:
        scores = _linear_twin(operation)(node.input_tensors[0]) if hasattr(operation, "activation") else None
    if scores is None:
        return None
    for layer, node, before in reversed(behind):
        arguments, keywords = node.arguments.fill_in({id(before): scores})
        scores = layer(*arguments, **keywords)
    return keras.Model(getattr(model, "_inputs_struct", model.inputs[0]), scores, name=model.name)


def _hands_on(operation) -> bool:
    linear = getattr(operation, "activation", None) is keras.activations.linear
    return isinstance(operation, _PASSED_ON) or linear or type(operation).__name__ in _MOVES


def _producer(tensor):
    """The operation that made a tensor of the graph, and the call in which it did."""
    operation, index, _ = tensor._keras_history
    return operation, operation._inbound_nodes[index]


def _linear_twin(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer with the same variables and no activation."""
    twin = object.__new__(type(layer))
    vars(twin).update(vars(layer), activation=keras.activations.linear, _inbound_nodes=[], _outbound_nodes=[])
    return twin
