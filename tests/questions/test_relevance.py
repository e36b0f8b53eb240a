"""Relevance of pixels and words: exact identities on the trained network."""

import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.lrp.explanation import explain
from helpers.lrp.rules import Composite
from helpers.questions.draws import draw_questions
from helpers.questions.network import question_network
from helpers.questions.relevance import (
    METHODS,
    behind_the_reading,
    integrated_gradients_question,
    lrp_question,
    question_rules,
)
from helpers.questions.scenes import draw_scenes
from helpers.words.lstm import read_lstm, relevance_from_states

COUNT = 6


@pytest.fixture(scope="module")
def network():
    return question_network()


@pytest.fixture(scope="module")
def asked(network):
    """Preprocessed pictures, word numbers of questions of different length, answers given."""
    scenes = draw_scenes(COUNT, seed=8)
    inputs = network.preprocess(scenes.pictures)
    words = network.encode([questions[0].question for questions in draw_questions(scenes, 1, seed=8)])
    return inputs, words, network.logits(inputs, words).argmax(axis=1)


@pytest.fixture(scope="module")
def explained(network, asked):
    """The relevance at every layer and the ledger, from the answer down to the picture and the states of the LSTM;
    relevance of the embeddings; the rest at the initial states."""
    inputs, words, target = asked
    read = keras.Model(network.reasoning.inputs[1], network.reasoning.get_layer("bidirectional").output)
    found = explain(behind_the_reading(network), [inputs, np.asarray(read(words))], target, question_rules())
    embedded = np.asarray(network.reasoning.get_layer("embedding")(words))
    lstm = read_lstm(network.reasoning, output=None)
    return found, *relevance_from_states(lstm, embedded, found.relevance[1], words > 0)


def relative(found, wanted):
    return np.abs(np.asarray(found) - wanted).max() / np.abs(wanted).max()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_the_same_form(network, asked, name):
    inputs, words, target = asked
    found = METHODS[name](network, inputs, words, target)
    assert found.pixels.shape == (COUNT, 96, 96)
    assert np.isfinite(found.pixels).all()
    if name == "Grad-CAM":
        assert found.words is None
        return
    assert found.words.shape == words.shape
    assert (found.words[words == 0] == 0).all()
    assert (found.words[words > 0] != 0).all()


def test_lrp_is_what_reaches_pixels_and_embeddings(network, asked, explained):
    found, at_words, _ = explained
    lrp = lrp_question(network, *asked)
    assert relative(lrp.pixels, found.relevance[0].sum(axis=-1)) < 1e-3
    assert relative(lrp.words, at_words.sum(axis=-1)) < 1e-3


@pytest.mark.parametrize("name", METHODS)
def test_one_at_a_time_and_all_at_once_agree(network, asked, name):
    inputs, words, target = asked
    together = METHODS[name](network, inputs, words, target)
    for n in (0, COUNT - 1):
        alone = METHODS[name](network, inputs[n : n + 1], words[n : n + 1], int(target[n]))
        assert relative(alone.pixels[0], together.pixels[n]) < 5e-3
        if alone.words is not None:
            assert relative(alone.words[0], together.words[n]) < 5e-3


def test_every_layer_hands_on_what_arrives_but_for_what_it_absorbs(explained):
    for row in explained[0].ledger:
        scale = np.abs(row.arriving).max() + 1
        np.testing.assert_allclose(row.arriving, row.handed_on + row.absorbed, atol=1e-4 * scale, err_msg=row.layer)


def test_from_the_answer_to_pixels_and_words_nothing_is_lost_unseen(explained):
    """Logit = pixels + embeddings + rest at the initial states + what the ledger says was absorbed."""
    found, at_words, rest = explained
    absorbed = sum(row.absorbed for row in found.ledger)
    total = found.relevance[0].sum(axis=(1, 2, 3)) + at_words.sum(axis=(1, 2)) + rest + absorbed
    np.testing.assert_allclose(total, found.start.sum(axis=1), rtol=1e-3)


def test_the_lstm_hands_on_all_that_reaches_its_states(explained):
    found, at_words, rest = explained
    np.testing.assert_allclose(at_words.sum(axis=(1, 2)) + rest, found.relevance[1].sum(axis=1), rtol=1e-3, atol=1e-3)


def test_where_words_steer_the_picture_the_signal_takes_all_and_the_shift_its_share(network, explained):
    layers = explained[0].layers
    for name in ("block1_select", "block3_combine", "block5_combine"):
        steering = layers[f"behind/{name}_words"]
        channels = steering.shape[1] // 2
        assert (steering[:, :channels] == 0).all()
        assert np.abs(steering[:, channels:]).sum() > 0
        at_shift, at_sum = layers[f"behind/{name}_shift"], layers[f"behind/{name}_film"]
        np.testing.assert_allclose(at_shift.sum(axis=(1, 2)), steering[:, channels:], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layers[f"behind/{name}"], layers[f"behind/{name}_scale"], rtol=1e-6)
        np.testing.assert_allclose(
            at_sum.sum(axis=(1, 2, 3)),
            (at_shift + layers[f"behind/{name}_scale"]).sum(axis=(1, 2, 3)),
            rtol=1e-3,
            atol=1e-3,
        )


def test_lrp_0_is_gradient_times_input_at_the_pixels(network, asked):
    """All activations there are ReLUs, and a signal that takes all of a product gets what its derivative gives it."""
    found = lrp_question(network, *asked, Composite("LRP-0", ()))
    wanted = METHODS["gradient x input"](network, *asked)
    assert relative(found.pixels, wanted.pixels) < 0.01
    assert relative(found.words, wanted.words) > 0.05  # the gates' share, which the LSTM rule takes from the words


def test_the_gradient_is_the_slope(network, asked):
    inputs, words, target = asked
    times_input = METHODS["gradient x input"](network, inputs, words, target)
    step, rows = np.float32(2e-3), np.arange(COUNT)
    more, less = (network.logits(inputs * (1 + s), words)[rows, target] for s in (step, -step))
    slope = (more - less) / (2 * step)  # a few ReLUs change sides on the way
    assert relative(times_input.pixels.sum(axis=(1, 2)), slope) < 0.1


def test_integrated_gradients_of_pixels_and_words_sum_to_the_difference(network, asked):
    inputs, words, target = (each[:2] for each in asked)
    rows = np.arange(len(target))
    found = integrated_gradients_question(network, inputs, words, target, steps=256)
    whole = behind_the_reading(network)
    nothing_read = network.reasoning.get_layer("bidirectional")(
        np.zeros((*words.shape, 32), np.float32), mask=words > 0
    )
    before = np.asarray(whole([np.zeros_like(inputs), np.asarray(nothing_read)]))[rows, target]
    total = found.pixels.sum(axis=(1, 2)) + found.words.sum(axis=1)
    gained = network.logits(inputs, words)[rows, target] - before
    np.testing.assert_allclose(total, gained, rtol=0.06)  # a path through relus: 256 steps leave one per cent or two


def test_a_difference_of_answers_is_the_difference_of_the_relevances_under_a_linear_rule(network, asked):
    """LRP-0 is linear in the target: why yes and not no."""
    inputs, words, _ = asked
    rule, classes = Composite("LRP-0", ()), len(network.labels)
    yes, no = network.class_index("yes"), network.class_index("no")
    weights = np.zeros((COUNT, classes), np.float32)
    weights[:, yes], weights[:, no] = 1, -1
    both = [lrp_question(network, inputs, words, answer, rule).pixels for answer in (yes, no)]
    assert relative(lrp_question(network, inputs, words, weights, rule).pixels, both[0] - both[1]) < 5e-3


def test_relevance_lies_on_what_is_asked_for(network):
    """Two questions on one picture: each map lies on its own thing."""
    scenes, pairs = draw_scenes(40, seed=12), []
    for number, questions in enumerate(draw_questions(scenes, 2, seed=12, forms=("colour",))):
        masks = [np.isin(scenes.owners[number], one.needed) for one in questions]
        if len(masks) == 2 and not (masks[0] & masks[1]).any():
            pairs += [(number, questions[n], masks[n], masks[1 - n]) for n in range(2)]
    numbers, questions, own, other = zip(*pairs, strict=True)
    target = [network.class_index(one.answer) for one in questions]
    inputs = network.preprocess(scenes.pictures[list(numbers)])
    found = lrp_question(network, inputs, network.encode([one.question for one in questions]), target)
    positive = np.maximum(found.pixels, 0) / np.maximum(found.pixels, 0).sum(axis=(1, 2), keepdims=True)
    assert len(pairs) > 30
    assert (positive * own).sum(axis=(1, 2)).mean() > 0.5
    assert (positive * other).sum(axis=(1, 2)).mean() < 0.15


def test_the_rules_are_as_described():
    rules = question_rules()
    names = {rule.name for _, rule in rules.rules}
    assert rules.name == "EpsilonGammaFlat"
    assert any("gamma" in name for name in names)
    assert any("flat" in name for name in names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, w, t: (x[:2], w, t), "same number of rows; got 2, 6"),
        (lambda x, w, t: (x, w.astype(float), t), "whole numbers"),
        (lambda x, w, t: (x, w + 200, t), "whole numbers from 0 to"),
        (lambda x, w, t: (x, w[0], t), "whole numbers"),
        (lambda x, w, t: (x[..., 0], w, t), "takes a batch"),
        (lambda x, w, t: (x * np.nan, w, t), "NaN"),
        (lambda x, w, t: (x, w, 999), "numbered 0 to"),
        (lambda x, w, t: (x, w[:, :3], t), "shape"),
        (lambda x, w, t: (x[:0], w[:0], t[:0]), "empty"),
    ],
)
@pytest.mark.parametrize("name", ["LRP", "gradient", "Grad-CAM"])
def test_wrong_input_is_refused(network, asked, change, message, name):
    with pytest.raises(ValueError, match=message):
        METHODS[name](network, *change(*asked))


def test_integrated_gradients_need_a_step(network, asked):
    with pytest.raises(ValueError, match="steps is a whole number from 1 to 1000; got steps=0"):
        integrated_gradients_question(network, *asked, steps=0)
