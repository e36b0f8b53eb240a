"""Scenes to ask questions about: what is said of them is true, to the pixel."""

import numpy as np
import pytest

from helpers.questions.scenes import (
    ANGLES,
    APART,
    CANVAS,
    COLOURS,
    FEWEST,
    GAP,
    KINDS,
    LENGTHS,
    MOST,
    SIDE,
    SIZES,
    draw_scenes,
    dyes,
    middles,
    pieces,
)


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(400, seed=3)


def test_the_same_seed_gives_the_same_scenes_and_a_larger_count_begins_with_them(scenes):
    again = draw_scenes(150, seed=3)
    for name in ("pictures", "owners", "kinds", "colours", "sizes", "boxes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(scenes, name)[:150])
    assert (draw_scenes(150, seed=4).pictures != again.pictures).any()


def test_arrays_have_the_shapes_and_types_that_are_stated(scenes):
    assert scenes.pictures.shape == (400, SIDE, SIDE, 3)
    assert scenes.pictures.dtype == np.uint8
    assert scenes.owners.shape == (400, SIDE, SIDE)
    assert scenes.boxes.shape == (400, MOST, 4)
    assert set(scenes.counts) == set(range(FEWEST, MOST + 1))


def test_masks_are_exactly_what_the_things_change(scenes):
    """Outside the masks the picture is the bare ground; inside nearly every pixel differs from it."""
    bare = draw_scenes(400, seed=3, things=False)
    changed = (bare.pictures != scenes.pictures).any(axis=-1)
    covered = scenes.owners >= 0
    assert not (changed & ~covered).any()
    assert (changed & covered).sum() > 0.98 * covered.sum()
    np.testing.assert_array_equal(bare.owners, scenes.owners)


def test_every_mask_fills_its_frame_and_no_other_thing_reaches_into_it(scenes):
    for number in range(100):
        scene = scenes[number]
        assert scene.masks.shape == (len(scene), SIDE, SIDE)
        for mask, (top, left, bottom, right) in zip(scene.masks, scene.boxes, strict=True):
            rows, columns = np.nonzero(mask)
            assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == (top, left, bottom, right)
        assert scene.masks.sum(axis=0).max() == 1
    assert scenes.boxes.min() >= 0
    assert scenes.boxes.max() <= SIDE


def test_things_keep_their_distance(scenes):
    for number in range(len(scenes)):
        boxes = scenes[number].boxes.astype(int)
        for i, one in enumerate(boxes):
            for other in boxes[:i]:
                gaps = np.maximum(one[:2] - other[2:], other[:2] - one[2:])
                assert gaps.max() >= GAP
                assert np.hypot(*(middles(one) - middles(other))) >= APART


def test_small_and_large_are_clearly_apart(scenes):
    sides = (scenes.boxes[..., 2:] - scenes.boxes[..., :2]).max(axis=-1)
    small, large = (sides[scenes.sizes == SIZES.index(size)] for size in ("small", "large"))
    assert small.max() <= max(LENGTHS["small"]) + 1
    assert large.min() > 1.25 * small.max()


def test_things_have_the_colour_that_is_said(scenes):
    """The mean colour of a thing is nearest in hue, or in lack of it, to the colour of its name."""
    rgb = {"red": (1, 0.12, 0.12), "yellow": (1, 0.85, 0.12), "blue": (0.12, 0.4, 1), "white": (0.95, 0.95, 0.95)}
    wanted = np.array([rgb[name] for name in COLOURS])
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    right = []
    for number in range(100):
        scene = scenes[number]
        for mask, colour in zip(scene.masks, scene.colours, strict=True):
            mean = scene.picture[mask].mean(axis=0)
            right.append(COLOURS[np.argmax(wanted @ mean)] == colour)
    assert np.mean(right) > 0.98


def test_kind_colour_size_and_place_tell_nothing_of_each_other(scenes):
    """Over many scenes all combinations are about equally frequent: the largest |difference| is within chance."""
    many = [draw_scenes(400, seed=seed) for seed in (3, 5, 6)]
    kinds, colours, sizes = (
        np.concatenate([getattr(part, name) for part in many]) for name in ("kinds", "colours", "sizes")
    )
    present = kinds >= 0
    table = np.zeros((len(KINDS), len(COLOURS), len(SIZES)))
    np.add.at(table, (kinds[present], colours[present], sizes[present]), 1)
    assert table.min() > 0.6 * table.mean()
    assert table.max() < 1.4 * table.mean()


def test_no_scene_and_numbers_that_will_not_do():
    assert len(draw_scenes(0)) == 0
    for count, seed in ((-1, 0), (1.5, 0), (1, -1)):
        with pytest.raises(ValueError, match="whole number"):
            draw_scenes(count, seed)


def test_a_scene_says_what_it_shows(scenes):
    scene = scenes[0]
    assert scene.name(0) == f"{scene.sizes[0]} {scene.colours[0]} {scene.kinds[0]}"
    assert scene.kinds[0] == KINDS[scenes.kinds[0, 0]]


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
