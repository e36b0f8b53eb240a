"""What a student writes as an answer, and what it means: numbers, also as text, lists of them, and words.

"1/3", "82 %", "15 of 20", "0,5", "590,080" and "99 GeV" are numbers. What cannot be read is described in words, since a
function, None or a text where a number is wanted is a mistake that can be named.
"""

import difflib
import numbers
import re
from dataclasses import dataclass

import numpy as np

COUNTS = "no one two three four five six seven eight nine ten eleven twelve".split()
Value = np.ndarray | str


class Unreadable(Exception):
    """The answer is neither a number, nor a list of numbers, nor a word; the message says what came instead."""


@dataclass(frozen=True)
class Number:
    """One number. ``whole``: a count. ``share``: between 0 and 1. ``unit`` may stand behind it in a text."""

    whole: bool = False
    share: bool = False
    unit: str = ""

    def wanted(self, expected: Value) -> str:
        return "one whole number" if self.whole else "one number"

    def fits(self, value: Value, expected: Value) -> bool:
        return (
            isinstance(value, np.ndarray) and value.size == 1 and (not self.whole or float(value.item()).is_integer())
        )


@dataclass(frozen=True)
class Numbers:
    """A list of numbers, or rows of them, as many as expected. ``free``: of any length. ``one_for_all``: one will do."""

    free: bool = False
    one_for_all: bool = False
    whole: bool = False
    share: bool = False
    unit: str = ""

    def wanted(self, expected: Value) -> str:
        if self.free:
            return "a list of numbers"
        if expected.ndim == 2:
            return f"{in_words(len(expected))} rows of {in_words(expected.shape[1])} numbers"
        return f"a list of {in_words(expected.size)} numbers"

    def fits(self, value: Value, expected: Value) -> bool:
        if not isinstance(value, np.ndarray):
            return False
        if self.one_for_all:
            return value.ndim <= 2
        return value.ndim == 1 if self.free else value.shape == expected.shape


@dataclass(frozen=True)
class Word:
    """One of several words."""

    choices: tuple[str, ...]
    whole: bool = False
    share: bool = False
    unit: str = ""

    def wanted(self, expected: Value) -> str:
        quoted = [f'"{choice}"' for choice in self.choices]
        return f"one of {', '.join(quoted[:-1])} and {quoted[-1]}"

    def fits(self, value: Value, expected: Value) -> bool:
        return isinstance(value, str) and value in self.choices

    def closest(self, value: Value) -> str:
        """The choice that a misspelt word probably means, or ""."""
        found = difflib.get_close_matches(value, self.choices, n=1) if isinstance(value, str) else []
        return found[0] if found else ""


Form = Number | Numbers | Word


def unanswered(answer) -> bool:
    """Do the three dots still stand there, alone or inside a list?"""
    if isinstance(answer, (list, tuple)):
        return any(unanswered(part) for part in answer)
    return answer is Ellipsis


def understood(answer, form: Form) -> Value:
    """The answer as an array of float64 or as a word in small letters.

    Raises
    ------
    Unreadable
        With a description of what came.
    """
    if isinstance(answer, str):
        return _understood_text(answer, form)
    if isinstance(answer, dict):
        raise Unreadable("a dictionary came")
    if isinstance(answer, (list, tuple)) and any(isinstance(part, str) for part in answer):
        answer = [_understood_text(part, form) if isinstance(part, str) else part for part in answer]
        if any(isinstance(part, str) for part in answer):
            raise Unreadable("a list with words came")
    if not _is_numeric(answer):
        raise Unreadable(described(answer))
    try:
        values = np.asarray(answer)
        if values.dtype.kind not in "iuf":
            raise TypeError
        values = values.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Unreadable(described(answer)) from None
    if values.size == 0:
        raise Unreadable("an empty list came")
    if not np.isfinite(values).all():
        raise Unreadable(_not_finite(values))
    return values


def _is_numeric(answer) -> bool:
    """Numbers and what holds numbers; neither truth values nor functions, models, sets and the like."""
    if isinstance(answer, (bool, np.bool_)):
        return False
    return isinstance(answer, (numbers.Number, list, tuple)) or hasattr(answer, "__array__")


def _not_finite(values: np.ndarray) -> str:
    if np.isnan(values).any():
        return "'not a number' (NaN) came, as from 0/0 or the root of a negative number"
    return "infinity came, as from a division by zero"


def _understood_text(text: str, form: Form) -> Value:
    plain = " ".join(text.split()).strip("'\". ").lower()
    if isinstance(form, Word):
        return plain
    parts = re.split(r"\s*;\s*|,\s+|\s+and\s+", plain.strip("[]()"))
    found = [number_in(part, form) for part in parts]
    if None in found:
        return plain
    return np.array(found[0] if len(found) == 1 else found, np.float64)


def number_in(text: str, form: Form) -> float | None:
    """The number that a text says, or None: "1/3", "82 %", "15 of 20", "0,5", "590,080"."""
    text = text.replace("\u2212", "-").strip()
    text = text.removesuffix(form.unit.lower()).strip() if form.unit else text
    text = re.sub(r"^about ", "", text)
    fraction = re.fullmatch(r"(\S+?) ?(/|of|out of) ?(\S+)", text)
    if fraction:
        above, below = (number_in(part, form) for part in (fraction[1], fraction[3]))
        if above is None or not below:
            return None
        return above if fraction[2] != "/" and form.whole else above / below
    percent = re.fullmatch(r"(.*?) ?(%|per ?cent)", text)
    if percent:
        number = number_in(percent[1], form)
        return None if number is None else number / 100
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", text):
        text = text.replace(",", "")
    try:
        return float(text.replace(",", ".")) if re.fullmatch(r"[+-]?[\d.,]+(e[+-]?\d+)?", text) else None
    except ValueError:
        return None


def described(answer) -> str:
    """What came, in words: "a list of five numbers came"."""
    if answer is None:
        return "None came, which is what a function gives back that only prints or shows something"
    if isinstance(answer, (bool, np.bool_)):
        return f"{bool(answer)} came"
    if isinstance(answer, str):
        return f'"{answer}" came' if len(answer) < 40 else "a text came"
    if isinstance(answer, complex):
        return "a complex number came"
    if callable(answer) and hasattr(answer, "__name__"):
        return f"the function {answer.__name__} came, without brackets behind it that call it"
    if isinstance(answer, np.ndarray) and answer.dtype.kind in "iuf":
        if answer.size == 1:
            return f"{answer.item():g} came"
        if answer.ndim == 1:
            return f"a list of {in_words(answer.size)} numbers came"
        return f"an array of shape {answer.shape} came"
    if isinstance(answer, (list, tuple, set, np.ndarray)):
        return "a list came whose entries are not all numbers"
    return f"an object of the kind {type(answer).__name__} came"


def in_words(count: int) -> str:
    return COUNTS[count] if count < len(COUNTS) else f"{count:,}"
