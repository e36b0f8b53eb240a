"""Occlusion: hide a patch of the picture and see how far the score falls (Zeiler and Fergus 2014, arXiv:1311.2901).

    score of a patch = logit of the picture - logit of the picture with the patch hidden,

averaged for every pixel over the patches that cover it. For a linear model a patch scores exactly
sum of w (x - fill) over its pixels.
"""

import numpy as np

from helpers.course.arguments import finite_array, seed_number, whole_number
from helpers.course.backend import keras
from helpers.course.targets import batches, explained
from helpers.vgg16.gradients import logits


def occlusion_map(
    model: keras.Model, images, target, patch: int = 32, stride: int = 16, fill=0.0, batch_size: int = 2
) -> np.ndarray:
    """How far the explained logit falls when a pixel's surroundings are hidden; shape (N, height, width).

    ``fill`` is what hidden pixels become, in the model's input space: a number or one value per channel. Zero is the
    mean colour of the training pictures for VGG16.
    """
    images, weights = explained(model, images, target)
    fill = _checked_fill(fill, images)
    if images.ndim != 4:
        raise ValueError(f"Occlusion hides parts of pictures (N, height, width, channels); got {images.shape}.")
    height, width = images.shape[1:3]
    patch, stride = whole_number("patch", patch), whole_number("stride", stride)
    if not 1 <= patch <= min(height, width) or not 1 <= stride <= patch:
        raise ValueError(
            f"A patch has 1 to {min(height, width)} pixels and moves by 1 to its own size, or pixels would be left out; "
            f"got patch={patch}, stride={stride}."
        )
    corners = [(y, x) for y in patch_starts(height, patch, stride) for x in patch_starts(width, patch, stride)]
    base = (logits(model, images, batch_size) * weights).sum(axis=1)
    total, covered = np.zeros(images.shape[:3]), np.zeros((height, width))
    for y, x in corners:
        covered[y : y + patch, x : x + patch] += 1
    for number, image in enumerate(images):
        for rows in batches(len(corners), batch_size):
            hidden = np.repeat(image[np.newaxis], rows.stop - rows.start, axis=0)
            for copy, (y, x) in zip(hidden, corners[rows], strict=True):
                copy[y : y + patch, x : x + patch] = fill
            falls = base[number] - logits(model, hidden, batch_size) @ weights[number]
            for fall, (y, x) in zip(falls, corners[rows], strict=True):
                total[number, y : y + patch, x : x + patch] += fall
    return total / covered


def patch_starts(length: int, patch: int, stride: int) -> list[int]:
    """First pixels of the patches along one side; the last patch ends at the border, so that every pixel is covered."""
    return sorted({*range(0, length - patch, stride), length - patch})


def closure_test(
    model: keras.Model, image, target, importance, size: int, draws: int = 20, seed: int = 0, fill=0.0
) -> tuple[tuple[int, int], float, np.ndarray]:
    """Does hiding what the map calls important hurt more than hiding something else?

    Parameters
    ----------
    image
        One picture with its batch axis, (1, height, width, channels).
    importance
        The map to be tested, (height, width), at the picture's size.
    size, draws, seed
        Side of the hidden window, number of random windows of the same size, and their seed.
    fill
        What hidden pixels become, as in :func:`occlusion_map`.

    Returns
    -------
    corner, fall, random_falls
        The window with the largest importance, how far the explained logit falls when it is hidden, and the same for
        every random window (draws,).
    """
    (image, weights), importance = explained(model, image, target), finite_array("importance", importance)
    if len(image) != 1 or image.ndim != 4 or importance.shape != image.shape[1:3]:
        raise ValueError(
            f"The closure test takes one picture (1, height, width, channels) and a map of its height and width; "
            f"got {image.shape} and {importance.shape}."
        )
    size, draws = whole_number("size", size, 1, min(importance.shape)), whole_number("draws", draws, 1)
    rng, fill = np.random.default_rng(seed_number(seed)), _checked_fill(fill, image)
    corner = best_window(importance, size)
    others = rng.integers(0, [image.shape[1] - size + 1, image.shape[2] - size + 1], size=(draws, 2))
    hidden = np.concatenate([hide(image, place, size, fill) for place in [corner, *others]])
    falls = logits(model, image) @ weights[0] - logits(model, hidden) @ weights[0]
    return corner, float(falls[0]), falls[1:]


def best_window(values: np.ndarray, size: int) -> tuple[int, int]:
    """Top left corner (row, column) of the ``size`` x ``size`` window with the largest sum in a map."""
    cumulative = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = cumulative[size:, size:] - cumulative[:-size, size:] - cumulative[size:, :-size] + cumulative[:-size, :-size]
    return tuple(int(i) for i in np.unravel_index(sums.argmax(), sums.shape))


def hide(images: np.ndarray, corner: tuple[int, int], size: int, fill=0.0) -> np.ndarray:
    """Copies of the images (N, height, width, channels) with one square window hidden."""
    hidden = images.copy()
    hidden[:, corner[0] : corner[0] + size, corner[1] : corner[1] + size] = fill
    return hidden


def _checked_fill(fill, images: np.ndarray) -> np.ndarray:
    """What hidden pixels become: one number or one for each channel of the images."""
    given = finite_array("fill", fill)
    with np.errstate(invalid="ignore"):
        fill = given.astype(images.dtype)
    if images.dtype.kind != "f" and not np.array_equal(fill, given):
        raise ValueError(f"fill is one of the values that the images can have ({images.dtype}); got {given}.")
    if fill.shape not in ((), (1,), images.shape[-1:]):
        raise ValueError(f"fill is a number, or one for each of {images.shape[-1]} channels; got shape {fill.shape}.")
    return fill
