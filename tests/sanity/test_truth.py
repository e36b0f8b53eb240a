"""Scoring methods where the truth is planted: whoever finds it scores 1, chance scores the area."""

import numpy as np
import pytest
from flipping import FLIPPING, SANITY, flipping_rows, sanity_row

from helpers.sanity.methods import centre_blob, random_map
from helpers.sanity.randomisation import edge_detector
from helpers.sanity.truth import COLUMNS, NOT_ASKED, Scenes, clustered, explained, score_maps, truth_table
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
    scenes = Scenes(np.zeros((1, 12, 12, 3)), masks, [[0, 1]])
    maps = np.zeros((2, 12, 12))
    maps[0, 5, 3], maps[0, 0, 9] = 3, 1  # explains the patch: 3 of 4 on it
    maps[1, 5, 3], maps[1, 11, 11], maps[1, 0, 9] = 1, 2, -5  # explains the corner: nothing on it
    scores = score_maps(scenes, maps)
    assert np.array_equal(scores.own, [0.75, 0])
    assert np.allclose(scores.other, [0.25, 1 / 3])
    assert list(scores.place) == ["own", "elsewhere"]
    assert list(scores.scene) == [0, 0]


def test_scenes_of_one_thing_have_no_columns_about_others(patch_reader, scenes):
    alone = Scenes(scenes.images, scenes.masks[:, 0], scenes.targets[:, 0])
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
    scenes = Scenes(images, np.tile([PATCH, CORNER], (3, 1, 1, 1)), [[0, 1], [1, NOT_ASKED], [NOT_ASKED, 0]])
    seen = []

    def spy(model, images, target):
        seen.extend(zip(images[:, 0, 0, 0], target, strict=True))
        return np.ones(images.shape[:3])

    explained(patch_reader, spy, scenes, 3)
    assert seen == [(0, 0), (0, 1), (1, 1), (2, 0)]


def test_progress_is_told(patch_reader, scenes):
    told = []
    methods = {"a": random_map, "b": centre_blob}
    truth_table(patch_reader, scenes, methods, progress=lambda *what: told.append(what))
    assert told == [(1, 2, "a"), (2, 2, "b")]


def test_flipping_knows_the_truthful_method(patch_reader, scenes):
    part = scenes[:10]
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
    scenes = Scenes(images, np.ones((4, 12, 10), bool), np.arange(4))
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


def test_maps_that_do_not_fit_are_refused(patch_reader, scenes):
    with pytest.raises(ValueError, match="ask for 40 maps"):
        score_maps(scenes, np.ones((39, 12, 12)))
    with pytest.raises(ValueError, match="ask for 40 maps.*enlarge"):
        score_maps(scenes, np.ones((40, 3, 3)))
    with pytest.raises(ValueError, match="each of 8 images"):
        explained(patch_reader, lambda m, x, t: np.ones((len(x), 12, 12, 3)), scenes)
    with pytest.raises(ValueError, match="NaN"):
        score_maps(scenes, np.full((40, 12, 12), np.nan))
