"""Probabilities in place of logits: how they are found, and how a trained model gets rid of them.

A softmax couples all classes: its gradient for one class also says what would lower the others, and it vanishes where
the network is sure. Every method of the course therefore explains the logit in front of it.
"""

from collections.abc import Sequence

import numpy as np

from helpers.course.backend import keras, tf
from helpers.course.networks import calls_of, classes_of, once, scores_of

FUNCTIONS = (tf.nn.softmax, tf.nn.log_softmax, tf.nn.sigmoid)
CLOSE = 1e-3  # to which probabilities sum to 1
_PASSED_ON = (  # layers behind a softmax that hand its values on when the model infers
    *(keras.layers.Dropout, keras.layers.GaussianNoise, keras.layers.GaussianDropout, keras.layers.Identity),
    *(keras.layers.ActivityRegularization, keras.layers.Flatten, keras.layers.Reshape),
)


def ends_in_probabilities(model: keras.Model) -> str | None:
    """The name of the layer that turns logits into probabilities, or None if the model ends in logits.

    It is read from what TensorFlow computes, so that neither a function's name nor layers behind it matter. The sigmoid
    of a single output counts too.
    """
    run = calls_of(model)
    return run.last if run.probabilities else None


def gives_probabilities(model: keras.Model, inputs: Sequence[np.ndarray]) -> str | None:
    """As :func:`ends_in_probabilities`; where nothing shows it but the numbers, they are looked at, once a model.

    That is so if no score is negative and they have the same sum, for the first of the inputs and for it turned round and
    halved; or if this holds for exp(scores).
    """

    def look() -> str | None:
        run = calls_of(model, inputs)
        if run.probabilities is not None:
            return run.last if run.probabilities else None
        first = [each[:1] for each in inputs]
        turned = [np.flip(each, tuple(range(1, each.ndim))) for each in first]
        halved = [(each / 2).astype(each.dtype) for each in first]
        scores = np.concatenate([scores_of(model, tried) for tried in (first, turned, halved)]).astype(float)
        return (run.last or model.layers[-1].name) if _normalised(scores) else None

    return once(model, "probabilities", look)


def _normalised(scores: np.ndarray) -> bool:
    sums, differences = scores.sum(axis=1), np.ptp(scores, axis=0).max()
    to_one = np.allclose(sums, 1, atol=CLOSE) or np.ptp(sums) < CLOSE * differences
    of_exp = np.allclose(np.exp(np.minimum(scores, 1)).sum(axis=1), 1, atol=CLOSE)
    return scores.shape[1] > 1 and (of_exp or (to_one and bool((scores >= 0).all())))


def without_softmax(model: keras.Model) -> keras.Model:
    """The same model without the softmax (or sigmoid) at its end: it returns logits and shares all weights.

    Changing the weights of one changes those of the other. A model that ends in logits is returned as it is.

    Raises
    ------
    ValueError
        If no values are found of which the output is the softmax (or sigmoid).
    """
    classes_of(model)
    rng = np.random.default_rng(0)
    tried = [
        rng.uniform(0, 2, (3, *(n or 96 for n in each.shape[1:]))).astype(keras.backend.standardize_dtype(each.dtype))
        for each in model.inputs
    ]
    layer = gives_probabilities(model, tried)
    if layer is None:
        return model
    found, wanted = _before_probabilities(model), scores_of(model, tried)
    if found is not None:
        scores = scores_of(found, tried)
        if any(np.allclose(function(scores), wanted, atol=1e-4) for function in FUNCTIONS):
            return found
    raise ValueError(
        f"The probabilities of layer {layer!r} are no softmax or sigmoid of what another layer puts out, so there are no "
        "logits to explain; build the model so that it ends in a linear layer."
    )


def _before_probabilities(model: keras.Model) -> keras.Model | None:
    """The model without the activation at its end, or without the layer if that has no weights."""
    if not getattr(model, "outputs", None):  # a class with a call of its own: there is no looking into it
        return None
    operation, node = _producer(model.outputs[0])
    behind = []
    while isinstance(operation, _PASSED_ON) or getattr(operation, "activation", None) is keras.activations.linear:
        if operation.weights or not node.input_tensors:
            return None
        behind.append(operation)
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
    for layer in reversed(behind):
        scores = layer(scores)
    return keras.Model(getattr(model, "_inputs_struct", model.inputs[0]), scores, name=model.name)


def _producer(tensor):
    """The operation that made a tensor of the graph, and the call in which it did."""
    operation, index, _ = tensor._keras_history
    return operation, operation._inbound_nodes[index]


def _linear_twin(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer with the same variables and no activation."""
    twin = object.__new__(type(layer))
    vars(twin).update(vars(layer), activation=keras.activations.linear, _inbound_nodes=[], _outbound_nodes=[])
    return twin
