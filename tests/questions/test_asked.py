"""Fresh questions: the masks of their things, maps and logits for the right pictures."""

import numpy as np
import pytest
from question_fakes import FakeNetwork, always, left_half, wordless

from helpers.questions.asked import ask_scenes, explained_questions, given_logits, masks_of
from helpers.questions.language import ANSWERS


@pytest.fixture(scope="module")
def asked():
    return ask_scenes(60, 12, 321)


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


def test_maps_come_batch_by_batch_for_the_right_pictures(asked):
    network, some, told = FakeNetwork(always("yes")), asked[:7], []
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


def test_numbers_that_will_not_do_are_refused():
    for arguments, said in (
        ((2, 0, 1), "per_scene is a whole number from 1"),
        ((-1, 2, 1), "count is a whole"),
        ((1, 2, -1), "seed is a whole"),
    ):
        with pytest.raises(ValueError, match=said):
            ask_scenes(*arguments)
