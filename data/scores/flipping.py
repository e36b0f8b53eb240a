"""What ``make_tables.py`` beside this file measures: pixel flipping, and likeness to maps of random networks; collages.

**Pixel flipping** removes what a map calls most important first, and looks how soon the score falls. No mask is needed,
only the network (Bach et al. 2015, doi:10.1371/journal.pone.0130140; Samek et al. 2017, arXiv:1509.06321). The picture
is cut into square tiles. They are replaced by a filling in three orders: the tile with the largest sum of the map
first, the smallest first, and at random. f(s) is the explained logit when a share s of the tiles is gone. Two areas,
positive for a map that found what the logit rests on:

    over random = integral of f_random(s) - f_most(s) ds,    over least = integral of f_least(s) - f_most(s) ds.

For a linear model f(x) = <w, x> + b and the map w (x - filling), removing a tile lowers the logit by exactly the tile's
sum, so no order falls faster than most first.

What replaces a tile matters. A blurred copy of the picture keeps colours and makes no new edges; a constant colour does
make them, and the network then sees pictures unlike any it knows.

:func:`sanity_row` compares maps with those of the network with all its weights re-drawn
(:mod:`helpers.sanity.randomisation`). :func:`collage_scenes` makes the pictures: cut-out things on a background.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from helpers.course.backend import keras
from helpers.course.targets import batches, output_weights
from helpers.photos.collages import collage, cutout_names
from helpers.sanity.randomisation import Explainer, cascading_randomisation, drawable_layers
from helpers.sanity.tables import Value
from helpers.sanity.truth import Scenes, clustered
from helpers.vgg16.gradients import logits
from helpers.vgg16.photo_network import PhotoNetwork

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
BACKGROUNDS = ("grass", "gravel", "brick")
SIZES = {1: (0.45, 0.8), 2: (0.4, 0.6)}  # longer side of a thing as a share of the picture's side, by number of things
TOP = {1: 1, 2: 5}  # recognised: the class is the first; with two things, both are among the first five
TRIED_AT_A_TIME = 16


@dataclass(frozen=True, eq=False)
class Flipping:
    """The explained logit while tiles are removed.

    Attributes
    ----------
    shares : (steps + 1,) share of the tiles that is gone, 0 to 1; whole tiles go, so the steps may differ a little
    most, least : (N, steps + 1) most and least relevant tiles first
    random : (N, steps + 1) mean over random orders
    """

    shares: np.ndarray
    most: np.ndarray
    least: np.ndarray
    random: np.ndarray

    @property
    def over_random(self) -> np.ndarray:
        """Area between the random and the most-relevant-first curve, (N,)."""
        return np.trapezoid(self.random - self.most, self.shares, axis=1)

    @property
    def over_least(self) -> np.ndarray:
        """Area between the least- and the most-relevant-first curve, (N,)."""
        return np.trapezoid(self.least - self.most, self.shares, axis=1)


def flipping(
    model: keras.Model,
    images,
    target,
    maps,
    *,
    tile: int = 8,
    steps: int = 8,
    fill="blur",
    draws: int = 2,
    seed: int = 0,
    random=None,
    batch_size: int = 8,
) -> Flipping:
    """Curves of the explained logit for maps (N, height, width) of the images (N, height, width, channels).

    Parameters
    ----------
    maps
        Signed where the method is: what speaks against the logit goes last.
    tile, steps
        Side of the tiles in pixels (those at the right and lower border may be smaller), and number of measurements.
    fill
        See :func:`filling`.
    draws, seed
        Random orders for each picture, the same for every method. Tiles with equal sums come in random order too.
    random
        The random curves (N, steps + 1) of :func:`random_curves` for the same settings, where several methods are
        compared: then they are computed once.
    batch_size
        Pictures at a time. The network is passed N (2 (steps - 1)) times, and N (draws (steps - 1) + 2) times more
        where ``random`` is not given.
    """
    if random is None:
        settings = {"tile": tile, "steps": steps, "fill": fill, "draws": draws, "seed": seed, "batch_size": batch_size}
        random = random_curves(model, images, target, **settings)
    sums, fills = tile_sums(np.asarray(maps, float), tile), filling(images, fill, tile)
    curves = []
    for sign in (-1, 1):
        ranks = _ranks(sign * sums, np.random.default_rng([seed, 1]))  # not the random orders
        inner = _inner(model, images, target, fills, ranks, tile, steps, batch_size)
        curves.append(np.column_stack([random[:, 0], inner, random[:, -1]]))  # the ends are the same for every order
    return Flipping(_gone(steps, sums[0].size) / sums[0].size, *curves, random)


def random_curves(
    model: keras.Model,
    images,
    target,
    *,
    tile: int = 8,
    steps: int = 8,
    fill="blur",
    draws: int = 2,
    seed: int = 0,
    batch_size: int = 8,
) -> np.ndarray:
    """Mean curve (N, steps + 1) over random orders of the tiles; the parameters are those of :func:`flipping`."""
    fills, rng = filling(images, fill, tile), np.random.default_rng(seed)
    empty = np.zeros_like(tile_sums(np.zeros(images.shape[:3]), tile))
    drawn = [_inner(model, images, target, fills, _ranks(empty, rng), tile, steps, batch_size) for _ in range(draws)]
    ends = [_scores(model, part, target, batch_size) for part in (images, fills)]
    return np.column_stack([ends[0], np.mean(drawn, axis=0), ends[1]])


def filling(images: np.ndarray, fill="blur", tile: int = 8) -> np.ndarray:
    """What hidden pixels become, shaped like the images (N, height, width, channels).

    ``fill`` is "blur" for the picture behind a Gaussian blur with a standard deviation of one tile, or a number or a
    value per channel in the model's input space.
    """
    if isinstance(fill, str):
        return gaussian_filter(images, (0, tile, tile, 0), mode="nearest")
    return np.broadcast_to(np.asarray(fill, images.dtype), images.shape)


def tile_sums(maps: np.ndarray, tile: int) -> np.ndarray:
    """Sum of each map (N, height, width) over square tiles, (N, rows, columns)."""
    rows = np.add.reduceat(maps, np.arange(0, maps.shape[1], tile), axis=1)
    return np.add.reduceat(rows, np.arange(0, maps.shape[2], tile), axis=2)


def _ranks(sums: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Place of every tile in its picture's order, 0 for the smallest; equal sums in random order."""
    flat = sums.reshape(len(sums), -1)
    order = np.array([np.lexsort((rng.random(row.size), row)) for row in flat])
    return np.argsort(order, axis=1).reshape(sums.shape)


def _gone(steps: int, tiles: int) -> np.ndarray:
    """How many tiles are gone at every measurement."""
    return np.rint(np.linspace(0, 1, steps + 1) * tiles)


def _inner(model, images, target, fills, ranks, tile, steps, batch_size) -> np.ndarray:
    """The curve without its two ends, (N, steps - 1)."""
    weights = output_weights(model, len(images), target)
    counts = _gone(steps, ranks[0].size)[1:-1]
    height, width = images.shape[1:3]
    places = np.repeat(np.repeat(ranks, tile, axis=1), tile, axis=2)[:, :height, :width, np.newaxis]
    number, step = (index.ravel() for index in np.indices((len(images), len(counts))))
    found = [np.zeros(0)]
    for rows in batches(len(number), batch_size):
        n = number[rows]
        gone = places[n] < counts[step[rows]].reshape(-1, 1, 1, 1)
        found.append(_scores(model, np.where(gone, fills[n], images[n]), weights[n], batch_size))
    return np.concatenate(found).reshape(len(images), len(counts))


def _scores(model, images, target, batch_size: int) -> np.ndarray:
    return (output_weights(model, len(images), target) * logits(model, images, batch_size)).sum(axis=1)


def flipping_rows(
    model: keras.Model, scenes: Scenes, maps: Mapping[str, np.ndarray], random=None, **settings
) -> dict[str, dict[str, Value]]:
    """Pixel flipping for the maps (maps, height, width) of each method: rows with the columns of ``FLIPPING``.

    ``settings`` and ``random`` are those of :func:`flipping`. All methods share the random orders.
    """
    scene, thing = scenes.asked.T
    asked = model, scenes.images[scene], scenes.targets[scene, thing]
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


def cascade_curves(
    model: keras.Model, explain: Explainer, scenes: Scenes, draws: int, stages: Sequence[str]
) -> dict[str, np.ndarray]:
    """Likeness to the trained network's maps after each stage, (stages, draws x maps), for each of ``MEASURES``."""
    scene, thing = scenes.asked.T
    asked = scenes.images[scene], scenes.targets[scene, thing]
    alike = [
        cascading_randomisation(model, explain, *asked, at=stages, seed=seed).similarities(MEASURES)
        for seed in range(draws)
    ]
    return {name: np.concatenate([found[name][1:] for found in alike], axis=1) for name in MEASURES}


def collage_scenes(network: PhotoNetwork, count: int, things: int = 1, seed: int = 0) -> tuple[Scenes, float]:
    """Collages of one or two things that the network recognises, and the share of all tries in which it did.

    The cut-outs are drawn at random (two things are of two classes), their places and sizes (``SIZES``) too, on grass,
    gravel and brick in turn. A collage is kept if the class of its one thing comes first, or if the classes of both its
    things are among the first five (``TOP``): of what is not recognised no map can be asked for.

    ``ValueError`` if hardly anything is recognised: larger pictures are needed.
    """
    rng, known = np.random.default_rng(seed), cutout_names()
    kept, tried = [], 0
    while len(kept) < count:
        drawn = [_drawn(rng, known, things, network.input_size) for _ in range(TRIED_AT_A_TIME)]
        images = network.preprocess(np.stack([scene.picture for scene in drawn]))
        order = np.argsort(-network.logits(images), axis=1)[:, : TOP[things]]
        for scene, inputs, best in zip(drawn, images, order, strict=True):
            targets = [network.class_index(name) for name in scene.class_names]
            tried += 1
            if np.isin(targets, best).all() and scene.masks.any(axis=(1, 2)).all():
                kept.append((inputs, scene.masks, targets))
            if len(kept) == count:
                break
        if tried > 50 * (len(kept) + 2):
            raise ValueError(
                f"{network.title} recognised {len(kept)} of {tried} collages at {network.input_size} pixels. Take larger "
                "pictures: vgg16('gap', input_size=224)."
            )
    return Scenes(*map(np.array, zip(*kept, strict=True))), count / tried


def _drawn(rng: np.random.Generator, known: dict[str, str], things: int, size: int):
    names = rng.permutation(list(known))[:things]
    while len({known[name] for name in names}) < things:
        names = rng.permutation(list(known))[:things]
    sizes, background = rng.uniform(*SIZES[things], things), BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    return collage([str(name) for name in names], None, list(sizes), background, size, seed=int(rng.integers(2**32)))
