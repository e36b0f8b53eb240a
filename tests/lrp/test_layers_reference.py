"""Equal to the relevances of other implementations, all arrays of lrp_layers_reference.npz: convolutions of every kind by
zennit, a transformer block by LXT, the authors' own AttnLRP."""

from pathlib import Path

import numpy as np
import pytest
from lrp_networks import closeness, forward, layers, precision

from helpers.course.backend import keras
from helpers.lrp import rules
from helpers.lrp.explanation import explain, lrp

with np.load(Path(__file__).parents[1] / "data" / "lrp_layers_reference.npz", allow_pickle=False) as file:
    ARRAYS = dict(file)
CONVOLUTIONS = {
    "conv1d": lambda: layers.Conv1D(6, 3, strides=2, groups=2),
    "conv1d_dilated": lambda: layers.Conv1D(4, 3, dilation_rate=2, padding="same"),
    "conv2d_grouped": lambda: layers.Conv2D(6, 3, groups=2, dilation_rate=2),
    "depthwise2d": lambda: layers.Conv2D(6, 3, groups=3, strides=2),
    "conv3d": lambda: layers.Conv3D(3, 2, strides=(1, 2, 1)),
    "conv1d_transposed": lambda: layers.Conv1DTranspose(4, 3, strides=2),
    "conv2d_transposed": lambda: layers.Conv2DTranspose(4, 3, strides=2),
}
RULES = {
    "epsilon": rules.epsilon(0.1),
    "gamma": rules.gamma(0.3, 1e-6),
    "zplus": rules.z_plus(1e-6),
    "alpha2beta1": rules.alpha_beta(2, epsilon=1e-6),
    "wsquare": rules.w_square(1e-6),
    "flat": rules.flat(1e-6),
}
BLOCKS = ("full", "causal")


def test_every_array_is_used():
    wanted = {f"{layer}_R_{rule}" for layer in CONVOLUTIONS for rule in RULES}
    wanted |= {f"attnlrp_R_{block}_{target}" for block in BLOCKS for target in range(3)}
    assert wanted == {name for name in ARRAYS if "_R_" in name}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_are_those_of_zennit(name):
    x, z = ARRAYS[f"{name}_x"], ARRAYS[f"{name}_z"]
    with precision("float64"):
        layer = CONVOLUTIONS[name]()
        model = keras.Sequential([keras.Input(x.shape[1:], dtype="float64"), layer, layers.Flatten()])
    layer.set_weights([ARRAYS[f"{name}_kernel"], ARRAYS[f"{name}_bias"]])
    start = z.reshape(len(z), -1)
    assert closeness(forward(model, x), start) < 1e-12
    for rule in RULES:
        assert closeness(lrp(model, x, None, RULES[rule], start=start), ARRAYS[f"{name}_R_{rule}"]) < 1e-9, rule


def transformer(block):
    """The block of the reference: normalised, attention, sum; normalised, two dense layers, sum; mean, scores."""
    with precision("float64"):
        x = inputs = keras.Input(ARRAYS["attnlrp_x"].shape[1:], dtype="float64")
        normalised = layers.LayerNormalization(name="norm1")(x)
        attention = layers.MultiHeadAttention(2, 3, name="attention")
        x = layers.Add()([x, attention(normalised, normalised, use_causal_mask=block == "causal")])
        hidden = layers.Dense(8, activation="silu", name="dense1")(layers.LayerNormalization(name="norm2")(x))
        x = x + layers.Dense(6, name="dense2")(hidden)
        model = keras.Model(inputs, layers.Dense(3, name="scores")(layers.GlobalAveragePooling1D()(x)))
    names = {"norm1": ("gamma1", "beta1"), "norm2": ("gamma2", "beta2"), "dense1": ("w1", "b1"), "dense2": ("w2", "b2")}
    names["attention"] = tuple(f"{letter}_{part}" for letter in "qkvo" for part in ("kernel", "bias"))
    for name, arrays in {**names, "scores": ("head", "head_bias")}.items():
        model.get_layer(name).set_weights([ARRAYS[f"attnlrp_{array}"] for array in arrays])
    return model


@pytest.mark.parametrize("block", BLOCKS)
def test_attention_is_that_of_its_authors(block):
    model, x = transformer(block), ARRAYS["attnlrp_x"]
    assert closeness(forward(model, x), ARRAYS[f"attnlrp_logits_{block}"]) < 1e-7  # Keras' attention rounds to float32
    for target in range(3):
        found = explain(model, x, target, rules.epsilon(1e-12))
        assert closeness(found.logits, ARRAYS[f"attnlrp_logits_{block}"]) < 1e-12
        assert closeness(found.relevance, ARRAYS[f"attnlrp_R_{block}_{target}"]) < 1e-8
        scale = max(np.abs(row.arriving).max() for row in found.ledger)
        for row in found.ledger:
            assert np.abs(row.arriving - row.handed_on - row.absorbed).max() < 1e-11 * scale, row.layer
    assert {"attention/query", "attention/softmax", "attention"} <= set(found.layers)
