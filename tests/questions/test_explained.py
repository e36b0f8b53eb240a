"""One question, answered and explained; things are taken out without a trace, and what becomes of the answer is told."""

import numpy as np
import pytest
from question_fakes import FakeNetwork, always, left_half, wordless

from helpers.questions.asked import ask_scenes
from helpers.questions.draws import draw_questions
from helpers.questions.explained import (
    explain_question,
    least_on_visited,
    removals,
    right_answer,
    things_mask,
    was_drawn,
    without,
)
from helpers.questions.language import ANSWERS, Answered, ask, find, parse
from helpers.questions.scenes import draw_scenes

METHODS = {"planted": left_half, "wordless": wordless}
COUNT, SEED = 40, 77


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(COUNT, SEED)


@pytest.fixture(scope="module")
def drawn(scenes):
    return draw_questions(scenes, 12, SEED)


@pytest.fixture(scope="module")
def empty():
    return draw_scenes(COUNT, SEED, things=False).pictures


def test_the_answer_is_the_networks_and_the_truth_is_the_scenes(scenes, drawn):
    one = next(a for a in drawn[0] if a.needed)
    explained = explain_question(
        FakeNetwork(always("pepper")), scenes[0], one.question.text, "planted", methods=METHODS
    )
    assert explained.asked == one
    assert explained.answer == explained.explained == "pepper"
    assert explained.probability == pytest.approx(np.exp(4) / (np.exp(4) + 20), rel=1e-5)
    assert not explained.is_right
    assert len(explained.words) == len(one.question.words)
    assert explained.words[0] == 1
    mask = things_mask(scenes[0], one.needed)
    assert explained.on_needed == pytest.approx(mask[:, :48].sum() / (96 * 48))
    assert (explained.needed == mask).all()
    assert explain_question(FakeNetwork(always(one.answer)), scenes[0], one, "planted", methods=METHODS).is_right


def test_the_target_is_the_answer_given_unless_another_is_asked_for(scenes, drawn):
    targets = []

    def method(network, inputs, words, target):
        targets.append(target)
        return wordless(network, inputs, words, target)

    network, options = FakeNetwork(always("yes")), {"methods": {"LRP": method}}
    explained = explain_question(network, scenes[0], drawn[0][0], **options)
    assert explained.words is None
    assert explain_question(network, scenes[0], drawn[0][0], answer="no", **options).explained == "no"
    assert targets == [network.class_index("yes"), network.class_index("no")]


def test_where_nothing_is_needed_there_is_nothing_to_score(scenes, drawn):
    n, one = next((n, a) for n, own in enumerate(drawn) for a in own if not a.needed)
    explained = explain_question(FakeNetwork(always("no")), scenes[n], one, "planted", methods=METHODS)
    assert np.isnan(explained.on_needed)
    assert not explained.needed.any()


@pytest.mark.parametrize(
    ("question", "method", "answer", "message"),
    [
        ("What colour is the zebra?", "planted", None, "'zebra'.*You can ask: What colour is the large cow"),
        ("Where is the cow?", "planted", None, "You can ask"),
        ("Is there a cow?", "magic", None, "method is one of 'planted', 'wordless'; got 'magic'"),
        ("Is there a cow?", "planted", "maybe", "'maybe'"),
    ],
)
def test_what_cannot_be_asked_is_explained(scenes, question, method, answer, message):
    with pytest.raises(ValueError, match=message):
        explain_question(FakeNetwork(always("yes")), scenes[0], question, method, answer, METHODS)


def test_all_that_is_drawn_counts_as_drawn(drawn):
    assert all(was_drawn(one) for own in drawn for one in own)


@pytest.mark.parametrize(
    ("text", "visited", "known"),
    [
        ("What colour is the red cow?", (0,), False),
        ("What colour is the large cow?", (0,), True),
        ("How many red cows are there?", (0,), False),
        ("How many large cows are there?", (0,), True),
        ("How many things are there?", (0, 1), False),
        ("Are there more cows than red things?", (0, 1), False),
        ("Are there more cows than lions?", (0, 1), True),
        ("Is the large cow larger than the lion?", (0, 1), False),
        ("What stands left of the large red cow?", (0, 1), True),
        ("What stands left of the thing?", (0, 1), False),
        ("What stands left of the thing right of the cow?", (0, 1), False),  # the way back
        ("What stands left of the thing above the cow?", (0, 1, 2), True),
    ],
)
def test_kinds_that_were_never_drawn_are_told(text, visited, known):
    assert was_drawn(Answered(parse(text), "1", visited[:1], visited)) == known


def test_masks_of_several_things(scenes):
    scene = scenes[0]
    assert (things_mask(scene, (0, 2)) == scene.masks[0] | scene.masks[2]).all()
    assert not things_mask(scene, ()).any()
    assert ask(scene, f"Is there a {scene.kinds[0]}?").answer == "yes"


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
    with pytest.raises(ValueError, match="method is one of 'planted'; got 'LRP'"):
        least_on_visited(network, asked, methods={"planted": left_half})
