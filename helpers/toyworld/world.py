"""A small world of pictures in which the right explanation is known.

Animals with the outlines and the shading of photographs wear painted coats and stand on natural backgrounds. Outline,
coat and background are drawn independently, so the same pictures can be labelled two ways: by outline, where the coat
says nothing, and by coat, where the outline says nothing.

A photographer's tag, a short bright text with a dark rim in the lower left corner, can be planted on one class, as on
the horses of a famous photo collection, whose tag a classifier had learned to read (Lapuschkin et al. 2019).

Everything that is drawn depends on the seed and the number of the picture only: the same scene can be had with another
coat, and with and without the tag, every other pixel unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.ndimage import maximum_filter

from helpers.course.arguments import choice, name_list, positions, real_array, real_number, seed_number, whole_number
from helpers.toyworld.animals import OUTLINES, placed_outlines
from helpers.toyworld.backgrounds import BACKGROUNDS, backgrounds, light
from helpers.toyworld.coats import COATS, HUES, PATTERNS, glyphs, painted_coats

TAG = "PHOTO"
SIZE = 64  # pixels: height and width of the pictures
_AT_A_TIME = 100  # pictures drawn together; also the unit of the seeds


@dataclass(frozen=True)
class Watermark:
    """The photographer's tag, planted on one class with a probability, and on no other class.

    ``by`` says whether ``class_name`` is an "outline" or a "coat".
    """

    class_name: str
    probability: float = 1.0
    by: str = "outline"

    def __post_init__(self):
        names = _names(self.by)
        if self.class_name not in names:
            raise ValueError(f"There is no {self.by} {self.class_name!r} to mark. There are: {', '.join(names)}.")
        real_number("A probability", self.probability, 0, 1)


@dataclass(frozen=True)
class Recipe:
    """All that the pictures of a world follow from. ``swap`` is the seed of exchanged coats, None for the first ones."""

    count: int
    seed: int
    outlines: tuple[str, ...]
    coats: tuple[str, ...]
    backgrounds: tuple[str, ...]
    hue: str | None
    swap: int | None = None


@dataclass(frozen=True, eq=False)
class World:
    """Pictures and the truth about them.

    Attributes
    ----------
    pictures : (n, 64, 64, 3) 8-bit RGB
    masks : (n, 64, 64) bool, the animal; all other pixels are background (or tag)
    outlines : (n,) numbers in ``OUTLINES``
    coats : (n,) numbers in ``PATTERNS``, whose first four are ``COATS``
    backgrounds : (n,) numbers in ``BACKGROUNDS``
    marked : (n,) bool, whether the tag is there
    mark_boxes : (n, 4) top, left, bottom, right of the tag, or of where it would be
    numbers : (n,) which pictures of the recipe these are
    """

    pictures: np.ndarray
    masks: np.ndarray
    outlines: np.ndarray
    coats: np.ndarray
    backgrounds: np.ndarray
    marked: np.ndarray
    mark_boxes: np.ndarray
    numbers: np.ndarray
    recipe: Recipe
    windows: np.ndarray = field(repr=False)  # (n, 2, height, width, 3): the place of the tag without and with it

    def __len__(self) -> int:
        return len(self.pictures)

    def labels(self, by: str) -> np.ndarray:
        """(n,) class numbers ``by`` "outline" or "coat"."""
        _names(by)
        return self.outlines if by == "outline" else self.coats

    def names(self, by: str) -> np.ndarray:
        """(n,) class names ``by`` "outline" or "coat"."""
        return np.array(_names(by))[self.labels(by)]

    @property
    def mark_masks(self) -> np.ndarray:
        """(n, 64, 64) bool: strokes and rim of the tag where it is planted."""
        masks, shape = np.zeros(self.masks.shape, bool), tag_layers()[1] > 0
        for number in np.flatnonzero(self.marked):
            top, left, bottom, right = self.mark_boxes[number]
            masks[number, top:bottom, left:right] = shape
        return masks

    def part(self, which) -> "World":
        """The pictures ``which``: a bool for each, or their positions."""
        which = positions(which, len(self))
        return replace(self, **{name: getattr(self, name)[which] for name in _ARRAYS})


_ARRAYS = ("pictures", "masks", "outlines", "coats", "backgrounds", "marked", "mark_boxes", "numbers", "windows")


def make_world(
    count: int,
    seed: int = 0,
    *,
    watermark: Watermark | None = None,
    outlines: Sequence[str] = OUTLINES,
    coats: Sequence[str] = COATS,
    backgrounds: Sequence[str] = BACKGROUNDS,
    hue: str | None = None,
) -> World:
    """Draw a world.

    Parameters
    ----------
    count, seed
        How many pictures. A larger count with the same seed begins with the same pictures.
    watermark
        The class that gets the tag, and how often. All other pixels are as without it.
    outlines, coats, backgrounds
        What to draw from, all with the same probability and independently.
    hue
        A key of ``HUES``: all coats have colours of that hue. None: any colours.

    Raises
    ------
    ValueError
        If a name is unknown, none is given, the count is negative, or the tag's class is not drawn.
    """
    count, seed = whole_number("count", count), seed_number(seed)
    chosen = [
        _known("outline", outlines, OUTLINES),
        _known("coat", coats, PATTERNS),
        _known("background", backgrounds, BACKGROUNDS),
    ]
    if hue is not None:
        choice("hue", hue, HUES)
    if watermark is not None and watermark.class_name not in chosen[0] + chosen[1]:
        raise ValueError(f"{watermark.class_name!r} cannot be marked: this world draws {', '.join(chosen[0])} only.")
    world = _drawn(Recipe(count, seed, *chosen, hue))
    return world if watermark is None else plant(world, watermark)


def plant(world: World, watermark: Watermark) -> World:
    """The same scenes, with the tag on its class only, at its rate; tags that were there before are removed."""
    chance = np.random.default_rng([world.recipe.seed, 1]).random(world.recipe.count)[world.numbers]
    is_class = world.labels(watermark.by) == _names(watermark.by).index(watermark.class_name)
    return with_watermark(world, is_class & (chance < watermark.probability))


def with_watermark(world: World, which=True) -> World:
    """The same scenes, with the tag on the pictures ``which`` (one bool for each, or for all) and on no others."""
    which = real_array("which", which)
    if which.dtype != bool or which.shape not in ((), (len(world),)):
        raise ValueError(
            f"Say True or False for each of the {len(world)} pictures; got {which.dtype} of shape {which.shape}."
        )
    marked = np.broadcast_to(which, len(world)).copy()
    pictures = put(world.pictures, world.mark_boxes, world.windows[np.arange(len(world)), marked.astype(int)])
    return replace(world, pictures=pictures, marked=marked)


def without_watermark(world: World) -> World:
    """The same scenes without any tag."""
    return with_watermark(world, False)


def swap_coats(world: World, seed: int = 0) -> World:
    """The same scenes (outline, place, light, background, tag), but every animal in another coat than before.

    Raises
    ------
    ValueError
        If the world has one coat only, or coats that were swapped already.
    """
    if len(world.recipe.coats) < 2 or world.recipe.swap is not None:
        raise ValueError("Coats can be swapped once, in a world that has at least two of them.")
    other = _drawn(replace(world.recipe, swap=seed_number(seed)), world.numbers)
    return with_watermark(other, world.marked)


def _drawn(recipe: Recipe, numbers: np.ndarray | None = None) -> World:
    """The pictures with these numbers, all by default, without any tag."""
    numbers = np.arange(recipe.count) if numbers is None else numbers
    batches = np.unique(numbers // _AT_A_TIME) if len(numbers) else np.array([0])
    parts = [_draw(recipe, int(batch) * _AT_A_TIME) for batch in batches]
    rows = np.searchsorted(batches, numbers // _AT_A_TIME) * _AT_A_TIME + numbers % _AT_A_TIME
    arrays = {name: np.concatenate([part[name] for part in parts])[rows] for name in parts[0]}
    return World(**arrays, marked=np.zeros(len(numbers), bool), numbers=numbers, recipe=recipe)


def _draw(recipe: Recipe, start: int) -> dict[str, np.ndarray]:
    """Pictures number ``start`` to ``start`` + 99. One stream of random numbers each for scene, coat and tag."""
    count, streams = _AT_A_TIME, [np.random.default_rng([recipe.seed, 0, start, stream]) for stream in range(3)]
    numbers = np.array([OUTLINES.index(name) for name in recipe.outlines])
    outlines = numbers[streams[0].integers(len(numbers), size=count)]
    opacity, shading = placed_outlines(outlines, SIZE, streams[0])
    kinds, canvas = backgrounds(count, SIZE, streams[0], recipe.backgrounds)
    shine = light(count, SIZE, streams[0])
    coats = np.array([PATTERNS.index(name) for name in recipe.coats])
    drawn = streams[1].integers(len(coats), size=count)
    if recipe.swap is not None:
        streams[1] = np.random.default_rng([recipe.seed, 0, start, 3, recipe.swap])
        drawn = (drawn + streams[1].integers(1, len(coats), count)) % len(coats)
    canvas += opacity * (painted_coats(coats[drawn], (SIZE, SIZE), streams[1], recipe.hue) * shading - canvas)
    pictures = np.rint(255 * np.clip(canvas * shine, 0, 1)).astype(np.uint8)
    boxes, windows = tags(pictures, streams[2])
    return {
        "pictures": pictures,
        "masks": opacity[..., 0] > 0,
        "outlines": outlines,
        "coats": coats[drawn],
        "backgrounds": kinds,
        "mark_boxes": boxes,
        "windows": windows,
    }


def _known(what: str, names: Sequence[str], known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(choice(what, name, known) for name in name_list(f"{what}s", names))


def _names(by: str) -> tuple[str, ...]:
    if by not in ("outline", "coat"):
        raise ValueError(f'Pictures are labelled by "outline" or by "coat"; got {by!r}.')
    return OUTLINES if by == "outline" else PATTERNS


def tag_layers(zoom: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Strokes of the tag, and strokes with their rim: (height, width) of 0 and 1, every pixel ``zoom`` times as large."""
    strokes = np.pad(glyphs(TAG), 1)
    return tuple(np.kron(layer, np.ones((zoom, zoom))) for layer in (strokes, maximum_filter(strokes, 3)))


def tags(
    pictures: np.ndarray, rng: np.random.Generator, anywhere: bool = False, zoom: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Places for a tag, and what the pictures show there without and with it. The pictures stay as they are.

    Parameters
    ----------
    pictures : (count, size, size, 3) 8-bit RGB
    rng : decides on place, brightness and how dark the rim is
    anywhere : the place is near the lower left corner (False), or anywhere (True)
    zoom : as in :func:`tag_layers`

    Returns
    -------
    Boxes (count, 4): top, left, bottom, right; and windows (count, 2, height, width, 3) 8-bit RGB.
    """
    strokes, rimmed = (layer[..., None] for layer in tag_layers(zoom))
    (height, width), (count, size) = strokes.shape[:2], pictures.shape[:2]
    if anywhere:
        top, left = rng.integers(0, size - height + 1, count), rng.integers(0, size - width + 1, count)
    else:
        top, left = size - height - rng.integers(1, 6, count), rng.integers(1, 8, count)
    bright, veil = rng.uniform(225, 255, (count, 1, 1, 1)), rng.uniform(0.6, 0.8, (count, 1, 1, 1))
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    clean = pictures[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    tagged = clean * (1 - veil * rimmed) * (1 - strokes) + bright * strokes
    boxes = np.stack([top, left, top + height, left + width], axis=1)
    return boxes, np.stack([clean, np.rint(tagged).astype(np.uint8)], axis=1)


def put(pictures: np.ndarray, boxes: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """A copy of the pictures with the windows (count, height, width, 3) at their boxes."""
    pictures = pictures.copy()
    for picture, (top, left, bottom, right), window in zip(pictures, boxes, windows, strict=True):
        picture[top:bottom, left:right] = window
    return pictures
