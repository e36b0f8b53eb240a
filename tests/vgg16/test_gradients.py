import gc
import weakref

import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.course.networks import compiled
from helpers.vgg16 import gradients


def pictures(count, shape, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *shape))


def test_the_gradient_agrees_with_finite_differences(small_cam_network):
    images, step = pictures(1, (12, 10, 3)), 1e-6
    gradient = gradients.input_gradient(small_cam_network, images, 3)
    for place in [(0, 0, 0), (5, 7, 1), (11, 9, 2), (6, 3, 0)]:
        up, down = images.copy(), images.copy()
        up[0][place] += step
        down[0][place] -= step
        change = gradients.logits(small_cam_network, np.concatenate([up, down]))[:, 3]
        assert gradient[0][place] == pytest.approx((change[0] - change[1]) / (2 * step), rel=1e-6, abs=1e-9)


def test_the_gradient_of_a_linear_model_is_its_kernel(linear_model):
    images = pictures(3, (8, 9, 3))
    kernel, bias = linear_model.layers[-1].get_weights()
    gradient = gradients.input_gradient(linear_model, images, [0, 1, 0])
    assert np.allclose(gradient[1].ravel(), kernel[:, 1], rtol=1e-12)
    product = gradients.gradient_times_input(linear_model, images, 1)
    assert np.allclose(product.sum(axis=(1, 2, 3)) + bias[1], gradients.logits(linear_model, images)[:, 1])


def test_a_batch_is_the_stack_of_its_pictures(small_cam_network):
    images = pictures(5, (12, 10, 3))
    whole = gradients.input_gradient(small_cam_network, images, 2, batch_size=2)
    single = np.concatenate([gradients.input_gradient(small_cam_network, image[None], 2) for image in images])
    assert np.allclose(whole, single, rtol=1e-12, atol=1e-15)


def test_weights_ask_for_a_difference_of_classes(small_cam_network):
    images = pictures(1, (12, 10, 3))
    difference = gradients.input_gradient(small_cam_network, images, [[1.0, 0, -1.0, 0, 0]])
    expected = gradients.input_gradient(small_cam_network, images, 0) - gradients.input_gradient(
        small_cam_network, images, 2
    )
    assert np.allclose(difference, expected, atol=1e-15)


def test_the_planted_network_reads_its_patch_and_nothing_else(patch_reader):
    gradient = gradients.pixel_map(gradients.input_gradient(patch_reader, pictures(1, (12, 12, 3)), 0))
    assert (gradient[0, 4:8, 2:6] == 1).all()
    assert gradient.sum() == 16


def test_smooth_gradient(small_cam_network, linear_model):
    images = pictures(2, (12, 10, 3))
    plain = gradients.input_gradient(small_cam_network, images, 1)
    assert np.allclose(gradients.smooth_gradient(small_cam_network, images, 1, samples=3, noise=0.0), plain)
    first = gradients.smooth_gradient(small_cam_network, images, 1, samples=5, seed=4)
    alone = gradients.smooth_gradient(small_cam_network, images[1:], 1, samples=5, seed=4)
    assert np.allclose(alone, first[1:], atol=1e-6 * np.abs(first).max())
    again = gradients.smooth_gradient(small_cam_network, images, 1, samples=5, seed=4, batch_size=2)
    assert np.allclose(first, again, rtol=1e-10)  # seeded, whatever the batches
    assert not np.allclose(first, plain)
    # a linear model has the same gradient everywhere
    straight = pictures(1, (8, 9, 3))
    assert np.allclose(
        gradients.smooth_gradient(linear_model, straight, 0), gradients.input_gradient(linear_model, straight, 0)
    )
    with pytest.raises(ValueError, match="samples=0"):
        gradients.smooth_gradient(linear_model, straight, 0, samples=0)


def test_feature_maps_and_filters(small_cam_network):
    images = pictures(3, (12, 10, 3))
    maps = gradients.feature_maps(small_cam_network, images, ["conv1", "conv2"], batch_size=2)
    assert maps["conv1"].shape == (3, 12, 10, 6)
    assert maps["conv2"].shape == (3, 6, 5, 7)
    assert np.array_equal(gradients.feature_maps(small_cam_network, images, "conv2", batch_size=2), maps["conv2"])
    kernel, bias = small_cam_network.get_layer("conv1").get_weights()
    by_hand = (images[0, 3:6, 4:7, :, np.newaxis] * kernel).sum(axis=(0, 1, 2)) + bias
    assert np.allclose(maps["conv1"][0, 4, 5], np.maximum(by_hand, 0))
    assert np.array_equal(gradients.filters(small_cam_network, "conv1"), kernel)
    with pytest.raises(ValueError, match="only a Conv2D"):
        gradients.filters(small_cam_network, "pool1")


def test_changed_weights_change_the_result_without_a_new_trace():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    images = pictures(1, (4, 4, 1))
    before = gradients.input_gradient(model, images, 0)
    function = compiled(model, gradients._score_gradient)
    traces = function.__wrapped__.experimental_get_tracing_count()
    model.layers[-1].set_weights([2 * w for w in model.layers[-1].get_weights()])
    assert np.allclose(gradients.input_gradient(model, images, 0), 2 * before)
    assert compiled(model, gradients._score_gradient) is function
    assert function.__wrapped__.experimental_get_tracing_count() == traces


def test_many_batch_sizes_are_traced_twice_at_most():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    for count in range(1, 7):
        gradients.logits(model, np.zeros((count, 4)), batch_size=10)
    assert compiled(model, gradients._forward).__wrapped__.experimental_get_tracing_count() <= 2


def test_what_was_compiled_goes_with_its_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    gradients.logits(model, np.zeros((1, 4)))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_pixel_map():
    gradient = np.array([[[1.0, -3.0, 2.0]]])
    assert gradients.pixel_map(gradient).tolist() == [[3.0]]
    assert gradients.pixel_map(gradient, "sum").tolist() == [[0.0]]
    with pytest.raises(ValueError, match="'largest', 'sum'"):
        gradients.pixel_map(gradient, "mean")


def test_probabilities_are_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    for method in (gradients.input_gradient, gradients.smooth_gradient, gradients.gradient_times_input):
        with pytest.raises(ValueError, match="logit"):
            method(model, np.zeros((1, 4)), 0)
