"""Outlines, shading and colours of the things."""

import numpy as np
import pytest

from helpers.questions.scenes import ANGLES, CANVAS, COLOURS, KINDS, LENGTHS, SIZES, dyes, pieces


def test_all_poses_are_there_cropped_to_what_is_seen():
    bank = pieces()
    assert bank.opacity.shape == (len(KINDS), len(SIZES), 4 * len(ANGLES) * 2, CANVAS, CANVAS)
    for index in np.ndindex(bank.opacity.shape[:3]):
        rows, columns = np.nonzero(bank.opacity[index])
        assert (rows.min(), columns.min()) == (0, 0)
        assert (rows.max() + 1, columns.max() + 1) == tuple(bank.shape[index])
    assert bank.opacity.max() <= 1
    assert 0.5 < bank.shading.min() < bank.shading.max() < 1.5


def test_every_second_pose_is_the_mirror_image_of_the_one_before():
    bank = pieces()
    height, width = bank.shape[0, 1, 2]
    one, other = (bank.opacity[0, 1, pose, :height, :width] for pose in (2, 3))
    np.testing.assert_array_equal(one, other[:, ::-1])
    assert (one != other).any()


@pytest.mark.parametrize("size", SIZES)
def test_lengths_are_those_that_are_stated(size):
    """Thin ends fade, so some are a little shorter."""
    longer = pieces().shape[:, SIZES.index(size)].max(axis=-1)
    assert longer.max() <= max(LENGTHS[size]) + 1
    assert longer.min() >= 0.85 * min(LENGTHS[size])


def test_dyes_are_told_apart():
    """Red has little green and blue, yellow little blue, blue little red, white a bit of all."""
    rng = np.random.default_rng(0)
    drawn = {name: dyes(np.full((50, 6), n), rng).reshape(-1, 3) for n, name in enumerate(COLOURS)}
    assert all(((rgb >= 0) & (rgb <= 1)).all() for rgb in drawn.values())
    red, green, blue = drawn["red"].T
    assert (red > 2 * green).all()
    assert (red > 2 * blue).all()
    red, green, blue = drawn["yellow"].T
    assert (np.minimum(red, green) > 2 * blue).all()
    red, green, blue = drawn["blue"].T
    assert (blue > 2 * red).all()
    assert drawn["white"].min() > 0.8
