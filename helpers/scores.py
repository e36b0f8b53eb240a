"""How well does a map find what it claims to explain, where the truth is known?

On collages the mask of every thing is exact. Three numbers, all between 0 and 1:

* **mass**: positive part of the map inside the mask / positive part of the whole map (Arras, Osman and Samek 2022,
  arXiv:2003.07258);
* **pointing game**: does the largest value lie inside (Zhang et al. 2018, arXiv:1608.00507)?
* **area**: share of the picture that the mask covers. It is the chance level of both: a map that is the same
  everywhere has this mass, and a random point hits this often.
"""

import numpy as np


def _checked(values, mask) -> tuple[np.ndarray, np.ndarray]:
    values, mask = np.asarray(values, float), np.asarray(mask)
    if values.ndim != 2 or values.shape != mask.shape or mask.dtype != bool:
        raise ValueError(
            f"A map and its mask are two-dimensional and of the same shape, the mask True inside; got {values.shape} and "
            f"{mask.dtype} of shape {mask.shape}. helpers.cam.enlarge brings a map to a picture's size."
        )
    if not np.isfinite(values).all():
        raise ValueError("The map holds NaN or infinite values.")
    return values, mask


def mass_inside(values, mask) -> float:
    """Share of the map's positive part that lies inside the mask; NaN for a map without a positive value."""
    values, mask = _checked(values, mask)
    positive = np.maximum(values, 0)
    total = positive.sum()
    return float(positive[mask].sum() / total) if total > 0 else float("nan")


def pointing_hit(values, mask) -> bool:
    """Does the map's largest value lie inside the mask? Never for a map that is the same everywhere."""
    values, mask = _checked(values, mask)
    return bool(values.max() > values.min() and mask.flat[values.argmax()])


def area_share(mask) -> float:
    """Share of the picture that the mask covers: what chance alone would give."""
    return float(np.mean(mask))
