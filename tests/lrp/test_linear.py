"""A convolution, its transpose and the way back through a pooling, in the quick forms, against TensorFlow's plain ones."""

import numpy as np
import pytest
from lrp_networks import closeness, draw, layers, precision

from helpers.course.backend import keras, tf
from helpers.lrp import linear
from helpers.lrp.graph import read_graph
from helpers.lrp.sums import linear_map


def step_and_layer(shape, layer):
    """The first step of a model with this layer at its input, in double precision."""
    with precision("float64"):
        model = draw(keras.Sequential([keras.Input(shape), layer(), layers.Flatten(), layers.Dense(2)]))
    return read_graph(model).steps[0], model.layers[0]


@pytest.mark.parametrize("onednn", [True, False], ids=["as with oneDNN", "as without"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((8, 9, 16), 3), ((8, 9, 16), (5, 1)), ((8, 9, 16), (2, 4)), ((8, 9, 3), 3), ((5, 5, 64), 5)],
    ids=["3 x 3", "5 x 1", "even", "few channels", "small map"],
)
def test_a_convolution_and_its_transpose_in_any_form(monkeypatch, onednn, padding, shape, size):
    monkeypatch.setattr(linear, "computes_with_onednn", lambda: onednn)
    step, layer = step_and_layer(shape, lambda: layers.Conv2D(20, size, padding=padding))
    rng = np.random.default_rng(5)
    quick = linear_map(step, [tf.zeros((1, *shape), tf.float64)])
    for change, changed in linear.CHANGES.items():
        x = tf.constant(rng.normal(size=(2, *shape[:2], shape[2] * (2 if change in "+-" else 1))))

        def plain(x, change=changed):
            return tf.nn.conv2d(x, change(tf.convert_to_tensor(layer.kernel)), 1, padding.upper())

        sums = plain(x)
        r = tf.constant(rng.normal(size=sums.shape))
        assert closeness(quick.apply(x, change), sums) < 1e-12
        assert closeness(quick.transpose(r, change, x), linear.adjoint(plain, x, r)) < 1e-12


@pytest.mark.parametrize("shape", [(8, 6, 3), (8, 7, 3), (2, 2, 1)], ids=["even", "odd", "one square"])
def test_of_equal_maxima_the_first_gets_all(shape):
    step, layer = step_and_layer(shape, layers.MaxPooling2D)
    rng = np.random.default_rng(6)
    x = tf.constant(rng.integers(0, 3, (40, *shape)).astype(float))  # most squares have several maxima
    r = tf.constant(rng.normal(size=(40, *layer.output.shape[1:])))
    (back,) = linear.route_back(step, [x], r)
    assert np.array_equal(back, linear.adjoint(layer, x, r))
