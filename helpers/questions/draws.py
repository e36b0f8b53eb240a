"""Questions drawn for scenes, none of them ambiguous, their answers balanced.

Whoever knows only the question should not know the answer. So a tally is kept of the answers given so far to questions
that tell equally much (of one form, with the same words for what is described), and of all that a scene has to offer
the answer with the smallest share so far is taken. What a network learns from the questions alone stands in
``data/questions/MODEL_CARD.md``.

What a scene has to offer are its :func:`candidates`, for every form of question. Descriptions are drawn from what is
there. For a "no" or a 0 one word of such a description is changed, so that it fits nothing but nearly does.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from helpers.questions.language import DIRECTIONS, FORMS, LARGEST_COUNT, Answered, Description, Question, nearest
from helpers.questions.scenes import COLOURS, KINDS, SIZES, SceneSet

_SIZE, _COLOUR, _KIND = 1, 2, 4  # bits of a pattern: what is said
PATTERNS = {  # what may be said in a question of a form; never what is asked
    "colour": (_KIND, _SIZE | _KIND, _SIZE),
    "size": (_KIND, _COLOUR | _KIND, _COLOUR),
    "kind": (_COLOUR, _SIZE | _COLOUR, _SIZE),
    "existence": (_KIND, _COLOUR, _SIZE | _COLOUR, _SIZE | _KIND, _COLOUR | _KIND, _SIZE | _COLOUR | _KIND),
    "counting": (_KIND, _COLOUR, _SIZE, _SIZE | _COLOUR, _SIZE | _KIND),
    "more": (_KIND, _COLOUR, _SIZE | _COLOUR, _SIZE | _KIND),
    "larger": (_KIND, _COLOUR, _COLOUR | _KIND),
    "same colour": (_KIND, _SIZE | _KIND),
}
_ANY = tuple(range(1, 8))
_WAYS = tuple(DIRECTIONS)
_BITS_OF = (_SIZE, _COLOUR, _KIND)
_BITS = {pattern: [n for n, bit in enumerate(_BITS_OF) if pattern & bit] for pattern in _ANY}
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

Thing = tuple[int, int, int]  # numbers of size, colour, kind
Said = tuple[int, int, int, int]  # a description: its pattern, and the numbers of size, colour, kind; 0 if not said


class Candidate(NamedTuple):
    """A question that could be asked. ``told`` is what of it might give a hint at the answer."""

    answer: str
    told: tuple
    said: tuple[Said, ...]
    directions: tuple[str, ...]
    needed: tuple[int, ...]
    visited: tuple[int, ...]


@dataclass(frozen=True)
class View:
    """What of one scene the forms draw from."""

    things: list[Thing]
    fits: dict[Said, tuple[int, ...]]  # for every description that fits something: what it fits
    names: list[list[Said]]  # for every thing: the descriptions that fit no other
    beside: np.ndarray  # (directions, things): the nearest thing there; negative if none or not clear
    last: np.ndarray  # (directions,): the thing that lies furthest


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
    """
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


def view_of(things: list[Thing], beside: np.ndarray, last: np.ndarray) -> View:
    """What is said about a scene, worked out once for all questions about it."""
    fits = defaultdict(list)
    for number, thing in enumerate(things):
        for pattern in _ANY:
            fits[_said(pattern, thing)].append(number)
    names = [[] for _ in things]
    for description, found in fits.items():
        if len(found) == 1:
            names[found[0]].append(description)
    return View(things, {key: tuple(found) for key, found in fits.items()}, names, beside, last)


def _said(pattern: int, thing: Thing) -> Said:
    size, colour, kind = thing
    return pattern, size if pattern & _SIZE else 0, colour if pattern & _COLOUR else 0, kind if pattern & _KIND else 0


@functools.cache
def described(said: Said) -> Description:
    """The description for which the numbers stand."""
    pattern, *numbers = said
    listed = zip((SIZES, COLOURS, KINDS), numbers, (_SIZE, _COLOUR, _KIND), strict=True)
    return Description(*(values[number] if pattern & bit else None for values, number, bit in listed))


def candidates(view: View, form: str, rng: np.random.Generator) -> list[Candidate]:
    """Some questions of a form (a key of ``FORMS``) that are unambiguous in this scene; there may be none.

    Except for relations, all of them say what they describe in one pattern, drawn at random.
    """
    return _DRAWS.get(form, _paths)(view, form, rng)


def _absent(view: View, pattern: int, rng) -> Said | None:
    """A description of this pattern that fits nothing, one word away from one that does; None if not found at once."""
    for _ in range(4):
        thing = list(view.things[int(rng.random() * len(view.things))])
        place = _BITS[pattern][int(rng.random() * len(_BITS[pattern]))]
        thing[place] = int(rng.random() * len((SIZES, COLOURS, KINDS)[place]))
        said = _said(pattern, tuple(thing))
        if said not in view.fits:
            return said
    return None


def _attribute(view: View, form: str, rng) -> list[Candidate]:
    pattern = _pattern(form, rng)
    place, values = {"size": (0, SIZES), "colour": (1, COLOURS), "kind": (2, KINDS)}[form]
    return [
        Candidate(values[view.things[n][place]], (pattern,), (said,), (), (n,), (n,))
        for n, names in enumerate(view.names)
        for said in names
        if said[0] == pattern
    ]


def _existence(view: View, form: str, rng) -> list[Candidate]:
    pattern = _pattern(form, rng)
    absent = _absent(view, pattern, rng)
    if absent is None:  # both answers must be possible, or the pattern would tell
        return []
    there = _said(pattern, view.things[int(rng.random() * len(view.things))])
    found = view.fits[there]
    return [
        Candidate("yes", (pattern,), (there,), (), found, found),
        Candidate("no", (pattern,), (absent,), (), (), ()),
    ]


def _counting(view: View, form: str, rng) -> list[Candidate]:
    pattern = _pattern(form, rng)
    found = [(said, fits) for said, fits in view.fits.items() if said[0] == pattern and len(fits) <= LARGEST_COUNT]
    absent = _absent(view, pattern, rng)
    found += [(absent, ())] if absent else []
    return [Candidate(str(len(fits)), (pattern,), (said,), (), fits, fits) for said, fits in found]


def _more(view: View, form: str, rng) -> list[Candidate]:
    pattern = _pattern(form, rng)
    found = [(said, fits) for said, fits in view.fits.items() if said[0] == pattern]
    absent = _absent(view, pattern, rng)
    found += [(absent, ())] if absent else []
    pairs = [(found[i], found[j]) for i, j in rng.integers(len(found), size=(4, 2)) if i != j]
    return [
        Candidate("yes" if len(a[1]) > len(b[1]) else "no", (pattern,), (a[0], b[0]), (), a[1] + b[1], a[1] + b[1])
        for one, other in pairs
        for a, b in ((one, other), (other, one))
    ]


def _pairs(view: View, form: str, rng) -> list[Candidate]:
    """Comparisons of two things that have names without the word that would give the answer away."""
    allowed, place = PATTERNS[form], {"larger": 0, "same colour": 1}[form]
    names = [[said for said in names if said[0] in allowed] for names in view.names]
    named = [n for n, known in enumerate(names) if known]
    found = []
    for one in named:
        for other in named:
            first, second = view.things[one][place], view.things[other][place]
            if one == other or (form == "larger" and first == second):
                continue
            answer = "yes" if (first > second if form == "larger" else first == second) else "no"
            said = tuple(known[int(rng.random() * len(known))] for known in (names[one], names[other]))
            found.append(Candidate(answer, (said[0][0], said[1][0]), said, (), (one, other), (one, other)))
    return found


def _paths(view: View, form: str, rng) -> list[Candidate]:
    """One or two relations. Where the answer would be the outermost thing of all, which could be told without looking
    at the thing that is named, two of three are left out."""
    place, values = (2, KINDS) if form.endswith("kind") else (1, COLOURS)
    paths = [((thing,), ()) for thing, names in enumerate(view.names) if names]
    for _ in range(FORMS[form].directions):
        paths = [
            ((*things, int(view.beside[way, things[-1]])), (way, *ways))
            for things, ways in paths
            for way in range(len(DIRECTIONS))
            if view.beside[way, things[-1]] >= 0 and view.beside[way, things[-1]] not in things
        ]
    found = []
    for things, ways in paths:
        if things[-1] == view.last[ways[0]] and rng.random() < 2 / 3:
            continue
        names = view.names[things[0]]
        said = names[int(rng.random() * len(names))]
        told = (said[1 + place] if said[0] & _BITS_OF[place] else -1,)
        answer, directions = values[view.things[things[-1]][place]], tuple(_WAYS[way] for way in ways)
        found.append(Candidate(answer, told, (said,), directions, things[-1:], things))
    return found


def _pattern(form: str, rng) -> int:
    return PATTERNS[form][int(rng.random() * len(PATTERNS[form]))]


_DRAWS = {
    **dict.fromkeys(("colour", "size", "kind"), _attribute),
    "existence": _existence,
    "counting": _counting,
    "more": _more,
    **dict.fromkeys(("larger", "same colour"), _pairs),
}
