import numpy as np
import pytest

from helpers.taylor.coefficients import (
    AbsoluteMeans,
    coefficients_from_derivatives,
    inputs_in,
    numbered_inputs,
    over_trainings,
    ranking_table,
    top_of_ranking,
)


def random_derivatives(events=1000, inputs=4, seed=0):
    generator = np.random.default_rng(seed)
    hessian = generator.normal(size=(events, inputs, inputs))
    return generator.normal(size=(events, inputs)), hessian + hessian.transpose(0, 2, 1)


def averaged(gradient, hessian, weights=None):
    return coefficients_from_derivatives(gradient, hessian, numbered_inputs(gradient.shape[1]), weights)


def test_coefficients_are_means_of_absolute_values_with_the_factors_of_the_expansion():
    gradient = np.array([[1.0, -2.0], [-3.0, 2.0]])
    hessian = np.array([[[2.0, -1.0], [-1.0, 4.0]], [[-6.0, 3.0], [3.0, 0.0]]])
    found = averaged(gradient, hessian)
    np.testing.assert_allclose(found.first, [2, 2])
    np.testing.assert_allclose(found.second, [[2, 2], [2, 1]])  # 1/2 on the diagonal, none beside it
    np.testing.assert_allclose(found.first_error, [1 / np.sqrt(2), 0], atol=1e-12)
    weighted = averaged(gradient, hessian, weights=np.array([3.0, 1.0]))
    np.testing.assert_allclose(weighted.first, [1.5, 2])
    np.testing.assert_allclose(weighted.second, [[1.5, 1.5], [1.5, 1.5]])
    np.testing.assert_allclose(weighted.first_error[0], np.sqrt(9 * 0.25 + 1 * 2.25) / 4)


def test_ranking_holds_every_coefficient_once_and_the_largest_first():
    found = averaged(*random_derivatives(inputs=30))
    ranking = found.ranking()
    assert len(ranking) == len({row.inputs for row in ranking}) == 495
    values = [row.value for row in ranking]
    assert values == sorted(values, reverse=True)
    assert len(found.ranking((1,))) == 30
    assert len(found.ranking((2,))) == 465
    assert len(top_of_ranking(ranking, 0.05)) == 25
    assert len(top_of_ranking(ranking, 1e-6)) == 1


def test_a_coefficient_is_found_by_name_in_either_order():
    found = coefficients_from_derivatives(*random_derivatives(), ["a", "b", "c", "d"])
    assert found.coefficient("b", "d").value == found.coefficient("d", "b").value == found.second[1, 3]
    assert found.coefficient("c").error == found.first_error[2]
    assert found.coefficient("a", "a").label == "t(a, a)"
    assert inputs_in([found.coefficient("c"), found.coefficient("b", "c"), found.coefficient("a", "a")]) == [
        "c",
        "b",
        "a",
    ]
    table = ranking_table(found.ranking(), top=3)
    assert len(table.splitlines()) == 4
    assert found.ranking()[0].label in table


def test_a_table_never_shows_nothing_but_zeros():
    gradient, hessian = random_derivatives()
    table = ranking_table(averaged(1e-5 * gradient, 1e-7 * hessian).ranking(), top=2)
    assert "e-06" in table
    assert "0.000 " not in table
    assert table.splitlines()[-1].startswith("All are below 0.0005: are the inputs standardised")


def test_merged_blocks_equal_the_whole():
    gradient, hessian = random_derivatives()
    weights = np.random.default_rng(1).uniform(size=1000)
    whole = averaged(gradient, hessian, weights)
    first, second = np.triu_indices(4)
    rows = np.concatenate([gradient, hessian[:, first, second]], axis=1).T
    sums = AbsoluteMeans(rows[:, :1].copy(), weights[:1])
    for part in (slice(1, 300), slice(300, 999), slice(999, 1000)):
        sums.merge(AbsoluteMeans(rows[:, part].copy(), weights[part]))
    found = sums.coefficients(whole.names)
    for attribute in ("first", "second", "first_error", "second_error"):
        np.testing.assert_allclose(getattr(found, attribute), getattr(whole, attribute), rtol=1e-10)


def test_errors_keep_their_digits_when_values_hardly_differ():
    """Single precision: 1 + 1e-4 noise has squares that agree to the last digit; the spread must survive."""
    noise = np.random.default_rng(0).normal(size=(2, 200_000)) * 1e-4
    sums, *others = (AbsoluteMeans(block) for block in np.split((1 + noise).astype(np.float32), 40, axis=1))
    for block in others:
        sums.merge(block)
    np.testing.assert_allclose(sums.coefficients(["x"]).first_error, 1e-4 / np.sqrt(200_000), rtol=0.01)


def test_integer_weights_count_events():
    gradient, hessian = random_derivatives(events=50)
    weights = np.random.default_rng(2).integers(0, 4, 50)
    weighted = averaged(gradient, hessian, weights)
    repeated = averaged(np.repeat(gradient, weights, 0), np.repeat(hessian, weights, 0))
    np.testing.assert_allclose(weighted.first, repeated.first)
    np.testing.assert_allclose(weighted.second, repeated.second)
    scaled = averaged(gradient, hessian, weights * 1e-30)
    np.testing.assert_allclose(scaled.second_error, weighted.second_error)


def test_the_error_describes_the_spread_between_samples():
    pulls = []
    for seed in range(400):
        found = averaged(*random_derivatives(events=200, seed=seed))
        pulls.append((found.first - np.sqrt(2 / np.pi)) / found.first_error)  # mean of |normal|
    assert 0.9 < np.std(pulls) < 1.1
    assert abs(np.mean(pulls)) < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda found: found.coefficient("y"), "x1, x2, x3, x4"),
        (lambda found: found.coefficient(), "one or two"),
        (lambda found: found.ranking((3,)), "Orders are a list of 1"),
        (lambda found: top_of_ranking(found.ranking(), 0), "share"),
    ],
)
def test_wrong_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call(averaged(*random_derivatives()))


def test_trainings_are_averaged_and_their_spread_is_the_error():
    found = [averaged(*random_derivatives(seed=seed)) for seed in range(3)]
    combined = over_trainings(found)
    np.testing.assert_allclose(combined.second, np.mean([one.second for one in found], axis=0))
    np.testing.assert_allclose(combined.first_error, np.std([one.first for one in found], axis=0, ddof=1))
    other = coefficients_from_derivatives(*random_derivatives(), list("abcd"))
    for few in (found[:1], [], [found[0], other]):
        with pytest.raises(ValueError, match="at least two trainings"):
            over_trainings(few)
