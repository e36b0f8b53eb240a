import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.course.backend import keras, tf
from helpers.taylor.expansion import taylor_coefficients
from helpers.taylor.gaussians import TASKS, GaussianTask, bayes_auc, bayes_coefficients, sample, toy_task
from helpers.taylor.networks import build_network, dense_network, forward
from helpers.taylor.training import train, training_snapshots


def trained(task="a", events=4000, seed=1, **options):
    model = build_network(hidden=(10,), seed=seed)
    inputs, labels = sample(toy_task(task), events, seed=seed)
    return model, train(model, inputs, labels, **{"epochs": 4, "batch": 200, "seed": seed} | options)


@pytest.mark.parametrize("name", TASKS)
def test_a_trained_network_has_the_coefficients_of_the_best_response(name):
    task = toy_task(name)
    exact = bayes_coefficients(task)
    inputs, labels = sample(task, 200_000, seed=5)
    model = build_network(seed=50)
    train(model, inputs, labels, seed=5)
    test_inputs, test_labels = sample(task, 100_000, seed=6)
    found = taylor_coefficients(model, test_inputs)
    np.testing.assert_allclose(found.first, exact.first, rtol=0.15)
    np.testing.assert_allclose(found.second, exact.second, rtol=0.4)  # a curve is harder to learn than a slope
    response = forward(dense_network(model), test_inputs)[:, 0]
    assert abs(roc_auc_score(test_labels, response) - bayes_auc(task)) < 0.005


def test_training_is_quiet_and_repeatable(capfd):
    first, _ = trained()
    again, _ = trained()
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_the_weights_of_the_best_epoch_are_kept():
    model, history = trained(events=300, epochs=60, batch=20, learning_rate=0.5, patience=3, validation=0.5)
    assert len(history.loss) < 60  # stopped early
    assert len(history.loss) == history.best_epoch + 3
    assert history.best_epoch == np.argmin(history.validation_loss) + 1
    inputs, labels = sample(toy_task("a"), 300, seed=1)
    response = forward(dense_network(model), inputs[150:])[:, 0].astype(float)
    loss = -np.mean(np.log(np.where(labels[150:] == 1, response, 1 - response)))
    assert np.isclose(loss, history.validation_loss.min(), rtol=1e-4)


def test_weights_of_events_act_like_copies():
    """An event with weight zero is not there; the response moves to the class with the larger weight."""
    inputs, labels = sample(toy_task("b"), 4000, seed=1)
    responses = {}
    for weight in (1.0, 9.0):
        model = build_network(hidden=(10,), seed=0)
        train(model, inputs, labels, np.where(labels == 1, weight, 1.0), epochs=20, batch=200)
        responses[weight] = float(np.mean(model(inputs)))
    assert abs(responses[1.0] - 0.5) < 0.06
    assert abs(responses[9.0] - 0.9) < 0.06


def test_progress_is_reported_after_every_epoch():
    seen = []
    _, history = trained(progress=lambda done, total, text: seen.append((done, total, text)))
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 4]
    assert all(total == 4 for _, total, _ in seen)
    assert f"{history.validation_loss[0]:.4f}" in seen[0][2]


def squared_change(strength):
    return lambda response, moved: strength * tf.reduce_mean((moved - response) ** 2)


def test_a_penalty_on_the_change_leaves_what_the_other_input_says():
    """x1 says more than x2, but is uncertain: the best response that does not feel it is that of x2 alone."""
    task = GaussianTask([1, 0.5], np.eye(2), [-1, -0.5], np.eye(2))
    robust = GaussianTask([0, 0.5], np.eye(2), [0, -0.5], np.eye(2))
    inputs, labels = sample(task, 20_000, seed=1)
    change = np.array([0.5, 0], np.float32)
    found = {}
    for strength in (0, 1000):
        model = build_network(hidden=(20,), seed=1)
        train(
            model, inputs, labels, epochs=10, moved=[inputs + change, inputs - change], penalty=squared_change(strength)
        )
        found[strength] = dense_network(model)
    test_inputs, test_labels = sample(task, 50_000, seed=2)
    free, bound = (forward(found[strength], test_inputs)[:, 0] for strength in (0, 1000))
    assert abs(roc_auc_score(test_labels, free) - bayes_auc(task)) < 0.01
    assert abs(roc_auc_score(test_labels, bound) - bayes_auc(robust)) < 0.05
    first, exact = taylor_coefficients(found[1000], test_inputs).first, bayes_coefficients(robust).first
    assert first[0] < 0.03  # 0.19 without the penalty
    assert abs(first[1] - exact[1]) < 0.06


def test_a_penalty_of_zero_changes_nothing_and_is_a_mean_over_the_moved_inputs():
    (one, plain), (other, free) = (
        trained(),
        trained(moved=[sample(toy_task("a"), 4000, seed=9)[0]], penalty=squared_change(0)),
    )
    for weight, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-5)
    np.testing.assert_allclose(plain.validation_loss, free.validation_loss, rtol=1e-5)
    costs = [lambda response, moved: tf.reduce_mean(moved) * 0 + 2.0, squared_change(0)]
    inputs, _ = sample(toy_task("a"), 4000, seed=1)
    losses = [trained(epochs=1, moved=[inputs, inputs], penalty=cost)[1].validation_loss[0] for cost in costs]
    assert np.isclose(losses[0] - losses[1], 2, atol=1e-4)


def test_several_outputs():
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(3000, 2)).astype(np.float32)
    model = build_network(outputs=3, output_activation="softmax")
    classes = np.argmax(inputs @ [[1, 0, -1], [0, 1, -1]], axis=1)
    train(model, inputs, np.eye(3)[classes], loss="categorical_crossentropy", batch=100)
    assert np.mean(np.argmax(model(inputs), axis=1) == classes) > 0.95


def test_snapshots_show_the_way_from_the_start():
    inputs, labels = sample(toy_task("a"), 3000, seed=1)
    model = build_network(seed=0)
    start = model.get_weights()
    taken = list(training_snapshots(model, inputs, labels, steps=25, every=10))
    assert [step for step, _ in taken] == [0, 10, 20, 25]
    np.testing.assert_array_equal(taken[0][1].kernels[0], start[0])
    np.testing.assert_array_equal(taken[-1][1].kernels[0], model.get_weights()[0])
    losses = [np.mean((forward(network, inputs)[:, 0] - labels) ** 2) for _, network in taken]
    assert losses[0] > losses[1] > losses[-1]


def test_the_correlation_is_learned_after_the_means():
    """Task c, the observation of section 6 of the notebook: t(x1) gets near its final value before t(x1, x2)."""
    task = toy_task("c")
    inputs, labels = sample(task, 20_000, seed=1)
    exact = bayes_coefficients(task)
    shares = []
    for _, network in training_snapshots(build_network(seed=1), inputs, labels, steps=500, every=10):
        found = taylor_coefficients(network, inputs[:2000])
        shares.append([found.first[0] / exact.first[0], found.second[0, 1] / exact.second[0, 1]])
    shares = np.array(shares)
    assert np.all(shares[-1] > 0.9)
    reached = np.argmax(shares > 0.7, axis=0)
    assert 0 < 2 * reached[0] < reached[1]


def test_a_diverging_training_is_named_and_undone():
    class Diverging(keras.layers.Layer):
        def call(self, values, training=False):
            return values + (np.nan if training else 0.0)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid"), Diverging()])
    start = model.get_weights()
    inputs, labels = sample(toy_task("a"), 1000, seed=1)
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        train(model, inputs, labels, batch=100)
    np.testing.assert_array_equal(model.get_weights()[0], start[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": np.zeros((10, 3))}, r"\(events, 2\)"),
        ({"inputs": np.zeros(10)}, r"\(events, 2\)"),
        ({"inputs": np.full((10, 2), np.nan)}, "not finite"),
        ({"labels": np.zeros(9)}, "labels of that shape"),
        ({"labels": np.full(10, np.nan)}, "not finite"),
        ({"weights": np.ones(9)}, "one finite weight"),
        ({"weights": -np.ones(10)}, "not negative"),
        ({"validation": 1.0}, "validation share"),
        ({"validation": 0.01}, "too few"),
        ({"inputs": np.zeros((0, 2)), "labels": np.zeros(0)}, "too few"),
        ({"loss": "no_such_loss"}, "no_such_loss"),
        ({"moved": [np.zeros((10, 2))]}, "needs the moved inputs"),
        ({"penalty": squared_change(1)}, "needs the moved inputs"),
        ({"moved": np.zeros((10, 2)), "penalty": squared_change(1)}, "is a list"),
        (
            {"moved": [np.zeros((9, 2))], "penalty": squared_change(1)},
            r"the shape of the inputs, \(10, 2\); got \(9, 2\)",
        ),
        ({"moved": [np.full((10, 2), np.inf)], "penalty": squared_change(1)}, "not finite"),
    ],
)
def test_wrong_arguments_are_explained(change, message):
    arguments = {"inputs": np.zeros((10, 2)), "labels": np.zeros(10)} | change
    with pytest.raises(ValueError, match=message):
        train(build_network(), **arguments)


def test_snapshot_arguments_are_checked():
    inputs, labels = sample(toy_task("a"), 100, seed=1)
    with pytest.raises(ValueError, match="whole number from 1 on"):
        next(training_snapshots(build_network(), inputs, labels, steps=0, every=1))
