import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.higgs.selection import ams, background_left, best_selection, permutation_importance


def test_ams_by_hand():
    assert ams(0, 100) == 0
    s, b = 50.0, 40.0
    expected = np.sqrt(2 * ((s + b + 10) * np.log(1 + s / (b + 10)) - s))
    assert np.isclose(ams(s, b), expected)
    assert np.isclose(ams(s, b), 6.215258, rtol=1e-6)
    nearly = np.array([1.0, 2.0]) / np.sqrt(1e6 + 10)  # s / sqrt(b)
    np.testing.assert_allclose(ams(np.array([1.0, 2.0]), 1e6), nearly, rtol=1e-5)


def test_ams_keeps_its_digits_for_tiny_signals():
    assert np.isclose(ams(1e-6, 1e8), 1e-6 / 1e4, rtol=1e-2)


def test_the_best_selection_is_the_best_of_all_thresholds():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 300)
    response = np.round(np.clip(generator.normal(0.3 + 0.4 * labels, 0.2), 0, 1), 2)  # with ties
    weights = generator.uniform(0, 2, 300) * np.where(labels == 1, 1, 50)
    threshold, value = best_selection(response, labels, weights, least_background=0)
    by_hand = {
        cut: ams(weights[(response >= cut) & (labels == 1)].sum(), weights[(response >= cut) & (labels == 0)].sum())
        for cut in np.unique(response)
    }
    assert np.isclose(value, max(by_hand.values()))
    assert np.isclose(threshold, max(by_hand, key=by_hand.get))


def test_equal_responses_cannot_be_separated():
    _, value = best_selection(np.full(4, 0.5), np.array([1, 1, 0, 0]), np.ones(4), least_background=2)
    assert np.isclose(value, ams(2, 2))


def test_a_selection_without_background_does_not_win_by_chance():
    """115 signal events above all background: without the bound their AMS is that of no background at all."""
    response = np.r_[np.full(115, 0.9), np.linspace(0.1, 0.8, 1000)]
    labels = np.r_[np.ones(115), np.tile([0, 1, 0, 0], 250)]
    weights = np.where(labels == 1, 0.5, 2.0)
    threshold, value = best_selection(response, labels, weights, least_background=0)
    assert threshold == 0.9
    assert np.isclose(value, ams(57.5, 0))
    threshold, bounded = best_selection(response, labels, weights)
    chosen = response >= threshold
    assert np.sum(chosen & (labels == 0)) >= 10
    assert bounded < value
    assert np.isclose(bounded, ams(weights[chosen & (labels == 1)].sum(), weights[chosen & (labels == 0)].sum()))


def test_background_left_where_a_share_of_the_signal_is_kept():
    labels = np.r_[np.ones(5), np.zeros(10)]
    response = np.r_[0.1, 0.3, 0.5, 0.7, 0.9, np.linspace(0, 0.95, 10)]
    assert background_left(labels, response, 1) == np.mean(response[5:] >= 0.1)
    assert background_left(labels, response, 0.5) == np.mean(response[5:] >= 0.5)
    with pytest.raises(ValueError, match="got 0"):
        background_left(labels, response, 0)
    with pytest.raises(ValueError, match="background"):
        background_left(np.ones(5), response[:5], 0.5)


def test_only_inputs_that_are_used_have_permutation_importance():
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(2000, 3))
    labels = (inputs[:, 0] + 0.3 * inputs[:, 1] > 0).astype(float)
    before = inputs.copy()
    falls, errors = permutation_importance(lambda x: x[:, 0] + 0.3 * x[:, 1], inputs, labels, repeats=4)
    assert falls[0] > falls[1] > 10 * errors[1]
    assert falls[2] == errors[2] == 0
    np.testing.assert_array_equal(inputs, before)
    without = roc_auc_score(labels, generator.normal(size=2000) + 0.3 * inputs[:, 1])  # another event's first input
    assert abs(falls[0] - (1 - without)) < 0.04


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_selection(np.zeros(2), np.arange(2), -np.ones(2)), "not negative"),
        (lambda: best_selection(np.zeros(2), np.arange(2), np.full(2, 1e16)), "at most 1e\\+15"),
        (lambda: best_selection(np.zeros(2), np.arange(2), np.full(2, np.nan)), "finite"),
        (lambda: best_selection(np.arange(20), np.arange(20) > 10, np.ones(20), 12), "there are 11"),
        (lambda: best_selection(np.zeros(3), np.zeros(2), np.zeros(3)), "one length"),
        (lambda: best_selection(np.zeros(0), np.zeros(0), np.zeros(0)), "one length"),
        (
            lambda: permutation_importance(len, np.zeros((2, 2)), np.zeros(2), repeats=1),
            "repeats is a whole number from 2",
        ),
    ],
)
def test_wrong_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
