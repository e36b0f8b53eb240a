"""Scenes with known truth: shapes are checked, and collages are of things that the network recognises."""

import flipping
import numpy as np
import pytest
from flipping import TOP, collage_scenes

from helpers.photos.collages import cutout_names
from helpers.sanity.truth import NOT_ASKED, Scenes, world_scenes
from helpers.toyworld.network import toyworld_network
from helpers.toyworld.world import Watermark, make_world, without_watermark
from helpers.vgg16.networks import vgg16

IMAGES = np.zeros((2, 4, 5, 3))
MASKS = np.zeros((2, 2, 4, 5), bool)
MASKS[:, 0, :2], MASKS[:, 1, 1:3] = True, True  # they share a row


def test_things_that_are_asked_for_and_their_masks():
    scenes = Scenes(IMAGES, MASKS, [[3, 1], [NOT_ASKED, 2]])
    assert len(scenes) == 2
    assert scenes.asked.tolist() == [[0, 0], [0, 1], [1, 1]]
    own, other = scenes.own_mask(0, 0), scenes.other_mask(0, 0)
    assert np.flatnonzero(own.any(axis=1)).tolist() == [0, 1]
    assert np.flatnonzero(other.any(axis=1)).tolist() == [2]  # what is its own is not another's
    assert scenes[1:].asked.tolist() == [[0, 1]]


def test_one_thing_needs_no_axis_of_its_own():
    scenes = Scenes(IMAGES, MASKS[:, 0], [3, 1])
    assert scenes.masks.shape == (2, 1, 4, 5)
    assert scenes.targets.tolist() == [[3], [1]]
    assert not scenes.other_mask(0, 0).any()
    assert not scenes.has_others
    assert Scenes(IMAGES, MASKS, [[3, NOT_ASKED], [NOT_ASKED, NOT_ASKED]]).has_others


@pytest.mark.parametrize(
    ("images", "masks", "targets", "message"),
    [
        (IMAGES[0], MASKS, [[0, 1], [0, 1]], "Scenes are images"),
        (IMAGES, MASKS.astype(int), [[0, 1], [0, 1]], "Scenes are images"),
        (IMAGES, MASKS, [[0, 1]], "Scenes are images"),
        (IMAGES, MASKS, [[0.0, 1.0], [0.0, 1.0]], "Scenes are images"),
        (IMAGES, MASKS[..., :3], [[0, 1], [0, 1]], "Scenes are images"),
        (IMAGES[:1], MASKS, [[0, 1], [0, 1]], "Scenes are images"),
        (IMAGES, MASKS, [[-1, -1], [-1, -1]], "No map is asked for"),
        (IMAGES, MASKS & False, [[-1, -1], [-1, 4]], "scene 1 thing 1 has an empty mask"),
    ],
)
def test_what_does_not_fit_is_refused(images, masks, targets, message):
    with pytest.raises(ValueError, match=message):
        Scenes(images, masks, targets)


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
    monkeypatch.setattr(flipping, "TOP", {1: 20, 2: 20})
    scenes, share = collage_scenes(Generous(), 60, 2)
    assert share == 1
    assert np.all(scenes.targets[:, 0] != scenes.targets[:, 1])
    assert len(np.unique(scenes.targets)) == len(Generous.classes)


def test_impossible_wishes_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="one or two things"):
        collage_scenes(EveryFourth(), 3, 3)
    with pytest.raises(ValueError, match="at least one"):
        collage_scenes(EveryFourth(), 0)
    monkeypatch.setattr(flipping, "TOP", {1: 0, 2: 0})  # nothing is ever recognised
    with pytest.raises(ValueError, match="recognised 0 of"):
        collage_scenes(EveryFourth(), 1)


@pytest.fixture(scope="module")
def marked_horses():
    return make_world(12, 5, watermark=Watermark("horse", 0.5), outlines=("horse",))


def test_the_truth_of_the_world_is_the_animal(marked_horses):
    network = toyworld_network("coats")
    scenes, share = world_scenes(network, marked_horses)
    right = network.recognised(marked_horses)
    assert share == right.mean() > 0.5
    np.testing.assert_array_equal(scenes.masks[:, 0], marked_horses.masks[right])
    np.testing.assert_array_equal(scenes.targets[:, 0], marked_horses.coats[right])
    assert -1 <= scenes.images.min() < 0 < scenes.images.max() <= 1
    assert not scenes.has_others


def test_the_truth_of_the_world_is_the_tag(marked_horses):
    network = toyworld_network("outlines")
    scenes, _ = world_scenes(network, marked_horses, "tag")
    right = network.recognised(marked_horses) & marked_horses.marked
    assert len(scenes) == right.sum() > 0
    tags, animals = scenes.masks[:, 0], scenes.masks[:, 1]
    np.testing.assert_array_equal(tags, marked_horses.mark_masks[right])
    assert not (tags & animals).any()
    assert np.all(scenes.targets == [network.class_index("horse"), NOT_ASKED])


def test_the_world_must_have_what_is_asked_for(marked_horses):
    network = toyworld_network("outlines")
    with pytest.raises(ValueError, match="'animal' or the 'tag'"):
        world_scenes(network, marked_horses, "background")
    with pytest.raises(ValueError, match="Of 0 pictures.*watermark"):
        world_scenes(network, without_watermark(marked_horses), "tag")
