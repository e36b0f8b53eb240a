"""Concept activation vectors: the direction in a layer's activations that leads from other pictures to a concept.

A linear classifier is trained to tell the activations of concept pictures from those of others; its unit normal v, on
the concept's side, is the CAV (Kim et al. 2018, arXiv:1711.11279). With random pictures as the others it asks "more of
this concept?", with another concept it is a relative CAV: "rather striped than spotted?".

**The classifier** is logistic regression with an L2 penalty (C = 10), on activations that are centred and divided by
one number, the root of their total variance. One number for all features keeps angles, so the normal found is a
direction of the activations themselves:

    w . (a - m) / s + b' = (w / s) . a + (b' - w . m / s),    v = w / |w|.

It also makes the result independent of the unit of the activations. Measured on pooled maps of VGG16 with 27 training
pictures a side: vectors from disjoint pictures of a textured concept have a cosine of 0.9 at the last convolution. The
classifier of the paper, stochastic gradient descent (``SGDClassifier``), comes to 0.2 on raw activations, and to 0.4
between two runs on the same pictures. Dividing every feature by its own deviation lets features decide that hardly
vary: 0.6, and 0.0 where flattened maps have dead units. With more features than pictures the normal lies in the span of
the pictures and is sought there: the same vector, three times as fast for 100,000 features, and without a copy of them
all in double precision.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from threadpoolctl import ThreadpoolController

from helpers.course.arguments import real_array, seed_number, shown, whole_number, within

FEWEST_PICTURES = 10  # of a side: fewer leave three or less to check the vector with
HELD_OUT = 1 / 3  # of each side: not trained on, they measure the accuracy
CHANCE_LEVEL = 0.05  # a vector is meaningful if chance reaches its accuracy less often than this
NEAR_CHANCE = 0.6  # and if its accuracy is at least this
PENALTY = 10.0  # C of LogisticRegression
FEATURES_AT_A_TIME = 2**16
LARGEST = 1e12  # of an activation; squares are finite


@dataclass(frozen=True, eq=False)
class ConceptVector:
    """A concept activation vector.

    Attributes
    ----------
    vector : (features,), length 1, points to the concept
    intercept : vector . a + intercept > 0 says "concept"
    accuracy : share of the held-out pictures that are told right; chance is 0.5
    held_out : number of the held-out pictures, both sides together
    """

    vector: np.ndarray
    intercept: float
    accuracy: float
    held_out: int

    @property
    def needed(self) -> float:
        """The least accuracy that is above chance: see :func:`accuracy_beyond_chance`."""
        return accuracy_beyond_chance(self.held_out)

    @property
    def is_meaningful(self) -> bool:
        """Are the held-out pictures told better than by guessing? If not, the vector must not be interpreted."""
        return self.accuracy >= self.needed

    def __str__(self) -> str:
        verdict = "" if self.is_meaningful else f": not above chance ({self.needed:.0%} needed), do not interpret it"
        return (
            f"CAV of {len(self.vector)} values, {self.accuracy:.0%} of {self.held_out} held-out pictures right{verdict}"
        )


def accuracy_beyond_chance(trials: int) -> float:
    """The least share of right answers in ``trials`` that guessing reaches with a probability below 5 %.

    Never less than 0.6: many pictures can show that 0.53 is no accident, but the direction is noise for the most part.
    Above 1 if there are too few trials to show anything.
    """
    trials = whole_number("trials", trials, 1)
    return max(NEAR_CHANCE, float(binom.isf(CHANCE_LEVEL, trials, 0.5) + 1) / trials)


def concept_vector(concept_activations, random_activations, seed: int = 0, *, name: str = "concept") -> ConceptVector:
    """The CAV of concept activations (n, features) against others (m, features).

    Parameters
    ----------
    random_activations
        Of random pictures, or of another concept for a relative CAV. Exchanging the two sides turns the vector round.
    seed
        Fixes which pictures of the larger side are used (as many as the smaller has), and which third of either side is
        not trained on but measures the accuracy.
    name
        Of the concept, for messages.

    Pictures with equal activations count once, so that no copy of a training picture is held out.

    Raises
    ------
    ValueError
        If the shapes do not fit, a value is not finite, a side has fewer than 10 different rows, or both sides hold the
        same pictures.
    """
    sides = [checked_set(concept_activations, name), checked_set(random_activations, f"what {name!r} is compared with")]
    if sides[0].shape[1] != sides[1].shape[1]:
        raise ValueError(
            f"Both sides need activations of one layer and one pooling; got {sides[0].shape[1]} and {sides[1].shape[1]} "
            "values a picture."
        )
    seed = seed_number(seed)
    if _same_rows(*sides):
        raise ValueError(
            f"The pictures of {name!r} and those it is compared with are the same. Give two different sets."
        )
    count = min(map(len, sides))
    # the same draw for both sides: exchanging them exchanges nothing else
    chosen = [side[np.random.default_rng(seed).permutation(len(side))[:count]] for side in sides]
    test = round(HELD_OUT * count)
    # for matrices this small, threads that wait for each other cost ten times the work on a busy machine
    with _threads().limit(limits=1):
        normal, offset = _logistic_normal(*(side[test:] for side in chosen))
    right = [
        (side[:test] @ normal + offset > 0) == is_concept
        for side, is_concept in zip(chosen, (True, False), strict=True)
    ]
    length = np.linalg.norm(normal)
    return ConceptVector(normal / length, float(offset / length), float(np.mean(right)), 2 * test)


def _same_rows(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and set(map(_digest, first)) == set(map(_digest, second))


def _digest(row: np.ndarray) -> bytes:
    return hashlib.sha256((row + 0).tobytes()).digest()  # adding 0 makes -0.0 the same as 0.0


def checked_set(values, name: str) -> np.ndarray:
    """The different rows of activations (n, features), in their order, or an error that says what is wrong."""
    values = real_array(f"Activations of {name!r}", values)
    if values.ndim != 2 or values.dtype.kind not in "fiu" or values.size == 0:
        raise ValueError(
            f"Activations of {name!r} are numbers of shape (pictures, features); got {values.dtype} of {values.shape}. "
            "activations(model, layer, pictures) of helpers.tcav makes them."
        )
    if not within(values, LARGEST):
        raise ValueError(
            f"The activations of {name!r} hold NaN, infinite or far too large values. Look at the pictures they come from."
        )
    first = sorted({_digest(values[i]): i for i in reversed(range(len(values)))}.values())
    if len(first) < FEWEST_PICTURES:
        copies = f" ({len(values)} of them, but the others are copies, or the layer is dead)"
        raise ValueError(
            f"{name!r} has {len(first)} different pictures at this layer{copies if len(first) < len(values) else ''}; at "
            f"least {FEWEST_PICTURES} are needed, 30 or more are better. Add pictures that share the concept and differ in "
            "everything else."
        )
    return values if len(first) == len(values) else values[first]


def vectors_as_rows(vectors) -> tuple[np.ndarray, bool]:
    """CAVs or arrays as a matrix (vectors, features), and whether it was a single one."""
    single = isinstance(vectors, ConceptVector) or (isinstance(vectors, np.ndarray) and vectors.ndim == 1)
    if not single and not (
        isinstance(vectors, (list, tuple)) or (isinstance(vectors, np.ndarray) and vectors.ndim > 0)
    ):
        raise ValueError(f"Vectors are concept vectors or arrays (features,), or a list of them; got {shown(vectors)}.")
    parts = [vectors] if single else list(vectors)
    rows = [
        part.vector if isinstance(part, ConceptVector) else real_array("A vector", part).astype(float) for part in parts
    ]
    if not rows or any(row.ndim != 1 or len(row) != len(rows[0]) for row in rows):
        raise ValueError(
            f"Vectors are concept vectors or arrays (features,) of one length; got shapes {[row.shape for row in rows]}."
        )
    matrix = np.array(rows)
    if not within(matrix, LARGEST):
        raise ValueError("The vectors hold NaN, infinite or far too large values.")
    return matrix, single


def projections(activations, vector) -> np.ndarray:
    """How far each picture (n, features) lies along a CAV: v . a, (n,), in units of the activations."""
    matrix, _ = vectors_as_rows([vector])
    values = real_array("The activations", activations)
    if values.ndim != 2 or values.shape[1] != matrix.shape[1]:
        raise ValueError(f"The vector belongs to activations (pictures, {matrix.shape[1]}); got {values.shape}.")
    if not within(values, LARGEST):
        raise ValueError("The activations hold NaN, infinite or far too large values.")
    return values @ matrix[0]


def _logistic_normal(concept: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, float]:
    """Normal (features,) and offset of logistic regression in the space of the activations."""
    rows = np.concatenate([concept, others])
    labels = np.arange(len(rows)) < len(concept)
    centre = rows.mean(axis=0, dtype=np.float64)
    if rows.shape[1] <= len(rows):
        inner = rows - centre
        back = None
    else:
        inner, back = _in_their_span(rows, centre)
    scale = np.sqrt((inner**2).sum(axis=1).mean())
    if scale == 0:
        raise ValueError("All activations are equal, so no direction tells the two sides apart.")
    fit = LogisticRegression(C=PENALTY, tol=1e-6, max_iter=1000).fit(inner / scale, labels)
    normal = fit.coef_[0] / scale  # coef_[0] points to classes_[1], which is True
    if back is not None:
        normal = _features_of(rows, centre, back @ normal)
    if not np.linalg.norm(normal) > 0:
        raise ValueError("The two sides have the same mean activation and no direction tells them apart.")
    return normal, float(fit.intercept_[0] - normal @ centre)


@cache
def _threads() -> ThreadpoolController:
    """Made once, when all libraries are loaded: looking for them takes longer than a fit."""
    return ThreadpoolController()


def _in_their_span(rows: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, rank) of the centred rows in an orthonormal basis of their span; basis = centred rows' . back."""
    products = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], FEATURES_AT_A_TIME):  # never a second copy of all features
        part = slice(start, start + FEATURES_AT_A_TIME)
        block = rows[:, part] - centre[part]
        products += block @ block.T
    values, directions = np.linalg.eigh(products)
    kept = values > 1e-12 * max(values[-1], np.finfo(float).tiny)
    roots = np.sqrt(values[kept])
    return directions[:, kept] * roots, directions[:, kept] / roots


def _features_of(rows: np.ndarray, centre: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """sum_n shares_n (row_n - centre), block by block."""
    found = np.empty(rows.shape[1])
    for start in range(0, rows.shape[1], FEATURES_AT_A_TIME):
        part = slice(start, start + FEATURES_AT_A_TIME)
        found[part] = shares @ (rows[:, part] - centre[part])
    return found
