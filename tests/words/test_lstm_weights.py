from dataclasses import replace

import numpy as np
import pytest

from helpers.words.lstm import BidirectionalLSTM, LSTMWeights, read_lstm


def test_weights_are_read_where_keras_has_them():
    from helpers.words.sentiment import build_sentiment_model

    model = build_sentiment_model(9, embedding=4, units=3)
    found, both = read_lstm(model), model.get_layer("bidirectional")
    for way, layer in ((found.forward, both.forward_layer), (found.backward, both.backward_layer)):
        for got, wanted in zip((way.kernel, way.recurrent_kernel, way.bias), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(found.output_kernel, model.get_layer("score").get_weights()[0])
    assert found.output_bias.tolist() == [0]


def test_networks_that_the_equations_do_not_describe_are_refused():
    from helpers.course.backend import keras

    def model(lstm, name="score", **options):
        both = keras.layers.Bidirectional(lstm, name="bidirectional", **options)
        return keras.Sequential([keras.Input((None, 4)), both, keras.layers.Dense(1, name=name)])

    LSTM = keras.layers.LSTM
    for wrong, said in (
        (model(LSTM(3, activation="relu")), "activation = 'tanh'; got 'relu'"),
        (model(LSTM(3, return_sequences=True)), "return_sequences = False"),
        (model(LSTM(3), merge_mode="sum"), "merge_mode = 'concat'"),
        (model(keras.layers.GRU(3)), "Bidirectional LSTM"),
        (model(LSTM(3), name="out"), "no layer 'score'. Its layers: bidirectional, out"),
    ):
        with pytest.raises(ValueError, match=said):
            read_lstm(wrong)


def test_weights_that_do_not_fit_each_other_are_refused():
    one_way = LSTMWeights(np.zeros((4, 20)), np.zeros((5, 20)), np.zeros(20))
    network = BidirectionalLSTM(one_way, one_way, np.zeros((10, 3)), np.zeros(3))
    with pytest.raises(ValueError, match=r"output_kernel must have shape \(10, 3\)"):
        replace(network, output_kernel=network.output_kernel[1:])
    with pytest.raises(ValueError, match=r"backward.bias must have shape \(20,\)"):
        replace(network, backward=replace(network.backward, bias=np.zeros(5)))
