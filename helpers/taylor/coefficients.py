"""Taylor coefficients: what they are, how they are averaged over events, and how they are ranked.

The output f of a network (or any other function) is expanded to second order at every event. A coefficient is the mean
size of one term over the events (Wunsch, Friese, Wolf and Quast 2018, arXiv:1803.08782)::

    t(x_i)      = < |df/dx_i| >
    t(x_i, x_j) = < |d2f/dx_i dx_j| >            i != j: the mixed term occurs twice, which cancels its factor 1/2
    t(x_i, x_i) = < |1/2 d2f/dx_i2| >

The absolute value is taken at every event, before the mean, so that positive and negative slopes do not cancel. Inputs
must share one scale, for a coefficient has the unit 1/x: standardise them first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import real_array, real_number, shown, whole_number
from helpers.course.tables import aligned


@dataclass(frozen=True)
class Coefficient:
    """One coefficient: the one or two inputs it belongs to, its value, and the standard error of the mean."""

    inputs: tuple[str, ...]
    value: float
    error: float

    @property
    def label(self) -> str:
        return f"t({', '.join(self.inputs)})"


@dataclass(frozen=True)
class TaylorCoefficients:
    """The first- and second-order coefficients of one function of d inputs.

    Attributes
    ----------
    names: the names of the d inputs.
    first: (d,) array, t(x_i).
    second: (d, d) symmetric array, t(x_i, x_j); its diagonal holds t(x_i, x_i), the factor 1/2 included.
    first_error, second_error: arrays of the same shapes, standard errors of these means over the events.
    """

    names: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    first_error: np.ndarray
    second_error: np.ndarray

    def index(self, name: str) -> int:
        """The position of an input by its name."""
        if name not in self.names:
            raise ValueError(f"There is no input called {name!r}; the inputs are {', '.join(self.names)}.")
        return self.names.index(name)

    def coefficient(self, *inputs: str) -> Coefficient:
        """One coefficient by name: ``coefficient("x1")`` or ``coefficient("x1", "x2")``."""
        if len(inputs) not in (1, 2):
            raise ValueError(f"A coefficient belongs to one or two inputs; got {len(inputs)}.")
        at = tuple(self.index(name) for name in inputs)
        values, errors = (self.first, self.first_error) if len(at) == 1 else (self.second, self.second_error)
        return Coefficient(tuple(inputs), float(values[at]), float(errors[at]))

    def all(self, orders: Sequence[int] = (1, 2)) -> list[Coefficient]:
        """All coefficients of the given orders, every pair once: d of first and d(d+1)/2 of second order."""
        if not isinstance(orders, (tuple, list)) or not orders or any(order not in (1, 2) for order in orders):
            raise ValueError(f"Orders are a list of 1, 2 or both; got {shown(orders)}.")
        found = [self.coefficient(name) for name in self.names] if 1 in orders else []
        if 2 in orders:
            found += [self.coefficient(a, b) for i, a in enumerate(self.names) for b in self.names[i:]]
        return found

    def ranking(self, orders: Sequence[int] = (1, 2)) -> list[Coefficient]:
        """All coefficients, the largest first."""
        return sorted(self.all(orders), key=lambda coefficient: -coefficient.value)


def over_trainings(found: Sequence[TaylorCoefficients]) -> TaylorCoefficients:
    """The mean of the coefficients of several trainings; the error is their standard deviation.

    It says by how much a coefficient of one training is off by chance: other events, another start. That is usually
    more than the error of the mean over the events.
    """
    known = isinstance(found, (list, tuple)) and all(isinstance(one, TaylorCoefficients) for one in found)
    if not known or len(found) < 2 or len({one.names for one in found}) > 1:
        raise ValueError(f"Give the coefficients of at least two trainings on the same inputs; got {shown(found)}.")
    first, second = np.array([one.first for one in found]), np.array([one.second for one in found])
    return TaylorCoefficients(
        found[0].names,
        first.mean(axis=0),
        second.mean(axis=0),
        first.std(axis=0, ddof=1),
        second.std(axis=0, ddof=1),
    )


def top_of_ranking(ranking: Sequence[Coefficient], share: float) -> list[Coefficient]:
    """The first ``share`` of a ranking, rounded to whole coefficients, one at least: 0.05 of 495 are 25."""
    if not 0 < real_number("share", share) <= 1:
        raise ValueError(f"The share of the ranking lies above 0 and at most at 1; got {share}.")
    return list(ranking[: max(1, round(share * len(ranking)))])


def inputs_in(ranking: Sequence[Coefficient]) -> list[str]:
    """The inputs that occur in these coefficients, each once, in the order in which they appear."""
    return list(dict.fromkeys(name for coefficient in ranking for name in coefficient.inputs))


def ranking_table(ranking: Sequence[Coefficient], top: int = 20) -> str:
    """The first ``top`` coefficients of a ranking as a text table: rank, name, value, standard error.

    Where three decimals would show nothing but 0.000, two digits are given instead, and a last line says so.
    """
    rows = list(ranking[: whole_number("top", top)])
    tiny = bool(rows) and max(row.value for row in rows) < 0.0005
    digits = ".1e" if tiny else ".3f"
    cells = [[f"{i:>4}", row.label, f"{row.value:{digits}}", f"{row.error:{digits}}"] for i, row in enumerate(rows, 1)]
    lines, numbers = aligned(cells, left=(1,)), "    value    error" if tiny else "  value  error"
    width = len(lines[0]) - len(numbers) if lines else 0
    note = ["All are below 0.0005: are the inputs standardised, and is the network not saturated?"] if tiny else []
    return "\n".join(["rank  coefficient".ljust(width) + numbers, *lines, *note])


def coefficients_from_derivatives(
    gradient: np.ndarray, hessian: np.ndarray, names: Sequence[str], weights: np.ndarray | None = None
) -> TaylorCoefficients:
    """Average derivatives that are already there; the plain form of the definitions at the top of this module.

    Parameters
    ----------
    gradient: (n, d) first derivatives at n events.
    hessian: (n, d, d) second derivatives.
    names: the d names of the inputs.
    weights: (n,) weights of the events, none negative; equal weights if left out.
    """
    first, second = np.triu_indices(gradient.shape[1])
    rows = np.concatenate([gradient, hessian[:, first, second]], axis=1).T
    return AbsoluteMeans(rows, None if weights is None else weights / weights.mean()).coefficients(names)


class AbsoluteMeans:
    """Weighted means of |derivative| over a block of events and their standard errors; blocks are merged into one.

    Each row of the values is a derivative, each column an event: first the d of first order, then the d(d+1)/2 of second
    order as ``np.triu_indices(d)`` has them, all without factors. The standard error is that of a weighted mean with the
    weights taken as given, sqrt(sum w^2 (|v| - mean)^2) / sum w; for equal weights it is the standard deviation over the
    square root of n. Values are taken relative to the mean of the block, which keeps the digits when they hardly differ.

    Where an input is undefined, an event has the weight 0 for the rows of this input, and for no other row.

    Parameters
    ----------
    values: (d + d(d+1)/2, n) array; used as working space, which spares a copy.
    weights: (n,) weights of the events; equal weights if left out.
    defined: (d, n) array, True where an input is defined; everywhere if left out.
    """

    def __init__(
        self, values: np.ndarray, weights: np.ndarray | None = None, defined: np.ndarray | None = None
    ) -> None:
        values = np.abs(values, out=values)
        ones = np.ones(values.shape[1], values.dtype)
        self._shift = (values @ ones / len(ones)).astype(float)
        values -= self._shift.astype(values.dtype)[:, None]
        weights = ones if weights is None else np.asarray(weights, values.dtype)
        # sums of w and of w^2, one for each row where they differ
        if defined is None:
            self._weight, self._squared_weight = weights.sum(dtype=float), (weights.astype(float) ** 2).sum()
        else:
            defined = defined.astype(values.dtype)
            self._weight = _sums_where_defined(weights, defined)
            self._squared_weight = self._weight if weights is ones else _sums_where_defined(weights**2, defined)
            _blank(values, defined)
        # sums of w (|v| - shift), of w^2 (|v| - shift) and of w^2 (|v| - shift)^2
        self._first, self._squared_first = (values @ np.stack([weights, weights**2], axis=1)).T.astype(float)
        self._squared_second = (np.multiply(values, values, out=values) @ weights**2).astype(float)
        if defined is not None:
            for sums in (self._first, self._squared_first, self._squared_second):
                sums *= self._weight > 0

    def merge(self, other: "AbsoluteMeans") -> None:
        """Add another block, whose shift may differ."""
        move = other._shift - self._shift
        self._first += other._first + move * other._weight
        self._squared_first += other._squared_first + move * other._squared_weight
        self._squared_second += (
            other._squared_second + 2 * move * other._squared_first + move**2 * other._squared_weight
        )
        self._weight = self._weight + other._weight
        self._squared_weight = self._squared_weight + other._squared_weight

    def coefficients(self, names: Sequence[str]) -> TaylorCoefficients:
        """Put the means into their places; ``ValueError`` if one runs over no event, or a derivative was not finite."""
        if not np.all(self._weight):
            nowhere, pairs = int(np.argmin(self._weight)), np.triu_indices(len(names))
            at = {nowhere} if nowhere < len(names) else {int(pair[nowhere - len(names)]) for pair in pairs}
            which = " and ".join(names[i] for i in sorted(at))
            raise ValueError(
                f"There is no event to average over in which {which} {'is' if len(at) == 1 else 'are'} defined: give more "
                "events, or leave an input out."
            )
        offset = self._first / self._weight
        squares = self._squared_second - 2 * offset * self._squared_first + offset**2 * self._squared_weight
        mean = self._shift + offset
        error = np.sqrt(np.maximum(squares, 0)) / self._weight
        if not (np.isfinite(mean).all() and np.isfinite(error).all()):
            raise ValueError(
                "A derivative is not finite. Are the weights of the network finite, and the inputs on scale?"
            )
        inputs = len(names)
        return TaylorCoefficients(
            tuple(names),
            mean[:inputs],
            _symmetric(mean[inputs:], inputs),
            error[:inputs],
            _symmetric(error[inputs:], inputs),
        )


def numbered_inputs(inputs: int) -> tuple[str, ...]:
    """x1, x2, ...: what inputs are called where nobody named them."""
    return tuple(f"x{i}" for i in range(1, inputs + 1))


def check_names(names: Sequence[str] | None, inputs: int) -> tuple[str, ...]:
    """The names of the inputs; x1, x2, ... where none are given. ``ValueError`` if there are too many, few, or twins."""
    if names is None:
        return numbered_inputs(inputs)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"There are {inputs} inputs, so give a list of {inputs} different names; got {shown(names)}.")
    names = tuple(str(name) for name in names)
    if len(names) != inputs or len(set(names)) != inputs:
        raise ValueError(f"There are {inputs} inputs, so give {inputs} different names; got {len(names)}: {names}.")
    return names


def check_weights(weights: np.ndarray | None, events: int) -> float:
    """The mean weight of the events, by which to divide so that single precision is enough; 1 where none are given.

    Raises ``ValueError`` unless there is one finite weight for each event, none negative and one above zero.
    """
    if weights is None:
        return 1.0
    weights = real_array("weights", weights)
    if weights.shape != (events,):
        raise ValueError(f"Give one weight for each of the {events} events; got an array of shape {weights.shape}.")
    smallest, mean = float(weights.min()), float(weights.mean(dtype=float))
    if not (smallest >= 0 and 0 < mean < np.inf):  # written so that NaN fails too
        raise ValueError("Weights of events are finite, not negative, and at least one is above zero.")
    return mean


def _sums_where_defined(weights: np.ndarray, defined: np.ndarray) -> np.ndarray:
    """For every row of derivatives the sum of the weights of the events in which its inputs are defined."""
    together = (defined * weights) @ defined.T
    return np.concatenate([np.diag(together), together[np.triu_indices(len(defined))]]).astype(float)


def _blank(values: np.ndarray, defined: np.ndarray) -> None:
    """Set the rows of derivatives to 0, in place, at the events in which one of their inputs is undefined.

    Nothing is to be done for an input that all events of the block have; rows of one that none has get no weight.
    """
    size = len(defined)
    mixed = (defined.min(axis=1) < 1) & (defined.max(axis=1) > 0)
    values[:size] *= defined
    start = size
    for i in range(size if mixed.any() else 0):
        rows = values[start : start + size - i]
        if mixed[i]:
            rows *= defined[i]
        for j in np.flatnonzero(mixed[i:]):
            rows[j] *= defined[i + j]
        start += size - i


def _symmetric(upper: np.ndarray, inputs: int) -> np.ndarray:
    """A symmetric matrix from its upper triangle; the diagonal gets the factor 1/2 of the second-order term."""
    matrix = np.zeros((inputs, inputs))
    pair = np.triu_indices(inputs)
    matrix[pair] = upper
    matrix = matrix + matrix.T
    return matrix / np.where(np.eye(inputs, dtype=bool), 4, 1)
