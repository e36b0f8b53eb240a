"""Scores on planted maps and words are what can be counted by hand."""

import numpy as np
import pytest
from tables import SCORES, WORDS, chance_scores, correlations, map_scores, thing_relevance, word_classes, word_shares

from helpers.questions.draws import draw_questions
from helpers.questions.language import EXAMPLES, FORMS, parse
from helpers.questions.scenes import draw_scenes

RNG = np.random.default_rng(0)


def masks(*corners):
    """A mask of 2 x 2 pixels in 8 x 8 for each corner."""
    found = np.zeros((len(corners), 8, 8), bool)
    for mask, (row, column) in zip(found, corners, strict=True):
        mask[row : row + 2, column : column + 2] = True
    return found


def test_mass_and_pointing_on_planted_maps():
    needed = masks((0, 0), (0, 0), (4, 4), (4, 4))
    visited = needed | masks((0, 4), (0, 4), (0, 4), (0, 4))
    maps = np.zeros((4, 8, 8))
    maps[0, 0, 0] = 2  # all on the needed
    maps[1, 0, 4], maps[1, 0, 0], maps[1, 7, 7] = 3, 1, -9  # most on the visited; what is negative does not count
    maps[2, 7, 7] = 1  # beside both
    found = map_scores(maps, needed, visited)
    assert set(found) == set(SCORES)
    np.testing.assert_allclose(found["mass on needed"], [1, 0.25, 0, np.nan])
    np.testing.assert_allclose(found["mass on visited"], [1, 1, 0, np.nan])
    assert found["points at needed"].tolist() == [1, 0, 0, 0]
    assert found["points at visited"].tolist() == [1, 1, 0, 0]


def test_a_random_map_scores_what_chance_says():
    corners = RNG.integers(0, 7, (400, 2))
    needed = masks(*corners)
    visited = needed | masks(*RNG.integers(0, 7, (400, 2)))
    chance = chance_scores(needed, visited)
    assert chance["mass on needed"] == chance["points at needed"] == pytest.approx(4 / 64)
    found = map_scores(RNG.random((400, 8, 8)), needed, visited)
    for name, level in chance.items():
        assert found[name].mean() == pytest.approx(level, abs=0.03)


def test_correlation_of_maps():
    maps = RNG.normal(size=(5, 8, 8))
    others = np.stack([maps[0], -2 * maps[1] + 3, np.zeros((8, 8)), RNG.normal(size=(8, 8)), maps[4] ** 2])
    found = correlations(maps, others)
    assert found[:2] == pytest.approx([1, -1])
    assert np.isnan(found[2])
    assert found[3:] == pytest.approx([np.corrcoef(maps[n].ravel(), others[n].ravel())[0, 1] for n in (3, 4)])
    with pytest.raises(ValueError, match="partner"):
        correlations(maps, others[:3])


def test_relevance_of_things_is_the_sum_over_their_pixels():
    owners = np.full((2, 8, 8), -1)
    owners[0, 0, :2], owners[1, 7, 7] = 0, 5
    maps = np.arange(128.0).reshape(2, 8, 8) - 1
    assert thing_relevance(maps, owners).tolist() == [[-1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 126]]


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("What colour is the large red cow?", "task task filling filling names names names"),
        ("Is the red cow large or small?", "filling filling names names task filling task"),
        ("Is there an elephant?", "filling filling filling names"),
        ("How many large things are there?", "task task names filling filling filling"),
        ("Is the cow of the same colour as the lion?",
         "filling filling names filling filling task task filling filling names"),
        ("Are there more cows than red things?", "filling filling task names filling names filling"),
        ("What stands left of the thing below the cow?",
         "task filling directions directions filling filling directions filling names"),
    ],
)  # fmt: skip
def test_words_are_told_apart(text, classes):
    assert word_classes(parse(text)) == tuple(classes.split())


def test_every_word_of_every_question_has_a_class():
    drawn = [one.question for own in draw_questions(draw_scenes(60, 5), 12, 5) for one in own]
    for question in [*EXAMPLES.values(), *drawn]:
        assert len(word_classes(question)) == len(question.words)
        assert set(word_classes(question)) <= set(WORDS)
    assert {question.form for question in drawn} == set(FORMS)


def test_shares_of_words():
    questions = [parse("What colour is the cow?"), parse("Is there a cow?"), parse("Is there a cow?")]
    words = np.array([[1, -1, 0.5, 0, -2.5, 0, 9], [0, 0, 0, 1, 0, 0, 9], [0, 0, 0, 0, 0, 0, 9]])  # 9: at the padding
    shares = word_shares(words, questions)
    assert shares["task"][:2] == pytest.approx([0.4, 0])
    assert shares["names"][:2] == pytest.approx([0.5, 1])
    assert shares["filling"][:2] == pytest.approx([0.1, 0])
    assert shares["directions"][:2] == pytest.approx([0, 0])
    assert all(np.isnan(share[2]) for share in shares.values())
