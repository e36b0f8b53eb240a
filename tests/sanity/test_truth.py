"""Scenes, and methods scored where the truth is planted: whoever finds it scores 1, chance scores the area."""

import numpy as np
import pytest

from helpers.sanity.methods import centre_blob, random_map
from helpers.sanity.tables import Table
from helpers.sanity.truth import (
    COLUMNS,
    NOT_ASKED,
    Scenes,
    chance_levels,
    clustered,
    columns_for,
    explained,
    score_maps,
    summary,
    world_scenes,
)
from helpers.toyworld.network import toyworld_network
from helpers.toyworld.world import Watermark, make_world, without_watermark
from helpers.vgg16.gradients import gradient_times_input, pixel_map

PATCH = np.zeros((12, 12), bool)
PATCH[4:8, 2:6] = True  # what the first logit of the planted network reads
CORNER = np.zeros((12, 12), bool)
CORNER[:3, 8:] = True


def truthful(model, images, target):
    return pixel_map(gradient_times_input(model, images, target), "sum")


@pytest.fixture(scope="module")
def scenes():
    """Forty pictures for the planted network: the patch is asked for, the corner is another thing."""
    images = np.random.default_rng(0).uniform(0.5, 1, size=(40, 12, 12, 3)).astype(np.float32)
    return Scenes(images, np.tile([PATCH, CORNER], (40, 1, 1, 1)), np.tile([0, NOT_ASKED], (40, 1)))


def given(maps):
    """A fake method that returns these maps, whatever it is asked."""
    return lambda model, images, target: np.asarray(maps)[: len(images)]


def truth_table(model, scenes, methods):
    columns = columns_for(scenes)
    rows = {
        name: summary(score_maps(scenes, explained(model, explain, scenes)), columns)
        for name, explain in methods.items()
    }
    return Table("maps against masks", columns, rows, chance_levels(scenes))


def test_planted_truth_scores_one(patch_reader, scenes):
    table = truth_table(patch_reader, scenes, {"planted": truthful})
    assert set(table.columns) == set(COLUMNS) == set(table.rows["planted"])
    means = {name: table.column(name)["planted"][0] for name in COLUMNS}
    assert means == {
        "own mass": pytest.approx(1),
        "other mass": pytest.approx(0),
        "points at own": 1,
        "points at other": 0,
        "empty": 0,
        "maps": 40,
    }


def test_fakes_score_what_they_say(patch_reader, scenes):
    fakes = {
        "the mask": given(np.tile(PATCH.astype(float), (40, 1, 1))),
        "the other's mask": given(np.tile(CORNER.astype(float), (40, 1, 1))),
        "against": given(np.tile(-PATCH.astype(float), (40, 1, 1))),
        "flat": given(np.ones((40, 12, 12))),
    }
    table = truth_table(patch_reader, scenes, fakes)
    own, other, point, empty = (
        {method: mean for method, (mean, _) in table.column(name).items()}
        for name in ("own mass", "other mass", "points at own", "empty")
    )
    assert (own["the mask"], other["the mask"], point["the mask"]) == (1, 0, 1)
    assert (own["the other's mask"], other["the other's mask"], point["the other's mask"]) == (0, 1, 0)
    assert table.column("points at other")["the other's mask"][0] == 1
    assert np.isnan(own["against"])
    assert empty == {"the mask": 0, "the other's mask": 0, "against": 1, "flat": 0}
    assert own["flat"] == pytest.approx(PATCH.mean())
    assert point["flat"] == 0


def test_a_random_map_scores_the_chance_level(patch_reader, scenes):
    table = truth_table(patch_reader, scenes, {"random map": random_map})
    assert table.chance["own mass"] == table.chance["points at own"] == pytest.approx(PATCH.mean())
    assert table.chance["other mass"] == pytest.approx(CORNER.mean())
    mass, error = table.column("own mass")["random map"]
    assert 0 < error < 0.02
    assert abs(mass - PATCH.mean()) < 4 * error
    hits, error = table.column("points at own")["random map"]
    assert abs(hits - PATCH.mean()) < 4 * np.sqrt(PATCH.mean() * (1 - PATCH.mean()) / 40)


def test_two_things_are_each_others_other():
    masks = np.array([[PATCH, CORNER]])
    scenes = Scenes(np.zeros((1, 12, 12, 3)), masks, np.array([[0, 1]]))
    maps = np.zeros((2, 12, 12))
    maps[0, 5, 3], maps[0, 0, 9] = 3, 1  # explains the patch: 3 of 4 on it
    maps[1, 5, 3], maps[1, 11, 11], maps[1, 0, 9] = 1, 2, -5  # explains the corner: nothing on it
    scores = score_maps(scenes, maps)
    assert np.array_equal(scores.own, [0.75, 0])
    assert np.allclose(scores.other, [0.25, 1 / 3])
    assert list(scores.place) == ["own", "elsewhere"]
    assert list(scores.scene) == [0, 0]


def test_scenes_of_one_thing_have_no_columns_about_others(patch_reader, scenes):
    alone = Scenes(scenes.images, scenes.masks[:, :1], scenes.targets[:, :1])
    table = truth_table(patch_reader, alone, {"planted": truthful})
    assert set(table.columns) == set(COLUMNS) - {"other mass", "points at other"}
    assert set(table.rows["planted"]) == set(table.columns)
    assert set(table.chance) == {"own mass", "points at own"}


def test_errors_run_over_scenes_and_not_over_maps():
    mean, error = clustered([0, 0, 1, 1], [0, 0, 1, 1])
    assert mean == 0.5
    assert error == pytest.approx(0.5)  # two scenes 0 and 1: std 1/sqrt(2), over sqrt(2)
    assert clustered([0, 1, 1], [0, 0, 1])[0] == 0.75  # scenes count alike, however many maps they have
    assert clustered([0.3, np.nan, 0.5, np.nan], [0, 0, 1, 2]) == (pytest.approx(0.4), pytest.approx(0.1))
    assert np.isnan(clustered([0.2, 0.4], [3, 3])[1])
    assert np.isnan(clustered([np.nan], [0])).all()


def test_coarse_maps_are_enlarged_and_batches_do_not_matter(patch_reader, scenes):
    coarse = explained(patch_reader, lambda m, x, t: np.ones((len(x), 3, 3)) * x[:, :1, :1, 0], scenes)
    assert coarse.shape == (40, 12, 12)
    np.testing.assert_allclose(coarse, np.tile(scenes.images[:, :1, :1, 0], (1, 12, 12)), rtol=1e-6)
    for method in (truthful, random_map, centre_blob):
        one, many = (explained(patch_reader, method, scenes, size) for size in (3, 40))
        np.testing.assert_allclose(one, many, rtol=1e-6)


def test_targets_reach_the_method_with_their_pictures(patch_reader):
    images = np.arange(3.0).reshape(3, 1, 1, 1) * np.ones((3, 12, 12, 3))
    targets = np.array([[0, 1], [1, NOT_ASKED], [NOT_ASKED, 0]])
    scenes = Scenes(images, np.tile([PATCH, CORNER], (3, 1, 1, 1)), targets)
    seen = []

    def spy(model, images, target):
        seen.extend(zip(images[:, 0, 0, 0], target, strict=True))
        return np.ones(images.shape[:3])

    explained(patch_reader, spy, scenes, 3)
    assert seen == [(0, 0), (0, 1), (1, 1), (2, 0)]


def test_maps_that_do_not_fit_are_refused(patch_reader, scenes):
    with pytest.raises(ValueError, match="each of 8 images"):
        explained(patch_reader, lambda m, x, t: np.ones((len(x), 12, 12, 3)), scenes)
    with pytest.raises(ValueError, match="NaN"):
        explained(patch_reader, lambda m, x, t: np.full(x.shape[:3], np.nan), scenes)


def test_things_that_are_asked_for_and_their_masks():
    masks = np.zeros((2, 2, 4, 5), bool)
    masks[:, 0, :2], masks[:, 1, 1:3] = True, True  # they share a row
    scenes = Scenes(np.zeros((2, 4, 5, 3)), masks, np.array([[3, 1], [NOT_ASKED, 2]]))
    assert len(scenes) == 2
    assert scenes.asked.tolist() == [[0, 0], [0, 1], [1, 1]]
    assert np.flatnonzero(scenes.other_mask(0, 0).any(axis=1)).tolist() == [2]  # what is its own is not another's
    assert scenes[1:].asked.tolist() == [[0, 1]]


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
    assert set(columns_for(scenes)) == set(COLUMNS) - {"other mass", "points at other"}


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
