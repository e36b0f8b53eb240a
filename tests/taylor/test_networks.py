import itertools

import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.taylor.networks import (
    ACTIVATIONS,
    DenseNetwork,
    activation,
    build_network,
    dense_network,
    forward,
)

layers = keras.layers


def random_network(sizes=(5, 20, 10, 3), activations=("tanh", "softplus", "sigmoid"), seed=0, dtype=np.float64):
    generator = np.random.default_rng(seed)
    kernels = tuple((generator.normal(size=(a, b)) / np.sqrt(a)).astype(dtype) for a, b in itertools.pairwise(sizes))
    biases = tuple(generator.normal(size=b).astype(dtype) for b in sizes[1:])
    return DenseNetwork(kernels, biases, tuple(activations))


@pytest.mark.parametrize("name", [*ACTIVATIONS])
def test_forward_equals_keras(name):
    model = build_network(4, (30, 20), 2, activation=name, output_activation="sigmoid", seed=3)
    inputs = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    found = forward(dense_network(model), inputs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, model(inputs), atol=1e-6)


def test_forward_equals_keras_after_training_and_for_extreme_inputs():
    model = build_network(seed=1)
    model.set_weights([10 * weight for weight in model.get_weights()])
    inputs = np.array([[1e3, -1e3], [-50, 50], [0, 0]], np.float32)
    np.testing.assert_allclose(forward(dense_network(model), inputs), model(inputs), atol=1e-6)


@pytest.mark.parametrize("name", [*ACTIVATIONS])
def test_derivatives_of_activations(name):
    function = activation(name)
    at = np.array([-30.0, -2.0, -0.3, 0.4, 1.7, 30.0])
    step = 1e-5
    value = function.value(at)
    slope = (function.value(at + step) - function.value(at - step)) / (2 * step)
    np.testing.assert_allclose(function.slope(at, value), slope, atol=1e-9)
    above, below = at + step, at - step
    bend = (function.slope(above, function.value(above)) - function.slope(below, function.value(below))) / (2 * step)
    curvature = np.zeros_like(at) if function.curvature is None else function.curvature(at, value)
    np.testing.assert_allclose(curvature, bend, atol=1e-9)
    np.testing.assert_allclose(value, keras.activations.get(name)(at), atol=1e-7)


def test_chains_of_other_layers_that_mean_the_same_are_read():
    inputs = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    sequential = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, use_bias=False),
            layers.Activation("tanh"),
            layers.Dropout(0.5),
            layers.Dense(5),
            layers.ReLU(),
            layers.Dense(1),
        ]
    )
    entry = keras.Input((3,))
    functional = keras.Model(entry, layers.Dense(2, "sigmoid")(layers.Dense(4, "softplus")(entry)))
    for model in (sequential, functional):
        np.testing.assert_allclose(forward(dense_network(model), inputs), model(inputs), atol=1e-6)


def branching_model():
    entry = keras.Input((3,))
    first, second = layers.Dense(3, "tanh"), layers.Dense(3, "tanh")
    return keras.Model(entry, layers.Add()([second(first(entry)), entry]))


def skipping_model():
    """Two dense layers in the list, but the second takes the input, not the first one's output."""
    entry = keras.Input((3,))
    layers.Dense(3, "tanh")(entry)
    left, right = layers.Dense(3)(entry), layers.Dense(3)(entry)
    return keras.Model(entry, [left, right])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: build_network(3, (4,), 3, output_activation="softmax"), "logits"),
        (lambda: build_network(3, (4,), activation="gelu"), "gelu"),
        (lambda: keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(1)]), "BatchNorm"),
        (lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.LeakyReLU()]), "LeakyReLU"),
        (lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.ReLU(max_value=6)]), "one of"),
        (lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2, "tanh"), layers.Activation("tanh")]), "not read"),
        (lambda: keras.Sequential([layers.Dense(2)]), "no weights yet"),
        (branching_model, "autodiff"),
        (skipping_model, "one chain"),
    ],
)
def test_other_models_are_refused_with_a_way_out(model, message):
    with pytest.raises(ValueError, match=message):
        dense_network(model())


@pytest.mark.parametrize(
    ("kernels", "biases", "activations", "message"),
    [
        ([], [], [], "Every layer"),
        ([np.zeros((2, 3))], [np.zeros(2)], ["tanh"], "Layer 1 does not fit"),
        ([np.zeros((2, 3)), np.zeros((2, 1))], [np.zeros(3), np.zeros(1)], ["tanh", "linear"], "Layer 2 does not fit"),
        ([np.zeros(3)], [np.zeros(3)], ["tanh"], "Layer 1"),
        ([np.full((2, 1), np.nan)], [np.zeros(1)], ["tanh"], "diverge"),
        ([np.zeros((2, 1))], [np.zeros(1)], ["swish"], "swish"),
        ([np.zeros((2, 1))], [np.zeros(1)], ["tanh", "tanh"], "Every layer"),
    ],
)
def test_weights_that_do_not_fit_are_explained(kernels, biases, activations, message):
    with pytest.raises(ValueError, match=message):
        DenseNetwork(tuple(kernels), tuple(biases), tuple(activations))


@pytest.mark.parametrize("inputs", [np.zeros(5), np.zeros((2, 4)), np.full((2, 5), np.nan), np.full((1, 5), np.inf)])
def test_wrong_inputs_are_explained(inputs):
    with pytest.raises(ValueError, match=r"shape \(events, 5\)|Input 1 of event 0"):
        forward(random_network(), inputs)


def test_sizes_of_layers_are_checked():
    with pytest.raises(ValueError, match="number of neurons"):
        build_network(hidden=(0,))


def test_the_seed_decides_the_weights():
    first, again, other = (build_network(seed=seed).get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
