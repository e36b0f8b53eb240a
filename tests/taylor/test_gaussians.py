import numpy as np
import pytest

from helpers.taylor import gaussians
from helpers.taylor.gaussians import (
    TASKS,
    GaussianTask,
    bayes_auc,
    bayes_coefficients,
    bayes_derivatives,
    bayes_response,
    covariance_matrix,
    log_density_ratio,
    sample,
    toy_task,
)

# Means over 19 million events, with SciPy's densities and differences of the response for its derivatives: t(x1),
# t(x1,x2), t(x1,x1), AUC. Known to about 0.00005 and rounded by as much, the AUC to 0.0001.
MONTE_CARLO = {
    "a": (0.1625, 0.0648, 0.0324, 0.8413),
    "b": (0.1712, 0.2259, 0.0453, 0.7501),
    "c": (0.1611, 0.1699, 0.0647, 0.8771),
    "d": (0.1761, 0.0825, 0.1504, 0.8570),
}


@pytest.mark.parametrize("name", TASKS)
def test_exact_coefficients_agree_with_monte_carlo(name):
    task = toy_task(name)
    exact = bayes_coefficients(task)
    single, mixed, squared, auc = MONTE_CARLO[name]
    np.testing.assert_allclose(exact.first, single, atol=5e-4)
    np.testing.assert_allclose(exact.second[0, 1], mixed, atol=5e-4)
    np.testing.assert_allclose(np.diag(exact.second), squared, atol=5e-4)
    np.testing.assert_allclose(bayes_auc(task), auc, atol=5e-4)
    np.testing.assert_array_equal(exact.second, exact.second.T)


@pytest.mark.parametrize("name", TASKS)
def test_events_give_the_exact_coefficients_within_their_error(name):
    task = toy_task(name)
    exact = bayes_coefficients(task)
    inputs, _ = sample(task, 100_000, seed=3)
    found = bayes_coefficients(task, inputs)
    assert np.all(np.abs(found.first - exact.first) < 6 * found.first_error)
    assert np.all(np.abs(found.second - exact.second) < 6 * found.second_error)
    assert np.all(found.first_error < 0.01 * found.first)


def test_known_areas_under_the_curve():
    from scipy.stats import norm

    assert np.isclose(bayes_auc(toy_task("a")), norm.cdf(1), atol=1e-4)  # d' = sqrt(2), AUC = Phi(d' / sqrt(2))
    assert np.isclose(bayes_auc(toy_task("b")), 0.75, atol=1e-4)  # x1 x2 decides: two widths in ratio 3, rotated
    assert np.isclose(bayes_auc(toy_task("d")), 3 / 3.5, atol=1e-4)  # two exponentials in |x|^2: 3 / (3 + 0.5)
    alone = GaussianTask([0.5], [[1]], [-0.5], [[1]])
    assert np.isclose(bayes_auc(alone), norm.cdf(1 / np.sqrt(2)), atol=1e-4)


def test_quadrature_has_converged(monkeypatch):
    task = toy_task("c")
    coarse = bayes_coefficients(task)
    monkeypatch.setattr(gaussians, "_NODES", 501)
    fine = bayes_coefficients(task)
    np.testing.assert_allclose(coarse.first, fine.first, rtol=2e-4)
    np.testing.assert_allclose(coarse.second, fine.second, rtol=2e-4)


def test_response_is_the_ratio_of_densities():
    from scipy.stats import multivariate_normal

    task = GaussianTask(
        [0.3, -1.0], covariance_matrix((0.7, 2.0), 0.6), [-0.5, 0.2], covariance_matrix((1.5, 0.4), -0.8)
    )
    inputs = np.random.default_rng(0).normal(size=(50, 2))
    signal = multivariate_normal(task.signal_mean, task.signal_covariance).pdf(inputs)
    background = multivariate_normal(task.background_mean, task.background_covariance).pdf(inputs)
    np.testing.assert_allclose(bayes_response(task, inputs), signal / (signal + background), rtol=1e-10)
    np.testing.assert_allclose(log_density_ratio(task, inputs), np.log(signal / background), rtol=1e-9)


@pytest.mark.parametrize("inputs", [1, 2, 4])
def test_derivatives_agree_with_central_differences(inputs):
    generator = np.random.default_rng(inputs)
    root = generator.normal(size=(2, inputs, inputs))
    covariances = root @ root.transpose(0, 2, 1) + np.eye(inputs)
    task = GaussianTask(generator.normal(size=inputs), covariances[0], generator.normal(size=inputs), covariances[1])
    at = generator.normal(size=(20, inputs))
    response, gradient, hessian = bayes_derivatives(task, at)
    np.testing.assert_allclose(response, bayes_response(task, at))
    step = 1e-5
    for i, shift in enumerate(step * np.eye(inputs)):
        slope = (bayes_response(task, at + shift) - bayes_response(task, at - shift)) / (2 * step)
        np.testing.assert_allclose(gradient[:, i], slope, rtol=1e-6, atol=1e-9)
        bend = (bayes_derivatives(task, at + shift)[1] - bayes_derivatives(task, at - shift)[1]) / (2 * step)
        np.testing.assert_allclose(hessian[:, i], bend, rtol=1e-6, atol=1e-9)


def test_far_away_nothing_overflows():
    response, gradient, hessian = bayes_derivatives(toy_task("d"), np.array([[1e4, -1e4], [0, 0]]))
    assert np.isfinite(gradient).all()
    assert np.isfinite(hessian).all()
    assert 0 <= response.min() <= response.max() <= 1


def test_swapping_signal_and_background_changes_no_coefficient():
    task = GaussianTask([1, 0], covariance_matrix((1, 2), 0.3), [0, 0.5], np.eye(2))
    swapped = GaussianTask(task.background_mean, task.background_covariance, task.signal_mean, task.signal_covariance)
    np.testing.assert_allclose(bayes_coefficients(task).second, bayes_coefficients(swapped).second)
    assert np.isclose(bayes_auc(task), bayes_auc(swapped))


def test_a_scaled_input_scales_its_coefficients():
    plain = bayes_coefficients(GaussianTask([1, 0], np.eye(2), [0, 0], covariance_matrix((1, 2), 0.5)))
    scaled = bayes_coefficients(GaussianTask([10, 0], np.diag([100, 1]), [0, 0], covariance_matrix((10, 2), 0.5)))
    np.testing.assert_allclose(scaled.first, plain.first / [10, 1], rtol=1e-6)
    np.testing.assert_allclose(scaled.second, plain.second / [[100, 10], [10, 1]], rtol=1e-6)


@pytest.mark.parametrize("name", TASKS)
def test_samples_have_the_moments_of_the_task(name):
    task = toy_task(name)
    inputs, labels = sample(task, 100_001, seed=1)
    assert inputs.shape == (100_001, 2)
    assert inputs.dtype == labels.dtype == np.float32
    assert labels.sum() == 50_000
    assert abs(np.corrcoef(labels[:-1], labels[1:])[0, 1]) < 0.02  # shuffled
    for label, mean, covariance in (
        (1, task.signal_mean, task.signal_covariance),
        (0, task.background_mean, task.background_covariance),
    ):
        np.testing.assert_allclose(inputs[labels == label].mean(axis=0), mean, atol=0.03)
        np.testing.assert_allclose(np.cov(inputs[labels == label].T), covariance, atol=0.08)  # a variance of 4: ± 0.025
    again, _ = sample(task, 100_001, seed=1)
    np.testing.assert_array_equal(inputs, again)
    assert not np.array_equal(inputs, sample(task, 100_001, seed=2)[0])


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ([[1, 1], [1, 1]], "not positive definite"),
        ([[1, 2], [2, 1]], "not positive definite"),
        ([[0, 0], [0, 1]], "not positive definite"),
        ([[-1, 0], [0, 1]], "smallest eigenvalue is -1"),
        ([[1, 0.5], [0, 1]], "symmetric"),
        ([[1, np.nan], [np.nan, 1]], "finite"),
        (np.eye(3), r"shape \(2, 2\)"),
        (1.0, r"shape \(2, 2\)"),
    ],
)
def test_an_invalid_covariance_is_explained(covariance, message):
    with pytest.raises(ValueError, match=message):
        GaussianTask([0, 0], np.eye(2), [0, 0], covariance)
    with pytest.raises(ValueError, match="signal covariance"):
        GaussianTask([0, 0], covariance, [0, 0], np.eye(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: covariance_matrix((1, 1), 1), "between -1 and 1"),
        (lambda: covariance_matrix((0, 1)), "above zero"),
        (lambda: covariance_matrix((1, np.nan)), "finite"),
        (lambda: toy_task("e"), "a, b, c, d"),
        (lambda: sample(toy_task("a"), 1, seed=0), "from 2 on"),
        (lambda: GaussianTask([0, np.inf], np.eye(2), [0, 0], np.eye(2)), "signal mean"),
        (lambda: GaussianTask([0, 0], np.eye(2), [0], np.eye(1)), "same number"),
        (lambda: bayes_derivatives(toy_task("a"), [1.0, 2.0]), r"\(events, 2\)"),
        (lambda: bayes_derivatives(toy_task("a"), np.zeros((3, 3))), r"\(events, 2\)"),
        (lambda: bayes_derivatives(toy_task("a"), [[0, np.nan]]), "not finite"),
        (lambda: bayes_coefficients(toy_task("a"), np.zeros((0, 2))), "no event"),
        (lambda: bayes_coefficients(GaussianTask(*[np.zeros(3), np.eye(3)] * 2)), "Average over events"),
    ],
)
def test_wrong_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
