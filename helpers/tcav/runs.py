"""Concepts against random counterparts: which pictures each run gets, and all the tests of an experiment.

:mod:`helpers.tcav.significance` says what has to be independent, and why. Here the pictures are dealt out: each of the
R runs trains a CAV on concept pictures of its own, as long as they last, against a random counterpart of its own; the
random pairs are disjoint. One cut of the random pictures serves all concepts, classes and layers.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from helpers.course.arguments import real_array, seed_number, shown, whole_number, within
from helpers.tcav.scores import tcav_score
from helpers.tcav.significance import ConceptTest, compare_scores
from helpers.tcav.vectors import (
    FEWEST_PICTURES,
    LARGEST,
    ConceptVector,
    accuracy_beyond_chance,
    checked_set,
    concept_vector,
)

MOST_RUNS = 1000
LARGEST_SET = 50  # pictures of a side in one run, unless asked otherwise


def compare_with_random(
    concepts: Mapping[str, Mapping[str, np.ndarray]],
    random: Mapping[str, np.ndarray],
    gradients: Mapping[str, Mapping[str, np.ndarray]],
    *,
    counterparts: int = 20,
    size: int | None = None,
    seed: int = 0,
    comparisons: int | None = None,
) -> list[ConceptTest]:
    """Every concept at every layer for every class: one test for each.

    Parameters
    ----------
    concepts : for every concept and layer, activations (n, features), from :func:`helpers.tcav.scores.activations`
    random : for every layer, activations (m, features) of random pictures
    gradients : for every class and layer, (N, features), from :func:`helpers.tcav.scores.logit_gradients`
    counterparts
        Number R of runs: CAVs of each concept, each with a random counterpart of its own. At least 2, better 10 or
        more.
    size
        Pictures of either side in one run; by default 50, or as many as the smallest concept has, or as few as 2 R sets
        of random pictures allow, but 10 at least.
    comparisons
        Number of tests to correct for; by default the rows returned. Say more if you look at more.

    Raises
    ------
    ValueError
        If sets are too small (the message says how many pictures are needed), layers do not fit, or a value is not
        finite.
    """
    counterparts, seed = whole_number("counterparts", counterparts, 2, MOST_RUNS), seed_number(seed)
    for name, sets in (("concepts", concepts), ("gradients", gradients), ("random", {"random": random})):
        if not isinstance(sets, Mapping) or not all(isinstance(known, Mapping) for known in sets.values()):
            raise ValueError(f"{name} is a dictionary with arrays for each layer; got {shown(sets)}.")
    if not concepts or not gradients:
        raise ValueError("There is nothing to test: give at least one concept and one class.")
    comparisons, rows = comparisons or len(random) * len(concepts) * len(gradients), []
    for layer, pool in random.items():
        for name, known in [*concepts.items(), *gradients.items()]:
            if layer not in known:
                raise ValueError(f"{name!r} has nothing for layer {layer!r}; it has {', '.join(known)}.")
        sets = {name: checked_set(known[layer], f"{name}, {layer}") for name, known in concepts.items()}
        pool = checked_set(pool, f"random, {layer}")
        pictures = _size(size, sets, len(pool), counterparts)
        cut, chance = _random_sets(pool, pictures, counterparts, seed)
        for name, own in sets.items():
            drawn = _draw(len(own), pictures, counterparts, seed)
            vectors = [
                concept_vector(own[chosen], pool[others], seed + run, name=name)
                for run, (chosen, others) in enumerate(zip(drawn, cut, strict=False))
            ]
            overlap = _overlap(drawn) * (1 - vectors[0].held_out / (2 * pictures))  # of what is trained on
            # a picture that several runs hold out is one witness, not several
            needed = accuracy_beyond_chance(min(2 * len(np.unique(drawn)), sum(v.held_out for v in vectors)))
            rows += [
                _test(name, layer, kind, known[layer], vectors, chance, overlap, needed, comparisons)
                for kind, known in gradients.items()
            ]
    return rows


def _random_sets(pool: np.ndarray, size: int, runs: int, seed: int) -> tuple[np.ndarray, list[ConceptVector]]:
    """Numbers (sets, size) of the pictures of each random set, and the CAVs of disjoint pairs of sets.

    The first ``runs`` sets are the counterparts. A pair lies among them or among the others, never across.
    """
    sets = min(2 * runs, len(pool) // size)
    cut = np.random.default_rng(seed).permutation(len(pool))[: sets * size].reshape(sets, size)
    pairs = [(i, i + 1) for start, stop in ((0, runs), (runs, sets)) for i in range(start, stop - 1, 2)]
    return cut, [concept_vector(pool[cut[i]], pool[cut[j]], seed + i, name="random") for i, j in pairs]


def _test(
    concept: str,
    layer: str,
    class_name: str,
    gradients: np.ndarray,
    vectors: Sequence[ConceptVector],
    chance: Sequence[ConceptVector],
    overlap: float,
    needed: float,
    comparisons: int,
) -> ConceptTest:
    gradients = real_array(f"Gradients of {class_name!r}", gradients)
    if not within(gradients, LARGEST):
        raise ValueError(f"Gradients of {class_name!r} at {layer!r} hold NaN, infinite or far too large values.")
    gradients = gradients if gradients.dtype.kind == "f" else gradients.astype(float)
    features = len(vectors[0].vector)
    if gradients.ndim != 2 or gradients.shape[1] != features:
        raise ValueError(
            f"Gradients of {class_name!r} at {layer!r} need the shape (pictures, {features}) of the activations; got "
            f"{gradients.shape}. Use one pooling for both."
        )
    found = tcav_score(_derivatives(gradients, vectors))
    expected = tcav_score(_derivatives(gradients, chance)).score
    p, undefined = compare_scores(found.score, expected, overlap)
    return ConceptTest(
        concept=concept,
        layer=layer,
        class_name=class_name,
        scores=found.score,
        random_scores=expected,
        accuracy=float(np.mean([v.accuracy for v in vectors])),
        needed=needed,
        mean_derivative=float(np.mean(found.mean)),
        zero=float(np.mean(found.zero)),
        p=p,
        comparisons=comparisons,
        undefined=undefined,
    )


def _derivatives(gradients: np.ndarray, vectors: Sequence[ConceptVector]) -> np.ndarray:
    """(N, vectors); one vector at a time in the gradients' precision: flattened ones are large."""
    return np.stack([gradients @ v.vector.astype(gradients.dtype) for v in vectors], axis=1)


def _size(size: int | None, sets: Mapping[str, np.ndarray], pool: int, counterparts: int) -> int:
    """Pictures of a side in one run."""
    smallest = min(sets, key=lambda name: len(sets[name]))
    if size is None:
        size = max(FEWEST_PICTURES, min(LARGEST_SET, len(sets[smallest]), pool // (2 * counterparts)))
    size = whole_number("size", size, FEWEST_PICTURES)
    if len(sets[smallest]) < size:
        raise ValueError(
            f"Sets of size={size} need as many pictures; {smallest!r} has {len(sets[smallest])} different ones."
        )
    if pool < counterparts * size:
        raise ValueError(
            f"{counterparts} random counterparts of {size} pictures need {counterparts * size} different random pictures, "
            f"twice as many for as many random pairs; got {pool}. Add random pictures, or ask for fewer counterparts."
        )
    return size


def _draw(count: int, size: int, runs: int, seed: int) -> np.ndarray:
    """Numbers (runs, size) of the pictures that each run takes: new ones as long as they last, then all over again."""
    rng, per_deal = np.random.default_rng(seed), count // size
    deals = [rng.permutation(count)[: per_deal * size].reshape(per_deal, size) for _ in range(-(-runs // per_deal))]
    return np.concatenate(deals)[:runs]


def _overlap(drawn: np.ndarray) -> float:
    """Mean share of the pictures that two runs have in common."""
    runs, size = drawn.shape
    used = np.zeros((runs, drawn.max() + 1))
    np.put_along_axis(used, drawn, 1, axis=1)
    return float(((used @ used.T).sum() - runs * size) / (runs * (runs - 1) * size))
