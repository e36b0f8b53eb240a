"""What the checker reads, in which order it replies, and what it counts."""

import numpy as np
import pytest

from helpers.exercises import checker
from helpers.exercises.answers import Number, Numbers, Unreadable, Word, described, number_in, understood
from helpers.exercises.checker import check, reply, tally
from helpers.exercises.exercise import Exercise, Mistake

ONE = Exercise(
    number="9.1",
    form=Number(),
    expected=lambda half: 2 * half,
    printed="50",
    hints=("First hint.", "Second hint."),
    meaning="It is what it is.",
    mistakes=(
        Mistake("25", "it is not doubled", "Take it twice.", lambda half: half),
        Mistake("50.5", "a little is added", "Leave it."),
    ),
)
LIST = Exercise("9.2", Numbers(), (1, 2, 4), "1, 2, 4", ("First.", "Second."), "Powers of two.", ())
SHARE = Exercise("9.3", Number(share=True), 0.82, "82 %", ("First.", "Second."), "Most of them.", ())
COUNT = Exercise("9.4", Number(whole=True, unit="steps"), 40, "40", ("First.", "Second."), "Forty.", ())
WORDS = Exercise("9.5", Word(("sum", "product")), "sum", "sum", ("First.", "Second."), "Added.", ())


def said(exercise, answer, turn=0, **given):
    return reply(exercise, answer, given, turn)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/3", 1 / 3),
        ("82 %", 0.82),
        ("82%", 0.82),
        ("1.6 per cent", 0.016),
        ("0,5", 0.5),
        ("-.5", -0.5),
        ("\u22120.20", -0.2),
        ("590,080", 590_080),
        ("15 of 20", 0.75),
        ("1e-3", 0.001),
        ("+4", 4),
        ("99 gev", 99),
        ("about 9,800", 9800),
    ],
)
def test_texts_that_are_numbers(text, value):
    assert number_in(text, Number(unit="GeV")) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "one", "1/0", "1..2", "%", "/", "1 2 3 4", "__import__('os')", "1+1"])
def test_texts_that_are_none(text):
    assert number_in(text, Number()) is None


@pytest.mark.parametrize(
    "answer",
    [(1, 2, 4), [1.0, 2.0, 4.0], np.array([1, 2, 4]), "1, 2, 4", "[1, 2, 4]", "1; 2; 4", "1, 2 and 4", ["1", 2, "8/2"]],
)
def test_lists_in_every_dress(answer):
    assert said(LIST, answer) == "Right. Powers of two."


@pytest.mark.parametrize("answer", [np.float32(50), np.array([50]), [50], "50", 50, np.array(50), 49.1, "50.2"])
def test_numbers_in_every_dress(answer):
    assert said(ONE, answer, half=25.0) == "Right. It is what it is."


def test_tensors_are_numbers():
    from helpers.course.backend import tf

    assert said(ONE, tf.constant(50.0), half=25.0).startswith("Right")
    assert "tanh" in described(tf.tanh)


def test_the_order_of_the_replies():
    replies = [
        (lambda x: x, "The function <lambda> came, without brackets behind it that call it; one number is wanted."),
        ([1, 2, 3, 4, 5], "A list of five numbers came; one number is wanted."),
        ("fifty", '"fifty" came; one number is wanted.'),
        (25, "Not yet: it is not doubled. Take it twice."),
        (50.5, "Not yet: a little is added. Leave it."),  # within the tolerance, and yet by name
        (-50, "Not yet: the size is right, the sign is not. First hint."),
        (100, "Not yet: too large by a factor of 2. First hint."),
        (5, "Not yet: too small by a factor of 10. First hint."),
        (0.5, "Not yet: too small by a factor of 100. First hint."),
        (46, "Near: 8% too small. First hint."),
        (7, "Not yet. First hint."),
        (50, "Right. It is what it is."),
    ]
    for answer, words in replies:
        assert said(ONE, answer, half=25.0) == words
    assert said(ONE, 7, turn=1, half=25.0) == "Not yet. Second hint."
    assert said(ONE, 7, turn=5, half=25.0) == "Not yet. Second hint."


def test_what_is_right_in_a_wrong_list():
    assert said(LIST, [1, 2, 5]) == "Not yet: 2 of 3 numbers are right. First."
    assert said(LIST, [4, 2, 1]) == "Not yet: these are the right numbers in another order. First."
    assert said(LIST, [2, 4, 8]) == "Not yet: too large by a factor of 2. First."
    assert said(LIST, [7, 7, 7]) == "Not yet. First."
    assert said(LIST, 7) == "7 came; a list of three numbers is wanted."
    assert said(LIST, np.zeros((2, 3))) == "An array of shape (2, 3) came; a list of three numbers is wanted."


def test_shares_and_counts():
    assert said(SHARE, 82) == 'Not yet: a share is wanted. Write "82 %" as a text, or divide by 100. First.'
    assert said(SHARE, "82 %") == said(SHARE, 0.82) == "Right. Most of them."
    assert said(SHARE, 7) == "Not yet: a share lies between 0 and 1. First."
    assert said(COUNT, 40.0) == said(COUNT, "40 of 512") == said(COUNT, "40 steps") == "Right. Forty."
    assert said(COUNT, 39) == "Near: 1 too few. First."
    assert said(COUNT, 40.5) == "40.5 came; one whole number is wanted."
    assert said(COUNT, 41) == "Near: 1 too many. First."


def test_words():
    assert said(WORDS, " Sum ") == said(WORDS, '"sum"') == "Right. Added."
    assert said(WORDS, "prodct") == '"prodct" came; one of "sum" and "product" is wanted. Did you mean "product"?'
    assert said(WORDS, "product") == "Not yet. First."
    assert said(WORDS, 3) == '3 came; one of "sum" and "product" is wanted.'


@pytest.mark.parametrize(
    "answer", [[], {}, {1, 2}, [[1, 2], [3]], [1, "x"], 1j, [None, 1], float("inf"), b"1", "x" * 99]
)
def test_what_cannot_be_read_is_described(answer):
    with pytest.raises(Unreadable, match="came"):
        raise_if_word(understood(answer, Number()))


def raise_if_word(value):
    if isinstance(value, str):
        raise Unreadable(described(value))


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr(checker, "_attempts", {})


def test_the_tally_counts_answers_hints_and_first_tries(fresh, capsys):
    def line():
        capsys.readouterr()
        tally(1)
        return capsys.readouterr().out.splitlines()

    assert line()[0] == "Notebook 1: 0 of 10 exercises done, 0 of them at the first try, 0 hints used."
    check("1.6", "1/3")
    assert line()[0] == "Notebook 1: 1 of 10 exercises done, 1 of them at the first try, 0 hints used."
    for answer in (..., 0.2, 0.2, 0.7, 0.5):  # one answer twice is one try
        check("1.8a", answer)
    assert "1 of 10 exercises done" in line()[0]  # it has a second answer
    check("1.8b", 0)
    check("1.5a", "d", solution=True)  # the notebook's own is not counted
    assert line() == [
        "Notebook 1: 2 of 10 exercises done, 1 of them at the first try, 2 hints used.",
        "Still open: 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 1.9, 1.10",
    ]


def test_the_same_answer_gets_the_same_reply(fresh, capsys):
    replies = []
    for answer in (0.2, 0.7, 0.2, 0.7):
        check("1.6", answer)
        replies.append(capsys.readouterr().out)
    assert replies[:2] == replies[2:]
    assert replies[0] != replies[1]


def test_a_guess_is_never_wrong(fresh, capsys):
    maps = {"own": np.array([[1, 2, 3, 4, 5]], float), "other": np.array([[5, 2, 1, 4, 3]], float)}
    for guess, words in ((0.9, "Your guess is 0.90, the result -0.20."), (-0.17, "A good guess: -0.17")):
        check("3.4", guess, **maps)
        assert words in capsys.readouterr().out
    check("truth.2a", "negative")
    assert 'Your guess is "negative", the result "positive"' in capsys.readouterr().out
    check("truth.2a", "nagative")
    assert "Did you mean" in capsys.readouterr().out
    tally(3)
    assert "1 of 7 exercises done, 1 of them at the first try" in capsys.readouterr().out


def test_a_solution_that_no_longer_fits_says_so(capsys):
    check("1.6", 0.9, solution=True)
    assert "was something changed above?" in " ".join(capsys.readouterr().out.split())
