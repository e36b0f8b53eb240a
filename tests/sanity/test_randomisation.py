import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.sanity.randomisation import (
    UNTOUCHED,
    cascading_randomisation,
    edge_detector,
    edges,
    ignores_the_model,
    independent_randomisation,
    random_logit,
)
from helpers.vgg16.gradients import input_gradient, pixel_map

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
    told = []
    found = run(model, gradient, images, [0, 1, 2], progress=lambda *what: told.append(what))
    assert found.layers == (UNTOUCHED, "scores", "body/conv2", "body/conv1")
    assert found.maps.shape == (4, 3, 9, 9)
    assert found.logits.shape == (4, 3, 4)
    assert told == [(i + 1, 4, name) for i, name in enumerate(found.layers)]
    for values in found.similarities().values():
        assert values.shape == (4, 3)
        assert np.all(values[0] == 1)
    assert np.array_equal(found.maps[0], gradient(model, images, [0, 1, 2]))


@pytest.mark.parametrize("run", RUNS)
def test_an_explainer_that_ignores_the_model_stays_at_one(run, model, images):
    found = run(model, ignorant, images, 0)
    assert all(np.all(values == 1) for values in found.similarities().values())
    assert ignores_the_model(found)


@pytest.mark.parametrize("run", RUNS)
def test_an_explainer_driven_by_the_logit_drops(run, model, images):
    found = run(model, gradient, images, 0)
    for values in found.similarities().values():
        assert np.all(values[1:].mean(axis=1) < 0.6)
    assert not ignores_the_model(found)


@pytest.mark.parametrize("run", RUNS)
def test_an_explainer_that_holds_a_frozen_copy_is_caught(run, model, images):
    frozen = keras.models.clone_model(model)
    frozen.set_weights(model.get_weights())
    found = run(model, lambda model, images, target: gradient(frozen, images, target), images, 0)
    assert all(not np.allclose(scores, found.logits[0]) for scores in found.logits[1:])
    assert all(np.all(values > 1 - 1e-6) for values in found.similarities().values())
    assert ignores_the_model(found)


def test_one_map_that_moves_is_enough_to_be_cleared(model, images):
    found = cascading_randomisation(model, ignorant, images, 0)
    found.maps[-1, -1, 0, 0] += 1
    assert not ignores_the_model(found)


def test_nothing_follows_where_the_logits_stay(images):
    model = keras.Sequential([keras.Input((9, 9, 3)), L.Flatten(), L.Dense(2, kernel_initializer="zeros")])
    with pytest.raises(ValueError, match="prove nothing"):
        ignores_the_model(cascading_randomisation(model, ignorant, images, 0))


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
    assert ignores_the_model(cascading_randomisation(model, edge_detector, images, 0))
