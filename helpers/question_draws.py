"""Questions drawn for scenes, none of them ambiguous, their answers balanced.

Whoever knows only the question should not know the answer. So a tally is kept of the answers given so far to questions
that tell equally much (of one form, with the same words for what is described), and of all that a scene has to offer
the answer with the smallest share so far is taken. What a network learns from the questions alone stands in
``data/questions/MODEL_CARD.md``.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from helpers.arguments import name_list, seed_number, whole_number
from helpers.question_candidates import Candidate, View, candidates, described, view_of
from helpers.question_grammar import DIRECTIONS, FORMS, Question
from helpers.question_scenes import SceneSet
from helpers.questions import Answered, nearest

SHARES = {  # how often a form is drawn; one that a scene has no question of makes room for another
    "colour": 1,
    "size": 0.5,
    "kind": 1,
    "existence": 1.5,
    "counting": 1.5,
    "more": 0.75,
    "larger": 0.6,
    "same colour": 1,
    "relation, kind": 1.5,
    "relation, colour": 1.5,
    "two relations, kind": 1.2,
    "two relations, colour": 1.2,
}


def draw_questions(
    scenes: SceneSet, per_scene: int = 5, seed: int = 0, forms: Sequence[str] = tuple(FORMS)
) -> list[list[Answered]]:
    """``per_scene`` different questions about every scene, with their answers.

    Parameters
    ----------
    scenes, seed
        The scenes, and the seed of the series of questions about them.
    per_scene
        Fewer only if a scene has no more questions of the forms asked for.
    forms
        Keys of ``FORMS`` to draw from, in the proportions of ``SHARES``.

    Raises
    ------
    ValueError
        If a form is unknown or none is given, or ``per_scene`` is below 1.
    """
    per_scene, seed, forms = whole_number("per_scene", per_scene, 1), seed_number(seed), name_list("forms", forms)
    unknown = [form for form in forms if form not in FORMS]
    if unknown:
        raise ValueError(
            f"Ask at least one question of the forms {', '.join(FORMS)}; got {per_scene} of {', '.join(forms) or 'none'}."
        )
    rng = np.random.default_rng([seed, 2])
    beside, last = neighbours(scenes)
    shares = np.array([SHARES[form] for form in forms])
    tally = defaultdict(Counter)
    drawn = []
    for number, count in enumerate(scenes.counts):
        columns = (scenes.sizes[number], scenes.colours[number], scenes.kinds[number])
        things = [tuple(map(int, thing)) for thing in zip(*(column[:count] for column in columns), strict=True)]
        view = view_of(things, beside[number], last[number])
        drawn.append(_questions_of(view, per_scene, forms, shares, tally, rng))
    return drawn


def neighbours(scenes: SceneSet) -> tuple[np.ndarray, np.ndarray]:
    """The nearest thing (N, 4, 6) in each direction from each thing, negative where there is none or it is not clear,
    and the one (N, 4) that lies furthest in each direction."""
    present = scenes.kinds >= 0
    beside = [nearest(scenes.boxes, present, direction) for direction in DIRECTIONS]
    ways = [np.where(present, scenes.middles @ np.array(way), -np.inf) for way in DIRECTIONS.values()]
    return np.stack(beside, axis=1), np.stack(ways, axis=1).argmax(axis=2)


def _questions_of(view: View, wanted: int, forms, shares: np.ndarray, tally: dict, rng) -> list[Answered]:
    """Different questions about one scene. Forms are drawn by their shares; one that often has nothing more is left."""
    found, shares = {}, shares.tolist()
    failures = [0] * len(forms)
    while len(found) < wanted and any(shares):
        place = _weighted(shares, rng)
        form = forms[place]
        possible = candidates(view, form, rng)
        possible = [c for c in possible if (form, c.said, c.directions) not in found]
        if not possible:
            failures[place] += 1
            shares[place] *= failures[place] < 5
            continue
        chosen = _least_given(possible, form, tally, rng)
        question = Question(form, tuple(map(described, chosen.said)), chosen.directions)
        found[form, chosen.said, chosen.directions] = Answered(
            question, chosen.answer, tuple(sorted(chosen.needed)), tuple(sorted(set(chosen.visited)))
        )
    return list(found.values())


def _weighted(shares: list[float], rng) -> int:
    left = rng.random() * sum(shares)
    for place, share in enumerate(shares):
        left -= share
        if left < 0:
            return place
    return int(np.argmax(shares))


def _least_given(candidates: list[Candidate], form: str, tally: dict, rng) -> Candidate:
    """A candidate whose answer has the smallest share so far among questions that tell the same; of equal ones, any."""
    counted = [tally[form, c.told] for c in candidates]
    shares = [counts[c.answer] / (1 + counts[None]) for c, counts in zip(candidates, counted, strict=True)]
    chance = rng.random(len(candidates))
    best = min(range(len(candidates)), key=lambda n: (shares[n], chance[n]))
    counted[best][candidates[best].answer] += 1
    counted[best][None] += 1
    return candidates[best]
