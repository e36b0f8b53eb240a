"""Hostile arguments: good calls in a table, and values that are put in the place of one good argument."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hostile import answer, require_finite
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

HUGE = 10**16  # elements of an array that takes no memory itself: no machine has it for a copy


@dataclass(frozen=True)
class Case:
    """A good call. ``check(result, arguments)`` says whether a result is what the docstring promises.

    ``kept`` arguments are left as they are; ``endless`` are whole numbers of which a huge one asks for as much work;
    ``undefined`` results may hold NaN, and errors of the kinds ``also`` may be raised, where the docstring says so.
    """

    function: Callable
    arguments: dict
    check: Callable
    kept: tuple[str, ...]
    endless: tuple[str, ...]
    undefined: bool
    also: tuple


def case(function, check, *, kept=(), endless=(), undefined=False, also=(), **arguments) -> tuple[str, Case]:
    name = f"{function.__module__.split('.')[-1]}.{function.__qualname__}"
    return name, Case(function, arguments, check, tuple(kept), tuple(endless), undefined, also)


def table(*cases: tuple[str, Case]) -> dict[str, Case]:
    """Cases by name; a second one of the same function gets a number."""
    found = {}
    for name, one in cases:
        found[name if name not in found else f"{name} {len(found)}"] = one
    return found


def shaped(*shape) -> Callable:
    """A check of the result's shape."""
    return lambda result, arguments: np.shape(result) == shape


def shaped_like(name: str, axes: int | None = None) -> Callable:
    """A check: the result has the shape of an argument, of its first ``axes`` where given."""
    return lambda result, arguments: np.shape(result) == np.shape(arguments[name])[:axes]


def require_good_call(one: Case) -> None:
    result = answer(lambda: one.function(**one.arguments))
    assert result is not None, "the good call was refused"
    require_right(one, result, one.arguments)


def attack(one: Case, data, models=(None, "model", 3)) -> None:
    """Call with one argument replaced, a model by one of ``models``: refused in words, or a right answer."""
    names = [name for name in one.arguments if name not in one.kept]
    chosen = data.draw(st.sampled_from(names))
    other = st.sampled_from(models) if chosen == "model" else hostile(one.arguments[chosen], chosen in one.endless)
    value = data.draw(other)
    arguments = one.arguments | {chosen: value}
    result = answer(lambda: one.function(**arguments), one.also)
    if result is not None:
        require_right(one, result, arguments)


def require_right(one: Case, result, arguments: dict) -> None:
    if not one.undefined:
        require_finite(result)
    assert one.check(result, arguments), f"a wrong result: {result!r:.300}"


SCALARS = [None, "text", 3, -1, 0.5, np.nan, 1j, {}, object(), b"x", ...]


def hostile(good, endless: bool = False) -> st.SearchStrategy:
    """Values like a good one, but not quite, and values of another kind."""
    other = st.sampled_from(SCALARS)
    if isinstance(good, np.ndarray):
        return st.one_of(st.sampled_from(_of_arrays(good)), _any_arrays(), other)
    if isinstance(good, bool):
        return st.just(not good)
    if isinstance(good, int):
        whole = [-1, 0, 1, 2, 2.5, float(good), np.int64(good), np.array(good), np.nan, np.inf, -(10**18), [good], True]
        return st.one_of(st.sampled_from([*whole, *([] if endless else [10**5, 10**18])]), other)
    if isinstance(good, float):
        return st.one_of(
            st.floats(-2, 2),
            st.sampled_from([0.0, -0.0, -1.0, np.inf, -np.inf, 1e300, 1e-300, 10**400, np.float16(good), [good], True]),
            other,
        )
    if isinstance(good, str):
        return st.one_of(
            st.text(max_size=8), st.sampled_from(["", "a" * 9999, "../x", "\0", [good], [], good.upper()]), other
        )
    if isinstance(good, list | tuple):
        kind = type(good)
        cut = [
            kind(),
            kind([*good, *good]),
            good[:1],
            good[1:],
            kind([good]),
            np.array(good, object),
            "text",
            dict.fromkeys("ab"),
        ]
        inner = st.integers(0, len(good) - 1).flatmap(
            lambda i: hostile(good[i]).map(lambda value: kind([*good[:i], value, *good[i + 1 :]]))
        )
        return st.one_of(st.sampled_from(cut), inner, other)
    if isinstance(good, dict):
        inner = st.sampled_from(sorted(good)).flatmap(
            lambda key: hostile(good[key]).map(lambda value: {**good, key: value})
        )
        return st.one_of(st.sampled_from([{}, {"other": 1}]), inner, other)
    return other  # None in a good call stands for "by default"


def _of_arrays(good: np.ndarray) -> list:
    """The array changed in one respect."""
    flat = good.ravel()
    changed = [good[np.newaxis], good[..., np.newaxis], good[:0], good[:1], flat, flat[:0], good.T, good.tolist()]
    changed += [
        np.concatenate([good, good[:1]]),
        np.concatenate([good, good[..., :1]], axis=-1),
        good[..., :0],
        good[..., :1],
    ]
    changed += [good.astype(kind) for kind in (object, complex, bool, np.float64, "datetime64[s]")]
    changed += [[good.tolist(), 1], np.full(good.shape, "1"), np.full(good.shape, None), np.empty((0,) * good.ndim)]
    if good.dtype.kind in "fiu":
        numbers = good.astype(float)
        with np.errstate(over="ignore", invalid="ignore"):
            changed += [good.astype(kind) for kind in (np.int8, np.int64, np.uint8, np.float16, np.float32)]
        changed += [-numbers, numbers * 0, numbers * 1e30, numbers * 1e300, numbers + 0.5, np.ones_like(good)]
        for value in (np.nan, np.inf, -np.inf):
            holed = numbers.copy()
            holed.flat[holed.size // 2] = value
            changed.append(holed)
    if good.ndim > 1:
        changed.append(np.broadcast_to(np.zeros((), good.dtype), (*good.shape[:-1], HUGE // good.size)))
        changed.append(good[0])
    return changed


def _any_arrays() -> st.SearchStrategy:
    kinds = st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, bool, complex, "U3"])
    return kinds.flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
