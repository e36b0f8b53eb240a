"""Relevance in networks with several inputs, one of which steers what the other says."""

import numpy as np
import pytest
from lrp_networks import closeness, draw, forward, layers, pictures, precision

from helpers.course.backend import keras, tf
from helpers.lrp import rules
from helpers.lrp.explanation import explain, lrp
from helpers.lrp.gradients import CHAIN_RULE
from helpers.lrp.graph import read_graph
from helpers.lrp.rules import CONVOLUTION, DENSE
from helpers.lrp.walk import walk_back
from helpers.questions.network import PLACES, Moves, Scale, Shift
from helpers.vgg16.gradients import input_gradient

RULES = (rules.epsilon(0.1), rules.gamma(), rules.z_plus(), rules.alpha_beta(), rules.w_square(), rules.flat())
BY_RULE = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def moves(depthwise: bool):
    if depthwise:
        return layers.DepthwiseConv2D(2 * PLACES - 1, padding="same", use_bias=False)
    return Moves()


def steered(depthwise: bool = False):
    """A map, scaled and shifted as a vector says, moved about, with two dense layers behind it."""
    with precision("float64"):
        picture, vector = keras.Input((PLACES, PLACES, 3), dtype="float64"), keras.Input((5,), dtype="float64")
        x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(picture)
        steering = layers.Dense(8, name="words")(vector)
        x = layers.Add(name="film")([Scale(name="scale")(x, steering), Shift(name="shift")(steering)])
        x = layers.Concatenate()([layers.ReLU()(x), moves(depthwise)(layers.ReLU()(x))])
        x = layers.Dense(6, activation="relu")(layers.GlobalAveragePooling2D()(x))
        return draw(keras.Model([picture, vector], layers.Dense(3, name="scores")(x)))


@pytest.fixture(scope="module")
def model():
    return steered()


@pytest.fixture(scope="module")
def inputs():
    return [pictures(3, (PLACES, PLACES, 3)), pictures(3, (5,), seed=5)]


def test_forwards_and_backwards_the_walk_is_the_model(model, inputs):
    weights, graph = pictures(3, (3,), seed=7), read_graph(model)
    chain = {step.output: CHAIN_RULE for step in graph.steps if step.form == "weighted"}
    walked = walk_back(model, graph, chain, inputs, np.zeros_like(weights), weights, "gradient")
    tensors = [tf.constant(each) for each in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        score = tf.reduce_sum(weights * model(tensors))
    assert closeness(walked.logits, forward(model, inputs)) < 1e-12
    for number, wanted in enumerate(tape.gradient(score, tensors)):
        assert closeness(walked.values[number], wanted) < 1e-10


@BY_RULE
def test_every_layer_accounts_for_its_relevance(model, inputs, rule, uncompiled):
    found = explain(model, inputs, 1, rule)
    assert closeness(found.logits, forward(model, inputs)) < 1e-12
    scale = max(np.abs(row.arriving).max() for row in found.ledger)
    for row in found.ledger:
        assert np.abs(row.arriving - row.handed_on - row.absorbed).max() < 1e-9 * scale, row.layer
    at_picture, at_vector = found.relevance
    total = sum(row.absorbed for row in found.ledger) + at_picture.sum(axis=(1, 2, 3)) + at_vector.sum(axis=1)
    assert np.abs(found.start.sum(axis=1) - total).max() < 1e-9 * scale


@BY_RULE
def test_moves_are_the_depthwise_convolution_that_they_compute(model, inputs, rule, uncompiled):
    other = steered(depthwise=True)
    other.set_weights(model.get_weights())
    composite = [(CONVOLUTION, rule), (DENSE, rules.epsilon(0.01))]
    for found, wanted in zip(lrp(model, inputs, 0, composite), lrp(other, inputs, 0, composite), strict=True):
        assert closeness(found, wanted) < 1e-9


def test_the_signal_takes_all_of_a_product_and_the_shift_its_share_of_the_sum(uncompiled):
    """By hand: z = (1 + gamma) x + beta is linear in x and beta, so R_x = (1 + gamma) x R / z and R_beta = beta R / z."""
    with precision("float64"):
        x = keras.Input((PLACES, PLACES, 2), dtype="float64")
        steering = keras.Input((4,), dtype="float64")
        z = layers.Add()([Scale()(x, steering), Shift()(steering)])
        model = keras.Model([x, steering], layers.GlobalAveragePooling2D()(z))
    rng = np.random.default_rng(3)
    values, steer = rng.uniform(1, 2, (2, PLACES, PLACES, 2)), rng.uniform(0.5, 1, (2, 4))
    start = np.array([[1.0, 0.0], [2.0, -1.0]])
    at_x, at_steering = lrp(model, [values, steer], None, rules.lrp_0(), start=start)
    scaled, shift = (1 + steer[:, None, None, :2]) * values, steer[:, None, None, 2:]
    arriving = start[:, None, None] * (scaled + shift) / (scaled + shift).sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(at_x, arriving * scaled / (scaled + shift), rtol=1e-9)
    np.testing.assert_allclose(at_steering[:, 2:], (arriving * shift / (scaled + shift)).sum(axis=(1, 2)), rtol=1e-9)
    assert (at_steering[:, :2] == 0).all()


def test_what_does_not_fit_is_refused(model, inputs):
    picture, vector = inputs
    for wrong, message in (
        (picture, "has 2 inputs; pass a list of as many arrays, not a ndarray"),
        ([picture], "has 2 inputs; pass a list of as many arrays, not 1"),
        ([vector, picture], r"shape \(N, 12, 12, 3\); got \(3, 5\)"),
        ([picture, vector[:2]], "same number of rows; got 3, 2"),
        ([picture, vector * np.nan], "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            lrp(model, wrong, 0)
    with pytest.raises(ValueError, match="works for models with one input"):
        input_gradient(model, inputs, 0)


def test_a_box_is_asked_of_the_input_that_its_layer_reads(model, inputs):
    """The vector lies outside the box of the convolution, which does not read it."""
    picture, vector = inputs
    box = [("conv", rules.z_box(-10, 10)), (DENSE, rules.epsilon())]
    assert np.isfinite(lrp(model, [picture, 100 * vector], 0, box)[0]).all()
    with pytest.raises(ValueError, match="z-B holds for inputs between"):
        lrp(model, [100 * picture, vector], 0, box)
