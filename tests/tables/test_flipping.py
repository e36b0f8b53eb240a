"""Pixel flipping: exact on a linear network, bounded in passes, the same in any batch. Rows of tables, and collages."""

import flipping as module
import numpy as np
import pytest
from flipping import (
    FLIPPING,
    SANITY,
    TOP,
    cascade_curves,
    collage_scenes,
    filling,
    flipping,
    flipping_rows,
    random_curves,
    sanity_row,
    tile_sums,
)

from helpers.photos.collages import cutout_names
from helpers.sanity.methods import random_map
from helpers.sanity.randomisation import edge_detector
from helpers.sanity.truth import Scenes, explained
from helpers.vgg16.gradients import gradient_times_input, input_gradient, logits, pixel_map
from helpers.vgg16.networks import vgg16


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(3, 8, 9, 3))


def contributions(model, images, target, fill=0.0):
    """What every pixel contributes to a linear score against its filling."""
    return (input_gradient(model, images, target) * (images - fill)).sum(axis=-1)


def by_hand(score, sums, steps):
    """The curve of a linear score when tiles go in the order in which ``sums`` stand."""
    counts = np.rint(np.linspace(0, 1, steps + 1) * len(sums)).astype(int)
    return score - np.concatenate([[0], np.cumsum(sums)])[counts]


def test_curves_of_a_linear_network_by_hand(linear_model, images):
    target, fill, steps = np.array([0, 1, 1]), 0.5, 4
    maps = contributions(linear_model, images, target, fill)
    found = flipping(linear_model, images, target, maps, tile=2, steps=steps, fill=fill)
    scores = logits(linear_model, images)[np.arange(3), target]
    for n, sums in enumerate(tile_sums(maps, 2).reshape(3, -1)):
        assert len(sums) == 4 * 5
        np.testing.assert_allclose(found.most[n], by_hand(scores[n], np.sort(sums)[::-1], steps), atol=1e-9)
        np.testing.assert_allclose(found.least[n], by_hand(scores[n], np.sort(sums), steps), atol=1e-9)
    assert np.array_equal(found.shares, [0, 0.25, 0.5, 0.75, 1])


def test_shares_are_those_of_whole_tiles(linear_model, images):
    """A third of 20 tiles are 7, two thirds 13."""
    found = flipping(linear_model, images, 0, contributions(linear_model, images, 0), tile=2, steps=3, fill=0.0)
    assert np.array_equal(found.shares, [0, 7 / 20, 13 / 20, 1])


def test_no_order_beats_the_contributions_of_a_linear_network(linear_model, images):
    maps = contributions(linear_model, images, 0)
    best = flipping(linear_model, images, 0, maps, tile=3, steps=9, fill=0.0)
    for seed in range(5):
        other = np.random.default_rng(seed).normal(size=maps.shape)
        curves = flipping(linear_model, images, 0, other, tile=3, steps=9, fill=0.0)
        for curve in (curves.most, curves.least, curves.random):
            assert np.all(best.most <= curve + 1e-9)
            assert np.all(best.least >= curve - 1e-9)
        assert np.all(best.over_random > curves.over_random)


def test_areas_change_sign_with_the_map_and_agree_with_the_curves(linear_model, images):
    maps = contributions(linear_model, images, 0)
    found = flipping(linear_model, images, 0, maps, tile=2, steps=4, fill=0.0)
    turned = flipping(linear_model, images, 0, -maps, tile=2, steps=4, fill=0.0)
    np.testing.assert_allclose(turned.over_least, -found.over_least)
    assert np.all(found.over_random > 0)
    assert np.all(turned.over_random < 0)
    gap = found.random - found.most
    np.testing.assert_allclose(found.over_random, (gap[:, 1:-1].sum(axis=1) + (gap[:, 0] + gap[:, -1]) / 2) / 4)


def test_the_ends_are_the_picture_and_the_filling(linear_model, images):
    found = flipping(linear_model, images, 1, np.zeros((3, 8, 9)), tile=4, steps=3, fill="blur")
    ends = [logits(linear_model, part)[:, 1] for part in (images, filling(images, "blur", 4))]
    for curve in (found.most, found.least, found.random):
        np.testing.assert_allclose(curve[:, [0, -1]].T, ends)


def test_a_flat_map_is_a_random_order(linear_model, images):
    """Where the map makes no difference, tiles go in random order, and nothing is gained over another."""
    many = np.repeat(images[:1], 200, axis=0)
    found = flipping(linear_model, many, 0, np.ones((200, 8, 9)), tile=1, steps=4, fill=0.0, batch_size=200)
    spread = found.over_random.std() / np.sqrt(200)
    assert spread > 0
    assert abs(found.over_random.mean()) < 4 * spread
    assert np.all(found.over_least == 0)  # both orders are the same


def test_the_reader_of_a_patch_falls_at_once(patch_reader):
    """Four tiles of 2 x 2 pixels are the whole score; the other 32 do nothing."""
    image = np.random.default_rng(1).uniform(1, 2, size=(1, 12, 12, 3)).astype(np.float32)
    maps = contributions(patch_reader, image, 0)
    found = flipping(patch_reader, image, 0, maps, tile=2, steps=9, fill=0.0)
    assert found.most[0, 0] > 40
    np.testing.assert_allclose(found.most[0, 1:], 0, atol=1e-4)
    np.testing.assert_allclose(found.least[0, :-1], found.least[0, 0], rtol=1e-6)


def test_random_curves_can_be_shared(linear_model, images):
    settings = {"tile": 2, "steps": 4, "fill": 0.0, "draws": 3, "seed": 7}
    maps = contributions(linear_model, images, 0)
    alone = flipping(linear_model, images, 0, maps, **settings)
    shared = random_curves(linear_model, images, 0, **settings)
    np.testing.assert_array_equal(alone.random, shared)
    again = flipping(linear_model, images, 0, maps, random=shared, **settings)
    np.testing.assert_array_equal(again.most, alone.most)


def test_batches_do_not_matter(linear_model, images):
    maps = np.random.default_rng(3).normal(size=(3, 8, 9))
    one, many = (flipping(linear_model, images, 0, maps, tile=2, steps=5, batch_size=b) for b in (1, 50))
    for name in ("most", "least", "random"):
        np.testing.assert_allclose(getattr(one, name), getattr(many, name))


def test_the_number_of_passes_is_the_one_that_is_stated(linear_model, images, monkeypatch):
    passed = []
    monkeypatch.setattr(module, "logits", lambda m, x, b: (passed.append(len(x)), logits(m, x, b))[1])
    shared = random_curves(linear_model, images, 0, tile=2, steps=4, draws=2, batch_size=5)
    assert sum(passed) == 3 * (2 * 3 + 2)
    assert max(passed) <= 5
    passed.clear()
    flipping(linear_model, images, 0, np.ones((3, 8, 9)), tile=2, steps=4, random=shared, batch_size=5)
    assert sum(passed) == 3 * 2 * 3
    assert max(passed) <= 5


def test_fillings():
    images = np.random.default_rng(2).normal(3, 1, size=(2, 12, 10, 3))
    blurred = filling(images, "blur", 3)
    assert np.abs(np.diff(blurred, axis=1)).max() < 0.3 * np.abs(np.diff(images, axis=1)).max()
    np.testing.assert_allclose(filling(np.full((1, 6, 6, 3), 2.0), "blur", 2), 2.0)
    np.testing.assert_allclose(filling(images[:1], "blur", 3), blurred[:1])  # pictures and colours are not mixed
    np.testing.assert_allclose(filling(images[..., :1], "blur", 3), blurred[..., :1])
    assert np.array_equal(filling(images, (1, 2, 3))[1, 5, 5], [1, 2, 3])


def test_tiles_at_the_border_may_be_smaller():
    maps = np.arange(20.0).reshape(1, 4, 5)
    assert np.array_equal(tile_sums(maps, 2), [[[12, 20, 13], [52, 60, 33]]])
    assert tile_sums(maps, 3).sum() == maps.sum()


def truthful(model, images, target):
    return pixel_map(gradient_times_input(model, images, target), "sum")


def test_flipping_knows_the_truthful_method(patch_reader):
    images = np.random.default_rng(0).uniform(0.5, 1, size=(10, 12, 12, 3)).astype(np.float32)
    part = Scenes(images, np.ones((10, 1, 12, 12), bool), np.zeros((10, 1), int))
    maps = {
        name: explained(patch_reader, method, part) for name, method in (("true", truthful), ("random", random_map))
    }
    maps["turned"] = -maps["true"]
    rows = flipping_rows(patch_reader, part, maps, tile=2, steps=6, fill=0.0)
    assert all(set(row) == set(FLIPPING) for row in rows.values())
    over_random = {name: row["flipping"] for name, row in rows.items()}
    assert over_random["true"][0] > 10 * over_random["true"][1] > 0
    assert over_random["turned"][0] < 0
    assert abs(over_random["random"][0]) < 5 * over_random["random"][1]
    assert rows["turned"]["flipping, least"][0] == pytest.approx(-rows["true"]["flipping, least"][0])


def test_sanity_tells_who_looks_at_the_network(small_cam_network):
    images = np.random.default_rng(2).normal(size=(4, 12, 10, 3))
    scenes = Scenes(images, np.ones((4, 1, 12, 10), bool), np.arange(4).reshape(4, 1))
    before = [weights.copy() for weights in small_cam_network.get_weights()]
    sobel, gradient, silent = (
        sanity_row(small_cam_network, method, scenes, draws=2)
        for method in (edge_detector, truthful, lambda m, x, t: np.zeros(x.shape[:3]))
    )
    assert set(sobel) == set(SANITY)
    assert sobel["spearman"] == (1, 0)
    assert sobel["undefined"][0] == 0
    assert abs(gradient["spearman"][0]) < 0.6
    assert np.isnan(silent["spearman"][0])
    assert silent["undefined"][0] == 1
    for a, b in zip(before, small_cam_network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_curves_of_a_cascade_end_where_all_is_random(small_cam_network):
    images = np.random.default_rng(2).normal(size=(4, 12, 10, 3))
    scenes = Scenes(images, np.ones((4, 1, 12, 10), bool), np.arange(4).reshape(4, 1))
    sobel, gradient = (
        cascade_curves(small_cam_network, method, scenes, 2, ["scores", "conv1"])
        for method in (edge_detector, truthful)
    )
    assert sobel["spearman"].shape == (2, 8)
    assert (sobel["absolute"] == 1).all()
    ends = sanity_row(small_cam_network, truthful, scenes, draws=2)
    assert gradient["spearman"][-1].mean() == pytest.approx(ends["spearman"][0])


@pytest.fixture(scope="module")
def network():
    return vgg16("gap", input_size=96, quiet=True)


@pytest.mark.parametrize("things", [1, 2])
def test_collages_are_recognised_and_repeat(network, things):
    scenes, share = collage_scenes(network, 2, things, seed=4)
    again, _ = collage_scenes(network, 2, things, seed=4)
    other, _ = collage_scenes(network, 2, things, seed=5)
    assert scenes.masks.shape == (2, things, 96, 96)
    assert 0 < share <= 1
    order = np.argsort(-network.logits(scenes.images), axis=1)
    for best, targets in zip(order, scenes.targets, strict=True):
        assert set(targets) <= set(best[: TOP[things]])
        assert len(set(targets)) == things
    np.testing.assert_array_equal(scenes.images, again.images)
    np.testing.assert_array_equal(scenes.masks, again.masks)
    assert not np.array_equal(scenes.images, other.images)


class EveryFourth:
    """A fake network with two classes that puts the thing's class, 0, first in every fourth picture."""

    title, input_size, seen = "fake", 48, 0

    def preprocess(self, pictures):
        return pictures.astype(np.float32)

    def class_index(self, name):
        return 0

    def logits(self, images):
        number = self.seen + np.arange(len(images))
        self.seen += len(images)
        return np.column_stack([number % 4 == 0, np.full(len(images), 0.5)]).astype(float)


def test_the_share_counts_every_try():
    scenes, share = collage_scenes(EveryFourth(), 6, 1)
    assert len(scenes) == 6
    assert share == pytest.approx(6 / 21)  # kept are tries 1, 5, 9, 13, 17 and 21


class Generous(EveryFourth):
    """A fake network that knows the classes of all cut-outs and puts all of them among its first five."""

    classes = sorted(set(cutout_names().values()))

    def class_index(self, name):
        return self.classes.index(name)

    def logits(self, images):
        return np.zeros((len(images), len(self.classes)))


def test_two_things_are_of_two_classes(monkeypatch):
    monkeypatch.setattr(module, "TOP", {1: 20, 2: 20})
    scenes, share = collage_scenes(Generous(), 60, 2)
    assert share == 1
    assert np.all(scenes.targets[:, 0] != scenes.targets[:, 1])
    assert len(np.unique(scenes.targets)) == len(Generous.classes)


def test_a_network_that_recognises_nothing_ends_the_search(monkeypatch):
    monkeypatch.setattr(module, "TOP", {1: 0, 2: 0})  # nothing is ever recognised
    with pytest.raises(ValueError, match="recognised 0 of"):
        collage_scenes(EveryFourth(), 1)
