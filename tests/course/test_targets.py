import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.course.targets import (
    batches,
    checked_images,
    ends_in_probabilities,
    get_layer,
    output_weights,
    require_logits,
)


def test_a_softmax_is_refused_wherever_it_hides(linear_model):
    softmax = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax", name="last")])
    layer = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Softmax(name="soft")])
    nested = keras.Sequential([keras.Input((3,)), softmax])
    assert [ends_in_probabilities(m) for m in (softmax, layer, nested, linear_model)] == ["last", "soft", "last", None]
    with pytest.raises(ValueError, match="classifier_activation=None"):
        require_logits(nested)


def test_images_must_fit_the_model(linear_model):
    assert checked_images(linear_model, np.zeros((2, 8, 9, 3), np.uint8)).dtype == np.float64
    with pytest.raises(ValueError, match="np.newaxis"):
        checked_images(linear_model, np.zeros((8, 9, 3)))
    with pytest.raises(ValueError, match=r"\(N, 8, 9, 3\); got \(1, 9, 8, 3\)"):
        checked_images(linear_model, np.zeros((1, 9, 8, 3)))
    with pytest.raises(ValueError, match="empty"):
        checked_images(linear_model, np.zeros((0, 8, 9, 3)))
    with pytest.raises(ValueError, match="NaN"):
        checked_images(linear_model, np.full((1, 8, 9, 3), np.nan))
    with pytest.raises(ValueError, match="numbers"):
        checked_images(linear_model, np.array([["cat"]]))


def test_targets_become_weights(linear_model):
    assert output_weights(linear_model, 2, 1).tolist() == [[0, 1], [0, 1]]
    assert output_weights(linear_model, 2, [0, 1]).tolist() == [[1, 0], [0, 1]]
    assert output_weights(linear_model, 1, [[1.0, -1.0]]).tolist() == [[1, -1]]


@pytest.mark.parametrize("target", [2, -1, [0, 2], [0, 1, 1], 0.5, "cat", [[1.0, np.nan], [0, 1]]])
def test_impossible_targets_are_refused(linear_model, target):
    with pytest.raises(ValueError, match=r"[Cc]lass|NaN"):
        output_weights(linear_model, 2, target)


def test_layers_are_found_by_name(small_cam_network):
    assert get_layer(small_cam_network, "conv2").filters == 7
    with pytest.raises(ValueError, match=r"no layer 'conv9'.*conv1, pool1, conv2"):
        get_layer(small_cam_network, "conv9")


def test_batches_cover_everything_once():
    assert np.concatenate([np.arange(10)[rows] for rows in batches(10, 4)]).tolist() == list(range(10))
    with pytest.raises(ValueError, match="batch_size"):
        batches(10, 0)
