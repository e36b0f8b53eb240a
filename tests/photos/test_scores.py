import numpy as np
import pytest

from helpers.photos.scores import area_share, mass_inside, pointing_hit, pointing_place

MASK = np.zeros((4, 5), bool)
MASK[1:3, 1:3] = True


def test_by_hand():
    values = np.zeros((4, 5))
    values[1, 1], values[0, 0], values[2, 2] = 3.0, 1.0, -5.0
    assert mass_inside(values, MASK) == 0.75
    assert pointing_hit(values, MASK)
    assert not pointing_hit(-values, ~MASK)
    assert area_share(MASK) == 0.2


def test_a_uniform_map_scores_the_area():
    assert mass_inside(np.ones((4, 5)), MASK) == pytest.approx(area_share(MASK))
    assert not pointing_hit(np.ones((4, 5)), MASK)


def test_inside_and_outside_share_the_mass():
    values = np.random.default_rng(0).normal(size=(4, 5))
    assert mass_inside(values, MASK) + mass_inside(values, ~MASK) == pytest.approx(1)
    assert mass_inside(7 * values, MASK) == pytest.approx(mass_inside(values, MASK))


def test_a_map_without_positive_values_has_no_mass():
    assert np.isnan(mass_inside(-np.ones((4, 5)), MASK))


def test_the_largest_value_has_a_place():
    other = np.zeros((4, 5), bool)
    other[3] = True
    values = np.zeros((4, 5))
    found = []
    for place in ((2, 2), (3, 0), (0, 0)):
        values[:] = 0
        values[place] = 1
        found.append(pointing_place(values, MASK, other))
    assert found == ["own", "other", "elsewhere"]
    assert pointing_place(np.ones((4, 5)), MASK, other) == "nowhere"
    assert pointing_place(-np.eye(4, 5), MASK, other) == "elsewhere"  # the first of the largest, row by row


@pytest.mark.parametrize(
    ("values", "mask"),
    [(np.ones((2, 2)), MASK), (np.ones((1, 4, 5)), MASK), (np.ones((4, 5)), MASK.astype(int)), (np.nan * MASK, MASK)],
)
def test_what_does_not_fit_is_refused(values, mask):
    with pytest.raises(ValueError, match="same shape|NaN"):
        mass_inside(values, mask)
