"""Every supported layer: the walk computes what the model computes, its gradient mode is the model's gradient, LRP-0 is
gradient times input, and relevance is conserved where nothing absorbs it. What is not supported is refused by name."""

import numpy as np
import pytest
from lrp_networks import (
    closeness,
    convolutional,
    draw,
    forward,
    gradient,
    layers,
    model_of,
    pictures,
    precision,
    residual,
)

from helpers.course.backend import keras
from helpers.course.probabilities import without_softmax
from helpers.lrp import rules
from helpers.lrp.explanation import explain, lrp
from helpers.lrp.gradients import CHAIN_RULE
from helpers.lrp.graph import read_graph
from helpers.lrp.walk import walk_back
from helpers.vgg16.half_dense import HalfPrecisionDense


def convolution(**settings):
    return lambda: [layers.Conv2D(6, activation="relu", **{"kernel_size": 3, **settings}), layers.Flatten()]


def depthwise(**settings):
    return lambda: [layers.DepthwiseConv2D(3, activation="relu", **settings), layers.Flatten()]


def behind_a_convolution(*names_and_settings):
    def build():
        stack = [getattr(layers, name)(**settings) for name, settings in names_and_settings]
        return [layers.Conv2D(6, 3, padding="same"), *stack, layers.Flatten()]

    return build


RELU = ("ReLU", {})
STACKS = {
    "dense on pixels": lambda: [layers.Dense(4, activation="relu"), layers.Flatten()],
    "valid": convolution(),
    "same": convolution(padding="same"),
    "even kernel, same": convolution(kernel_size=(2, 4), padding="same"),
    "even kernel, valid": convolution(kernel_size=(4, 2)),
    "stride, same": convolution(padding="same", strides=2),
    "stride, valid": convolution(strides=(2, 3)),
    "kernel smaller than stride": convolution(kernel_size=1, strides=2),
    "dilation, same": convolution(padding="same", dilation_rate=2),
    "dilation, valid": convolution(dilation_rate=(2, 3)),
    "even kernel, dilation": convolution(kernel_size=2, padding="same", dilation_rate=(1, 3)),
    "groups": convolution(groups=3, padding="same"),
    "groups and stride": convolution(groups=3, strides=2),
    "no bias": convolution(use_bias=False),
    "small map, large kernel": lambda: [layers.MaxPooling2D(4), layers.Conv2D(9, 3, padding="same"), layers.Flatten()],
    "depthwise": depthwise(padding="same"),
    "depthwise, multiplier": depthwise(depth_multiplier=2),
    "depthwise, stride": depthwise(strides=2, padding="same"),
    "depthwise, dilation": depthwise(dilation_rate=2),
    "max pooling": behind_a_convolution(RELU, ("MaxPooling2D", {"pool_size": 2})),
    "max pooling, overlapping": behind_a_convolution(
        ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"})
    ),
    "average pooling": behind_a_convolution(("AveragePooling2D", {"pool_size": 2})),
    "average pooling, same": behind_a_convolution(RELU, ("AveragePooling2D", {"pool_size": 3, "padding": "same"})),
    "global average": lambda: [layers.Conv2D(6, 3, activation="relu"), layers.GlobalAveragePooling2D()],
    "global maximum": lambda: [layers.Conv2D(6, 3), layers.GlobalMaxPooling2D(keepdims=True), layers.Flatten()],
    "reshape": behind_a_convolution(("Reshape", {"target_shape": (9, 8, 6)}), ("Permute", {"dims": (2, 3, 1)})),
    "dropouts": behind_a_convolution(("Dropout", {"rate": 0.5}), ("SpatialDropout2D", {"rate": 0.5})),
    "cropping": behind_a_convolution(("Cropping2D", {"cropping": ((1, 2), (0, 3))})),
    "activation layer": behind_a_convolution(("Activation", {"activation": "relu"})),
    "leaky": behind_a_convolution(("LeakyReLU", {}), ("Activation", {"activation": "tanh"})),
    "layer as activation": lambda: [layers.Conv2D(4, 3, activation=layers.LeakyReLU()), layers.Flatten()],
    "padding, then convolution": lambda: [layers.ZeroPadding2D(((1, 2), (3, 0))), *convolution()()],
    "padding, then stride": lambda: [layers.ZeroPadding2D(1), *convolution(strides=2)()],
    "padding, then depthwise": lambda: [layers.ZeroPadding2D(1), *depthwise()()],
    "padding alone": behind_a_convolution(("ZeroPadding2D", {"padding": 2})),
    "normalisation behind": behind_a_convolution(("BatchNormalization", {}), RELU),
    "normalisation behind, twice": behind_a_convolution(("BatchNormalization", {}), ("BatchNormalization", {}), RELU),
    "normalisation behind depthwise": lambda: [
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.BatchNormalization(),
        layers.ReLU(max_value=6),
        layers.Flatten(),
    ],
    "normalisation in front, same": lambda: [layers.BatchNormalization(), *convolution(padding="same")()],
    "normalisation in front of padding": lambda: [
        layers.BatchNormalization(),
        layers.ZeroPadding2D(1),
        *convolution()(),
    ],
    "padding in front of normalisation": lambda: [
        layers.ZeroPadding2D(1),
        layers.BatchNormalization(),
        *convolution()(),
    ],
    "normalisation in front of groups": lambda: [layers.BatchNormalization(), *convolution(groups=3)()],
    "normalisation alone": behind_a_convolution(RELU, ("BatchNormalization", {"center": False}), ("MaxPooling2D", {})),
    "rescaling": lambda: [layers.Rescaling(2.0, offset=-1.0), *convolution(padding="same")()],
    "rescaling by channel": lambda: [layers.Rescaling([1.0, 2.0, 3.0]), layers.Flatten()],
}


def built(stack):
    with precision("float64"):
        return model_of((8, 9, 3), *stack(), layers.Dense(4))


@pytest.fixture(scope="module", params=STACKS.values(), ids=STACKS)
def model(request):
    return built(request.param)


def walked_gradient(model, images, weights):
    """The walk with the chain rule everywhere."""
    graph = read_graph(model)
    chain = {step.output: CHAIN_RULE for step in graph.steps if step.form == "weighted"}
    return walk_back(model, graph, chain, [images], np.zeros_like(weights), weights, "gradient")


def test_forwards_and_backwards_the_walk_is_the_model(model):
    images, weights = pictures(), pictures(3, (4,), seed=7)
    found = walked_gradient(model, images, weights)
    assert closeness(found.logits, forward(model, images)) < 1e-12
    assert closeness(found.values[0], gradient(model, images, weights)) < 1e-10


def test_every_layer_accounts_for_its_relevance(model, uncompiled):
    images = pictures()
    for rule in (rules.epsilon(0.1), rules.gamma(), rules.alpha_beta(bias=False), rules.w_square(), rules.flat()):
        found = explain(model, images, 1, rule)
        assert closeness(found.logits, forward(model, images)) < 1e-12  # signed rules make them another way
        scale = np.abs(found.start).max()
        for row in found.ledger:
            scale = max(scale, np.abs(row.arriving).max())
            assert np.abs(row.arriving - row.handed_on - row.absorbed).max() < 1e-9 * scale, (rule.name, row.layer)
        total = sum(row.absorbed for row in found.ledger) + found.relevance.sum(axis=(1, 2, 3))
        assert np.abs(found.start.sum(axis=1) - total).max() < 1e-9 * scale


@pytest.mark.parametrize("name", ["same", "even kernel, same", "stride, same", "dilation, same", "groups", "depthwise"])
def test_padding_contributes_nothing(name, uncompiled):
    """Without a bias in the rule everything stays in the picture, however much of a window hangs over its edge."""
    model, images = built(STACKS[name]), pictures()
    start = np.abs(pictures(3, (4,), seed=2))
    for rule in (rules.flat(1e-12), rules.w_square(1e-12, bias=False)):
        total = lrp(model, images, None, rule, start=start).sum(axis=(1, 2, 3))
        assert closeness(total, start.sum(axis=1)) < 1e-6, rule.name


def test_zero_padding_in_front_of_a_convolution_is_padding(uncompiled):
    """ZeroPadding2D and a valid convolution are one layer with padding 'same', under every rule."""
    with precision("float64"):
        same = model_of((8, 9, 3), layers.Conv2D(4, 3, padding="same"), layers.Flatten(), layers.Dense(4))
        padded = model_of((8, 9, 3), layers.ZeroPadding2D(1), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(4))
    for rule in (rules.flat(), rules.w_square(), rules.gamma(), rules.z_box(-5, 5)):
        composite = [(rules.CONVOLUTION, rule)]
        assert closeness(lrp(padded, pictures(), 0, composite), lrp(same, pictures(), 0, composite)) < 1e-12


def test_relevance_on_padding_that_stands_alone_is_lost_and_entered():
    with precision("float64"):
        model = model_of((4, 4, 2), layers.ZeroPadding2D(1), layers.Flatten(name="flat"), layers.Dense(3), bias=0)
    found = explain(model, pictures(2, (4, 4, 2)), None, rules.flat(1e-12), start=np.ones((2, 3)))
    lost = {row.layer: row.other for row in found.ledger}[model.layers[0].name]
    assert closeness(lost, 3 * (36 - 16) / 36 * np.ones(2)) < 1e-9
    assert closeness(found.relevance.sum(axis=(1, 2, 3)), 3 - lost) < 1e-9


def by_hand(weights, offset):
    """The convolution that a normalisation is folded into, by NumPy."""
    gamma, beta, mean, variance = (np.asarray(w) for w in weights)
    scale = gamma / np.sqrt(variance + 1e-3)
    return scale, beta + (offset - mean) * scale


@pytest.mark.parametrize("rule", [rules.gamma(), rules.alpha_beta(), rules.w_square(), rules.epsilon()])
def test_a_folded_normalisation_is_the_convolution_with_other_weights(rule, uncompiled):
    with precision("float64"):
        normalised = model_of(
            (8, 9, 3),
            layers.Conv2D(6, 3, padding="same", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Flatten(),
            layers.Dense(4),
        )
        folded = model_of(
            (8, 9, 3), layers.Conv2D(6, 3, padding="same"), layers.ReLU(), layers.Flatten(), layers.Dense(4)
        )
    conv, norm, *_ = normalised.layers
    kernel, offset = conv.get_weights()
    scale, bias = by_hand(norm.get_weights(), offset)
    folded.layers[0].set_weights([kernel * scale, bias])
    folded.layers[-1].set_weights(normalised.layers[-1].get_weights())
    images = pictures()
    assert closeness(forward(folded, images), forward(normalised, images)) < 1e-12  # outputs unchanged
    found = explain(normalised, images, 0, rule)
    assert closeness(found.relevance, lrp(folded, images, 0, rule)) < 1e-12
    assert np.array_equal(found.layers["conv"], found.layers["norm"])  # one layer after folding
    assert np.array_equal(found.layers["relu"], found.layers["norm"])


def test_a_normalisation_in_front_is_folded_too(uncompiled):
    with precision("float64"):
        normalised = model_of((12,), layers.BatchNormalization(name="norm"), layers.Dense(5), bias=0.3)
        folded = model_of((12,), layers.Dense(5))
    kernel, offset = normalised.layers[-1].get_weights()
    scale, shift = by_hand(normalised.layers[0].get_weights(), 0)
    folded.layers[-1].set_weights([kernel * scale[:, np.newaxis], offset + shift @ kernel])
    x = pictures(3, (12,))
    assert closeness(lrp(normalised, x, 1, rules.gamma()), lrp(folded, x, 1, rules.gamma())) < 1e-12


def test_negative_inputs_are_told_from_positive_ones_by_the_graph(uncompiled):
    with precision("float64"):
        inputs = keras.Input((8, 9, 3), dtype="float64")
        x = layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
        x = layers.MaxPooling2D(2)(x)
        y = layers.Conv2D(4, 3, padding="same", name="behind_relu")(x)
        y = layers.Add()([x, y])
        y = layers.Conv2D(4, 1, name="behind_sum", activation="tanh")(y)
        y = layers.Conv2D(4, 1, name="behind_tanh", activation="relu")(y)
        y = layers.Concatenate()([x, y])
        y = layers.GlobalAveragePooling2D()(y)
        model = draw(keras.Model(inputs, layers.Dense(3, name="behind_join")(y)))
    steps = {step.name: step for step in read_graph(model).steps}
    nonnegative = {name: step.nonnegative for name, step in steps.items() if step.form == "weighted"}
    assert nonnegative["behind_relu"]
    assert nonnegative["behind_join"]
    assert not any(nonnegative[name] for name in ("first", "behind_sum", "behind_tanh"))
    assert [name for name, step in steps.items() if rules.FIRST in step.kinds] == ["first"]
    found = explain(model, pictures(), 0, rules.alpha_beta())
    assert closeness(found.logits, forward(model, pictures())) < 1e-12


def test_add_shares_in_proportion_and_concatenate_splits(uncompiled):
    with precision("float64"):
        inputs = keras.Input((5,), dtype="float64")
        one, two = layers.Dense(4, name="one")(inputs), layers.Dense(4, name="two")(inputs)
        three = layers.Dense(2, name="three")(inputs)
        joined = layers.Concatenate(name="join")([layers.Add(name="sum")([one, two]), three])
        model = draw(keras.Model(inputs, layers.Dense(3)(joined)))
    x = pictures(2, (5,))
    found = explain(model, x, 0, rules.epsilon(1e-6))
    parts = {name: keras.Model(inputs, model.get_layer(name).output)(x).numpy() for name in ("one", "two", "sum")}
    sign = np.where(parts["sum"] >= 0, 1e-6, -1e-6)
    for name in ("one", "two"):
        wanted = parts[name] / (parts["sum"] + sign) * found.layers["sum"]
        assert closeness(found.layers[name], wanted) < 1e-12
    assert np.array_equal(found.layers["join"], np.concatenate([found.layers["sum"], found.layers["three"]], axis=1))


def test_x_plus_y_is_add(uncompiled):
    with precision("float64"):
        inputs = keras.Input((8, 9, 3), dtype="float64")
        x = layers.Conv2D(3, 3, padding="same", activation="relu")(inputs)
        y = layers.Conv2D(3, 3, padding="same")(x)

        def close(sum_):
            return keras.Model(inputs, layers.Dense(4)(layers.Flatten()(keras.ops.relu(sum_))))

        by_layer, by_sign = draw(close(layers.Add()([x, y]))), close(x + y)
    by_sign.layers[-1].set_weights(by_layer.layers[-1].get_weights())
    found = [lrp(model, pictures(), 0, rules.z_plus()) for model in (by_layer, by_sign)]
    assert np.array_equal(*found)


def test_nested_models_are_opened(uncompiled):
    images, plain = pictures(), convolutional()
    with precision("float64"):
        inputs = keras.Input((8, 9, 3), dtype="float64")
        body = keras.Sequential([keras.Input((8, 9, 3), dtype="float64"), *convolutional().layers[:4]], name="body")
        head_inputs = keras.Input(body.outputs[0].shape[1:], dtype="float64")
        head = keras.Model(head_inputs, layers.Dense(4)(layers.Dense(10, activation="relu")(head_inputs)), name="head")
        model = keras.Model(inputs, head(body(inputs)))
    model.set_weights(plain.get_weights())
    nested = explain(model, images, 2, rules.epsilon_plus_flat())
    flat = explain(plain, images, 2, rules.epsilon_plus_flat())
    assert closeness(nested.relevance, flat.relevance) < 1e-12
    assert closeness(nested.layers["body/conv2"], flat.layers["conv2"]) < 1e-12
    assert closeness(nested.layers["body"], flat.layers["flat"]) < 1e-12
    by_name = [lrp(m, images, 2, [("conv2", rules.z_plus())]) for m in (model, plain)]
    assert closeness(*by_name) < 1e-12
    assert (
        closeness(
            lrp(keras.Sequential([keras.Input((8, 9, 3), dtype="float64"), model]), images, 2, rules.gamma()),
            lrp(plain, images, 2, rules.gamma()),
        )
        < 1e-12
    )


def test_a_shared_layer_is_walked_at_every_call(uncompiled):
    with precision("float64"):
        inputs = keras.Input((6,), dtype="float64")
        shared = layers.Dense(6, activation="relu", name="shared")
        x = shared(shared(inputs))
        model = draw(keras.Model(inputs, layers.Dense(3)(x)))
        twin = model_of((6,), layers.Dense(6, activation="relu"), layers.Dense(6, activation="relu"), layers.Dense(3))
    twin.set_weights([*shared.get_weights(), *shared.get_weights(), *model.layers[-1].get_weights()])
    x = pictures(3, (6,))
    found = explain(model, x, 1, rules.gamma())
    assert closeness(found.relevance, lrp(twin, x, 1, rules.gamma())) < 1e-12
    assert {"shared", "shared#2"} <= set(found.layers)


@pytest.mark.parametrize("policy", ["float64", "float32"])
@pytest.mark.parametrize(
    "rule", [rules.epsilon(0.1), rules.gamma(), rules.alpha_beta(), rules.flat(), rules.w_square()]
)
def test_half_precision_dense_layers_are_dense_layers(rule, policy, request):
    if policy == "float64":
        request.getfixturevalue("uncompiled")
    with precision(policy):
        inputs = keras.Input((6, 5, 3), dtype=policy)
        x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(inputs))
        halves = [HalfPrecisionDense(9, "relu", rows_per_block=7), HalfPrecisionDense(4, rows_per_block=4)]
        half = keras.Model(inputs, halves[1](halves[0](x)))
        whole = keras.Model(inputs, layers.Dense(4)(layers.Dense(9, activation="relu")(x)))
    for seed, layer in enumerate(halves):
        layer.draw_kernel(seed)
        layer.bias.assign(np.random.default_rng(seed).normal(size=layer.units))
    for layer, twin in zip(halves, whole.layers[-2:], strict=True):
        twin.set_weights([np.asarray(layer.kernel), np.asarray(layer.bias)])
    images = pictures(3, (6, 5, 3))
    found, wanted = (explain(model, images, 1, rule) for model in (half, whole))
    assert closeness(found.relevance, wanted.relevance) < (1e-9 if policy == "float64" else 1e-5)
    assert [row.rule for row in found.ledger] == [row.rule for row in wanted.ledger]


def ends_in(*stack):
    return model_of((12,), layers.Dense(6, activation="relu"), *stack)


@pytest.mark.parametrize(
    "model",
    [
        ends_in(layers.Dense(3, activation="softmax", name="last")),
        ends_in(layers.Dense(3, activation="sigmoid", name="last")),
        ends_in(layers.Dense(3), layers.Softmax(name="last")),
        ends_in(layers.Dense(3), layers.Activation("softmax", name="last"), layers.Dropout(0.1)),
        keras.Sequential([keras.Input((12,)), ends_in(layers.Dense(3, activation="softmax", name="last"))]),
    ],
    ids=["fused", "sigmoid", "layer", "activation", "nested"],
)
def test_probabilities_are_refused_and_the_way_out_works(model):
    x = pictures(2, (12,))
    with pytest.raises(ValueError, match=r"'(\w+/)?last'.*without_softmax"):
        lrp(model, x, 0)
    scores = without_softmax(model)
    sigmoid = getattr(model.layers[-1], "activation", None) is keras.activations.sigmoid
    function = keras.ops.sigmoid if sigmoid else keras.ops.softmax
    assert closeness(function(forward(scores, x)), forward(model, x)) < 1e-6
    before = lrp(scores, x, 0)
    model.set_weights([2 * weight for weight in model.get_weights()])  # shared, not copied
    assert closeness(function(forward(scores, x)), forward(model, x)) < 1e-6
    assert not np.allclose(lrp(scores, x, 0), before)
    assert without_softmax(scores) is scores


class Own(keras.Model):
    def call(self, inputs):
        return inputs


def two_outputs():
    inputs = keras.Input((4,))
    return keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(2)(inputs)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (two_outputs, "one output; 'functional.*' has 2"),
        (lambda: None, "is a Keras model"),
        (lambda: Own(name="mine"), "'mine' has no inputs yet"),
        (lambda: keras.Sequential([layers.Dense(2)]), "has no inputs yet"),
    ],
)
def test_what_has_no_graph_of_layers_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        read_graph(make())


def test_sums_need_the_same_number_of_axes():
    inputs = keras.Input((4, 4, 2))
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    uneven = layers.Flatten()(layers.Add(name="uneven")([inputs, pooled]))
    model, x = keras.Model(inputs, uneven), pictures(1, (4, 4, 2)).astype(np.float32)
    found = explain(model, x, None, rules.lrp_0(), start=np.ones((1, 32)))
    assert closeness(found.logits, forward(model, x)) < 1e-6
    assert found.relevance.sum() == pytest.approx(32, rel=1e-3)
    with pytest.raises(ValueError, match="differ in the number of axes"):
        read_graph(keras.Model(inputs, layers.Flatten()(inputs + layers.GlobalAveragePooling2D()(inputs))))


def test_a_residual_network_keeps_what_it_should(uncompiled):
    """Under z+ and without biases in the rule, everything that starts arrives at the input."""
    start = np.abs(pictures(3, (4,), seed=3))
    composite = rules.Composite("z+ everywhere", (), rules.z_plus(1e-12, bias=False))
    total = lrp(residual(), pictures(), None, composite, start=start).sum(axis=(1, 2, 3))
    assert closeness(total, start.sum(axis=1)) < 1e-6


def test_a_model_without_weights_hands_on_everything():
    with precision("float64"):
        model = keras.Sequential(
            [keras.Input((2, 3, 1), dtype="float64"), layers.MaxPooling2D((2, 1)), layers.Flatten()]
        )
    x = np.array([[1.0, 5, 2], [4, 5, -1]]).reshape(1, 2, 3, 1)
    found = lrp(model, x, None, start=np.array([[1.0, 2, 3]]))
    assert found.ravel().tolist() == [0, 2, 3, 1, 0, 0]  # of two equal maxima the first gets all
