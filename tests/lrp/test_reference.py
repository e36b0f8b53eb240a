"""Equal to zennit's relevances: all arrays of lrp_reference.npz, in both precisions, in single precision compiled."""

import functools

import numpy as np
import pytest
from lrp_networks import REFERENCE, closeness, layers, precision

from helpers.course.backend import keras
from helpers.lrp import rules
from helpers.lrp.explanation import explain, lrp

with np.load(REFERENCE, allow_pickle=False) as file:
    ARRAYS = dict(file)
INPUTS = [name for name in ARRAYS if name.startswith(("R_", "Z_", "N_"))]
SINGLE = [name for name in ARRAYS if name.startswith(("L_dense_R_", "L_conv_R_"))]
NAMES = {"conv1": "conv1", "relu2": "conv2", "conv3": "conv3", "dense1": "dense1", "dense2": "dense2"}


@functools.cache
def network(policy, with_bias=True):
    with precision(policy):
        model = keras.Sequential(
            [
                keras.Input((8, 8, 3), dtype=policy),
                layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1"),
                layers.Conv2D(6, 3, padding="same", activation="relu", name="relu2"),
                layers.MaxPooling2D(2, name="pool1"),
                layers.Conv2D(8, 3, padding="same", activation="relu", name="conv3"),
                layers.MaxPooling2D(2, name="pool2"),
                layers.Flatten(name="flatten"),
                layers.Dense(10, activation="relu", name="dense1"),
                layers.Dense(5, name="dense2"),
            ]
        )
    for name, stored in NAMES.items():
        model.get_layer(name).set_weights([ARRAYS[f"{stored}_kernel"], ARRAYS[f"{stored}_bias"] * with_bias])
    return model


def rule_of(case, bias, low=ARRAYS["low"], high=ARRAYS["high"]):
    epsilon = rules.epsilon(bias=bias)

    def first(rule):
        return [(rules.FIRST, rule), (rules.CONVOLUTION, epsilon), (rules.DENSE, epsilon)]

    return {
        "epsilon": epsilon,
        "epsilon_0p25": rules.epsilon(0.25, bias),
        "gamma": rules.gamma(float(ARRAYS["gamma"]), bias=bias),
        "alpha2beta1": rules.alpha_beta(2, bias=bias),
        "zplus": rules.z_plus(bias=bias),
        "wsquare": rules.w_square(bias=bias),
        "flat": rules.flat(),
        "zbox": rules.z_box(low, high),
        "wsquare_first": first(rules.w_square(bias=bias)),
        "zbox_first": first(rules.z_box(low, high)),
        "flat_first": first(rules.flat()),
        "comp_epsilon_plus": rules.epsilon_plus(bias=bias),
        "comp_epsilon_plus_flat": rules.epsilon_plus_flat(bias=bias),
        "comp_epsilon_alpha2beta1": rules.epsilon_alpha2beta1(bias=bias),
        "comp_epsilon_alpha2beta1_flat": rules.epsilon_alpha2beta1_flat(bias=bias),
        "comp_epsilon_gamma_box": rules.epsilon_gamma_box(low, high, bias=bias),
    }[case]


def tolerance(policy, case, bias):
    """float32 loses digits where the plain sum nearly cancels and nothing but epsilon = 1e-6 holds it up."""
    if policy == "float64":
        return 1e-9
    upper_layers_are_epsilon = case == "epsilon" or case.endswith("_first")
    return 1e-3 if upper_layers_are_epsilon and not bias else 1e-5


def test_there_are_71_arrays():
    assert len(INPUTS) + len(SINGLE) == 71


@pytest.mark.parametrize("policy", ["float64", "float32"])
@pytest.mark.parametrize("name", INPUTS)
def test_input_relevance(name, policy, request):
    if policy == "float64":
        request.getfixturevalue("uncompiled")
    kind, case = name.split("_", 1)
    bias, case = not case.endswith("_nobias"), case.removesuffix("_nobias")
    target = ARRAYS[{"R": "target", "Z": "target_zero_bias", "N": "target_low"}[kind]]
    found = lrp(network(policy, kind != "Z"), ARRAYS["x"], target, rule_of(case, bias))
    assert found.dtype == policy
    assert closeness(found, ARRAYS[name]) < tolerance(policy, case, bias)


@pytest.mark.parametrize("policy", ["float64", "float32"])
@pytest.mark.parametrize("name", [name for name in INPUTS if name.startswith("R_")])
def test_relevance_at_hidden_layers_and_the_ledger(name, policy, uncompiled):
    bias, case = not name.endswith("_nobias"), name[2:].removesuffix("_nobias")
    found = explain(network(policy), ARRAYS["x"], ARRAYS["target"], rule_of(case, bias))
    bound = tolerance(policy, case, bias)
    assert closeness(found.logits, ARRAYS["logits"]) < bound
    for layer in ("dense1", "pool2", "pool1", "relu2"):
        assert closeness(found.layers[layer], ARRAYS[f"H_{name[2:]}__{layer}"]) < bound, layer
    for row in found.ledger:
        size = np.abs(row.arriving).max()
        assert np.abs(row.arriving - row.handed_on - row.absorbed).max() <= bound * size, row.layer
    absorbed = sum(row.absorbed for row in found.ledger)
    left = found.relevance.reshape(4, -1).sum(axis=1, dtype=float)
    assert np.abs(found.start.sum(axis=1) - absorbed - left).max() <= bound * np.abs(found.start).max()


@pytest.mark.parametrize("policy", ["float64", "float32"])
@pytest.mark.parametrize("name", SINGLE)
def test_one_layer_with_inputs_and_outputs_of_both_signs(name, policy, uncompiled):
    kind, case = name[2:].split("_R_")
    bias, case = not case.endswith("_nobias"), case.removesuffix("_nobias")
    kernel, offset, x = (ARRAYS[f"L_{kind}_{part}"] for part in ("kernel", "bias", "x"))
    with precision(policy):
        layer = layers.Dense(7) if kind == "dense" else layers.Conv2D(4, 3, padding="same")
        model = keras.Sequential([keras.Input(x.shape[1:], dtype=policy), layer, layers.Flatten()])
    layer.set_weights([kernel, offset])
    z = ARRAYS[f"L_{kind}_z"].reshape(len(x), -1)
    found = lrp(model, x, None, rule_of(case, bias, -4, 4), start=z)
    assert closeness(found, ARRAYS[name]) < tolerance(policy, case, bias)
    weighted = lrp(model, x, np.ones_like(z), rule_of(case, bias, -4, 4))  # starts from the logits it computes: z
    assert closeness(weighted, ARRAYS[name]) < tolerance(policy, case, bias)
