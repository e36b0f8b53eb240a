import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.taylor.gaussians import GaussianTask, bayes_auc, covariance_matrix, sample, toy_task
from helpers.taylor.stability import places, weighted_sums


def test_places_count_the_events_between():
    assert places([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]) == 0
    assert places([0.1, 0.2, 0.3, 0.4], [0.25, 0.2, 0.3, 0.4]) == 1 / 4 / 4 * 2  # 0.1 overtakes itself and 0.2
    response, moved = np.random.default_rng(0).uniform(size=(2, 500))
    assert np.isclose(places(response, moved), places(np.exp(5 * response), np.exp(5 * moved)))
    assert abs(places(response, moved) - 1 / 3) < 0.05  # two independent uniform numbers


@pytest.mark.parametrize("angle", [0, 30, 63, 90])
def test_weighted_sums_agree_with_events(angle):
    task = GaussianTask([1, 0.5], covariance_matrix((1, 2), 0.3), [-1, -0.2], covariance_matrix(correlation=-0.4))
    move = np.array([0.5, -0.2])
    exact_places, exact_auc = weighted_sums(task, move)
    inputs, labels = sample(task, 200_000, seed=1)
    weight = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    assert abs(exact_auc[angle] - roc_auc_score(labels, inputs @ weight)) < 0.005
    assert abs(exact_places[angle] - places(inputs @ weight, (inputs + move) @ weight)) < 0.001


def test_ends_of_weighted_sums_are_known():
    task = toy_task("a")
    found_places, auc = weighted_sums(task, [0.5, 0])
    assert found_places.shape == auc.shape == (91,)
    assert np.isclose(auc.max(), bayes_auc(task), atol=1e-4)  # equal covariances: the best response is a sum
    assert auc.argmax() == 45
    assert found_places[90] < 1e-12  # x2 alone does not feel the shift
    np.testing.assert_allclose(weighted_sums(task, [0, 0])[0], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: places([0.1, 0.2], [0.1]), r"moved has the shape \(2,\)"),
        (lambda: places(np.zeros((2, 1)), np.zeros((2, 1))), "response has the shape"),
        (lambda: places([np.nan], [0]), "finite"),
        (lambda: weighted_sums(GaussianTask([0], [[1]], [1], [[1]]), [1]), "two inputs; this task has 1"),
        (lambda: weighted_sums(toy_task("a"), [1]), r"move has the shape \(2,\)"),
    ],
)
def test_wrong_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
