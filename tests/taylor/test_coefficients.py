import numpy as np
import pytest

from helpers.taylor.coefficients import (
    AbsoluteMeans,
    coefficients_from_derivatives,
    inputs_in,
    over_trainings,
    ranking_table,
    top_of_ranking,
)


def random_derivatives(events=1000, inputs=4, seed=0):
    generator = np.random.default_rng(seed)
    hessian = generator.normal(size=(events, inputs, inputs))
    return generator.normal(size=(events, inputs)), hessian + hessian.transpose(0, 2, 1)


def test_coefficients_are_means_of_absolute_values_with_the_factors_of_the_expansion():
    gradient = np.array([[1.0, -2.0], [-3.0, 2.0]])
    hessian = np.array([[[2.0, -1.0], [-1.0, 4.0]], [[-6.0, 3.0], [3.0, 0.0]]])
    found = coefficients_from_derivatives(gradient, hessian)
    np.testing.assert_allclose(found.first, [2, 2])
    np.testing.assert_allclose(found.second, [[2, 2], [2, 1]])  # 1/2 on the diagonal, none beside it
    np.testing.assert_allclose(found.first_error, [1 / np.sqrt(2), 0], atol=1e-12)
    weighted = coefficients_from_derivatives(gradient, hessian, weights=np.array([3.0, 1.0]))
    np.testing.assert_allclose(weighted.first, [1.5, 2])
    np.testing.assert_allclose(weighted.second, [[1.5, 1.5], [1.5, 1.5]])
    np.testing.assert_allclose(weighted.first_error[0], np.sqrt(9 * 0.25 + 1 * 2.25) / 4)


def test_ranking_holds_every_coefficient_once_and_the_largest_first():
    found = coefficients_from_derivatives(*random_derivatives(inputs=30))
    ranking = found.ranking()
    assert len(ranking) == len({row.inputs for row in ranking}) == 495
    values = [row.value for row in ranking]
    assert values == sorted(values, reverse=True)
    assert len(found.ranking((1,))) == 30
    assert len(found.ranking((2,))) == 465
    assert len(top_of_ranking(ranking, 0.05)) == 25
    assert len(top_of_ranking(ranking, 1e-6)) == 1


def test_a_coefficient_is_found_by_name_in_either_order():
    found = coefficients_from_derivatives(*random_derivatives(), names=["a", "b", "c", "d"])
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


def test_blocks_and_working_space_change_nothing():
    gradient, hessian = random_derivatives()
    weights = np.random.default_rng(1).uniform(size=1000)
    whole = coefficients_from_derivatives(gradient, hessian, weights)
    pair = np.triu_indices(4)
    rows = np.concatenate([gradient, hessian[:, pair[0], pair[1]]], axis=1).T
    sums = AbsoluteMeans(14)
    for start in (0, 1, 300, 999):
        stop = {0: 1, 1: 300, 300: 999, 999: 1000}[start]
        sums.add(rows[:, start:stop].copy(), weights[start:stop], overwrite=True)
    sums.add(rows[:, :0], weights[:0])
    blocks = sums.coefficients()
    for attribute in ("first", "second", "first_error", "second_error"):
        np.testing.assert_allclose(getattr(blocks, attribute), getattr(whole, attribute), rtol=1e-10)
    assert blocks.events == whole.events == 1000


def test_merging_parts_equals_adding_blocks():
    gradient, hessian = random_derivatives()
    weights = np.random.default_rng(1).uniform(size=1000)
    pair = np.triu_indices(4)
    rows = np.concatenate([gradient, hessian[:, pair[0], pair[1]]], axis=1).T
    whole, total = AbsoluteMeans(14), AbsoluteMeans(14)
    whole.add(rows, weights)
    for part in (slice(0, 10), slice(10, 10), slice(10, 700), slice(700, 1000)):
        sums = AbsoluteMeans(14)
        sums.add(rows[:, part], weights[part])
        total.merge(sums)
    for attribute in ("first", "second", "first_error", "second_error"):
        np.testing.assert_allclose(
            getattr(total.coefficients(), attribute), getattr(whole.coefficients(), attribute), rtol=1e-10
        )


def test_errors_keep_their_digits_when_values_hardly_differ():
    """Single precision: 1 + 1e-4 noise has squares that agree to the last digit; the spread must survive."""
    noise = np.random.default_rng(0).normal(size=(2, 200_000)) * 1e-4
    sums = AbsoluteMeans(2)
    for block in np.split((1 + noise).astype(np.float32), 40, axis=1):
        sums.add(block)
    found = sums.coefficients()
    np.testing.assert_allclose(found.first_error, 1e-4 / np.sqrt(200_000), rtol=0.01)


def test_integer_weights_count_events():
    gradient, hessian = random_derivatives(events=50)
    weights = np.random.default_rng(2).integers(0, 4, 50)
    weighted = coefficients_from_derivatives(gradient, hessian, weights)
    repeated = coefficients_from_derivatives(np.repeat(gradient, weights, 0), np.repeat(hessian, weights, 0))
    np.testing.assert_allclose(weighted.first, repeated.first)
    np.testing.assert_allclose(weighted.second, repeated.second)
    scaled = coefficients_from_derivatives(gradient, hessian, weights * 1e-30)
    np.testing.assert_allclose(scaled.second_error, weighted.second_error)


def test_the_error_describes_the_spread_between_samples():
    pulls = []
    for seed in range(400):
        found = coefficients_from_derivatives(*random_derivatives(events=200, seed=seed))
        pulls.append((found.first - np.sqrt(2 / np.pi)) / found.first_error)  # mean of |normal|
    assert 0.9 < np.std(pulls) < 1.1
    assert abs(np.mean(pulls)) < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g, h: coefficients_from_derivatives(g, h[:, :3]), "shapes"),
        (lambda g, h: coefficients_from_derivatives(g * np.nan, h), "first derivative is not finite"),
        (lambda g, h: coefficients_from_derivatives(g, h / 0.0), "second derivative is not finite"),
        (lambda g, h: coefficients_from_derivatives(g[:0], h[:0]), "no event"),
        (lambda g, h: coefficients_from_derivatives(g, h, np.ones(3)), "one weight for each"),
        (lambda g, h: coefficients_from_derivatives(g, h, -np.ones(1000)), "not negative"),
        (lambda g, h: coefficients_from_derivatives(g, h, np.zeros(1000)), "above zero"),
        (lambda g, h: coefficients_from_derivatives(g, h, np.full(1000, np.nan)), "finite"),
        (lambda g, h: coefficients_from_derivatives(g, h, names=["a", "b"]), "4 different names"),
        (lambda g, h: coefficients_from_derivatives(g, h, names=list("aabc")), "4 different names"),
        (lambda g, h: coefficients_from_derivatives(g, h).coefficient("y"), "x1, x2, x3, x4"),
        (lambda g, h: coefficients_from_derivatives(g, h).coefficient(), "one or two"),
        (lambda g, h: coefficients_from_derivatives(g, h).ranking((3,)), "Orders are a list of 1"),
        (lambda g, h: top_of_ranking(coefficients_from_derivatives(g, h).ranking(), 0), "share"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_wrong_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call(*random_derivatives())


def test_trainings_are_averaged_and_their_spread_is_the_error():
    found = [coefficients_from_derivatives(*random_derivatives(seed=seed)) for seed in range(3)]
    combined = over_trainings(found)
    np.testing.assert_allclose(combined.second, np.mean([one.second for one in found], axis=0))
    np.testing.assert_allclose(combined.first_error, np.std([one.first for one in found], axis=0, ddof=1))
    other = coefficients_from_derivatives(*random_derivatives(), names=list("abcd"))
    for few in (found[:1], [], [found[0], other]):
        with pytest.raises(ValueError, match="at least two trainings"):
            over_trainings(few)
