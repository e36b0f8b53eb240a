"""One question, answered and explained."""

import numpy as np
import pytest
from question_fakes import FakeNetwork, always, left_half, wordless

from helpers.questions.draws import draw_questions
from helpers.questions.explained import explain_question, things_mask, was_drawn
from helpers.questions.language import Answered, ask, parse
from helpers.questions.scenes import draw_scenes

METHODS = {"planted": left_half, "wordless": wordless}


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(40, seed=77)


@pytest.fixture(scope="module")
def drawn(scenes):
    return draw_questions(scenes, 12, seed=77)


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
    assert explained.points_at_needed == mask[0, 0]
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
    assert not explained.points_at_needed
    assert not explained.needed.any()


@pytest.mark.parametrize(
    ("question", "method", "answer", "message"),
    [
        ("What colour is the zebra?", "planted", None, "'zebra'.*You can ask: What colour is the large cow"),
        ("Where is the cow?", "planted", None, "You can ask"),
        ("Is there a cow?", "magic", None, "'magic'.*planted, wordless"),
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
