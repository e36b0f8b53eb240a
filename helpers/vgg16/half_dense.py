"""A dense layer that keeps its kernel in half precision and widens it one block of rows at a time.

VGG16's first dense layer has 25,088 x 4,096 weights: 411 MB in float32, and as much again for every copy that is made
while loading. ``HalfPrecisionDense`` stores the kernel as float16, half of that, and computes in the precision of its
input:

    y = act(sum over blocks of x[:, block] @ widened(kernel[block]) + bias)

Float16 keeps 11 significant bits, so every weight is off by at most 1 part in 2,048 (by 3e-8 below 6e-5); sums are
not rounded to half precision. Only one widened block lives at a time, forwards and backwards.

The kernel is not trainable. Gradients with respect to the layer's input, of any order, are exact.
"""

from collections.abc import Callable

import numpy as np

from helpers.course.backend import keras, tf

ROWS_PER_BLOCK = 512  # of 4,096 columns: 8 MiB once widened


def _product(x, kernel, change: Callable, rows: int, transposed: bool):
    """x @ W, or x @ W^T where ``transposed``, with W = change(kernel) made block by block."""
    total_rows, columns = kernel.shape
    number = -(-total_rows // rows)

    def block(i):
        # a slice of whole rows shares the kernel's memory: nothing is copied before it is widened
        start, stop = i * rows, tf.minimum((i + 1) * rows, total_rows)
        return start, stop, change(tf.cast(kernel[start:stop], x.dtype))

    if transposed:

        def step(i, parts):
            _, _, widened = block(i)
            return i + 1, parts.write(i, tf.matmul(widened, x, transpose_b=True))

        parts = tf.TensorArray(x.dtype, number, infer_shape=False, element_shape=(None, None))
        _, parts = tf.while_loop(lambda i, _: i < number, step, (0, parts), parallel_iterations=1)
        result = tf.transpose(parts.concat())
        result.set_shape((x.shape[0], total_rows))
        return result

    def step(i, total):
        start, stop, widened = block(i)
        return i + 1, total + tf.matmul(x[:, start:stop], widened)

    _, total = tf.while_loop(
        lambda i, _: i < number,
        step,
        (0, tf.zeros((tf.shape(x)[0], columns), x.dtype)),
        shape_invariants=(tf.TensorShape(()), tf.TensorShape((None, columns))),
        parallel_iterations=1,
    )
    total.set_shape((x.shape[0], columns))
    return total


def blockwise_product(x, kernel, change: Callable = tf.identity, rows: int = ROWS_PER_BLOCK, transposed: bool = False):
    """x @ change(kernel) for a half-precision kernel, never holding more than ``rows`` of its rows widened.

    Parameters
    ----------
    x : tensor (N, inputs), or (N, units) where ``transposed``
        Its precision is that of the sums and of the result.
    kernel : float16 tensor (inputs, units)
    change : what happens to a widened block of rows, elementwise
        For example ``tf.nn.relu`` for the positive weights, ``tf.square``, ``tf.ones_like``.
    transposed : multiply by the transpose instead

    Returns
    -------
    tensor (N, units), or (N, inputs) where ``transposed``

    The gradient with respect to x is the product with the transpose, blockwise too; so is the gradient of that, and
    so on. The kernel gets none.
    """
    kernel = tf.convert_to_tensor(kernel)  # read once, here: TensorFlow cannot read a variable in a loop's gradient

    @tf.custom_gradient
    def product(x):
        def gradient(upstream):
            return blockwise_product(upstream, kernel, change, rows, not transposed)

        return _product(x, kernel, change, rows, transposed), gradient

    return product(x)


def _zeros(shape) -> np.ndarray:
    """A float16 array of zeros that takes no memory until it is written, aligned as TensorFlow wants it."""
    size, alignment = 2 * int(np.prod(shape)), 64
    memory = np.zeros(size + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start : start + size].view(np.float16).reshape(shape)


def _as_tensor(array: np.ndarray) -> tf.Tensor:
    """The array as a tensor in the same memory; ``tf.constant`` would copy it. Do not write to the array afterwards."""
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


@keras.saving.register_keras_serializable(package="understanding_networks")
class HalfPrecisionDense(keras.layers.Layer):
    """``keras.layers.Dense`` with a float16 kernel that is widened block by block; the bias is float32.

    A new layer has a kernel of zeros: fill it with ``fill_kernel`` or ``draw_kernel``. Neither makes a full-size copy.

    Parameters
    ----------
    units : number of outputs
    activation : as in ``keras.layers.Dense``; None is linear
    rows_per_block : rows of the kernel that are widened at a time
    """

    relevance = "dense"  # see helpers.lrp.layers

    def __init__(self, units: int, activation=None, rows_per_block: int = ROWS_PER_BLOCK, **keywords):
        super().__init__(**keywords)
        self.units, self.rows_per_block = units, rows_per_block
        self.activation = keras.activations.get(activation)
        self.supports_jit = False  # compiled by XLA the blocks would be widened all at once

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=lambda shape, dtype=None: _as_tensor(_zeros(shape)),
            dtype="float16",
            trainable=False,
            autocast=False,  # Keras would widen the whole kernel on entering the layer
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        return self.activation(self.product(inputs) + tf.cast(self.bias, inputs.dtype))

    def product(self, x, change: Callable = tf.identity, transposed: bool = False):
        """x @ change(kernel), or its transpose, without the bias: differentiable in x. See ``blockwise_product``."""
        x = tf.convert_to_tensor(x)
        return blockwise_product(x, self.kernel.value, change, self.rows_per_block, transposed)

    def fill_kernel(self, source) -> None:
        """Round a kernel (inputs, units) to half precision, one block of rows after another: an array or HDF5 dataset."""
        self._replace_kernel(lambda start, stop: source[start:stop])

    def draw_kernel(self, seed: int) -> None:
        """Fill the kernel at random as Keras does for a dense layer (Glorot and Bengio 2010), block by block.

        Uniform within +-sqrt(6 / (inputs + units)); the same seed gives the same kernel.
        """
        rng, limit = np.random.default_rng(seed), np.sqrt(6 / sum(self.kernel.shape))
        self._replace_kernel(lambda start, stop: rng.uniform(-limit, limit, (stop - start, self.units)))

    def _replace_kernel(self, rows: Callable[[int, int], np.ndarray]) -> None:
        # Assigning to slices of the variable would be shorter, but TensorFlow then copies the whole kernel at each read
        self.kernel.assign(_as_tensor(_zeros(self.kernel.shape)))  # frees the old kernel before the new one fills
        kernel = _zeros(self.kernel.shape)
        for start in range(0, len(kernel), self.rows_per_block):
            stop = min(start + self.rows_per_block, len(kernel))
            kernel[start:stop] = rows(start, stop)
        self.kernel.assign(_as_tensor(kernel))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "rows_per_block": self.rows_per_block,
        }
