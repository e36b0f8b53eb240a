"""How well does a map find what it claims to explain, where the truth is known?

On collages and in the toy world the mask of every thing is exact. Three numbers, all between 0 and 1:

* **mass**: positive part of the map inside the mask / positive part of the whole map (Arras, Osman and Samek 2022,
  arXiv:2003.07258);
* **pointing game**: how often does the largest value lie inside (Zhang et al. 2018, arXiv:1608.00507)?
* **area**: share of the picture that the mask covers. It is the chance level of both: a map that is the same
  everywhere has this mass, and a random point hits this often.

Maps are scored by their **positive part**, "in favour of the class": all of a map without signs, and of a signed map
what is above zero. :mod:`helpers.sanity.truth` scores many maps of many methods, ``data/scores/flipping.py`` those of
pictures without masks.
"""

import numpy as np

from helpers.course.arguments import finite_array, real_array


def mass_inside(values, mask) -> float:
    """Share of the map's positive part that lies inside the mask; NaN for a map without a positive value.

    The map has shape (height, width), and so has the mask, True inside.
    """
    values, mask = real_array("A map", values), real_array("A mask", mask)
    if values.ndim != 2 or values.shape != mask.shape or mask.dtype != bool:
        raise ValueError(
            f"A map and its mask are two-dimensional and of the same shape, the mask True inside; got {values.shape} and "
            f"{mask.dtype} of shape {mask.shape}. helpers.vgg16.cam.enlarge brings a map to a picture's size."
        )
    positive = np.maximum(finite_array("The map", values), 0)
    if not positive.any():
        return float("nan")
    positive = positive / positive.max()  # the sum is finite then
    return float(positive[mask].sum() / positive.sum())


def area_share(mask) -> float:
    """Share of the picture that the mask covers: what chance alone would give."""
    mask = real_array("A mask", mask)
    if mask.dtype != bool or mask.size == 0:
        raise ValueError(f"A mask is True inside and False outside; got {mask.dtype} of shape {mask.shape}.")
    return float(np.mean(mask))


def pointing_hit(values: np.ndarray, mask: np.ndarray) -> bool:
    """Does the map's largest value lie inside the mask? Never for a map that is the same everywhere."""
    return pointing_place(values, mask, ~mask) == "own"


def pointing_place(values: np.ndarray, own: np.ndarray, other: np.ndarray) -> str:
    """Where the map's largest value lies: "own" mask, "other" mask, "elsewhere", or "nowhere" for a map that is flat.

    Of equal largest values the first counts, row by row. No tolerance is given: a point beside the thing is a miss.
    """
    if values.max() == values.min():
        return "nowhere"
    place = values.argmax()
    return "own" if own.flat[place] else "other" if other.flat[place] else "elsewhere"
