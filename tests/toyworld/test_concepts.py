"""Concept sets and their random counterparts."""

import numpy as np
import pytest

from helpers.toyworld.coats import PATTERNS
from helpers.toyworld.concepts import CONCEPTS, SOURCES, concept_set, random_set
from helpers.toyworld.world import SIZE, make_world


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CONCEPTS)
def test_every_concept(name, source):
    pictures = concept_set(name, 12, 1, source=source)
    assert pictures.shape == (12, SIZE, SIZE, 3)
    assert pictures.dtype == np.uint8
    assert np.array_equal(pictures, concept_set(name, 12, 1, source=source))
    assert len(np.unique(pictures.reshape(12, -1), axis=0)) == 12
    assert (pictures != concept_set(name, 12, 2, source=source)).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("source", SOURCES)
def test_random_sets_differ_by_seed_and_repeat(source):
    first, second = random_set(40, 0, source=source), random_set(40, 1, source=source)
    assert first.shape == (40, SIZE, SIZE, 3)
    assert np.array_equal(first, random_set(40, 0, source=source))
    assert (first != second).any(axis=(1, 2, 3)).all()
    assert len(np.unique(first.reshape(40, -1), axis=0)) == 40


def test_concepts_share_no_picture_with_the_world_of_the_same_seed():
    world = make_world(50, 0).pictures
    assert (world != random_set(50, 0, source="world")).any(axis=(1, 2, 3)).all()


def test_larger_textures_show_the_same_number_of_stripes():
    """Runs of one brightness are three times as long at three times the size."""

    def edges(size):
        grey = concept_set("striped", 60, 0, size).mean(axis=-1)
        return (np.abs(np.diff(grey, axis=2)) > 25).mean() * size, (np.abs(np.diff(grey, axis=1)) > 25).mean() * size

    assert np.mean(edges(192)) == pytest.approx(np.mean(edges(64)), rel=0.8)
    assert concept_set("watermark", 3, 0, 224).shape == (3, 224, 224, 3)
    assert random_set(3, 0, 224).shape == (3, 224, 224, 3)


def test_colours_of_all_patterns_overlap():
    """Mean colours of two patterns' sets differ by less than three quarters of their spread."""
    colours = {name: concept_set(name, 150, 0).mean(axis=(1, 2)) for name in PATTERNS}
    spread = np.mean([values.std(axis=0) for values in colours.values()], axis=0)
    means = np.array([values.mean(axis=0) for values in colours.values()])
    assert (np.ptp(means, axis=0) < 0.75 * spread).all()


def test_colour_concepts_show_their_colour():
    red, green, blue = concept_set("red", 60, 0).mean(axis=(0, 1, 2))
    assert red > 1.3 * max(green, blue)
    red, green, blue = concept_set("blue", 60, 0).mean(axis=(0, 1, 2))
    assert blue > 1.3 * max(red, green)


def test_the_tag_is_on_every_picture_of_its_concept():
    assert (concept_set("watermark", 40, 0).max(axis=(1, 2)) > 215).all()
    plain = random_set(40, 0)
    assert not np.array_equal(plain, concept_set("watermark", 40, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "tartan"}, "no concept 'tartan'"),
        ({"source": "sky"}, "source='sky'"),
        ({"count": -1}, "count"),
        ({"size": 10}, "32 to 512"),
        ({"size": 224, "source": "world"}, "source='texture'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        concept_set(**{"name": "striped", "count": 2, **arguments})
