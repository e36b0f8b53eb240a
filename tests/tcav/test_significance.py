"""The t-test, and what is said where there is none."""

import numpy as np
import pytest
from scipy import stats

from helpers.tcav.significance import ConceptTest, compare_scores, format_tests


def example(p=0.001, comparisons=1, accuracy=0.9, scores=(0.9, 1.0), random_scores=(0.4, 0.6), zero=0.0, undefined=""):
    return ConceptTest(
        concept="striped",
        layer="conv3",
        class_name="zebra",
        scores=np.array(scores),
        random_scores=np.array(random_scores),
        accuracy=accuracy,
        needed=0.7,
        mean_derivative=1.0,
        zero=zero,
        p=p,
        comparisons=comparisons,
        undefined=undefined,
    )


def test_without_overlap_it_is_the_test_of_welch():
    rng = np.random.default_rng(0)
    scores, random_scores = rng.uniform(0.4, 1, 20), rng.uniform(0, 1, 13)
    expected = stats.ttest_ind(scores, random_scores, equal_var=False).pvalue
    assert compare_scores(scores, random_scores, 0) == (pytest.approx(expected, rel=1e-9), "")
    assert compare_scores(random_scores, scores, 0)[0] == pytest.approx(expected, rel=1e-9)


def test_shared_pictures_make_a_difference_less_certain():
    scores, random_scores = np.linspace(0.6, 0.9, 20), np.linspace(0.2, 0.8, 20)
    p = [compare_scores(scores, random_scores, overlap)[0] for overlap in (0, 0.2, 0.6, 1)]
    assert p == sorted(p)
    assert p[0] < 1e-3 < p[-1]


def test_the_corrected_variance_is_that_of_scores_that_share_a_part():
    """Scores a + b_r with one a for all runs: the test holds its level for many draws of a."""
    rng, found, experiments = np.random.default_rng(1), 0, 2000
    for _ in range(experiments):
        scores = rng.normal() + rng.normal(size=10)
        found += compare_scores(scores, rng.normal(size=10) + rng.normal(size=10), overlap=1.0)[0] < 0.05
    assert found <= stats.binom.ppf(0.999, experiments, 0.05)
    assert found > 0.002 * experiments


@pytest.mark.parametrize(
    ("scores", "random_scores"),
    [([1.0, 1, 1], [0.0, 0, 0]), ([1.0, 1], [1.0, 1]), ([0.1 + 0.2, 0.3], [0.7, 0.7]), ([1.0], [0.2, 0.4]), ([], [])],
)
def test_without_spread_p_is_undefined_and_never_significant(scores, random_scores):
    p, why = compare_scores(np.array(scores), np.array(random_scores), 0)
    assert np.isnan(p)
    assert "spread" in why
    test = example(p=p, undefined=why)
    assert not test.significant
    assert np.isnan(test.p_corrected)
    assert test.stars == "undefined"


def test_spread_of_one_side_is_enough():
    p, why = compare_scores(np.ones(10), np.linspace(0.3, 0.7, 10), 0)
    assert 0 < p < 1e-3
    assert why == ""


def test_bonferroni_and_stars():
    assert [example(p=p).stars for p in (0.0009, 0.009, 0.04, 0.06)] == ["***", "**", "*", "n.s."]
    corrected = example(p=0.01, comparisons=10)
    assert corrected.p_corrected == pytest.approx(0.1)
    assert (corrected.stars, corrected.significant) == ("n.s.", False)
    assert example(p=0.5, comparisons=10).p_corrected == 1
    chance = example(p=1e-9, accuracy=0.69)
    assert (chance.stars, chance.significant) == ("no CAV", False)


def test_direction():
    assert example().direction == "above"
    assert example(scores=(0.0, 0.1)).direction == "below"
    assert example(scores=(0.4, 0.6)).direction == "level"


def test_the_table_says_all_of_it():
    why = "no spread: all scores are equal"
    tests = [example(), example(p=np.nan, undefined=why), example(p=1e-7, comparisons=24, zero=0.25), example(p=0.9)]
    lines = format_tests(tests).splitlines()
    assert len(lines) == 2 + 4 + 1
    assert lines[0].split("  ")[0] == "concept"
    assert "above random **" in lines[2]
    assert "0.95 ± 0.07" in lines[2]
    assert lines[3].count("undefined") == 3
    assert "< 0.0001" in lines[4]
    assert "(25% dead)" in lines[4]
    assert lines[5].endswith("n.s.")
    assert lines[6] == f"striped, conv3, zebra: p undefined, {why}"
    starts = {line.index("zebra") for line in lines[2:6]}
    assert len(starts) == 1
