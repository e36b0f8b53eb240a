"""The league: a planted truth wins, a coarse perfect map scores its ceiling, a wrong entry is named."""

import itertools

import numpy as np
import pytest

from helpers.sanity.standings import QUANTILE, ceilings, league
from helpers.sanity.truth import Scenes, clustered, score_maps
from helpers.vgg16.cam import enlarge
from helpers.vgg16.gradients import gradient_times_input, pixel_map

PATCH = np.zeros((12, 12), bool)
PATCH[4:8, 2:6] = True  # what the first logit of the planted network reads


@pytest.fixture(scope="module")
def scenes():
    images = np.random.default_rng(0).uniform(0.5, 1, size=(10, 12, 12, 3)).astype(np.float32)
    return Scenes(images, np.tile(PATCH, (10, 1, 1, 1)), np.zeros((10, 1), int))


def truthful(model, images, target):
    return pixel_map(gradient_times_input(model, images, target), "sum")


def coarse(model, images, target):
    """The mask's means over tiles of 3 x 3: no map of 4 x 4 values can know more of it."""
    return np.tile(PATCH.reshape(4, 3, 4, 3).mean(axis=(1, 3)), (len(images), 1, 1))


def noise(model, images, target):
    return np.random.default_rng(len(images)).random(images.shape[:3])


def test_the_truth_wins_and_coarseness_alone_costs_what_the_ceiling_says(patch_reader, scenes):
    table = league(patch_reader, scenes, {"noise": noise, "truth": truthful, "coarse": coarse}, batch_size=4)
    own, ceiling = (table.column(name) for name in ("own mass", "ceiling"))
    assert table.ranked("own mass") == ["truth", "coarse", "noise"]
    assert own["truth"][0] == pytest.approx(1)
    assert ceiling["truth"][0] == ceiling["noise"][0] == 1
    assert own["coarse"][0] == pytest.approx(ceiling["coarse"][0])
    by_hand = enlarge(coarse(None, scenes.images[:1], 0), (12, 12))[0]
    assert ceiling["coarse"][0] == pytest.approx(by_hand[PATCH].sum() / by_hand.sum(), rel=1e-5)
    assert table.chance["own mass"] == pytest.approx(PATCH.mean())


def test_errors_are_those_of_an_interval(patch_reader, scenes):
    table = league(patch_reader, scenes, {"noise": noise}, batch_size=10)
    scores = score_maps(scenes, noise(None, scenes.images, 0))
    mean, error = clustered(scores.own, scores.scene)
    assert table.column("own mass")["noise"] == pytest.approx((mean, QUANTILE * error))


def test_a_map_that_is_no_map_is_named(patch_reader, scenes):
    for wrong in (lambda m, x, t: x, lambda m, x, t: x[0, ..., 0], lambda m, x, t: np.full(x.shape[:3], np.nan)):
        with pytest.raises(ValueError, match="'mine' should return a map"):
            league(patch_reader, scenes, {"mine": wrong})


def test_ceilings_fall_with_coarseness(scenes):
    means = [ceilings(scenes, (side, side)).mean() for side in (12, 6, 4, 2)]
    assert means[0] == 1
    assert all(a > b for a, b in itertools.pairwise(means))
