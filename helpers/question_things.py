"""The things in the scenes that questions are asked about: outlines and shading of photographs, dyed in one colour.

Half of the kinds are the painted animals of the toy world, half are photographic cut-outs. Which ones were taken, and why,
stands in ``data/questions/MODEL_CARD.md``.
"""

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image

from helpers.collages import cutout
from helpers.toyworld_animals import resized_outline, turned_outline

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
