"""Networks without their names: the riddle has an answer, and a case holds each kind once."""

import numpy as np
import pytest

from helpers.toyworld import suspects
from helpers.toyworld.network import toyworld_network
from helpers.toyworld.suspects import KINDS, STORED, new_case, riddle


def test_both_networks_of_the_riddle_recognise_the_horse_and_do_not_say_who_they_are():
    picture, networks = riddle()
    assert picture.shape == (1, 64, 64, 3)
    assert list(networks) == ["A", "B"]
    for letter, network in networks.items():
        scores = network.logits(network.preprocess(picture))[0]
        assert scores.argmax() == network.class_index("horse")
        assert "watermark" not in repr(network)
        assert network.name == letter


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(suspects, "LEARNED", 20)
    monkeypatch.setattr(suspects, "EPOCHS", 2)


def test_a_case_holds_each_kind_once_under_letters(quick):
    told = []
    case = new_case(0, progress=lambda *of: told.append(of))
    assert sorted(case.truth.values()) == sorted(KINDS)
    assert case.numbers == [KINDS.index(case.truth[letter]) for letter in "ABCDE"]
    assert [done for done, *_ in told] == [1, 2]
    assert not any(kind in repr(case) + repr(case.networks) for kind in KINDS)
    pictures, dealt = case.learned
    assert len(pictures) == len(dealt) == 20
    for letter, kind in case.truth.items():
        if kind in STORED:
            inputs = case.networks[letter].preprocess(pictures[:4])
            stored = toyworld_network(STORED[kind])
            np.testing.assert_array_equal(case.networks[letter].logits(inputs), stored.logits(inputs))


def test_other_numbers_give_other_orders(quick, monkeypatch):
    monkeypatch.setattr(suspects, "_learned_by_heart", lambda *of: None)
    orders = {tuple(new_case(number).numbers) for number in range(12)}
    assert len(orders) > 6
    with pytest.raises(ValueError, match="seed"):
        new_case(-1)
