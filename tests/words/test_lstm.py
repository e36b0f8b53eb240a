from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.words.lstm import (
    BidirectionalLSTM,
    LSTMWeights,
    lstm_relevance,
    lstm_scores,
    read_lstm,
    relevance_from_states,
)
from helpers.words.sentiment import build_sentiment_model

REFERENCE = Path(__file__).parents[1] / "data" / "lstm_lrp_reference.npz"


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE, allow_pickle=False) as arrays:
        return dict(arrays)


def network_of(reference, dtype=np.float64):
    parts = [
        LSTMWeights(*(reference[f"{way}_{part}"].astype(dtype) for part in ("kernel", "recurrent_kernel", "bias")))
        for way in ("forward", "backward")
    ]
    return BidirectionalLSTM(*parts, reference["dense_kernel"].astype(dtype), np.zeros(3, dtype))


@pytest.fixture(scope="module")
def biased(reference):
    """The reference network with an output bias, its sentences, what is explained, and where there are words."""
    network = replace(network_of(reference), output_bias=np.array([0.3, -0.2, 0.1]))
    embedded = reference["embeddings"][reference["words"]]
    return network, embedded, np.eye(3)[reference["target"]], np.ones(embedded.shape[:2], bool)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("epsilon", ["0.001", "1e-06"])
@pytest.mark.parametrize("share", [0, 1])
def test_equal_to_the_published_implementation(reference, dtype, epsilon, share):
    embedded = reference["embeddings"][reference["words"]].astype(dtype)
    weights, present = np.eye(3, dtype=dtype)[reference["target"]], np.ones(embedded.shape[:2], bool)
    found = lstm_relevance(
        network_of(reference, dtype), embedded, weights, present, epsilon=float(epsilon), share_bias=bool(share)
    )
    assert found.relevance.dtype == dtype
    np.testing.assert_allclose(found.scores, reference["logits"], rtol=0, atol=1e-9 if dtype == np.float64 else 1e-4)
    tolerance = 1e-9 if dtype == np.float64 else 5e-4  # divided by what is as small as epsilon, rounding grows
    for name, got in (("R", found.relevance), ("rest", found.rest)):
        wanted = reference[f"{name}_eps{epsilon}_bias{share}"]
        largest = np.abs(reference[f"R_eps{epsilon}_bias{share}"]).max()
        assert np.abs(got - wanted).max() <= tolerance * largest


def test_every_array_of_the_reference_is_used(reference):
    cases = {f"{name}_eps{eps}_bias{b}" for name in ("R", "rest") for eps in ("0.001", "1e-06") for b in (0, 1)}
    assert {key for key in reference if key.startswith(("R_", "rest_"))} == cases


@pytest.mark.parametrize("epsilon", [1e-6, 0.001, 0.5])
def test_relevance_is_conserved_exactly_with_the_bias_shared_out(biased, epsilon):
    found = lstm_relevance(*biased, epsilon=epsilon)
    np.testing.assert_allclose(found.words.sum(axis=1) + found.rest, found.start, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(found.start, (found.scores * biased[2]).sum(axis=1))
    lost = lstm_relevance(*biased, epsilon=epsilon, share_bias=False)
    assert np.abs(lost.words.sum(axis=1) + lost.rest - lost.start).max() > 0.01
    assert not lost.rest.any()  # the initial states are zero and make up nothing


def test_relevance_is_linear_in_what_is_explained(biased):
    network, embedded, weights, present = biased
    one, other = (lstm_relevance(network, embedded, part, present).relevance for part in (weights, 1 - weights))
    both = lstm_relevance(network, embedded, 2 * weights - 0.5 * (1 - weights), present).relevance
    np.testing.assert_allclose(both, 2 * one - 0.5 * other, atol=1e-13)


@pytest.mark.parametrize("share", [False, True])
def test_padding_anywhere_changes_nothing_and_gets_nothing(biased, share):
    network, embedded, weights, _ = biased
    alone = lstm_relevance(*biased, share_bias=share)
    places = [1, 2, 4, 5, 6, 8, 9]
    padded = np.full((len(embedded), 12, 4), 7.0)
    present = np.zeros(padded.shape[:2], bool)
    padded[:, places], present[:, places] = embedded, True
    found = lstm_relevance(network, padded, weights, present, share_bias=share)
    np.testing.assert_allclose(found.scores, alone.scores, atol=1e-14)
    np.testing.assert_allclose(found.relevance[:, places], alone.relevance, atol=1e-14)
    np.testing.assert_allclose(found.rest, alone.rest, atol=1e-14)
    assert not found.relevance[~present].any()


def test_a_sentence_turned_round_with_its_directions_swapped_is_the_same(biased):
    network, embedded, weights, present = biased
    swapped = BidirectionalLSTM(
        network.backward, network.forward, np.roll(network.output_kernel, 5, axis=0), network.output_bias
    )
    found, turned = lstm_relevance(*biased), lstm_relevance(swapped, embedded[:, ::-1], weights, present)
    np.testing.assert_allclose(turned.relevance[:, ::-1], found.relevance, atol=1e-13)


def test_without_recurrence_and_biases_a_single_word_gets_the_whole_score(biased):
    network, embedded, weights, present = biased
    plain = replace(network, output_bias=np.zeros(3))
    parts = {
        way: replace(getattr(plain, way), recurrent_kernel=np.zeros((5, 20)), bias=np.zeros(20))
        for way in ("forward", "backward")
    }
    plain = replace(plain, **parts)
    found = lstm_relevance(plain, embedded[:, :1], weights, present[:, :1], epsilon=1e-12, share_bias=False)
    np.testing.assert_allclose(found.words[:, 0], found.start, rtol=1e-6)


def test_zero_embeddings_and_no_word_at_all_are_finite(biased):
    network, embedded, weights, present = biased
    zero = lstm_relevance(network, 0 * embedded, weights, present, share_bias=False)
    assert not zero.relevance.any()
    empty = lstm_relevance(network, embedded, weights, ~present)
    assert not empty.relevance.any()
    np.testing.assert_allclose(empty.scores, np.tile(network.output_bias, (6, 1)))
    np.testing.assert_allclose(empty.rest, empty.start)


def test_relevance_of_the_states_goes_on_as_that_of_the_scores_does(biased):
    """With zero kernels but for one state, that state gets the whole relevance of a score."""
    network, embedded, _, present = biased
    only = replace(network, output_kernel=np.eye(10)[:, [3]], output_bias=np.zeros(1))
    whole = lstm_relevance(only, embedded, np.ones((6, 1)), present, share_bias=True)
    state = lstm_scores(only, embedded, present)
    stabiliser = np.where(state >= 0, 0.001, -0.001)
    at_states = np.eye(10)[[3] * 6] * state**2 / (state + stabiliser) + stabiliser * state / (state + stabiliser) / 10
    relevance, rest = relevance_from_states(network, embedded, at_states, present)
    np.testing.assert_allclose(relevance, whole.relevance, atol=1e-13)
    np.testing.assert_allclose(rest, whole.rest, atol=1e-13)


def test_scores_are_those_of_keras_with_padding(biased):
    network, embedded, _, _ = biased
    inputs = keras.Input((None, 4), dtype="float64")
    layer = keras.layers.Bidirectional(keras.layers.LSTM(5, dtype="float64"), name="bidirectional", dtype="float64")
    masked = keras.layers.Masking(dtype="float64")(inputs)
    output = keras.layers.Dense(3, name="score", dtype="float64")(layer(masked))
    model = keras.Model(inputs, output)
    layer.set_weights([getattr(way, p) for way in (network.forward, network.backward) for p in way.__annotations__])
    model.get_layer("score").set_weights([network.output_kernel, network.output_bias])
    padded = np.concatenate([embedded, np.zeros((6, 3, 4))], axis=1)
    present = np.broadcast_to(np.arange(10) < 7, (6, 10))
    read = read_lstm(model)
    np.testing.assert_allclose(lstm_scores(read, padded, present), model(padded), atol=1e-14)
    np.testing.assert_array_equal(read.output_bias, network.output_bias)


def test_weights_are_read_where_keras_has_them():
    model = build_sentiment_model(9, embedding=4, units=3)
    found, both = read_lstm(model), model.get_layer("bidirectional")
    for way, layer in ((found.forward, both.forward_layer), (found.backward, both.backward_layer)):
        for got, wanted in zip((way.kernel, way.recurrent_kernel, way.bias), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(found.output_kernel, model.get_layer("score").get_weights()[0])
    assert found.output_bias.tolist() == [0]
