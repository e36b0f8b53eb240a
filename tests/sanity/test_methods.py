"""The named methods: all in one calling form, each the method its name says, the baselines blind."""

import numpy as np
import pytest

from helpers.lrp.explanation import lrp
from helpers.lrp.gradients import deconvnet, guided_backpropagation
from helpers.lrp.rules import deep_taylor, epsilon_alpha2beta1_flat, epsilon_gamma_box, epsilon_plus_flat
from helpers.sanity.methods import BASELINES, BLOB, FAMILIES, centre_blob, explainers, random_map
from helpers.sanity.randomisation import edges
from helpers.vgg16.cam import class_activation_map, enlarge, grad_cam
from helpers.vgg16.gradients import input_gradient, integrated_gradients, smooth_gradient
from helpers.vgg16.occlusion import occlusion_map

BOX = {"low": -4.0, "high": 4.0}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(3, 12, 10, 3)).clip(-4, 4)


def test_every_method_gives_finite_maps_of_the_pictures_size(small_cam_network, images):
    methods = explainers(small_cam_network, **BOX, patch=4)
    assert len(methods) == 13 + len(BASELINES)
    assert tuple(methods)[-3:] == BASELINES
    assert sorted(sum(FAMILIES.values(), BASELINES)) == sorted(methods)
    for name, explain in methods.items():
        maps = np.asarray(explain(small_cam_network, images, [0, 1, 2]))
        assert maps.shape == (3, 12, 10), name
        assert np.isfinite(maps).all(), name
        assert all(values.max() > values.min() for values in maps), name


def test_batches_do_not_matter(small_cam_network, images):
    for name, explain in explainers(small_cam_network, **BOX, batch_size=2).items():
        if name == "SmoothGrad":  # its noise is drawn for one picture after the other
            continue
        whole = explain(small_cam_network, images, [0, 1, 2])
        single = [explain(small_cam_network, images[n : n + 1], n)[0] for n in range(3)]
        np.testing.assert_allclose(whole, single, rtol=1e-5, atol=1e-7, err_msg=name)


def test_relevance_that_starts_at_one_is_that_of_the_logit_divided_by_it(small_cam_network, images):
    target = [0, 1, 2]
    logits = small_cam_network.predict(images, verbose=0)[np.arange(3), target]
    from_logit, from_one = (explainers(small_cam_network, **BOX, from_one=one) for one in (False, True))
    for name, explain in from_logit.items():
        expected = explain(small_cam_network, images, target)
        if name == "SmoothGrad":
            continue
        if name.startswith(("LRP", "deep")):
            expected = expected / logits[:, np.newaxis, np.newaxis]
        found = from_one[name](small_cam_network, images, target)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8, err_msg=name)


def test_names_mean_what_they_say(small_cam_network, images):
    methods = explainers(small_cam_network, **BOX, noisy_copies=3, path_steps=5, patch=4)
    asked = small_cam_network, images, 1
    expected = {
        "gradient": input_gradient(*asked).sum(axis=-1),
        "gradient x input": (input_gradient(*asked) * images).sum(axis=-1),
        "integrated gradients": integrated_gradients(*asked, steps=5).sum(axis=-1),
        "SmoothGrad": smooth_gradient(*asked, samples=3).sum(axis=-1),
        "guided backpropagation": guided_backpropagation(*asked).sum(axis=-1),
        "deconvnet": deconvnet(*asked).sum(axis=-1),
        "deep Taylor": lrp(*asked, deep_taylor(**BOX)).sum(axis=-1),
        "LRP EpsilonPlusFlat": lrp(*asked, epsilon_plus_flat()).sum(axis=-1),
        "LRP EpsilonAlpha2Beta1Flat": lrp(*asked, epsilon_alpha2beta1_flat()).sum(axis=-1),
        "LRP EpsilonGammaBox": lrp(*asked, epsilon_gamma_box(**BOX)).sum(axis=-1),
        "Grad-CAM": enlarge(grad_cam(*asked), (12, 10)),
        "CAM": enlarge(class_activation_map(*asked), (12, 10)),
        "occlusion": occlusion_map(*asked, patch=4, stride=2),
        "Sobel edges": edges(images),
    }
    assert set(expected) == set(methods) - {"centre blob", "random map"}
    for name, maps in expected.items():
        np.testing.assert_allclose(methods[name](*asked), maps, rtol=1e-6, atol=1e-9, err_msg=name)


def test_only_what_suits_the_model_is_listed(small_cam_network, linear_model):
    assert "occlusion" not in explainers(small_cam_network)
    assert "CAM" not in explainers(linear_model)


def test_baselines_know_neither_network_nor_class(small_cam_network, images):
    methods = explainers(small_cam_network, **BOX)
    for name in BASELINES:
        first = methods[name](small_cam_network, images, 0)
        np.testing.assert_array_equal(first, methods[name](None, images, 3), err_msg=name)
        np.testing.assert_allclose(first[1:], methods[name](None, images[1:], 3), err_msg=name)


def test_the_blob_sits_in_the_centre(images):
    blob = centre_blob(None, images[:, :, :9], 0)[0]
    assert blob.shape == (12, 9)
    np.testing.assert_allclose(blob, blob[::-1, ::-1])
    assert np.argwhere(blob == blob.max()).tolist() == [[5, 4], [6, 4]]
    odd = centre_blob(None, np.zeros((1, 41, 41, 3)), 0)[0]
    deviation = BLOB * 41
    assert odd[20, 20] == 1
    assert odd[20, 25] == pytest.approx(np.exp(-25 / (2 * deviation**2)))


def test_random_maps_are_uniform_and_differ_from_picture_to_picture():
    images = np.random.default_rng(1).normal(size=(2, 40, 40, 3))
    maps = random_map(None, images, 0)
    assert abs(np.corrcoef(maps.reshape(2, -1))[0, 1]) < 0.1
    assert 0 <= maps.min() < maps.max() < 1
    assert abs(maps.mean() - 0.5) < 0.02
