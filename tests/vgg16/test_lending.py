import gc
import weakref

import pytest

from helpers.vgg16 import lending


class Model:
    pass


class Network:
    def __init__(self, size):
        self.model, self.input_size, self.labels = Model(), size, ("cat",)


@pytest.fixture
def loaded(monkeypatch):
    """What was loaded, in order: (weights, size, quiet)."""
    calls = []

    def vgg16(weights, input_size, quiet):
        calls.append((weights, input_size, quiet))
        return Network(input_size)

    monkeypatch.setattr(lending, "vgg16", vgg16)
    monkeypatch.setattr(lending.OnDemand, "_present", None)
    return calls


def test_a_network_is_there_at_once_and_stays_while_no_other_is_asked(loaded):
    network = lending.on_demand("gap", input_size=64)
    assert network.input_size == 64
    assert network.model is network.model
    assert loaded == [("gap", 64, False)]


def test_one_makes_room_for_the_other_and_comes_back_in_silence(loaded):
    large, small = lending.on_demand(), lending.on_demand("gap", 112)
    gone = weakref.ref(small.model)
    assert large.input_size == 224
    gc.collect()
    assert gone() is None
    assert repr(small) == "<a network that is loaded when it is needed>"
    assert loaded == [("auto", 224, False), ("gap", 112, False), ("auto", 224, True)]
    assert small.labels == ("cat",)
    assert loaded[-1] == ("gap", 112, True)


def test_what_was_let_go_comes_back(loaded):
    network = lending.on_demand()
    gone = weakref.ref(network.model)
    lending.let_go()
    assert gone() is None
    assert isinstance(network.model, Model)
    assert len(loaded) == 2
    lending.let_go()
    lending.let_go()  # nothing is there


def test_what_a_network_has_not_is_said(loaded):
    network = lending.on_demand()
    with pytest.raises(AttributeError, match="colour"):
        _ = network.colour
    with pytest.raises(AttributeError):
        _ = network._secret
