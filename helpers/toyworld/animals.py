"""The animals of the toy world: outlines and shading of photographs, and any coat painted on.

Of a photograph the outline is kept and how light falls on the body. Its colours are not, and of animals that wear a
pattern themselves (zebra, tiger, giraffe) only the smooth part of the shading: a morphological closing fills the dark
lines with the brightness beside them, so that no stripe of the photograph is left under the painted coat.
"""

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, grey_closing

from helpers.files import fetch
from helpers.photos.collages import read_cutout, read_index

OUTLINES = ("horse", "donkey", "zebra", "cow", "bull", "tiger", "lion", "hippopotamus", "giraffe")
CANVAS = 80  # pixels: a pose of an animal, in its middle, with room to be moved about in a picture of 64
LENGTHS = (46, 50, 54, 58, 62)  # pixels of the longer side
ANGLES = (-12, -8, -4, 0, 4, 8, 12)  # degrees
# As shares of the longer side: the widest dark line that is closed, and the blur of the shading with and without it
_LINES, _BLUR_CLOSED, _BLUR = 0.065, 0.03, 0.02
_DARKEST, _LIGHTEST = 0.6, 1.2  # factors of the shading


@dataclass(frozen=True)
class Poses:
    """All outlines in all poses: 8-bit, (outlines, lengths * angles, CANVAS, CANVAS).

    ``opacity`` is 255 inside; ``shading`` is 100 where the coat keeps its colour, more in the light, less in the shade.
    ``box`` (outlines, poses, 4) is the frame around the animal: top, left, bottom, right.
    """

    opacity: np.ndarray
    shading: np.ndarray
    box: np.ndarray


@functools.cache
def shaded_outline(outline: str) -> tuple[np.ndarray, np.ndarray]:
    """Opacity and shading (height, width) float32 of an animal, facing as in its photograph.

    The opacity runs from 0 to 1. The shading is a factor with median 1 for the coat's colours: the photograph's
    luminance, blurred within the outline, stretched for every animal to the same range. Dark lines of patterned animals
    are closed first (Serra 1982).
    """
    picture = read_cutout(fetch(f"toyworld/{outline}.png"), outline, outline).picture.astype(np.float32) / 255
    opacity = picture[..., 3]
    luminance = picture[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    side = max(opacity.shape)
    if _wears_pattern(outline):
        luminance = grey_closing(np.where(opacity > 0.5, luminance, 0), size=(round(_LINES * side),) * 2)
    width = side * (_BLUR_CLOSED if _wears_pattern(outline) else _BLUR)
    blurred = gaussian_filter(luminance * opacity, width) / np.maximum(gaussian_filter(opacity, width), 1e-3)
    inside = blurred[opacity > 0.5]
    low, middle, high = np.quantile(inside, [0.03, 0.5, 0.97])
    darker = (1 - _DARKEST) * (blurred - middle) / max(middle - low, 0.02)
    lighter = (_LIGHTEST - 1) * (blurred - middle) / max(high - middle, 0.02)
    shading = 1 + np.where(blurred < middle, darker, lighter)
    return opacity, np.clip(shading, _DARKEST, _LIGHTEST).astype(np.float32)


@functools.cache
def _wears_pattern(outline: str) -> bool:
    return read_index(fetch("toyworld/index.tsv"), "coat_in_the_photograph").get(outline) == "patterned"


@functools.cache
def poses() -> Poses:
    """Every outline at all lengths and angles, computed once."""
    shape = (len(OUTLINES), len(LENGTHS) * len(ANGLES))
    opacity = np.zeros((*shape, CANVAS, CANVAS), np.uint8)
    shading, box = np.full_like(opacity, 100), np.zeros((*shape, 4), np.int32)
    for outline, name in enumerate(OUTLINES):
        pose = 0
        for length in LENGTHS:
            for angle in ANGLES:
                turned = turned_outline(name, angle)
                piece, light = resized_outline(*turned, length / max(turned[0].shape))
                height, width = piece.shape
                top, left = (CANVAS - height) // 2, (CANVAS - width) // 2
                window = np.s_[outline, pose, top : top + height, left : left + width]
                opacity[window], shading[window] = np.rint(255 * piece), np.rint(100 * light)
                box[outline, pose] = top, left, top + height, left + width
                pose += 1
    return Poses(opacity, shading, box)


def placed_outlines(outlines: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Animals in random poses at random places of a picture, mirrored half the time.

    Parameters
    ----------
    outlines : (count,) numbers in ``OUTLINES``
    size : height and width of the pictures in pixels, at least the largest of ``LENGTHS``

    Returns
    -------
    Opacity and shading, both (count, size, size, 1) float32. The whole animal is always within the picture.
    """
    bank, count = poses(), len(outlines)
    pose, mirrored = rng.integers(bank.box.shape[1], size=count), rng.random(count) < 0.5
    box = bank.box[outlines, pose]
    lowest, highest = box[:, 2:] - size, box[:, :2]  # corners of the picture on the canvas that leave nothing out
    corner = lowest + np.floor(rng.random((count, 2)) * (highest - lowest + 1)).astype(int)
    rows, columns = (corner[:, axis, None] + np.arange(size) for axis in range(2))
    columns[mirrored] = columns[mirrored, ::-1]
    inside = ((rows >= 0) & (rows < CANVAS))[:, :, None] & ((columns >= 0) & (columns < CANVAS))[:, None, :]
    rows, columns = (np.clip(places, 0, CANVAS - 1) for places in (rows, columns))
    window = outlines[:, None, None], pose[:, None, None], rows[:, :, None], columns[:, None, :]
    opacity = bank.opacity[window] * inside / np.float32(255)
    return opacity[..., None].astype(np.float32), bank.shading[window][..., None] / np.float32(100)


def turned_outline(outline: str, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Opacity and shading of an animal, turned by ``angle`` degrees and cropped, in the photograph's resolution."""
    opacity, shading = shaded_outline(outline)
    parts = (Image.fromarray(part).rotate(angle, Image.Resampling.BICUBIC, expand=True) for part in (opacity, shading))
    opacity, shading = (np.asarray(part) for part in parts)
    rows, columns = np.nonzero(opacity > 0.5)
    crop = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return opacity[crop], shading[crop]


def resized_outline(opacity: np.ndarray, shading: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Opacity and shading, ``factor`` times as large."""
    shape = tuple(max(1, round(side * factor)) for side in opacity.shape[::-1])
    method = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
    veil, light = (np.asarray(Image.fromarray(part).resize(shape, method)) for part in (opacity, opacity * shading))
    shading = np.clip(light / np.maximum(veil, 0.05), _DARKEST, _LIGHTEST)
    return np.clip((veil - 0.1) / 0.8, 0, 1), shading  # a clean edge: no veil far outside, no holes inside
