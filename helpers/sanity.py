"""Does a map depend on what the network has learned? The sanity checks of Adebayo et al. (2018, arXiv:1810.03292).

* **Cascading randomisation**: the layers are re-drawn at random from the logits down, one after the other, until nothing
  learned is left. A map that explains the network must change on the way.
* **Independent randomisation**: one layer at a time is re-drawn, the others stay as they were trained.
* **Shuffled labels**: a second network learns the same pictures by heart with labels that mean nothing
  (:func:`helpers.digit_networks.train_with_shuffled_labels`); its maps must be others.
* **Random logit** (Sixt, Granz and Landgraf 2020, arXiv:1912.09818): the map of one class against that of another.
* **Edges**: the Sobel operator knows no network at all, and passes for an explanation at first sight.

An explainer is a function of the course's calling form, ``explain(model, images, target) -> maps (N, ...)``. The
explained class stays the same throughout. :mod:`helpers.similarity` compares maps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from helpers.arguments import finite_array, name_list, seed_number, within
from helpers.backend import keras
from helpers.redrawing import drawable_layers, redraw, weights_restored
from helpers.saliency import logits
from helpers.similarity import MEASURES, similarities
from helpers.targets import LARGEST_VALUE, checked_images, output_weights
from helpers.training import Progress

Explainer = Callable[[keras.Model, np.ndarray, object], np.ndarray]
UNTOUCHED = "as trained"


@dataclass(frozen=True, eq=False)
class Randomisation:
    """The maps of one explainer while a network's layers are re-drawn. Step 0 is the network as trained.

    Attributes
    ----------
    layers : (steps,) name of the layer that was re-drawn last; ``UNTOUCHED`` at step 0
    maps : (steps, N, ...)
    logits : (steps, N, classes)
    """

    layers: tuple[str, ...]
    maps: np.ndarray
    logits: np.ndarray

    def similarities(self, measures: Sequence[str] = tuple(MEASURES)) -> dict[str, np.ndarray]:
        """How alike the maps of each step and step 0 are: one array (steps, N) for every measure.

        1 at step 0, NaN where a map is the same everywhere.
        """
        rows = [similarities(self.maps[0], maps, measures) for maps in self.maps]
        return {name: np.array([row[name] for row in rows]) for name in measures}


def cascading_randomisation(
    model: keras.Model,
    explain: Explainer,
    images,
    target,
    *,
    at: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
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
    progress
        Called as ``progress(done, steps, layer)`` after every step.

    Raises
    ------
    ValueError
        If a layer has no known initialiser, a name in ``at`` is unknown, or the maps do not fit the images.

    The weights are put back to the last bit, also when the run is interrupted or ``explain`` fails.
    """
    return _randomised(model, explain, images, target, at, seed, progress, cumulative=True)


def independent_randomisation(
    model: keras.Model,
    explain: Explainer,
    images,
    target,
    *,
    at: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Randomisation:
    """Re-draw one layer at a time, the others as trained. Parameters as in :func:`cascading_randomisation`."""
    return _randomised(model, explain, images, target, at, seed, progress, cumulative=False)


def _randomised(model, explain, images, target, at, seed, progress, cumulative) -> Randomisation:
    images, layers, seed = checked_images(model, images), drawable_layers(model), seed_number(seed)
    output_weights(model, len(images), target)  # a target that does not fit is refused before anything is changed
    chosen = list(layers) if at is None else name_list("at", at)
    unknown = [name for name in chosen if name not in layers]
    if unknown:
        raise ValueError(f"The model has no layer {unknown[0]!r} with weights; it has {', '.join(layers)}.")
    names, maps, scores = [], [], []

    def look(name: str) -> None:
        found = np.asarray(explain(model, images, target))
        if found.ndim < 2 or len(found) != len(images) or (maps and found.shape != maps[0].shape):
            raise ValueError(f"An explainer returns one map for each of the {len(images)} images; got {found.shape}.")
        names.append(name)
        maps.append(found.copy())  # an explainer may reuse its array
        scores.append(logits(model, images))
        if progress is not None:
            progress(len(names), len(chosen) + 1, name)

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
    return Randomisation(tuple(names), np.array(maps), np.array(scores))


def ignores_the_model(found: Randomisation) -> bool:
    """Did no map change although the logits did? Then the explainer does not look at the network it is given.

    So it is with one that looks at the picture only, and with one that holds a copy of the network or numbers it read
    when it was first called (a ``tf.function`` that captured them, a cache): a fault in the code, not in the method.

    Raises
    ------
    ValueError
        If the logits did not change either: then nothing follows.
    """
    changed = [not np.array_equal(scores, found.logits[0]) for scores in found.logits[1:]]
    if not any(changed):
        raise ValueError(
            "The logits are the same at every step, so re-drawing changed nothing that the network computes, and the "
            "maps prove nothing. Is the model trained, and was a layer re-drawn at all?"
        )
    rounding = 1e-6 * np.abs(found.maps[0]).max()  # sums in several threads come out in another order
    return bool((np.abs(found.maps - found.maps[0]) <= rounding).all())


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
    classes = model.outputs[0].shape[-1]
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
