"""Does the relevance lie where the answer comes from? Scores of maps and words for questions about scenes.

The scene says which things an answer hangs on (Arras, Osman and Samek 2022, CLEVR-XAI, arXiv:2003.07258), in two ways:
the things **needed** for the answer, and all things that the question's program **visits**. They differ for relations:
"What stands left of the red cow?" needs what stands there and visits the cow too. Scored are mass and pointing of
:mod:`helpers.scores`, with the area of the things as the chance level; how a map moves when only the question changes;
and which kinds of words the relevance lies on.
"""

import re
from collections.abc import Sequence

import numpy as np

from helpers.question_grammar import FORMS, Question
from helpers.scores import area_share, mass_inside, pointing_hit

SCORES = {
    "mass on needed": "share of the positive relevance on the things needed for the answer",
    "mass on visited": "share of the positive relevance on all things that the question's program visits",
    "points at needed": "share of maps whose largest value lies on a needed thing",
    "points at visited": "share of maps whose largest value lies on a visited thing",
}
WORDS = {
    "names": "sizes, colours and kinds that describe a thing",
    "directions": "left of, right of, above, below",
    "task": "what is asked: what, colour, large or small, how many, more, larger, same",
    "filling": "is, the, a, there, than and such",
}
_FILLING = {"is", "are", "the", "a", "an", "there", "than", "of", "as", "or", "thing", "stands"}


def thing_relevance(maps, owners, count: int = 6) -> np.ndarray:
    """Relevance (N, count) of each thing, the sum of the map (N, height, width) over its pixels."""
    return np.stack([np.where(np.asarray(owners) == n, maps, 0).sum(axis=(1, 2)) for n in range(count)], axis=1)


def map_scores(maps, needed, visited) -> dict[str, np.ndarray]:
    """The ``SCORES`` of each of the maps (N, height, width), with its masks bool of the same shape.

    A map without any positive value has no mass: NaN. It points nowhere.
    """
    return {
        "mass on needed": np.array([mass_inside(*pair) for pair in zip(maps, needed, strict=True)]),
        "mass on visited": np.array([mass_inside(*pair) for pair in zip(maps, visited, strict=True)]),
        "points at needed": np.array([pointing_hit(*pair) for pair in zip(maps, needed, strict=True)], float),
        "points at visited": np.array([pointing_hit(*pair) for pair in zip(maps, visited, strict=True)], float),
    }


def chance_scores(needed, visited) -> dict[str, float]:
    """What a map gets on average that is the same everywhere: the mean area of the masks (N, height, width)."""
    areas = {"needed": np.mean([area_share(m) for m in needed]), "visited": np.mean([area_share(m) for m in visited])}
    return {name: float(areas[name.split()[-1]]) for name in SCORES}


def correlations(maps, others) -> np.ndarray:
    """Pearson correlation (N,) of each of the maps (N, height, width) with its partner; NaN where one is flat."""
    first, second = (np.reshape(values, (len(values), -1)).astype(float) for values in (maps, others))
    if first.shape != second.shape:
        raise ValueError(f"Every map needs a partner of its shape; got {np.shape(maps)} and {np.shape(others)}.")
    first, second = (values - values.mean(axis=1, keepdims=True) for values in (first, second))
    scale = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.divide((first * second).sum(axis=1), scale, out=np.full(len(first), np.nan), where=scale > 0)


def word_classes(question: Question) -> tuple[str, ...]:
    """For every word of the question which of ``WORDS`` it is."""
    classes = []
    for part in FORMS[question.form].pattern.lower().rstrip("?").split():
        hole = re.fullmatch(r"{([ad]?)(\d)s?}", part)
        if hole is None:
            classes.append("filling" if part in _FILLING else "task")
        elif hole[1] == "d":
            classes += ["directions"] * len(question.directions[int(hole[2])].split())
        else:
            words = str(question.descriptions[int(hole[2])]).split()
            classes += ["filling"] * (hole[1] == "a") + ["filling" if w == "thing" else "names" for w in words]
    return tuple(classes)


def word_shares(words, questions: Sequence[Question]) -> dict[str, np.ndarray]:
    """Share (N,) of the absolute relevance of the words (N, T) that lies on each kind of ``WORDS``; NaN if all is 0."""
    sizes = np.abs(np.asarray(words, float))
    kinds = np.full(sizes.shape, "", dtype="U12")
    for row, question in zip(kinds, questions, strict=True):
        classes = word_classes(question)
        row[: len(classes)] = classes
    total = np.where(kinds != "", sizes, 0).sum(axis=1)
    return {
        kind: np.divide((sizes * (kinds == kind)).sum(axis=1), total, out=np.full(len(sizes), np.nan), where=total > 0)
        for kind in WORDS
    }
