import numpy as np
import pytest
from lrp_networks import closeness, convolutional, forward, gradient, layers, model_of, pictures, precision, residual

from helpers.course.backend import keras, tf
from helpers.lrp.explanation import lrp
from helpers.lrp.gradients import deconvnet, guided_backpropagation
from helpers.lrp.rules import deep_taylor


@pytest.fixture(scope="module")
def network():
    return convolutional()


def modified_relu(way):
    """A ReLU with another derivative, by TensorFlow's own means: an independent implementation."""

    @tf.custom_gradient
    def relu(z):
        def back(r):
            r = tf.nn.relu(r)
            return tf.where(z > 0, r, tf.zeros_like(r)) if way == "guided" else r

        return tf.nn.relu(z), back

    return relu


@pytest.mark.parametrize("way", ["guided", "deconvnet"])
@pytest.mark.parametrize("build", [convolutional, residual])
def test_guided_backpropagation_and_deconvnet(way, build):
    model, images = build(), pictures()
    method = {"guided": guided_backpropagation, "deconvnet": deconvnet}[way]
    found = method(model, images, [3, 0, 1])
    for layer in model.layers:
        if getattr(layer, "activation", None) is keras.activations.relu:
            layer.activation = modified_relu(way)
        elif isinstance(layer, layers.ReLU):
            layer.call = modified_relu(way)
    wanted = gradient(model, images, np.eye(4)[[3, 0, 1]])
    assert closeness(found, wanted) < 1e-10


def test_without_relus_both_are_the_gradient():
    with precision("float64"):
        model = model_of((8, 9, 3), layers.Conv2D(4, 3, activation="tanh"), layers.Flatten(), layers.Dense(4))
    wanted = gradient(model, pictures(), np.eye(4)[[1, 1, 1]])
    for method in (guided_backpropagation, deconvnet):
        assert closeness(method(model, pictures(), 1), wanted) < 1e-12


def test_by_hand():
    """One ReLU unit that is on, one that is off: z = (2, -2), both feeding the score with weight 1 and -1."""
    with precision("float64"):
        model = model_of((2,), layers.Dense(2, activation="relu"), layers.Dense(2, use_bias=False))
    model.layers[0].set_weights([np.array([[1.0, 0], [0, 2.0]]), np.zeros(2)])
    model.layers[1].set_weights([np.array([[1.0, -1], [1.0, 1]])])
    x = np.array([[2.0, -1]])
    assert guided_backpropagation(model, x, 0).tolist() == [[1, 0]]  # the second unit is off
    assert guided_backpropagation(model, x, 1).tolist() == [[0, 0]]  # what comes back to the first is < 0
    assert deconvnet(model, x, 0).tolist() == [[1, 2]]
    assert deconvnet(model, x, 1).tolist() == [[0, 2]]


def test_weights_as_target(network):
    difference = np.tile([1.0, 0, -1.0, 0], (3, 1))
    found = guided_backpropagation(network, pictures(), difference)
    assert found.shape == pictures().shape
    assert not np.allclose(found, guided_backpropagation(network, pictures(), 0))


def test_deep_taylor_conserves_and_is_positive_for_a_positive_score(network):
    images = pictures()
    score = forward(network, images)[np.arange(3), target := forward(network, images).argmax(axis=1)]
    assert (score > 0).all()
    found = lrp(network, images, target, deep_taylor(-5, 5))
    assert found.min() >= 0
    assert closeness(found.sum(axis=(1, 2, 3)), score) < 1e-4
    with pytest.raises(ValueError, match="black and white"):
        lrp(network, images, target, deep_taylor(0, 1))
