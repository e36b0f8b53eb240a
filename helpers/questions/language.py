"""The small language in which questions about scenes are put: how a question is written, read, and answered.

    What colour is the thing left of the red cow?    find red cow, the only one, left of, colour

The forms follow CLEVR (Johnson et al. 2017, arXiv:1612.06890), in fewer words. A question is a program of a few steps.
It is carried out on what is known of the scene, so an answer comes with the things that were needed for it, the truth
that explanations are held against (Arras, Osman and Samek 2022, CLEVR-XAI, arXiv:2003.07258).

**Left of** a thing lies what is more to the left of it than above or below: the way from the middle of one frame to
that of the other is within 45 degrees of the direction. Of several such things the nearest is meant. Questions are
asked only where both are clear: by 12 degrees, and by 1.4 times the distance.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import shown
from helpers.questions.scenes import COLOURS, KINDS, SIZES, Scene, middles
from helpers.words.text import typewritten

DIRECTIONS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}  # across and down
LARGEST_COUNT = 4
CLEAR, UNCLEAR = 33.0, 57.0  # degrees off a direction: up to the first a thing lies there, from the second it does not
NEARER = 1.4  # times as far away as the nearest: what else lies there, or nearly so
NOTHING, OPEN = -1, -2  # in place of a number: no thing lies there; it is not clear which


@dataclass(frozen=True)
class Description:
    """What a thing is said to be; None leaves something open. "large red thing" is ``Description("large", "red")``."""

    size: str | None = None
    colour: str | None = None
    kind: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.size, self.colour, self.kind or "thing")))


@dataclass(frozen=True)
class Form:
    """How a question of some kind is put, as a pattern, and what it is counted as.

    In the pattern, 0 and 1 stand for descriptions, with ``s`` for the plural and ``a`` for the article; the first and
    the second direction are ``d0`` and ``d1``. ``steps`` follow the search for the things that are described.
    """

    type: str
    pattern: str
    steps: tuple[str, ...]

    @property
    def descriptions(self) -> int:
        return 1 + ("1" in re.findall(r"{a?(\d)s?}", self.pattern))

    @property
    def directions(self) -> int:
        return self.pattern.count("{d")


_ONE, _BOTH = ("the only one",), ("each the only one",)
FORMS = {
    "colour": Form("attribute", "What colour is the {0}?", (*_ONE, "colour")),
    "size": Form("attribute", "Is the {0} large or small?", (*_ONE, "size")),
    "kind": Form("attribute", "What is the {0}?", (*_ONE, "kind")),
    "existence": Form("existence", "Is there {a0}?", ("any",)),
    "counting": Form("counting", "How many {0s} are there?", ("count",)),
    "more": Form("comparison", "Are there more {0s} than {1s}?", ("more",)),
    "larger": Form("comparison", "Is the {0} larger than the {1}?", (*_BOTH, "larger")),
    "same colour": Form("comparison", "Is the {0} of the same colour as the {1}?", (*_BOTH, "same colour")),
    "relation, kind": Form("relation", "What stands {d0} the {0}?", (*_ONE, "d0", "kind")),
    "relation, colour": Form("relation", "What colour is the thing {d0} the {0}?", (*_ONE, "d0", "colour")),
    "two relations, kind": Form(
        "two relations", "What stands {d0} the thing {d1} the {0}?", (*_ONE, "d1", "d0", "kind")
    ),
    "two relations, colour": Form(
        "two relations",
        "What colour is the thing {d0} the thing {d1} the {0}?",
        (*_ONE, "d1", "d0", "colour"),
    ),
}
TYPES = tuple(dict.fromkeys(form.type for form in FORMS.values()))
ANSWERS = ("no", "yes", *map(str, range(LARGEST_COUNT + 1)), *SIZES, *COLOURS, *KINDS)


@dataclass(frozen=True)
class Question:
    """A question: its form (a key of ``FORMS``), the things described, the directions in the order of the words."""

    form: str
    descriptions: tuple[Description, ...]
    directions: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """One of ``TYPES``."""
        return FORMS[self.form].type

    @property
    def text(self) -> str:
        """The question in English."""
        parts = {f"d{i}": direction for i, direction in enumerate(self.directions)}
        words = {str(i): str(description) for i, description in enumerate(self.descriptions)}
        parts |= {f"{i}s": plural(word) for i, word in words.items()}
        parts |= {f"a{i}": f"{'an' if word[0] in 'aeiou' else 'a'} {word}" for i, word in words.items()}
        return re.sub(r"{(\w+)}", lambda found: (parts | words)[found[1]], FORMS[self.form].pattern)

    @property
    def words(self) -> tuple[str, ...]:
        """Its words, in lower case and without the mark at the end."""
        return tuple(self.text.lower().rstrip("?").split())

    @property
    def program(self) -> tuple[str | Description, ...]:
        """The steps: a :class:`Description` finds all things that fit it, the rest is said in words."""
        where = {f"d{i}": direction for i, direction in enumerate(self.directions)}
        return (*self.descriptions, *(where.get(step, step) for step in FORMS[self.form].steps))


def plural(words: str) -> str:
    """ "large cow" -> "large cows"."""
    return f"{words}s"


def parse(text: str) -> Question:
    """Read a question.

    Capitals, marks and a few other words for the same ("color", "big", "under", "to the left of") make no difference.

    Raises
    ------
    ValueError
        If a word or the form of the question is unknown; the message shows what can be asked.
    """
    if not isinstance(text, str):
        raise ValueError(f"A question is a text; got {shown(text)}. {WHAT_CAN_BE_ASKED}")
    words = re.sub(r"[^\w\s]", " ", typewritten(text))
    for written, meant in _SAME.items():
        words = re.sub(rf"\b{written}\b", meant, words)
    words = " ".join(words.split())
    unknown = [word for word in words.split() if word not in WORDS]
    if unknown:
        raise ValueError(f"I do not know the word {unknown[0]!r}. {WHAT_CAN_BE_ASKED}")
    for form, reading in _READINGS.items():
        found = reading.fullmatch(words)
        if found:
            parts = {name: value for name, value in found.groupdict().items() if value}
            descriptions = tuple(_description(parts[f"x{i}"]) for i in range(FORMS[form].descriptions))
            return Question(form, descriptions, tuple(parts[f"d{i}"] for i in range(FORMS[form].directions)))
    raise ValueError(f"I cannot read {text.strip()[:80]!r} as a question. {WHAT_CAN_BE_ASKED}")


def encode_questions(questions: Sequence[Question]) -> np.ndarray:
    """Word numbers (N, ``LONGEST``) int32, from 1 on in the order of ``WORDS``; 0 behind the end of the question."""
    encoded = np.zeros((len(questions), LONGEST), np.int32)
    for row, question in zip(encoded, questions, strict=True):
        numbers = [_NUMBERS[word] for word in question.words]
        row[: len(numbers)] = numbers
    return encoded


def _description(words: str) -> Description:
    """The description that these words give: size, colour, noun."""
    given = words.split()
    noun = next((kind for kind in KINDS if given[-1] in (kind, plural(kind))), None)
    size, colour = (next((name for name in names if name in given), None) for names in (SIZES, COLOURS))
    return Description(size, colour, noun)


def _reading(form: Form) -> re.Pattern:
    """The regular expression for a form: every part of its pattern is replaced by the words that can stand there."""
    nouns = {"": "|".join(("thing", *KINDS)), "s": "|".join(map(plural, ("thing", *KINDS)))}
    article = {"": "", "a": "an? "}
    before = rf"(?:(?:{'|'.join(SIZES)}) )?(?:(?:{'|'.join(COLOURS)}) )?"

    def words(part: re.Match) -> str:
        if part[1] == "d":
            return rf"(?P<d{part[2]}>{'|'.join(DIRECTIONS)})"
        return rf"{article[part[1]]}(?P<x{part[2]}>{before}(?:{nouns[part[3]]}))"

    return re.compile(re.sub(r"{([ad]?)(\d)(s?)}", words, form.pattern.lower().rstrip("?")))


_SAME = {
    r"(?:to|on) the (left|right) of": r"\1 of",
    "what s": "what is",
    "color": "colour",
    "big": "large",
    "little": "small",
    "bigger": "larger",
    "(?:under|beneath)": "below",
    "over": "above",
    "hippopotamus": "hippo",
    "hippopotamuses": "hippos",
}
_READINGS = {name: _reading(form) for name, form in FORMS.items()}
_PLAIN = re.sub(r"{\w+}", "", " ".join(form.pattern for form in FORMS.values())).lower().replace("?", "").split()
_NOUNS = ("thing", *KINDS)
WORDS = tuple(
    dict.fromkeys((*_PLAIN, "a", "an", *" ".join(DIRECTIONS).split(), *SIZES, *COLOURS, *_NOUNS, *map(plural, _NOUNS)))
)
_NUMBERS = {word: number for number, word in enumerate(WORDS, start=1)}
_LARGE_THING, _RED_COW = Description("large"), Description(None, "red", "cow")
EXAMPLES = {
    name: Question(name, (_RED_COW, _LARGE_THING)[: form.descriptions], ("left of", "below")[: form.directions])
    for name, form in FORMS.items()
}
EXAMPLES |= {
    "colour": Question("colour", (Description("large", None, "cow"),)),
    "kind": Question("kind", (Description("small", "red"),)),
    "more": Question("more", (Description(None, "red"), Description(None, "blue"))),
    "same colour": Question("same colour", (Description(None, None, "cow"), Description("small", None, "lion"))),
    "larger": Question("larger", (_RED_COW, Description(None, None, "lion"))),
}
LONGEST = max(  # words, with every size and colour said and the longest directions
    len(Question(name, (Description("large", "red", "cow"),) * form.descriptions, ("left of",) * form.directions).words)
    for name, form in FORMS.items()
)
WHAT_CAN_BE_ASKED = (
    "You can ask: "
    + " ".join(question.text for question in EXAMPLES.values())
    + f" Kinds are {', '.join(KINDS)}, or thing; colours {', '.join(COLOURS)}; sizes {' and '.join(SIZES)}; directions "
    + f"{', '.join(DIRECTIONS)}."
)


@dataclass(frozen=True)
class Answered:
    """A question about a scene with its answer.

    Attributes
    ----------
    question, answer : the answer is one of ``ANSWERS``
    needed : numbers of the things whose look the answer is: the one whose colour was asked, those that were counted,
        both that were compared. Empty where there is no such thing (no, 0): there, no map can be scored
    visited : all things that the program came by, those described and those on the way
    """

    question: Question
    answer: str
    needed: tuple[int, ...]
    visited: tuple[int, ...]


def ask(scene: Scene, question: str | Question) -> Answered:
    """Answer a question about a scene from what is known of it.

    Raises
    ------
    ValueError
        If a word or the form is unknown, or the scene leaves open which thing is meant: the message says what can be
        asked, or what is open.
    """
    question = question if isinstance(question, Question) else parse(question)
    *steps, last = question.program
    stack, visited = [], []  # on the stack: numbers of things, and in words what was looked for
    for step in steps:
        if isinstance(step, Description):
            stack.append((find(scene, step), str(step)))
            visited += stack[-1][0]
        elif step in DIRECTIONS:
            (thing,), name = stack.pop()
            stack.append((beside(scene, thing, step), f"thing {step} the {name}"))
            visited += stack[-1][0]
        else:  # "the only one" or "each the only one"
            for found, name in stack:
                _require_one(scene, found, name)
    things = [found for found, _ in stack]
    return Answered(question, _conclusion(scene, last, *things), _merged(*things), _merged(visited))


def find(scene: Scene, description: Description) -> tuple[int, ...]:
    """Numbers of the things that fit a description."""
    return tuple(
        n
        for n, (size, colour, kind) in enumerate(zip(scene.sizes, scene.colours, scene.kinds, strict=True))
        if description.size in (None, size)
        and description.colour in (None, colour)
        and description.kind in (None, kind)
    )


def beside(scene: Scene, thing: int, direction: str) -> tuple[int, ...]:
    """The number of the nearest thing in a direction from a thing; ``ValueError`` if there is none or it is not clear."""
    found = int(nearest(scene.boxes, np.ones(len(scene), bool), direction)[thing])
    if found == NOTHING:
        raise ValueError(f"In this scene nothing lies {direction} the {scene.name(thing)}. {_shown(scene)}")
    if found == OPEN:
        raise ValueError(
            f"What lies {direction} the {scene.name(thing)} is not clear in this scene: two things are about as near, or "
            "one lies askew. Ask in another direction or about another thing."
        )
    return (found,)


def nearest(boxes: np.ndarray, present: np.ndarray, direction: str) -> np.ndarray:
    """The nearest thing in a direction from each thing.

    Parameters
    ----------
    boxes, present : (..., n, 4) frames and (..., n) bool: is there such a thing?
    direction : a key of ``DIRECTIONS``

    Returns
    -------
    (..., n) numbers, or ``NOTHING`` where no thing lies there, or ``OPEN`` where that is not clear.
    """
    middle = middles(boxes)
    across, down = np.moveaxis(middle[..., None, :, :] - middle[..., :, None, :], -1, 0)
    right, below = DIRECTIONS[direction]
    angle = np.degrees(np.arctan2(np.abs(right * down - below * across), right * across + below * down))
    others = present[..., None, :] & present[..., :, None] & ~np.eye(present.shape[-1], dtype=bool)
    there, nearly = others & (angle <= CLEAR), others & (angle < UNCLEAR)
    distance = np.hypot(across, down)
    first = np.where(there, distance, np.inf).argmin(axis=-1)
    own = np.take_along_axis(distance, first[..., None], axis=-1)
    rival = nearly & (distance < NEARER * own) & (np.arange(present.shape[-1]) != first[..., None])
    clear = there.any(axis=-1) & ~rival.any(axis=-1)
    return np.where(clear, first, np.where(nearly.any(axis=-1), OPEN, NOTHING))


def _require_one(scene: Scene, found: tuple[int, ...], name: str) -> None:
    if len(found) != 1:
        problem = f"there is no {name}" if not found else f"{name!r} fits {len(found)} things: say which is meant"
        raise ValueError(f"In this scene {problem}. {_shown(scene)}")


def _shown(scene: Scene) -> str:
    return f"It shows {', '.join('a ' + scene.name(n) for n in range(len(scene)))}."


def _conclusion(scene: Scene, step: str, first: tuple[int, ...], second: tuple[int, ...] = ()) -> str:
    if step in ("colour", "size", "kind"):
        return {"colour": scene.colours, "size": scene.sizes, "kind": scene.kinds}[step][first[0]]
    if step == "count":
        if len(first) > LARGEST_COUNT:
            raise ValueError(f"There are {len(first)}; the answers end at {LARGEST_COUNT}. Ask for something rarer.")
        return str(len(first))
    if step == "any":
        return "yes" if first else "no"
    if step == "more":
        return "yes" if len(first) > len(second) else "no"
    if first == second:
        raise ValueError("Both descriptions mean the same thing; compare two different ones.")
    if step == "same colour":
        return "yes" if scene.colours[first[0]] == scene.colours[second[0]] else "no"
    sizes = [SIZES.index(scene.sizes[thing[0]]) for thing in (first, second)]
    if sizes[0] == sizes[1]:
        raise ValueError(f"Both are {SIZES[sizes[0]]}; which is larger can be asked of a large and a small thing only.")
    return "yes" if sizes[0] > sizes[1] else "no"


def _merged(*numbers) -> tuple[int, ...]:
    return tuple(sorted({n for group in numbers for n in group}))
