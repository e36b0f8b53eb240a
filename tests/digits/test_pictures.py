import numpy as np
import pytest
from PIL import Image

from helpers.course.backend import keras
from helpers.course.targets import require_logits
from helpers.digits import pictures
from helpers.digits.network import accuracy, digit_network, train_digit_network, train_with_shuffled_labels
from helpers.digits.pictures import Digits, centre_digit, load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def trained(digits):
    return train_digit_network(digits, epochs=8)


def test_the_parts_are_disjoint_and_hold_as_many_of_each_digit(digits):
    assert digits.train_images.shape == (4000, 28, 28, 1)
    assert digits.test_images.shape == (1000, 28, 28, 1)
    assert np.bincount(digits.train_labels).tolist() == [400] * 10
    assert np.bincount(digits.test_labels).tolist() == [100] * 10
    assert digits.test_labels[:20].tolist() == [*range(10)] * 2
    train, test = ({i.tobytes() for i in part} for part in (digits.train_images, digits.test_images))
    assert not train & test


def test_ink_is_one_and_paper_zero(digits):
    assert digits.train_images.dtype == np.float32
    assert (digits.train_images.min(), digits.train_images.max()) == (0, 1)
    assert np.all(digits.train_images[:, 0, 0] == 0)
    assert 0.1 < digits.train_images.mean() < 0.16


def test_a_digit_of_mnist_comes_back_as_it_is(digits, monkeypatch):
    """Box, proportions and centre are MNIST's own: no scaling and no shift is left to do."""
    monkeypatch.setattr(pictures, "FAINTEST", 0)
    shown = digits.test_images[:300, ..., 0] / digits.test_images[:300, ..., 0].max(axis=(1, 2), keepdims=True)
    same = [np.abs(centre_digit(picture) - picture).max() < 1e-5 for picture in shown]
    assert np.mean(same) > 0.88


def enlarged(picture, rng):
    """A digit as a drawing of 200 x 230 pixels, dark on light and anywhere."""
    side = int(rng.integers(100, 180))
    large = np.asarray(Image.fromarray(np.uint8(255 * picture)).resize((side, side), Image.Resampling.BICUBIC))
    drawing = np.full((200, 230), 250, np.uint8)
    y, x = (int(rng.integers(0, n - side + 1)) for n in drawing.shape)
    drawing[y : y + side, x : x + side] -= np.minimum(large, 240)
    return drawing


def test_enlarged_and_shifted_digits_are_recognised_as_before(digits, trained):
    assert trained.test_accuracy >= 0.96
    rng = np.random.default_rng(0)
    drawings = [enlarged(picture, rng) for picture in digits.test_images[..., 0]]
    centred = np.array([centre_digit(drawing) for drawing in drawings])[..., np.newaxis]
    assert accuracy(trained.model, centred, digits.test_labels) > trained.test_accuracy - 0.015
    squeezed = np.array([np.asarray(Image.fromarray(d).resize((28, 28))) for d in drawings])[..., np.newaxis] / 255
    assert accuracy(trained.model, 1 - squeezed, digits.test_labels) < 0.6  # so the centring is what did it


def drawing():
    picture = np.zeros((120, 90))
    picture[20:100, 40:50] = 1
    picture[20:30, 40:80] = 0.7
    return picture


def test_scale_place_and_polarity_do_not_matter():
    wanted = centre_digit(drawing())
    for other in (
        1 - drawing(),
        255 * drawing(),
        np.uint8(200 - 150 * drawing()),
        np.pad(drawing(), ((0, 60), (31, 0))),
    ):
        np.testing.assert_allclose(centre_digit(other), wanted, atol=0.01)
    np.testing.assert_allclose(centre_digit(np.kron(drawing(), np.ones((2, 2)))), wanted, atol=0.01)
    assert np.array_equal(centre_digit(drawing() > 0), centre_digit((drawing() > 0).astype(int)))


def test_the_digit_fills_its_box_and_its_centre_of_mass_the_middle():
    centred = centre_digit(drawing())
    assert centred.shape == (28, 28)
    assert centred.dtype == np.float32
    assert (centred.min(), centred.max()) == (0, 1)
    rows, columns = (np.flatnonzero(centred.any(axis=axis)) for axis in (1, 0))
    assert (len(rows), len(columns)) == (20, 10)  # 80 x 40 pixels keep their proportions
    y, x = np.indices(centred.shape)
    assert abs((centred * y).sum() / centred.sum() - 14) <= 0.5
    assert abs((centred * x).sum() / centred.sum() - 14) <= 0.5


def test_thin_strokes_dots_and_faint_grain():
    line = np.zeros((200, 200))
    line[30:170, 100] = 1
    assert centre_digit(line).max() == 1
    assert (centre_digit(line) > 0).sum() == 20
    dot = np.zeros((50, 50))
    dot[10, 40] = 1
    assert (centre_digit(dot) > 0).sum() == 400
    grain = 0.04 * np.random.default_rng(0).random((120, 90))
    np.testing.assert_allclose(centre_digit(drawing() + grain), centre_digit(drawing()), atol=0.06)


def test_what_is_no_drawing_is_refused():
    for empty in (np.zeros((200, 200)), np.full((28, 28), 255, np.uint8)):
        with pytest.raises(ValueError, match="Nothing is drawn"):
            centre_digit(empty)
    with pytest.raises(ValueError, match="Colours: picture.mean"):
        centre_digit(np.zeros((20, 20, 3)))
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        centre_digit([])
    with pytest.raises(ValueError, match="NaN"):
        centre_digit(np.full((5, 5), np.nan))


def test_the_network_ends_in_logits_and_learns_the_same_twice(digits):
    require_logits(digit_network(), [np.zeros((1, 28, 28, 1), np.float32)])
    few = Digits(digits.train_images[:200], digits.train_labels[:200], digits.test_images, digits.test_labels)
    told = []
    one = train_digit_network(few, epochs=2, seed=3, progress=lambda *what: told.append(what[:2]))
    two, other = (train_digit_network(few, epochs=2, seed=seed) for seed in (3, 4))
    assert told == [(1, 2), (2, 2)]
    np.testing.assert_allclose(one.loss, two.loss, rtol=1e-4)
    assert not np.allclose(one.loss, other.loss, rtol=1e-3)
    assert all(layer.activation is keras.activations.relu for layer in one.model.layers if "conv" in layer.name)
    with pytest.raises(ValueError, match="epochs is a whole number from 1"):
        train_digit_network(few, epochs=0)
    for train in (train_digit_network, train_with_shuffled_labels):
        with pytest.raises(ValueError, match="seed is a whole number from 0 to 4294967; got seed=-1"):
            train(few, seed=-1)


def test_shuffled_labels_are_learned_by_heart_and_mean_nothing(digits):
    learned = train_with_shuffled_labels(digits)
    assert learned.train_accuracy >= 0.98
    assert learned.test_accuracy < 0.2
    assert len(learned.loss) < 60
