"""Networks of one's own: every method against TensorFlow's tape, one picture at a time, or NumPy by hand."""

import numpy as np
import pytest
from own_networks import NESTED, largest_difference, layers, pictures, reloaded, small_base, tape_gradient

from helpers.course.backend import keras, tf
from helpers.sanity.methods import explainers
from helpers.vgg16.cam import class_activation_map, grad_cam, last_map_layer, pooled_layer
from helpers.vgg16.gradients import (
    feature_maps,
    filters,
    gradient_times_input,
    input_gradient,
    integrated_gradients,
    logits,
    smooth_gradient,
)
from helpers.vgg16.occlusion import occlusion_map

x = pictures()


def own_maps(model, images):
    """What "conv" of the base puts out, from the layers one after the other."""
    base = next(layer for layer in model.layers if layer.name == "base")
    for layer in model.layers[: model.layers.index(base)]:
        images = layer(images) if layer.weights or isinstance(layer, layers.Rescaling) else images
    inner = [layer for layer in base.layers if isinstance(layer, layers.Conv2D)]
    for layer in inner:
        images = layer(images)
    return np.asarray(images)


@pytest.mark.parametrize(("build", "saved"), [*((build, False) for build in NESTED), *((b, True) for b in NESTED[:3])])
def test_a_base_inside_a_model(build, saved, tmp_path):
    model = reloaded(build(), tmp_path) if saved else build()
    wanted, maps, head = tape_gradient(model, x, [2, 0]), own_maps(model, x), model.layers[-1]
    assert largest_difference(input_gradient(model, x, [2, 0]), wanted) < 1e-5
    assert largest_difference(gradient_times_input(model, x, [2, 0]), wanted * x) < 1e-5
    assert largest_difference(feature_maps(model, x, "base/conv"), maps) < 1e-5
    assert filters(model, "base/conv").shape[-1] == 5
    found = class_activation_map(model, x, [2, 0])
    weights = head.kernel.numpy()[:, [2, 0]].T
    assert largest_difference(found, np.einsum("nhwk,nk->nhw", maps, weights)) < 1e-5
    scores = np.asarray(model(x))[[0, 1], [2, 0]]
    np.testing.assert_allclose(found.mean(axis=(1, 2)) + head.bias.numpy()[[2, 0]], scores, rtol=1e-4, atol=1e-5)
    for layer in (None, "base/conv"):
        assert largest_difference(grad_cam(model, x, [2, 0], layer, relu=False) * found[0].size, found) < 1e-5
    everything = integrated_gradients(model, x, 1, steps=256).sum(axis=(1, 2, 3))
    difference = (logits(model, x) - logits(model, np.zeros_like(x)))[:, 1]
    np.testing.assert_allclose(everything, difference, rtol=0.01, atol=0.01)


def test_every_explainer_takes_the_usual_transfer_learning():
    model = NESTED[0]()
    found = explainers(model, (-4.0,) * 3, (4.0,) * 3, noisy_copies=2, path_steps=2, patch=4)
    assert "CAM" in found
    for name in ("gradient", "SmoothGrad", "gradient x input", "integrated gradients", "Grad-CAM", "CAM", "occlusion"):
        assert found[name](model, x, 1).shape == (2, 8, 8), name


def heads():
    """Models with scores (N, 3), (N, 1, 3), (N, 1, 1, 3) and (N,)."""

    def model(*ending):
        return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu", name="c"), *ending])

    yield model(layers.Flatten(), layers.Dense(3))
    yield model(layers.Flatten(), layers.Reshape((1, -1)), layers.Dense(3))
    yield model(layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(3, 1))
    yield model(layers.Flatten(), layers.Dense(1), layers.Reshape(()))


@pytest.mark.parametrize("model", [*heads()], ids=lambda model: str(model.output_shape))
@pytest.mark.parametrize("size", [1, 2, 4])
def test_no_result_depends_on_the_batch_or_on_axes_of_one_value(model, size):
    images = pictures(4)
    target = [0, 2, 1, 0] if model.output_shape[-1] == 3 else 0
    assert largest_difference(input_gradient(model, images, target, size), tape_gradient(model, images, target)) < 1e-5
    assert largest_difference(logits(model, images, size), np.reshape(model(images), (4, -1))) < 1e-5
    for method, options in ((grad_cam, {"layer": "c", "relu": False}), (occlusion_map, {"patch": 4, "stride": 4})):
        together = method(model, images, target, **options, batch_size=size)
        alone = [
            method(model, images[[n]], np.broadcast_to(target, 4)[[n]], **options, batch_size=1)[0] for n in range(4)
        ]
        assert largest_difference(together, alone) < 1e-4


@pytest.mark.parametrize("head", [layers.Conv2D(2, 1), layers.Reshape((36, 4))])
def test_scores_for_many_places_are_refused_by_every_method(head):
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), head])
    for method in (
        input_gradient,
        smooth_gradient,
        integrated_gradients,
        grad_cam,
        class_activation_map,
        occlusion_map,
    ):
        with pytest.raises(ValueError, match="scores for many places"):
            method(model, x, 1)
    assert feature_maps(model, x, model.layers[0].name).shape == (2, 6, 6, 4)  # asks for no score


def test_each_call_of_a_layer_has_its_own_maps():
    conv, inputs = layers.Conv2D(3, 3, padding="same", activation="relu", name="twice"), keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(conv(conv(inputs)))))
    found = feature_maps(model, x, ["twice#2", "twice#1"])
    assert largest_difference(found["twice#1"], conv(x)) < 1e-6
    assert largest_difference(found["twice#2"], conv(conv(x))) < 1e-6
    assert pooled_layer(model) == last_map_layer(model) == "twice#2"
    scores = class_activation_map(model, x, 1).mean(axis=(1, 2)) + model.layers[-1].bias.numpy()[1]
    np.testing.assert_allclose(scores, np.asarray(model(x))[:, 1], rtol=1e-5, atol=1e-6)
    pixels = tf.constant(conv(x))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        score = tf.reduce_sum(model.layers[-1](tf.reduce_mean(conv(pixels), axis=(1, 2)))[:, 1])
    by_hand = tf.reduce_sum(tf.reduce_mean(tape.gradient(score, pixels), (1, 2), keepdims=True) * pixels, axis=-1)
    assert largest_difference(grad_cam(model, x, 1, "twice#1", relu=False), by_hand) < 1e-5
    with pytest.raises(ValueError, match=r"2 times; say which call you mean: 'twice#1' to 'twice#2'"):
        grad_cam(model, x, 1, "twice")


def test_the_default_layer_has_places():
    conv, dense = layers.Conv2D(4, 3, activation="relu", name="conv"), layers.Dense(3)
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), conv, layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten(), dense]
    )
    assert last_map_layer(model) == pooled_layer(model) == "conv"
    assert largest_difference(grad_cam(model, x, 0, relu=False) * 36, class_activation_map(model, x, 0)) < 1e-5
    any_size = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 8, name="one"), layers.Flatten()])
    assert last_map_layer(any_size, np.zeros((1, 9, 8, 3))) == "one"
    with pytest.raises(ValueError, match="more than one place"):
        last_map_layer(any_size, x)


def test_the_default_layer_is_never_the_pixels_moved_or_scaled():
    scaled = [layers.Rescaling(0.5), layers.RandomFlip(), layers.Normalization(), layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *scaled, layers.AveragePooling2D(2), layers.Flatten()])
    model.add(layers.Dense(3))
    with pytest.raises(ValueError, match="made by a kernel"):
        grad_cam(model, x, 0)


def test_a_layer_beside_the_way_is_refused():
    inputs = keras.Input((8, 8, 3))
    h = small_base()(inputs)
    inner = keras.Model(inputs, [h, layers.Conv2D(2, 3, name="side")(h)], name="two")
    pixels = keras.Input((8, 8, 3))
    model = keras.Model(pixels, layers.Dense(3)(layers.Flatten()(inner(pixels)[0])))
    assert last_map_layer(model) == "two/base"
    with pytest.raises(ValueError, match="do not depend on layer 'two/side'"):
        grad_cam(model, x, 0, "two/side")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_computed_in_single(policy):
    def build(dtype):
        base = keras.Sequential(
            [keras.Input((8, 8, 3)), layers.Conv2D(16, 3, activation="relu", name="conv", dtype=dtype)], name="base"
        )
        base.dtype_policy = dtype
        parts = [layers.GlobalAveragePooling2D(dtype=dtype), layers.Dense(3, dtype=dtype)]
        model = keras.Sequential([keras.Input((8, 8, 3)), base, *parts])
        model.dtype_policy = dtype
        return model

    half, single = build(policy), build("float32")
    weights = [w * np.float32(5e-4) if w.ndim > 1 else w for w in half.get_weights()]
    for model in (half, single):
        model.set_weights(weights)
    wanted = tape_gradient(single, x, 0)
    assert 0 < np.abs(wanted).max() < 6e-8  # less than half precision can hold
    for method in (input_gradient, integrated_gradients, grad_cam, class_activation_map, occlusion_map):
        options = {"patch": 4, "stride": 4} if method is occlusion_map else {}
        np.testing.assert_array_equal(method(half, x, 0, **options), method(single, x, 0, **options))
    assert largest_difference(input_gradient(half, x, 0), wanted) < 1e-5
    np.testing.assert_array_equal(feature_maps(half, x, "base/conv"), feature_maps(single, x, "base/conv"))


def reader(dtype):
    return keras.Sequential(
        [keras.Input((6,), dtype=dtype), layers.Embedding(20, 4), layers.GlobalMaxPooling1D(), layers.Dense(2)]
    )


def test_whole_numbers_have_no_gradient():
    words = np.random.default_rng(0).integers(0, 20, (3, 6))
    for dtype, message in (("int32", r"takes whole numbers \(int32\)"), ("float32", "into whole numbers")):
        for method in (input_gradient, gradient_times_input, smooth_gradient, integrated_gradients):
            with pytest.raises(ValueError, match=f"{message}.*logit_gradients"):
                method(reader(dtype), words, 0)


def test_pictures_of_8_bits_as_they_are():
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    scaled = layers.Rescaling(1 / 255, name="scaled")(inputs)
    h = layers.Conv2D(4, 3, activation="relu", name="c")(scaled)
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(h)))
    eight = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    assert largest_difference(grad_cam(model, eight, 0, relu=False) * 36, class_activation_map(model, eight, 0)) < 1e-5
    plain = occlusion_map(model, eight, 0, 4, 4, fill=7)
    hidden = eight.copy()
    hidden[0, :4, :4] = 7
    fall = (np.asarray(model(eight)) - np.asarray(model(hidden)))[0, 0]
    np.testing.assert_allclose(plain[0, 0, 0], fall, rtol=1e-4, atol=1e-6)
    for fill in (-1, 256, 0.5):
        with pytest.raises(ValueError, match="one of the values that the images can have"):
            occlusion_map(model, eight, 0, 4, 4, fill=fill)
    with pytest.raises(ValueError, match="0 to 255"):
        grad_cam(model, eight - 300.0, 0)


def test_cam_is_not_taken_from_what_only_looks_like_its_head():
    class Doubled(layers.Dense):
        def call(self, inputs):
            return 2 * super().call(inputs)

    inputs = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    for head in (Doubled(3)(pooled), layers.Dense(3, "relu")(pooled), layers.Dense(3)(layers.Dense(4)(pooled))):
        assert pooled_layer(keras.Model(inputs, head)) is None
    with pytest.raises(ValueError, match="CAM is defined"):
        class_activation_map(keras.Model(inputs, Doubled(3)(pooled)), x, 0)


def test_cam_does_not_take_quantised_weights_as_they_are():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))))
    model.layers[-1].quantize("int8")
    with pytest.raises(ValueError, match="is quantised"):
        class_activation_map(model, x, 0)


def test_inputs_and_outputs_by_name():
    inputs = keras.Input((8, 8, 3), name="pixels")
    model = keras.Model({"pixels": inputs}, {"score": layers.Dense(2)(layers.Flatten()(inputs))})
    kernel = model.layers[-1].kernel.numpy()[:, 1].reshape(8, 8, 3)
    assert largest_difference(input_gradient(model, x, 1), np.stack([kernel] * 2)) < 1e-6
