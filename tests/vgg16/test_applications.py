"""The networks of keras.applications, untrained and small: every method against the tape, or against another one."""

import numpy as np
import pytest
from own_networks import all_but_slow, largest_difference, tape_gradient
from scipy.special import softmax

from helpers.course.backend import keras, set_seeds
from helpers.course.probabilities import without_softmax
from helpers.tcav.scores import activations, logit_gradients
from helpers.vgg16.cam import class_activation_map, grad_cam, last_map_layer, pooled_layer
from helpers.vgg16.gradients import feature_maps, gauss_legendre, input_gradient, integrated_gradients, logits

# the side of the pictures, how the layer is called at which Grad-CAM looks by default, and whether CAM is defined there
APPLICATIONS = {
    "VGG16": (64, "block5_pool", False),
    "VGG19": (64, "block5_pool", False),
    "ResNet50": (64, "conv5_block3_out", True),
    "ResNet50V2": (64, "post_relu", True),
    "DenseNet121": (64, "relu", True),
    "InceptionV3": (112, "mixed10", True),
    "MobileNet": (64, "conv_pw_13_relu", False),
    "MobileNetV2": (64, "out_relu", True),
    "MobileNetV3Small": (64, "activation", False),
    "EfficientNetB0": (64, "top_activation", True),
    "EfficientNetV2B0": (64, "top_activation", True),
    "Xception": (72, "block14_sepconv2_act", True),
    "NASNetMobile": (64, "activation", True),
    "ConvNeXtTiny": (64, "add", False),
}


@pytest.mark.parametrize("name", all_but_slow(APPLICATIONS, "MobileNet"))
def test_an_application(name):
    size, start, has_cam = APPLICATIONS[name]
    set_seeds(0)
    built = getattr(keras.applications, name)(weights=None, classes=4, input_shape=(size, size, 3))
    x, target = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype(np.float32), [1, 2]
    with pytest.raises(ValueError, match="without_softmax"):
        logits(built, x)
    model = without_softmax(built)
    np.testing.assert_allclose(softmax(logits(model, x), axis=1), built(x, training=False), rtol=1e-3, atol=1e-5)
    assert largest_difference(input_gradient(model, x, target), tape_gradient(model, x, target)) < 1e-2
    mean = sum(share * tape_gradient(model, place * x, target) for place, share in zip(*gauss_legendre(2), strict=True))
    assert largest_difference(integrated_gradients(model, x, target, steps=2), x * mean) < 1e-2
    layer = last_map_layer(model, x)
    assert layer.startswith(start)
    maps, found = feature_maps(model, x, layer), grad_cam(model, x, target, relu=False)
    np.testing.assert_allclose(activations(model, layer, x), maps.mean(axis=(1, 2)), rtol=1e-3, atol=1e-6)
    by_channel = logit_gradients(model, layer, x, target) / maps[0, ..., 0].size
    assert largest_difference(found, np.einsum("nhwk,nk->nhw", maps, by_channel)) < 1e-3
    assert (pooled_layer(model) == layer) == has_cam
    if has_cam:
        exact = class_activation_map(model, x, target)
        assert largest_difference(found * exact[0].size, exact) < 1e-3
        scores = exact.mean(axis=(1, 2)) + model.layers[-1].bias.numpy()[target]
        np.testing.assert_allclose(scores, logits(model, x)[[0, 1], target], rtol=1e-3, atol=1e-5)
