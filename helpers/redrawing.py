"""Replacing what a network has learned by chance, layer by layer, and putting it back to the last bit.

A layer is re-drawn as it was drawn before training: each of its weights by the layer's own initialiser, with another
seed (Keras gives the same numbers again whenever one initialiser is asked twice). So kernels are random at the scale
that the layer was meant to have, biases mostly zero, and a BatchNormalization neither shifts nor scales.
"""

import contextlib
import zlib
from collections.abc import Iterator

import numpy as np

from helpers.backend import keras, tf
from helpers.half_dense import HalfPrecisionDense
from helpers.targets import require_model

_PARTS = (
    "forward_layer",
    "backward_layer",
    "layer",
    "cell",
)  # where Bidirectional, TimeDistributed and RNNs keep theirs


def drawable_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers that have weights, from the logits down, by name; a layer of a nested model is "inner/name".

    Raises
    ------
    ValueError
        If a weight has no initialiser, so that there is no telling how to draw it, or the model has no weights.
    """
    require_model(model)
    found: dict[str, keras.layers.Layer] = {}
    for name, layer in _from_the_logits_down(model, ""):
        if layer.weights and all(layer is not known for known in found.values()):  # a shared layer is drawn once
            found[name] = layer
    if not found:
        raise ValueError("The model has no layer with weights: there is nothing to re-draw.")
    for name, layer in found.items():
        _require_initialisers(layer, name)
    return found


def redraw(layer: keras.layers.Layer, name: str, seed: int) -> None:
    """Draw all weights of a layer anew. The same name and seed give the same numbers."""
    for number, (owner, variable) in enumerate(_weights(layer)):
        # crc32, as Python's own hash changes from run to run
        own_seed = int(np.random.SeedSequence([seed, zlib.crc32(name.encode()), number]).generate_state(1)[0] >> 1)
        if isinstance(owner, HalfPrecisionDense):
            owner.draw_kernel(own_seed)
            owner.bias.assign(np.zeros(owner.bias.shape))
            continue
        initialiser = _initialiser(owner, variable)
        settings = initialiser.get_config()
        if "seed" in settings:
            initialiser = type(initialiser).from_config({**settings, "seed": own_seed})
        variable.assign(initialiser(tuple(variable.shape), dtype=variable.dtype))
        if variable.name == "bias" and getattr(owner, "unit_forget_bias", False):  # an LSTM starts with open gates
            values = variable.numpy().copy()
            values[owner.units : 2 * owner.units] = 1
            variable.assign(values)


@contextlib.contextmanager
def weights_restored(model: keras.Model) -> Iterator[None]:
    """Inside, weights may be changed; on leaving, also by an error or an interrupt, they are what they were, bit by bit.

    Nothing is copied: a weight that is replaced leaves its old memory to whoever still holds it, as this does.
    """
    variables = _distinct([variable for layer in model.layers for variable in layer.variables])
    kept = [tf.convert_to_tensor(variable.value) for variable in variables]
    try:
        yield
    finally:
        for variable, values in zip(variables, kept, strict=True):
            variable.assign(values)


def _distinct(variables: list) -> list:
    return list({id(variable): variable for variable in variables}.values())


def _from_the_logits_down(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in reversed(model.layers):
        if isinstance(layer, keras.Model):
            yield from _from_the_logits_down(layer, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer


def _weights(layer: keras.layers.Layer) -> list[tuple[keras.layers.Layer, keras.Variable]]:
    """Each weight of a layer with the part that owns it; one entry for a layer in half precision."""
    if isinstance(layer, HalfPrecisionDense):
        return [(layer, layer.kernel)]
    parts = [part for name in _PARTS if isinstance(part := getattr(layer, name, None), keras.layers.Layer)]
    return [pair for part in parts for pair in _weights(part)] if parts else [(layer, v) for v in layer.weights]


def _initialiser(layer: keras.layers.Layer, variable: keras.Variable):
    """That of "bias" is bias_initializer, that of "recurrent_kernel" recurrent_initializer."""
    short = variable.name.removesuffix("_kernel")
    return getattr(layer, f"{variable.name}_initializer", getattr(layer, f"{short}_initializer", None))


def _require_initialisers(layer: keras.layers.Layer, name: str) -> None:
    if isinstance(layer, HalfPrecisionDense):
        return
    owned = _weights(layer)
    without = [v.name for part, v in owned if not isinstance(_initialiser(part, v), keras.initializers.Initializer)]
    known = {id(variable) for _, variable in owned}
    without += [variable.path for variable in layer.weights if id(variable) not in known]
    if without:
        raise ValueError(
            f"Layer {name!r} ({type(layer).__name__}) cannot be re-drawn: it names no initialiser for "
            f"{', '.join(without)}. Give the layer an attribute such as {without[0].split('/')[-1]}_initializer with one "
            "of keras.initializers, or leave it out of the model that is tested (preprocessing belongs before it)."
        )
