import numpy as np
import pytest
from own_networks import largest_difference, layers, reloaded, tape_gradient
from scipy.special import expit, log_softmax, softmax

from helpers.course.backend import keras, tf
from helpers.course.probabilities import ends_in_probabilities, without_softmax
from helpers.course.targets import require_logits
from helpers.vgg16.gradients import input_gradient, logits

x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)


def model(activation=None, behind=None, units=3):
    inputs = keras.Input((4,))
    scores = layers.Dense(units, activation=activation)(inputs)
    return keras.Model(inputs, behind(scores) if behind else scores)


def sequence(*parts):
    return keras.Sequential([keras.Input((4,)), *parts])


@keras.saving.register_keras_serializable()
class HandMade(layers.Layer):
    def call(self, scores):
        powers = tf.exp(scores)
        return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


DISGUISES = {
    "by name": lambda: model("softmax"),
    "of TensorFlow": lambda: model(tf.nn.softmax),
    "of TensorFlow, a layer": lambda: model(None, layers.Activation(tf.nn.softmax)),
    "a lambda": lambda: model(lambda z: keras.ops.softmax(z)),
    "an operation": lambda: model(None, keras.ops.softmax),
    "a layer as activation": lambda: model(layers.Softmax()),
    "a Lambda layer": lambda: model(None, layers.Lambda(lambda z: tf.nn.softmax(z))),
    "a compiled function": lambda: model(tf.function(tf.nn.softmax)),
    "a layer of one's own": lambda: model(None, HandMade()),
    "a lambda that divides": lambda: model(lambda z: tf.exp(z) / tf.reduce_sum(tf.exp(z), -1, keepdims=True)),
    "nearly": lambda: model(lambda z: tf.nn.softmax(z) + 1e-7),
    "then a cast": lambda: model("softmax", layers.Activation("linear", dtype="float64")),
    "then a dropout": lambda: model("softmax", layers.Dropout(0.1)),
    "then Flatten": lambda: model("softmax", layers.Flatten()),
    "then Reshape": lambda: model("softmax", layers.Reshape((1, 1, 3))),
    "in a nested model": lambda: sequence(layers.Dense(4), model("softmax"), layers.Dropout(0.1)),
    "then an operation": lambda: model("softmax", lambda p: keras.ops.squeeze(keras.ops.expand_dims(p, 1), 1)),
    "of a sequence": lambda: sequence(layers.Dense(4), layers.Dense(3), layers.Softmax()),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_softmax_is_refused_in_every_disguise_and_can_be_taken_off(disguise):
    given = DISGUISES[disguise]()
    for method in (logits, lambda model, x: input_gradient(model, x, 0)):
        with pytest.raises(ValueError, match=r"ends in probabilities \(layer .*without_softmax\(model\)"):
            method(given, x)
    found = without_softmax(given)
    np.testing.assert_allclose(softmax(logits(found, x), axis=1), given(x).numpy().reshape(2, 3), atol=1e-5)
    kernel = given.weights[0]  # shared
    before = logits(found, x)
    kernel.assign(2 * kernel)
    assert np.abs(logits(found, x) - before).max() > 0.01
    np.testing.assert_allclose(softmax(logits(found, x), axis=1), given(x).numpy().reshape(2, 3), atol=1e-5)
    assert without_softmax(found) is found


def test_where_a_sure_network_has_no_slope_its_logits_have():
    sure = model("softmax")
    sure.layers[-1].kernel.assign(1000 * sure.layers[-1].kernel)
    assert np.abs(tape_gradient(sure, x, 0)).max() == 0  # the reason of it all
    found = without_softmax(sure)
    assert largest_difference(input_gradient(found, x, 0), np.tile(sure.layers[-1].kernel.numpy()[:, 0], (2, 1))) < 1e-6


@pytest.mark.parametrize(
    ("given", "function"),
    [
        (lambda: model("sigmoid", units=1), expit),
        (lambda: model(tf.nn.sigmoid), expit),
        (lambda: model("log_softmax"), lambda z: log_softmax(z, axis=1)),
        (lambda: model(lambda z: z - tf.reduce_logsumexp(z, -1, keepdims=True)), lambda z: log_softmax(z, axis=1)),
    ],
    ids=["sigmoid", "sigmoids", "log_softmax", "log_softmax by hand"],
)
def test_sigmoid_and_log_softmax_too(given, function):
    given = given()
    with pytest.raises(ValueError, match="probabilities"):
        logits(given, x)
    np.testing.assert_allclose(function(logits(without_softmax(given), x)), given(x), rtol=1e-4, atol=1e-5)


def averaged():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Average()([model("softmax")(inputs), model("softmax")(inputs)]))


@pytest.mark.parametrize(
    "given",
    [
        averaged,
        lambda: model(lambda z: keras.ops.softmax(z / 2)),
        lambda: model("softmax", lambda p: 100 * p),
        lambda: model("softmax", lambda p: p[:, :2]),
        lambda: model("softmax", lambda p: p[:, 1]),
        lambda: model("softmax", keras.ops.log),
        lambda: model("sigmoid", lambda p: 1 - p, units=1),
        lambda: model(None, layers.Lambda(lambda z: tf.nn.softmax(-z))),
        lambda: model(None, layers.Lambda(lambda z: tf.nn.softmax(z[:, ::-1]))),
    ],
    ids=[
        *("mean of two networks", "with a temperature", "in per cent", "a part", "one of them", "logarithm"),
        *("complement", "of the negative", "of other classes"),
    ],
)
@pytest.mark.parametrize("scale", [1e-5, 1, 1e5])
def test_what_has_no_logits_behind_it_is_refused_in_words(given, scale):
    given = given()
    for weight in given.weights[:1]:
        weight.assign(scale * weight)
    for method in (logits, lambda model, x: input_gradient(model, x, 0)):
        with pytest.raises(ValueError, match="no logits to explain; build the model"):
            method(given, x)
    with pytest.raises(ValueError, match="no logits to explain; build the model"):
        without_softmax(given)


@pytest.mark.parametrize("behind", [lambda z: 1 / (1 + keras.ops.exp(-z)), keras.ops.hard_sigmoid])
def test_a_single_score_that_goes_from_0_to_1_is_refused(behind):
    given = model(None, behind, units=1)
    with pytest.raises(ValueError, match="probabilities"):
        logits(given, x)


@pytest.mark.parametrize("seed", [0, 16])  # 16 makes a network of which hardly anything is active for one of the inputs
def test_the_first_picture_does_not_decide(seed):
    keras.utils.set_random_seed(seed)
    given = model("relu", lambda z: z / (keras.ops.sum(z, axis=-1, keepdims=True) + 1e-7))
    for inputs in (np.zeros_like(x), x):
        with pytest.raises(ValueError, match="no logits"):
            logits(given, inputs)


def test_the_same_model_comes_back():
    given = model("softmax")
    assert without_softmax(given) is without_softmax(given)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "softplus", layers.LeakyReLU(0.1)])
@pytest.mark.parametrize("units", [1, 2])
def test_logits_of_all_kinds_are_accepted(activation, units):
    given = model(activation, layers.Dropout(0.1), units)
    assert ends_in_probabilities(given) is None
    np.testing.assert_allclose(logits(given, x), given(x), rtol=1e-6)
    constant = model("relu", units=units)
    constant.set_weights([0 * weight for weight in constant.get_weights()])
    require_logits(constant, [x])  # the same for every input, but not 1 in sum


def test_a_saved_model_loses_its_softmax_and_can_be_saved_without(tmp_path):
    given = reloaded(DISGUISES["in a nested model"](), tmp_path)
    found = without_softmax(given)
    np.testing.assert_allclose(softmax(logits(found, x), axis=1), given(x), atol=1e-5)
    np.testing.assert_allclose(logits(reloaded(found, tmp_path), x), logits(found, x), rtol=1e-6)


def test_the_layer_is_named():
    nested = sequence(layers.Dense(4), model("softmax"))
    inner = nested.layers[-1]
    assert ends_in_probabilities(nested) == f"{inner.name}/{inner.layers[-1].name}"
    with pytest.raises(ValueError, match="classifier_activation=None"):
        require_logits(nested, [x])
