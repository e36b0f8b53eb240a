import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.sanity.randomisation import drawable_layers, redraw, weights_restored
from helpers.vgg16.half_dense import HalfPrecisionDense

L = keras.layers


def bits(model):
    return [v.numpy().tobytes() for layer in model.layers for v in layer.variables]


@pytest.fixture
def nested():
    """A model with a nested residual block, BatchNormalization, Dropout and a half-precision head; weights off centre."""
    inside = keras.Input((6, 6, 4))
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inside)
    block = keras.Model(inside, L.Add(name="add")([x, inside]), name="block")
    inputs = keras.Input((6, 6, 3))
    x = L.BatchNormalization(name="norm")(L.Conv2D(4, 1, kernel_initializer="he_normal", name="first")(inputs))
    x = L.Dense(5, activation="relu", name="hidden")(L.Flatten()(block(x)))
    x = L.Dense(5, name="between")(L.Dropout(0.5)(x))
    model = keras.Model(inputs, HalfPrecisionDense(3, name="scores")(x))
    rng = np.random.default_rng(0)
    for layer in drawable_layers(model).values():
        layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def test_layers_come_from_the_logits_down_each_once(nested):
    assert list(drawable_layers(nested)) == ["scores", "between", "hidden", "block/conv", "norm", "first"]
    twice = L.Dense(3, name="twice")
    inputs = keras.Input((3,))
    assert list(drawable_layers(keras.Model(inputs, L.Dense(2, name="end")(twice(twice(inputs)))))) == ["end", "twice"]


def test_every_weight_is_drawn_by_its_own_initialiser(nested):
    layers = drawable_layers(nested)
    for name, layer in layers.items():
        redraw(layer, name, seed=3)
    assert [w.mean() for w in layers["norm"].get_weights()] == [1, 0, 0, 1]  # gamma, beta, moving mean and variance
    assert all(np.all(layer.bias.numpy() == 0) for name, layer in layers.items() if name != "norm")
    limit = np.sqrt(6 / (9 * 4 + 9 * 4))  # Glorot and Bengio (2010): 3 x 3 x 4 inputs and outputs
    kernel = layers["block/conv"].kernel.numpy()
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    assert abs(kernel.mean()) < 0.2 * limit
    half = layers["scores"].kernel.numpy()
    assert half.dtype == np.float16
    assert 0.6 * np.sqrt(6 / 8) < np.abs(half).max() <= 1.001 * np.sqrt(6 / 8)


def test_the_initialiser_is_not_asked_for_the_first_weights_again():
    """Keras answers the same twice: without a new seed a network would get back the weights it started with."""
    layer = L.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(7), name="dense")
    model = keras.Sequential([keras.Input((5,)), layer])
    start = bits(model)
    redraw(layer, "dense", seed=0)
    assert bits(model) != start


def test_seeds_and_names_fix_the_numbers(nested):
    layer, drawn = drawable_layers(nested)["between"], {}
    for name, seed in (("between", 1), ("between", 2), ("other", 1)):
        redraw(layer, name, seed)
        drawn[name, seed] = layer.kernel.numpy()
    redraw(layer, "between", 1)
    assert np.array_equal(layer.kernel.numpy(), drawn["between", 1])
    assert len({values.tobytes() for values in drawn.values()}) == 3


def test_recurrent_layers_open_their_forget_gates():
    inputs = keras.Input((4, 3))
    layer = L.Bidirectional(L.LSTM(2), name="lstm")
    model = keras.Model(inputs, L.Dense(2, name="scores")(layer(inputs)))
    layer.set_weights([np.full(w.shape, 9.0) for w in layer.get_weights()])
    assert list(drawable_layers(model)) == ["scores", "lstm"]
    redraw(layer, "lstm", seed=0)
    kernel, recurrent, bias, backward_kernel = layer.get_weights()[:4]
    assert bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(2), atol=1e-6)  # drawn orthogonal
    assert not np.array_equal(kernel, backward_kernel)
    assert max(np.abs(w).max() for w in layer.get_weights()) < 9


def test_kernels_in_two_parts_are_drawn_each_by_its_own():
    layer = L.SeparableConv2D(
        2, 3, depthwise_initializer=keras.initializers.Constant(5), pointwise_initializer="ones", name="separable"
    )
    model = keras.Sequential([keras.Input((5, 5, 3)), layer])
    layer.set_weights([np.zeros(w.shape) for w in layer.get_weights()])
    redraw(drawable_layers(model)["separable"], "separable", seed=0)
    assert [float(w.max()) for w in layer.get_weights()] == [5, 1, 0]


def test_a_layer_that_cannot_be_drawn_is_named():
    norm = L.Normalization(name="scaling")
    norm.adapt(np.arange(6.0).reshape(3, 2))
    with pytest.raises(ValueError, match="'scaling' .*no initialiser for mean"):
        drawable_layers(keras.Sequential([keras.Input((2,)), norm, L.Dense(1)]))

    class Own(L.Layer):
        def build(self, shape):
            self.slope = self.add_weight(name="slope", shape=shape[-1:], initializer="ones")

        def call(self, x):
            return x * self.slope

    model = keras.Sequential([keras.Input((2,)), Own(name="own")])
    with pytest.raises(ValueError, match="slope_initializer"):
        drawable_layers(model)
    model.layers[0].slope_initializer = keras.initializers.RandomNormal()
    assert list(drawable_layers(model)) == ["own"]
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, L.MultiHeadAttention(2, 2, name="attention")(inputs, inputs))
    with pytest.raises(ValueError, match="'attention'"):
        drawable_layers(model)
    with pytest.raises(ValueError, match="nothing to re-draw"):
        drawable_layers(keras.Sequential([keras.Input((2, 2)), L.Flatten()]))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, None])
def test_weights_come_back_to_the_last_bit(nested, error):
    before = bits(nested)
    try:
        with weights_restored(nested):
            for name, layer in drawable_layers(nested).items():
                redraw(layer, name, seed=0)
            assert bits(nested) != before
            if error:
                raise error
    except (KeyboardInterrupt, ValueError):
        pass
    assert bits(nested) == before


def test_training_inside_does_not_reach_the_kept_weights():
    """Optimisers add to a weight in its place; what is kept must not change with it."""
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    before = bits(model)
    with weights_restored(model):
        model.compile("adam", "mse")
        model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
        model.layers[0].bias.assign_add(np.ones(2))
        assert bits(model) != before
    assert bits(model) == before
