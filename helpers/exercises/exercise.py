"""One exercise: the form of its answer, how the answer is computed, what is said to it, and the mistakes it invites."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from helpers.exercises.answers import Form, Value, understood

RELATIVE = 0.02  # how far a number may be off, unless it is a count


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that the question invites.

    Attributes
    ----------
    given
        The answer as one would write it, such as "4/3"; it stands in INSTRUCTORS.md.
    name
        What went wrong, in a few words.
    reply
        The sentences that answer it.
    value
        The answer as a function of what the notebook hands over, where it is more than the text of ``given``.
    when
        True for every answer (an array or a word) that is this mistake, where it is not one answer only.
    """

    given: str
    name: str
    reply: str
    value: Callable[..., object] | None = None
    when: Callable[[Value], bool] | None = None


@dataclass(frozen=True)
class Exercise:
    """Everything about one exercise, or about one of its answers if it asks for two ("1.4a", "1.4b").

    Attributes
    ----------
    number
        "1.3" is exercise 3 of notebook 1.
    form
        What an answer looks like.
    expected
        The right answer, or a function of what the notebook hands over.
    printed
        The right answer as the solution prints it, or the format of it where machines differ; it is accepted.
    hints
        The first and the second hint.
    meaning
        What is said to the right answer: one sentence of what it means.
    mistakes
        The wrong answers that are known; the first that fits is named.
    tolerance
        Relative deviation that a number may have; a count may have none.
    guess
        Is the answer to be guessed before it is computed? Then no answer is wrong: the reply compares.
    """

    number: str
    form: Form
    expected: object
    printed: str
    hints: tuple[str, str]
    meaning: str
    mistakes: tuple[Mistake, ...]
    tolerance: float = RELATIVE
    guess: bool = False

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Names of what the notebook hands over."""
        functions = [self.expected, *(mistake.value for mistake in self.mistakes)]
        return tuple(dict.fromkeys(name for one in functions if callable(one) for name in _arguments(one)))

    def answer(self, given: Mapping[str, object]) -> Value:
        """The right answer for what was handed over."""
        return understood(_called(self.expected, given), self.form)

    def wrong(self, mistake: Mistake, given: Mapping[str, object]) -> object:
        """The answer of one who makes this mistake."""
        return mistake.given if mistake.value is None else _called(mistake.value, given)


def table(*exercises: Exercise) -> dict[str, Exercise]:
    """The exercises by their number."""
    return {exercise.number: exercise for exercise in exercises}


def _arguments(function: Callable) -> list[str]:
    return list(inspect.signature(function).parameters)


def _called(what, given: Mapping[str, object]):
    if not callable(what):
        return what
    with np.errstate(all="ignore"):
        return what(**{name: given[name] for name in _arguments(what)})
