"""Networks for the tests of relevance propagation: float64, every weight random, biases of both signs."""

import contextlib
from pathlib import Path

import numpy as np

from helpers.course.backend import keras

layers = keras.layers
REFERENCE = Path(__file__).parent / "data" / "lrp_reference.npz"


@contextlib.contextmanager
def precision(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def draw(model, seed=0, bias=0.3):
    """Random weights of a size that keeps the activations near 1; returns the model."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        shape = tuple(variable.shape)
        if variable.name in ("moving_variance", "gamma"):
            values = rng.uniform(0.5, 1.5, shape)
        elif len(shape) < 2:
            values = rng.normal(0, bias, shape)
        else:
            values = rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)
        variable.assign(values)
    return model


def pictures(count=3, shape=(8, 9, 3), seed=1):
    return np.random.default_rng(seed).normal(size=(count, *shape))


def model_of(shape, *stack, seed=0, bias=0.3):
    """A chain of layers with random weights."""
    return draw(keras.Sequential([keras.Input(shape, dtype="float64"), *stack]), seed, bias)


def convolutional(bias=0.3, seed=0):
    """Two convolutions, max pooling, two dense layers."""
    with precision("float64"):
        return model_of(
            (8, 9, 3),
            layers.Conv2D(5, 3, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2"),
            layers.Flatten(name="flat"),
            layers.Dense(10, activation="relu", name="dense1"),
            layers.Dense(4, name="dense2"),
            seed=seed,
            bias=bias,
        )


def residual(normalised=True):
    """Two residual blocks as in ResNet: convolution, normalisation, sum, ReLU; then global average pooling."""
    with precision("float64"):
        x = inputs = keras.Input((8, 9, 3), dtype="float64")
        x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="stem")(x)
        x = layers.BatchNormalization(name="stem_norm")(x) if normalised else x
        x = layers.ReLU(name="stem_relu")(x)
        for i in (1, 2):
            y = layers.Conv2D(6, 3, padding="same", name=f"conv{i}")(x)
            y = layers.BatchNormalization(name=f"norm{i}")(y) if normalised else y
            x = layers.Add(name=f"add{i}")([x, y])
            x = layers.ReLU(name=f"relu{i}")(x)
        x = layers.GlobalAveragePooling2D(name="average")(x)
        return draw(keras.Model(inputs, layers.Dense(4, name="scores")(x)))


def forward(model, images):
    return np.asarray(model(images, training=False))


def gradient(model, images, weights):
    """Derivative of sum(weights * logits) by TensorFlow, through the model itself."""
    from helpers.course.backend import tf

    x = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = tf.reduce_sum(model(x, training=False) * weights)
    return tape.gradient(score, x).numpy()


def closeness(found, wanted):
    """Largest deviation as a share of the largest wanted value."""
    return float(np.abs(np.asarray(found) - wanted).max() / max(np.abs(wanted).max(), 1e-300))
