"""Questions in plain English: written and read, they are the same."""

import itertools

import numpy as np
import pytest

from helpers.questions.language import (
    ANSWERS,
    DIRECTIONS,
    EXAMPLES,
    FORMS,
    LONGEST,
    WORDS,
    Description,
    Question,
    encode_questions,
    parse,
)
from helpers.questions.scenes import COLOURS, KINDS, SIZES

ALL = [Description(*said) for said in itertools.product((None, *SIZES), (None, *COLOURS), (None, *KINDS))]


def every_question():
    """Every description in every form and every pair of directions; the second description is a random one."""
    rng = np.random.default_rng(0)
    for name, form in FORMS.items():
        for first in ALL:
            second = ALL[rng.integers(len(ALL))]
            for ways in itertools.product(DIRECTIONS, repeat=form.directions):
                yield Question(name, (first, second)[: form.descriptions], ways)


def test_what_is_written_is_read_as_what_was_meant():
    questions = list(every_question())
    assert len(questions) > 5000
    for question in questions:
        assert parse(question.text) == question


def test_no_two_questions_have_the_same_words():
    questions = list(dict.fromkeys(every_question()))
    assert len({question.text for question in questions}) == len(questions)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("What colour is the large cow?", Question("colour", (Description("large", None, "cow"),))),
        ("is the red thing large or small", Question("size", (Description(None, "red"),))),
        ("Is there an elephant?", Question("existence", (Description(None, None, "elephant"),))),
        ("HOW MANY BIG LIONS ARE THERE?!", Question("counting", (Description("large", None, "lion"),))),
        ("What color is the hippopotamus?", Question("colour", (Description(None, None, "hippo"),))),
        (
            "What stands to the left of the cow",
            Question("relation, kind", (Description(None, None, "cow"),), ("left of",)),
        ),
        (
            "What colour is the thing under the thing on the right of the little blue penguin?",
            Question("two relations, colour", (Description("small", "blue", "penguin"),), ("below", "right of")),
        ),
    ],
)
def test_other_ways_of_writing(text, question):
    assert parse(text) == question


def test_articles():
    assert Question("existence", (Description(None, None, "elephant"),)).text == "Is there an elephant?"
    assert Question("existence", (Description("large", None, "elephant"),)).text == "Is there a large elephant?"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("What colour is the zebra?", "do not know the word 'zebra'"),
        ("Why is the cow red?", "do not know the word 'why'"),
        ("What colour is the cow red?", "cannot read"),
        ("What colour is the red large cow?", "cannot read"),
        ("", "cannot read"),
        ("cow", "cannot read"),
        ("How many cow are there?", "cannot read"),
    ],
)
def test_what_cannot_be_read_gets_an_error_that_shows_what_can_be_asked(text, what):
    with pytest.raises(ValueError, match=what) as error:
        parse(text)
    message = str(error.value)
    assert all(example.text in message for example in EXAMPLES.values())
    assert all(word in message for word in (*KINDS, *COLOURS, *SIZES, *DIRECTIONS))


def test_there_is_an_example_of_every_form():
    assert list(EXAMPLES) == list(FORMS)
    assert all(parse(example.text).form == name for name, example in EXAMPLES.items())


def test_programs_say_what_is_done():
    program = parse("What colour is the thing left of the thing above the red cow?").program
    assert program == (Description(None, "red", "cow"), "the only one", "above", "left of", "colour")
    program = parse("Is the cow larger than the lion?").program
    assert [str(step) for step in program] == ["cow", "lion", "each the only one", "larger"]


def test_words_become_numbers_and_numbers_words():
    questions = list(every_question())[::50]
    encoded = encode_questions(questions)
    assert encoded.shape == (len(questions), LONGEST)
    for row, question in zip(encoded, questions, strict=True):
        assert tuple(WORDS[number - 1] for number in row if number) == question.words
        assert not row[len(question.words) :].any()
    assert encode_questions([]).shape == (0, LONGEST)


def test_no_word_and_no_answer_stands_twice():
    assert len(set(WORDS)) == len(WORDS)
    assert len(set(ANSWERS)) == len(ANSWERS)
