"""TCAV in the toy world, where it is known which concepts a network must use."""

import numpy as np
import pytest

from helpers.course.backend import keras
from helpers.tcav.runs import compare_with_random
from helpers.tcav.scores import activations, logit_gradients
from helpers.tcav.significance import ConceptTest
from helpers.toyworld.concepts import concept_set, random_set
from helpers.toyworld.network import preprocess, toyworld_network
from helpers.toyworld.world import make_world

CONCEPTS = ("striped", "spotted", "brick", "zigzag", "lettered")
DECOYS = ("brick", "zigzag", "lettered")  # the background says nothing; no animal wears the other two


@pytest.fixture(scope="module")
def pictures():
    concepts = {name: preprocess(concept_set(name, 300, seed=1, source="world")) for name in CONCEPTS}
    return concepts, preprocess(random_set(1200, seed=2, source="world")), make_world(400, seed=2024)


def concept_tests(model, layer, concepts, random, classes, comparisons=None) -> list[ConceptTest]:
    """Every concept for every class, whose pictures and target are given by name."""
    return compare_with_random(
        {name: activations(model, [layer], images) for name, images in concepts.items()},
        activations(model, [layer], random),
        {name: logit_gradients(model, [layer], images, target) for name, (images, target) in classes.items()},
        size=30,
        comparisons=comparisons,
    )


def all_tests(network, layer, pictures, names=CONCEPTS):
    concepts, random, world = pictures
    right = network.recognised(world)
    classes = {
        label: (preprocess(world.pictures[right & (world.labels(network.by) == number)][:60]), number)
        for number, label in enumerate(network.labels)
    }
    return concept_tests(network.model, layer, {name: concepts[name] for name in names}, random, classes)


def test_the_coat_network_uses_stripes_for_striped_and_spots_for_spotted_and_no_decoy(pictures):
    found = {(t.concept, t.class_name): t for t in all_tests(toyworld_network("coats"), "conv4", pictures)}
    above = {pair for pair, t in found.items() if t.significant and t.direction == "above"}
    assert above == {("striped", "striped"), ("spotted", "spotted")}
    assert not any(
        found[name, label].significant for name in DECOYS for label in ("plain", "striped", "spotted", "patched")
    )
    assert found["striped", "striped"].mean > 0.95
    assert found["spotted", "spotted"].mean > 0.95


def test_the_outline_network_has_no_vector_for_coats(pictures):
    for test in all_tests(toyworld_network("outlines"), "conv4", pictures, ("striped", "spotted")):
        assert not test.significant
        assert not test.is_meaningful


def test_a_network_that_cannot_see_patterns_shows_none(pictures):
    """Its first layer hands on the colours, averaged over the picture: stripes and spots are invisible to it."""
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            keras.layers.Conv2D(3, 1, name="colours"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, name="scores"),
        ]
    )
    model.set_weights([np.eye(3).reshape(1, 1, 3, 3), np.zeros(3), np.array([[1, -1], [0, 0], [-1, 1.0]]), np.zeros(2)])
    concepts, random, world = pictures
    classes = {"red": (preprocess(world.pictures[:60]), 0), "blue": (preprocess(world.pictures[:60]), 1)}
    asked = {name: concepts[name] for name in ("striped", "spotted")}
    assert not any(test.significant for test in concept_tests(model, "colours", asked, random, classes))


def test_the_tag_is_found_where_it_was_learned_only(pictures):
    _, random, _ = pictures
    tag = {"tag": preprocess(concept_set("watermark", 300, source="world"))}
    horses = preprocess(make_world(60, seed=7, outlines=("horse",)).pictures)
    found = {}
    for name in ("outlines", "outlines, watermark 1.0"):
        network = toyworld_network(name)
        classes = {"horse": (horses, network.class_index("horse"))}
        (found[name],) = concept_tests(network.model, "conv5", tag, random, classes, comparisons=4)
    assert not found["outlines"].significant
    assert found["outlines, watermark 1.0"].significant
    assert found["outlines, watermark 1.0"].mean_derivative > 4 * abs(found["outlines"].mean_derivative)
