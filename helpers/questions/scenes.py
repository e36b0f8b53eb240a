"""Scenes to ask questions about: three to six things on a natural background, with the exact mask of each.

Half of the kinds are the painted animals of the toy world, half are photographic cut-outs; which ones were taken, and
why, stands in ``data/questions/MODEL_CARD.md``. All keep the outline and the shading of their photographs and are dyed
in one colour, so kind, colour and size are drawn independently of each other and of the background. The frames of the
things never overlap: no thing covers another.

The scenes are a counterpart of CLEVR (Johnson et al. 2017, arXiv:1612.06890) with photographs in place of solids;
:mod:`helpers.questions.language` asks about them. The same seed gives the same scenes, and a larger count begins with
them.
"""

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image

from helpers.course.arguments import seed_number, whole_number
from helpers.photos.collages import cutout
from helpers.toyworld.animals import resized_outline, turned_outline
from helpers.toyworld.backgrounds import backgrounds, light

ANIMALS = {"cow": "cow", "giraffe": "giraffe", "lion": "lion", "hippo": "hippopotamus"}  # kind: outline
CUTOUTS = {"elephant": "elephant", "penguin": "king penguin", "mushroom": "cep", "pepper": "yellow pepper"}
KINDS = (*ANIMALS, *CUTOUTS)
COLOURS = ("red", "yellow", "blue", "white")
SIZES = ("small", "large")
LENGTHS = {"small": (17, 18, 19, 20), "large": (29, 31, 33)}  # pixels of the longer side
ANGLES = (-7, 0, 7)  # degrees
CANVAS = 36  # pixels: room for the largest thing
_RGB = {  # colour: hue in degrees from and to, saturation from and to, value from and to
    "red": (-12, 10, 0.75, 0.95, 0.7, 1.0),
    "yellow": (48, 60, 0.75, 0.95, 0.75, 1.0),
    "blue": (205, 240, 0.75, 0.95, 0.75, 1.0),
    "white": (0, 360, 0.0, 0.06, 0.88, 1.0),
}
SIDE = 96  # pixels: height and width of the pictures
FEWEST, MOST = 3, 6  # things in a scene
GAP = 2  # pixels at least between the frames of two things
APART = 14  # pixels at least between their middles
_AT_A_TIME = 100  # scenes drawn together; also the unit of the seeds
_TRIES = 40  # places tried for a thing before all things of the scene are placed anew


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture and the truth about it.

    Attributes
    ----------
    picture : (96, 96, 3) 8-bit RGB
    kinds, colours, sizes : of each of the n things, of ``KINDS``, ``COLOURS``, ``SIZES``
    boxes : (n, 4) top, left, bottom, right of its frame
    masks : (n, 96, 96) bool, every pixel that the thing changes
    """

    picture: np.ndarray
    kinds: tuple[str, ...]
    colours: tuple[str, ...]
    sizes: tuple[str, ...]
    boxes: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.kinds)

    def name(self, thing: int) -> str:
        """All that is said about a thing: "small red cow"."""
        return f"{self.sizes[thing]} {self.colours[thing]} {self.kinds[thing]}"


@dataclass(frozen=True, eq=False)
class SceneSet:
    """Many scenes, as arrays; ``scenes[i]`` is one of them.

    Attributes
    ----------
    pictures : (N, 96, 96, 3) 8-bit RGB
    owners : (N, 96, 96) number of the thing that a pixel belongs to, -1 for the background
    kinds, colours, sizes : (N, 6) numbers in ``KINDS``, ``COLOURS``, ``SIZES``; -1 where there is no thing
    boxes : (N, 6, 4) top, left, bottom, right
    """

    pictures: np.ndarray
    owners: np.ndarray
    kinds: np.ndarray
    colours: np.ndarray
    sizes: np.ndarray
    boxes: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, number: int) -> Scene:
        things = int(self.counts[number])
        return Scene(
            self.pictures[number],
            tuple(KINDS[kind] for kind in self.kinds[number, :things]),
            tuple(COLOURS[colour] for colour in self.colours[number, :things]),
            tuple(SIZES[size] for size in self.sizes[number, :things]),
            self.boxes[number, :things],
            self.owners[number] == np.arange(things)[:, None, None],
        )

    @property
    def counts(self) -> np.ndarray:
        """(N,) number of things."""
        return (self.kinds >= 0).sum(axis=1)

    @property
    def middles(self) -> np.ndarray:
        """(N, 6, 2) the middle of every frame, across and down, in pixels."""
        return middles(self.boxes)


def middles(boxes: np.ndarray) -> np.ndarray:
    """The middle (..., 2) of frames (..., 4), across and down, in pixels."""
    top, left, bottom, right = np.moveaxis(np.asarray(boxes, float), -1, 0)
    return np.stack([(left + right) / 2, (top + bottom) / 2], axis=-1)


def draw_scenes(count: int, seed: int = 0, things: bool = True) -> SceneSet:
    """Draw scenes.

    Parameters
    ----------
    count, seed
        How many, and of which series.
    things
        False leaves the things out of the pictures; every other pixel stays as it is.

    Raises
    ------
    ValueError
        If count or seed is negative or not whole.
    """
    count, seed = whole_number("count", count), seed_number(seed)
    blocks = [_drawn(seed, block, things) for block in range(max(1, -(-count // _AT_A_TIME)))]
    return SceneSet(*(np.concatenate(parts)[:count] for parts in zip(*blocks, strict=True)))


def _drawn(seed: int, block: int, things: bool) -> tuple[np.ndarray, ...]:
    """One block of scenes, in the order of the fields of :class:`SceneSet`. Things and ground have a stream each."""
    rng, ground = (np.random.default_rng([seed, block, stream]) for stream in range(2))
    kinds, colours, sizes = _attributes(rng)
    bank = pieces()
    pose = rng.integers(len(bank.opacity[0, 0]), size=kinds.shape)
    shapes = bank.shape[kinds, sizes, pose] * (kinds >= 0)[..., None]
    corners = _places(shapes, rng)
    dye = dyes(colours, rng)
    _, canvas = backgrounds(_AT_A_TIME, SIDE, ground)
    canvas = np.pad(canvas, ((0, 0), (0, CANVAS), (0, CANVAS), (0, 0)))
    owners = np.full(canvas.shape[:3], -1, np.int8)
    scene = np.arange(_AT_A_TIME)[:, None, None]
    for n in range(MOST):
        present = np.flatnonzero(kinds[:, n] >= 0)
        rows, columns = (corners[present, n, axis, None] + np.arange(CANVAS) for axis in range(2))
        window = scene[present], rows[:, :, None], columns[:, None, :]
        piece = kinds[present, n], sizes[present, n], pose[present, n]
        opacity = bank.opacity[piece]
        owners[window] = np.where(opacity > 0, np.int8(n), owners[window])
        if things:
            colour = dye[present, n, None, None] * bank.shading[piece][..., None]
            canvas[window] += opacity[..., None] * (colour - canvas[window])
    canvas = canvas[:, :SIDE, :SIDE] * light(_AT_A_TIME, SIDE, ground)
    pictures = np.rint(255 * np.clip(canvas, 0, 1)).astype(np.uint8)
    boxes = np.concatenate([corners, corners + shapes], axis=-1).astype(np.int16)
    return pictures, owners[:, :SIDE, :SIDE], kinds, colours, sizes, boxes


def _attributes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinds, colours and sizes (scenes, 6). Each scene draws from a few kinds and colours of its own, so that counts
    vary and one word is often not enough to say which thing is meant."""
    shape = (_AT_A_TIME, MOST)
    present = np.arange(MOST) < rng.integers(FEWEST, MOST + 1, (_AT_A_TIME, 1))
    kinds = _from_palettes(len(KINDS), rng.integers(2, 7, _AT_A_TIME), rng)
    colours = _from_palettes(len(COLOURS), rng.integers(2, 5, _AT_A_TIME), rng)
    sizes = rng.random(shape) < rng.choice([0.25, 0.5, 0.75], (_AT_A_TIME, 1))
    return tuple(np.where(present, values, -1).astype(np.int8) for values in (kinds, colours, sizes))


def _from_palettes(count: int, widths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers below ``count`` (scenes, 6), each scene's from ``widths`` different ones."""
    palettes = rng.permuted(np.tile(np.arange(count), (_AT_A_TIME, 1)), axis=1)
    return np.take_along_axis(palettes, rng.integers(0, widths[:, None], (_AT_A_TIME, MOST)), axis=1)


def _places(shapes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Corners (scenes, 6, 2) of frames with these heights and widths; no two closer than ``GAP`` and ``APART``.

    The largest thing is placed first. A scene in which one finds no place begins anew.
    """
    order = np.argsort(-shapes.prod(axis=-1), axis=1, kind="stable")
    corners = np.zeros(shapes.shape, int)
    open_scenes = np.arange(len(shapes))
    while len(open_scenes):
        fits = np.ones(len(open_scenes), bool)
        for n in range(MOST):
            own = order[open_scenes, n]
            shape = shapes[open_scenes, own][:, None]
            corner = np.floor(rng.random((len(own), _TRIES, 2)) * (SIDE - shape + 1)).astype(int)
            free = np.ones((len(own), _TRIES), bool)
            for other in order[open_scenes, :n].T:
                there, size = (values[open_scenes, other][:, None] for values in (corners, shapes))
                apart = ((corner >= there + size + GAP) | (there >= corner + shape + GAP)).any(axis=-1)
                far = np.hypot(*np.moveaxis(corner + shape / 2 - there - size / 2, -1, 0)) >= APART
                free &= (apart & far) | (size[..., 0] == 0)
            free |= shape[..., 0] == 0
            corners[open_scenes, own] = corner[np.arange(len(own)), free.argmax(axis=1)] * (shape[:, 0] > 0)
            fits &= free.any(axis=1)
        open_scenes = open_scenes[~fits]
    return corners


@dataclass(frozen=True)
class Pieces:
    """All things in all poses, in the upper left corner of a canvas: (kinds, sizes, poses, 36, 36) float32."""

    opacity: np.ndarray
    shading: np.ndarray
    shape: np.ndarray  # (kinds, sizes, poses, 2): height and width


@functools.cache
def pieces() -> Pieces:
    """Every length, angle and mirror image, computed once. The smaller size has more lengths; the larger repeats some."""
    poses = [(length, angle, side) for length in range(4) for angle in ANGLES for side in (1, -1)]
    shape = (len(KINDS), len(SIZES), len(poses))
    opacity, shape = np.zeros((*shape, CANVAS, CANVAS), np.float32), np.zeros((*shape, 2), int)
    shading = np.ones_like(opacity)
    for kind, name in enumerate(KINDS):
        turned = {angle: _turned(name, angle) for angle in ANGLES}
        for size, lengths in enumerate(LENGTHS.values()):
            for pose, (length, angle, side) in enumerate(poses):
                factor = lengths[length % len(lengths)] / max(turned[angle][0].shape)
                piece, shade = resized_outline(*turned[angle], factor)
                rows, columns = (np.flatnonzero((piece > 0).any(axis=axis)) for axis in (1, 0))
                crop = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                piece, shade = piece[crop][:, ::side], shade[crop][:, ::side]
                window = np.s_[kind, size, pose, : piece.shape[0], : piece.shape[1]]
                opacity[window], shading[window] = piece, shade
                shape[kind, size, pose] = piece.shape
    return Pieces(opacity, shading, shape)


def _turned(kind: str, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Opacity and shading of a thing, turned by ``angle`` degrees, in the photograph's resolution."""
    if kind in ANIMALS:
        return turned_outline(ANIMALS[kind], angle)
    photograph = Image.fromarray(cutout(CUTOUTS[kind]).picture)
    pixels = np.asarray(photograph.rotate(angle, Image.Resampling.BICUBIC, expand=True), np.float32) / 255
    opacity, luminance = pixels[..., 3], pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    return opacity, luminance / np.median(luminance[opacity > 0.5])  # as a factor of the dye, like an animal's shading


def dyes(colours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """RGB (scenes, 6, 3), 0 to 1, drawn around the colours."""
    low, high = (np.array([_RGB[name][side::2] for name in COLOURS])[colours] for side in (0, 1))
    hue, saturation, value = np.moveaxis(rng.uniform(low, high), -1, 0)
    k = (np.array([5.0, 3.0, 1.0]) + hue[..., None] / 60) % 6
    return (value[..., None] * (1 - saturation[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1))).astype(np.float32)
