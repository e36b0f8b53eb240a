import numpy as np
import pytest
from lrp_networks import closeness, convolutional, forward, layers, model_of, pictures, precision

from helpers.vgg16.gradients import integrated_gradients


@pytest.fixture(scope="module")
def network():
    return convolutional()


def test_integrated_gradients_of_a_linear_model_are_exact_with_one_step():
    with precision("float64"):
        model = model_of((8, 9, 3), layers.Flatten(), layers.Dense(4))
    images = pictures()
    kernel = model.layers[-1].get_weights()[0]
    found = integrated_gradients(model, images, 1, baseline=0.5, steps=1)
    assert closeness(found, (images - 0.5) * kernel[:, 1].reshape(8, 9, 3)) < 1e-12


def completeness_gap(model, images, target, attribution, baseline=0.0):
    """What the attributions leave over of the difference between the scores of the images and of the baseline."""
    difference = forward(model, images) - forward(model, np.broadcast_to(baseline, images.shape))
    return difference[np.arange(len(images)), target] - attribution.reshape(len(images), -1).sum(axis=1)


def test_integrated_gradients_are_complete(network):
    images, target = pictures(), [0, 1, 3]
    baseline = pictures(1, seed=11)
    gaps = []
    for steps in (2, 512):
        found = integrated_gradients(network, images, target, baseline, steps, batch_size=64)
        gaps.append(np.abs(completeness_gap(network, images, target, found, baseline)).max())
    assert gaps[1] < gaps[0] / 20
    assert gaps[1] < 5e-3 * np.abs(forward(network, images)).max()
    # a smooth network has no kinks on the way: the quadrature is then exact to rounding
    with precision("float64"):
        smooth = model_of((6,), layers.Dense(8, activation="tanh"), layers.Dense(3))
    x = pictures(3, (6,))
    found = integrated_gradients(smooth, x, 2, steps=40)
    assert np.abs(completeness_gap(smooth, x, 2, found)).max() < 1e-10
    assert np.abs(completeness_gap(smooth, x, 1, found)).max() > 1e-2  # another class: not complete


def test_integrated_gradients_do_not_depend_on_the_batches(network):
    images = pictures(2)
    whole = integrated_gradients(network, images, 1, steps=7, batch_size=7)
    pieces = integrated_gradients(network, images, 1, steps=7, batch_size=2)
    assert closeness(pieces, whole) < 1e-12
    single = [integrated_gradients(network, image[np.newaxis], 1, steps=7) for image in images]
    assert closeness(np.concatenate(single), whole) < 1e-12
    assert not integrated_gradients(network, images, 1, baseline=images).any()


def test_integrated_gradients_refuse_what_does_not_fit(network):
    images = pictures(2)
    with pytest.raises(ValueError, match="from 1 to 1000; got steps=0"):
        integrated_gradients(network, images, 0, steps=0)
    with pytest.raises(ValueError, match=r"got shape \(4,\)"):
        integrated_gradients(network, images, 0, baseline=np.zeros(4))
    with pytest.raises(ValueError, match="NaN"):
        integrated_gradients(network, images, 0, baseline=np.nan)
