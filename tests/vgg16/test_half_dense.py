import numpy as np
import pytest

from helpers.course.backend import keras, tf
from helpers.vgg16.half_dense import HalfPrecisionDense, blockwise_product

INPUTS, UNITS = 37, 11


@pytest.fixture
def layer():
    layer = HalfPrecisionDense(UNITS, activation="relu", rows_per_block=8)
    layer.build((None, INPUTS))
    layer.draw_kernel(seed=3)
    layer.bias.assign(np.random.default_rng(4).normal(0, 0.5, UNITS))
    return layer


@pytest.fixture
def kernel(layer):
    """What the layer computes with, in double precision."""
    return layer.kernel.numpy().astype(np.float64)


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def compiled(function):
    return tf.function(function, reduce_retracing=True)


@pytest.mark.parametrize("rows", [1, 8, 36, 37, 500])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_product_does_not_depend_on_the_blocks(layer, kernel, rows, count):
    x, y = normal(count, INPUTS), normal(count, UNITS)
    half = layer.kernel.value
    np.testing.assert_allclose(blockwise_product(x, half, rows=rows), x @ kernel, rtol=1e-5, atol=1e-5)
    back = blockwise_product(y, half, rows=rows, transposed=True)
    np.testing.assert_allclose(back, y @ kernel.T, rtol=1e-5, atol=1e-5)


def test_sums_are_kept_in_the_precision_of_the_input(layer, kernel):
    x = normal(4, INPUTS, dtype=np.float64)
    np.testing.assert_allclose(layer.product(x), x @ kernel, rtol=1e-13)


@pytest.mark.parametrize("wrap", [lambda f: f, compiled], ids=["eager", "compiled"])
def test_it_is_keras_dense_with_the_rounded_kernel(layer, kernel, wrap):
    dense = keras.layers.Dense(UNITS, activation="relu")
    dense.build((None, INPUTS))
    dense.set_weights([kernel, layer.bias.numpy()])
    x = normal(6, INPUTS)
    np.testing.assert_allclose(wrap(layer)(tf.constant(x)), dense(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wrap", [lambda f: f, compiled], ids=["eager", "compiled"])
def test_gradients_of_first_and_second_order_are_exact(layer, kernel, wrap):
    """f = |W^T x|^2 has the gradient 2 W W^T x; half its squared length has the gradient 4 (W W^T)^2 x."""

    def derivatives(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = tf.reduce_sum(layer.product(x) ** 2)
            first = inner.gradient(value, x)
            length = tf.reduce_sum(first**2) / 2
        return first, outer.gradient(length, x)

    x = normal(3, INPUTS, dtype=np.float64)
    first, second = wrap(derivatives)(tf.constant(x))
    square = kernel @ kernel.T
    np.testing.assert_allclose(first, 2 * x @ square, rtol=1e-12)
    np.testing.assert_allclose(second, 4 * x @ square @ square, rtol=1e-12)


def test_the_gradient_passes_through_a_model_a_compiled_call_and_a_loop(layer, kernel):
    inputs = keras.Input((INPUTS,))
    model = keras.Model(inputs, layer(inputs))
    call = tf.function(model)
    x = tf.constant(normal(2, INPUTS))
    expected = ((x.numpy() @ kernel + layer.bias.numpy() > 0).astype(float)) @ kernel.T
    with tf.GradientTape() as tape:  # the tape outside the compiled call
        tape.watch(x)
        score = tf.reduce_sum(call(x))
    np.testing.assert_allclose(tape.gradient(score, x), expected, rtol=1e-4, atol=1e-5)

    @tf.function
    def in_a_loop(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.constant(0.0)
            for _ in tf.range(3):
                total += tf.reduce_sum(model(x))
        return tape.gradient(total, x)

    np.testing.assert_allclose(in_a_loop(x), 3 * expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", [tf.nn.relu, tf.square, tf.ones_like])
def test_a_changed_kernel_is_used_forwards_and_backwards(layer, kernel, change):
    changed = change(tf.constant(kernel)).numpy()
    x = tf.constant(normal(2, INPUTS, dtype=np.float64))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer.product(x, change)
    np.testing.assert_allclose(y, x.numpy() @ changed, rtol=1e-12)
    upstream = normal(2, UNITS, dtype=np.float64)
    np.testing.assert_allclose(tape.gradient(y, x, output_gradients=upstream), upstream @ changed.T, rtol=1e-12)


def test_only_the_bias_can_be_trained(layer):
    assert [weight.name for weight in layer.trainable_weights] == ["bias"]
    with tf.GradientTape() as tape:
        score = tf.reduce_sum(layer(normal(2, INPUTS)))
    kernel, bias = tape.gradient(score, [layer.kernel.value, layer.bias.value])
    assert kernel is None
    assert bias.shape == (UNITS,)


class BlockReader:
    """A source like an HDF5 data set; notes how many rows are asked for and refuses to be read whole."""

    def __init__(self, values):
        self.values, self.shape, self.read = values, values.shape, []

    def __getitem__(self, rows):
        self.read.append((rows.start, rows.stop))
        return self.values[rows]

    def __array__(self, *_, **__):
        raise AssertionError("read in one piece")


def test_filling_reads_every_row_once_block_by_block(layer):
    source = BlockReader(normal(INPUTS, UNITS, seed=9))
    layer.fill_kernel(source)
    assert source.read == [(0, 8), (8, 16), (16, 24), (24, 32), (32, 37)]
    np.testing.assert_array_equal(layer.kernel.numpy(), source.values.astype(np.float16))


def test_later_changes_of_the_source_do_not_reach_the_kernel(layer):
    source = normal(INPUTS, UNITS).astype(np.float16)
    layer.fill_kernel(source)
    before = layer.kernel.numpy().copy()
    source[:] = 1
    np.testing.assert_array_equal(layer.kernel.numpy(), before)


def test_reading_the_kernel_does_not_copy_it(layer):
    """TensorFlow copies a variable at each read once its slices were assigned to: 200 MB for VGG16's ``fc1``."""
    first, second = (np.asarray(memoryview(layer.kernel.value.read_value())) for _ in range(2))
    assert np.shares_memory(first, second)


def test_the_widened_kernel_exists_nowhere_in_one_piece():
    layer = HalfPrecisionDense(512, rows_per_block=64)
    layer.build((None, 4096))

    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(score, x)

    concrete = gradient.get_concrete_function(tf.TensorSpec((1, 4096)))
    functions = [concrete.graph, *(f.graph for f in concrete.graph._functions.values() if hasattr(f, "graph"))]
    largest = max(
        out.shape.num_elements() or 0
        for graph in functions
        for operation in graph.get_operations()
        for out in operation.outputs
        if out.dtype == tf.float32 and out.shape.rank is not None
    )
    assert largest <= 64 * 512


def test_a_new_kernel_is_zero_and_a_drawn_one_repeats():
    layer = HalfPrecisionDense(200)
    layer.build((None, 300))
    assert not layer.kernel.numpy().any()
    layer.draw_kernel(seed=1)
    first = layer.kernel.numpy().astype(float)
    limit = np.sqrt(6 / 500)
    assert np.abs(first).max() <= limit * (1 + 1e-3)
    assert first.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    layer.draw_kernel(seed=2)
    assert (layer.kernel.numpy() != first).mean() > 0.99
    layer.draw_kernel(seed=1)
    np.testing.assert_array_equal(layer.kernel.numpy(), first)


def test_a_model_with_it_can_be_saved_cloned_and_asked_to_predict(layer, tmp_path):
    inputs = keras.Input((INPUTS,))
    model = keras.Model(inputs, layer(inputs))
    x = normal(70, INPUTS)
    expected = model(x).numpy()
    assert expected.any()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x), expected)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(x), expected)
    assert twin.layers[-1].rows_per_block == 8
