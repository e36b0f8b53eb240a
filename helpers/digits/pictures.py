"""Handwritten digits: 5,000 of MNIST to learn from, and a drawing of one's own brought into their form.

MNIST (LeCun, Cortes and Burges 1998, http://yann.lecun.com/exdb/mnist/) was made in two steps that every drawing has to
go through too, or a network trained on it will not know it: the digit is scaled to fit a box of 20 x 20 pixels, keeping
its proportions, and placed on 28 x 28 pixels so that its centre of mass lies in the middle. Ink is 1, paper is 0.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from helpers.course.arguments import real_array
from helpers.files import fetch

DIGITS_FILE = "digits/mnist_5000.npz"
SIDE, BOX = 28, 20  # pixels: the picture, and the box the digit is fitted into
MIDDLE = 14  # row and column where MNIST puts the centre of mass, counted from 0
FAINTEST = 0.1  # of the darkest ink; what is fainter is paper: the grain of a photograph, the rim of a soft brush


@dataclass(frozen=True, eq=False)
class Digits:
    """Pictures (N, 28, 28, 1), float32, paper 0 and ink 1, with the digit (N,) that each shows.

    The parts to train on and to test with are always the same and hold equally many of each digit; the digits take
    turns, so that the first ten pictures of either part show 0 to 9.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_digits() -> Digits:
    """The 5,000 digits of MNIST that come with the course: 4,000 to train on, every fifth of a class held out."""
    with np.load(fetch(DIGITS_FILE), allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    images = images[..., np.newaxis].astype(np.float32) / 255
    by_class = np.argsort(labels, kind="stable").reshape(10, -1)
    held_out = np.arange(by_class.shape[1]) % 5 == 4
    train, test = by_class[:, ~held_out].T.ravel(), by_class[:, held_out].T.ravel()
    labels = labels.astype(np.int64)
    return Digits(images[train], labels[train], images[test], labels[test])


def centre_digit(drawing) -> np.ndarray:
    """A drawing of one digit, scaled and centred as MNIST does it.

    Parameters
    ----------
    drawing : (H, W)
        Grey values on any scale, dark on light or light on dark. The grey of the paper is the median along the border.

    Returns
    -------
    (28, 28) float32, 0 (paper) to 1 (darkest ink)
        The digit's bounding box fills 20 pixels in the longer direction; its centre of mass is moved to row and column
        14 by whole pixels, as far as the digit stays in the picture.

    Raises
    ------
    ValueError
        If nothing is drawn, the array is not two-dimensional or a value is not finite.
    """
    ink = _ink(drawing)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(BOX * side / max(ink.shape))) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR))
    small = np.clip(small / small.max(), 0, 1)
    corner = [
        int(np.clip(np.rint(MIDDLE - centre), 0, SIDE - side))
        for centre, side in zip(ndimage.center_of_mass(small), small.shape, strict=True)
    ]
    centred = np.zeros((SIDE, SIDE), np.float32)
    centred[corner[0] : corner[0] + height, corner[1] : corner[1] + width] = small
    return centred


def _ink(drawing) -> np.ndarray:
    """How much ink is on each pixel, 0 to 1, float32; what is fainter than ``FAINTEST`` is paper."""
    drawing = real_array("A drawing", drawing)
    if drawing.ndim != 2 or drawing.size == 0:
        advice = " Colours: picture.mean(axis=-1)." if drawing.ndim == 3 else ""
        raise ValueError(
            f"A drawing is an array (H, W) of grey values; got {drawing.dtype} of shape {drawing.shape}.{advice}"
        )
    drawing = drawing.astype(np.float64)
    if not np.isfinite(drawing).all():
        raise ValueError("The drawing holds NaN or infinite values.")
    border = np.concatenate([drawing[0], drawing[-1], drawing[:, 0], drawing[:, -1]])
    difference = drawing - np.median(border)
    darker = -difference.min() > difference.max()
    ink = np.maximum(-difference if darker else difference, 0)
    if ink.max() <= 0:
        raise ValueError("Nothing is drawn: every pixel has the same grey. Draw one digit, large, then try again.")
    ink /= ink.max()
    return np.where(ink < FAINTEST, 0, ink).astype(np.float32)
