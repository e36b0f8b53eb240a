"""The sanity checks on planted explainers, and that weights are re-drawn as they were drawn and come back."""

import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.sanity.randomisation import (
    UNTOUCHED,
    cascading_randomisation,
    drawable_layers,
    edge_detector,
    edges,
    independent_randomisation,
    random_logit,
    redraw,
    weights_restored,
)
from helpers.vgg16.gradients import input_gradient, pixel_map
from helpers.vgg16.half_dense import HalfPrecisionDense

RUNS = (cascading_randomisation, independent_randomisation)
L = keras.layers


def bits(model):
    return [v.numpy().tobytes() for layer in model.layers for v in layer.variables]


@pytest.fixture(scope="module")
def model():
    """Two convolutions in a nested model, one dense layer; every weight, biases too, far from where training starts."""
    inside = keras.Input((9, 9, 3))
    x = L.Conv2D(5, 3, padding="same", activation="relu", name="conv1")(inside)
    body = keras.Model(inside, L.Conv2D(6, 3, activation="relu", name="conv2")(x), name="body")
    inputs = keras.Input((9, 9, 3))
    model = keras.Model(inputs, L.Dense(4, name="scores")(L.Flatten()(body(inputs))))
    rng = np.random.default_rng(0)
    for layer in (*body.layers, model.layers[-1]):
        layer.set_weights([rng.normal(0.05, 0.3, w.shape) for w in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(3, 9, 9, 3)).astype(np.float32)


def gradient(model, images, target):
    return pixel_map(input_gradient(model, images, target), how="sum")


def ignorant(model, images, target):
    return np.asarray(images).sum(axis=-1)


@pytest.mark.parametrize("run", RUNS)
def test_steps_go_from_the_logits_down_and_start_at_one(run, model, images):
    found = run(model, gradient, images, [0, 1, 2])
    assert found.layers == (UNTOUCHED, "scores", "body/conv2", "body/conv1")
    assert found.maps.shape == (4, 3, 9, 9)
    for values in found.similarities().values():
        assert values.shape == (4, 3)
        assert np.all(values[0] == 1)
    assert np.array_equal(found.maps[0], gradient(model, images, [0, 1, 2]))


@pytest.mark.parametrize("run", RUNS)
def test_an_explainer_that_ignores_the_model_stays_at_one(run, model, images):
    found = run(model, ignorant, images, 0)
    assert all(np.all(values == 1) for values in found.similarities().values())


@pytest.mark.parametrize("run", RUNS)
def test_an_explainer_driven_by_the_logit_drops(run, model, images):
    found = run(model, gradient, images, 0)
    for values in found.similarities().values():
        assert np.all(values[1:].mean(axis=1) < 0.6)


@pytest.mark.parametrize("run", RUNS)
def test_an_explainer_that_holds_a_frozen_copy_stays_at_one(run, model, images):
    frozen = keras.models.clone_model(model)
    frozen.set_weights(model.get_weights())
    found = run(model, lambda model, images, target: gradient(frozen, images, target), images, 0)
    assert all(np.all(values > 1 - 1e-6) for values in found.similarities().values())


@pytest.mark.parametrize("run", RUNS)
def test_maps_that_become_constant_give_nan(run, model, images):
    def at_first_only(model, images, target, calls=[]):  # noqa: B006
        calls.append(1)
        return ignorant(model, images, target) * (len(calls) == 1)

    for values in run(model, at_first_only, images, 0).similarities().values():
        assert np.all(values[0] == 1)
        assert np.all(np.isnan(values[1:]))


def weights_at_each_step(run, model, images, **options):
    seen = []

    def spy(model, images, target):
        seen.append([v.numpy() for v in model.variables])
        return ignorant(model, images, target)

    run(model, spy, images, 0, **options)
    return seen


def changed(before, after):
    return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


def test_the_cascade_adds_up_and_the_other_goes_one_by_one(model, images):
    """Variables: conv1 kernel and bias, conv2 kernel and bias, scores kernel and bias."""
    cascade = weights_at_each_step(cascading_randomisation, model, images)
    alone = weights_at_each_step(independent_randomisation, model, images)
    touched = np.repeat([[0, 0, 1], [0, 1, 1], [1, 1, 1]], 2, axis=1).astype(bool)
    assert np.array_equal([changed(cascade[0], step) for step in cascade[1:]], touched)
    assert np.array_equal([changed(alone[0], step) for step in alone[1:]], np.repeat(np.eye(3)[::-1], 2, axis=1))
    assert np.array_equal(cascade[-1][0], alone[-1][0])  # conv1 gets the same random kernel in both


def test_the_same_seed_draws_the_same_weights(model, images):
    one, two, other = (weights_at_each_step(cascading_randomisation, model, images, seed=s) for s in (4, 4, 5))
    assert not any(changed(one[-1], two[-1]))
    assert changed(one[-1], other[-1]) == [True, False] * 3  # biases start at zero


def test_maps_at_chosen_layers_only(model, images):
    full = cascading_randomisation(model, gradient, images, 0)
    some = cascading_randomisation(model, gradient, images, 0, at=["body/conv1"])
    assert some.layers == (UNTOUCHED, "body/conv1")
    np.testing.assert_array_equal(some.maps[1], full.maps[3])  # the layers before were re-drawn all the same
    assert independent_randomisation(model, gradient, images, 0, at="scores").layers == (UNTOUCHED, "scores")


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_run_puts_the_weights_back(run, error, model, images):
    before, calls = bits(model), []

    def breaks(model, images, target):
        calls.append(bits(model) != before)
        if len(calls) == 3:
            raise error
        return ignorant(model, images, target)

    with pytest.raises(error):
        run(model, breaks, images, 0)
    assert calls == [False, True, True]
    assert bits(model) == before
    run(model, ignorant, images, 0)
    assert bits(model) == before


def test_the_explained_class_stays_the_same(model, images):
    seen = []
    cascading_randomisation(model, lambda m, x, target: (seen.append(target), ignorant(m, x, 0))[1], images, [3, 0, 1])
    assert seen == [[3, 0, 1]] * 4


def test_bad_input_is_refused_before_anything_is_changed(model, images):
    with pytest.raises(ValueError, match="no layer 'conv9'.*scores, body/conv2, body/conv1"):
        cascading_randomisation(model, ignorant, images, 0, at=["conv9"])
    with pytest.raises(ValueError, match="numbered 0 to 3"):
        cascading_randomisation(model, ignorant, images, 4)
    with pytest.raises(ValueError, match="one map for each of the 3 images"):
        cascading_randomisation(model, lambda *_: np.zeros((2, 9, 9)), images, 0)


def test_a_random_logit_is_another_one(model, images):
    many = np.repeat(images, 20, axis=0)
    maps, other_maps, others = random_logit(model, gradient, many, 2)
    assert set(others) == {0, 1, 3}
    np.testing.assert_array_equal(maps, gradient(model, many, 2))
    np.testing.assert_array_equal(other_maps, gradient(model, many, others))
    assert np.array_equal(others, random_logit(model, ignorant, many, 2)[2])
    targets = np.arange(60) % 4
    assert np.all(random_logit(model, ignorant, many, targets)[2] != targets)
    with pytest.raises(ValueError, match="class number"):
        random_logit(model, ignorant, images, np.eye(4)[:3])
    with pytest.raises(ValueError, match="numbered 0 to 3"):
        random_logit(model, ignorant, images, 4)


def test_edges_of_a_step_by_hand():
    picture = np.zeros((1, 6, 6, 3))
    picture[:, :, 3:] = 1
    found = edges(picture)
    assert found.shape == (1, 6, 6)
    assert np.array_equal(found[0], np.tile([0, 0, 4, 4, 0, 0], (6, 1)))  # (1 + 2 + 1) times the step, on both sides
    assert np.array_equal(edges(picture.swapaxes(1, 2)), found.swapaxes(1, 2))
    assert np.all(edges(np.full((1, 5, 5, 1), 7.0)) == 0)
    assert np.all(edges(np.concatenate([picture, np.zeros_like(picture)]))[1] == 0)  # a batch is not mixed
    with pytest.raises(ValueError, match="channels"):
        edges(picture[0])


def test_the_edge_detector_is_the_baseline_that_passes_nothing(model, images):
    found = cascading_randomisation(model, edge_detector, images, 0)
    assert all(np.array_equal(maps, edges(images)) for maps in found.maps)


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
