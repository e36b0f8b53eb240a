"""Every exercise: the right answer, the right answer as printed, each of its mistakes, and answers of a wrong form."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from exercise_examples import HANDED_OVER
from exercise_trials import MALFORMED

import notebooks
from helpers.exercises.answers import Number, Numbers, Word, understood
from helpers.exercises.checker import EXERCISES, NOT_ANSWERED, check, reply, same, tally

ROOT = Path(__file__).parents[2]
GIVEN = {number: HANDED_OVER.get(number, {}) for number in EXERCISES}
CASES = [
    pytest.param(number, mistake, id=f"{number}-{mistake.given}")
    for number, exercise in EXERCISES.items()
    for mistake in exercise.mistakes
]


def said(number, answer, turn=0):
    return reply(EXERCISES[number], answer, GIVEN[number], turn)[0]


@pytest.mark.parametrize("number", EXERCISES)
def test_the_right_answer_is_right_and_told_what_it_means(number):
    right = EXERCISES[number].answer(GIVEN[number])
    assert said(number, right) == f"Right. {EXERCISES[number].meaning}"
    assert said(number, right.tolist() if isinstance(right, np.ndarray) else right.upper()).startswith("Right.")


@pytest.mark.parametrize("number", EXERCISES)
def test_the_right_answer_as_a_solution_prints_it(number):
    """To two digits, in per cent where the solution does so; ``printed`` itself is tested in the notebooks."""
    exercise = EXERCISES[number]
    right = exercise.answer(GIVEN[number])
    if isinstance(right, str) or exercise.form.whole:
        printed = right if isinstance(right, str) else ", ".join(str(int(value)) for value in right.ravel())
    elif "%" in exercise.printed:
        printed = f"{100 * right.item():.2g} %"
    else:
        printed = ", ".join(f"{value:.2g}" for value in right.ravel())
        printed = np.round(right, 12) if right.ndim == 2 else printed
    assert said(number, printed).startswith("Right.")


def test_stored_solutions_are_told_what_is_said_today():
    stale = []
    for cell in (cell for path in notebooks.paths() for cell in nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "code" and "solution=True" in cell.source:
            number = re.search(r'check\(\s*"([\w.]+)"', cell.source)[1]
            said = " ".join("".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs).split())
            stale += [number] * (f"Right. {EXERCISES[number].meaning}" not in said)
    assert stale == []


@pytest.mark.parametrize(("number", "mistake"), CASES)
def test_a_known_mistake_is_named_and_answered(number, mistake):
    exercise = EXERCISES[number]
    words = said(number, mistake.given if mistake.when else exercise.wrong(mistake, GIVEN[number]))
    assert mistake.reply in words
    assert not words.startswith("Right")
    assert exercise.guess or mistake.name in words


@pytest.mark.parametrize("number", EXERCISES)
@pytest.mark.parametrize("kind", MALFORMED)
def test_another_form_is_described_and_the_wanted_one_named(number, kind):
    exercise = EXERCISES[number]
    answer, words = MALFORMED[kind]
    found = said(number, answer)
    assert words in found
    assert exercise.form.wanted(exercise.answer(GIVEN[number])) in found


def test_every_exercise_knows_at_least_three_mistakes_and_no_two_of_one_name():
    by_exercise = {}
    for number, exercise in EXERCISES.items():
        by_exercise.setdefault(re.sub(r"[ab]$", "", number), []).extend(exercise.mistakes)
        names = [mistake.name for mistake in exercise.mistakes]
        assert len(names) == len(set(names)) or number in ("questions.1",)
    assert len(by_exercise) == 57
    assert [number for number, mistakes in by_exercise.items() if len(mistakes) < 3] == []


def test_texts_are_sentences_that_fit_behind_each_other():
    for exercise in EXERCISES.values():
        for text in (exercise.meaning, *(mistake.reply for mistake in exercise.mistakes)):
            assert text[-1] in ".?", text
        for mistake in exercise.mistakes:
            assert mistake.name[-1] not in ".?!", mistake.name
            assert "|" not in mistake.given + mistake.name


HEADINGS = {  # of the further notebooks, in INSTRUCTORS.md
    "own": "Your own network",
    "ranking": "Break the ranking",
    "robust": "A network that does not care",
    "marker": "A hospital's marker",
    "words": "Words",
    "questions": "Questions",
    "why": "Why this and not that?",
    "side": "All methods side by side",
    "truth": "Who tells the truth?",
    "concepts": "Concepts on photographs",
    "detective": "The detective game",
}


def wrong_answers(number: str) -> str:
    """The column of INSTRUCTORS.md: each wrong answer that the checker knows, and what it shows."""
    parts = {part: exercise for part, exercise in EXERCISES.items() if re.sub(r"[ab]$", "", part) == number}
    lists = {
        part.removeprefix(number): "; ".join(f"{mistake.given}: {mistake.name}" for mistake in exercise.mistakes)
        for part, exercise in parts.items()
    }
    return ". ".join(f"({letter}) {text}" if letter else text for letter, text in lists.items()) + "."


@pytest.mark.parametrize("number", sorted({re.sub(r"[ab]$", "", number) for number in EXERCISES}))
def test_the_instructors_read_of_the_same_wrong_answers(number):
    text = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    book, exercise = number.split(".")
    heading = f"Notebook {book}" if book.isdigit() else HEADINGS[book]
    section = text.split(f"\n### {heading}\n")[1].split("\n#")[0]
    row = next(line for line in section.splitlines() if line.startswith(f"| {exercise} |"))
    assert row.split("|")[5].strip() == wrong_answers(number)


def test_the_checker_computes_what_the_helpers_do():
    from helpers.sanity.similarity import similarities
    from helpers.tcav.vectors import accuracy_beyond_chance

    own, other = np.random.default_rng(0).normal(size=(2, 6, 9, 9))
    expected = EXERCISES["3.4"].answer({"own": own, "other": other})
    assert np.isclose(expected, similarities(own, other, ["spearman"])["spearman"].mean())
    for pictures in (10, 20, 40):
        assert np.isclose(EXERCISES["concepts.1"].answer({"pictures": pictures}), accuracy_beyond_chance(pictures))


def test_forms_are_compared_as_they_should():
    assert same(understood("0.33", Number()), np.array(1 / 3), Number())
    assert not same(understood("0.3", Number()), np.array(1 / 3), Number())
    assert not same(understood("590,000", Number(whole=True)), np.array(590_080.0), Number(whole=True))
    assert not same(np.zeros(3), np.zeros(2), Numbers())
    assert same("a", "a", Word(("a",)))
    assert not same("a", np.zeros(1), Word(("a",)))


def test_no_exercise_and_a_wrong_hand_over_are_said():
    with pytest.raises(ValueError, match=r"no exercise '1.99'. There are: 1.1, 1.2"):
        check("1.99", 1)
    with pytest.raises(ValueError, match=r"Exercise 1.3 is checked with gradient=gradient; got nothing"):
        check("1.3", 1)
    with pytest.raises(ValueError, match="notebooks 1, 2, 3, ranking, .* own; got 4"):
        tally(4)


def test_dots_are_asked_for(capsys):
    check("1.5b", [0.1, ..., 0.1])
    check("1.6", ...)
    assert capsys.readouterr().out == f"{NOT_ANSWERED}\n" * 2
