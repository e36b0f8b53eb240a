"""Activations, gradients and scores: exact where the logit is linear, the same whatever the batches."""

from types import SimpleNamespace

import numpy as np
import pytest
from own_networks import NESTED
from own_networks import pictures as own_pictures

from helpers.course import networks as course_networks
from helpers.course.backend import keras
from helpers.tcav import scores as tcav
from helpers.tcav.vectors import ConceptVector
from helpers.vgg16.gradients import feature_maps


def pictures(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 12, 10, 3))


@pytest.fixture(scope="module")
def head():
    """Four activations, layer "features", and three logits linear in them: (1, 2, 0, 0) . a, minus that, and 0."""
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Activation("linear", name="features"), keras.layers.Dense(3)]
    )
    weights = np.array([1.0, 2.0, 0, 0], np.float32)
    model.layers[-1].set_weights([np.stack([weights, -weights, 0 * weights], axis=1), np.zeros(3, np.float32)])
    return model


def test_activations_are_the_maps_pooled_or_flattened(small_cam_network):
    images = pictures(5)
    maps = feature_maps(small_cam_network, images, "conv1")
    for pooling, expected in (
        ("mean", maps.mean(axis=(1, 2))),
        ("max", maps.max(axis=(1, 2))),
        (None, maps.reshape(5, -1)),
    ):
        found = tcav.activations(small_cam_network, "conv1", images, pooling=pooling)
        assert np.allclose(found, expected, rtol=1e-12)
        assert found.dtype == maps.dtype
    both = tcav.activations(small_cam_network, ["conv1", "average"], images)
    assert [values.shape for values in both.values()] == [(5, 6), (5, 7)]


@pytest.mark.parametrize("pooling", ["mean", "max", None])
@pytest.mark.parametrize("layer", ["conv1", "pool1", "conv2", "average", "scores"])
def test_the_derivative_is_that_of_moving_the_layer(small_cam_network, layer, pooling):
    """Against finite differences of the rest of the network, with v added to the activation of every place."""
    if (layer, pooling) == ("conv1", None):
        pytest.skip("zeros tie in the max-pooling behind it: there is no two-sided derivative")
    model, images = small_cam_network, pictures(4)
    names = [part.name for part in model.layers]
    rest = model.layers[names.index(layer) + 1 :]

    def logit(values):
        for part in rest:
            values = part(values)
        return np.asarray(values)[:, 2]

    maps = keras.Model(model.inputs[0], model.get_layer(layer).output)(images).numpy()
    vector = np.random.default_rng(1).normal(size=maps.shape[1:] if pooling is None else maps.shape[-1])
    step = 1e-6
    expected = (logit(maps + step * vector) - logit(maps - step * vector)) / (2 * step)
    found = tcav.directional_derivatives(model, layer, images, 2, vector.ravel(), pooling=pooling)
    assert found.shape == (4,)
    assert np.abs(expected).min() > 1e-6
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-9)


def test_batches_and_company_do_not_matter(small_cam_network):
    images, vectors = pictures(7), np.random.default_rng(2).normal(size=(3, 7))
    for pooling, width in (("mean", 7), (None, 6 * 5 * 7)):
        vectors = np.random.default_rng(2).normal(size=(3, width))
        whole = tcav.directional_derivatives(small_cam_network, "conv2", images, 1, vectors, pooling=pooling)
        assert whole.shape == (7, 3)
        for size in (1, 2, 7):
            parts = tcav.directional_derivatives(
                small_cam_network, "conv2", images, 1, vectors, pooling=pooling, batch_size=size
            )
            assert np.allclose(parts, whole, rtol=1e-10, atol=1e-14)
        single = tcav.directional_derivatives(small_cam_network, "conv2", images[:1], 1, vectors[0], pooling=pooling)
        assert np.allclose(single, whole[:1, 0], rtol=1e-10)
        gradients = tcav.logit_gradients(small_cam_network, ["conv1", "conv2"], images, 1, pooling=pooling)
        assert np.allclose(gradients["conv2"] @ vectors.T, whole, rtol=1e-10, atol=1e-14)
        first = tcav.activations(small_cam_network, "conv2", images, pooling=pooling, batch_size=3)
        assert np.allclose(first, tcav.activations(small_cam_network, "conv2", images, pooling=pooling), rtol=1e-12)


def test_many_calls_are_traced_once_or_twice(small_cam_network):
    for count in range(1, 6):
        for vectors in (np.ones(7), np.ones((4, 7))):
            tcav.directional_derivatives(small_cam_network, "conv2", pictures(count), 0, vectors)
    function = course_networks.compiled(small_cam_network, tcav._DIFFERENTIATE["mean"], "conv2")
    assert function.__wrapped__.experimental_get_tracing_count() <= 2


def test_scores_are_exactly_0_or_1_where_the_logit_is_linear(head):
    images = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    for vector, expected in (([3.0, -1, 5, 5], 1), ([-3, 1, 5, 5], 0), ([2, -1, 1, 1], 0)):
        for target, sign in ((0, 1), (1, -1)):
            slopes = tcav.directional_derivatives(head, "features", images, target, sign * np.array(vector))
            assert tcav.tcav_score(slopes).score == expected
            assert tcav.tcav_score(slopes).count == 50
        dead = tcav.tcav_score(tcav.directional_derivatives(head, "features", images, 2, np.array(vector)))
        assert (dead.score, dead.zero, dead.mean) == (0, 1, 0)


def test_score_counts_signs_and_says_what_is_zero():
    found = tcav.tcav_score([[1.0, -2.0], [100.0, 0.0], [-5.0, 0.0], [0.0, 3.0]])
    assert found.score.tolist() == [0.5, 0.25]
    assert found.zero.tolist() == [0.25, 0.5]
    assert found.mean.tolist() == [24.0, 0.25]
    assert "exactly zero for 50%" in str(tcav.tcav_score([1.0, 0.0]))
    for wrong in ([], np.zeros((2, 2, 2)), [np.nan]):
        with pytest.raises(ValueError, match="NaN|shape"):
            tcav.tcav_score(wrong)


def test_a_target_can_weigh_classes(small_cam_network):
    images, vector = pictures(3), np.ones(7)
    weights = np.tile([1.0, 0, -1, 0, 0], (3, 1))
    difference = tcav.directional_derivatives(small_cam_network, "conv2", images, weights, vector)
    one, other = (tcav.directional_derivatives(small_cam_network, "conv2", images, k, vector) for k in (0, 2))
    assert np.allclose(difference, one - other, rtol=1e-10)


def test_networks_for_inputs_of_any_size():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="maps")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    images = np.random.default_rng(0).normal(size=(3, 6, 5, 1))
    assert tcav.activations(model, "maps", images, pooling=None).shape == (3, 60)
    assert tcav.logit_gradients(model, "maps", images, 0, pooling=None).shape == (3, 60)
    assert tcav.activations(model, "maps", images).shape == (3, 2)


def test_what_would_fill_the_memory_is_refused_before_it_does(small_cam_network, monkeypatch):
    images = pictures(5)
    monkeypatch.setattr(tcav, "LARGEST_ARRAY", 5 * 7 * 8)
    assert tcav.activations(small_cam_network, "conv2", images).shape == (5, 7)
    monkeypatch.setattr(tcav, "compiled", lambda *_: pytest.fail("computed first"))
    for function in (tcav.activations, lambda *args, **more: tcav.logit_gradients(*args, 0, **more)):
        with pytest.raises(ValueError, match="6 x 5 x 7 = 210 values.*pooling='mean'"):
            function(small_cam_network, "conv2", images, pooling=None)


def test_what_cannot_be_explained_is_refused(small_cam_network):
    images, ones = pictures(2), np.ones(7)
    derivatives = tcav.directional_derivatives
    with pytest.raises(ValueError, match="no layer 'conv9'.*conv2"):
        tcav.activations(small_cam_network, "conv9", images)
    with pytest.raises(ValueError, match="numbered 0 to 4"):
        derivatives(small_cam_network, "conv2", images, 5, ones)
    with pytest.raises(ValueError, match="has 7 values; got 6.*pooling"):
        derivatives(small_cam_network, "conv2", images, 0, np.ones(6))
    with pytest.raises(ValueError, match="NaN"):
        derivatives(small_cam_network, "conv2", images, 0, ones * np.nan)
    with pytest.raises(ValueError, match="one length"):
        derivatives(small_cam_network, "conv2", images, 0, [ones, np.ones(6)])
    with pytest.raises(ValueError, match="'mean', 'max' or None"):
        tcav.activations(small_cam_network, "conv2", images, pooling="sum")
    with pytest.raises(ValueError, match="batch"):
        tcav.activations(small_cam_network, "conv2", images[0])
    with pytest.raises(ValueError, match="NaN"):
        tcav.activations(small_cam_network, "conv2", images * np.nan)
    with pytest.raises(ValueError, match="a name or a list of names"):
        tcav.activations(small_cam_network, [], images)
    with pytest.raises(ValueError, match="batch_size"):
        tcav.activations(small_cam_network, "conv2", images, batch_size=-1)
    softmax = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax", name="end")])
    with pytest.raises(ValueError, match="logit"):
        derivatives(softmax, "end", np.zeros((1, 4)), 0, np.ones(2))
    assert tcav.activations(softmax, "end", np.zeros((1, 4))).shape == (1, 2)  # reading is allowed


def test_a_layer_from_which_nothing_reaches_the_logits_is_refused():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, name="features")(inputs)
    beside = keras.layers.Lambda(lambda v: keras.ops.stop_gradient(v), name="stopped")(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(beside))
    with pytest.raises(ValueError, match="do not depend on layer 'features'"):
        tcav.logit_gradients(model, "features", np.ones((1, 4)), 0)


def test_exploding_activations_are_named():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="features")])
    model.layers[0].set_weights([np.full((2, 2), np.inf), np.zeros(2)])
    with pytest.raises(ValueError, match="activations of layer 'features'.*NaN"):
        tcav.activations(model, "features", np.ones((1, 2)))


def test_a_concept_vector_is_taken_as_its_array(small_cam_network):
    images, vector = pictures(2), np.arange(7.0)
    as_vector = ConceptVector(vector, 0.0, 1.0, 10)
    expected = tcav.directional_derivatives(small_cam_network, "conv2", images, 0, vector)
    assert np.array_equal(tcav.directional_derivatives(small_cam_network, "conv2", images, 0, as_vector), expected)
    both = tcav.directional_derivatives(small_cam_network, "conv2", images, 0, [as_vector, -vector])
    assert np.allclose(both, np.stack([expected, -expected], axis=1))


def test_preprocessing_batch_by_batch_gives_the_same(small_cam_network):
    bytes_ = np.random.default_rng(5).integers(0, 256, (7, 12, 10, 3)).astype(np.uint8)

    def preprocess(images):
        return images / 127.5 - 1

    ready, options = preprocess(bytes_), {"preprocess": preprocess, "batch_size": 3}
    network = SimpleNamespace(model=small_cam_network, preprocess=preprocess, class_index={"second": 1}.__getitem__)
    expected = tcav.activations(small_cam_network, "conv2", ready)
    np.testing.assert_allclose(tcav.activations(small_cam_network, "conv2", bytes_, **options), expected, atol=1e-12)
    np.testing.assert_allclose(tcav.activations(network, "conv2", bytes_), expected, atol=1e-12)
    expected = tcav.logit_gradients(small_cam_network, "conv2", ready, 1)
    np.testing.assert_allclose(
        tcav.logit_gradients(small_cam_network, "conv2", bytes_, 1, **options), expected, atol=1e-12
    )
    np.testing.assert_allclose(tcav.logit_gradients(network, "conv2", bytes_, "second"), expected, atol=1e-12)
    np.testing.assert_allclose(tcav.logit_gradients(network, "conv2", bytes_, 1), expected, atol=1e-12)
    with pytest.raises(ValueError, match="takes inputs of shape"):
        tcav.activations(small_cam_network, "conv2", bytes_[:, :5], preprocess=preprocess)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_a_network_that_reads_words(dtype):
    """d logit / d maximum of channel c, by hand: the weight, for a class that reads maxima."""
    layers = keras.layers
    embedding, conv = layers.Embedding(20, 4, name="embedding"), layers.Conv1D(5, 2, name="conv")
    model = keras.Sequential(
        [keras.Input((6,), dtype=dtype), embedding, conv, layers.GlobalMaxPooling1D(), layers.Dense(3)]
    )
    words, kernel = np.random.default_rng(0).integers(0, 20, (4, 6)), model.layers[-1].kernel.numpy()
    found = tcav.logit_gradients(model, "conv", words, [0, 1, 2, 0])
    np.testing.assert_allclose(found, kernel[:, [0, 1, 2, 0]].T, rtol=1e-5)
    maxima = tcav.activations(model, "conv", words, pooling="max")
    np.testing.assert_allclose(maxima @ kernel + model.layers[-1].bias.numpy(), model(words), rtol=1e-4, atol=1e-6)
    assert tcav.logit_gradients(model, "embedding", words, 0, pooling=None).shape == (4, 24)
    with pytest.raises(ValueError, match=r"cannot compute this: indices.* = 47 is not in"):
        tcav.activations(model, "conv", np.full((1, 6), 47))


@pytest.mark.parametrize("build", NESTED)
def test_a_layer_of_a_base_inside_a_model(build):
    model, x = build(), own_pictures()
    maps, kernel = feature_maps(model, x, "base/conv"), model.layers[-1].kernel.numpy()
    np.testing.assert_allclose(tcav.activations(model, "base/conv", x), maps.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)
    found = tcav.logit_gradients(model, "base/conv", x, [2, 0])
    np.testing.assert_allclose(found, kernel[:, [2, 0]].T, rtol=1e-4, atol=1e-6)


def test_every_call_of_a_layer_is_its_own():
    conv, inputs = keras.layers.Conv2D(3, 3, padding="same", name="twice"), keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(conv(conv(inputs)))))
    x, kernel = own_pictures(), model.layers[-1].kernel.numpy()
    found = tcav.logit_gradients(model, ["twice#1", "twice#2"], x, 1)
    np.testing.assert_allclose(found["twice#2"], np.stack([kernel[:, 1]] * 2), rtol=1e-5)
    assert np.abs(found["twice#1"] - found["twice#2"]).max() > 0.01
    with pytest.raises(ValueError, match="2 times"):
        tcav.activations(model, "twice", x)
