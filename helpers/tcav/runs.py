"""Concepts against random counterparts: which pictures each run gets, and all the tests of an experiment.

:mod:`helpers.tcav.significance` says what has to be independent, and why. Here the pictures are dealt out: each of the
R runs trains a CAV on concept pictures of its own, as long as they last, against a random counterpart of its own; the
random pairs are disjoint. One cut of the random pictures serves all concepts, classes and layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from helpers.course.arguments import real_array, seed_number, shown, whole_number, within
from helpers.course.backend import keras
from helpers.course.networks import Progress
from helpers.tcav.scores import activations, logit_gradients, tcav_score
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


def concept_tests(
    model: keras.Model,
    layers: str | Sequence[str],
    concepts: Mapping[str, np.ndarray],
    random_images,
    classes: Mapping[str, tuple],
    *,
    against: str | None = None,
    pooling: str | None = "mean",
    counterparts: int = 20,
    size: int | None = None,
    seed: int = 0,
    comparisons: int | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> list[ConceptTest]:
    """Every concept at every layer for every class: one row for each.

    Parameters
    ----------
    concepts : name and images of every concept
    random_images : one pool of images, best 2 x counterparts x size of them; cut into random sets
    classes : for every name ``(images, target)``, the images for which the target's logit is explained
    against : name of a concept; the others are then scored relative to it instead of random counterparts
    progress : called as ``progress(done, steps, text)``

    Each image goes through the network once. The other parameters are those of :func:`helpers.tcav.scores.activations`
    and :func:`compare_with_random`, which takes activations instead of a model and is the one to call again and again.
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    read = {"pooling": pooling, "batch_size": batch_size}
    gradients, found = {}, {}

    def done(text: str) -> None:
        if progress is not None:
            progress(len(gradients) + len(found), len(classes) + len(concepts) + 1, text)

    for name, (images, target) in classes.items():
        gradients[name] = logit_gradients(model, names, images, target, **read)
        done(f"gradients of {name}")
    for name, images in concepts.items():
        found[name] = activations(model, names, images, **read)
        done(f"activations of {name}")
    rows = compare_with_random(
        dict(found),
        activations(model, names, random_images, **read),
        gradients,
        against=against,
        counterparts=counterparts,
        size=size,
        seed=seed,
        comparisons=comparisons,
    )
    found[""] = {}  # the random pictures count as one step
    done("all tests")
    return rows


def compare_with_random(
    concepts: Mapping[str, Mapping[str, np.ndarray]],
    random: Mapping[str, np.ndarray],
    gradients: Mapping[str, Mapping[str, np.ndarray]],
    *,
    against: str | None = None,
    counterparts: int = 20,
    size: int | None = None,
    seed: int = 0,
    comparisons: int | None = None,
) -> list[ConceptTest]:
    """The tests of :func:`concept_tests` from activations and gradients that were computed before.

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
    if against is not None and (against not in concepts or len(concepts) < 2):
        raise ValueError(
            f"against={against!r} must be one of the concepts, and not the only one: {', '.join(concepts)}."
        )
    rows = []
    for layer, pool in random.items():
        for name, known in [*concepts.items(), *gradients.items()]:
            if layer not in known:
                raise ValueError(f"{name!r} has nothing for layer {layer!r}; it has {', '.join(known)}.")
        sets = {name: checked_set(known[layer], f"{name}, {layer}") for name, known in concepts.items()}
        pool = checked_set(pool, f"random, {layer}")
        pictures = _size(size, sets, len(pool), counterparts)
        cut, chance = _random_sets(pool, pictures, counterparts, seed)
        rest = (
            (pool, cut) if against is None else (sets[against], _draw(len(sets[against]), pictures, counterparts, seed))
        )
        for name in sets:
            if name == against:
                continue
            drawn = _draw(len(sets[name]), pictures, counterparts, seed)
            vectors = [
                concept_vector(sets[name][chosen], rest[0][others], seed + run, name=name)
                for run, (chosen, others) in enumerate(zip(drawn, rest[1], strict=False))
            ]
            common = _overlap(drawn) + (0 if against is None else _overlap(rest[1]))
            overlap = common * (1 - vectors[0].held_out / (2 * pictures))  # of what is trained on
            label = name if against is None else f"{name} / {against}"
            # a picture that several runs hold out is one witness, not several
            witnesses = 2 * min(len(np.unique(drawn)), len(np.unique(rest[1][: len(drawn)])))
            needed = accuracy_beyond_chance(min(witnesses, sum(v.held_out for v in vectors)))
            rows += [
                _test(label, layer, kind, known[layer], vectors, chance, overlap, needed)
                for kind, known in gradients.items()
            ]
    return [replace(row, comparisons=comparisons or len(rows)) for row in rows]


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
) -> ConceptTest:
    gradients = real_array(f"Gradients of {class_name!r}", gradients)
    if not within(gradients, LARGEST):
        raise ValueError(f"Gradients of {class_name!r} at {layer!r} hold NaN, infinite or far too large values.")
    gradients = gradients if gradients.dtype.kind == "f" else gradients.astype(float)
    features = len(vectors[0].vector)
    if np.ndim(gradients) != 2 or gradients.shape[1] != features:
        raise ValueError(
            f"Gradients of {class_name!r} at {layer!r} need the shape (pictures, {features}) of the activations; got "
            f"{np.shape(gradients)}. Use one pooling for both."
        )
    found = tcav_score(_derivatives(gradients, vectors))
    expected = tcav_score(_derivatives(gradients, chance)).score if chance else np.zeros(0)
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
        overlap=overlap,
        p=p,
        p_plain=compare_scores(found.score, expected)[0],
        comparisons=1,
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
