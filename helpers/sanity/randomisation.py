"""Does a map depend on what the network has learned? The sanity checks of Adebayo et al. (2018, arXiv:1810.03292).

* **Cascading randomisation**: the layers are re-drawn at random from the logits down, one after the other, until
  nothing learned is left. A map that explains the network must change on the way.
* **Independent randomisation**: one layer at a time is re-drawn, the others stay as they were trained.
* **Shuffled labels**: a second network learns the same pictures by heart with labels that mean nothing
  (:func:`helpers.digits.network.train_with_shuffled_labels`); its maps must be others.
* **Random logit** (Sixt, Granz and Landgraf 2020, arXiv:1912.09818): the map of one class against that of another.
* **Edges**: the Sobel operator knows no network at all, and passes for an explanation at first sight.

An explainer is a function of the course's calling form, ``explain(model, images, target) -> maps (N, ...)``. The
explained class stays the same throughout. :mod:`helpers.sanity.similarity` compares maps.

A layer is re-drawn as it was drawn before training: each of its weights by the layer's own initialiser, with another
seed (Keras gives the same numbers again whenever one initialiser is asked twice). So kernels are random at the scale
that the layer was meant to have, biases mostly zero, and a BatchNormalization neither shifts nor scales. Afterwards the
learned weights are put back to the last bit.
"""

import contextlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from helpers.course.arguments import finite_array, name_list, seed_number, within
from helpers.course.backend import keras, tf
from helpers.course.networks import classes_of
from helpers.course.targets import LARGEST_VALUE, checked_images, output_weights
from helpers.sanity.similarity import MEASURES, similarities

Explainer = Callable[[keras.Model, np.ndarray, object], np.ndarray]
UNTOUCHED = "as trained"
# where Bidirectional, TimeDistributed and RNNs keep the layers that own their weights
_PARTS = ("forward_layer", "backward_layer", "layer", "cell")


@dataclass(frozen=True, eq=False)
class Randomisation:
    """The maps of one explainer while a network's layers are re-drawn. Step 0 is the network as trained.

    Attributes
    ----------
    layers : (steps,) name of the layer that was re-drawn last; ``UNTOUCHED`` at step 0
    maps : (steps, N, ...)
    """

    layers: tuple[str, ...]
    maps: np.ndarray

    def similarities(self, measures: Sequence[str] = tuple(MEASURES)) -> dict[str, np.ndarray]:
        """How alike the maps of each step and step 0 are: one array (steps, N) for every measure.

        1 at step 0, NaN where a map is the same everywhere.
        """
        rows = [similarities(self.maps[0], maps, measures) for maps in self.maps]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def cascading_randomisation(
    model: keras.Model,
    explain: Explainer,
    images,
    target,
    *,
    at: Sequence[str] | None = None,
    seed: int = 0,
) -> Randomisation:
    """Re-draw the layers from the logits down, each on top of those before, and explain after every step.

    Parameters
    ----------
    explain
        ``explain(model, images, target)`` returns one map per image, an array (N, ...).
    at
        Names of the layers after which to explain; by default every layer that has weights. All are re-drawn anyway.
    seed
        Fixes the random weights. They are the same for every explainer, and the same as in
        :func:`independent_randomisation`.

    Raises
    ------
    ValueError
        If a layer has no known initialiser, a name in ``at`` is unknown, or the maps do not fit the images.

    The weights are put back to the last bit, also when the run is interrupted or ``explain`` fails.
    """
    return _randomised(model, explain, images, target, at, seed, cumulative=True)


def independent_randomisation(
    model: keras.Model,
    explain: Explainer,
    images,
    target,
    *,
    at: Sequence[str] | None = None,
    seed: int = 0,
) -> Randomisation:
    """Re-draw one layer at a time, the others as trained. Parameters as in :func:`cascading_randomisation`."""
    return _randomised(model, explain, images, target, at, seed, cumulative=False)


def _randomised(model, explain, images, target, at, seed, cumulative) -> Randomisation:
    images, layers, seed = checked_images(model, images), drawable_layers(model), seed_number(seed)
    output_weights(model, len(images), target)  # a target that does not fit is refused before anything is changed
    chosen = list(layers) if at is None else name_list("at", at)
    unknown = [name for name in chosen if name not in layers]
    if unknown:
        raise ValueError(f"The model has no layer {unknown[0]!r} with weights; it has {', '.join(layers)}.")
    names, maps = [], []

    def look(name: str) -> None:
        found = np.asarray(explain(model, images, target))
        if found.ndim < 2 or len(found) != len(images) or (maps and found.shape != maps[0].shape):
            raise ValueError(f"An explainer returns one map for each of the {len(images)} images; got {found.shape}.")
        names.append(name)
        maps.append(found.copy())  # an explainer may reuse its array

    with weights_restored(model):
        look(UNTOUCHED)
        for name, layer in layers.items():
            if cumulative:
                redraw(layer, name, seed)
                if name in chosen:
                    look(name)
            elif name in chosen:
                with weights_restored(model):
                    redraw(layer, name, seed)
                    look(name)
    return Randomisation(tuple(names), np.array(maps))


def random_logit(
    model: keras.Model, explain: Explainer, images, target, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The maps of the target and of another class, drawn at random for each image.

    ``target`` is a class number or one for each image (N,).

    Returns
    -------
    maps, other_maps : (N, ...)
    others : (N,) numbers of the classes drawn

    Two maps that are alike do not tell the classes apart, so they cannot explain why it is this one.
    """
    images = checked_images(model, images)
    classes = classes_of(model)
    if np.ndim(target) > 1 or classes < 2:
        raise ValueError(
            f"The test takes a class number, or one for each image, and a network with two classes or more; got a target "
            f"of shape {np.shape(target)} and {classes} classes."
        )
    output_weights(model, len(images), target)
    step = np.random.default_rng(seed_number(seed)).integers(1, classes, len(images))
    others = (np.broadcast_to(target, (len(images),)) + step) % classes
    return np.asarray(explain(model, images, target)), np.asarray(explain(model, images, others)), others


def edges(images) -> np.ndarray:
    """Strength of the edges in images (N, H, W, channels): the Sobel magnitude sqrt(gx^2 + gy^2), (N, H, W).

    gx and gy are the Sobel filters' answers for the mean over the channels; beyond the border the picture is mirrored.
    """
    images = finite_array("Images for edges (N, H, W, channels)", images, (None, None, None, None))
    if not within(images, LARGEST_VALUE):
        raise ValueError("The images hold far too large values; scale them first.")
    grey = images.mean(axis=-1)
    # one picture at a time: the filter smooths along all axes but one, and would mix the pictures of a batch
    return np.array([np.hypot(ndimage.sobel(picture, axis=0), ndimage.sobel(picture, axis=1)) for picture in grey])


def edge_detector(model: keras.Model, images, target) -> np.ndarray:
    """:func:`edges` in the calling form of an explainer: it looks at neither the network nor the class."""
    return edges(images)


def drawable_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers that have weights, from the logits down, by name; a layer of a nested model is "inner/name".

    A model is refused that has no weights, or one without an initialiser: there is no telling how to draw it.
    """
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
        if hasattr(owner, "draw_kernel"):
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
    variables = {id(variable): variable for layer in model.layers for variable in layer.variables}.values()
    kept = [tf.convert_to_tensor(variable.value) for variable in variables]
    try:
        yield
    finally:
        for variable, values in zip(variables, kept, strict=True):
            variable.assign(values)


def _from_the_logits_down(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in reversed(model.layers):
        if isinstance(layer, keras.Model):
            yield from _from_the_logits_down(layer, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer


def _weights(layer: keras.layers.Layer) -> list[tuple[keras.layers.Layer, keras.Variable]]:
    """Each weight of a layer with the part that owns it; one entry for a layer that draws its kernel itself."""
    if hasattr(layer, "draw_kernel"):
        return [(layer, layer.kernel)]
    parts = [part for name in _PARTS if isinstance(part := getattr(layer, name, None), keras.layers.Layer)]
    return [pair for part in parts for pair in _weights(part)] if parts else [(layer, v) for v in layer.weights]


def _initialiser(layer: keras.layers.Layer, variable: keras.Variable):
    """That of "bias" is bias_initializer, that of "recurrent_kernel" recurrent_initializer."""
    short = variable.name.removesuffix("_kernel")
    return getattr(layer, f"{variable.name}_initializer", getattr(layer, f"{short}_initializer", None))


def _require_initialisers(layer: keras.layers.Layer, name: str) -> None:
    if hasattr(layer, "draw_kernel"):
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
