"""Layers of all kinds, several to a network: the walk computes what the network computes, its gradient mode is the
network's gradient, LRP-0 is gradient times input where the network is piecewise linear, and every layer accounts for its
relevance. What a rule gives is compared by hand where it is new: softmax, products, gates, words."""

import numpy as np
import pytest
from lrp_networks import closeness, draw, forward, gradient, layers, pictures, precision

from helpers.course.backend import keras
from helpers.lrp import rules
from helpers.lrp.explanation import explain, format_ledger, lrp
from helpers.lrp.gradients import CHAIN_RULE, deconvnet, guided_backpropagation
from helpers.lrp.graph import read_graph
from helpers.lrp.walk import walk_back
from helpers.vgg16.gradients import input_gradient

ops = keras.ops
SERIES, SENTENCE, PICTURE, VOLUME = (12, 3), (6, 3), (8, 9, 3), (4, 5, 4, 2)


def network(shape, build, classes=4, seed=0):
    with precision("float64"):
        inputs = keras.Input(shape, dtype="float64")
        x = build(inputs)
        x = layers.Flatten()(x) if len(x.shape) > 2 else x
        return draw(keras.Model(inputs, layers.Dense(classes, name="scores")(x)), seed)


def chain(stack):
    def build(x):
        for layer in stack():  # made in the precision of the network
            x = layer(x)
        return x

    return build


def excited(x):
    """Squeeze and excitation: the mean of every channel decides how much of it passes."""
    gate = layers.Dense(x.shape[-1], activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply(name="excited")([x, gate])


def joined(x):
    one, two = layers.Dense(4, name="one")(x), layers.Dense(4, activation="softplus", name="two")(x)
    sums = [one - two, layers.Subtract()([two, one]), layers.Average()([one, two]), layers.Add()([one, two[:, :1]])]
    products = [one * two, two / (1.0 + layers.Dense(4, activation="sigmoid")(x)), layers.Multiply()([one, one])]
    chosen = [layers.Maximum()([one, two]), layers.Minimum()([one, two])]
    return layers.Concatenate()([*sums, *products, *chosen])


def attentive(x):
    """Dot products, written out and as a layer."""
    q, k = layers.Dense(4)(x), layers.Dense(4)(x)
    mixed = ops.softmax(q @ ops.transpose(k, (0, 2, 1)) / 2.0) @ layers.Dense(4)(x)
    return layers.Concatenate()([mixed, layers.Dot(axes=(2, 2))([mixed, k])])


def transformer(x):
    x = layers.Dense(6)(x) + np.linspace(-1, 1, 72).reshape(12, 6)  # positions
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)]))
    x = x + layers.Dense(6)(layers.Dense(8, activation="silu")(x))
    return layers.RMSNormalization()(x)[:, 0] if hasattr(layers, "RMSNormalization") else x[:, 0]


def partly_hidden(x):
    """Keras gives a mask to each of these as it runs; the third keeps what it is for words that nobody may look at."""
    x = layers.Masking()(x)
    seen = layers.MultiHeadAttention(2, 3)(x, x)
    read = layers.LSTM(3, return_sequences=True)(seen, training=False)
    return layers.Concatenate()([layers.Flatten()(read), layers.Flatten()(seen), layers.GlobalAveragePooling1D()(seen)])


def arithmetic(x):
    """What Keras makes of numbers and arrays in a formula."""
    one = 3.0 - layers.Dense(4)(x) / 255 + 1
    two = -layers.Dense(4)(x) * np.arange(1.0, 5)
    three = ops.exp(-ops.abs(x)) + 2.0 / (1.0 + ops.square(x)) + x**2
    wish = one * ops.relu6(one + 3.0) * (1 / 6)
    return ops.concatenate([wish, two, ops.pad(three, ((0, 0), (1, 1), (0, 0)))[:, 1:-1]], axis=-1)


PIECEWISE_LINEAR = {
    "series": (
        SERIES,
        chain(
            lambda: [
                layers.ZeroPadding1D(1),
                layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same", activation="relu"),
                layers.SeparableConv1D(6, 3, activation="relu"),
                layers.MaxPooling1D(2),
                layers.Conv1D(6, 3, groups=2, activation="relu"),
                layers.Conv1DTranspose(4, 3, strides=2, activation="relu"),
                layers.UpSampling1D(2),
                layers.Cropping1D(2),
                layers.AveragePooling1D(3, padding="same"),
                layers.GlobalMaxPooling1D(keepdims=True),
            ]
        ),
    ),
    "pictures": (
        PICTURE,
        chain(
            lambda: [
                keras.applications.mobilenet_v2.preprocess_input,
                layers.SeparableConv2D(6, 3, padding="same", strides=2, activation="relu"),
                layers.BatchNormalization(),
                layers.Conv2D(6, 3, groups=6, padding="same", activation="relu"),
                layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
                layers.BatchNormalization(axis=1),
                layers.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[2.0, 1, 0.5, 1]),
                layers.UpSampling2D(2, interpolation="bilinear"),
                layers.Conv2D(4, 3, groups=2, dilation_rate=2, activation="relu"),
                layers.GlobalAveragePooling2D(),
            ]
        ),
    ),
    "volumes": (
        VOLUME,
        chain(
            lambda: [
                layers.ZeroPadding3D(1),
                layers.Conv3D(3, 2, strides=(1, 2, 1), activation="relu"),
                layers.Conv3DTranspose(2, 2, activation="relu"),
                layers.Cropping3D(1),
                layers.UpSampling3D((1, 2, 1)),
                layers.GlobalAveragePooling3D(),
            ]
        ),
    ),
    "sums": (
        SERIES,
        lambda x: layers.Subtract()(
            [layers.Dense(4, activation="relu")(x), layers.Average()([x[..., :1], x[..., 1:2]])]
        ),
    ),
    "a crop that enlarges": (
        PICTURE,
        chain(lambda: [layers.CenterCrop(10, 9), layers.Conv2D(2, 3, activation="relu")]),
    ),
    "one value for five": (SERIES, lambda x: layers.ReLU()(x[:, 0, :1]) + np.arange(1.0, 6)),
    "one sum for five": (SERIES, lambda x: layers.Dense(1)(layers.Flatten()(x)) + np.arange(1.0, 6)),
    "einsum": (
        SERIES,
        chain(lambda: [layers.EinsumDense("abc,cde->abde", (12, 2, 3), bias_axes="de", activation="relu")]),
    ),
}
CURVED = {
    "normalised": (
        PICTURE,
        chain(
            lambda: [
                layers.Conv2D(6, 3, activation="gelu"),
                layers.GroupNormalization(3),
                layers.PReLU(),
                layers.LayerNormalization(axis=(1, 3)),
                layers.Activation("tanh"),
                excited,
                layers.UnitNormalization(),
            ]
        ),
    ),
    "joined": (SERIES, joined),
    "attention by hand": (SERIES, attentive),
    "transformer": (SERIES, transformer),
    "partly hidden": (SENTENCE, partly_hidden),
    "arithmetic": (SERIES, arithmetic),
    "softmax inside": (SERIES, lambda x: layers.Dense(3)(x) * layers.Softmax(axis=1)(layers.Dense(1)(x))),
    "LSTM": (
        SENTENCE,
        chain(lambda: [layers.LSTM(3, return_sequences=True, go_backwards=True), layers.LSTM(3, use_bias=False)]),
    ),
    "GRU": (SENTENCE, chain(lambda: [layers.GRU(3, return_sequences=True), layers.GRU(3, reset_after=False)])),
    "both ways": (
        SENTENCE,
        chain(
            lambda: [
                layers.Masking(),
                layers.Bidirectional(layers.SimpleRNN(3, return_sequences=True), merge_mode="sum"),
                layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
                layers.GlobalAveragePooling1D(),
            ]
        ),
    ),
}
ALL = {**PIECEWISE_LINEAR, **CURVED}
CLOSE = {"transformer": 1e-6, "partly hidden": 1e-6}  # Keras computes attention in float32 in places

# What no other test compiles. And of volumes TensorFlow has the gradient of a transposed convolution only there.
COMPILED = ("volumes", "normalised", "joined", "attention by hand", "arithmetic", "softmax inside")


@pytest.fixture(scope="module", params=ALL)
def case(request):
    shape, build = ALL[request.param]
    x = pictures(3, shape)
    if request.param in ("both ways", "partly hidden"):
        x[0, 4:], x[1, 2:3] = 0, 0  # masked
    return request.param, network(shape, build), x


def test_forwards_and_backwards_the_walk_is_the_network(case):
    name, model, x = case
    weights, graph = pictures(3, (4,), seed=7), read_graph(model)
    chain = rules.Composite("chain rule", (), CHAIN_RULE).rules_for(graph)
    found = walk_back(model, graph, chain, [x], np.zeros_like(weights), weights, "gradient")
    assert closeness(found.logits, forward(model, x)) < CLOSE.get(name, 1e-12)
    assert closeness(found.values[0], gradient(model, x, weights)) < CLOSE.get(name, 1e-10)


@pytest.mark.parametrize("rule", [rules.epsilon(0.1), rules.alpha_beta(bias=False)], ids=lambda rule: rule.name)
def test_every_layer_accounts_for_its_relevance(case, rule, request):
    name, model, x = case
    if name not in COMPILED:
        request.getfixturevalue("uncompiled")
    found = explain(model, x, 1, rules.Composite("everywhere", (), rule))
    assert closeness(found.logits, forward(model, x)) < CLOSE.get(name, 1e-12)
    scale = max(np.abs(found.start).max(), *(np.abs(row.arriving).max() for row in found.ledger))
    for row in found.ledger:
        assert np.abs(row.arriving - row.handed_on - row.absorbed).max() < 1e-10 * scale, row.layer
    absorbed = sum(row.absorbed for row in found.ledger)
    total = found.relevance.reshape(3, -1).sum(axis=1) + absorbed
    assert np.abs(found.start.sum(axis=1) - total).max() < 1e-10 * scale


def test_lrp_0_is_gradient_times_input(case, request):
    name, model, x = case
    if name not in COMPILED:
        request.getfixturevalue("uncompiled")
    if name in PIECEWISE_LINEAR:
        wanted = x * gradient(model, x, np.eye(4)[[0, 1, 2]])
        assert closeness(lrp(model, x, [0, 1, 2], rules.lrp_0()), wanted) < 1e-9


@pytest.mark.parametrize("pooling", [layers.MaxPooling3D(2), layers.AveragePooling3D(2)])
def test_pooling_of_volumes(pooling):
    """TensorFlow has it in single precision only."""
    inputs = keras.Input(VOLUME)
    x = layers.Flatten()(pooling(layers.Conv3D(3, 2, activation="relu")(inputs)))
    model, x = draw(keras.Model(inputs, layers.Dense(4)(x))), pictures(3, VOLUME).astype(np.float32)
    wanted = x * gradient(model, x, np.eye(4, dtype=np.float32)[[0, 1, 2]])
    assert closeness(lrp(model, x, [0, 1, 2], rules.lrp_0()), wanted) < 1e-4


# the same value joined twice


def tripled(x):
    """A grey picture made three channels."""
    return layers.Conv2D(4, 3, activation="relu", use_bias=False)(layers.Concatenate()([x, x, x]))


def with_its_own_dropout(x):
    h = layers.Dense(4, activation="relu", use_bias=False)(x)
    return layers.Concatenate()([h, layers.Dropout(0.5)(h), layers.Maximum()([h, h]), layers.Average()([h, h])])


@pytest.mark.parametrize(("shape", "build"), [((6, 6, 1), tripled), ((5,), with_its_own_dropout)])
def test_the_same_value_joined_twice_counts_once_each(shape, build, uncompiled):
    model, x = network(shape, build), pictures(2, shape)
    model.get_layer("scores").bias.assign(np.zeros(4))
    found = explain(model, x, 0, rules.lrp_0())
    assert closeness(found.relevance.reshape(2, -1).sum(axis=1), forward(model, x)[:, 0]) < 1e-12
    assert closeness(found.relevance, x * input_gradient(model, x, 0)) < 1e-12
    for row in found.ledger:
        assert np.abs(row.arriving - row.handed_on - row.absorbed).max() < 1e-12


@pytest.mark.parametrize("method", [guided_backpropagation, deconvnet])
def test_guided_gradients_of_a_value_joined_twice(method, uncompiled):
    model = network((4,), lambda x: layers.Concatenate()([x, x, layers.Add()([x, x]), x * x]))
    x = pictures(2, (4,))
    assert closeness(method(model, x, 1), input_gradient(model, x, 1)) < 1e-12


# by hand


def passed_on(shape, layer, values, start):
    """Relevance in front of a layer that puts out what is explained."""
    with precision("float64"):
        inputs = [keras.Input(each, dtype="float64") for each in shape]
        x = layer(*inputs)
        model = keras.Model(inputs, layers.Reshape((-1,))(x) if len(x.shape) > 2 else x)
    return lrp(model, values if len(values) > 1 else values[0], None, rules.lrp_0(), start=start)


def test_softmax_by_its_taylor_expansion(uncompiled):
    """R_i = x_i (R_i - s_i sum_j R_j) for x = (0, log 2, log 5), s = (1, 2, 5) / 8, R = (8, 0, 16): the sum is 24."""
    with precision("float64"):
        inputs = keras.Input((3,), dtype="float64")
        gated = layers.Softmax()(inputs)
        model = keras.Model(inputs, layers.Dense(3, use_bias=False)(gated))
    model.layers[-1].set_weights([np.eye(3)])
    x = np.log([[1.0, 2, 5]])
    found = explain(model, x, None, rules.lrp_0(), start=np.array([[8.0, 0, 16]]))
    assert closeness(found.relevance, np.log([[1.0, 2, 5]]) * [[8 - 3, -6, 16 - 15]]) < 1e-12
    row = next(row for row in found.ledger if row.layer.startswith("softmax"))
    assert row.arriving == pytest.approx(24)
    assert row.bias == pytest.approx(24 + 6 * np.log(2) - np.log(5))


def test_the_factors_of_a_product_of_matrices_share_equally(uncompiled):
    """z = a b + c d = 1 * 3 + 2 * 4 = 11: a and b get half of 3/11 R each, c and d half of 8/11 R."""
    a, b = passed_on(
        [(1, 2), (2, 1)], lambda p, q: p @ q, [np.array([[[1.0, 2]]]), np.array([[[3.0], [4]]])], np.array([[22.0]])
    )
    assert closeness(a, [[[3.0, 8]]]) < 1e-12
    assert closeness(b, [[[3.0], [8]]]) < 1e-12


def test_signals_share_a_product_and_a_gate_gets_nothing(uncompiled):
    x, y, start = np.array([[2.0, -1]]), np.array([[3.0, 5]]), np.array([[6.0, 4]])
    for factors in (lambda p, q: p * q, lambda p, q: layers.Multiply()([p, q])):
        assert [part.tolist() for part in passed_on([(2,), (2,)], factors, [x, y], start)] == [[[3, 2]], [[3, 2]]]
    gates = [ops.sigmoid, layers.Activation("hard_sigmoid"), lambda q: ops.relu6(q + 3.0) * (1 / 6), layers.ReLU(1.0)]
    for gate in gates:
        signal, gated = passed_on([(2,), (2,)], lambda p, q, gate=gate: p * gate(q), [x, y], start)
        assert signal.tolist() == [[6, 4]]
        assert not gated.any()
    signal, divisor = passed_on([(2,), (2,)], lambda p, q: p / q, [x, y], start)
    assert signal.tolist() == [[6, 4]]
    assert not divisor.any()


def test_a_gate_of_an_lstm_gets_nothing_and_the_sums_share(uncompiled):
    """One unit, gates wide open (bias 50), all other biases 0: c_1 = tanh(x_1), c_2 = c_1 + tanh(x_2 + h_1 u), and each
    summand gets the share that it made."""
    with precision("float64"):
        model = keras.Sequential([keras.Input((2, 1), dtype="float64"), layers.LSTM(1)])
    u = 0.5
    kernel, recurrent = np.array([[0, 0, 1.0, 0]]), np.array([[0.3, -0.2, u, 0.1]])
    model.layers[0].set_weights([kernel, recurrent, np.array([50.0, 50, 0, 50])])
    x = np.array([[[0.4], [-0.9]]])
    first, second = x[0, :, 0]
    c = np.tanh(first)
    h = np.tanh(c)
    a = second + h * u
    total = c + np.tanh(a)
    wanted = [c / total + np.tanh(a) / total * h * u / a, np.tanh(a) / total * second / a]
    found = lrp(model, x, None, rules.lrp_0(), start=np.array([[1.0]]))
    assert closeness(found[0, :, 0], wanted) < 1e-12


def test_a_bidirectional_lstm_is_that_of_the_words(uncompiled):
    from helpers.words.lstm import lstm_relevance, read_lstm

    with precision("float64"):
        inputs = keras.Input((6, 4), dtype="float64")
        read = layers.Bidirectional(layers.LSTM(5), name="bidirectional")(layers.Masking()(inputs))
        model = draw(keras.Model(inputs, layers.Dense(3, name="score")(read)))
    x, present = pictures(2, (6, 4)), np.arange(6) < np.array([[6], [4]])
    x[~present] = 0
    for epsilon in (1e-6, 0.001):
        wanted = lstm_relevance(read_lstm(model), x, np.eye(3)[[1, 2]], present, epsilon=epsilon, share_bias=False)
        found = explain(model, x, [1, 2], rules.epsilon(epsilon))
        assert closeness(found.relevance, wanted.relevance) < 1e-10
        assert closeness(found.logits, wanted.scores) < 1e-12


def test_a_word_gets_the_sum_over_its_embedding():
    with precision("float64"):
        inputs = keras.Input((5,), dtype="int32")
        embedded = layers.Embedding(7, 3, mask_zero=True, name="embedding")(inputs)
        x = layers.GlobalAveragePooling1D()(embedded)
        model = draw(keras.Model(inputs, layers.Dense(2, use_bias=False)(x)))
    words = np.array([[3, 5, 1, 0, 0], [2, 2, 6, 4, 0]])
    found = explain(model, words, 1, rules.lrp_0())
    table, kernel = (layer.get_weights()[0] for layer in (model.get_layer("embedding"), model.layers[-1]))
    wanted = (table[words] @ kernel[:, 1]) * (words > 0) / (words > 0).sum(axis=1, keepdims=True)
    assert found.relevance.shape == (2, 5)
    assert closeness(found.relevance, wanted) < 1e-12
    assert found.layers["embedding"].shape == (2, 5, 3)
    with pytest.raises(ValueError, match="whole numbers"):
        guided_backpropagation(model, words, 0)
    for row in range(2):
        last = format_ledger(found.ledger, row).splitlines()[-1].split()
        assert last[0] == "input"
        assert float(last[1]) == pytest.approx(wanted[row].sum(), rel=1e-2)


def attended(x):
    x = layers.MultiHeadAttention(2, 3)(x, x)
    return layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(1, 4)(x, x, use_causal_mask=True))


READERS = {
    "attention": attended,
    "LSTM": lambda x: layers.LSTM(4)(x, training=False),
    "both ways": lambda x: layers.Bidirectional(layers.GRU(3))(x, training=False),
    "a mean": lambda x: layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x)),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_sentence_and_what_fills_it_up(reader, request):
    """Zeros behind a sentence change neither its score nor the relevance of its words, and get none."""
    with precision("float64"):
        inputs = keras.Input((None,), dtype="int32")
        x = READERS[reader](layers.Embedding(7, 4, mask_zero=True)(inputs))
        model = draw(keras.Model(inputs, layers.Dense(3)(x)))
    words = np.array([[3, 5, 1, 0, 0, 0]])
    for rule in (rules.lrp_0(), rules.gamma()):
        found, wanted = (explain(model, each, 1, rule) for each in (words, words[:, :3]))
        assert closeness(found.logits, forward(model, words)) < 1e-6
        assert closeness(found.logits, wanted.logits) < 1e-6
        assert closeness(found.relevance[:, :3], wanted.relevance) < 1e-5
        assert not found.relevance[:, 3:].any()
        request.getfixturevalue("uncompiled")  # once was enough


def test_masks_that_a_layer_loses_as_it_runs():
    """The second attention gets no mask: the first one takes it off its inputs, and a sum needs it on both summands."""
    with precision("float64"):
        inputs = keras.Input((6,), dtype="int32")
        x = layers.Embedding(7, 4, mask_zero=True)(inputs)
        for _ in range(2):
            x = layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)])
        model = draw(keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x))))
    words = np.array([[3, 5, 1, 0, 0, 0], [1, 2, 3, 4, 5, 6]])
    assert closeness(explain(model, words, 1, rules.lrp_0()).logits, forward(model, words)) < 1e-6


def test_enlarging_pictures_of_any_size():
    """It tells nothing whether the size is known beforehand."""

    def built(shape):
        with precision("float64"):
            inputs = keras.Input(shape, dtype="float64")
            x = layers.UpSampling2D((2, 3), interpolation="bilinear")(layers.Conv2D(4, 3, activation="relu")(inputs))
            return draw(keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x)))))

    x = pictures(2, (7, 6, 3))
    found, wanted = (explain(built(shape), x, 1, rules.epsilon_plus()) for shape in ((None, None, 3), (7, 6, 3)))
    assert closeness(found.logits, wanted.logits) < 1e-12
    assert closeness(found.relevance, wanted.relevance) < 1e-10


def test_layers_that_change_pictures_at_random_do_nothing_when_the_network_infers():
    from helpers.lrp.layers import GROUPS, layers_named

    group = next(group for group in GROUPS if group.form == "identity")
    x = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype(np.float32)
    settings = {"RandomCrop": {"height": 8, "width": 8}}
    for layer in layers_named(
        *(name for name in group.names if name.startswith(("Random", "Rand", "Mix", "Cut", "Aug")))
    ):
        made = layer(**ARGUMENTS.get(layer.__name__, {}), **settings.get(layer.__name__, {}))
        assert np.allclose(made(x, training=False), x, atol=1e-6), layer.__name__


ARGUMENTS = {name: {"factor": 0.2} for name in ("RandomRotation", "RandomContrast", "RandomBrightness", "RandomHue")}
ARGUMENTS |= {
    name: {"factor": 0.2} for name in ("RandomSaturation", "RandomSharpness", "RandomGrayscale", "RandomInvert")
}
ARGUMENTS |= {"RandomZoom": {"height_factor": 0.2}, "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2}}
ARGUMENTS |= {"RandomColorDegeneration": {"factor": 0.2}, "RandomPosterization": {"factor": 4}}


def test_a_random_flip_in_front_is_handed_through(uncompiled):
    model = network(PICTURE, lambda x: layers.Conv2D(3, 3)(layers.RandomZoom(0.1)(layers.RandomFlip()(x))))
    x = pictures(2, PICTURE)
    assert closeness(lrp(model, x, 0, rules.lrp_0()), x * gradient(model, x, np.eye(4)[[0, 0]])) < 1e-12


# precision and size


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_computed_in_single_precision(policy):
    def built(policy):
        with precision(policy):
            inputs = keras.Input((8, 8, 3))
            x = layers.Conv2D(6, 3, activation="relu", name="conv")(layers.Rescaling(0.5, offset=0.1)(inputs))
            x = layers.LayerNormalization()(layers.BatchNormalization()(x))
            x = layers.GlobalAveragePooling2D()(layers.Multiply()([x, layers.Dense(6, activation="sigmoid")(x)]))
            return keras.Model(inputs, layers.Dense(3)(x))

    half, single = built(policy), draw(built("float32"))
    half.set_weights(single.get_weights())
    x = pictures(2, (8, 8, 3)).astype(np.float32)
    found, wanted = (explain(model, x, 1) for model in (half, single))
    assert found.relevance.dtype == np.float32
    assert closeness(found.relevance, wanted.relevance) < 1e-5
    assert closeness(guided_backpropagation(half, x, 1), guided_backpropagation(single, x, 1)) < 1e-5
    assert half.layers[-1].compute_dtype == policy.removeprefix("mixed_")  # left as it was


@pytest.mark.parametrize("rule", [None, rules.epsilon(), rules.gamma(), rules.alpha_beta()])
def test_the_stabiliser_goes_with_the_size_of_the_sums(rule, uncompiled):
    """A network whose sums are 1e-9 of another's has the same relevance, as a share of its logits."""
    shape, build = (6, 6, 2), lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    model, x = network(shape, build), pictures(2, shape)
    tiny = network(shape, build)
    for variable in tiny.layers[1].variables:
        variable.assign(variable * 1e-9)
    tiny.layers[-1].bias.assign(tiny.layers[-1].bias * 1e-9)
    found, wanted = (lrp(each, x, 1, rule) / forward(each, x)[:, 1, None, None, None] for each in (tiny, model))
    assert closeness(found, wanted) < 3e-4
    lost = lrp(tiny, x, 1, rules.epsilon(1e-6)) / forward(tiny, x)[:, 1, None, None, None]
    assert np.abs(lost).max() < 1e-2 * np.abs(wanted).max()  # an epsilon that is given is used as it is


def test_one_rule_for_all_keeps_the_bias_of_a_scaling_that_stands_alone(uncompiled):
    """flat() says nothing of biases, so what stands in front keeps its own."""
    with precision("float64"):
        inputs = keras.Input((2,), dtype="float64")
        scaled = layers.BatchNormalization(epsilon=0.0, name="scaled")(layers.Dense(2, activation="relu")(inputs))
        model = keras.Model(inputs, layers.Concatenate()([scaled, scaled]))
    model.layers[1].set_weights([np.eye(2), np.zeros(2)])
    model.get_layer("scaled").set_weights([np.ones(2), np.array([1.0, 0]), np.zeros(2), np.ones(2)])  # x + (1, 0)
    found = explain(model, np.array([[3.0, 4]]), None, rules.flat(0.0), start=np.array([[8.0, 0, 0, 5]]))
    assert found.layers["dense" if "dense" in found.layers else model.layers[1].name].tolist() == [[6, 5]]
    assert explain(
        model, np.array([[3.0, 4]]), None, rules.epsilon(0.0, bias=False), start=np.array([[8.0, 0, 0, 5]])
    ).layers[model.layers[1].name].tolist() == [[8, 5]]
