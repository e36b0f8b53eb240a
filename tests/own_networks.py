"""Networks as students bring them, and the plain reference: one picture at a time, by TensorFlow's tape."""

import numpy as np
import pytest

from helpers.course.backend import keras, tf

layers = keras.layers


def all_but_slow(names, *quick: str) -> list:
    """Parameters of a test: all but the quick ones are marked as slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def tape_gradient(model, images, target):
    """d score[target_n] / dx of every picture by itself; ``target`` is a class or one for each picture."""
    rows = []
    for image, k in zip(images, np.broadcast_to(target, (len(images),)), strict=True):
        pixels = tf.constant(image[np.newaxis])
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            score = tf.reshape(model(pixels, training=False), (-1,))[int(k)]
        rows.append(tape.gradient(score, pixels).numpy()[0])
    return np.array(rows)


def largest_difference(found, wanted) -> float:
    """As a share of the largest value."""
    return float(np.abs(np.asarray(found) - np.asarray(wanted)).max() / np.abs(wanted).max())


def small_base(name="base"):
    """Two convolutions, the second called "conv"."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    return keras.Model(inputs, layers.Conv2D(5, 3, activation="relu", name="conv")(x), name=name)


def functional_transfer():
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(small_base()(inputs, training=False))
    return keras.Model(inputs, layers.Dense(3)(layers.Dropout(0.5)(x)))


def sequential_transfer():
    return keras.Sequential(
        [keras.Input((8, 8, 3)), small_base(), layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(3)]
    )


def pooled_base():
    """A base that averages its own maps, as keras.applications do with pooling="avg"."""
    inner = small_base()
    base = keras.Model(inner.inputs[0], layers.GlobalAveragePooling2D()(inner.outputs[0]), name="base")
    return keras.Sequential([keras.Input((8, 8, 3)), base, layers.Dense(3)])


def wrapped_class():
    """A model written as a class, made a layer."""

    class Own(keras.Model):
        def __init__(self):
            super().__init__(name="base")
            self.conv = layers.Conv2D(5, 5, activation="relu", name="conv")

        def call(self, pictures):
            return self.conv(pictures)

    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(Own()(inputs))))


def called_elsewhere_too():
    """The base was first called on something else."""
    base, inputs = small_base(), keras.Input((8, 8, 3))
    base(inputs)
    x = layers.GlobalAveragePooling2D()(base(layers.Rescaling(3.0)(inputs)))
    return keras.Model(inputs, layers.Dense(3)(x))


def reloaded(model, folder):
    path = folder / "model.keras"
    model.save(path)
    return keras.models.load_model(path)


NESTED = (functional_transfer, sequential_transfer, pooled_base, wrapped_class, called_elsewhere_too)


def pictures(count=2, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 8, 8, 3)).astype(np.float32)
