from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.words.lstm import BidirectionalLSTM, LSTMWeights, lstm_relevance, lstm_scores, read_lstm

REFERENCE = Path(__file__).parent / "data" / "lstm_lrp_reference.npz"


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
    """The reference network with an output bias, its sentences, and what is explained."""
    network = replace(network_of(reference), output_bias=np.array([0.3, -0.2, 0.1]))
    return network, reference["embeddings"][reference["words"]], np.eye(3)[reference["target"]]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("epsilon", ["0.001", "1e-06"])
@pytest.mark.parametrize("share", [0, 1])
def test_equal_to_the_published_implementation(reference, dtype, epsilon, share):
    embedded = reference["embeddings"][reference["words"]].astype(dtype)
    weights = np.eye(3)[reference["target"]]
    found = lstm_relevance(
        network_of(reference, dtype), embedded, weights, epsilon=float(epsilon), share_bias=bool(share)
    )
    assert found.relevance.dtype == dtype
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(found.scores, reference["logits"], rtol=0, atol=tolerance)
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
    network, embedded, weights = biased
    one, other = (lstm_relevance(network, embedded, part).relevance for part in (weights, 1 - weights))
    both = lstm_relevance(network, embedded, 2 * weights - 0.5 * (1 - weights)).relevance
    np.testing.assert_allclose(both, 2 * one - 0.5 * other, atol=1e-13)


@pytest.mark.parametrize("share", [False, True])
def test_padding_anywhere_changes_nothing_and_gets_nothing(biased, share):
    network, embedded, weights = biased
    alone = lstm_relevance(network, embedded, weights, share_bias=share)
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
    network, embedded, weights = biased
    swapped = BidirectionalLSTM(
        network.backward, network.forward, np.roll(network.output_kernel, 5, axis=0), network.output_bias
    )
    found, turned = lstm_relevance(*biased), lstm_relevance(swapped, embedded[:, ::-1], weights)
    np.testing.assert_allclose(turned.relevance[:, ::-1], found.relevance, atol=1e-13)


def test_without_recurrence_and_biases_a_single_word_gets_the_whole_score(biased):
    network, embedded, weights = biased
    plain = replace(network, output_bias=np.zeros(3))
    parts = {
        way: replace(getattr(plain, way), recurrent_kernel=np.zeros((5, 20)), bias=np.zeros(20))
        for way in ("forward", "backward")
    }
    found = lstm_relevance(replace(plain, **parts), embedded[:, :1], weights, epsilon=1e-12, share_bias=False)
    np.testing.assert_allclose(found.words[:, 0], found.start, rtol=1e-6)


def test_zero_embeddings_and_no_word_at_all_are_finite(biased):
    network, embedded, weights = biased
    zero = lstm_relevance(network, 0 * embedded, weights, share_bias=False)
    assert not zero.relevance.any()
    empty = lstm_relevance(network, embedded, weights, np.zeros(embedded.shape[:2], bool))
    assert not empty.relevance.any()
    np.testing.assert_allclose(empty.scores, np.tile(network.output_bias, (6, 1)))
    np.testing.assert_allclose(empty.rest, empty.start)


def test_scores_are_those_of_keras_with_padding(reference, biased):
    from helpers.course.backend import keras

    network, embedded, _ = biased
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


def test_errors_say_what_is_wanted(biased):
    network, embedded, weights = biased
    for arguments, options, said in (
        ((embedded[0], weights), {}, r"\(N, T, 4\); got \(7, 4\)"),
        ((embedded[:0], weights), {}, "embedded sentences"),
        ((embedded * np.nan, weights), {}, "NaN"),
        ((embedded, weights[:, :1]), {}, r"shape \(6, 3\); got \(6, 1\)"),
        ((embedded, weights, np.ones((6, 7))), {}, "as bool"),
        ((embedded, weights), {"epsilon": 0}, "larger than zero"),
        ((embedded, weights), {"epsilon": float("nan")}, "larger than zero"),
    ):
        with pytest.raises(ValueError, match=said):
            lstm_relevance(network, *arguments, **options)
