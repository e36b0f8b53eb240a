"""Which questions are scored: fresh, right or wrong as they should be, and pairs that differ as they should."""

import numpy as np
import pytest
from question_fakes import FakeNetwork, always, left_half, wordless
from tables import draw_samples, question_pairs, removal_falls

from helpers.questions.asked import ask_scenes, explained_questions, given_logits, masks_of, right_answers
from helpers.questions.language import ANSWERS, TYPES


@pytest.fixture(scope="module")
def asked():
    return ask_scenes(60, 12, 321)


@pytest.fixture(scope="module")
def network(asked):
    """It knows the truth of these scenes, and tells it of questions with an even number of words only."""
    inputs, known = asked.scenes.pictures, {}
    network = FakeNetwork(lambda pictures, words: np.stack([told(*pair) for pair in zip(pictures, words, strict=True)]))
    encoded = network.encode([one.question for one in asked.answered])
    for number, words, one in zip(asked.numbers, encoded, asked.answered, strict=True):
        known[inputs[number].tobytes(), words.tobytes()] = network.class_index(one.answer)

    def told(picture, words):
        right = known[picture.tobytes(), words.tobytes()]
        return np.arange(len(ANSWERS)) == (right if (words > 0).sum() % 2 == 0 else (right + 1) % len(ANSWERS))

    return network


def test_only_questions_that_need_a_thing_are_asked(asked):
    assert all(one.needed for one in asked.answered)
    assert len(asked.numbers) == len(asked)
    some = asked[[5, 3]]
    assert some.answered == (asked.answered[5], asked.answered[3])
    assert some.numbers.tolist() == [asked.numbers[5], asked.numbers[3]]
    assert asked[asked.types == "relation"].types.tolist() == ["relation"] * (asked.types == "relation").sum()


def test_masks_are_those_of_the_scenes(asked):
    for n in (0, 7, 50):
        scene, one = asked.scenes[asked.numbers[n]], asked.answered[n]
        assert (asked.needed[n] == scene.masks[list(one.needed)].any(axis=0)).all()
        assert (asked.visited[n] == scene.masks[list(one.visited)].any(axis=0)).all()
    assert not masks_of(asked.scenes.owners[:2], [(), ()]).any()
    with pytest.raises(ValueError, match="each of 2 scenes"):
        masks_of(asked.scenes.owners[:2], [(1,)])


def test_maps_come_batch_by_batch_for_the_right_pictures(asked, network):
    some, told = asked[:7], []
    pixels, words = explained_questions(
        network, wordless, some, np.zeros(7, int), 3, lambda done, count: told.append((done, count))
    )
    assert words is None
    assert told == [(3, 7), (6, 7), (7, 7)]
    np.testing.assert_array_equal(pixels, asked.scenes.pictures[some.numbers].sum(axis=-1, dtype=float))
    assert explained_questions(network, left_half, some, np.zeros(7, int), 3)[1].shape == (7, 15)


def test_logits_with_things_taken_out(asked):
    def look(pictures, words):
        return np.repeat(pictures.sum(axis=(1, 2, 3), dtype=float)[:, None], len(ANSWERS), axis=1)

    some, bright = asked[:4], FakeNetwork(look)
    full, pictures = given_logits(bright, some)[:, 0], asked.scenes.pictures[some.numbers].astype(float)
    assert full == pytest.approx(pictures.sum(axis=(1, 2, 3)))
    all_gone = given_logits(bright, some, asked.scenes.owners[some.numbers] >= 0)[:, 0]
    assert all_gone == pytest.approx(asked.empty[some.numbers].sum(axis=(1, 2, 3), dtype=float))
    falls = removal_falls(bright, some, np.zeros(4, int))
    for row, number, fall in zip(pictures, some.numbers, falls, strict=True):
        scene = asked.scenes[number]
        lost = [(row[mask] - asked.empty[number][mask]).sum() for mask in scene.masks]
        assert fall[: len(scene)] == pytest.approx(lost, abs=2)
        assert np.isnan(fall[len(scene) :]).all()


def test_pairs_ask_for_another_thing_or_say_the_same_in_other_words(asked):
    others, alike = question_pairs(asked, same_things=False), question_pairs(asked, same_things=True)
    assert len(others) > 40
    assert len(alike) > 10
    for first, second in [*others, *alike]:
        assert asked.numbers[first] == asked.numbers[second]
        assert asked.answered[first].question.form == asked.answered[second].question.form
        assert asked.answered[first].question != asked.answered[second].question
    for first, second in others:
        assert not set(asked.answered[first].needed) & set(asked.answered[second].needed)
    for first, second in alike:
        assert asked.answered[first].visited == asked.answered[second].visited
        assert asked.answered[first].answer == asked.answered[second].answer
    assert question_pairs(asked[:1], same_things=True).shape == (0, 2)


def test_samples_are_right_or_wrong_as_they_should_be(network):
    samples = draw_samples(network, per_type=4, wrong=9, pairs=3, pool=60, seed=321)
    every = samples["all"]
    assert set(every.asked.types) <= set(TYPES)
    for kind in set(every.asked.types):
        numbers = every.asked.numbers[every.asked.types == kind]
        assert len(numbers) <= 4
        assert len(set(numbers)) == len(numbers)
    for name in ("all", "right, same forms", "other question", "other words"):
        said = given_logits(network, samples[name].asked).argmax(axis=1)
        assert (said == samples[name].targets).all()
        assert (said == right_answers(network, samples[name].asked)).all()
    given, right = samples["wrong, answer given"], samples["wrong, right answer"]
    assert given.asked.answered == right.asked.answered
    assert len(given) == 9
    assert (given.targets != right.targets).all()
    assert (right.targets == right_answers(network, right.asked)).all()
    forms = [sorted(one.question.form for one in part.asked.answered) for part in (given, samples["right, same forms"])]
    assert set(forms[1]) <= set(forms[0])
    half = len(samples["other question"]) // 2
    assert (samples["other question"].asked.numbers[:half] == samples["other question"].asked.numbers[half:]).all()


def test_a_network_without_mistakes_leaves_the_wrong_ones_empty():
    samples = draw_samples(FakeNetwork(always("yes")), per_type=2, wrong=0, pairs=2, pool=10, seed=1)
    assert set(samples) == {"all", "other question"} | ({"other words"} & set(samples))
