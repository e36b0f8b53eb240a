"""How well does a map find what it claims to explain, where the truth is known?

On collages and in the toy world the mask of every thing is exact. Three numbers, all between 0 and 1:

* **mass**: positive part of the map inside the mask / positive part of the whole map (Arras, Osman and Samek 2022,
  arXiv:2003.07258);
* **pointing game**: does the largest value lie inside (Zhang et al. 2018, arXiv:1608.00507)?
* **area**: share of the picture that the mask covers. It is the chance level of both: a map that is the same
  everywhere has this mass, and a random point hits this often.

Maps are scored by their **positive part**, "in favour of the class": all of a map without signs, and of a signed map
what is above zero. :mod:`helpers.sanity.truth` scores many maps of many methods, ``data/scores/flipping.py`` those of
pictures without masks.
"""

import numpy as np

from helpers.course.arguments import finite_array, real_array


def _checked(values, mask) -> tuple[np.ndarray, np.ndarray]:
    values, mask = real_array("A map", values), real_array("A mask", mask)
    if values.ndim != 2 or values.shape != mask.shape or mask.dtype != bool:
        raise ValueError(
            f"A map and its mask are two-dimensional and of the same shape, the mask True inside; got {values.shape} and "
            f"{mask.dtype} of shape {mask.shape}. helpers.vgg16.cam.enlarge brings a map to a picture's size."
        )
    return finite_array("The map", values), mask


def mass_inside(values, mask) -> float:
    """Share of the map's positive part that lies inside the mask; NaN for a map without a positive value."""
    values, mask = _checked(values, mask)
    positive = np.maximum(values, 0)
    if not positive.any():
        return float("nan")
    positive = positive / positive.max()  # the sum is finite then
    return float(positive[mask].sum() / positive.sum())


def pointing_hit(values, mask) -> bool:
    """Does the map's largest value lie inside the mask? Never for a map that is the same everywhere."""
    values, mask = _checked(values, mask)
    return bool(values.max() > values.min() and mask.flat[values.argmax()])


PLACES = ("own", "other", "elsewhere", "nowhere")


def pointing_place(values, own, other) -> str:
    """Where the map's largest value lies: "own" mask, "other" mask, "elsewhere", or "nowhere" for a map that is flat.

    Of equal largest values the first counts, row by row. No tolerance is given: a point beside the thing is a miss.
    """
    values, own = _checked(values, own)
    _, other = _checked(values, other)
    if values.max() == values.min():
        return "nowhere"
    place = values.argmax()
    return "own" if own.flat[place] else "other" if other.flat[place] else "elsewhere"


def pointing_game(maps, masks) -> tuple[float, float]:
    """Share of maps (N, height, width) whose largest value lies inside their mask, and the share that chance would give.

    By chance a point falls into a mask as often as the mask is large: the mean of the areas.
    """
    maps, masks = real_array("maps", maps), real_array("masks", masks)
    if maps.ndim != 3 or masks.ndim != 3 or len(maps) != len(masks) or len(maps) == 0:
        raise ValueError(f"Every map needs its mask, and there must be one; got {maps.shape} and {masks.shape}.")
    hits = [pointing_hit(values, mask) for values, mask in zip(maps, masks, strict=True)]
    return float(np.mean(hits)), float(np.mean([area_share(mask) for mask in masks]))


def area_share(mask) -> float:
    """Share of the picture that the mask covers: what chance alone would give."""
    mask = real_array("A mask", mask)
    if mask.dtype != bool or mask.size == 0:
        raise ValueError(f"A mask is True inside and False outside; got {mask.dtype} of shape {mask.shape}.")
    return float(np.mean(mask))
