"""Identities between the rules, what each conserves, and networks that are awkward."""

import numpy as np
import pytest
from lrp_networks import closeness, convolutional, forward, gradient, layers, model_of, pictures, precision, residual

from helpers.lrp import rules
from helpers.lrp.explanation import explain, lrp

ALL_RULES = {
    "LRP-0": rules.lrp_0(),
    "epsilon": rules.epsilon(0.1),
    "gamma": rules.gamma(0.3),
    "z+": rules.z_plus(),
    "alpha-beta": rules.alpha_beta(2),
    "w2": rules.w_square(),
    "flat": rules.flat(),
    "z-B": [(rules.FIRST, rules.z_box(-5, 5)), (rules.CONVOLUTION, rules.gamma())],
    "EpsilonPlusFlat": rules.epsilon_plus_flat(),
    "EpsilonAlpha2Beta1": rules.epsilon_alpha2beta1(),
    "EpsilonGammaBox": rules.epsilon_gamma_box(-5, 5),
    "deep Taylor": rules.deep_taylor(-5, 5),
}
EVERY_RULE = pytest.mark.parametrize("rule", ALL_RULES.values(), ids=ALL_RULES)


@pytest.fixture(scope="module")
def network():
    return convolutional()


@pytest.fixture
def residual_network(uncompiled):
    return residual()


@pytest.fixture(scope="module")
def images():
    return pictures()


@pytest.mark.parametrize("model", [convolutional(), residual(), residual(False)], ids=["chain", "normalised", "plain"])
def test_lrp_0_is_gradient_times_input(model, images):
    wanted = images * gradient(model, images, np.eye(4)[[0, 1, 2]])
    assert closeness(lrp(model, images, [0, 1, 2], rules.lrp_0()), wanted) < 1e-9


def test_alpha_1_beta_0_is_z_plus(network, images):
    found = lrp(network, images, 1, rules.alpha_beta(1))
    assert closeness(found, lrp(network, images, 1, rules.z_plus())) < 1e-12


def test_a_rule_of_your_own_is_a_list_of_shares(network, images):
    shares = (rules.Share(3, 1, 0), rules.Share(-2, 0, 1))
    own = rules.Rule("mine", "signed", shares)
    assert closeness(lrp(network, images, 1, own), lrp(network, images, 1, rules.alpha_beta(3))) < 1e-12
    weighed = rules.Rule("mine", "signed", (rules.Share(1, 2, 2),), 1e-6, False)  # both signs alike: epsilon, halved
    found = lrp(network, images, 1, [("*", weighed)])
    assert closeness(found, lrp(network, images, 1, [("*", rules.epsilon(5e-7, bias=False))])) < 1e-9
    reverse = (rules.Share(1, 1, 1.5, "z > 0"), rules.Share(1, 1.5, 1, "z < 0"))  # against the sign of the output
    ledger = explain(network, images, 1, rules.Rule("mine", "signed", reverse, epsilon=0.2)).ledger
    for row in ledger:
        assert np.allclose(row.arriving, row.handed_on + row.absorbed, atol=1e-9 * np.abs(row.arriving).max())


def test_gamma_0_is_epsilon(network, images):
    epsilon = lrp(network, images, 1, rules.epsilon(1e-6))
    assert closeness(lrp(network, images, 1, rules.gamma(0, 1e-6)), epsilon) < 1e-9
    assert closeness(lrp(network, images, 1, rules.gamma(0.5)), epsilon) > 1e-2


def test_a_large_gamma_is_z_plus(network, images):
    """Below ReLUs; at a negative logit gamma strengthens what is negative, so the last layer keeps another rule."""

    def composite(rule):
        return [("dense2", rules.epsilon()), (rules.CONVOLUTION, rule), (rules.DENSE, rule)]

    found = lrp(network, images, 1, composite(rules.gamma(1e8)))
    assert closeness(found, lrp(network, images, 1, composite(rules.z_plus()))) < 1e-5


@EVERY_RULE
def test_relevance_is_linear_in_what_it_starts_from(rule, network, images):
    one, two = np.random.default_rng(3).normal(size=(2, 3, 4))
    both = lrp(network, images, None, rule, start=2 * one - 3 * two)
    parts = 2 * lrp(network, images, None, rule, start=one) - 3 * lrp(network, images, None, rule, start=two)
    assert closeness(both, parts) < 1e-10


@EVERY_RULE
@pytest.mark.parametrize("which", ["chain", "residual"])
def test_a_batch_is_the_stack_of_its_pictures(rule, which, network, images, request):
    model = network if which == "chain" else request.getfixturevalue("residual_network")
    batch = lrp(model, images, [3, 0, 1], rule, batch_size=2)
    single = [lrp(model, image[np.newaxis], target, rule) for image, target in zip(images, [3, 0, 1], strict=True)]
    assert closeness(batch, np.concatenate(single)) < 1e-11


@pytest.mark.parametrize("name", [name for name in ALL_RULES if name not in ("epsilon", "w2")])
def test_rescaling_two_layers_against_each_other_changes_nothing(name, images, uncompiled):
    """W c, b c, then W / c: the network computes the same, and so do the rules, but for a stabiliser of 1e-6.

    (w2 with its bias does change in the second layer, whose bias is not scaled, and epsilon is 0.1 in this list.)
    """
    before, after, factor = convolutional(), convolutional(), 7.0
    kernel, bias = after.get_layer("conv1").get_weights()
    after.get_layer("conv1").set_weights([kernel * factor, bias * factor])
    kernel, bias = after.get_layer("conv2").get_weights()
    after.get_layer("conv2").set_weights([kernel / factor, bias])
    assert closeness(forward(after, images), forward(before, images)) < 1e-12
    found, wanted = (lrp(model, images, 2, ALL_RULES[name]) for model in (after, before))
    assert closeness(found, wanted) < 1e-4


def test_flat_does_not_look_at_the_weights(images, uncompiled):
    start = np.ones((3, 4))
    one, two = (explain(convolutional(seed=seed), images, None, rules.flat(), start=start) for seed in (0, 5))
    assert closeness(one.layers["pool1"], two.layers["pool1"]) < 1e-12
    assert closeness(one.layers["conv1"], two.layers["conv1"]) > 0.1  # max pooling looks at the activations


def leak(rule, x, kernel, bias, epsilon):
    """The share of every output's relevance that its inputs keep, from the formulas of the literature."""

    def stabilised(z):
        return z + np.where(z >= 0, epsilon, -epsilon)

    positive = np.maximum(x, 0) @ np.maximum(kernel, 0) + np.minimum(x, 0) @ np.minimum(kernel, 0)
    negative = np.maximum(x, 0) @ np.minimum(kernel, 0) + np.minimum(x, 0) @ np.maximum(kernel, 0)
    above, below, z = np.maximum(bias, 0), np.minimum(bias, 0), x @ kernel + bias
    ratio_of = {
        "positive": positive / stabilised(positive + above),
        "negative": negative / stabilised(negative + below),
    }
    ones = np.ones_like(z)
    box = positive + negative + 5 * np.abs(kernel).sum(axis=0)
    square = (kernel**2).sum(axis=0)
    return {
        "epsilon": (z - bias) / stabilised(z),
        "z+": ratio_of["positive"],
        "alpha-beta": 3 * ratio_of["positive"] - 2 * ratio_of["negative"],
        "gamma": np.where(
            z > 0,
            (1.5 * positive + negative) / stabilised(1.5 * (positive + above) + negative + below),
            (positive + 1.5 * negative) / stabilised(positive + above + 1.5 * (negative + below)),
        ),
        "w2": square / stabilised(square + bias**2) * ones,
        "flat": len(kernel) / stabilised(len(kernel)) * ones,
        "z-B": box / stabilised(box),
    }[rule]


@pytest.mark.parametrize("epsilon", [1e-6, 0.3])
@pytest.mark.parametrize("name", ["epsilon", "z+", "alpha-beta", "gamma", "w2", "flat", "z-B"])
def test_what_a_layer_keeps_is_what_the_formula_says(name, epsilon, uncompiled):
    rule = {
        "epsilon": rules.epsilon(epsilon),
        "z+": rules.z_plus(epsilon),
        "alpha-beta": rules.alpha_beta(3, epsilon=epsilon),
        "gamma": rules.gamma(0.5, epsilon),
        "w2": rules.w_square(epsilon),
        "flat": rules.flat(epsilon),
        "z-B": rules.z_box(-5, 5, epsilon),
    }[name]
    with precision("float64"):
        model = model_of((12,), layers.Dense(7))
    x, start = pictures(5, (12,)), pictures(5, (7,), seed=4)
    kernel, bias = model.layers[-1].get_weights()
    found = explain(model, x, None, rule, start=start)
    kept = start * leak(name, x, kernel, bias, epsilon)
    assert closeness(found.relevance.sum(axis=1), kept.sum(axis=1)) < 1e-9
    row = found.ledger[0]
    assert closeness(row.handed_on, kept.sum(axis=1)) < 1e-9
    lost = (start - kept).sum(axis=1)
    assert np.abs(row.bias + row.stabiliser - lost).max() < 1e-12 * np.abs(start).sum()
    if name in ("flat", "z-B"):
        assert not row.bias.any()  # whatever the bias, only the stabiliser takes


@pytest.mark.parametrize("name", ["z+", "alpha-beta", "gamma", "epsilon", "w2"])
def test_without_the_bias_only_the_stabiliser_absorbs(name, network, images):
    rule = {
        "epsilon": rules.epsilon(1e-9, bias=False),
        "z+": rules.z_plus(1e-9, bias=False),
        "alpha-beta": rules.alpha_beta(2, epsilon=1e-9, bias=False),
        "gamma": rules.gamma(0.5, 1e-9, bias=False),
        "w2": rules.w_square(1e-9, bias=False),
    }[name]
    ledger = explain(network, images, 0, rule).ledger
    assert all(not row.bias.any() for row in ledger)


def test_z_plus_of_a_positive_score_is_nowhere_negative(network, images):
    start = np.abs(pictures(3, (4,), seed=8))
    assert lrp(network, images, None, rules.z_plus(), start=start).min() >= 0
    assert lrp(network, images, None, rules.alpha_beta(2), start=start).min() < 0


@EVERY_RULE
def test_negative_logits_zero_inputs_and_dead_layers_stay_finite(rule, images, uncompiled):
    with precision("float64"):
        model = convolutional()
        model.get_layer("dense2").bias.assign([-50.0, -60.0, -70.0, -80.0])
    found = lrp(model, images, 3, rule)
    assert np.isfinite(found).all()
    assert found.any()
    assert np.isfinite(lrp(model, np.zeros_like(images), 0, rule)).all()
    model.get_layer("conv2").set_weights([-np.ones((3, 3, 5, 6)), -np.ones(6)])  # below zero everywhere: dead
    explained = explain(model, images, 0, rule)
    assert np.isfinite(explained.relevance).all()
    for row in explained.ledger:
        assert np.allclose(
            row.arriving, row.handed_on + row.absorbed, rtol=1e-9, atol=1e-9 * np.abs(row.arriving).max()
        )


@EVERY_RULE
def test_the_ledger_balances_in_a_residual_network(rule, images, residual_network):
    found = explain(residual_network, images, 2, rule)
    for row in found.ledger:
        assert np.allclose(row.arriving, row.handed_on + row.absorbed, rtol=0, atol=1e-9 * np.abs(row.arriving).max())
    absorbed = sum(row.absorbed for row in found.ledger)
    total = found.relevance.reshape(3, -1).sum(axis=1)
    scale = max(np.abs(found.start).max(), *(np.abs(row.arriving).max() for row in found.ledger))
    assert np.abs(found.start.sum(axis=1) - absorbed - total).max() < 1e-9 * scale


def test_the_box_counts_from_its_edges(uncompiled):
    """Inputs at the lower bound contribute through negative weights only: x w - l w+ - h w- = (l - h) w-."""
    with precision("float64"):
        model = model_of((6,), layers.Dense(3))
    kernel = model.layers[-1].get_weights()[0]
    found = lrp(model, np.full((1, 6), -5.0), None, rules.z_box(-5, 5), start=np.array([[1.0, 0, 0]]))
    wanted = np.maximum(-kernel[:, 0], 0)
    assert closeness(found[0], wanted / wanted.sum()) < 1e-6
    with pytest.raises(ValueError, match="black and white"):
        lrp(model, np.full((1, 6), -6.0), 0, rules.z_box(-5, 5))
    with precision("float64"):
        flattened = model_of((2, 3, 1), layers.Flatten(), layers.Dense(3))
    with pytest.raises(ValueError, match="run from -6 to -6"):
        lrp(flattened, np.full((1, 2, 3, 1), -6.0), 0, rules.z_box(-5, 5))
    with pytest.raises(ValueError, match="bounds for 3 channels"):
        lrp(model, np.zeros((1, 6)), 0, rules.z_box([-1, -1, -1], [1, 1, 1]))


def test_a_sum_of_exactly_zero_counts_as_positive(uncompiled):
    """s(0) = +epsilon. And where z = 0, gamma gives nothing to anyone: the ledger says so."""
    with precision("float64"):
        model = model_of((2,), layers.Dense(1), bias=0)
    model.set_weights([np.ones((2, 1)), np.zeros(1)])
    x, start = np.array([[3.0, -3.0]]), np.array([[1.0]])
    assert lrp(model, x, None, rules.epsilon(0.5), start=start).tolist() == [[6, -6]]
    assert lrp(model, x, None, rules.lrp_0(), start=start).tolist() == [[0, 0]]
    assert lrp(model, x, None, rules.gamma(), start=start).tolist() == [[0, 0]]
    for rule in (rules.lrp_0(), rules.gamma()):
        (row,) = explain(model, x, None, rule, start=start).ledger
        assert (row.handed_on, row.bias, row.stabiliser, row.other) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rules.alpha_beta(2, 2),
        lambda: rules.alpha_beta(0.5),
        lambda: rules.gamma(-1),
        lambda: rules.epsilon(-1e-6),
        lambda: rules.epsilon(float("nan")),
        lambda: rules.z_box(1, -1),
        lambda: rules.z_box([0, 0], [1, 1, 1]),
        lambda: rules.z_box(0, float("inf")),
        lambda: rules.z_box("black", "white"),
        lambda: rules.as_composite("EpsilonPlus"),
        lambda: rules.as_composite([("conv1",)]),
        lambda: rules.as_composite([(rules.epsilon(), "conv1")]),
        lambda: rules.as_composite(3),
    ],
)
def test_impossible_rules_are_refused(make):
    with pytest.raises(ValueError, match="got|must be finite"):
        make()


def test_the_first_pair_that_matches_decides(network, images):
    names = {row.layer: row.rule for row in explain(network, images, 0, rules.epsilon_plus_flat()).ledger}
    assert names == {
        **{"conv1": "flat", "conv2": "z+", "dense1": "epsilon(1e-06)", "dense2": "epsilon(1e-06)"},
        **{"pool1": "", "flat": ""},
    }
    mixed = [("conv2", rules.z_plus()), (layers.Conv2D, rules.w_square()), ("dense*", rules.gamma(0.1))]
    names = {row.layer: row.rule for row in explain(network, images, 0, mixed).ledger}
    assert [names[n] for n in ("conv1", "conv2", "dense1", "dense2")] == ["w2", "z+", "gamma(0.1)", "gamma(0.1)"]
    assert np.array_equal(lrp(network, images, 0), lrp(network, images, 0, rules.epsilon_plus_flat()))
