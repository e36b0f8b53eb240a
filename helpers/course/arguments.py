"""What functions ask of their arguments: whole numbers, numbers, arrays and names, each checked in one way.

    size = whole_number("size", size, 1, 512)

Every check returns the value in the type that is wanted, or raises a ``ValueError`` that names the argument, says what
is wanted and what was got. What belongs to one method (does the map fit its mask?) is checked there.
"""

from collections.abc import Collection

import numpy as np

MOST = 2**62
LARGEST_SEED = 2**32 - 1


def whole_number(name: str, value, least: int = 0, most: int = MOST) -> int:
    """``value`` as an int from ``least`` to ``most``; 3.0 counts as 3, True and "3" do not count as numbers."""
    if _is_number(value) and float(value).is_integer() and least <= int(value) <= most:
        return int(value)
    bounds = f"from {least} on" if most == MOST else f"from {least} to {most}"
    got = f"{name}={shown(value)}" if name.isidentifier() else shown(value)
    raise ValueError(f"{name} is a whole number {bounds}; got {got}.")


def whole_numbers(name: str, values, count: int, least: int = 0, most: int = MOST) -> tuple[int, ...]:
    """``count`` of them, from a tuple, a list or an array."""
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = tuple(values)
    if not isinstance(values, (tuple, list)) or len(values) != count:
        raise ValueError(f"{name} is made of {count} whole numbers; got {shown(values)}.")
    return tuple(whole_number(f"Each of {name}", value, least, most) for value in values)


def seed_number(seed) -> int:
    """``seed`` as a whole number that every generator of random numbers takes: from 0 to 2**32 - 1."""
    return whole_number("seed", seed, 0, LARGEST_SEED)


def real_number(name: str, value, low: float = -np.inf, high: float = np.inf) -> float:
    """``value`` as a finite float from ``low`` to ``high``, both included."""
    if _is_number(value) and low <= float(value) <= high:
        return float(value)
    bounds = (
        "" if high == np.inf == -low else f" of at least {low:g}" if high == np.inf else f" from {low:g} to {high:g}"
    )
    raise ValueError(f"{name} is a finite number{bounds}; got {shown(value)}.")


def choice(name: str, value, known: Collection[str]) -> str:
    """``value`` if it is one of the ``known`` names."""
    if isinstance(value, str) and value in known:
        return value
    raise ValueError(f"{name} is one of {', '.join(map(repr, known))}; got {shown(value)}.")


def name_list(name: str, value) -> list[str]:
    """A name, or a list of names, as a list."""
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else []
    if not names or not all(isinstance(one, str) for one in names):
        raise ValueError(f"{name} is a name or a list of names; got {shown(value)}.")
    return names


def finite_array(name: str, values, shape: tuple[int | None, ...] | None = None, dtype=float) -> np.ndarray:
    """``values`` as an array of finite numbers.

    ``shape`` has None where any length of at least 1 will do; without it any shape does. It is looked at before the
    values are. ``dtype`` None keeps that of the values.
    """
    array = real_array(name, values)
    if shape is not None and not (
        array.ndim == len(shape)
        and all(got == wanted or (wanted is None and got > 0) for got, wanted in zip(array.shape, shape, strict=True))
    ):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} has the shape ({wanted}{',' if len(shape) == 1 else ''}); got {array.shape}.")
    if dtype is not None:
        with np.errstate(over="ignore"):  # too large for the type: infinite, and refused below
            array = array.astype(dtype, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but holds NaN, infinite or far too large values. Look at them first.")
    return array


def real_array(name: str, values) -> np.ndarray:
    """``values`` as an array of real numbers: floats, whole numbers or bools, in their own type."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of different lengths, or something of its own kind
        raise ValueError(f"{name} must be an array of numbers; got {shown(values)}.") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be an array of numbers; got {array.dtype} of shape {array.shape}.")
    return array


def within(array: np.ndarray, largest: float) -> bool:
    """Are all values finite and no farther from 0 than ``largest``?"""
    if not np.isfinite(array).all():  # refuses at once what is too large for the memory, a zero spread out for example
        return False
    return array.size == 0 or bool(-largest <= float(array.min()) and float(array.max()) <= largest)  # without a copy


def positions(chosen, count: int) -> np.ndarray:
    """The positions among ``count`` things that a mask (count,), a slice or a list of positions names."""
    if isinstance(chosen, slice):
        return np.arange(count)[chosen]
    array = real_array("The choice", chosen)
    if array.ndim != 1 or array.dtype.kind not in ("iub" if array.size else "iubf"):
        raise ValueError(f"Choose by True or False for each of {count}, or by a list of positions; got {shown(array)}.")
    if array.dtype == bool:
        if len(array) != count:
            raise ValueError(f"Say True or False for each of {count}; got {len(array)}.")
        return np.flatnonzero(array)
    if array.size and not (-count <= array.min() and array.max() < count):
        raise ValueError(f"Positions run from 0 to {count - 1}; got {array.min()} to {array.max()}.")
    return array.astype(int)


def shown(value) -> str:
    """A short form of any value for a message."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of {value.dtype}, shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}... ({type(value).__name__})"


def _is_number(value) -> bool:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        return False
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:  # a whole number of more than 308 digits
        return False
