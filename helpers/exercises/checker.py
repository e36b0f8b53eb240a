"""Replies to answers. The order: not answered yet; wrong form; a known mistake; sign or factor; near; a hint; right.

What was answered is counted in this kernel and nowhere else: :func:`tally` shows it.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from helpers.exercises import (
    a_hospitals_marker,
    a_network_that_does_not_care,
    break_the_ranking,
    concepts,
    detective,
    notebook_1,
    notebook_2,
    notebook_3,
    questions,
    side,
    truth,
    why,
    words,
    your_own_network,
)
from helpers.exercises.answers import Form, Unreadable, Value, Word, described, unanswered, understood
from helpers.exercises.exercise import Exercise, Mistake
from helpers.exercises.folding import fold_solutions

FURTHER = (
    break_the_ranking,
    a_network_that_does_not_care,
    a_hospitals_marker,
    why,
    side,
    truth,
    words,
    questions,
    concepts,
    detective,
    your_own_network,
)
EXERCISES: dict[str, Exercise] = {
    number: exercise
    for module in (notebook_1, notebook_2, notebook_3, *FURTHER)
    for number, exercise in module.EXERCISES.items()
}
NOT_ANSWERED = "Not answered yet: replace the three dots and run the cell again."
NEAR = 0.15  # relative distance that is called near
GOOD_GUESS = 0.1  # distance of a guess that is called good
EXACT = 1e-5  # relative: float32 sums in another order
FACTORS = {2: "a factor of 2", 10: "a factor of 10", 100: "a factor of 100"}
WIDTH = 96  # letters in a line of a reply


@dataclass
class Attempts:
    """What was answered to one exercise in this kernel: different answers in their order, and whether the last was right."""

    answers: list[str] = field(default_factory=list)
    hints: int = 0
    done_after: int = 0  # number of answers up to the right one, 0 while there is none


_attempts: dict[str, Attempts] = {}
fold_solutions()  # in a notebook, from its first cell on


def check(number: str, answer, *, solution: bool = False, **given) -> None:
    """Print the reply to an answer.

    Parameters
    ----------
    number
        Of the exercise: "1.3" is exercise 3 of notebook 1, "own.3" of the further one on your own network, "1.4a" the
        first answer where it asks for two.
    answer
        What stands in place of the three dots: a number, a text such as "1/3" or "82 %", a list, a word.
    solution
        This is the notebook's own solution: it is not counted.
    given
        What the expected answer is computed from; the cell in the notebook says which names.

    Raises
    ------
    ValueError
        If there is no exercise of that number, or something else is handed over than it needs.
    """
    exercise = _exercise(number, given)
    if unanswered(answer):
        print(NOT_ANSWERED)
        return
    attempts = Attempts() if solution else _attempts.setdefault(number, Attempts())
    key = _key(answer)
    if key not in attempts.answers:
        attempts.answers.append(key)
    turn = attempts.answers.index(key)
    verdict, hinted = reply(exercise, answer, given, turn)
    attempts.hints = max(attempts.hints, hinted)
    if verdict.startswith("Right") or (exercise.guess and not hinted and verdict.startswith(("A good", "Your"))):
        attempts.done_after = attempts.done_after or turn + 1
    elif solution:
        verdict += " (This solution is for the notebook as it came: was something changed above?)"
    print("\n".join(textwrap.fill(line, WIDTH) for line in verdict.splitlines()))


def _exercise(number: str, given: Mapping[str, object]) -> Exercise:
    if number not in EXERCISES:
        raise ValueError(f"There is no exercise {number!r}. There are: {', '.join(EXERCISES)}.")
    exercise = EXERCISES[number]
    if set(given) != set(exercise.needs):
        wanted = ", ".join(f"{name}={name}" for name in exercise.needs) or "nothing but the answer"
        raise ValueError(
            f"Exercise {number} is checked with {wanted}; got {', '.join(given) or 'nothing'}. "
            "The cell as it came hands over the right things."
        )
    return exercise


def _key(answer) -> str:
    return (
        f"{type(answer).__name__} {np.array2string(answer, threshold=50) if isinstance(answer, np.ndarray) else answer}"
    )


def reply(exercise: Exercise, answer, given: Mapping[str, object], turn: int = 0) -> tuple[str, int]:
    """What is said to an answer, and which hint was given with it: 0 for none, 1 or 2.

    ``turn`` counts the wrong answers before this one: the first gets the first hint, later ones the second.
    """
    expected = exercise.answer(given)
    form = exercise.form
    try:
        value = understood(answer, form)
    except Unreadable as came:
        return f"{_capital(str(came))}; {form.wanted(expected)} is wanted.", 0
    if not form.fits(value, expected):
        return _wrong_form(exercise, value, expected, given), 0
    if same(value, expected, form):
        return f"Right. {exercise.meaning}", 0
    mistake = known_mistake(exercise, value, given)
    if exercise.guess:
        return _compared(exercise, value, expected, mistake), 0
    if mistake:
        return f"Not yet: {mistake.name}. {mistake.reply}", 0
    if isinstance(value, np.ndarray) and not form.whole and np.allclose(value, expected, exercise.tolerance, 1e-9):
        return f"Right. {exercise.meaning}", 0
    hint = exercise.hints[min(turn, 1)]
    return f"{_distance(value, expected, form)} {hint}", min(turn, 1) + 1


def same(value: Value, other: Value, form: Form) -> bool:
    """Are these one answer? Numbers may differ by rounding: to two significant digits or more, unless they are counts."""
    if isinstance(value, str) or isinstance(other, str):
        return isinstance(value, str) and isinstance(other, str) and value == other
    if value.size != other.size and 1 not in (value.size, other.size):
        return False
    if value.shape != other.shape and not getattr(form, "one_for_all", False) and (value.size != 1 or other.size != 1):
        return False
    a, b = np.broadcast_arrays(value.squeeze(), other.squeeze())
    return all(_same_number(x, y, form) for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))


def _same_number(a: float, b: float, form: Form) -> bool:
    if abs(a - b) <= EXACT * abs(b) or abs(a - b) < 1e-12:
        return True
    if form.whole or a * b <= 0:
        return False
    return any(abs(a - float(f"{b:.{digits}g}")) <= 1e-9 * abs(a) for digits in range(2, 7))


def known_mistake(exercise: Exercise, value: Value, given: Mapping[str, object]) -> Mistake | None:
    """The first mistake of the exercise that the answer is, if any."""
    for mistake in exercise.mistakes:
        if mistake.when is not None:
            if exercise.form.fits(value, exercise.answer(given)) and mistake.when(value):
                return mistake
            continue
        try:
            wrong = understood(exercise.wrong(mistake, given), exercise.form)
        except Unreadable:
            continue  # such as a root of a negative number
        if same(value, wrong, exercise.form) and not same(wrong, exercise.answer(given), exercise.form):
            return mistake
    return None


def _wrong_form(exercise: Exercise, value: Value, expected: Value, given: Mapping[str, object]) -> str:
    wanted = exercise.form.wanted(expected)
    said = f"{_capital(described(value))}; {wanted} {'are' if ' rows ' in wanted else 'is'} wanted."
    if isinstance(exercise.form, Word):
        meant = exercise.form.closest(value)
        return f'{said} Did you mean "{meant}"?' if meant else said
    mistake = known_mistake(exercise, value, given)
    return f"{said} Perhaps {mistake.name}? {mistake.reply}" if mistake else said


def _distance(value: Value, expected: Value, form: Form) -> str:
    """How far a wrong answer is from the right one: sign, factor, order, distance."""
    if isinstance(value, str):
        return "Not yet."
    value, expected = value.squeeze(), expected.squeeze()
    if value.shape != expected.shape:
        return "Not yet."
    ratio = _common_ratio(value, expected)
    if ratio is not None:
        if abs(ratio + 1) < 0.02:
            return "Not yet: the size is right, the sign is not."
        for factor, words in FACTORS.items():
            if abs(ratio / factor - 1) < 0.02:
                if factor == 100 and form.share:
                    return f'Not yet: a share is wanted. Write "{value:g} %" as a text, or divide by 100.'
                return f"Not yet: too large by {words}."
            if abs(ratio * factor - 1) < 0.02:
                return f"Not yet: too small by {words}."
    if value.ndim == 0:
        return _distance_of_numbers(float(value), float(expected), form)
    if np.allclose(np.sort(value, axis=None), np.sort(expected, axis=None), 0.02, 1e-9):
        return "Not yet: these are the right numbers in another order."
    right = np.isclose(value, expected, 0.02, 1e-9)
    if right.any():
        return f"Not yet: {right.sum()} of {right.size} numbers {'is' if right.sum() == 1 else 'are'} right."
    return "Not yet."


def _common_ratio(value: np.ndarray, expected: np.ndarray) -> float | None:
    """By which one factor all expected numbers were multiplied, or None."""
    nonzero = expected != 0
    if not nonzero.any() or (value[~nonzero] != 0).any():
        return None
    ratios = value[nonzero] / expected[nonzero]
    ratio = float(ratios.flat[0])
    return ratio if ratio and np.allclose(ratios, ratio, rtol=0.02) else None


def _distance_of_numbers(value: float, expected: float, form: Form) -> str:
    if form.share and not 0 <= value <= 1:
        return "Not yet: a share lies between 0 and 1."
    off = value - expected
    size = "large" if off > 0 else "small"
    if form.whole and abs(off) <= max(2, NEAR * abs(expected)):
        return f"Near: {abs(off):,.0f} too {'many' if off > 0 else 'few'}."
    if not form.whole and abs(off) <= NEAR * abs(expected):
        return f"Near: {abs(off / expected):.0%} too {size}."
    return "Not yet."


def _compared(exercise: Exercise, value: Value, expected: Value, mistake: Mistake | None) -> str:
    """Reply to a guess: it is never wrong, and the difference is what one learns from."""
    lesson = mistake.reply if mistake else exercise.meaning
    if isinstance(value, str):
        return f'Your guess is "{value}", the result "{expected}". {lesson}'
    guess, result = float(value.item()), float(expected.item())
    if abs(guess - result) <= GOOD_GUESS:
        return f"A good guess: {guess:.2f}, and the result is {result:.2f}. {exercise.meaning}"
    return f"Your guess is {guess:.2f}, the result {result:.2f}. {lesson}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def tally(notebook: int | str) -> None:
    """Print how far one is with a notebook: exercises done, right at the first try, hints used. It counts in this kernel
    only, and tells nobody.

    Raises
    ------
    ValueError
        If there is no such notebook.
    """
    numbers = [number for number in EXERCISES if number.split(".")[0] == str(notebook)]
    if not numbers:
        known = dict.fromkeys(number.split(".")[0] for number in EXERCISES)
        raise ValueError(f"There are the notebooks {', '.join(known)}; got {notebook!r}.")
    whole: dict[str, list[Attempts]] = {}
    for number in numbers:
        whole.setdefault(re.sub(r"\D+$", "", number), []).append(_attempts.get(number, Attempts()))
    done = [number for number, parts in whole.items() if all(part.done_after for part in parts)]
    first = [number for number in done if all(part.done_after == 1 for part in whole[number])]
    hints = sum(part.hints for parts in whole.values() for part in parts)
    print(
        f"Notebook {notebook}: {len(done)} of {len(whole)} exercises done, {len(first)} of them at the first try, "
        f"{hints} {'hint' if hints == 1 else 'hints'} used."
    )
    if len(done) < len(whole):
        print(f"Still open: {', '.join(number for number in whole if number not in done)}")
