"""Concepts for the toy world as sets of pictures, and the random sets that they are compared with.

Testing with concept activation vectors (Kim et al. 2018) asks for examples of a concept. Here they come from two
sources: "texture", the concept over the whole frame or in a large blot on a background, without any animal; and
"world", scenes with animals that carry it. Scale, direction, colours and contrast vary within each set and are drawn
alike for all patterns.

The paper takes random photographs as counterparts. The counterparts here are random pictures of the same source and
made of what the world has: any coat, any colour, any background, the concept itself at its usual rate among them.
"""

from collections.abc import Callable

import numpy as np

from helpers.course.arguments import seed_number, whole_number
from helpers.toyworld.backgrounds import BACKGROUNDS, TEXTURES, backgrounds, light
from helpers.toyworld.coats import COATS, HUES, PATTERNS, colour_pairs, coloured, pattern, smooth_noise
from helpers.toyworld.world import SIZE, make_world, put, tags, with_watermark

SOURCES = ("texture", "world")
_AT_A_TIME = 100  # textures drawn together
_SCALES = (0.85, 1.0, 1.15, 1.35)  # of the patterns, relative to the coats of the world

CONCEPTS = {  # name: what it shows
    "plain": "One colour without any pattern.",
    "striped": "Wavy stripes in one direction, any direction.",
    "spotted": "Round spots on another colour, never touching.",
    "patched": "Large irregular patches of two colours.",
    "checked": "Squares of two colours, as on a chess board; no animal of the world wears it.",
    "zigzag": "Bands with sharp bends; no animal of the world wears it.",
    "ringed": "Small rings; no animal of the world wears it.",
    "lettered": "Rows of letters, which resemble the tag but are not it; no animal of the world wears it.",
    "red": "Any coat in shades of red.",
    "orange": "Any coat in shades of orange.",
    "yellow": "Any coat in shades of yellow.",
    "green": "Any coat in shades of green.",
    "blue": "Any coat in shades of blue.",
    "purple": "Any coat in shades of purple.",
    "grass": "Grass, near or far, in any tint.",
    "gravel": "Gravel, near or far, in any tint.",
    "brick": "A wall of bricks, near or far, in any tint.",
    "watermark": "The photographer's tag on any picture.",
}


def concept_set(name: str, count: int, seed: int = 0, size: int = SIZE, source: str = "texture") -> np.ndarray:
    """Pictures that show a concept.

    Parameters
    ----------
    name
        A key of ``CONCEPTS``.
    count, seed
        How many; the same seed gives the same pictures.
    size
        Height and width in pixels: 32 to 512 for textures, 64 for the world. Patterns grow with it.
    source
        "texture" or "world". The tag stands anywhere in a texture, and in the lower left corner in the world.

    Returns
    -------
    (count, size, size, 3) 8-bit RGB.

    Raises
    ------
    ValueError
        If there is no such concept or source, or count or size is out of range.
    """
    if name not in tuple(CONCEPTS):
        raise ValueError(f"There is no concept {name!r}. There are: {', '.join(CONCEPTS)}.")
    count, size = _checked(count, size, source)
    seed = _own_seed(seed_number(seed), name)
    if source == "world":
        return _from_world(name, count, seed)
    return _in_parts(lambda part, seed: _textures(name, part, seed, size), count, seed)


def random_set(count: int, seed: int = 0, size: int = SIZE, source: str = "texture") -> np.ndarray:
    """Random counterparts of a concept's pictures: (count, size, size, 3) 8-bit RGB.

    ``source`` "world": scenes with any animal in any coat. "texture": any coat over the frame or in a blot, or a
    background alone, half and half. Errors as in :func:`concept_set`.
    """
    count, size = _checked(count, size, source)
    seed = _own_seed(seed_number(seed), "random")
    if source == "world":
        return make_world(count, seed).pictures
    return _in_parts(lambda part, seed: _coats_and_backgrounds(part, seed, size), count, seed)


def _in_parts(draw: Callable[[int, int], np.ndarray], count: int, seed: int) -> np.ndarray:
    """``draw(count, seed)`` for 100 pictures at a time: drawing takes many times the memory of the pictures."""
    parts = [draw(min(_AT_A_TIME, count - start), seed + start) for start in range(0, max(count, 1), _AT_A_TIME)]
    return np.concatenate(parts)


def _coats_and_backgrounds(count: int, seed: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coats = _painted(COATS, count, size, rng)
    empty = _shone(backgrounds(count, size, rng)[1], rng)
    return np.where((rng.random(count) < 0.5)[:, None, None, None], coats, empty)


def _textures(name: str, count: int, seed: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if name in PATTERNS:
        return _painted((name,), count, size, rng)
    if name in HUES:
        return _painted(COATS, count, size, rng, name)
    if name in TEXTURES:
        return _shone(backgrounds(count, size, rng, (name,))[1], rng)
    pictures = _coats_and_backgrounds(count, _own_seed(seed, "random"), size)
    boxes, windows = tags(pictures, rng, anywhere=True, zoom=max(1, size // SIZE))
    return put(pictures, boxes, windows[:, 1])


def _from_world(name: str, count: int, seed: int) -> np.ndarray:
    if name in PATTERNS:
        return make_world(count, seed, coats=(name,)).pictures
    if name in HUES:
        return make_world(count, seed, hue=name).pictures
    if name in BACKGROUNDS:
        return make_world(count, seed, backgrounds=(name,)).pictures
    return with_watermark(make_world(count, seed)).pictures


def _painted(names: tuple[str, ...], count: int, size: int, rng: np.random.Generator, hue: str | None = None):
    """Patterns in two colours of varied contrast, over the frame or, half the time, in a blot on a background."""
    chosen, scales = rng.integers(len(names), size=count), rng.integers(len(_SCALES), size=count)
    patterns = np.empty((count, size, size), np.float32)
    for number, name in enumerate(names):
        for step, scale in enumerate(_SCALES):
            now = (chosen == number) & (scales == step)
            patterns[now] = pattern(name, int(now.sum()), (size, size), rng, scale * size / SIZE)
    contrast = rng.uniform(0.55, 1.0, (count, 1, 1)).astype(np.float32)
    middle = patterns.mean(axis=(1, 2), keepdims=True)
    canvas = coloured(middle + contrast * (patterns - middle), colour_pairs(count, rng, hue))
    canvas *= 1 + 0.06 * smooth_noise(count, (size, size), size / 5, rng)[..., None]
    field = smooth_noise(count, (size, size), size / 3.2, rng)
    # a blot covers 45 to 75 percent of the frame
    least = np.array(
        [np.quantile(part, share) for part, share in zip(field, rng.uniform(0.25, 0.55, count), strict=True)]
    )
    shows = np.clip((field - least.reshape(-1, 1, 1)) * 8, 0, 1)
    shows[rng.random(count) < 0.5] = 1
    behind = backgrounds(count, size, rng)[1]
    return _shone(behind + shows[..., None] * (canvas - behind), rng)


def _shone(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.rint(255 * np.clip(canvas * light(len(canvas), canvas.shape[1], rng), 0, 1)).astype(np.uint8)


def _own_seed(seed: int, name: str) -> int:
    """Sets with the same seed share no pictures, nor do they with a world of that seed."""
    own = np.random.SeedSequence([seed, 77, *name.encode()])
    return int(own.generate_state(1)[0])


def _checked(count: int, size: int, source: str) -> tuple[int, int]:
    if source not in SOURCES:
        raise ValueError(f"Pictures come from {' or '.join(map(repr, SOURCES))}; got source={source!r}.")
    count, size = whole_number("count", count), whole_number("size", size, 32, 512)
    if source != "texture" and size != SIZE:
        raise ValueError(f"Pictures of the world are {SIZE} pixels wide; got size={size}. Take source='texture'.")
    return count, size
