import numpy as np
import pytest
from own_networks import pictures

from helpers.course.backend import keras
from helpers.course.networks import classes_of
from helpers.course.targets import (
    batches,
    checked_images,
    explained,
    get_call,
    get_layer,
    output_weights,
)


def test_images_must_fit_the_model(linear_model):
    assert checked_images(linear_model, np.zeros((2, 8, 9, 3), np.uint8)).dtype == np.float64
    with pytest.raises(ValueError, match="np.newaxis"):
        checked_images(linear_model, np.zeros((8, 9, 3)))
    with pytest.raises(ValueError, match=r"\(N, 8, 9, 3\); got \(1, 9, 8, 3\)"):
        checked_images(linear_model, np.zeros((1, 9, 8, 3)))
    with pytest.raises(ValueError, match="empty"):
        checked_images(linear_model, np.zeros((0, 8, 9, 3)))
    with pytest.raises(ValueError, match="NaN"):
        checked_images(linear_model, np.full((1, 8, 9, 3), np.nan))
    with pytest.raises(ValueError, match="numbers"):
        checked_images(linear_model, np.array([["cat"]]))


def test_targets_become_weights(linear_model):
    assert output_weights(linear_model, 2, 1).tolist() == [[0, 1], [0, 1]]
    assert output_weights(linear_model, 2, [0, 1]).tolist() == [[1, 0], [0, 1]]
    assert output_weights(linear_model, 1, [[1.0, -1.0]]).tolist() == [[1, -1]]


@pytest.mark.parametrize("target", [2, -1, [0, 2], [0, 1, 1], 0.5, "cat", [[1.0, np.nan], [0, 1]]])
def test_impossible_targets_are_refused(linear_model, target):
    with pytest.raises(ValueError, match=r"[Cc]lass|NaN"):
        output_weights(linear_model, 2, target)


def test_layers_are_found_by_name(small_cam_network):
    assert get_layer(small_cam_network, "conv2").filters == 7
    with pytest.raises(ValueError, match=r"no layer 'conv9'.*conv1, pool1, conv2"):
        get_layer(small_cam_network, "conv9")


def test_calls_are_found_by_name():
    conv, inputs = keras.layers.Conv2D(3, 3, padding="same", name="twice"), keras.Input((8, 8, 3))
    base = keras.Model(inputs, conv(conv(inputs)), name="base")
    pixels = keras.Input((8, 8, 3), name="pixels")
    model = keras.Model(pixels, keras.layers.Dense(2, name="head")(keras.layers.Flatten()(base(pixels))))
    images = [pictures()]
    assert get_call(model, "base/twice#2", images).shape == (None, 8, 8, 3)
    assert get_layer(model, "base/twice") is conv
    for name, message in {
        "base/twice": r"2 times; say which call you mean: 'base/twice#1' to 'base/twice#2'",
        "twice": r"no layer 'twice'. Its layers: base/twice#1, base/twice#2\.",
        "pixels": "'pixels' computes nothing: it is the input",
        "tail": r"no layer 'tail'. Its layers: pixels, base, flatten.*, head\.",
    }.items():
        with pytest.raises(ValueError, match=message):
            get_call(model, name, images)


def test_a_layer_with_several_outputs_is_refused():
    inputs = keras.Input((5, 4))
    sequence, *_ = keras.layers.LSTM(3, return_sequences=True, return_state=True, name="both")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(sequence)))
    with pytest.raises(ValueError, match="'both' puts out no single array"):
        get_call(model, "both", [np.zeros((1, 5, 4), np.float32)])


def test_scores_have_one_axis_of_classes():
    def ending(*layers):
        return keras.Sequential([keras.Input((4, 4, 3)), *layers])

    pool, pool_flat = keras.layers.GlobalAveragePooling2D(keepdims=True), keras.layers.GlobalAveragePooling2D()
    assert classes_of(ending(pool, keras.layers.Conv2D(5, 1))) == 5
    assert classes_of(ending(pool_flat)) == 3
    assert classes_of(ending(pool_flat, keras.layers.Dense(1), keras.layers.Reshape(()))) == 1
    inputs = keras.Input((3,))
    for model, message in (
        (ending(keras.layers.Conv2D(5, 1)), r"puts out \(None, 4, 4, 5\), scores for many places"),
        (keras.Model(inputs, [inputs, inputs]), "has 2 outputs.*choose it"),
        (keras.Model(inputs, keras.ops.argmax(inputs, axis=-1)), "puts out int32, which has no gradient"),
    ):
        with pytest.raises(ValueError, match=message):
            classes_of(model)


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [("uint8", [0, 255.0], [-1, 256, 0.5]), ("int32", [-7, 7], [0.5, 1e11]), ("bool", [0, 1], [2, 0.5])],
)
def test_whole_numbers_are_not_cut_or_turned_round(dtype, good, bad):
    model = keras.Sequential([keras.Input((2,), dtype=dtype), keras.layers.Rescaling(0.1), keras.layers.Dense(2)])
    for value in good:
        assert checked_images(model, [[value, value]]).dtype == dtype
    for value in bad:
        with pytest.raises(ValueError, match="takes whole numbers"):
            checked_images(model, [[value, value]])


def test_what_cannot_be_explained_is_refused_in_words():
    def begin(*shape, **options):
        return keras.Sequential([keras.Input(shape, **options)])

    half = begin(3, dtype="float16")
    half.add(keras.layers.Dense(2))
    with pytest.raises(ValueError, match="takes float16, too coarse"):
        explained(half, np.zeros((1, 3)), 0)
    first = begin(3, 8, 8)
    first.add(keras.layers.Conv2D(2, 3, data_format="channels_first", name="conv"))
    first.add(keras.layers.Flatten())
    with pytest.raises(ValueError, match="'conv' has its channels first"):
        explained(first, np.zeros((1, 3, 8, 8)), 0)
    state = keras.Sequential([keras.Input(batch_shape=(1, 5, 3)), keras.layers.LSTM(2, stateful=True, name="lstm")])
    with pytest.raises(ValueError, match="'lstm' carries a state"):
        explained(state, np.zeros((1, 5, 3)), 0)

    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match=r"keras.Model\(inputs, model\(inputs\)\)"):
        explained(Own(), np.zeros((1, 3)), 0)


def test_labels_are_not_taken_for_weights():
    one = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    assert output_weights(one, 2, [[1], [-1]]).tolist() == [[1], [-1]]
    assert output_weights(one, 2, 0).tolist() == [[1], [1]]
    with pytest.raises(ValueError, match="look like labels"):
        output_weights(one, 2, [[1], [0]])
    with pytest.raises(ValueError, match="weights of -1"):
        output_weights(one, 2, 1)


def test_batches_cover_everything_once():
    assert np.concatenate([np.arange(10)[rows] for rows in batches(10, 4)]).tolist() == list(range(10))
    with pytest.raises(ValueError, match="batch_size"):
        batches(10, 0)
