"""Occlusion: hide a square of the picture and see how far the score falls (Zeiler and Fergus 2014, arXiv:1311.2901).

    fall of a square = logit of the picture - logit of the picture with the square hidden.

:func:`hide_everywhere` does so at every place of a grid, once. Everything else is made from these falls: the occlusion map
(for every pixel the mean over the squares that cover it), and the closure test of any other map: is the square that it
calls most important among those that cost most? For a linear model a square's fall is exactly the sum of w (x - fill) over
its pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import finite_array, whole_number
from helpers.course.backend import keras
from helpers.course.networks import Progress
from helpers.course.targets import batches, explained
from helpers.vgg16.gradients import logits


@dataclass(frozen=True)
class HiddenSquares:
    """How far the explained logit of one picture falls when a square is hidden, at every place of a grid.

    Attributes
    ----------
    falls : (squares,)
    corners : (squares, 2) first row and first column of each square
    size : side of the squares, in pixels
    shape : (height, width) of the picture
    """

    falls: np.ndarray
    corners: np.ndarray
    size: int
    shape: tuple[int, int]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of a map (height, width) over each square, (squares,)."""
        total = np.pad(np.asarray(values, float), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
        (top, left), (bottom, right) = self.corners.T, self.corners.T + self.size
        return total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]

    @property
    def map(self) -> np.ndarray:
        """The occlusion map (height, width): for every pixel the mean fall over the squares that cover it."""
        total, covered = np.zeros(self.shape), np.zeros(self.shape)
        for fall, (top, left) in zip(self.falls, self.corners, strict=True):
            square = np.s_[top : top + self.size, left : left + self.size]
            total[square] += fall
            covered[square] += 1
        return total / covered


def hide_everywhere(
    model: keras.Model,
    image,
    target,
    size: int,
    stride: int,
    fill=0.0,
    batch_size: int = 2,
    progress: Progress | None = None,
) -> HiddenSquares:
    """Hide a square at every place of a grid, and note how far the explained logit falls.

    Parameters
    ----------
    image
        One picture with its batch axis, (1, height, width, channels).
    size, stride
        Side of the square, and by how much it moves. The last square of a row or column ends at the border, so that every
        pixel is covered.
    fill
        What hidden pixels become, in the model's input space: a number or one value per channel. Zero is the mean colour
        of the training pictures for VGG16.
    progress
        Called with (squares done, squares in all, a message), such as a ``progress_bar``.
    """
    images, weights = explained(model, image, target)
    if len(images) != 1 or images.ndim != 4:
        raise ValueError(f"One picture (1, height, width, channels) is hidden at a time; got {images.shape}.")
    return _hidden(model, images[0], weights[0], *_checked_grid(images, size, stride, fill), batch_size, progress)


def occlusion_map(
    model: keras.Model, images, target, patch: int = 32, stride: int = 16, fill=0.0, batch_size: int = 2
) -> np.ndarray:
    """How far the explained logit falls when a pixel's surroundings are hidden; shape (N, height, width).

    ``patch`` is the side of the hidden squares; ``stride`` and ``fill`` are those of :func:`hide_everywhere`.
    """
    images, weights = explained(model, images, target)
    if images.ndim != 4:
        raise ValueError(f"Occlusion hides parts of pictures (N, height, width, channels); got {images.shape}.")
    grid = _checked_grid(images, patch, stride, fill)
    pairs = zip(images, weights, strict=True)
    return np.array([_hidden(model, image, weight, *grid, batch_size, None).map for image, weight in pairs])


def _hidden(
    model: keras.Model,
    image: np.ndarray,
    weights: np.ndarray,
    size: int,
    corners: np.ndarray,
    fill: np.ndarray,
    batch_size: int,
    progress: Callable | None,
) -> HiddenSquares:
    base = (logits(model, image[np.newaxis]) @ weights)[0]
    falls = np.zeros(len(corners))
    for rows in batches(len(corners), batch_size):
        hidden = np.repeat(image[np.newaxis], rows.stop - rows.start, axis=0)
        for copy, (top, left) in zip(hidden, corners[rows], strict=True):
            copy[top : top + size, left : left + size] = fill
        falls[rows] = base - logits(model, hidden, batch_size) @ weights
        if progress:
            progress(rows.stop, len(corners), "")
    return HiddenSquares(falls, corners, size, image.shape[:2])


def closure_test(hidden: HiddenSquares, importance) -> tuple[int, int]:
    """Does hiding what a map calls important hurt more than hiding something else?

    Parameters
    ----------
    hidden
        Of the picture that the map explains, as :func:`hide_everywhere` returns it.
    importance
        The map to be tested, (height, width), at the picture's size.

    Returns
    -------
    square, as_bad
        Number of the square with the largest sum of the map, and how many squares cost at least as much as it does, itself
        among them. If the map knew nothing, each rank were equally probable: as_bad / number of squares is the p-value.
    """
    importance = finite_array("importance", importance)
    if importance.shape != hidden.shape:
        raise ValueError(f"The map has the height and width of the picture, {hidden.shape}; got {importance.shape}.")
    square = int(hidden.sums(importance).argmax())
    return square, int(np.sum(hidden.falls >= hidden.falls[square]))


def _checked_grid(images: np.ndarray, size: int, stride: int, fill) -> tuple[int, np.ndarray, np.ndarray]:
    """Side and corners of the squares, and what fills them."""
    height, width = images.shape[1:3]
    size, stride = whole_number("patch", size), whole_number("stride", stride)
    if not 1 <= size <= min(height, width) or not 1 <= stride <= size:
        raise ValueError(
            f"A patch has 1 to {min(height, width)} pixels and moves by 1 to its own size, or pixels would be left out; "
            f"got patch={size}, stride={stride}."
        )
    corners = [(y, x) for y in patch_starts(height, size, stride) for x in patch_starts(width, size, stride)]
    return size, np.array(corners), _checked_fill(fill, images)


def patch_starts(length: int, patch: int, stride: int) -> list[int]:
    """First pixels of the patches along one side; the last patch ends at the border, so that every pixel is covered."""
    return sorted({*range(0, length - patch, stride), length - patch})


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
