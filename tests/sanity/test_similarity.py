import numpy as np
import pytest
from scipy.stats import spearmanr

from helpers.sanity.similarity import MEASURES, absolute_spearman, similarities, spearman, ssim


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(12, 15))
    return first, first + rng.normal(size=first.shape)


@pytest.mark.parametrize("measure", MEASURES.values())
def test_a_map_is_exactly_like_itself_and_the_order_does_not_matter(measure, pair):
    assert measure(pair[0], pair[0].copy()) == 1.0
    assert measure(*pair) == pytest.approx(measure(*pair[::-1]), abs=1e-12)
    assert 0.1 < measure(*pair) < 0.9


@pytest.mark.parametrize("measure", MEASURES.values())
@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_constant_map_is_like_nothing_not_even_itself(measure, value, pair):
    constant = np.full(pair[0].shape, value)
    assert np.isnan(measure(constant, pair[0]))
    assert np.isnan(measure(pair[0], constant))
    assert np.isnan(measure(constant, constant))


def test_a_map_of_one_size_and_two_signs_has_no_absolute_ranks(pair):
    assert np.isnan(absolute_spearman(np.sign(pair[0]), pair[0]))
    assert spearman(np.sign(pair[0]), pair[0]) > 0.5


def test_ranks_by_hand():
    # ranks 1 2 3 4 and 1 3 2 4: 1 - 6 * (1 + 1) / (4 * 15) = 0.8
    assert spearman([0.1, 0.2, 5.0, 6.0], [1, 3, 2, 4]) == pytest.approx(0.8)
    assert spearman([1.0, 2.0, 3.0], [-1, -2, -3]) == pytest.approx(-1)
    assert absolute_spearman([1.0, 2.0, 3.0, -4.0], [-1, -2, 3, 4]) == pytest.approx(1)


def test_ties_share_their_rank_as_scipy_has_it(pair):
    first, second = (np.round(values) for values in pair)
    assert spearman(first, second) == pytest.approx(spearmanr(first, second, axis=None).statistic, abs=1e-12)


def test_ranks_know_no_scale_and_ssim_no_linear_one(pair):
    first, second = pair
    assert spearman(np.exp(first), second) == pytest.approx(spearman(first, second), abs=1e-12)
    assert ssim(5 * first - 2, second / 7) == pytest.approx(ssim(first, second), abs=1e-12)
    assert ssim(-first, first) < 0.1  # structure turned inside out is not the same structure


def test_ssim_of_small_maps_and_of_maps_with_channels(pair):
    first, second = pair
    assert -1 < ssim(first[:5, :4], second[:5, :4]) < 1
    assert ssim(first[..., None], second[..., None]) == pytest.approx(ssim(first, second))
    with pytest.raises(ValueError, match="3 x 3"):
        ssim(first[:2], second[:2])
    with pytest.raises(ValueError, match="3 x 3"):
        ssim(first[0], second[0])


def test_many_maps_are_compared_one_to_one(pair):
    maps, others = np.stack([pair[0], pair[1]]), np.stack([pair[0], pair[0]])
    found = similarities(maps, others, ("ssim", "spearman"))
    assert list(found) == ["ssim", "spearman"]
    assert found["ssim"].tolist() == [1.0, ssim(pair[1], pair[0])]
    assert list(similarities(maps, others)) == ["spearman", "absolute", "ssim"]
    assert list(similarities(maps, others, "spearman")) == ["spearman"]


def test_places_that_are_left_out_do_not_count(pair):
    maps, others = np.stack([pair[0], pair[1]]), np.stack([pair[1], pair[0]])
    where = np.random.default_rng(1).random(maps.shape) < 0.5
    found = similarities(maps, others, ["spearman"], where=where)["spearman"]
    assert found.tolist() == [spearman(maps[n][where[n]], others[n][where[n]]) for n in range(2)]
    changed = np.where(where, maps, maps[::-1] ** 2)
    assert found.tolist() == similarities(changed, others, ["spearman"], where=where)["spearman"].tolist()
    with pytest.raises(ValueError, match="each value of the maps"):
        similarities(maps, others, where=where[0])


def test_what_cannot_be_compared_is_refused(pair):
    first, second = pair
    with pytest.raises(ValueError, match=r"\(12, 15\) and \(12, 14\)"):
        spearman(first, second[:, 1:])
    with pytest.raises(ValueError, match="same shape"):
        similarities(first[None], second[None, 1:])
    with pytest.raises(ValueError, match="spearman, absolute, ssim; got cosine"):
        similarities(first[None], second[None], ("cosine",))
    broken = first.copy()
    broken[3, 3] = np.nan
    for measure in MEASURES.values():
        with pytest.raises(ValueError, match="NaN"):
            measure(broken, second)
