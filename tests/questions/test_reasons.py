"""Things are taken out without a trace, and what becomes of the answer is told."""

import numpy as np
import pytest
from question_fakes import FakeNetwork, always, left_half

from helpers.questions.asked import ask_scenes
from helpers.questions.explained import (
    Removal,
    least_on_visited,
    removals,
    right_answer,
    signs_of_a_wrong_reason,
    without,
)
from helpers.questions.language import ANSWERS, Answered, ask, find
from helpers.questions.scenes import draw_scenes

COUNT, SEED = 30, 78


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(COUNT, SEED)


@pytest.fixture(scope="module")
def empty():
    return draw_scenes(COUNT, SEED, things=False).pictures


def test_a_thing_is_gone_from_picture_and_truth(scenes, empty):
    scene = scenes[3]
    left = without(scene, empty[3], (1,))
    assert len(left) == len(scene) - 1
    assert [left.name(n) for n in range(len(left))] == [scene.name(n) for n in range(len(scene)) if n != 1]
    assert (left.picture[scene.masks[1]] == empty[3][scene.masks[1]]).all()
    assert (left.picture[~scene.masks[1]] == scene.picture[~scene.masks[1]]).all()
    assert (left.masks == np.delete(scene.masks, 1, axis=0)).all()
    assert (without(scene, empty[3], range(len(scene))).picture == empty[3]).all()
    assert (without(scene, empty[3], ()).picture == scene.picture).all()


def test_another_background_and_unknown_things_are_refused(scenes, empty):
    with pytest.raises(ValueError, match="same count and seed"):
        without(scenes[3], empty[4], (1,))
    with pytest.raises(ValueError, match="0 to"):
        without(scenes[3], empty[3], (9,))


def test_every_thing_is_taken_out_in_turn(scenes, empty):
    scene = scenes[3]
    watched = scene.masks[2]

    def sees_thing_two(pictures, words):
        there = (pictures[:, watched] == scene.picture[watched]).all(axis=(1, 2))
        return np.where(there[:, None], 3.0 * (np.array(ANSWERS) == "yes"), 5.0 * (np.array(ANSWERS) == "no"))

    asked = ask(scene, f"Is there a {scene.kinds[2]}?")
    found = removals(FakeNetwork(sees_thing_two), scene, empty[3], asked)
    assert [removal.things for removal in found] == [(n,) for n in range(len(scene))]
    assert [removal.answer for removal in found] == ["no" if n == 2 else "yes" for n in range(len(scene))]
    assert [removal.fall for removal in found] == [3.0 if n == 2 else 0.0 for n in range(len(scene))]
    alone = len(find(scene, asked.question.descriptions[0])) == 1
    assert found[2].right == ("no" if alone else "yes")
    together = removals(FakeNetwork(sees_thing_two), scene, empty[3], asked, [(0, 2), (0, 1)])
    assert [removal.answer for removal in together] == ["no", "yes"]


def test_a_question_may_have_no_answer_any_more(scenes, empty):
    n, scene = next((n, scenes[n]) for n in range(COUNT) if scenes[n].kinds.count(scenes[n].kinds[0]) == 1)
    asked = ask(scene, f"What colour is the {scene.kinds[0]}?")
    assert right_answer(scene, asked) == asked.answer
    assert right_answer(without(scene, empty[n], (0,)), asked) is None


def test_signs_of_a_wrong_reason():
    asked = Answered(None, "red", (1,), (0, 1))
    stays = Removal((1,), "red", 0.9, None, 0.1)
    stays_and_may = Removal((1,), "red", 0.9, "red", 0.1)
    changes = Removal((2,), "blue", 0.9, "red", 2.0)
    changes_and_should = Removal((1,), "blue", 0.9, "blue", 2.0)
    nothing = Removal((2,), "red", 0.9, "red", 0.0)
    every = [stays, stays_and_may, changes, changes_and_should, nothing]
    assert signs_of_a_wrong_reason("red", asked, every) == [stays, changes]


def test_a_network_that_does_not_look_gives_itself_away(scenes, empty):
    n, scene = next((n, scenes[n]) for n in range(COUNT) if scenes[n].kinds.count(scenes[n].kinds[0]) == 1)
    asked = ask(scene, f"What colour is the {scene.kinds[0]}?")
    found = removals(FakeNetwork(always(asked.answer)), scene, empty[n], asked)
    assert [sign.things for sign in signs_of_a_wrong_reason(asked.answer, asked, found)] == [(0,)]


def test_right_answers_with_the_least_relevance_where_they_come_from_are_listed_first():
    asked, network = ask_scenes(12, 8, 79), FakeNetwork(always("yes"))
    found = least_on_visited(network, asked, "planted", count=4, methods={"planted": left_half})
    shares = [explained.on_visited for _, explained in found]
    assert shares == sorted(shares)
    assert all(explained.is_right for _, explained in found)
    assert all((explained.scene.picture == asked.scenes.pictures[number]).all() for number, explained in found)
    right = [n for n, one in enumerate(asked.answered) if one.answer == "yes"]
    every = asked.visited[right][:, :, :48].mean(axis=(1, 2))
    assert shares == pytest.approx(np.sort(every)[:4])
