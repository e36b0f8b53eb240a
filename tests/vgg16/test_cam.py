import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.vgg16 import cam, gradients
from helpers.vgg16.networks import vgg16


@pytest.fixture
def images():
    return np.random.default_rng(3).normal(size=(3, 12, 10, 3))


def test_the_mean_of_a_cam_plus_the_bias_is_the_logit(small_cam_network, images):
    bias = small_cam_network.layers[-1].bias.numpy()
    for target in range(5):
        maps = cam.class_activation_map(small_cam_network, images, target)
        assert maps.shape == (3, 6, 5)
        scores = gradients.logits(small_cam_network, images)[:, target]
        assert np.allclose(maps.mean(axis=(1, 2)) + bias[target], scores, rtol=1e-12)


def test_grad_cam_before_its_relu_is_cam_on_a_pooling_head(small_cam_network, images):
    target = [4, 0, 2]
    exact = cam.class_activation_map(small_cam_network, images, target)
    for layer in ("conv2", None):
        gradient_map = cam.grad_cam(small_cam_network, images, target, layer, relu=False)
        assert np.allclose(gradient_map * 6 * 5, exact, rtol=1e-10, atol=1e-13)
    assert np.array_equal(cam.grad_cam(small_cam_network, images, target), np.maximum(gradient_map, 0))


def test_grad_cam_follows_its_formula_at_an_inner_layer(small_cam_network, images):
    maps = gradients.feature_maps(small_cam_network, images, "conv1")
    # the layers above, as a model of their own: its input gradient is d logit / d A
    above = keras.Sequential([keras.Input(maps.shape[1:], dtype="float64"), *small_cam_network.layers[2:]])
    weights = gradients.input_gradient(above, maps, 1).mean(axis=(1, 2), keepdims=True)
    expected = np.maximum((weights * maps).sum(axis=-1), 0)
    assert np.allclose(cam.grad_cam(small_cam_network, images, 1, "conv1"), expected, rtol=1e-10, atol=1e-14)


def test_several_layers_in_one_pass(small_cam_network, images):
    together = cam.grad_cam(small_cam_network, images, 2, ["conv1", "conv2"])
    assert list(together) == ["conv1", "conv2"]
    for layer, maps in together.items():
        assert np.allclose(maps, cam.grad_cam(small_cam_network, images, 2, layer), rtol=1e-12)


def test_cam_needs_its_head(linear_model, patch_reader):
    with pytest.raises(ValueError, match="GlobalAveragePooling2D and one linear Dense"):
        cam.class_activation_map(patch_reader, np.zeros((1, 12, 12, 3)), 0)
    with pytest.raises(ValueError, match="no layer with maps"):
        cam.grad_cam(linear_model, np.zeros((1, 8, 9, 3)), 0)


def test_grad_cam_needs_maps(small_cam_network, images):
    with pytest.raises(ValueError, match="has no maps"):
        cam.grad_cam(small_cam_network, images, 0, "average")


def test_enlarging_has_half_pixel_centres():
    small = np.array([[[0.0, 1.0], [2.0, 3.0]]])
    large = cam.enlarge(small, (4, 4))
    assert large.shape == (1, 4, 4)
    assert large[0, 0].tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0])
    assert large.mean() == pytest.approx(small.mean())
    assert np.allclose(large, large[:, ::-1, ::-1] * -1 + 3)  # no shift: turning the map turns the result


def test_a_mask_as_coarse_as_a_map_is_the_mean_of_its_parts():
    mask = np.zeros((12, 12), bool)
    mask[:6, :5] = True
    assert np.allclose(cam.coarsened(mask, (2, 4)), [[1, 2 / 3, 0, 0], [0, 0, 0, 0]], atol=1e-6)
    uneven = cam.coarsened(mask, (5, 7))  # parts that are no whole number of pixels
    assert np.isclose(uneven.mean(), mask.mean(), atol=1e-6)
    assert cam.ceiling(mask, (12, 12)) == pytest.approx(1)
    assert mask.mean() < cam.ceiling(mask, (2, 4)) < cam.ceiling(mask, (6, 6)) < 1


def test_collages_are_scored_for_what_is_recognised():
    network = vgg16("gap", input_size=96, quiet=True)

    def uniform(model, images, target):
        return np.ones((len(images), 3, 3))

    rows = cam.collage_scores(network, uniform, [("green pepper", "pomegranate")], scenes=3)
    assert rows.shape[1] == 4
    assert 1 <= len(rows) <= 6
    assert np.allclose(rows[:, 0], rows[:, 2])  # a map that is the same everywhere scores the area
    assert np.all((rows[:, 2] < rows[:, 3]) & (rows[:, 3] < 1))  # 3 x 3 values tell more than nothing, and not all
    assert cam.collage_scores(network, uniform, [("green pepper", "pomegranate")], scenes=0).shape == (0, 4)
