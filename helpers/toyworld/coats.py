"""Coats and other two-coloured patterns: stripes, spots, patches, and patterns that no animal of the toy world wears.

A pattern is a map of values from 0 to 1, the share of the second colour; two colours make a coat of it. All lengths are
pixels of the world's pictures; ``scale`` stretches them for larger ones. Colours come from the same distribution for
all patterns, and either colour can be the ground, so that the mean colour says little about the pattern.
"""

from collections.abc import Callable

import numpy as np

COATS = ("plain", "striped", "spotted", "patched")
DECOYS = ("checked", "zigzag", "ringed", "lettered")
PATTERNS = COATS + DECOYS

HUES = {  # name: degrees on the colour circle, from and to
    "red": (-12, 12),
    "orange": (20, 38),
    "yellow": (48, 62),
    "green": (90, 150),
    "blue": (200, 245),
    "purple": (270, 310),
}
_FONT = {  # 3 x 5 pixels each, row by row
    "A": "010101111101101",
    "C": "011100100100011",
    "E": "111100110100111",
    "F": "111100110100100",
    "H": "101101111101101",
    "K": "101101110101101",
    "L": "100100100100111",
    "N": "101111111111101",
    "O": "111101101101111",
    "P": "110101110100100",
    "R": "110101110101101",
    "S": "011100010001110",
    "T": "111010010010010",
    "U": "101101101101111",
    "X": "101101010101101",
    "Z": "111001010100111",
}


def pattern(name: str, count: int, shape: tuple[int, int], rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
    """Draw patterns of one kind, all different.

    Parameters
    ----------
    name
        One of ``PATTERNS``.
    count, shape
        How many, and their height and width in pixels.
    rng
        Decides on direction, width, place and irregularity.
    scale
        1 for pictures of 64 pixels: stripes are then 3 to 5 pixels wide, spots 4 to 8, patches about 10.

    Returns
    -------
    (count, height, width) float32 from 0 to 1: the share of the second colour. "plain" is one value all over.
    """
    return np.clip(_PAINTERS[name](count, shape, rng, scale), 0, 1).astype(np.float32)


def colour_pairs(count: int, rng: np.random.Generator, hue: str | None = None) -> np.ndarray:
    """Two colours for each coat: (count, 2, 3), RGB from 0 to 1, one light and one dark, in random order.

    Most are browns, greys and oranges, a quarter has any hue. ``hue`` (a key of ``HUES``) keeps both within that hue.
    """
    degrees = np.where(rng.random((count, 2)) < 0.72, rng.normal(30, 9, (count, 2)), rng.uniform(0, 360, (count, 2)))
    light, dark = rng.uniform(0.78, 1.0, count), rng.uniform(0.10, 0.40, count)
    saturation = rng.beta(1.5, 2.0, (count, 2)) * np.array([0.75, 0.95])
    if hue is not None:
        degrees = rng.uniform(*HUES[hue], (count, 2))
        saturation = rng.uniform(0.65, 0.95, (count, 2))
    pairs = _rgb(degrees, saturation, np.stack([light, dark], axis=1))
    swapped = rng.random(count) < 0.5
    pairs[swapped] = pairs[swapped, ::-1]
    return pairs.astype(np.float32)


def coloured(patterns: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Patterns (count, height, width) in two colours (count, 2, 3): (count, height, width, 3) float32, 0 to 1."""
    share = patterns[..., None]
    return (1 - share) * pairs[:, None, None, 0] + share * pairs[:, None, None, 1]


def painted_coats(numbers: np.ndarray, shape: tuple[int, int], rng: np.random.Generator, hue: str | None = None):
    """Coats (count, height, width, 3) float32 with these numbers in ``PATTERNS``."""
    pairs, patterns = colour_pairs(len(numbers), rng, hue), np.empty((len(numbers), *shape), np.float32)
    for number in np.unique(numbers):
        wearing = numbers == number
        patterns[wearing] = pattern(PATTERNS[number], int(wearing.sum()), shape, rng)
    return coloured(patterns, pairs)


def smooth_noise(count: int, shape: tuple[int, int], spacing: float, rng: np.random.Generator) -> np.ndarray:
    """Random fields (count, height, width) of mean 0 and standard deviation 1 that change over ``spacing`` pixels."""
    down, across = (_spline(length, spacing) for length in shape)
    knots = rng.standard_normal((count, down.shape[1], across.shape[1])).astype(np.float32)
    return down @ knots @ across.T


def glyphs(text: str) -> np.ndarray:
    """Letters of the 3 x 5 pixel font in one line, a column between them: (5, 4 n - 1) of 0 and 1."""
    return np.concatenate([np.pad(_glyph(letter), ((0, 0), (0, 1))) for letter in text], axis=1)[:, :-1]


def _glyph(letter: str) -> np.ndarray:
    return np.array(list(_FONT[letter]), np.float32).reshape(5, 3)


def _rgb(degrees: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Hue, saturation, value to RGB (Smith 1978): channel n is v - v s max(0, min(k, 4 - k, 1)), k = n + h/60 mod 6."""
    k = (np.array([5.0, 3.0, 1.0]) + degrees[..., None] / 60) % 6
    return value[..., None] * (1 - saturation[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1))


def _spline(length: int, spacing: float) -> np.ndarray:
    """Cubic B-spline weights (length, knots) for knots every ``spacing`` pixels, scaled to unit variance."""
    place = (np.arange(length) + 0.5) / spacing
    distance = np.abs(place[:, None] - np.arange(-1, int(length / spacing) + 3))
    weights = np.where(distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.clip(2 - distance, 0, None) ** 3 / 6)
    return (weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))).astype(np.float32)


def _turned(count: int, shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along two perpendicular axes in a random direction, from a random origin: (count, height, width)."""
    angle, origin = rng.uniform(0, 2 * np.pi, (count, 1, 1)), rng.uniform(0, 1000, (2, count, 1, 1))
    rows, columns = np.arange(shape[0])[None, :, None], np.arange(shape[1])[None, None, :]
    cosine, sine = np.cos(angle), np.sin(angle)
    across = (cosine * columns + sine * rows + origin[0]).astype(np.float32)
    return across, (cosine * rows - sine * columns + origin[1]).astype(np.float32)


def _edge(pixels: np.ndarray) -> np.ndarray:
    """1 inside, 0 outside, with an edge a good pixel wide; ``pixels`` is the distance to the edge, positive inside."""
    return np.clip(0.5 + pixels / 1.2, 0, 1)


def _per_picture(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)


def _plain(count, shape, rng, scale):
    return np.broadcast_to(_per_picture(rng, 0.05, 0.95, count), (count, *shape))


def _bands(place, period, width):
    """Bands of ``width`` pixels, one in every ``period``, across the coordinate ``place``."""
    return _edge(width / 2 - np.abs(place % period - period / 2))


def _striped(count, shape, rng, scale):
    across, _ = _turned(count, shape, rng)
    period = scale * _per_picture(rng, 6.6, 10.0, count)
    across += smooth_noise(count, shape, 16 * scale, rng) * scale * _per_picture(rng, 0.2, 1.6, count)
    return _bands(across, period, period * _per_picture(rng, 0.46, 0.54, count))


def _lattice(count, shape, rng, cell, jitter):
    """Distance in pixels to the middle of the lattice cell, every second row shifted by half, the middles jittered."""
    across, down = _turned(count, shape, rng)
    across, down = across / cell, down / cell
    row = np.floor(down).astype(np.int32)
    across = across + 0.5 * (row % 2)
    column = np.floor(across).astype(np.int32)
    table = rng.uniform(-jitter, jitter, (2, count, 32, 32)).astype(np.float32)
    number = np.arange(count)[:, None, None]
    right, below = table[:, number, row % 32, column % 32]
    return cell * np.hypot(across - column - 0.5 - right, down - row - 0.5 - below)


def _spotted(count, shape, rng, scale):
    cell = scale * _per_picture(rng, 7.6, 11.0, count)
    return _edge(cell * _per_picture(rng, 0.29, 0.35, count) - _lattice(count, shape, rng, cell, 0.14))


def _ringed(count, shape, rng, scale):
    cell = scale * _per_picture(rng, 12.0, 16.0, count)
    distance = _lattice(count, shape, rng, cell, 0.05)
    return _edge(cell * 0.08 + 0.4 * scale - np.abs(distance - 0.33 * cell))


def _patched(count, shape, rng, scale):
    share = _per_picture(rng, 0, 1, count)
    field = share * smooth_noise(count, shape, 8 * scale, rng)
    field += (1 - share) * smooth_noise(count, shape, 6 * scale, rng)
    middle = np.quantile(field, 0.5, axis=(1, 2), keepdims=True) if field.size else 0
    return np.clip(0.5 + (field - middle - _per_picture(rng, -0.12, 0.12, count)) * 6 * max(1.0, scale), 0, 1)


def _checked(count, shape, rng, scale):
    across, down = _turned(count, shape, rng)
    side = scale * _per_picture(rng, 4.0, 6.5, count)
    first, second = _bands(across, 2 * side, side), _bands(down, 2 * side, side)
    return first + second - 2 * first * second


def _zigzag(count, shape, rng, scale):
    across, down = _turned(count, shape, rng)
    period = scale * _per_picture(rng, 7.0, 10.0, count)
    tooth = scale * _per_picture(rng, 8.0, 12.0, count)
    return _bands(across + 2 * np.abs(down % tooth - tooth / 2), period, period / 2)


def _lettered(count, shape, rng, scale):
    letters = np.stack([np.pad(_glyph(letter), ((1, 1), (1, 1))) for letter in _FONT])
    size = scale * _per_picture(rng, 1.1, 1.8, count)
    angle = rng.uniform(-0.5, 0.5, (count, 1, 1))
    rows, columns = np.arange(shape[0])[None, :, None], np.arange(shape[1])[None, None, :]
    start = rng.uniform(0, 100, (2, count, 1, 1))
    across = ((np.cos(angle) * columns + np.sin(angle) * rows) / size + start[0] + 1000).astype(int)
    down = ((np.cos(angle) * rows - np.sin(angle) * columns) / size + start[1] + 1000).astype(int)
    table = rng.integers(0, len(letters), (count, 64, 64))
    chosen = table[np.arange(count)[:, None, None], down // 7 % 64, across // 5 % 64]
    return letters[chosen, down % 7, across % 5]


_PAINTERS: dict[str, Callable] = {
    "plain": _plain,
    "striped": _striped,
    "spotted": _spotted,
    "patched": _patched,
    "checked": _checked,
    "zigzag": _zigzag,
    "ringed": _ringed,
    "lettered": _lettered,
}
