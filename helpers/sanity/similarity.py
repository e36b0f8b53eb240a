"""How alike are two maps? The measures of Adebayo et al. (2018, arXiv:1810.03292).

* **spearman**: rank correlation of the values, signs included;
* **absolute**: rank correlation of the absolute values: where is much, no matter for or against;
* **ssim**: structural similarity (Wang et al. 2004, doi:10.1109/TIP.2003.819861) of the maps, each scaled to 0..1.

All are 1 for equal maps, and NaN, "not defined", where one of the maps is the same everywhere: a map that says nothing
is neither like nor unlike another.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata
from skimage.metrics import structural_similarity

from helpers.course.arguments import name_list, real_array

SSIM_WINDOW = 7  # pixels, the usual one; smaller for maps that are smaller


def spearman(first, second) -> float:
    """Rank correlation of two maps of the same shape, -1 to 1: Pearson's of the ranks, equal values sharing theirs."""
    first, second = _checked(first, second)
    return _ranks_alike(first, second)


def absolute_spearman(first, second) -> float:
    """Rank correlation of the maps' absolute values."""
    first, second = _checked(first, second)
    return _ranks_alike(np.abs(first), np.abs(second))


def ssim(first, second) -> float:
    """Structural similarity of two maps (H, W) or (H, W, channels), each scaled linearly so that it spans 0 to 1.

    Raises
    ------
    ValueError
        If the maps have no height and width of at least 3.
    """
    first, second = _checked(first, second)
    if first.ndim not in (2, 3) or min(first.shape[:2]) < 3:
        raise ValueError(f"SSIM compares maps (H, W) or (H, W, channels) of 3 x 3 at least; got {first.shape}.")
    if _is_constant(first) or _is_constant(second):
        return float("nan")
    side = min(SSIM_WINDOW, *first.shape[:2])
    channels = -1 if first.ndim == 3 else None
    return float(
        structural_similarity(
            _spanning(first), _spanning(second), win_size=side - (side + 1) % 2, data_range=1.0, channel_axis=channels
        )
    )


MEASURES: dict[str, Callable] = {"spearman": spearman, "absolute": absolute_spearman, "ssim": ssim}


def similarities(maps, others, measures=tuple(MEASURES), where=None) -> dict[str, np.ndarray]:
    """Compare each of the maps (N, ...) with its partner in the others; one array (N,) for every measure named.

    ``where`` (N, ...) is True at the places that are compared, by default everywhere.

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite or a measure is unknown; SSIM knows no ``where``.
    """
    maps, others = real_array("maps", maps), real_array("others", others)
    if maps.ndim < 2:
        raise ValueError(f"Maps have the shape (N, ...), one for each picture; got {maps.shape}.")
    if maps.shape != others.shape:
        raise ValueError(
            f"Maps are compared one to one and must have the same shape; got {maps.shape}, {others.shape}."
        )
    names = name_list("measures", measures)
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise ValueError(f"Measures are {', '.join(MEASURES)}; got {', '.join(map(str, unknown))}.")
    pairs = list(zip(maps, others, strict=True))
    if where is not None:
        if np.shape(where) != maps.shape:
            raise ValueError(f"where says it of each value of the maps, {maps.shape}; got {np.shape(where)}.")
        pairs = [(a[place], b[place]) for (a, b), place in zip(pairs, np.asarray(where, bool), strict=True)]
    return {name: np.array([MEASURES[name](a, b) for a, b in pairs]) for name in names}


def _checked(first, second) -> tuple[np.ndarray, np.ndarray]:
    first, second = real_array("A map", first).astype(float), real_array("A map", second).astype(float)
    if first.shape != second.shape or first.size == 0 or first.ndim == 0:
        raise ValueError(
            f"Two maps of the same shape are compared; got {first.shape} and {second.shape}. "
            "helpers.vgg16.cam.enlarge brings a coarse map to the picture's size."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError(
            "A map holds NaN or infinite values; no similarity is defined. Look at the method that made it."
        )
    return first, second


def _is_constant(values: np.ndarray) -> bool:
    return values.max() == values.min()


def _ranks_alike(first: np.ndarray, second: np.ndarray) -> float:
    if _is_constant(first) or _is_constant(second):
        return float("nan")
    if np.array_equal(first, second):
        return 1.0  # exactly, where rounding would leave 0.9999999999999998
    a, b = (rankdata(values) - (values.size + 1) / 2 for values in (first.ravel(), second.ravel()))
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def _spanning(values: np.ndarray) -> np.ndarray:
    values = values / np.abs(values).max()  # so that the range below is finite and no division by a tiny number
    return (values - values.min()) / (values.max() - values.min())
