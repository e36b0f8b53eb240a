"""Collages as pictures of a class, with what is behind the thing under control."""

import numpy as np
import pytest

from helpers.photos.collages import CutOut
from helpers.tcav import photo_concepts
from helpers.tcav.photo_concepts import class_cutouts, class_pictures, photo_concept, thing_pictures


class ColourNetwork:
    """Stands in for a photo network: names the strongest colour of the middle of a picture."""

    title, input_size, labels = "a network of colours", 64, ("red", "green", "blue")

    def class_index(self, name):
        return self.labels.index(name)

    def preprocess(self, pictures):
        return pictures.astype(np.float32)

    def logits(self, inputs):
        return inputs[:, 24:40, 24:40].mean(axis=(1, 2))

    def recognised(self, pictures, name):
        return self.logits(self.preprocess(pictures)).argmax(axis=1) == self.class_index(name)


def square(colour, opacity=255):
    return CutOut("square", "square", np.full((40, 40, 4), (*colour, opacity), np.uint8))


RED, BLUE = square((255, 0, 0)), square((0, 0, 255))


def is_red(pictures):
    return (pictures[..., 0] > 2 * pictures[..., 1].astype(int) + 40) & (pictures[..., 2] < 100)


@pytest.mark.parametrize("name", ["yellow", "striped", "grass", "random"])
def test_concept_pictures_repeat_differ_and_go_on(name):
    pictures = photo_concept(name, 60, 2)
    assert pictures.shape == (60, 64, 64, 3)
    assert pictures.dtype == np.uint8
    assert len(np.unique(pictures.reshape(60, -1), axis=0)) == 60
    assert np.array_equal(photo_concept(name, 12, 2), pictures[:12])
    assert not np.array_equal(photo_concept(name, 12, 3), pictures[:12])
    assert photo_concept(name, 0).shape == (0, 64, 64, 3)


def test_pieces_keep_the_patterns_as_coarse_as_their_scale():
    whole, piece = photo_concept("striped", 20, 0, 112), photo_concept("striped", 20, 0, 64)
    np.testing.assert_array_equal(piece, whole[:, 24:88, 24:88])

    def edges(pictures):
        return np.abs(np.diff(pictures.mean(axis=-1), axis=2)).mean()

    assert edges(photo_concept("striped", 50, 0, 64, 224)) < 0.8 * edges(photo_concept("striped", 50, 0, 64, 64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "tartan"}, "tartan"),
        ({"count": -1}, "count=-1"),
        ({"size": 200}, "from 32 to 112; got size=200"),
        ({"size": 8}, "size=8"),
    ],
)
def test_bad_concepts_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        photo_concept(**{"name": "striped", "count": 1, **arguments})


def test_cut_outs_of_a_class():
    assert class_cutouts("bell pepper") == ["green pepper", "yellow pepper"]
    assert class_cutouts("African_elephant") == class_cutouts("african elephant") == ["elephant"]
    with pytest.raises(ValueError, match="no cut-out of a 'tiger'.*koala"):
        class_cutouts("tiger")


def test_pictures_repeat_differ_and_go_on():
    pictures = thing_pictures(["elephant", "koala"], 12, 3, 64)
    assert pictures.shape == (12, 64, 64, 3)
    assert pictures.dtype == np.uint8
    assert len(np.unique(pictures.reshape(12, -1), axis=0)) == 12
    assert np.array_equal(thing_pictures(["elephant", "koala"], 5, 3, 64, start=7), pictures[7:])
    assert not np.array_equal(thing_pictures(["elephant", "koala"], 12, 4, 64), pictures)
    assert thing_pictures(["elephant"], 0, size=64).shape == (0, 64, 64, 3)


def test_the_background_alone_is_exchanged():
    grass, gravel = (thing_pictures([RED], 20, 5, 64, background) for background in ("grass", "gravel"))
    things = is_red(grass)
    assert np.array_equal(things, is_red(gravel))
    assert np.array_equal(grass[things], gravel[things])
    outside = ~things
    assert (grass[outside] != gravel[outside]).any(axis=-1).mean() > 0.9


def test_places_and_sizes_vary_and_the_whole_thing_is_seen():
    things = is_red(thing_pictures([RED], 60, 0, 64))
    sides = np.sqrt(things.sum(axis=(1, 2))) / 64
    low, high = photo_concepts.SIZES
    assert low - 0.05 < sides.min() < low + 0.1
    assert high - 0.1 < sides.max() < high + 0.05
    centres = np.array([np.argwhere(thing).mean(axis=0) for thing in things])
    assert (np.ptp(centres, axis=0) > 15).all()
    assert np.abs(np.corrcoef(sides, centres[:, 0])[0, 1]) < 0.4


def test_all_things_are_drawn_and_mirrored():
    half_red = RED.picture.copy()
    half_red[:, 20:] = (0, 0, 255, 255)
    pictures = thing_pictures([CutOut("half", "half", half_red)], 40, 0, 64)
    left = [np.argwhere(is_red(p))[:, 1].mean() < np.argwhere(is_red(p[..., ::-1]))[:, 1].mean() for p in pictures]
    assert 8 < sum(left) < 32
    reds = is_red(thing_pictures([RED, BLUE], 40, 0, 64)).any(axis=(1, 2))
    assert 8 < reds.sum() < 32


def test_the_background_says_nothing_about_the_thing():
    kinds = ("grass", "brick")
    reds = is_red(thing_pictures([RED, BLUE], 60, 0, 64, kinds)).any(axis=(1, 2))
    corner = thing_pictures([RED, BLUE], 60, 0, 64, kinds)[:, :8].mean(axis=(1, 2))
    green = corner[:, 1] > corner[:, 0]
    table = np.array([[(reds & green).sum(), (reds & ~green).sum()], [(~reds & green).sum(), (~reds & ~green).sum()]])
    assert table.min() >= 6


def test_only_recognised_pictures_are_kept_in_their_order():
    network, things = ColourNetwork(), [RED, BLUE]
    found, share = class_pictures(network, "red", 20, 1, things=things)
    assert found.shape == (20, 64, 64, 3)
    assert network.recognised(found, "red").all()
    tried = round(20 / share)
    every = thing_pictures(things, tried, 1, 64)
    right = network.recognised(every, "red")
    assert 20 < tried < 80
    assert right[-1]
    np.testing.assert_array_equal(found, every[right])
    again, _ = class_pictures(network, "red", 7, 1, things=things)
    np.testing.assert_array_equal(again, found[:7])


def test_what_is_never_recognised_is_given_up():
    with pytest.raises(ValueError, match="recognised 0 of .* pictures of 'green' at 64 pixels"):
        class_pictures(ColourNetwork(), "green", 5, background="gravel", things=[RED])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"things": ["unicorn"]}, "no cut-out 'unicorn'"),
        ({"things": "koala"}, "list of cut-outs"),
        ({"things": []}, "list of cut-outs"),
        ({"count": -1}, "count"),
        ({"seed": -1}, "seed"),
        ({"size": 16}, "size=16"),
        ({"background": "sky"}, "'sky'"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        thing_pictures(**{"things": ["koala"], "count": 1, "size": 64, **arguments})


def test_at_least_one_picture_is_asked_for():
    with pytest.raises(ValueError, match="from 1 on; got count=0"):
        class_pictures(ColourNetwork(), "red", 0, things=[RED])
