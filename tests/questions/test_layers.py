"""The layers of the network that answers questions."""

import numpy as np

from helpers.course.backend import keras, tf
from helpers.questions.network import PLACES, REACH, Moves, Scale, Shift, sectors


def test_moves_are_a_depthwise_convolution():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, PLACES, PLACES, 3)).astype("float32")
    moves = Moves()
    moves(x)
    kernel = rng.normal(size=moves.kernel.shape).astype("float32")
    moves.kernel.assign(kernel)
    wanted = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME")
    np.testing.assert_allclose(moves(x), wanted, rtol=1e-4, atol=1e-3)


def test_film_scales_and_shifts_every_channel():
    rng = np.random.default_rng(1)
    x, steering = rng.normal(size=(2, PLACES, PLACES, 5)).astype("float32"), rng.normal(size=(2, 10))
    wanted = (1 + steering[:, None, None, :5]) * x + steering[:, None, None, 5:]
    found = Scale()(x, steering) + Shift()(steering)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_moves_begin_as_sectors_in_four_directions():
    """What lies on the axis counts and fades, what lies across it or behind does not; the centre is left out."""
    kernel = np.asarray(sectors((REACH, REACH, 5, 1)))[..., 0]
    middle = PLACES - 1
    assert kernel.min() == 0
    assert (kernel[middle, middle] == 0).all()
    np.testing.assert_array_equal(kernel[..., 0], kernel[..., 4])
    for channel, (down, across) in enumerate(((0, 1), (0, -1), (1, 0), (-1, 0))):
        along = [kernel[middle + n * down, middle + n * across, channel] for n in range(1, PLACES)]
        assert along == sorted(along, reverse=True)
        assert along[-1] > 0
        assert kernel[middle - down, middle - across, channel] == 0
        assert kernel[middle + across, middle + down, channel] == 0


def test_all_can_be_stored_with_a_model(tmp_path):
    x, steering = keras.Input((PLACES, PLACES, 2)), keras.Input((4,))
    model = keras.Model([x, steering], Moves()(Scale()(x, steering) + Shift()(steering)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    rng = np.random.default_rng(3)
    inputs = [rng.normal(size=(1, PLACES, PLACES, 2)), rng.normal(size=(1, 4))]
    np.testing.assert_array_equal(again(inputs), model(inputs))
