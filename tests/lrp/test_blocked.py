"""What cannot be explained is named in one sentence, everywhere in the same words; rules that match nothing too."""

import re

import numpy as np
import pytest
from lrp_networks import convolutional, draw, layers, model_of, pictures

from helpers.course.backend import keras, tf
from helpers.lrp import rules
from helpers.lrp.explanation import explain, lrp
from helpers.lrp.gradients import deconvnet, guided_backpropagation
from helpers.lrp.support import can_explain
from helpers.vgg16.half_dense import HalfPrecisionDense

ops = keras.ops


class Doubled(keras.layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


class OfMyOwn(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


def with_layer(layer, shape=(6, 4)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layer(layers.Dense(4)(inputs)))))


BLOCKED = {
    "a function": (layers.Lambda(lambda x: x + 1, output_shape=(6, 4), name="odd"), "(Lambda): nobody can look into"),
    "a subclass": (Doubled(4, name="odd"), "(Doubled): it is a Dense with a call of its own"),
    "a layer of one's own": (OfMyOwn(name="odd"), "(OfMyOwn): it has a call of its own; give its class an attribute"),
    "another layer of Keras": (
        layers.TimeDistributed(layers.Dense(3), name="odd"),
        "(TimeDistributed): no rule is known",
    ),
    "activation": (
        layers.Dense(4, activation=lambda x: x, name="odd"),
        "(Dense): its activation '<lambda>' is not one",
    ),
    "given states": (
        lambda x: layers.LSTM(2, name="odd")(x, initial_state=[x[:, 0, :2], x[:, 1, :2]]),
        "(LSTM): it starts from given states",
    ),
    "a second output": (
        lambda x: layers.LSTM(2, return_state=True, name="odd")(x)[2],
        "'odd:2' (LSTM): only its first output",
    ),
    "an operation": (lambda x: ops.cumsum(x, axis=1), "(Cumsum): no rule is known for this operation"),
    "a mixture of examples": (
        lambda x: x - ops.mean(x, axis=0, keepdims=True),
        "(Mean): it mixes the examples of a batch",
    ),
    "lengths": (lambda x: layers.Dot(axes=2, normalize=True, name="odd")([x, x]), "(Dot): it divides by lengths"),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_a_blocked_layer_is_named_in_the_same_words_everywhere(name):
    layer, words = BLOCKED[name]
    model, x = with_layer(layer), np.zeros((1, 6, 4), np.float32)
    said = set()
    for method in (lrp, explain, guided_backpropagation, deconvnet):
        with pytest.raises(ValueError, match=re.escape(words)) as caught:
            method(model, x, 0)
        said.add(str(caught.value))
    (sentence,) = said
    assert sentence.startswith("Relevance cannot pass layer")
    assert sentence.count(". ") == 0
    assert sentence.endswith(".")
    table = can_explain(model)
    assert sentence.split(": ", 1)[1].rstrip(".") in table
    assert table.splitlines()[-1] == f"Relevance cannot pass 1 of its {len(layers_of(table))} layers."


def twice(function):
    return lambda x: function(function(x))


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: ops.reshape(layers.Dense(3)(ops.reshape(x, (-1, 4))), (-1, 6, 3)),
        lambda x: ops.reshape(x, (1, 6, 4)),
        twice(ops.transpose),
        twice(lambda x: ops.swapaxes(x, 0, -1)),
        twice(lambda x: ops.moveaxis(x, 1, 0)),
        lambda x: ops.take(x, [0, 0], axis=0),
        lambda x: x[::-1, :],
        lambda x: x[:1, :],
        lambda x: ops.repeat(x, 2, axis=-3),
        lambda x: ops.concatenate([x, x], axis=-3),
        lambda x: ops.concatenate([x[:, 0], x[:, 1]], axis=-2),
        lambda x: ops.flip(x, axis=-3),
        lambda x: ops.roll(x, 1),
        lambda x: ops.softmax(x, axis=-3),
        layers.Softmax(axis=0),
        layers.Concatenate(axis=-3),
        lambda x: x[:, 0, :1] + np.ones((3, 4), np.float32),
    ],
)
def test_what_mixes_the_examples_of_a_batch_is_refused(operation):
    build = (lambda x: operation([x, x])) if isinstance(operation, layers.Concatenate) else operation
    model, x = with_layer(build), np.zeros((3, 6, 4), np.float32)
    for method in (lrp, guided_backpropagation):
        with pytest.raises(ValueError, match="it mixes the examples of a batch; let it leave the first axis"):
            method(model, x, 0)
    assert "blocked: it mixes the examples of a batch" in can_explain(model)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: ops.reshape(x, (-1, 24)),
        lambda x: ops.transpose(x, (0, 2, 1)),
        lambda x: ops.take(x, [0, 2], axis=-2),
        lambda x: ops.flip(x, axis=-2)[:, ::-1],
        lambda x: ops.repeat(ops.roll(x, 1, axis=1), 2, axis=-1),
        lambda x: ops.stack([x, x], axis=-3),
        lambda x: ops.concatenate([x[:, 0], x[:, 1]], axis=-1),
        lambda x: ops.squeeze(ops.split(x, 6, axis=1)[2], axis=1),
        lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 0))) * np.ones((8, 1), np.float32),
    ],
)
def test_what_moves_values_within_an_example_is_not(operation):
    assert can_explain(with_layer(operation)).splitlines()[-1].startswith("Relevance can pass all")


def test_a_quantised_part_blocks_like_a_quantised_layer():
    model, x = with_layer(lambda x: layers.MultiHeadAttention(2, 3, name="odd")(x, x)), np.zeros((1, 6, 4), np.float32)
    model.get_layer("odd")._value_dense.quantize("int8")
    for method in (lrp, guided_backpropagation):
        with pytest.raises(ValueError, match=r"'odd' \(MultiHeadAttention\): it is quantised \(int8\)"):
            method(model, x, 0)
    assert "blocked: it is quantised (int8)" in can_explain(model)


class Net(keras.Model):
    def __init__(self):
        super().__init__(name="net")
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_model_with_a_call_of_its_own_inside_another():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Net()(inputs))
    for method in (can_explain, lambda model: lrp(model, np.ones((1, 4)), 0)):
        with pytest.raises(ValueError, match="Model 'net' is a Net with a call of its own, so it has no graph"):
            method(model)


class Wrong(OfMyOwn):
    """It says that it is a dense layer, and leaves out half of what it computes."""

    relevance, bias, activation = "dense", None, None

    def call(self, inputs):
        return 2 * inputs

    def product(self, x, change, transposed=False):
        return x


def test_a_model_that_computes_something_else_than_its_steps_is_refused():
    """Its own layer is wrong, or Keras gives a mask to one of two calls of a layer."""
    words = keras.Input((6,), dtype="int32")
    read, attention = layers.Embedding(7, 4, mask_zero=True)(words), layers.MultiHeadAttention(2, 3)
    both = layers.Concatenate()([attention(read, read), attention(*[ops.sin(read)] * 2)])
    masked = draw(keras.Model(words, layers.Dense(3)(layers.Flatten()(both))))
    for model, x in ((with_layer(Wrong()), pictures(2, (6, 4))), (masked, [[1, 2, 3, 0, 0, 0]])):
        with pytest.raises(ValueError, match="computes other scores than its layers one by one"):
            lrp(model, x, 0)
    found = explain(masked, [[1, 2, 3, 4, 5, 6]], 0)  # here the mask hides nothing
    assert np.allclose(found.logits, masked(np.array([[1, 2, 3, 4, 5, 6]])), atol=1e-5)


def layers_of(table):
    """One entry for every layer that a table counts or names."""
    found = []
    for line in table.splitlines()[1:-1]:
        first = line.split()[0]
        found += [line] * (int(first) if first.isdigit() else 1)
    return found


def test_what_is_not_blocked_is_counted_by_kind():
    found = can_explain(convolutional()).splitlines()
    assert found[0].split() == ["layers", "kind", "relevance"]
    assert found[1].split()[:2] == ["2", "Conv2D"]
    assert found[-1] == "Relevance can pass all of its 6 layers."
    softmax = model_of((4,), layers.Dense(3, activation="softmax", name="last"))
    assert can_explain(softmax).endswith("It ends in probabilities (layer 'last'): explain without_softmax(model).")
    own = model_of((4,), HalfPrecisionDense(3))
    assert "as its class says: dense" in can_explain(own)
    for not_one in (None, "VGG16"):
        with pytest.raises(ValueError, match="a Keras model"):
            can_explain(not_one)


def test_activations_of_tensorflow_and_keras_ops_are_those_of_keras():
    x = pictures(2, (5,)).astype(np.float32)
    for function in (tf.nn.relu, tf.tanh, tf.math.sigmoid, ops.elu, tf.nn.silu):
        model = model_of((5,), layers.Dense(4, activation=function), layers.Dense(3))
        twin = model_of((5,), layers.Dense(4, activation=function.__name__), layers.Dense(3))
        assert np.allclose(lrp(model, x, 0), lrp(twin, x, 0), rtol=1e-4, atol=1e-6)


# rules that match nothing


@pytest.mark.parametrize(
    ("layers_of_rule", "said"),
    [
        ("conv", "'conv'"),
        ("conv_1", "'conv_1'"),
        ("block*", "'block*'"),
        (keras.layers.DepthwiseConv2D, "DepthwiseConv2D"),
        ("pool1", "'pool1'"),
    ],
)
@pytest.mark.parametrize("otherwise", [False, True])
def test_a_rule_that_matches_nothing_is_refused(layers_of_rule, said, otherwise):
    pairs = [("conv1", rules.z_plus())] * otherwise + [(layers_of_rule, rules.flat())]
    with pytest.raises(ValueError, match=re.escape(f"The rule for {said} matches no layer")) as caught:
        lrp(convolutional(), pictures(), 0, pairs)
    assert "conv1, conv2, dense1, dense2" in str(caught.value)
    assert "FIRST, CONVOLUTION, DENSE" in str(caught.value)


def test_kinds_may_match_nothing_and_classes_reach_layers_of_half_precision():
    x = pictures(2, (6,)).astype(np.float32)
    half = model_of((6,), HalfPrecisionDense(5, "relu"), HalfPrecisionDense(3))
    for seed, layer in enumerate(half.layers):
        layer.draw_kernel(seed)
    by_class = lrp(half, x, 0, [(keras.layers.Dense, rules.z_plus())])
    assert np.array_equal(by_class, lrp(half, x, 0, [(rules.CONVOLUTION, rules.flat()), ("*", rules.z_plus())]))
    assert not np.array_equal(by_class, lrp(half, x, 0, []))


def test_a_rule_for_a_layer_holds_for_its_parts():
    inputs = keras.Input((8, 9, 3))
    x = layers.SeparableConv2D(4, 3, name="separable")(inputs)
    x = layers.Reshape((42, 4))(x)
    x = layers.MultiHeadAttention(1, 2, name="attention")(x, x)
    x = layers.Bidirectional(layers.LSTM(2), name="both")(x)
    model, pairs = keras.Model(inputs, layers.Dense(2)(x)), []
    for chosen in ("separable", keras.layers.MultiHeadAttention, "both"):
        pairs.append((chosen, rules.gamma(0.5, epsilon=0.01)))
    ledger = {row.layer: row.rule for row in explain(model, pictures(1).astype(np.float32), 0, pairs).ledger}
    for name in ("separable/depthwise", "separable", "attention/query", "attention"):
        assert ledger[name] == "gamma(0.5)"
    for name in ("attention/scores", "attention/mixed", "both/forward", "both/backward"):
        assert ledger[name] == "epsilon(0.01)"
