import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.vgg16 import occlusion


def test_a_linear_model_is_explained_exactly(linear_model):
    image = np.random.default_rng(0).normal(size=(1, 8, 9, 3))
    kernel = linear_model.layers[-1].kernel.numpy()[:, 1].reshape(8, 9, 3)
    fill = np.array([0.5, -1.0, 2.0])
    part = (kernel * (image[0] - fill)).sum(axis=-1)
    single = occlusion.occlusion_map(linear_model, image, 1, patch=1, stride=1, fill=fill)
    assert np.allclose(single[0], part, rtol=1e-10, atol=1e-12)
    tiled = occlusion.occlusion_map(linear_model, image, 1, patch=8, stride=8, fill=fill)
    # two patches of 8 columns cover 9 columns: the middle seven lie in both
    left, right = part[:, :8].sum(), part[:, 1:].sum()
    assert np.allclose(tiled[0, 0], [left, *[(left + right) / 2] * 7, right])


def test_every_pixel_is_covered():
    for length, patch, stride in [(224, 32, 16), (10, 3, 2), (10, 3, 3), (7, 7, 7), (9, 4, 3)]:
        starts = occlusion.patch_starts(length, patch, stride)
        covered = {pixel for start in starts for pixel in range(start, start + patch)}
        assert covered == set(range(length))


def test_patches_that_leave_pixels_out_are_refused(linear_model):
    for patch, stride in [(0, 1), (9, 1), (3, 4), (3, 0)]:
        with pytest.raises(ValueError, match=f"1 to 8 pixels.*got patch={patch}, stride={stride}"):
            occlusion.occlusion_map(linear_model, np.zeros((1, 8, 9, 3)), 0, patch, stride)


def test_the_planted_patch_is_found(patch_reader):
    image = np.ones((1, 12, 12, 3), np.float32)
    found = occlusion.occlusion_map(patch_reader, image, 0, patch=2, stride=2)
    assert found[0, 4:8, 2:6] == pytest.approx(12.0)
    assert found[0].sum() == pytest.approx(12.0 * 16)
    assert occlusion.best_window(found[0], 4) == (4, 2)


def test_best_window_by_brute_force():
    values = np.random.default_rng(5).normal(size=(9, 7))
    sums = {(y, x): values[y : y + 3, x : x + 3].sum() for y in range(7) for x in range(5)}
    assert occlusion.best_window(values, 3) == max(sums, key=sums.get)


def test_the_closure_test_tells_a_true_map_from_a_false_one(patch_reader):
    image = np.ones((1, 12, 12, 3), np.float32)
    true_map, false_map = np.zeros((12, 12)), np.zeros((12, 12))
    true_map[4:8, 2:6], false_map[8:, 8:] = 1, 1
    corner, fall, others = occlusion.closure_test(patch_reader, image, 0, true_map, size=4, draws=30)
    assert corner == (4, 2)
    assert fall == pytest.approx(48.0)
    assert others.shape == (30,)
    assert others.max() <= 48.0
    assert occlusion.closure_test(patch_reader, image, 0, false_map, size=4)[1] == pytest.approx(0.0)
    again = occlusion.closure_test(patch_reader, image, 0, true_map, size=4, draws=30)
    assert np.array_equal(again[2], others)
    with pytest.raises(ValueError, match="one picture"):
        occlusion.closure_test(patch_reader, image, 0, np.zeros((3, 3)), size=4)
    with pytest.raises(ValueError, match="from 1 to 12; got size=13"):
        occlusion.closure_test(patch_reader, image, 0, true_map, size=13)


def test_probabilities_and_what_fills_too_many_channels_are_refused(patch_reader):
    image, importance = np.ones((1, 12, 12, 3)), np.ones((12, 12))
    softmax = keras.Sequential([patch_reader, keras.layers.Softmax()])
    for model, fill, says in ((softmax, 0, "logit"), (patch_reader, [1, 2], "fill is a number, or one for each of 3")):
        with pytest.raises(ValueError, match=says):
            occlusion.occlusion_map(model, image, 0, patch=4, stride=4, fill=fill)
        with pytest.raises(ValueError, match=says):
            occlusion.closure_test(model, image, 0, importance, size=4, fill=fill)


def test_hiding_leaves_the_original_alone():
    images = np.ones((1, 4, 4, 1))
    hidden = occlusion.hide(images, (1, 2), 2, fill=-1)
    assert images.min() == 1
    assert (hidden == -1).sum() == 4
