"""Who tells the truth? Attribution methods scored on scenes: pictures where it is known what the class is and where.

A scene has the exact mask of every thing in it, and the class that each thing stands for. :func:`world_scenes` takes
scenes from the toy world, ``data/scores/flipping.py`` makes them from photographic cut-outs; both keep the pictures in
which a network recognises what it is going to be asked for.

Every method explains every thing that is asked for. For each map: how much of its positive part lies on its own thing
and on the others, and where its largest value lies (:mod:`helpers.photos.scores`).

The maps of one scene are not independent. Means are therefore taken within each scene first; mean and standard error
run over scenes. A map without any positive value has no mass, so it is left out of these two means, and the share of
such maps is a column of its own: a method must not look better by saying nothing.

That a map lies on the thing is what the *picture's maker* calls true. A network may have better reasons to look
elsewhere (at the grass behind it); pixel flipping (``data/scores/flipping.py``) asks the network instead of the mask.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import finite_array
from helpers.course.backend import keras
from helpers.course.targets import batches
from helpers.photos.scores import area_share, mass_inside, pointing_place
from helpers.sanity.randomisation import Explainer
from helpers.sanity.tables import UNDEFINED, Value
from helpers.toyworld.network import ToyworldNetwork
from helpers.toyworld.world import World
from helpers.vgg16.cam import enlarge

NOT_ASKED = -1
COLUMNS = {
    "own mass": "share of the map's positive part on the thing it explains",
    "other mass": "share of the map's positive part on the other things of the scene",
    "points at own": "share of maps whose largest value lies on the thing they explain",
    "points at other": "share of maps whose largest value lies on another thing",
    "empty": "share of maps without any positive value",
    "maps": "number of maps",
}
OF_OTHERS = ("other mass", "points at other")  # not in tables of scenes with one thing only


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures with masks and classes.

    Attributes
    ----------
    images : (S, height, width, channels), in the network's input space
    masks : (S, things, height, width), True where the thing is seen
    targets : (S, things) class that each thing stands for; ``NOT_ASKED`` (-1) marks a thing that is there but for which
        no map is asked
    """

    images: np.ndarray
    masks: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: slice) -> "Scenes":
        """Some of the scenes."""
        return Scenes(self.images[chosen], self.masks[chosen], self.targets[chosen])

    @property
    def asked(self) -> np.ndarray:
        """(maps, 2): number of the scene and of the thing for every map that is asked for."""
        return np.argwhere(self.targets != NOT_ASKED)

    def other_mask(self, scene: int, thing: int) -> np.ndarray:
        """Where the other things of the scene are; nowhere if there are none."""
        return np.delete(self.masks[scene], thing, axis=0).any(axis=0) & ~self.masks[scene, thing]


def world_scenes(network: ToyworldNetwork, world: World, truth: str = "animal") -> tuple[Scenes, float]:
    """Pictures of the toy world that the network recognises, and the share of all in which it does.

    Parameters
    ----------
    network : names coats or outlines; the class of the picture is explained
    truth : "animal", the only thing that tells coat and outline; or "tag", the photographer's tag, with the animal as
        the other thing: where a network that reads the tag must look. Then only pictures with a tag are taken

    Raises
    ------
    ValueError
        If ``truth`` is another word, or no picture is left.
    """
    if truth not in ("animal", "tag"):
        raise ValueError(f"The truth is the 'animal' or the 'tag'; got {truth!r}.")
    world = world if truth == "animal" else world.part(world.marked)
    right = network.recognised(world) if len(world) else np.zeros(0, bool)
    if not right.any():
        raise ValueError(
            f"Of {len(world)} pictures that could be asked the network recognises none. For truth='tag' make a world with "
            "a watermark on a class that it knows."
        )
    kept = world.part(right)
    images, targets = network.preprocess(kept.pictures), kept.labels(network.by)[:, np.newaxis]
    if truth == "animal":
        return Scenes(images, kept.masks[:, np.newaxis], targets), float(right.mean())
    masks = np.stack([kept.mark_masks, kept.masks & ~kept.mark_masks], axis=1)
    return Scenes(images, masks, np.column_stack([targets, np.full(len(kept), NOT_ASKED)])), float(right.mean())


@dataclass(frozen=True, eq=False)
class MapScores:
    """Scores of the maps of one method, one entry a map.

    Attributes
    ----------
    scene : (maps,) number of the scene
    own, other : (maps,) mass on the thing and on the others; NaN for a map without positive values
    place : (maps,) "own", "other", "elsewhere" or "nowhere" (see :func:`helpers.photos.scores.pointing_place`)
    """

    scene: np.ndarray
    own: np.ndarray
    other: np.ndarray
    place: np.ndarray


def score_maps(scenes: Scenes, maps: np.ndarray) -> MapScores:
    """Scores of maps (maps, height, width), in the order of ``scenes.asked``."""
    rows = []
    for (scene, thing), values in zip(scenes.asked, maps, strict=True):
        own, other = scenes.masks[scene, thing], scenes.other_mask(scene, thing)
        rows.append((mass_inside(values, own), mass_inside(values, other), pointing_place(values, own, other)))
    own, other, place = (np.array(column) for column in zip(*rows, strict=True))
    return MapScores(scenes.asked[:, 0], own, other, place)


def explained(model: keras.Model, explain: Explainer, scenes: Scenes, batch_size: int = 8) -> np.ndarray:
    """The map of every thing that is asked for, (maps, height, width), enlarged to the size of the images."""
    asked, found = scenes.asked, []
    for rows in batches(len(asked), batch_size):
        scene, thing = asked[rows].T
        maps = finite_array(
            "What an explainer returns", explain(model, scenes.images[scene], scenes.targets[scene, thing]), dtype=None
        )
        if maps.ndim != 3 or len(maps) != len(scene):
            raise ValueError(
                f"An explainer returns a map (height, width) for each of {len(scene)} images; got {maps.shape}."
            )
        found.append(maps if maps.shape[1:] == scenes.images.shape[1:3] else enlarge(maps, scenes.images.shape[1:3]))
    return np.concatenate(found)


def clustered(values: np.ndarray, scene: np.ndarray) -> Value:
    """Mean over scenes of the means within each scene, and its standard error; NaN entries are left out.

    The error is the standard deviation of the scenes' means (n - 1) divided by sqrt(n): NaN for a single scene.
    """
    values, scene = np.asarray(values, float), np.asarray(scene)
    defined = ~np.isnan(values)
    if not defined.any():
        return UNDEFINED
    means = np.array([values[defined & (scene == number)].mean() for number in np.unique(scene[defined])])
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else float("nan")
    return float(means.mean()), float(error)


def columns_for(scenes: Scenes) -> dict[str, str]:
    """The columns that have a meaning for these scenes, with their explanations."""
    has_others = any(scenes.other_mask(*pair).any() for pair in scenes.asked)
    return {name: text for name, text in COLUMNS.items() if has_others or name not in OF_OTHERS}


def summary(scores: MapScores, columns: Iterable[str]) -> dict[str, Value]:
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
    own = clustered([area_share(scenes.masks[*pair]) for pair in asked], asked[:, 0])[0]
    other = clustered([area_share(scenes.other_mask(*pair)) for pair in asked], asked[:, 0])[0]
    levels = {"own mass": own, "other mass": other, "points at own": own, "points at other": other}
    return {name: levels[name] for name in columns_for(scenes) if name in levels}
