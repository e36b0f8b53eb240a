import numpy as np
import pytest

from helpers.photos.collages import CutOut, collage, cutout, cutout_names


def block(height, width, colour, name="block"):
    picture = np.zeros((height, width, 4), np.uint8)
    picture[..., :3], picture[..., 3] = colour, 255
    return CutOut(name, "nothing", picture)


GREY = np.full((100, 100, 3), 90, np.uint8)


def test_mask_and_picture_agree_to_the_pixel():
    scene = collage([block(20, 40, (255, 0, 0))], [(0.5, 0.3)], 0.4, GREY, size=100)
    assert scene.masks.shape == (1, 100, 100)
    rows, columns = np.nonzero(scene.masks[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 39, 30, 69)
    assert (scene.picture[scene.masks[0]] == (255, 0, 0)).all()
    assert (scene.picture[~scene.masks[0]] == 90).all()
    assert GREY.max() == 90  # the background is copied


def test_what_lies_on_top_hides_what_lies_below():
    scene = collage([block(9, 9, (1, 1, 1)), block(9, 9, (2, 2, 2))], [(0.5, 0.5), (0.6, 0.5)], 0.3, GREY, size=100)
    below, top = scene.masks
    assert not (below & top).any()
    assert top.sum() == 900
    assert below.sum() == 300
    assert (scene.picture[below] == 1).all()
    assert (scene.picture[top] == 2).all()


def test_the_seed_decides_everything():
    things = [block(10, 20, (255, 0, 0)), block(20, 10, (0, 0, 255))]
    first, again, other = (collage(things, sizes=[0.3, 0.5], size=96, seed=s) for s in (4, 4, 5))
    assert np.array_equal(first.picture, again.picture)
    assert np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.masks, other.masks)


def test_random_places_overlap_little():
    things = [block(10, 10, (255, 0, 0)), block(10, 10, (0, 0, 255))]
    for seed in range(10):
        masks = collage(things, sizes=0.4, background="brick", size=100, seed=seed).masks
        assert [mask.sum() for mask in masks] == [1600, 1600]


def test_the_course_has_cut_outs_with_masks():
    names = cutout_names()
    assert len(names) >= 6
    for name, class_name in names.items():
        thing = cutout(name)
        assert thing.class_name == class_name
        opaque = thing.picture[..., 3] > 127
        assert opaque[[0, -1]].any(axis=1).all()  # cropped to the thing
        assert opaque[:, [0, -1]].any(axis=0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"things": []}, "at least one"),
        ({"things": ["unicorn"]}, "no cut-out 'unicorn'"),
        ({"sizes": [0.3, 0.3]}, "as many sizes"),
        ({"sizes": 1.5}, "0.05 to 1"),
        ({"places": [(0.05, 0.5)]}, "reaches beyond"),
        ({"places": [(0.5, 0.5)] * 2}, "as many sizes and places"),
        ({"background": "sand"}, "'grass', 'gravel', 'brick'; got 'sand'"),
        ({"background": "brick", "size": 600}, "1 to 512 pixels wide; got size=600"),
        ({"background": np.zeros((10, 10, 3), np.uint8)}, "background picture"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    arguments = {"things": [block(5, 5, (0, 0, 0))], "background": GREY, "size": 100, **change}
    with pytest.raises(ValueError, match=message):
        collage(**arguments)
