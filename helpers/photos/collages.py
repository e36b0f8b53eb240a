"""Collages: photographic cut-outs on a background, with the exact mask of every thing in the picture.

On an ordinary photograph nobody knows exactly which pixels belong to the cat. On a collage it is known, so a map can
be scored: which share of it lies on the thing it claims to explain?
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.course.arguments import finite_array, real_array, seed_number, shown, whole_number
from helpers.files import fetch
from helpers.photos.images import LARGEST_SIDE, open_image, texture

INDEX = "cutouts/index.tsv"


@dataclass(frozen=True)
class CutOut:
    """A photograph of one thing: ``picture`` (height, width, 4) with its surroundings transparent."""

    name: str
    class_name: str
    picture: np.ndarray


@dataclass(frozen=True)
class Collage:
    """A picture (size, size, 3) of 8-bit RGB, and for every thing in it: its name, its class, its mask.

    ``masks`` (things, size, size) is True where the thing is seen; where one thing covers another the pixel belongs to
    the one on top.
    """

    picture: np.ndarray
    names: tuple[str, ...]
    class_names: tuple[str, ...]
    masks: np.ndarray


def cutout_names() -> dict[str, str]:
    """Names of the cut-outs, and the ImageNet class of each."""
    return read_index(fetch(INDEX), "class_name")


def read_index(path: Path, column: str) -> dict[str, str]:
    """The ``column`` of a tab-separated list of pictures by their "name"."""
    with open(path, encoding="utf-8", newline="") as file:
        return {row["name"]: row[column] for row in csv.DictReader(file, delimiter="\t")}


def cutout(name: str) -> CutOut:
    """The cut-out of that name, cropped to the thing itself."""
    known = cutout_names()
    if name not in tuple(known):
        raise ValueError(f"There is no cut-out {name!r}. There are: {', '.join(known)}.")
    return read_cutout(fetch(f"cutouts/{name.replace(' ', '-')}.png"), name, known[name])


def read_cutout(path: Path, name: str, class_name: str) -> CutOut:
    """A cut-out from a picture file whose surroundings are transparent."""
    pixels = np.asarray(open_image(path, transparent=True))
    rows, columns = np.nonzero(pixels[..., 3] > 127)
    return CutOut(name, class_name, pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])


def collage(
    things: list[str | CutOut],
    places: list[tuple[float, float]] | None = None,
    sizes: float | list[float] = 0.45,
    background: str | np.ndarray = "grass",
    size: int = 224,
    seed: int = 0,
) -> Collage:
    """Paste cut-outs on a background.

    Parameters
    ----------
    things
        Cut-outs or their names (see :func:`cutout_names`), from back to front.
    places
        Centre of each as (across, down) in shares of the side; None draws places at random that overlap little.
    sizes
        Longer side of each thing as a share of the picture's side: one number for all, or one for each.
    background
        "grass", "gravel" or "brick" (tinted at random), or a picture (size, size, 3) of 8-bit RGB.
    seed
        Of the places, the part of the texture and its tint: the same seed gives the same picture.

    Raises
    ------
    ValueError
        If a name is unknown, or the numbers of names, places and sizes differ, or a thing would not fit.
    """
    if not isinstance(things, (list, tuple)) or not all(isinstance(thing, (str, CutOut)) for thing in things):
        raise ValueError(f"things are a list of cut-outs or of their names; got {shown(things)}.")
    if not things:
        raise ValueError("Name at least one cut-out.")
    size = whole_number("size", size, 1, LARGEST_SIDE)
    things = [cutout(thing) if isinstance(thing, str) else thing for thing in things]
    sizes = finite_array("sizes", sizes)
    sizes = [float(sizes)] * len(things) if sizes.ndim == 0 else sizes.ravel().tolist()
    places = None if places is None else finite_array("places", places, (None, 2)).tolist()
    if len(sizes) != len(things) or (places is not None and len(places) != len(things)):
        raise ValueError(f"{len(things)} cut-outs need as many sizes and places; got {len(sizes)} and {places}.")
    if not all(0.05 <= s <= 1 for s in sizes):
        raise ValueError(f"Sizes are shares of the picture's side, 0.05 to 1; got {sizes}.")
    rng = np.random.default_rng(seed_number(seed))
    canvas = _background(background, size, rng).astype(float)
    pieces = [_resized(thing, share * size) for thing, share in zip(things, sizes, strict=True)]
    corners = _random_corners(pieces, size, rng) if places is None else _corners(pieces, places, size)
    masks = np.zeros((len(things), size, size), bool)
    for number, (piece, (top, left)) in enumerate(zip(pieces, corners, strict=True)):
        window = np.s_[top : top + piece.shape[0], left : left + piece.shape[1]]
        opacity = piece[..., 3:] / 255.0
        canvas[window] = (1 - opacity) * canvas[window] + opacity * piece[..., :3]
        covers = opacity[..., 0] > 0.5
        masks[:number, *window] &= ~covers
        masks[number, *window] = covers
    return Collage(
        np.rint(canvas).astype(np.uint8),
        tuple(thing.name for thing in things),
        tuple(thing.class_name for thing in things),
        masks,
    )


def _background(background, size: int, rng: np.random.Generator) -> np.ndarray:
    if isinstance(background, str):
        tint = rng.uniform(0.7, 1.2) * np.array({"grass": (0.85, 1.1, 0.6)}.get(background, (1.1, 1.0, 0.9)))
        return texture(background, size, tint, seed=int(rng.integers(2**32)))
    background = real_array("A background", background)
    if background.shape != (size, size, 3) or background.dtype != np.uint8:
        raise ValueError(
            f"A background picture is 8-bit RGB of shape ({size}, {size}, 3); got {background.dtype} of shape "
            f"{background.shape}. helpers.photos.images.load_image(path, {size}) reads one."
        )
    return background


def _resized(thing: CutOut, longer: float) -> np.ndarray:
    height, width = thing.picture.shape[:2]
    scale = longer / max(height, width)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(thing.picture).resize(shape, Image.Resampling.LANCZOS))


def _corners(pieces: list[np.ndarray], places, size: int) -> list[tuple[int, int]]:
    corners = []
    for piece, (across, down) in zip(pieces, places, strict=True):
        top, left = round(down * size - piece.shape[0] / 2), round(across * size - piece.shape[1] / 2)
        if top < 0 or left < 0 or top + piece.shape[0] > size or left + piece.shape[1] > size:
            raise ValueError(
                f"A thing of {piece.shape[1]} x {piece.shape[0]} pixels centred at {(across, down)} reaches beyond the "
                f"picture of {size} pixels. Move it to the middle or make it smaller."
            )
        corners.append((top, left))
    return corners


def _random_corners(pieces: list[np.ndarray], size: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Of 200 random arrangements the one in which the things' frames overlap least."""
    best, least = None, np.inf
    for _ in range(200):
        corners = [tuple(int(rng.integers(0, size - n + 1)) for n in piece.shape[:2]) for piece in pieces]
        covered = np.zeros((size, size), int)
        for piece, (top, left) in zip(pieces, corners, strict=True):
            covered[top : top + piece.shape[0], left : left + piece.shape[1]] += 1
        overlap = int(np.maximum(covered - 1, 0).sum())
        if overlap < least:
            best, least = corners, overlap
        if least == 0:
            break
    return best
