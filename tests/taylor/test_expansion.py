import itertools
import tracemalloc

import numpy as np
import pytest

from helpers.course.backend import keras, tf
from helpers.course.networks import compiled
from helpers.taylor import derivatives, expansion
from helpers.taylor.coefficients import coefficients_from_derivatives, numbered_inputs
from helpers.taylor.derivatives import dense_derivatives
from helpers.taylor.expansion import taylor_coefficients
from helpers.taylor.gaussians import (
    TASKS,
    bayes_coefficients,
    bayes_response,
    log_density_ratio,
    sample,
    toy_task,
)
from helpers.taylor.networks import DenseNetwork, build_network

layers = keras.layers
SHAPES = [  # sizes of the layers, their activations
    ((3, 1), ("sigmoid",)),
    ((4, 3), ("linear",)),
    ((2, 30, 1), ("tanh", "sigmoid")),
    ((5, 12, 3), ("softplus", "tanh")),
    ((3, 8, 7, 2), ("tanh", "softplus", "sigmoid")),
    ((4, 6, 9, 5, 3), ("sigmoid", "tanh", "softplus", "softplus")),
    ((3, 8, 8, 6, 1), ("tanh", "relu", "tanh", "linear")),
    ((3, 8, 8, 1), ("relu", "tanh", "sigmoid")),
    ((3, 8, 8, 1), ("linear", "relu", "sigmoid")),
]


def random_network(sizes, activations, seed=0, dtype=np.float64):
    generator = np.random.default_rng(seed)
    kernels = tuple((generator.normal(size=(a, b)) / np.sqrt(a)).astype(dtype) for a, b in itertools.pairwise(sizes))
    return DenseNetwork(kernels, tuple(generator.normal(size=b).astype(dtype) for b in sizes[1:]), tuple(activations))


def keras_model(network):
    """A Keras model with these weights, in their precision."""
    dtype = str(network.kernels[0].dtype)
    chain = [
        layers.Dense(kernel.shape[1], activation=name, dtype=dtype)
        for kernel, name in zip(network.kernels, network.activations, strict=True)
    ]
    model = keras.Sequential([keras.Input((network.inputs,), dtype=dtype), *chain])
    model.set_weights([array for pair in zip(network.kernels, network.biases, strict=True) for array in pair])
    return model


def averaged(gradient, hessian, weights=None):
    return coefficients_from_derivatives(gradient, hessian, numbered_inputs(gradient.shape[1]), weights)


def nested_tapes(model, inputs, output):
    """The textbook form: one tape for each row of the Hessian."""
    inputs = tf.constant(inputs)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            values = model(inputs)[:, output]
        gradient = inner.gradient(values, inputs)
        columns = [gradient[:, i] for i in range(inputs.shape[1])]
    rows = [outer.gradient(column, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO) for column in columns]
    return values.numpy(), gradient.numpy(), np.stack(rows, axis=1)


def assert_close(found, expected):
    """To 1e-6 of each value, and of the largest where a value is nearly zero by cancellation."""
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(("sizes", "activations"), SHAPES)
def test_derivatives_agree_with_nested_tapes(sizes, activations):
    network = random_network(sizes, activations)
    inputs = np.random.default_rng(1).normal(size=(50, sizes[0]))
    output = sizes[-1] - 1
    expected = nested_tapes(keras_model(network), inputs, output)
    for found, wanted in zip(dense_derivatives(network, inputs, output), expected, strict=True):
        assert found.dtype == np.float64
        assert_close(found, wanted)


@pytest.mark.parametrize(("sizes", "activations"), SHAPES[:6])
def test_derivatives_agree_with_central_differences(sizes, activations):
    network = random_network(sizes, activations, seed=2)
    inputs = np.random.default_rng(3).normal(size=(30, sizes[0]))
    _, gradient, hessian = dense_derivatives(network, inputs)
    step = 1e-4
    for i, shift in enumerate(step * np.eye(sizes[0])):
        up, down = dense_derivatives(network, inputs + shift), dense_derivatives(network, inputs - shift)
        far_up, far_down = (dense_derivatives(network, inputs + sign * 2 * shift) for sign in (1, -1))
        for which, found in ((0, gradient[:, i]), (1, hessian[:, i])):  # the five-point rule: error of order step^4
            difference = 8 * (up[which] - down[which]) - (far_up[which] - far_down[which])
            np.testing.assert_allclose(found, difference / (12 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.filterwarnings("ignore:All second-order coefficients")  # one of them is linear
@pytest.mark.parametrize(("sizes", "activations"), SHAPES)
def test_coefficients_are_the_means_of_these_derivatives(sizes, activations):
    network = random_network(sizes, activations)
    generator = np.random.default_rng(1)
    inputs, weights = generator.normal(size=(200, sizes[0])), generator.uniform(size=200)
    _, gradient, hessian = nested_tapes(keras_model(network), inputs, 0)
    for options in ({}, {"weights": weights}):
        expected = averaged(gradient, hessian, **options)
        for method, model in (("dense", network), ("auto", keras_model(network)), ("autodiff", keras_model(network))):
            found = taylor_coefficients(model, inputs, method=method, **options)
            for part in ("first", "second", "first_error", "second_error"):
                assert_close(getattr(found, part), getattr(expected, part))


def quadratic_network(matrix, linear, constant):
    """f = c + b x + 1/2 x A x exactly where it is looked at: softplus(z) + softplus(-z) = log 4 + z^2/4 + O(z^4)."""
    size, scale = len(matrix), 1e-3
    values, vectors = np.linalg.eigh(matrix)
    first = np.concatenate([vectors, -vectors, np.eye(size)], axis=1) * scale
    # pairs of softplus give 1/4 z^2 for each eigenvector; softplus(z) - softplus(-z) = z gives the linear part
    first = np.concatenate([first, -np.eye(size) * scale], axis=1)
    second = np.concatenate([values * 2, values * 2, linear * scale, -linear * scale]) / scale**2
    return DenseNetwork((first, second[:, None]), (np.zeros(4 * size), np.full(1, constant)), ("softplus", "linear"))


def test_a_quadratic_network_has_known_coefficients():
    generator = np.random.default_rng(4)
    matrix = generator.normal(size=(4, 4))
    matrix, linear = matrix + matrix.T, generator.normal(size=4)
    inputs = generator.normal(size=(500, 4))
    network = quadratic_network(matrix, linear, 0.3)
    np.testing.assert_allclose(
        dense_derivatives(network, inputs)[1], linear + inputs @ matrix, rtol=1e-4, atol=1e-4
    )  # it is the quadratic function
    found = taylor_coefficients(network, inputs)
    np.testing.assert_allclose(found.second[0, 1:], np.abs(matrix[0, 1:]), rtol=1e-5)
    np.testing.assert_allclose(np.diag(found.second), np.abs(np.diag(matrix)) / 2, rtol=1e-5)
    np.testing.assert_allclose(found.first, np.abs(linear + inputs @ matrix).mean(axis=0), rtol=1e-4)
    assert np.all(found.second_error < 1e-6)  # the same everywhere
    at_zero = taylor_coefficients(network, np.zeros((3, 4)))
    np.testing.assert_allclose(at_zero.first, np.abs(linear), rtol=1e-6)


def test_permuting_the_inputs_permutes_the_coefficients():
    network = random_network((6, 10, 8, 1), ("tanh", "tanh", "sigmoid"))
    inputs = np.random.default_rng(1).normal(size=(100, 6))
    order = np.random.default_rng(2).permutation(6)
    permuted = DenseNetwork((network.kernels[0][order], *network.kernels[1:]), network.biases, network.activations)
    plain, found = taylor_coefficients(network, inputs), taylor_coefficients(permuted, inputs[:, order])
    np.testing.assert_allclose(found.first, plain.first[order])
    np.testing.assert_allclose(found.second, plain.second[np.ix_(order, order)])


def test_rescaling_an_input_rescales_its_coefficients():
    network = random_network((3, 10, 1), ("tanh", "sigmoid"))
    inputs = np.random.default_rng(1).normal(size=(100, 3))
    scale = np.array([1.0, 10.0, 1.0])
    scaled = DenseNetwork(
        (network.kernels[0] / scale[:, None], network.kernels[1]), network.biases, network.activations
    )
    plain, found = taylor_coefficients(network, inputs), taylor_coefficients(scaled, inputs * scale)
    np.testing.assert_allclose(found.first, plain.first / scale)
    np.testing.assert_allclose(found.second, plain.second / np.outer(scale, scale))


def test_each_output_is_its_own_function():
    network = random_network((3, 10, 4), ("tanh", "sigmoid"))
    inputs = np.random.default_rng(1).normal(size=(40, 3))
    for output in range(4):
        alone = DenseNetwork(
            (network.kernels[0], network.kernels[1][:, [output]]),
            (network.biases[0], network.biases[1][[output]]),
            network.activations,
        )
        np.testing.assert_allclose(
            taylor_coefficients(network, inputs, output=output).second, taylor_coefficients(alone, inputs).second
        )


def test_relu_with_a_linear_output_has_no_second_order():
    network = random_network((3, 20, 20, 1), ("relu", "relu", "linear"))
    with pytest.warns(UserWarning, match="exactly 0: the network is made of straight pieces"):
        found = taylor_coefficients(network, np.random.default_rng(1).normal(size=(100, 3)))
    assert found.first.min() > 0
    np.testing.assert_array_equal(found.second, 0)


def test_single_precision_is_enough():
    network = random_network((30, 100, 1), ("tanh", "sigmoid"))
    single = random_network((30, 100, 1), ("tanh", "sigmoid"), dtype=np.float32)
    inputs = np.random.default_rng(1).normal(size=(20_000, 30))
    exact, found = taylor_coefficients(network, inputs), taylor_coefficients(single, inputs)
    for part in ("first", "second", "first_error", "second_error"):
        np.testing.assert_allclose(getattr(found, part), getattr(exact, part), rtol=1e-4)


def test_tiny_and_huge_weights_do_not_leave_single_precision():
    single = random_network((3, 10, 1), ("tanh", "sigmoid"), dtype=np.float32)
    generator = np.random.default_rng(1)
    inputs, weights = generator.normal(size=(500, 3)), generator.uniform(size=500)
    plain = taylor_coefficients(single, inputs, weights=weights)
    for scale in (1e-30, 1e30):
        found = taylor_coefficients(single, inputs, weights=weights * scale)
        np.testing.assert_allclose(found.second, plain.second, rtol=1e-5)
        np.testing.assert_allclose(found.second_error, plain.second_error, rtol=1e-5)


@pytest.mark.parametrize("block", [1, 7, 100])
def test_the_size_of_the_blocks_changes_nothing(monkeypatch, block):
    network = random_network((3, 10, 5, 1), ("tanh", "tanh", "sigmoid"))
    inputs = np.random.default_rng(1).normal(size=(100, 3))
    whole = taylor_coefficients(network, inputs)
    monkeypatch.setattr(expansion, "_LARGEST_BLOCK", block)
    for model in (network, keras_model(network)):
        found = taylor_coefficients(model, inputs, method="auto")
        np.testing.assert_allclose(found.second, whole.second)
        np.testing.assert_allclose(found.second_error, whole.second_error)


@pytest.mark.parametrize("hidden", [(100,), (100, 60), (300,)])
def test_memory_does_not_grow_with_the_events(hidden):
    sizes = (30, *hidden, 1)
    network = random_network(sizes, ["tanh"] * len(hidden) + ["sigmoid"], dtype=np.float32)
    peaks = []
    for events in (12_000, 36_000):
        inputs = np.random.default_rng(0).standard_normal((events, 30), dtype=np.float32)
        weights = np.ones(events)
        tracemalloc.start()
        taylor_coefficients(network, inputs, weights=weights)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 80e6
    assert abs(peaks[1] - peaks[0]) < 2e6


def other_model():
    """Layers with skips, normalisation and a softmax: only automatic differentiation can take it."""
    keras.utils.set_random_seed(0)
    entry = keras.Input((3,))
    first = layers.Dense(6, "gelu")(entry)
    second = layers.LayerNormalization()(layers.Dense(6, "tanh")(first))
    return keras.Model(entry, layers.Dense(4, "softmax")(layers.Add()([first, second])))


def test_any_differentiable_model_goes_through_automatic_differentiation():
    model = other_model()
    inputs = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    _, gradient, hessian = nested_tapes(model, inputs, 2)
    found = taylor_coefficients(model, inputs, output=2, names=["a", "b", "c"])
    expected = averaged(gradient, hessian)
    np.testing.assert_allclose(found.first, expected.first, rtol=1e-4)
    np.testing.assert_allclose(found.second, expected.second, rtol=1e-3)
    assert found.names == ("a", "b", "c")
    with pytest.raises(ValueError, match="autodiff"):
        taylor_coefficients(model, inputs, method="dense")


def test_a_subclassed_model_goes_through_automatic_differentiation():
    class Product(keras.Model):
        def call(self, inputs, training=False):
            return inputs[:, :1] * inputs[:, 1:2] + inputs[:, 2:] ** 2

    found = taylor_coefficients(Product(), np.ones((50, 3), np.float32))
    np.testing.assert_allclose(found.first, [1, 1, 2])
    np.testing.assert_allclose(found.second, [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="no output 1"):
        taylor_coefficients(Product(), np.ones((50, 3)), output=1)


class Clipped(layers.Dense):
    """A dense layer whose events near 0 tell nothing of what it does to others."""

    def call(self, inputs):
        return tf.clip_by_value(super().call(inputs), -0.1, 0.1)


@pytest.mark.parametrize("scale", [1, 1e-7])
def test_a_subclassed_layer_is_not_taken_for_what_its_weights_say(scale):
    model = keras.Sequential([keras.Input((2,)), Clipped(5), layers.Dense(4, "tanh"), layers.Dense(1)])
    model.layers[-1].kernel.assign(scale * model.layers[-1].kernel)
    inputs = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    inputs[:20] *= 0.01
    found = taylor_coefficients(model, inputs)
    expected = averaged(*nested_tapes(model, inputs, 0)[1:])
    np.testing.assert_allclose(found.first, expected.first, rtol=1e-4)
    with pytest.raises(ValueError, match="is of type Clipped; only Dense"):
        taylor_coefficients(model, inputs, method="dense")


@pytest.mark.parametrize("scale", [1, 1e-7])
def test_quantised_weights_are_not_taken_as_they_are(scale):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(5, "tanh"), layers.Dense(1)])
    model.layers[-1].kernel.assign(scale * model.layers[-1].kernel)
    model.layers[-1].quantize("int8")
    inputs = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    with pytest.raises(ValueError, match="something else"):
        taylor_coefficients(model, inputs, method="dense")


@pytest.mark.parametrize("as_model", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": np.zeros((10, 3))}, r"\(events, 2\)"),
        ({"inputs": np.zeros(2)}, r"\(events, d\)"),
        ({"inputs": np.full((10, 2), np.nan)}, "Remove such events"),
        ({"inputs": np.concatenate([np.zeros((9000, 2)), [[0, np.inf]]])}, "Remove such events"),
        ({"inputs": np.zeros((0, 2))}, "no event"),
        ({"output": 1}, "no output 1"),
        ({"output": -1}, "no output -1"),
        ({"weights": np.ones(3)}, "one weight"),
        ({"weights": -np.ones(10)}, "not negative"),
        ({"weights": np.zeros(10)}, "above zero"),
        ({"weights": np.full(10, np.nan)}, "finite"),
        ({"names": ["a"]}, "2 different names"),
        ({"names": ["a", "a"]}, "2 different names"),
        ({"method": "magic"}, "'auto'"),
    ],
)
def test_wrong_arguments_are_explained(change, message, as_model):
    model = build_network(2, (4,))
    arguments = {"inputs": np.zeros((10, 2)), "method": "autodiff" if as_model else "auto"} | change
    with pytest.raises(ValueError, match=message):
        taylor_coefficients(model, **arguments)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_a_derivative_that_is_not_finite_is_explained():
    huge = DenseNetwork((np.full((2, 2), 1e200), np.full((2, 1), 1e200)), (np.zeros(2), np.zeros(1)), ("linear",) * 2)
    with pytest.raises(ValueError, match="derivative is not finite"):
        taylor_coefficients(huge, np.ones((5, 2)))


def test_models_of_other_shapes_are_explained():
    picture = keras.Sequential([keras.Input((4, 4)), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"shape \(events, d\)"):
        taylor_coefficients(picture, np.zeros((5, 16)))
    sequence = keras.Sequential([keras.Input((4,)), layers.Reshape((2, 2))])
    with pytest.raises(ValueError, match=r"shape \(events, outputs\)"):
        taylor_coefficients(sequence, np.zeros((5, 4)))


def product(x):
    """f = sin(x1) x2^2 + exp(x3), and x1 x2."""
    return np.stack([np.sin(x[:, 0]) * x[:, 1] ** 2 + np.exp(x[:, 2]), x[:, 0] * x[:, 1]], axis=1)


def coefficients_of_product(x):
    a, b, c = x.T
    gradient = np.stack([np.cos(a) * b**2, 2 * np.sin(a) * b, np.exp(c)], axis=1)
    hessian = np.zeros((len(x), 3, 3))
    hessian[:, 0, 0], hessian[:, 1, 1], hessian[:, 2, 2] = -np.sin(a) * b**2, 2 * np.sin(a), np.exp(c)
    hessian[:, 0, 1] = hessian[:, 1, 0] = 2 * np.cos(a) * b
    return averaged(gradient, hessian)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 5e-3)])
def test_any_function_goes_through_differences(dtype, tolerance):
    inputs = np.random.default_rng(0).normal(size=(700, 3)) * [1, 1, 0.5]
    expected = coefficients_of_product(inputs)
    found = taylor_coefficients(lambda x: product(x).astype(dtype), inputs)
    for part in ("first", "second", "first_error", "second_error"):
        wanted = getattr(expected, part)
        np.testing.assert_allclose(getattr(found, part), wanted, atol=tolerance * wanted.max())
    np.testing.assert_allclose(taylor_coefficients(product, inputs, output=1).second[0, 1], 1, rtol=1e-6)
    scaled = taylor_coefficients(lambda x: product(x / 1000)[:, 0], 1000 * inputs)  # the step follows the spread
    np.testing.assert_allclose(1000 * scaled.first, expected.first, rtol=1e-5)
    np.testing.assert_allclose(1000**2 * scaled.second, expected.second, atol=1e-5)


def test_differences_agree_with_the_closed_form():
    network = random_network((4, 8, 2), ("tanh", "sigmoid"))
    inputs = np.random.default_rng(1).normal(size=(100, 4))
    expected, model = taylor_coefficients(network, inputs, output=1), keras_model(network)
    found = taylor_coefficients(lambda x: model.predict_on_batch(x), inputs, output=1)
    np.testing.assert_allclose(found.first, expected.first, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.second, expected.second, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.floor(3 * x).sum(axis=1), "jumps or kinks"),
        (lambda x: np.maximum(x @ [1, -2, 3] + 0.1, 0), "jumps or kinks"),
        (lambda x: x.sum(axis=1) > 0, "returns bool, such as labels"),
        (lambda x: x.sum(), r"returns \(events,\) or"),
        (lambda x: x[:, :, np.newaxis], r"returns \(events,\) or"),
        (lambda x: x @ np.ones(4), "cannot be called with an array .*: matmul"),
        (lambda x: x, "no output 5"),
        (None, "DenseNetwork, a Keras model, or a function"),
    ],
)
def test_functions_without_such_derivatives_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        taylor_coefficients(function, np.random.default_rng(0).normal(size=(300, 3)), output=5 if "5" in message else 0)
    with pytest.raises(ValueError, match="by differences"):
        taylor_coefficients(product, np.ones((2, 3)), method="dense")


def test_whole_numbers_and_several_outputs_are_refused():
    words = np.random.default_rng(0).integers(0, 9, (20, 3))
    for dtype, message in (("int32", r"takes whole numbers \(int32\)"), ("float32", "into whole numbers")):
        chain = [keras.Input((3,), dtype=dtype), layers.Embedding(10, 4), layers.Flatten(), layers.Dense(1)]
        with pytest.raises(ValueError, match=f"{message}.*behind its embedding"):
            taylor_coefficients(keras.Sequential(chain), words)
    entry = keras.Input((3,))
    with pytest.raises(ValueError, match="2 outputs, each an array; choose one"):
        taylor_coefficients(keras.Model(entry, [layers.Dense(1)(entry), layers.Dense(2)(entry)]), words)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_mixed_precision_is_computed_in_single(policy, activation):
    models = [
        keras.Sequential([keras.Input((3,)), layers.Dense(9, activation, dtype=dtype), layers.Dense(1, dtype=dtype)])
        for dtype in (policy, "float32")
    ]
    models[0].set_weights(models[1].get_weights())
    inputs = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    half, single = (taylor_coefficients(model, inputs) for model in models)
    np.testing.assert_allclose(half.first, single.first, rtol=1e-6)
    np.testing.assert_allclose(half.second, single.second, rtol=1e-5)


def test_a_second_call_traces_nothing():
    model, inputs = other_model(), np.random.default_rng(0).normal(size=(50, 3))
    first = taylor_coefficients(model, inputs)
    function = compiled(model, derivatives._derivatives).__wrapped__
    traces = function.experimental_get_tracing_count()
    for output in range(4):
        taylor_coefficients(model, inputs, output=output)
    assert function.experimental_get_tracing_count() == traces == 1
    model.set_weights([2 * weight for weight in model.get_weights()])
    assert not np.allclose(taylor_coefficients(model, inputs).first, first.first)  # weights are read anew


def test_inputs_on_different_scales_are_spoken_of():
    network = random_network((3, 5, 1), ("tanh", "sigmoid"))
    inputs = np.random.default_rng(0).normal(size=(100, 3)) * [1, 1000, 1]
    with pytest.warns(UserWarning, match="deviation of b is .*e.03, that of [ac] .*standardise"):
        taylor_coefficients(network, inputs, names=["a", "b", "c"])


@pytest.mark.parametrize("weighted", [False, True])
def test_a_coefficient_is_a_mean_over_the_events_in_which_its_inputs_are_defined(weighted):
    network = random_network((5, 12, 1), ("tanh", "sigmoid"))
    generator = np.random.default_rng(7)
    inputs = generator.normal(size=(2_500, 5))  # several blocks
    weights = generator.uniform(size=2_500) if weighted else None
    defined = generator.uniform(size=inputs.shape) < [1, 0.9, 0.5, 0.3, 1]
    defined[:1_200, 3] = False  # a block without any
    found = taylor_coefficients(network, inputs, weights=weights, defined=defined)
    _, gradient, hessian = dense_derivatives(network, inputs)
    for i in range(5):
        for j in range(5):
            rows = defined[:, i] & defined[:, j]
            part = averaged(gradient[rows], hessian[rows], None if weights is None else weights[rows])
            np.testing.assert_allclose(found.second[i, j], part.second[i, j], rtol=1e-9)
            np.testing.assert_allclose(found.second_error[i, j], part.second_error[i, j], rtol=1e-9)
            if i == j:
                np.testing.assert_allclose(found.first[i], part.first[i], rtol=1e-9)
                np.testing.assert_allclose(found.first_error[i], part.first_error[i], rtol=1e-9)


def test_all_defined_is_the_same_as_nothing_said():
    network = random_network((4, 9, 1), ("tanh", "sigmoid"), dtype=np.float32)
    inputs = np.random.default_rng(3).normal(size=(1_500, 4)).astype(np.float32)
    plain = taylor_coefficients(network, inputs)
    said = taylor_coefficients(network, inputs, defined=np.ones(inputs.shape, bool))
    for part in ("first", "second", "first_error", "second_error"):
        np.testing.assert_allclose(getattr(said, part), getattr(plain, part), rtol=1e-5)


def test_where_it_is_undefined_an_input_of_a_gaussian_task_is_left_out_of_its_mean():
    """x2 is filled with 0 in half of the events of task b: the mean of t(x2) leaves these out."""
    task = toy_task("b")
    inputs, _ = sample(task, 4_000, seed=3)
    defined = np.ones(inputs.shape, bool)
    defined[::2, 1] = False
    filled = np.where(defined, inputs, 0).astype(float)
    found = taylor_coefficients(lambda x: bayes_response(task, x), filled, defined=defined)
    exact, everywhere = bayes_coefficients(task, filled[1::2]), bayes_coefficients(task, filled)
    np.testing.assert_allclose(found.first, [everywhere.first[0], exact.first[1]], rtol=1e-5)
    np.testing.assert_allclose(found.second[0, 1], exact.second[0, 1], rtol=1e-5)
    np.testing.assert_allclose(found.second[1, 1], exact.second[1, 1], rtol=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_before_the_sigmoid_stands_the_log_ratio_of_gaussian_densities(name):
    """A network that is the best response: behind its sigmoid the exact coefficients, before it those of a quadratic."""
    task = toy_task(name)
    signal, background = np.linalg.inv(task.signal_covariance), np.linalg.inv(task.background_covariance)
    linear, constant = 2 * task.signal_mean @ signal, log_density_ratio(task, np.zeros((1, 2)))[0]
    if name == "c":  # means and covariances differ: the gradient at 0
        linear = task.signal_mean @ signal - task.background_mean @ background
    trace = np.trace(background - signal)
    quadratic = quadratic_network(background - signal, linear, constant - 4e6 * np.log(2) * trace)
    best = DenseNetwork(quadratic.kernels, quadratic.biases, ("softplus", "sigmoid"))
    inputs = sample(task, 500, seed=1)[0].astype(float)
    found, exact = taylor_coefficients(best, inputs), bayes_coefficients(task, inputs)
    np.testing.assert_allclose(found.first, exact.first, rtol=1e-3)
    np.testing.assert_allclose(found.second, exact.second, rtol=1e-3)
    before = taylor_coefficients(best, inputs, before="sigmoid")
    slopes = linear + inputs @ (background - signal)
    np.testing.assert_allclose(before.first, np.abs(slopes).mean(axis=0), rtol=1e-3)
    bend = np.abs(background - signal)
    np.testing.assert_allclose(before.second, bend / (1 + np.eye(2)), rtol=1e-3, atol=1e-3)


def test_before_the_sigmoid_of_a_weighted_sum_nothing_bends():
    one_layer = DenseNetwork((np.ones((2, 1)),), (np.zeros(1),), ("sigmoid",))
    inputs = np.random.default_rng(1).normal(size=(100, 2))
    with pytest.warns(UserWarning, match="exactly 0"):
        found = taylor_coefficients(one_layer, inputs, before="sigmoid")
    np.testing.assert_allclose(found.first, [1, 1])
    assert not found.second.any()


def test_before_the_sigmoid_the_network_ends_in_its_last_weighted_sum():
    network = random_network((3, 8, 2), ("tanh", "sigmoid"))
    ends_before = DenseNetwork(network.kernels, network.biases, ("tanh", "linear"))
    inputs = np.random.default_rng(1).normal(size=(300, 3))
    expected = taylor_coefficients(ends_before, inputs, output=1)
    for model in (network, keras_model(network)):
        found = taylor_coefficients(model, inputs, output=1, before="sigmoid")
        np.testing.assert_allclose(found.first, expected.first, rtol=1e-6)
        np.testing.assert_allclose(found.second, expected.second, rtol=1e-6)
    with pytest.raises(ValueError, match="ends in linear"):
        taylor_coefficients(ends_before, inputs, before="sigmoid")
    with pytest.raises(ValueError, match="ends before its sigmoid"):
        taylor_coefficients(keras_model(network), inputs, before="sigmoid", method="autodiff")
    with pytest.raises(ValueError, match="before its own"):
        taylor_coefficients(lambda x: x[:, 0] ** 2, inputs, before="sigmoid")
    with pytest.raises(ValueError, match="before='sigmoid'"):
        taylor_coefficients(network, inputs, before="softmax")


def test_what_is_defined_is_said_of_every_input_of_every_event():
    network = random_network((3, 8, 1), ("tanh", "sigmoid"))
    inputs = np.random.default_rng(1).normal(size=(20, 3))
    for wrong in (np.ones((20, 3)), np.ones((20, 2), bool), np.ones(20, bool), True):
        with pytest.raises(ValueError, match="whether it is defined, True or False"):
            taylor_coefficients(network, inputs, defined=wrong)
    never = np.ones((20, 3), bool)
    never[:, 2] = False
    with pytest.raises(ValueError, match="in which x3 is defined"):
        taylor_coefficients(network, inputs, defined=never)
    apart = np.ones((20, 3), bool)
    apart[:10, 0], apart[10:, 2] = False, False
    with pytest.raises(ValueError, match="in which x1 and x3 are defined"):
        taylor_coefficients(network, inputs, defined=apart)
