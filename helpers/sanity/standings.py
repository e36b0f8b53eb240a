"""A league of map functions on scenes whose truth is known: each beside what its coarseness alone would cost.

A method whose maps have 8 x 8 values cannot put all of its map on a thing, however well it aims. The **ceiling** is the
mass inside of a perfect map of that size: the thing's own mask, averaged down to so many values and enlarged again.
"""

from collections.abc import Mapping

import numpy as np

from helpers.course.backend import keras, tf
from helpers.course.targets import batches
from helpers.photos.scores import mass_inside
from helpers.sanity.randomisation import Explainer
from helpers.sanity.tables import Table
from helpers.sanity.truth import Scenes, chance_levels, clustered, score_maps
from helpers.vgg16.cam import enlarge

QUANTILE = 1.96  # standard errors on either side of a mean: 95 %
COLUMNS = {
    "own mass": "share of the map's positive part on the thing it explains; the error is that of a 95 % interval",
    "ceiling": "the same for a perfect map with as many values",
    "points at own": "share of maps whose largest value lies on the thing; the error is that of a 95 % interval",
}


def league(model: keras.Model, scenes: Scenes, entries: Mapping[str, Explainer], batch_size: int = 20) -> Table:
    """Every entry on every thing that the scenes ask for: a table with ``COLUMNS``.

    Parameters
    ----------
    entries
        ``explain(model, images, target) -> maps (N, height, width)`` of any size, by name.

    Raises
    ------
    ValueError
        If what an entry returns is not a map of finite numbers for each picture; the message names the entry.
    """
    rows = {}
    for name, explain in entries.items():
        maps = _maps(name, model, explain, scenes, batch_size)
        scores = score_maps(scenes, maps if maps.shape[1:] == scenes.images.shape[1:3] else _enlarged(maps, scenes))
        found = {"own mass": scores.own, "points at own": scores.place == "own"}
        found["ceiling"] = ceilings(scenes, maps.shape[1:])
        rows[name] = {
            column: (mean, QUANTILE * error if column != "ceiling" else float("nan"))
            for column, (mean, error) in ((column, clustered(found[column], scores.scene)) for column in COLUMNS)
        }
    return Table("league", dict(COLUMNS), rows, chance_levels(scenes))


def ceilings(scenes: Scenes, shape: tuple[int, int]) -> np.ndarray:
    """(maps,): mass inside of the mask of every thing asked for, averaged down to ``shape`` and enlarged again."""
    masks = np.array([scenes.masks[*pair] for pair in scenes.asked], np.float32)
    if shape == masks.shape[1:]:
        return np.ones(len(masks))
    coarse = tf.image.resize(masks[..., np.newaxis], shape, method="area").numpy()[..., 0]
    return np.array([mass_inside(each, mask > 0) for each, mask in zip(_enlarged(coarse, scenes), masks, strict=True)])


def _enlarged(maps: np.ndarray, scenes: Scenes) -> np.ndarray:
    return enlarge(maps, scenes.images.shape[1:3])


def _maps(name: str, model, explain: Explainer, scenes: Scenes, batch_size: int) -> np.ndarray:
    parts = []
    for rows in batches(len(scenes.asked), batch_size):
        scene, thing = scenes.asked[rows].T
        maps = np.asarray(explain(model, scenes.images[scene], scenes.targets[scene, thing]))
        if maps.ndim != 3 or len(maps) != len(scene) or maps.dtype.kind not in "fiu" or not np.isfinite(maps).all():
            raise ValueError(
                f"{name!r} should return a map (height, width) of finite numbers for each of {len(scene)} pictures; got "
                f"{maps.dtype} of shape {maps.shape}. To sum over the colours: values.sum(axis=-1)."
            )
        parts.append(maps.astype(float))
    return np.concatenate(parts)
