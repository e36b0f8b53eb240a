"""A small convolutional network that reads handwritten digits, and its training.

Two convolutions with ReLU and max-pooling, one hidden dense layer, ten logits: every LRP rule applies to it. It is wide
enough to learn 4,000 digits with shuffled labels by heart, which the test of Adebayo et al. (2018, arXiv:1810.03292)
asks for.
"""

from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import LARGEST_SEED, whole_number
from helpers.course.backend import keras, let_go, tf
from helpers.course.networks import Progress, gradient_steps
from helpers.digits.pictures import Digits

BATCH = 50
STEP = 0.002  # of Adam at the start
MOST_SEED = LARGEST_SEED // 1000  # every kernel is drawn with a seed of its own, 1000 times this one and a little


@dataclass(frozen=True, eq=False)
class DigitTraining:
    """A trained network and how it went.

    Attributes
    ----------
    model : Keras model from pictures (N, 28, 28, 1) to logits (N, 10)
    loss : mean cross-entropy of every epoch
    train_accuracy : share of the training pictures that get the label they were trained with
    test_accuracy : share of the held-out pictures that get the true label
    """

    model: keras.Model
    loss: np.ndarray
    train_accuracy: float
    test_accuracy: float


def train_digit_network(
    digits: Digits, *, epochs: int = 12, seed: int = 0, progress: Progress | None = None
) -> DigitTraining:
    """Train a new :func:`digit_network` with Adam.

    Parameters
    ----------
    epochs
        Passes over the training pictures. The learning rate falls to a hundredth along a half cosine.
    seed
        Fixes the weights at the start and the order of the pictures.
    progress
        Called as ``progress(done, epochs, text)`` after every epoch.

    Raises
    ------
    ValueError
        If ``epochs`` is less than 1 or ``seed`` less than 0.
    """
    epochs, seed = whole_number("epochs", epochs, 1), whole_number("seed", seed, 0, MOST_SEED)
    return _trained(digits, digits.train_labels, epochs, np.inf, seed, progress)


def train_with_shuffled_labels(digits: Digits, *, seed: int = 0, progress: Progress | None = None) -> DigitTraining:
    """Train on labels that were shuffled once, until 99 % of them are known by heart (about 20 passes, at most 60).

    There are as many of each label as before, but whom they fall to means nothing any more. ``train_accuracy`` refers
    to the shuffled labels, ``test_accuracy`` to the true ones: it must be near 0.1, chance.
    """
    seed = whole_number("seed", seed, 0, MOST_SEED)
    labels = np.random.default_rng(seed).permutation(digits.train_labels)
    return _trained(digits, labels, 60, 0.99, seed, progress)


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


def _trained(
    digits: Digits, labels: np.ndarray, epochs: int, until: float, seed: int, progress: Progress | None
) -> DigitTraining:
    """A new network that learns these labels, and stops early once this share of them was recognised in an epoch."""
    let_go()
    model, count = digit_network(seed), len(labels)
    steps = -(-count // BATCH)

    def loss_and_recognised(images, labels):
        logits = model(images, training=True)
        right = tf.reduce_mean(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32))
        return [tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)), right]

    schedule = keras.optimizers.schedules.CosineDecay(STEP, epochs * steps, alpha=0.01)
    take_steps = gradient_steps(model, schedule, loss_and_recognised, numbers=2)
    data = tf.constant(digits.train_images), tf.constant(labels)
    generator, losses = np.random.default_rng(seed), []
    for epoch in range(1, epochs + 1):
        order = np.resize(generator.permutation(count), (steps, BATCH)).astype(np.int32)
        loss, right = (float(value) for value in take_steps(data, tf.constant(order)))
        losses.append(loss)
        if progress is not None:
            progress(epoch, epochs, f"loss {loss:.3f}, {right:.0%} recognised")
        if right >= until:
            break
    return DigitTraining(
        model,
        np.array(losses),
        accuracy(model, digits.train_images, labels),
        accuracy(model, digits.test_images, digits.test_labels),
    )


def accuracy(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images (N, ...) whose largest logit is that of their label (N,)."""
    found = model.predict(images, batch_size=500, verbose=0).argmax(axis=1)
    return float(np.mean(found == labels))
