"""The layers of the network that answers questions which Keras does not have, or not quickly."""

import numpy as np

from helpers.backend import keras, tf

PLACES = 12  # of the map, across and down; each stands for 8 x 8 pixels of the picture
REACH = 2 * PLACES - 1  # a kernel of this size reaches every place from every other


@keras.saving.register_keras_serializable("helpers")
class Scale(keras.layers.Layer):
    """(1 + gamma) x: every channel of x (N, height, width, C) by its own factor; gamma is the first half of the
    steering (N, 2 C)."""

    def call(self, x, steering):
        gamma, _ = keras.ops.split(steering[:, None, None], 2, axis=-1)
        return (1 + gamma) * x

    def compute_output_shape(self, x_shape, steering_shape):
        return x_shape


@keras.saving.register_keras_serializable("helpers")
class Shift(keras.layers.Layer):
    """beta, the second half of the steering (N, 2 C), at each of the 12 x 12 places."""

    def call(self, steering):
        _, beta = keras.ops.split(steering[:, None, None], 2, axis=-1)
        return keras.ops.broadcast_to(beta, (keras.ops.shape(steering)[0], PLACES, PLACES, beta.shape[-1]))

    def compute_output_shape(self, steering_shape):
        return (steering_shape[0], PLACES, PLACES, steering_shape[1] // 2)


@keras.saving.register_keras_serializable("helpers")
class Moves(keras.layers.Layer):
    """What ``DepthwiseConv2D((23, 23), padding="same", use_bias=False)`` computes on a map of 12 x 12, with the same
    ``kernel`` (23, 23, C, 1), as one product of matrices for every channel: many times faster for such large kernels."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(REACH, REACH, shape[-1], 1), name="kernel", initializer=sectors)

    def call(self, x):
        return moved(x, self.kernel)

    def compute_output_shape(self, shape):
        return shape


def moved(x, kernel):
    """The maps x (N, 12, 12, C), moved about by the kernel (23, 23, C, 1)."""
    row, column = np.divmod(np.arange(PLACES**2), PLACES)
    down, across = (place[None] - place[:, None] + PLACES - 1 for place in (row, column))
    kernel = tf.transpose(tf.reshape(kernel, (REACH**2, -1)))
    matrices = tf.gather(kernel, down * REACH + across, axis=1)  # (C, to, from)
    columns = tf.transpose(tf.reshape(x, (-1, PLACES**2, x.shape[-1])), (2, 1, 0))
    return tf.reshape(tf.transpose(matrices @ columns, (2, 1, 0)), tf.shape(x))


def sectors(shape, dtype=None):
    """Start values of the moves: channel by channel a sector of 90 degrees in one of the four directions, fading with
    the distance."""
    down, across = np.mgrid[:REACH, :REACH] - (PLACES - 1.0)
    distance = np.hypot(down, across)
    kernels = []
    for ahead in (across, -across, down, -down):
        double = 2 * (ahead / np.maximum(distance, 1)) ** 2 - 1  # the cosine of twice the angle off the direction
        kernels.append(np.where(ahead > 0, np.clip(2 * double, 0, 1), 0) * 0.1 / (1 + distance / 4))
    kernel = np.stack([kernels[c % 4] for c in range(shape[2])], axis=-1)
    return tf.constant(kernel[..., None], dtype or "float32")
