"""Answers to questions about scenes, and the things that each answer hangs on.

A question is a program of a few steps (:mod:`helpers.question_grammar`); it is carried out on what is known of the
scene, so an answer comes with the things that were needed for it, the truth that explanations are held against (Arras,
Osman and Samek 2022, CLEVR-XAI, arXiv:2003.07258).

**Left of** a thing lies what is more to the left of it than above or below: the way from the middle of one frame to that
of the other is within 45 degrees of the direction. Of several such things the nearest is meant. Questions are asked only
where both are clear: by 12 degrees, and by 1.4 times the distance.
"""

from dataclasses import dataclass

import numpy as np

from helpers.question_grammar import DIRECTIONS, LARGEST_COUNT, Description, Question, parse
from helpers.question_scenes import SIZES, Scene, middles

CLEAR, UNCLEAR = 33.0, 57.0  # degrees off a direction: up to the first a thing lies there, from the second it does not
NEARER = 1.4  # times as far away as the nearest: what else lies there, or nearly so
NOTHING, OPEN = -1, -2  # in place of a number: no thing lies there; it is not clear which


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
    stack, visited = [], []  # on the stack: numbers of things, and in words what was looked for
    for step in question.program:
        if isinstance(step, Description):
            stack.append((find(scene, step), str(step)))
            visited += stack[-1][0]
        elif step in DIRECTIONS:
            (thing,), name = stack.pop()
            stack.append((beside(scene, thing, step), f"thing {step} the {name}"))
            visited += stack[-1][0]
        elif step in ("the only one", "each the only one"):
            for found, name in stack:
                _require_one(scene, found, name)
        else:
            things = [found for found, _ in stack]
            return Answered(question, _conclusion(scene, step, *things), _merged(*things), _merged(visited))
    raise ValueError(f"The program of {question.form!r} has no last step.")


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
