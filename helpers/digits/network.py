"""A small convolutional network that reads handwritten digits, and its training.

Two convolutions with ReLU and max-pooling, one hidden dense layer, ten logits: every LRP rule applies to it. It is wide
enough to learn 4,000 digits with shuffled labels by heart, which the test of Adebayo et al. (2018, arXiv:1810.03292)
asks for.
"""

import time
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import LARGEST_SEED, real_array, real_number, whole_number
from helpers.course.backend import keras, let_go, tf
from helpers.course.networks import LARGEST_STEP, Progress, gradient_steps
from helpers.digits.pictures import Digits, shuffled_labels

BATCH = 50


@dataclass(frozen=True, eq=False)
class DigitTraining:
    """A trained network and how it went.

    Attributes
    ----------
    model : Keras model from pictures (N, 28, 28, 1) to logits (N, 10)
    loss : mean cross-entropy of every epoch
    train_accuracy : share of the training pictures that get the label they were trained with
    test_accuracy : share of the held-out pictures that get the true label
    seconds : of the training
    """

    model: keras.Model
    loss: np.ndarray
    train_accuracy: float
    test_accuracy: float
    seconds: float


def digit_network(seed: int = 0) -> keras.Model:
    """The network, not trained yet: pictures (N, 28, 28, 1) to logits (N, 10), kernels by He et al. (2015).

    Layers: ``conv1``, ``pool1``, ``conv2``, ``pool2``, ``flatten``, ``hidden``, ``scores``.
    """
    layers = keras.layers

    def drawn(number):
        return keras.initializers.HeUniform(1000 * seed + number)

    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(12, 5, activation="relu", kernel_initializer=drawn(1), name="conv1")(inputs)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(24, 3, activation="relu", kernel_initializer=drawn(2), name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(256, activation="relu", kernel_initializer=drawn(3), name="hidden")(x)
    return keras.Model(inputs, layers.Dense(10, kernel_initializer=drawn(4), name="scores")(x), name="digits")


def train_digit_network(
    digits: Digits,
    labels: np.ndarray | None = None,
    *,
    epochs: int = 12,
    until: float | None = None,
    learning_rate: float = 0.002,
    seed: int = 0,
    progress: Progress | None = None,
) -> DigitTraining:
    """Train a new :func:`digit_network` with Adam.

    Parameters
    ----------
    labels : (N,), optional
        What to learn instead of ``digits.train_labels``, such as the same labels shuffled.
    epochs
        Passes over the training pictures at most. The learning rate falls to a hundredth along a half cosine.
    until
        Stop as soon as this share of the pictures was recognised during an epoch; by default all epochs are run.
    seed
        Fixes the weights at the start and the order of the pictures.
    progress
        Called as ``progress(done, epochs, text)`` after every epoch.

    Raises
    ------
    ValueError
        If the labels are not one whole number from 0 to 9 for each training picture, or ``epochs`` is less than 1.
    """
    labels = _checked_labels(digits, labels)
    epochs, seed = whole_number("epochs", epochs, 1), whole_number("seed", seed, 0, LARGEST_SEED // 1000)
    until = None if until is None else real_number("until", until, 0, 1)
    learning_rate = real_number("learning_rate", learning_rate, 0, LARGEST_STEP)
    let_go()
    start = time.perf_counter()
    model, count = digit_network(seed), len(labels)
    steps = -(-count // BATCH)

    def loss_and_recognised(images, labels):
        logits = model(images, training=True)
        right = tf.reduce_mean(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32))
        return [tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)), right]

    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps, alpha=0.01)
    take_steps = gradient_steps(model, schedule, loss_and_recognised, numbers=2)
    data = tf.constant(digits.train_images), tf.constant(labels)
    generator, losses = np.random.default_rng(seed), []
    for epoch in range(1, epochs + 1):
        order = np.resize(generator.permutation(count), (steps, BATCH)).astype(np.int32)
        loss, right = (float(value) for value in take_steps(data, tf.constant(order)))
        losses.append(loss)
        if progress is not None:
            progress(epoch, epochs, f"loss {loss:.3f}, {right:.0%} recognised")
        if until is not None and right >= until:
            break
    return DigitTraining(
        model,
        np.array(losses),
        accuracy(model, digits.train_images, labels),
        accuracy(model, digits.test_images, digits.test_labels),
        time.perf_counter() - start,
    )


def train_with_shuffled_labels(digits: Digits, *, seed: int = 0, progress: Progress | None = None) -> DigitTraining:
    """Train on labels that were shuffled once, until 99 % of them are known by heart (about 20 passes, at most 60).

    ``train_accuracy`` refers to the shuffled labels, ``test_accuracy`` to the true ones: it must be near 0.1, chance.
    """
    labels = shuffled_labels(digits.train_labels, seed)
    return train_digit_network(digits, labels, epochs=60, until=0.99, seed=seed, progress=progress)


def accuracy(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images (N, ...) whose largest logit is that of their label (N,)."""
    found = model.predict(images, batch_size=500, verbose=0).argmax(axis=1)
    return float(np.mean(found == labels))


def _checked_labels(digits: Digits, labels) -> np.ndarray:
    labels = real_array("labels", digits.train_labels if labels is None else labels)
    count = len(digits.train_images)
    if labels.shape != (count,) or labels.dtype.kind not in "iu" or not np.isin(labels, range(10)).all():
        raise ValueError(
            f"Give one whole number from 0 to 9 for each of the {count} training pictures; got {labels.dtype} of shape "
            f"{labels.shape}."
        )
    return labels.astype(np.int64)
