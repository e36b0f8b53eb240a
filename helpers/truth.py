"""Who tells the truth? Attribution methods scored on scenes where it is known what the class is and where.

Every method explains every thing that is asked for in the scenes (:mod:`helpers.scenes`). For each map: how much of its
positive part lies on its own thing and on the others, and where its largest value lies (:mod:`helpers.scores`).

The maps of one scene are not independent. Means are therefore taken within each scene first; mean and standard error run
over scenes. A map without any positive value has no mass, so it is left out of these two means, and the share of such
maps is a column of its own: a method must not look better by saying nothing.

That a map lies on the thing is what the *picture's maker* calls true. A network may have better reasons to look elsewhere
(at the grass behind it); :func:`flipping_rows` asks the network instead of the mask.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from helpers.arguments import finite_array, real_array, shown, within
from helpers.backend import keras
from helpers.cam import enlarge
from helpers.flipping import flipping, random_curves
from helpers.redrawing import drawable_layers
from helpers.sanity import Explainer, cascading_randomisation
from helpers.scenes import Scenes
from helpers.scores import area_share, mass_inside, pointing_place
from helpers.targets import LARGEST_VALUE, batches
from helpers.training import Progress
from helpers.truth_tables import Table, Value

COLUMNS = {
    "own mass": "share of the map's positive part on the thing it explains",
    "other mass": "share of the map's positive part on the other things of the scene",
    "points at own": "share of maps whose largest value lies on the thing they explain",
    "points at other": "share of maps whose largest value lies on another thing",
    "empty": "share of maps without any positive value",
    "maps": "number of maps",
}
OF_OTHERS = ("other mass", "points at other")  # not in tables of scenes with one thing only
FLIPPING = {
    "flipping": "fall of the score with the most relevant tiles removed first, against random order (area)",
    "flipping, least": "the same against the least relevant tiles first",
}
SANITY = {
    "spearman": "rank correlation of the map with that of the network with all weights re-drawn; near 0 is sane",
    "absolute": "the same for the maps' absolute values",
    "undefined": "share of comparisons in which a map is the same everywhere; they have no rank correlation",
}
MEASURES = ("spearman", "absolute")


@dataclass(frozen=True, eq=False)
class MapScores:
    """Scores of the maps of one method, one entry a map.

    Attributes
    ----------
    scene : (maps,) number of the scene
    own, other : (maps,) mass on the thing and on the others; NaN for a map without positive values
    place : (maps,) "own", "other", "elsewhere" or "nowhere" (see :func:`helpers.scores.pointing_place`)
    """

    scene: np.ndarray
    own: np.ndarray
    other: np.ndarray
    place: np.ndarray


def score_maps(scenes: Scenes, maps) -> MapScores:
    """Scores of given maps (maps, height, width), in the order of ``scenes.asked``.

    Raises
    ------
    ValueError
        If their number or shape does not fit, or a value is not finite.
    """
    maps = real_array("maps", maps)
    if maps.shape != (len(scenes.asked), *scenes.images.shape[1:3]):
        raise ValueError(
            f"The scenes ask for {len(scenes.asked)} maps of {scenes.images.shape[1:3]}; got {maps.shape}. "
            "helpers.cam.enlarge brings coarse maps to that size."
        )
    rows = []
    for (scene, thing), values in zip(scenes.asked, maps, strict=True):
        own, other = scenes.own_mask(scene, thing), scenes.other_mask(scene, thing)
        rows.append((mass_inside(values, own), mass_inside(values, other), pointing_place(values, own, other)))
    own, other, place = (np.array(column) for column in zip(*rows, strict=True))
    return MapScores(scenes.asked[:, 0], own, other, place)


def explained(model: keras.Model, explain: Explainer, scenes: Scenes, batch_size: int = 8) -> np.ndarray:
    """The map of every thing that is asked for, (maps, height, width), enlarged to the size of the images."""
    asked, found = scenes.asked, []
    for rows in batches(len(asked), batch_size):
        scene, thing = asked[rows].T
        maps = np.asarray(explain(model, scenes.images[scene], scenes.targets[scene, thing]))
        if maps.ndim != 3 or len(maps) != len(scene):
            raise ValueError(
                f"An explainer returns a map (height, width) for each of {len(scene)} images; got {maps.shape}."
            )
        found.append(maps if maps.shape[1:] == scenes.images.shape[1:3] else enlarge(maps, scenes.images.shape[1:3]))
    return np.concatenate(found)


def clustered(values, scene) -> Value:
    """Mean over scenes of the means within each scene, and its standard error; NaN entries are left out.

    The error is the standard deviation of the scenes' means (n - 1) divided by sqrt(n): NaN for a single scene.
    """
    values, scene = real_array("values", values).astype(float), finite_array("scene", scene, dtype=None)
    if values.ndim != 1 or values.shape != scene.shape or not within(values[~np.isnan(values)], LARGEST_VALUE):
        raise ValueError(
            f"Give a value and the number of its scene, row by row; got {shown(values)} and {shown(scene)}."
        )
    defined = ~np.isnan(values)
    if not defined.any():
        return float("nan"), float("nan")
    means = np.array([values[defined & (scene == number)].mean() for number in np.unique(scene[defined])])
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else float("nan")
    return float(means.mean()), float(error)


def columns_for(scenes: Scenes) -> dict[str, str]:
    """The columns that have a meaning for these scenes, with their explanations."""
    return {name: text for name, text in COLUMNS.items() if scenes.has_others or name not in OF_OTHERS}


def summary(scores: MapScores, columns=tuple(COLUMNS)) -> dict[str, Value]:
    """The row of a method in a table: these of the ``COLUMNS``."""
    row = {
        "own mass": clustered(scores.own, scores.scene),
        "other mass": clustered(scores.other, scores.scene),
        "points at own": clustered(scores.place == "own", scores.scene),
        "points at other": clustered(scores.place == "other", scores.scene),
        "empty": clustered(np.isnan(scores.own), scores.scene),
        "maps": (float(len(scores.own)), float("nan")),
    }
    return {name: row[name] for name in columns}


def chance_levels(scenes: Scenes) -> dict[str, float]:
    """What chance gives: the mean area of the things asked for, and of the others in their scenes."""
    asked = scenes.asked
    own = clustered([area_share(scenes.own_mask(*pair)) for pair in asked], asked[:, 0])[0]
    other = clustered([area_share(scenes.other_mask(*pair)) for pair in asked], asked[:, 0])[0]
    levels = {"own mass": own, "other mass": other, "points at own": own, "points at other": other}
    return {name: levels[name] for name in columns_for(scenes) if name in levels}


def truth_table(
    model: keras.Model,
    scenes: Scenes,
    methods: Mapping[str, Explainer],
    title: str = "maps against masks",
    *,
    batch_size: int = 8,
    progress: Progress | None = None,
) -> Table:
    """Score every method on every thing that the scenes ask for.

    Parameters
    ----------
    methods
        ``explain(model, images, target) -> maps (N, height, width)`` by name, such as
        :func:`helpers.explainers.explainers`. They are scored by their positive part.
    progress
        Called as ``progress(done, methods, name)``.

    Returns
    -------
    Table with :func:`columns_for` these scenes; see :func:`helpers.truth_tables.format_table`
    """
    rows, columns = {}, columns_for(scenes)
    for number, (name, explain) in enumerate(methods.items(), 1):
        rows[name] = summary(score_maps(scenes, explained(model, explain, scenes, batch_size)), columns)
        if progress is not None:
            progress(number, len(methods), name)
    made = {"scenes": len(scenes), "maps": len(scenes.asked)}
    return Table(title, columns, rows, chance_levels(scenes), made)


def flipping_rows(
    model: keras.Model, scenes: Scenes, maps: Mapping[str, np.ndarray], random=None, **settings
) -> dict[str, dict[str, Value]]:
    """Pixel flipping for the maps (maps, height, width) of each method: rows with the columns of ``FLIPPING``.

    ``settings`` are those of :func:`helpers.flipping.flipping`. All methods share the random orders; ``random`` are their
    curves if they have been computed before (:func:`helpers.flipping.random_curves`).
    """
    scene, thing = scenes.asked.T
    asked = model, scenes.images[scene], scenes.targets[scene, thing]
    random = random_curves(*asked, **settings) if random is None else random
    rows = {}
    for name, found in maps.items():
        curves = flipping(*asked, found, random=random, **settings)
        both = zip(FLIPPING, (curves.over_random, curves.over_least), strict=True)
        rows[name] = {column: clustered(areas, scene) for column, areas in both}
    return rows


def sanity_row(model: keras.Model, explain: Explainer, scenes: Scenes, draws: int = 3) -> dict[str, Value]:
    """How alike the maps are to those of the same network with all its weights re-drawn: the columns of ``SANITY``.

    Parameters
    ----------
    draws
        Sets of random weights, the same for every method; averaged for each scene. The standard error runs over scenes
        and knows nothing of the spread over weights.
    """
    scene, thing = scenes.asked.T
    deepest = list(drawable_layers(model))[-1]
    asked = scenes.images[scene], scenes.targets[scene, thing]
    runs = [cascading_randomisation(model, explain, *asked, at=[deepest], seed=seed) for seed in range(draws)]
    alike = [run.similarities(MEASURES) for run in runs]
    values = {name: np.concatenate([found[name][1] for found in alike]) for name in MEASURES}
    values["undefined"] = np.isnan(values["spearman"])
    return {name: clustered(values[name], np.tile(scene, draws)) for name in SANITY}
