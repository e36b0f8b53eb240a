"""Every answer that the tests know, given to an exercise: ``trial`` runs where the notebook's own values are at hand."""

import re

import numpy as np

from helpers.exercises.checker import EXERCISES, reply

MALFORMED = {  # as one would write it -> the answer, and what the reply says of it
    "None": (None, "None came"),
    "np.mean": (np.mean, "mean came, without brackets"),
    '"banana"': ("banana", "came"),
    "True": (True, "True came"),
    "{}": ({}, "dictionary came"),
    "nan": (float("nan"), "NaN"),
    "np.zeros((7, 9, 2))": (np.zeros((7, 9, 2)), "shape (7, 9, 2) came"),
    "object()": (object(), "kind object came"),
}


def replies(number: str, **given) -> list[tuple[str, str, str]]:
    """(kind, answer as one would write it, reply) for the right answer, as printed, each known mistake, malformed ones."""
    exercise = EXERCISES[number]
    right = exercise.answer(given)
    printed = exercise.printed.format(right) if "{" in exercise.printed else exercise.printed
    found = [("right", right, "the value itself"), ("as printed", printed, printed)]
    if found[0][1] is not None and not isinstance(found[0][1], str) and found[0][1].ndim == 2:
        del found[1]  # a filter is not printed as one line
    found += [("mistake", exercise.wrong(one, given), one.given) for one in exercise.mistakes]
    found += [("malformed", answer, written) for written, (answer, _) in MALFORMED.items()]
    return [(kind, written, reply(exercise, answer, given)[0]) for kind, answer, written in found]


def trial(number: str, **given) -> None:
    """Print the replies.

    Raises
    ------
    AssertionError
        If a right answer is not right, a wrong one is, or a mistake does not get its own sentences.
    """
    exercise = EXERCISES[number]
    sentences = {one.given: one.reply for one in exercise.mistakes}
    for kind, written, said in replies(number, **given):
        print(f"{written}: {said}")
        assert said.startswith("Right") == (kind in ("right", "as printed")), f"{number}, {kind} {written}: {said}"
        if kind == "mistake":
            assert sentences[written] in said, f"{number}: {written} is answered by {said}"
    for one in exercise.mistakes:  # the numbers that INSTRUCTORS.md gives are those of the notebook
        if one.value and re.fullmatch(r"[-\d][-\d.,/% ]*", one.given):
            said = reply(exercise, one.given, given)[0]
            assert one.reply in said, f"{number}: {one.given}, typed in, is answered by {said}"
