"""What is made of a network once, gradient steps, weights in a file, and normalisation that is folded away."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from own_networks import largest_difference, pictures, tape_gradient

from helpers.course.backend import keras, tf
from helpers.course.networks import (
    MOST_KEPT,
    _scores,
    calls_of,
    compiled,
    fold_normalisation,
    gradient_steps,
    load_weights,
    named_weights,
    once,
)
from helpers.questions.network import new_eyes
from helpers.toyworld.network import new_network
from helpers.vgg16.gradients import input_gradient, logits


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


CHANGES = {
    "another head": lambda model: (model.pop(), model.add(keras.layers.Dense(3))),
    "another activation": lambda model: setattr(model.layers[2], "activation", keras.activations.tanh),
    "another setting": lambda model: setattr(model.layers[2], "strides", (2, 2)),
    "an array changed in place": lambda model: model.layers[0].factor.__imul__(3),
    "LoRA": lambda model: (model.layers[-1].enable_lora(2), model.layers[-1].lora_kernel_b.assign(np.ones((2, 3)))),
    "quantised": lambda model: model.layers[-1].quantize("int8"),
    "a hidden setting": lambda model: setattr(model.layers[0], "_hidden", 3.0),
    "a setting of an object": lambda model: setattr(model.layers[0].shift, "size", 1.0),
    "what a function reads": lambda model: outside.update(factor=3.0),
    "a nested layer": lambda model: setattr(model.layers[3].layers[0], "negative_slope", 0.9),
}


outside = {"factor": 1.0}


class Times(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.factor, self._hidden, self.shift = np.ones(3, np.float32), 1.0, SimpleNamespace(size=0.5)

    def call(self, inputs):
        self.last = self._hidden * self.factor * inputs * (inputs + self.shift.size)  # to be looked at later
        return self.last


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_model_gets_new_functions(change):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            Times(),
            keras.layers.Lambda(lambda z: outside["factor"] * z),
            keras.layers.Conv2D(4, 3, activation="elu"),
            keras.Sequential([keras.layers.LeakyReLU(0.1)]),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    outside["factor"] = 1.0
    x = pictures()
    before, function = input_gradient(model, x, 0), compiled(model, _scores)
    assert largest_difference(before, tape_gradient(model, x, 0)) < 1e-5
    assert compiled(model, _scores) is function  # whatever was called in between
    CHANGES[change](model)
    assert largest_difference(input_gradient(model, x, 0), tape_gradient(model, x, 0)) < 1e-5
    np.testing.assert_allclose(logits(model, x), model(x), rtol=1e-5, atol=1e-6)
    assert largest_difference(before, tape_gradient(model, x, 0)) > 3e-4


def test_training_and_compiling_make_nothing_anew():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
    function = compiled(model, _scores)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert compiled(model, _scores) is function


def test_somebody_else_s_error_comes_in_one_sentence():
    words = keras.Sequential([keras.Input((6,), dtype="int32"), keras.layers.Embedding(20, 4), keras.layers.Flatten()])
    with pytest.raises(ValueError, match=r"^The model cannot compute this: indices\[0,0\] = 47 is not in \[0, 20\)$"):
        compiled(words, _scores)([np.full((1, 6), 47, np.int32)])
    small = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 9)])
    with pytest.raises(ValueError, match=r"cannot be run on inputs \(8, 8, 3\): Negative dimension size.*[^\n]*$"):
        calls_of(small, [pictures()])


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
