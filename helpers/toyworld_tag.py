"""The photographer's tag of the toy world: a short bright text with a dark rim in the lower left corner."""

import numpy as np

from helpers.toyworld_coats import glyphs

TEXT = "PHOTO"


def tag_layers(zoom: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Strokes, and strokes with their rim: (height, width) of 0 and 1, every pixel ``zoom`` times as large."""
    strokes = np.pad(glyphs(TEXT), 1)
    height, width = strokes.shape
    shifted = [np.pad(strokes, 1)[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return tuple(np.kron(layer, np.ones((zoom, zoom))) for layer in (strokes, np.max(shifted, axis=0)))


def tags(
    pictures: np.ndarray, rng: np.random.Generator, anywhere: bool = False, zoom: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Places for a tag, and what the pictures show there without and with it. The pictures stay as they are.

    Parameters
    ----------
    pictures : (count, size, size, 3) 8-bit RGB
    rng : decides on place, brightness and how dark the rim is
    anywhere : the place is near the lower left corner (False), or anywhere (True)

    Returns
    -------
    Boxes (count, 4): top, left, bottom, right; and windows (count, 2, height, width, 3) 8-bit RGB.
    """
    strokes, rimmed = (layer[..., None] for layer in tag_layers(zoom))
    (height, width), (count, size) = strokes.shape[:2], pictures.shape[:2]
    if anywhere:
        top, left = rng.integers(0, size - height + 1, count), rng.integers(0, size - width + 1, count)
    else:
        top, left = size - height - zoom * rng.integers(1, 6, count), zoom * rng.integers(1, 8, count)
    bright, veil = rng.uniform(225, 255, (count, 1, 1, 1)), rng.uniform(0.6, 0.8, (count, 1, 1, 1))
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    clean = pictures[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    marked = clean * (1 - veil * rimmed) * (1 - strokes) + bright * strokes
    boxes = np.stack([top, left, top + height, left + width], axis=1)
    return boxes, np.stack([clean, np.rint(marked).astype(np.uint8)], axis=1)


def put(pictures: np.ndarray, boxes: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """A copy of the pictures with the windows (count, height, width, 3) at their boxes."""
    pictures = pictures.copy()
    for picture, (top, left, bottom, right), window in zip(pictures, boxes, windows, strict=True):
        picture[top:bottom, left:right] = window
    return pictures
