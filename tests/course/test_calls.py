import threading

import pytest
from own_networks import functional_transfer, layers, pictures, wrapped_class

from helpers.course.backend import keras, tf
from helpers.course.calls import listening, observed
from helpers.course.networks import calls_of


def names(model):
    return [call.name for call in calls_of(model).calls]


def test_layers_of_a_model_inside_the_model_have_its_name_in_front():
    model = functional_transfer()
    pool, drop, head = (layer.name for layer in model.layers[-3:])
    first = model.get_layer("base").layers[1].name
    assert names(model) == [f"base/{first}", "base/conv", "base", pool, drop, head]
    assert names(wrapped_class())[:2] == ["base/conv", "base"]


def test_calls_of_one_layer_are_numbered():
    base = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", name="conv")], name="base")
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(2, name="head")(layers.Flatten(name="flat")(base(base(inputs)))))
    assert names(model) == ["base#1/conv", "base#1", "base#2/conv", "base#2", "flat", "head"]


def test_what_a_call_reads_makes_and_leads_to():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    inner = keras.Model(inputs, [layers.Dropout(0.5, name="drop")(x), layers.Conv2D(2, 3, name="side")(x)], name="two")
    pixels = keras.Input((8, 8, 3))
    model = keras.Model(pixels, layers.Dense(3, name="head")(layers.Flatten(name="flat")(inner(pixels)[0])))
    run = calls_of(model)
    calls = {call.name: call for call in run.calls}
    assert {name: call.leads for name, call in calls.items()} == {
        "two/conv": True, "two/drop": True, "two/side": False, "two": False, "flat": True, "head": True,
    }  # fmt: skip
    assert calls["two/conv"].makes == calls["two/drop"].makes == calls["flat"].reads[0]  # a dropout changes nothing
    assert calls["head"].makes == run.output
    assert calls["two/side"].shape == (None, 4, 4, 2)
    assert calls["two"].shape is None
    assert [calls[name].places for name in ("two/conv", "flat", "two")] == [36, 0, 0]


def test_keras_is_as_it_was_afterwards_and_other_threads_are_not_heard():
    model, original, heard = functional_transfer(), keras.Operation.__call__, []

    def listen_and_fail():
        with listening(model, lambda *call: heard.append(call[0])):
            other = threading.Thread(target=lambda: model(pictures()))
            other.start()
            other.join()
            assert heard == []
            model(pictures())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        listen_and_fail()
    assert len(heard) == 6
    assert keras.Operation.__call__ is original


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_left_out_and_put_back(policy):
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, dtype=policy), layers.Flatten()])

    def dtypes():  # traced and not run: without AVX-512, oneDNN has no bfloat16
        traced = tf.function(model).get_concrete_function(tf.TensorSpec((None, 8, 8, 3)))
        return [step.outputs[0].dtype for step in traced.graph.get_operations() if step.type == "Conv2D"]

    before = dtypes()
    assert before == [tf.dtypes.as_dtype(policy.removeprefix("mixed_"))]
    assert {call.dtype for call in observed(model, [(None, 8, 8, 3)]).calls} == {"float32"}
    assert model.layers[0].dtype_policy.name == policy
    assert dtypes() == before


def test_half_precision_weights_are_refused_in_words():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, dtype="float16", name="conv")])
    with pytest.raises(ValueError, match="'conv' keeps its weights in half precision.*mixed_float16"):
        calls_of(model)
