"""The toy world's pictures: what is said about them is true, to the pixel."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import chi2_contingency
from sklearn.linear_model import LogisticRegression

from helpers.files import fetch
from helpers.photos.collages import read_cutout
from helpers.toyworld.animals import LENGTHS, OUTLINES, poses, shaded_outline
from helpers.toyworld.backgrounds import BACKGROUNDS
from helpers.toyworld.coats import COATS, HUES, PATTERNS, colour_pairs, coloured, glyphs, pattern
from helpers.toyworld.world import (
    SIZE,
    Watermark,
    make_world,
    plant,
    swap_coats,
    tag_layers,
    with_watermark,
    without_watermark,
)


@pytest.fixture(scope="module")
def world():
    return make_world(1400, seed=3)


def same_scene(first, second) -> bool:
    names = ("masks", "outlines", "backgrounds", "mark_boxes")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


def test_shapes_and_names(world):
    assert world.pictures.shape == (1400, SIZE, SIZE, 3)
    assert world.pictures.dtype == np.uint8
    assert world.masks.shape == (1400, SIZE, SIZE)
    assert len(world) == 1400
    assert not world.marked.any()
    assert not world.mark_masks.any()
    assert set(world.names("outline")) == set(OUTLINES)
    assert set(world.names("coat")) == set(COATS)
    assert set(world.backgrounds) == set(range(len(BACKGROUNDS)))


def test_the_seed_decides_and_a_larger_world_begins_with_the_same_pictures(world):
    again = make_world(130, seed=3)
    assert np.array_equal(again.pictures, world.pictures[:130])
    assert np.array_equal(again.coats, world.coats[:130])
    other = make_world(130, seed=4)
    assert (other.pictures != again.pictures).any(axis=(1, 2, 3)).all()


def test_an_empty_world_can_be_had():
    assert make_world(0).pictures.shape == (0, SIZE, SIZE, 3)
    assert len(with_watermark(make_world(0))) == 0


def test_every_animal_is_in_the_picture_as_a_whole(world):
    area = (poses().opacity > 0).sum(axis=(2, 3))
    for outline, mask in zip(world.outlines[:300], world.masks[:300], strict=True):
        assert mask.sum() in area[outline]
        height, width = np.ptp(np.nonzero(mask), axis=1) + 1
        assert max(height, width) in range(LENGTHS[0] - 2, LENGTHS[-1] + 1)


def test_outline_coat_and_background_are_independent(world):
    for first, second in (("outlines", "coats"), ("outlines", "backgrounds"), ("coats", "backgrounds")):
        table = np.zeros((len(OUTLINES), len(COATS)))
        np.add.at(table, (getattr(world, first), getattr(world, second)), 1)
        table = table[table.sum(axis=1) > 0]
        assert chi2_contingency(table).pvalue > 0.001


def test_the_mean_colour_does_not_tell_the_coat(world):
    inside = world.masks[..., None]
    colour = (world.pictures * inside).sum(axis=(1, 2)) / inside.sum(axis=(1, 2))
    squares = np.concatenate([colour, colour**2 / 255, (colour * np.roll(colour, 1, axis=1)) / 255], axis=1) / 255
    model = LogisticRegression(max_iter=2000, C=10).fit(squares[:700], world.coats[:700])
    assert model.score(squares[700:], world.coats[700:]) < 0.42  # chance: 0.25


def test_the_shading_is_alike_for_all_animals():
    for outline in OUTLINES:
        opacity, shading = shaded_outline(outline)
        assert 0.95 < np.median(shading[opacity > 0.5]) < 1.05
        assert shading.max() <= 1.2
        assert shading.min() >= 0.6


@pytest.mark.parametrize(("outline", "most"), [("zebra", 0.055), ("tiger", 0.12), ("giraffe", 0.18)])
def test_little_of_the_photograph_s_own_pattern_is_left_in_the_shading(outline, most):
    """The slope of the shading's fine detail on the photograph's, 1 if all of it were kept."""
    opacity, shading = shaded_outline(outline)
    photo = read_cutout(fetch(f"toyworld/{outline}.png"), outline, outline).picture[..., :3].mean(axis=-1) / 255
    width = 0.06 * max(opacity.shape)

    def detail(values):
        smooth = gaussian_filter(values * opacity, width) / np.maximum(gaussian_filter(opacity, width), 1e-3)
        return (values - smooth)[opacity > 0.5]

    in_photo, in_shading = detail(photo), detail(shading)
    assert (in_photo * in_shading).sum() / (in_photo**2).sum() < most


def test_coats_can_be_swapped_and_nothing_else_changes(world):
    world = world.part(np.arange(300))
    marked = plant(world, Watermark("zebra", 0.5))
    swapped = swap_coats(marked, seed=1)
    assert same_scene(world, swapped)
    assert np.array_equal(swapped.marked, marked.marked)
    assert (swapped.coats != world.coats).all()
    assert set(swapped.names("coat")) == set(COATS)
    outside = ~(world.masks | marked.mark_masks)
    assert np.array_equal(swapped.pictures[outside], world.pictures[outside])
    changed = (swapped.pictures != marked.pictures).any(axis=-1)
    assert changed[world.masks].mean() > 0.95  # the rest has the same colour by chance, or a faint edge
    assert not np.array_equal(swap_coats(world, seed=2).coats, swapped.coats)
    with pytest.raises(ValueError, match="once"):
        swap_coats(swapped)
    with pytest.raises(ValueError, match="at least two"):
        swap_coats(make_world(3, coats=["plain"]))


def test_the_tag_is_on_its_class_only_and_at_its_rate(world):
    for watermark in (
        Watermark("horse", 0.3),
        Watermark("striped", 0.6, by="coat"),
        Watermark("lion"),
        Watermark("cow", 0),
    ):
        planted = plant(world, watermark)
        own = world.names(watermark.by) == watermark.class_name
        assert not planted.marked[~own].any()
        spread = np.sqrt(watermark.probability * (1 - watermark.probability) / own.sum())
        assert abs(planted.marked[own].mean() - watermark.probability) <= 3.3 * spread


def test_a_scene_with_the_tag_differs_inside_the_tag_only(world):
    drawn = make_world(200, seed=3, watermark=Watermark("horse", 0.7))
    differs = (drawn.pictures != world.pictures[:200]).any(axis=-1)
    assert not (differs & ~drawn.mark_masks).any()
    assert differs[drawn.mark_masks].mean() > 0.95
    assert drawn.marked.any()
    assert np.array_equal(differs.any(axis=(1, 2)), drawn.marked)
    assert np.array_equal(without_watermark(drawn).pictures, world.pictures[:200])
    everywhere = with_watermark(drawn)
    assert everywhere.marked.all()
    assert np.array_equal(everywhere.pictures[drawn.marked], drawn.pictures[drawn.marked])
    assert np.array_equal(without_watermark(everywhere).pictures, world.pictures[:200])
    # strokes are much brighter than the rim
    brightness, strokes = everywhere.pictures.mean(axis=-1), tag_layers()[0] > 0
    for picture, (top, left, bottom, right) in zip(brightness, everywhere.mark_boxes, strict=True):
        window = picture[top:bottom, left:right]
        assert window[strokes].mean() > window[~strokes].mean() + 90
        assert top > SIZE / 2
        assert right < SIZE / 2


def test_a_rarer_tag_stands_on_a_part_of_the_same_pictures(world):
    rare, common = (plant(world, Watermark("horse", p)).marked for p in (0.3, 0.6))
    assert rare.sum() < common.sum()
    assert not (rare & ~common).any()


def test_a_part_of_a_world(world):
    some = world.part(world.coats == 1)
    assert (some.names("coat") == "striped").all()
    assert np.array_equal(some.pictures, world.pictures[some.numbers])
    assert np.array_equal(swap_coats(some.part(np.arange(9))).pictures, swap_coats(world).pictures[some.numbers[:9]])
    last = world.part([5, 2])
    assert np.array_equal(with_watermark(last).pictures, with_watermark(world).pictures[[5, 2]])
    with pytest.raises(ValueError, match="each of 2"):
        last.part([True])


def test_a_world_of_some_outlines_coats_and_hues():
    drawn = make_world(60, 1, outlines=["lion", "cow"], coats="checked", backgrounds=["brick"], hue="blue")
    assert set(drawn.names("outline")) == {"lion", "cow"}
    assert set(drawn.names("coat")) == {"checked"}
    assert {BACKGROUNDS[number] for number in drawn.backgrounds} == {"brick"}
    inside = (drawn.pictures * drawn.masks[..., None]).sum(axis=(0, 1, 2)) / drawn.masks.sum()
    assert inside[2] > 1.5 * max(inside[:2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": -1}, "is a whole number"),
        ({"count": 2.5}, "is a whole number"),
        ({"seed": -3}, "is a whole number"),
        ({"outlines": ["unicorn"]}, "'unicorn'"),
        ({"coats": []}, "a name or a list of names"),
        ({"backgrounds": "snow"}, "'snow'"),
        ({"hue": "ultraviolet"}, "ultraviolet"),
        ({"outlines": ["lion"], "watermark": Watermark("horse")}, "cannot be marked"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_world(**{"count": 2, **arguments})


def test_bad_watermarks_are_explained(world):
    with pytest.raises(ValueError, match="no outline 'unicorn'"):
        Watermark("unicorn")
    with pytest.raises(ValueError, match="no coat 'horse'"):
        Watermark("horse", by="coat")
    with pytest.raises(ValueError, match="from 0 to 1"):
        Watermark("horse", 1.5)
    with pytest.raises(ValueError, match='by "outline" or by "coat"'):
        Watermark("horse", by="name")
    with pytest.raises(ValueError, match="True or False"):
        with_watermark(world, [1, 2])
    with pytest.raises(ValueError, match="outline"):
        world.labels("colour")


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(name):
    drawn = pattern(name, 30, (50, 70), np.random.default_rng(0))
    assert drawn.shape == (30, 50, 70)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert np.array_equal(drawn, pattern(name, 30, (50, 70), np.random.default_rng(0)))
    spread = drawn.std(axis=(1, 2))
    assert (spread < 1e-6).all() if name == "plain" else (spread > 0.3).all()
    assert pattern(name, 0, (50, 70), np.random.default_rng(0)).shape == (0, 50, 70)


@pytest.mark.parametrize(("name", "least"), [("striped", 3), ("spotted", 2), ("patched", 2)])
def test_patterns_are_coarse_enough_to_be_seen(name, least):
    """Twice the area over the perimeter is the width of a stripe, and the radius of a spot.

    The perimeter is pi / 4 times the changes along rows and columns, averaged over all directions (Crofton).
    """
    drawn = pattern(name, 200, (64, 64), np.random.default_rng(1)) > 0.5
    changes = np.diff(drawn, axis=2).mean(axis=(1, 2)) + np.diff(drawn, axis=1).mean(axis=(1, 2))
    width = 2 * drawn.mean(axis=(1, 2)) / (np.pi / 4 * changes)
    assert np.median(width) > 1.2 * least
    assert width.min() > 0.8 * least


def test_patterns_grow_with_the_scale():
    small, large = (pattern("striped", 100, (96, 96), np.random.default_rng(2), scale) > 0.5 for scale in (1, 3))
    assert np.diff(large, axis=1).mean() == pytest.approx(np.diff(small, axis=1).mean() / 3, rel=0.25)


def test_two_colours_one_light_one_dark():
    pairs = colour_pairs(500, np.random.default_rng(0))
    brightness = pairs.max(axis=-1)
    assert np.abs(brightness[:, 0] - brightness[:, 1]).min() > 0.3
    assert 0.4 < (brightness[:, 0] > brightness[:, 1]).mean() < 0.6
    share = np.array([[[0.0, 0.25, 1.0]]], np.float32)
    painted = coloured(share, pairs[:1])[0, 0]
    np.testing.assert_allclose(painted, [pairs[0, 0], 0.75 * pairs[0, 0] + 0.25 * pairs[0, 1], pairs[0, 1]], rtol=1e-6)


@pytest.mark.parametrize("hue", HUES)
def test_hues_are_what_they_are_called(hue):
    red, green, blue = colour_pairs(100, np.random.default_rng(0), hue).reshape(-1, 3).T
    order = {
        "red": (red > 1.4 * green) & (red > 1.4 * blue),
        "orange": (red > green) & (green > blue),
        "yellow": (np.abs(red - green) < 0.3 * red) & (green > 1.4 * blue),
        "green": (green > 1.3 * red) & (green > 1.3 * blue),
        "blue": (blue > red) & (blue > green),
        "purple": (blue > green) & (red > green),
    }
    assert order[hue].all()


def test_a_missing_animal_is_explained(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.files.folders", lambda: [tmp_path])
    shaded_outline.cache_clear()
    with pytest.raises(FileNotFoundError, match="horse.png"):
        shaded_outline("horse")


def test_letters():
    assert np.array_equal(glyphs("LT")[0], [1, 0, 0, 0, 1, 1, 1])
    strokes, rimmed = tag_layers(zoom=2)
    assert strokes.shape == rimmed.shape == (14, 42)
    assert (rimmed >= strokes).all()
    assert rimmed.sum() > 1.5 * strokes.sum()
