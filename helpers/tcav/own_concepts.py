"""A concept of the reader's own: from one drawing or photograph of a texture, or from pictures that were uploaded.

One tile is one example, and a concept vector needs many that share the concept and differ in everything else. So
windows are cut from the tile at random: any place, any direction, mirrored, nearer and farther, with other colours and
another light. This teaches the classifier to ignore what is varied, and nothing more. If the tile's stripes are wavy,
the concept is wavy stripes; whatever all windows have in common (a pencil's grain, a shadow, the colours if they are
kept) belongs to the concept too. That one result holds for stripes in general, only other tiles can show.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from helpers.course.arguments import real_array, seed_number, whole_number
from helpers.photos.images import load_image
from helpers.tcav.vectors import FEWEST_PICTURES
from helpers.toyworld.backgrounds import light
from helpers.toyworld.coats import colour_pairs, coloured

TILE = 280  # pixels: an uploaded tile is cut to this square
SMALLEST_TILE = 32
# Side of a window as a share of the tile's shorter side. At 0.7 it fits in any direction. The shares decide how fine the
# pattern is: lines 10 pixels wide on a tile of 280 become 3 to 5 pixels wide in pictures of 64, as the coats of the toy
# world have them. To a network that knows narrow stripes, wide ones may well be something else.
WINDOWS = (0.45, 0.7)
CONTRASTS = (0.55, 1.0)
BLANK = 0.08  # a window whose values, 0 to 1, have a smaller standard deviation shows nothing
MOST_UPLOADS = 200
COLOURS = ("random", "kept")


def texture_set(
    tile: np.ndarray,
    count: int,
    seed: int = 0,
    size: int = 64,
    *,
    colours: str = "random",
) -> np.ndarray:
    """Concept pictures from one tile: (count, size, size, 3) 8-bit RGB.

    Parameters
    ----------
    tile
        8-bit picture of the texture, grey (height, width) or RGB (height, width, 3), at least 32 pixels wide; it should
        fill the tile.
    size
        Height and width of the pictures in pixels.
    colours
        "random": of the tile only the pattern is used, its place on the axis along which its colours vary most; two
        random colours, drawn as for the toy world's coats, take the place of the ends. Then no colour can belong to the
        concept. "kept": the tile's own colours, for a concept that is a colour or has one.

    Raises
    ------
    ValueError
        If the tile is no such picture, one colour all over (unless colours are kept), or blank for the most part, or
        another argument is out of range.
    """
    tile = _checked_tile(tile)
    if colours not in COLOURS:
        raise ValueError(f"colours is {' or '.join(map(repr, COLOURS))}; got {colours!r}.")
    count, size = whole_number("count", count, 1), whole_number("size", size, 16, 512)
    rng = np.random.default_rng(seed_number(seed))
    shares = _shares(tile)
    values = shares[..., np.newaxis] if colours == "random" else tile.astype(np.float32) / 255
    if colours == "random":
        if not np.ptp(shares):
            raise ValueError(
                "The tile has one colour all over: there is no pattern to learn. Draw one, or keep the colours if the "
                "colour is the concept."
            )
        if (blank := _blank_share(shares)) > 0.5:
            raise ValueError(
                f"{blank:.0%} of the tile is blank, so most pictures cut from it would be empty. Fill all of it."
            )
    cut = np.stack([_window(values, size, rng) for _ in range(count)])
    middle = cut.mean(axis=(1, 2), keepdims=True)
    cut = middle + rng.uniform(*CONTRASTS, (count, 1, 1, 1)).astype(np.float32) * (cut - middle)
    if colours == "random":
        cut = coloured(np.clip(cut[..., 0], 0, 1), colour_pairs(count, rng))
    return np.rint(255 * np.clip(cut * light(count, size, rng), 0, 1)).astype(np.uint8)


def uploaded_pictures(files: Sequence[Mapping], size: int) -> tuple[np.ndarray, list[str]]:
    """The pictures of an upload, (n, size, size, 3) 8-bit RGB, and a sentence about each file that was not used.

    ``files`` have a "name" and a "content" (bytes), as in ``ipywidgets.FileUpload.value``. The middle square is taken.
    Damaged files and copies are named and left out, as :func:`helpers.photos.folders.image_folder` does; so are files
    beyond the first 200. n can be 0.
    """
    pictures, problems, seen = [], [], {}
    for file in files[:MOST_UPLOADS]:
        name = str(file["name"])
        try:
            picture = load_image(bytes(file["content"]), size)
        except ValueError as error:
            problems.append(str(error).split("\n")[0].replace("The uploaded file", name, 1))
            continue
        digest = hashlib.sha256(picture.tobytes()).digest()
        if digest in seen:
            problems.append(f"{name} is the same picture as {seen[digest]}.")
            continue
        seen[digest] = name
        pictures.append(picture)
    if len(files) > MOST_UPLOADS:
        problems.append(f"{len(files) - MOST_UPLOADS} files beyond the first {MOST_UPLOADS} were left out.")
    return np.array(pictures, np.uint8).reshape(len(pictures), size, size, 3), problems


def concept_from_uploads(
    files: Sequence[Mapping], count: int, seed: int, size: int, colours: str
) -> tuple[np.ndarray, list[str]]:
    """Concept pictures from an upload, and sentences about them.

    One file is a texture: ``count`` pictures are cut from it. Several are concept pictures as they are.

    Raises
    ------
    ValueError
        If nothing can be read, or of several files fewer than 10 can; the message names the others.
    """
    pictures, problems = uploaded_pictures(files, TILE if len(files) == 1 else size)
    if len(files) == 1 and len(pictures):
        return texture_set(pictures[0], count, seed, size, colours=colours), [f"{count} pictures cut from the upload."]
    if len(pictures) < FEWEST_PICTURES:
        needed = (
            f"{len(pictures)} different pictures of {len(files)} can be used; at least {FEWEST_PICTURES} are needed. Add "
            "pictures, or upload a single one, and pieces will be cut from it."
        )
        raise ValueError("\n".join([*problems, needed]))
    return pictures, [f"{len(pictures)} pictures, taken as they are.", *problems]


def _checked_tile(tile) -> np.ndarray:
    tile = real_array("A tile", tile)
    if tile.ndim == 2:
        tile = np.repeat(tile[..., np.newaxis], 3, axis=-1)
    if tile.ndim != 3 or tile.shape[2] != 3 or tile.dtype != np.uint8 or min(tile.shape[:2]) < SMALLEST_TILE:
        raise ValueError(
            f"A tile is one 8-bit picture, (height, width) or (height, width, 3), at least {SMALLEST_TILE} pixels wide; got "
            f"{tile.dtype} of shape {tile.shape}. load_image(path, {TILE}) of helpers.photos.images reads one."
        )
    return tile


def _shares(tile: np.ndarray) -> np.ndarray:
    """(height, width) float32 from 0 to 1: place of each pixel on the first principal axis of the tile's colours."""
    colours = tile.reshape(-1, 3).astype(np.float64)
    colours -= colours.mean(axis=0)
    axis = np.linalg.eigh(colours.T @ colours)[1][:, -1]
    along = colours @ (axis if axis.sum() >= 0 else -axis)
    low, high = np.quantile(along, (0.01, 0.99))
    if high - low < 1:  # less than a grey level, or ink on less than a hundredth of the tile
        low, high = along.min(), along.max()
    if high - low < 1:
        return np.zeros(tile.shape[:2], np.float32)
    return np.clip((along - low) / (high - low), 0, 1).astype(np.float32).reshape(tile.shape[:2])


def _blank_share(shares: np.ndarray) -> float:
    """Share of the blocks, as large as the smallest window, in which nothing is to be seen."""
    side = max(8, int(WINDOWS[0] * min(shares.shape)))
    blocks = [
        shares[top : top + side, left : left + side].std() < BLANK
        for top in range(0, shares.shape[0] - side + 1, side // 2)
        for left in range(0, shares.shape[1] - side + 1, side // 2)
    ]
    return float(np.mean(blocks))


def _window(values: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random window (size, size, channels) of values (height, width, channels), float32 from 0 to 1.

    The tile is made smaller first, with a filter that keeps fine lines from turning into coarse ones, so that one step
    in the window is one in the tile.
    """
    share, angle = rng.uniform(*WINDOWS), rng.uniform(0, 2 * np.pi)
    factor = size / (share * min(values.shape[:2]))
    shape = tuple(max(2, round(length * factor)) for length in values.shape[1::-1])
    channels = [
        np.asarray(Image.fromarray(values[..., c]).resize(shape, Image.Resampling.BILINEAR))
        for c in range(values.shape[2])
    ]
    steps = np.arange(size) - (size - 1) / 2
    across, down = steps[np.newaxis] * (1 if rng.random() < 0.5 else -1), steps[:, np.newaxis]
    reach = (size - 1) / 2 * (abs(np.cos(angle)) + abs(np.sin(angle)))
    middle = [rng.uniform(min(reach, (n - 1) / 2), max(n - 1 - reach, (n - 1) / 2)) for n in channels[0].shape]
    rows = middle[0] + np.cos(angle) * down + np.sin(angle) * across
    columns = middle[1] - np.sin(angle) * down + np.cos(angle) * across
    cut = [map_coordinates(channel, [rows, columns], order=1, mode="nearest") for channel in channels]
    return np.stack(cut, axis=-1)
