from dataclasses import replace

import numpy as np
import pytest

from helpers.words.lstm import lstm_relevance, read_lstm
from helpers.words.scores import (
    METHODS,
    embedded_words,
    explain_sentence,
    gradient_times_input_words,
    gradient_words,
    leave_out_words,
    lrp_words,
    score_without,
)
from helpers.words.sentiment import SentimentNetwork, build_sentiment_model, sentiment_logits
from helpers.words.text import PADDING, Vocabulary, encode

TEXTS = ["a good film .", "it is not a bad film !", "good", "strange film , bad bad film"]


@pytest.fixture(scope="module")
def network():
    """A small network whose weights are all random and large enough to bend every tanh."""
    words = Vocabulary(("a", "good", "film", ".", "it", "is", "not", "bad", "!", ","))
    model = build_sentiment_model(len(words), embedding=4, units=3)
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.7, weight.shape) for weight in model.get_weights()])
    return SentimentNetwork(model, words)


@pytest.fixture(scope="module")
def words(network):
    return encode(network.vocabulary, TEXTS)


def everything(words):
    return np.ones(words.shape, bool)


def relevance(network, words, **options):
    """LRP with all that it finds, the padding of all sentences taken along."""
    embedded, side = embedded_words(network, words), np.ones((len(words), 1), np.float32)
    return lstm_relevance(read_lstm(network.model), embedded, side, words != PADDING, **options)


@pytest.mark.parametrize("method", METHODS.values())
def test_one_calling_form_and_nothing_for_padding(network, words, method):
    scores = method(network, words)
    assert scores.shape == words.shape
    assert np.isfinite(scores).all()
    assert not scores[words == PADDING].any()
    assert np.abs(scores[words != PADDING]).min() > 0


@pytest.mark.parametrize("method", METHODS.values())
def test_a_sentence_alone_gets_the_scores_it_gets_in_a_batch(network, words, method):
    together = method(network, words)
    for row, text in enumerate(TEXTS):
        alone = method(network, encode(network.vocabulary, [text]))[0]
        np.testing.assert_allclose(together[row, : len(alone)], alone, atol=2e-6)


@pytest.mark.parametrize("name", METHODS)
def test_the_other_side_gets_the_negative_but_for_the_unsigned_gradient(network, words, name):
    sides = np.array([1, -1, -1, 1])
    scores, turned = METHODS[name](network, words), METHODS[name](network, words, sides)
    wanted = scores if name == "gradient" else scores * sides[:, np.newaxis]
    np.testing.assert_allclose(turned, wanted, atol=1e-6)


def test_relevances_and_rest_sum_to_the_logit(network, words):
    found = relevance(network, words)
    np.testing.assert_allclose(found.start, sentiment_logits(network, TEXTS), atol=1e-6)
    np.testing.assert_allclose(lrp_words(network, words).sum(axis=1) + found.rest, found.start, atol=1e-5)
    np.testing.assert_allclose(lrp_words(network, words), found.words, atol=1e-6)


def test_gradients_are_those_of_finite_differences(network, words):
    embedding = network.model.get_layer("embedding")
    before = embedding.get_weights()[0]
    gradient, times_input = gradient_words(network, words), gradient_times_input_words(network, words)
    row, place, step = 0, 1, 1e-2  # "good" stands there once
    found = np.zeros(4)
    try:
        for component in range(4):
            scores = []
            for sign in (1, -1):
                moved = before.copy()
                moved[words[row, place], component] += sign * step
                embedding.set_weights([moved])
                scores.append(score_without(network, words[:1], everything(words[:1]))[0])
            found[component] = (scores[0] - scores[1]) / (2 * step)
    finally:
        embedding.set_weights([before])
    assert gradient[row, place] == pytest.approx((found**2).sum(), rel=0.01)
    assert times_input[row, place] == pytest.approx(found @ before[words[row, place]], rel=0.01, abs=1e-3)


def test_leaving_out_is_the_fall_of_the_score(network, words):
    scores = leave_out_words(network, words)
    full = score_without(network, words, everything(words))
    for place in range(4):
        kept = everything(words[:1])
        kept[0, place] = False
        fall = full[0] - score_without(network, words[:1], kept)[0]
        assert scores[0, place] == pytest.approx(fall, abs=1e-6)


def test_a_planted_word_is_found_by_every_signed_method(network):
    """All embeddings are zero but that of "bad": no other word can make up the score."""
    model = build_sentiment_model(len(network.vocabulary), embedding=4, units=3)
    model.set_weights(network.model.get_weights())
    planted = np.zeros((len(network.vocabulary), 4))
    planted[2 + network.vocabulary.words.index("bad")] = 1.5
    model.get_layer("embedding").set_weights([planted])
    only = replace(network, model=model)
    words = encode(only.vocabulary, ["a bad film"])
    lrp = relevance(only, words, share_bias=False).words
    for scores in (lrp, gradient_times_input_words(only, words), leave_out_words(only, words)):
        np.testing.assert_allclose(scores[0, [0, 2]], 0, atol=1e-6)
        assert abs(scores[0, 1]) > 1e-3


def test_a_typed_sentence_is_explained_word_by_word(network):
    found = explain_sentence(network, "It's GOOD!")
    assert found.words == ("it", "'s", "good", "!")
    assert found.known.tolist() == [True, False, True, True]
    assert found.logit == pytest.approx(sentiment_logits(network, ["It's GOOD!"])[0], abs=1e-6)
    np.testing.assert_allclose(found.scores, lrp_words(network, encode(network.vocabulary, ["it 's good !"]))[0])
    assert explain_sentence(network, "good", "gradient").method == "gradient"


def test_errors_say_what_is_wanted(network, words):
    for call, said in (
        (lambda: explain_sentence(network, "good", "magic"), "'LRP', 'gradient x input'"),
        (lambda: explain_sentence(network, ""), "no word"),
        (lambda: explain_sentence(network, "zorblax"), "knows none of these words: zorblax"),
        (lambda: lrp_words(network, words[0]), r"\(N, T\)"),
        (lambda: lrp_words(network, words[:0]), r"\(N, T\)"),
        (lambda: lrp_words(network, words + 100), "vocabulary has the numbers 0 to 11"),
        (lambda: lrp_words(network, words, 0), "1 .positive. or -1"),
        (lambda: gradient_words(network, words, [1, -1]), "each of 4 sentences"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
