"""The calling form, the ledger as a table, and that nothing compiled goes stale or stays behind."""

import gc
import weakref

import numpy as np
import pytest
from lrp_networks import closeness, convolutional, draw, forward, layers, model_of, pictures, precision, residual

from helpers.course import networks
from helpers.course.backend import keras
from helpers.lrp import rules, walk
from helpers.lrp.explanation import explain, format_ledger, lrp


@pytest.fixture
def walks(monkeypatch):
    """Counts how often a walk is traced."""
    count = []
    trace = walk._walk
    monkeypatch.setattr(walk, "_walk", lambda *arguments: count.append(1) or trace(*arguments))
    return count


def test_targets_say_what_is_explained():
    model, images = convolutional(), pictures()
    logits = forward(model, images)
    every = lrp(model, images, 2, rules.gamma())
    assert np.array_equal(every, lrp(model, images, [2, 2, 2], rules.gamma()))
    assert np.array_equal(every, lrp(model, images, np.eye(4)[[2, 2, 2]], rules.gamma()))
    start = np.where(np.arange(4) == 2, logits, 0)
    assert closeness(lrp(model, images, None, rules.gamma(), start=start), every) < 1e-12
    against = lrp(model, images, np.tile([0, -1.0, 1.0, 0], (3, 1)), rules.gamma())  # why 2 and not 1?
    assert closeness(against, every - lrp(model, images, 1, rules.gamma())) < 1e-12
    found = explain(model, images, [2, 1, 0], rules.gamma())
    assert closeness(found.logits, logits) < 1e-12
    assert closeness(found.start, np.eye(4)[[2, 1, 0]] * logits) < 1e-12
    assert np.array_equal(found.relevance, lrp(model, images, [2, 1, 0], rules.gamma()))
    assert found.layers["conv1"].shape == (3, 8, 9, 5)
    assert list(found.layers)[-1] == "dense2"


@pytest.mark.parametrize(
    ("images", "target", "start", "message"),
    [
        (pictures()[0], 0, None, "np.newaxis"),
        (np.full((1, 8, 9, 3), np.nan), 0, None, "NaN"),
        (np.zeros((0, 8, 9, 3)), 0, None, "empty"),
        (pictures(), 4, None, "numbered 0 to 3"),
        (pictures(), [0, 1], None, "one number for each of the 3 pictures"),
        (pictures(), 0, np.ones((3, 4)), "not both"),
        (pictures(), None, np.ones((3, 5)), r"shape \(3, 4\)"),
        (pictures(), None, np.full((3, 4), np.inf), "finite"),
    ],
)
def test_what_does_not_fit_is_refused(images, target, start, message):
    with pytest.raises(ValueError, match=message):
        lrp(convolutional(), images, target, start=start)


def test_later_calls_and_other_numbers_need_no_new_trace(walks):
    model = convolutional()
    first = lrp(model, pictures(), 0, rules.gamma(0.25))
    assert len(walks) == 1
    assert not np.allclose(lrp(model, pictures(), 0, rules.gamma(0.5)), first)
    lrp(model, pictures(5), [0, 1, 2, 3, 0], rules.gamma(0.0), batch_size=3)
    lrp(model, pictures(), np.ones((3, 4)), rules.gamma(2.0))
    assert np.array_equal(lrp(model, pictures(), 0, rules.gamma(0.25)), first)
    assert len(walks) == 1
    for alpha in (1, 1.5, 2):
        lrp(model, pictures(), 0, rules.alpha_beta(alpha))
    for epsilon in (0.0, 1e-6, 10):
        lrp(model, pictures(), 0, rules.epsilon(epsilon))
    for bound in (5, 6):
        lrp(model, pictures(), 0, rules.epsilon_gamma_box(-bound, bound))
    assert len(walks) == 4
    for epsilon in (1e-6, 0.25):  # with the first, two rules of the composite are the same
        lrp(model, pictures(), 0, rules.epsilon_plus_flat(epsilon))
    assert len(walks) == 5
    explain(model, pictures(), 0, rules.gamma())
    lrp(model, pictures(), 0, rules.gamma(bias=False))
    lrp(convolutional(), pictures(), 0, rules.gamma())
    assert len(walks) == 8


@pytest.mark.parametrize("rule", [rules.gamma(), rules.w_square(), rules.epsilon_alpha2beta1_flat()])
@pytest.mark.parametrize("build", [convolutional, residual])
def test_weights_changed_in_place_are_seen(rule, build, walks):
    model, images = build(), pictures()
    before = lrp(model, images, 0, rule)
    weights = model.get_weights()
    draw(model, seed=9)
    after = lrp(model, images, 0, rule)
    assert len(walks) == 1
    assert closeness(after, before) > 0.1
    fresh = build()
    fresh.set_weights(model.get_weights())
    assert closeness(after, lrp(fresh, images, 0, rule)) < 1e-12
    model.set_weights(weights)
    assert np.array_equal(lrp(model, images, 0, rule), before)


def test_a_changed_structure_is_seen():
    with precision("float64"):
        model = model_of((6,), layers.Dense(5, activation="relu"), layers.Dense(4))
    x = pictures(2, (6,))
    lrp(model, x, 0, rules.gamma())
    model.layers[0].activation = keras.activations.tanh
    twin = model_of((6,), layers.Dense(5, activation="tanh"), layers.Dense(4))
    twin.set_weights(model.get_weights())
    assert closeness(lrp(model, x, 0, rules.gamma()), lrp(twin, x, 0, rules.gamma())) < 1e-6
    with precision("float64"):
        model.add(layers.Dense(3, name="added"))
    draw(model)
    assert "added" in explain(model, x, 2, rules.gamma()).layers


def nested():
    with precision("float64"):
        return draw(keras.Sequential([keras.Input((8, 9, 3), dtype="float64"), convolutional()]))


@pytest.mark.parametrize("build", [convolutional, residual, nested])
def test_what_was_compiled_goes_with_the_model(build):
    model = build()
    lrp(model, pictures(), 0, rules.gamma())
    gone = weakref.ref(model)
    compiled = weakref.ref(next(made for key, made in networks._kept[model].made.items() if key[0] == "walk"))
    del model
    gc.collect()
    assert gone() is None
    assert compiled() is None


def test_the_store_is_bounded(monkeypatch, walks):
    # the steps, what was asked of the output, the model's scores, that they are those of the walk, and two walks
    monkeypatch.setattr(networks, "MOST_KEPT", 6)
    with precision("float64"):
        model = model_of((6,), layers.Dense(4))
    chosen = [rules.epsilon(), rules.gamma(), rules.z_plus()]
    for rule in chosen:
        lrp(model, pictures(2, (6,)), 0, rule)
    assert len(networks._kept[model].made) == 6
    lrp(model, pictures(2, (6,)), 0, chosen[2])
    assert len(walks) == 3
    lrp(model, pictures(2, (6,)), 0, chosen[0])  # the oldest had to go
    assert len(walks) == 4


def test_images_of_any_size_where_the_model_takes_them():
    with precision("float64"):
        inputs = keras.Input((None, None, 3), dtype="float64")
        x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
        x = layers.Conv2D(4, 3, strides=2, activation="relu")(layers.MaxPooling2D(2)(x))
        x = layers.Concatenate()([layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)])
        model = draw(keras.Model(inputs, layers.Dense(3)(x)))
    for shape in ((10, 12, 3), (17, 11, 3)):
        images = pictures(2, shape)
        found = explain(model, images, 1, rules.epsilon_plus_flat())
        assert found.relevance.shape == images.shape
        for row in found.ledger:
            assert np.allclose(row.arriving, row.handed_on + row.absorbed, atol=1e-12 * np.abs(row.arriving).max())


def test_inputs_in_float32_to_a_model_in_float64():
    with precision("float64"):
        model = draw(keras.Sequential([keras.Input((6,), dtype="float32"), layers.Dense(4), layers.Dense(3)]))
    found = lrp(model, pictures(2, (6,)), 0, rules.gamma())
    assert found.dtype == np.float64
    inputs = keras.Input((6,), dtype="float64")
    with precision("float32"):
        narrow = layers.Dense(4, activation="relu")(keras.ops.cast(inputs, "float32"))
    with precision("float64"):
        mixed = draw(keras.Model(inputs, layers.Dense(3)(keras.ops.cast(narrow, "float64"))))
    found = explain(mixed, pictures(2, (6,)), 0, rules.gamma())  # all of it in the higher precision
    assert found.relevance.dtype == np.float64
    assert closeness(found.logits, forward(mixed, pictures(2, (6,)))) < 1e-6


def test_the_ledger_as_a_table():
    model, images = convolutional(), pictures()
    found = explain(model, images, 1, rules.epsilon_plus_flat())
    lines = format_ledger(found.ledger, picture=2).splitlines()
    assert lines[0].split() == ["layer", "rule", "arriving", "handed", "on", "bias", "stabiliser", "other"]
    assert [line.split()[0] for line in lines[2:-2]] == ["dense2", "dense1", "conv2", "conv1"]
    assert len({len(line) for line in lines}) == 1
    first, last = lines[2].split(), lines[-1].split()
    assert float(first[2]) == pytest.approx(found.logits[2, 1], rel=1e-3)
    assert last[0] == "input"
    assert float(last[1]) == pytest.approx(found.relevance[2].sum(), rel=1e-3)
    places = len(first[2].partition(".")[2])
    assert float(last[2]) == pytest.approx(sum(row.bias[2] for row in found.ledger), abs=2 * 10**-places)
    with pytest.raises(ValueError, match="3 pictures"):
        format_ledger(found.ledger, picture=3)
    with pytest.raises(ValueError, match="0 pictures"):
        format_ledger([])
