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


def test_sums_over_squares_by_brute_force():
    values = np.random.default_rng(5).normal(size=(9, 7))
    corners = np.array([(y, x) for y in range(7) for x in range(5)])
    hidden = occlusion.HiddenSquares(np.zeros(35), corners, 3, (9, 7))
    assert np.allclose(hidden.sums(values), [values[y : y + 3, x : x + 3].sum() for y, x in corners], atol=1e-12)


def test_the_occlusion_map_is_made_of_the_falls(patch_reader):
    image = np.random.default_rng(1).random((1, 12, 12, 3)).astype(np.float32)
    hidden = occlusion.hide_everywhere(patch_reader, image, 0, size=5, stride=3)
    assert hidden.falls.shape == (16,)  # from 0, 3, 6 and 7 on, down and across
    assert np.array_equal(hidden.map, occlusion.occlusion_map(patch_reader, image, 0, patch=5, stride=3)[0])


def test_the_closure_test_tells_a_true_map_from_a_false_one(patch_reader):
    image = np.ones((1, 12, 12, 3), np.float32)
    true_map, false_map = np.zeros((12, 12)), np.zeros((12, 12))
    true_map[4:8, 2:6], false_map[8:, 8:] = 1, 1
    reports = []
    hidden = occlusion.hide_everywhere(
        patch_reader, image, 0, size=4, stride=2, progress=lambda *report: reports.append(report)
    )
    assert [report[:2] for report in reports][-1] == (25, 25)
    square, as_bad = occlusion.closure_test(hidden, true_map)
    assert tuple(hidden.corners[square]) == (4, 2)
    assert hidden.falls[square] == pytest.approx(48.0)
    assert as_bad == 1  # it alone covers all that the network reads
    square, as_bad = occlusion.closure_test(hidden, false_map)
    assert tuple(hidden.corners[square]) == (8, 8)
    assert hidden.falls[square] == 0
    assert as_bad == 25  # nothing costs less than nothing
    with pytest.raises(ValueError, match=r"\(12, 12\); got \(3, 3\)"):
        occlusion.closure_test(hidden, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="1 to 12 pixels.*got patch=13"):
        occlusion.hide_everywhere(patch_reader, image, 0, size=13, stride=1)
    with pytest.raises(ValueError, match="One picture"):
        occlusion.hide_everywhere(patch_reader, np.ones((2, 12, 12, 3)), 0, size=4, stride=2)


def test_a_map_that_knows_nothing_has_every_rank_equally_often():
    """Random maps on falls that are all different: as_bad / squares is uniform, mean (n + 1) / 2n."""
    draw = np.random.default_rng(3)
    corners = np.array([(y, x) for y in range(0, 12, 4) for x in range(0, 12, 4)])  # side by side: independent
    ranks = []
    for _ in range(400):
        hidden = occlusion.HiddenSquares(draw.normal(size=9), corners, 4, (12, 12))
        ranks.append(occlusion.closure_test(hidden, draw.random((12, 12)))[1])
    counts = np.bincount(ranks, minlength=10)[1:]
    assert counts.sum() == 400
    assert np.all(np.abs(counts - 400 / 9) < 5 * np.sqrt(400 / 9 * 8 / 9))


def test_probabilities_and_what_fills_too_many_channels_are_refused(patch_reader):
    image = np.ones((1, 12, 12, 3))
    softmax = keras.Sequential([patch_reader, keras.layers.Softmax()])
    for model, fill, says in ((softmax, 0, "logit"), (patch_reader, [1, 2], "fill is a number, or one for each of 3")):
        with pytest.raises(ValueError, match=says):
            occlusion.occlusion_map(model, image, 0, patch=4, stride=4, fill=fill)
        with pytest.raises(ValueError, match=says):
            occlusion.hide_everywhere(model, image, 0, size=4, stride=4, fill=fill)


def test_hiding_leaves_the_original_alone(patch_reader):
    image = np.ones((1, 12, 12, 3), np.float32)
    occlusion.hide_everywhere(patch_reader, image, 0, size=4, stride=4, fill=-1)
    assert image.min() == 1
