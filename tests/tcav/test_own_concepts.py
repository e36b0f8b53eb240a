"""Concept pictures from one tile, and from uploads."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers.tcav import own_concepts
from helpers.tcav.own_concepts import TILE, WINDOWS, _window, concept_from_uploads, texture_set, uploaded_pictures


def stripes(period=24, size=TILE, dark=(30, 40, 160), light=(250, 240, 200)):
    """Upright stripes, half dark and half light."""
    is_dark = np.arange(size) % period < period // 2
    return np.broadcast_to(np.where(is_dark[:, np.newaxis], dark, light), (size, size, 3)).astype(np.uint8)


def upright_edges(pictures):
    grey = pictures.mean(axis=-1)
    across, down = (np.abs(np.diff(grey, axis=axis)).sum() for axis in (2, 1))
    return across / (across + down)


def hues(pictures):
    """(n, 3): the pictures' mean colours, without brightness."""
    colours = pictures.mean(axis=(1, 2))
    return colours / colours.sum(axis=1, keepdims=True)


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def noise(seed, size=80):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3)).astype(np.uint8)


@pytest.mark.parametrize("colours", ["random", "kept"])
def test_all_pictures_differ_and_the_seed_decides(colours):
    pictures = texture_set(stripes(), 30, 1, colours=colours)
    assert pictures.shape == (30, 64, 64, 3)
    assert pictures.dtype == np.uint8
    assert len(np.unique(pictures.reshape(30, -1), axis=0)) == 30
    assert np.array_equal(pictures, texture_set(stripes(), 30, 1, colours=colours))
    assert not np.array_equal(pictures, texture_set(stripes(), 30, 2, colours=colours))


def test_windows_are_turned_to_any_direction():
    assert upright_edges(stripes()[np.newaxis]) == 1
    assert upright_edges(texture_set(stripes(), 60)) == pytest.approx(0.5, abs=0.1)


def test_colours_are_kept_or_drawn():
    grey, blue = (stripes(dark=dark, light=(255, 255, 255)) for dark in ((40, 40, 40), (20, 30, 220)))
    kept = [hues(texture_set(tile, 60, colours="kept")).mean(axis=0) for tile in (grey, blue)]
    assert kept[1][2] - kept[0][2] > 0.05
    drawn = [hues(texture_set(tile, 60)) for tile in (grey, blue)]
    np.testing.assert_allclose(drawn[0], drawn[1], atol=0.01)  # the tile's colours leave no trace
    assert drawn[0].std(axis=0).max() > 0.03


def test_colours_of_equal_brightness_are_a_pattern_too():
    pictures = texture_set(stripes(dark=(180, 60, 60), light=(60, 180, 60)), 20)
    assert pictures.mean(axis=-1).std(axis=(1, 2)).min() > 8


def test_a_window_shows_so_much_of_the_tile_and_nothing_beyond_it():
    """Where every pixel of a window comes from: a square of the right size, turned and mirrored, inside the tile."""
    ramp = np.linspace(0, 1, TILE, dtype=np.float32)
    places = np.stack(np.meshgrid(ramp, ramp), axis=-1)  # two channels: how far to the right, how far down
    rng = np.random.default_rng(0)
    seen = np.stack([_window(places, 64, rng) for _ in range(200)])
    across, down = seen[:, 31, -1] - seen[:, 31, 0], seen[:, -1, 31] - seen[:, 0, 31]
    sides = np.linalg.norm(across, axis=1)
    np.testing.assert_allclose(np.linalg.norm(down, axis=1), sides, rtol=0.06)
    np.testing.assert_allclose((across * down).sum(axis=1), 0, atol=0.02 * sides.max() ** 2)
    assert WINDOWS[0] * 0.94 < sides.min() < WINDOWS[0] + 0.03
    assert WINDOWS[1] - 0.03 < sides.max() < WINDOWS[1] * 1.06
    assert 60 < (np.linalg.det(np.stack([across, down], axis=1)) < 0).sum() < 140  # mirrored
    assert np.ptp(np.arctan2(*down.T)) > 6  # turned to any direction
    assert seen.min() >= 0
    middles = seen[:, 31:33, 31:33].mean(axis=(1, 2))
    assert (middles >= sides[:, np.newaxis] / 2 - 0.02).all()
    assert (middles <= 1 - sides[:, np.newaxis] / 2 + 0.02).all()


def test_size_and_grey_tiles():
    assert texture_set(stripes()[..., 0], 3, size=112).shape == (3, 112, 112, 3)
    assert texture_set(stripes(size=400)[:300], 3, size=32).shape == (3, 32, 32, 3)


def test_one_colour_is_a_concept_only_if_it_is_kept():
    plain = np.full((TILE, TILE, 3), (240, 200, 20), np.uint8)
    red, green, blue = texture_set(plain, 12, colours="kept").mean(axis=(0, 1, 2))
    assert red > green > 2 * blue
    with pytest.raises(ValueError, match="one colour all over"):
        texture_set(plain, 12)


def test_a_tile_that_is_blank_for_the_most_part_is_refused():
    tile = np.full((TILE, TILE, 3), 255, np.uint8)
    tile[:80, :80] = stripes()[:80, :80]
    with pytest.raises(ValueError, match="% of the tile is blank"):
        texture_set(tile, 12)
    tile[:, :200] = stripes()[:, :200]
    assert len(texture_set(tile, 12)) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tile": np.zeros((64, 64, 4), np.uint8)}, r"uint8 of shape \(64, 64, 4\)"),
        ({"tile": np.zeros((64, 64, 3))}, "float64"),
        ({"tile": np.zeros((20, 64, 3), np.uint8)}, "at least 32 pixels"),
        ({"count": 0}, "count=0"),
        ({"size": 1000}, "size=1000"),
        ({"colours": "mine"}, "'mine'"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        texture_set(**{"tile": stripes(), "count": 2, **arguments})


def file(name, content):
    return {"name": name, "content": memoryview(content)}


def test_uploads_are_read_and_the_others_named(monkeypatch):
    good = [file(f"{n}.png", png(noise(n))) for n in range(3)]
    broken = [file("torn.jpg", png(noise(9))[:200]), file("note.txt", b"words"), file("empty.png", b"")]
    copy = file("again.png", good[1]["content"])
    pictures, problems = uploaded_pictures([*good, *broken, copy], 40)
    assert pictures.shape == (3, 40, 40, 3)
    assert [problem.split()[0] for problem in problems] == ["torn.jpg", "note.txt", "empty.png", "again.png"]
    assert "same picture as 1.png" in problems[-1]
    monkeypatch.setattr(own_concepts, "MOST_UPLOADS", 2)
    pictures, problems = uploaded_pictures(good, 40)
    assert len(pictures) == 2
    assert "1 files beyond the first 2" in problems[0]
    assert uploaded_pictures([], 40)[0].shape == (0, 40, 40, 3)


def test_one_upload_is_cut_up_and_several_are_taken_whole():
    pictures, words = concept_from_uploads([file("s.png", png(stripes()))], 7, 0, 64, "random")
    assert np.array_equal(pictures, texture_set(stripes(), 7))
    assert "7 pictures cut" in words[0]
    several = [file(f"{n}.png", png(noise(n))) for n in range(10)]
    pictures, words = concept_from_uploads([*several, file("bad.png", b"?")], 7, 0, 64, "random")
    assert pictures.shape == (10, 64, 64, 3)
    assert "bad.png" in " ".join(words)


def test_too_few_uploads_are_explained():
    several = [file(f"{n % 5}.png", png(noise(n % 5))) for n in range(12)]
    with pytest.raises(ValueError, match=r"same picture as(.|\n)*5 different pictures of 12(.|\n)*at least 10"):
        concept_from_uploads(several, 7, 0, 64, "random")
    with pytest.raises(ValueError, match=r"x.png is not a picture"):
        concept_from_uploads([file("x.png", b"?")], 7, 0, 64, "random")
