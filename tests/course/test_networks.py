"""What is made of a network once, gradient steps, weights in a file, and normalisation that is folded away."""

import gc
import weakref

import numpy as np
import pytest

from helpers.course.backend import keras, tf
from helpers.course.networks import (
    MOST_KEPT,
    compiled,
    fold_normalisation,
    gradient_steps,
    load_weights,
    named_weights,
    once,
)
from helpers.questions.network import new_eyes
from helpers.toyworld.network import new_network


def dense(seed=0):
    kernel = keras.initializers.RandomNormal(seed=seed)
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=kernel, name="scores")(inputs))


def test_what_is_made_once_is_kept_for_its_key_and_ends_with_the_model():
    model, made = dense(), []
    assert once(model, "a", lambda: made.append("a") or [1]) is once(model, "a", lambda: made.append("again"))
    assert once(model, "b", lambda: made.append("b") or [2]) == [2]
    assert made == ["a", "b"]
    kept = weakref.ref(once(model, "set", lambda: {1}))
    del model
    gc.collect()
    assert kept() is None


def test_what_was_not_used_for_longest_makes_room():
    model = dense()
    for key in range(MOST_KEPT):
        once(model, key, lambda key=key: key)
    assert once(model, 0, lambda: "anew") == 0  # used again
    once(model, "one more", lambda: None)
    assert once(model, 0, lambda: "anew") == 0
    assert once(model, 1, lambda: "anew") == "anew"


def test_a_compiled_part_sees_changed_weights():
    model, x = dense(), np.ones((1, 3), np.float32)

    def build(part):
        return lambda inputs: part(inputs)

    before = np.asarray(compiled(model, build)(x)[-1])
    model.set_weights([2 * weight for weight in model.get_weights()])
    np.testing.assert_allclose(compiled(model, build)(x)[-1], 2 * before, rtol=1e-5)


def test_gradient_steps_are_those_of_fit():
    """One epoch of Keras' own training, row by row in the same order."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)).astype(np.float32), rng.normal(size=(12, 2)).astype(np.float32)
    ours, keras_own = dense(1), dense(1)

    def loss(inputs, wanted):
        squared = tf.reduce_mean((ours(inputs) - wanted) ** 2)
        return [squared, tf.sqrt(squared)]

    order = np.arange(12, dtype=np.int32).reshape(3, 4)
    mean, of_roots = gradient_steps(ours, 0.01, loss, numbers=2)((tf.constant(x), tf.constant(y)), tf.constant(order))
    keras_own.compile(keras.optimizers.Adam(0.01), "mse")
    history = keras_own.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert float(mean) == pytest.approx(history.history["loss"][0], rel=1e-4)
    assert 0 < float(of_roots) ** 2 <= float(mean)
    for a, b in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_weights_come_back_from_a_file(tmp_path):
    written, read = dense(1), dense(2)
    np.savez(
        tmp_path / "weights.npz", **{key: w.numpy().astype(np.float16) for key, w in named_weights(written).items()}
    )
    load_weights(tmp_path / "weights.npz", read)
    for a, b in zip(written.get_weights(), read.get_weights(), strict=True):
        np.testing.assert_array_equal(a.astype(np.float16), b)


@pytest.mark.parametrize(
    ("normalised", "plain"),
    [(new_network(4, 1, normalised=True), new_network(4)), (new_eyes(1, normalised=True), new_eyes())],
    ids=["toy world", "questions"],
)
def test_folding_a_normalisation_changes_nothing(normalised, plain):
    rng = np.random.default_rng(0)
    for layer in normalised.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # scales of both signs, all parameters off their start
            channels = layer.get_weights()[0].shape
            layer.set_weights([rng.normal(0, 1, channels) for _ in range(3)] + [rng.uniform(0.5, 3, channels)])
    inputs = rng.uniform(-1, 1, (2, *plain.input_shape[1:])).astype(np.float32)
    expected = normalised(inputs, training=False).numpy()
    found = fold_normalisation(normalised, plain)(inputs).numpy()
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    assert not any("norm" in layer.name for layer in plain.layers)
