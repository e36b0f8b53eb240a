import matplotlib.pyplot as plt
import pytest

from helpers.words import widgets
from helpers.words.sentiment import SentimentNetwork, build_sentiment_model
from helpers.words.text import Vocabulary


@pytest.fixture(scope="module")
def network():
    vocabulary = Vocabulary(("good", "fine", "bad", "dull", "film", "the", "a"))
    return SentimentNetwork(build_sentiment_model(len(vocabulary), embedding=4, units=3), vocabulary)


def test_a_typed_sentence_is_explained_and_a_bad_one_answered_in_words(network, monkeypatch, capsys):
    shown, boxes = [], []
    monkeypatch.setattr("helpers.course.widgets.display", boxes.append)
    monkeypatch.setattr(widgets, "show", lambda figure, alt: (shown.append(alt), plt.close(figure)))
    widgets.type_a_sentence(network, "a good zorblax")
    field, menu = boxes[0].children[0].children
    assert field.continuous_update is False
    menu.value = "leaving out"
    field.value = "bad film"
    assert len(shown) == 3
    assert "zorblax (unknown)" in shown[0]
    assert "leaving out" in shown[2]
    assert "bad +" in shown[2] or "bad -" in shown[2]
    field.value = "qwerty"
    field.value = ""
    assert len(shown) == 3
    printed = capsys.readouterr().out + "".join(o.get("text", "") for o in boxes[0].children[1].outputs)
    assert "knows none of these words: qwerty" in printed
    assert "no word" in printed
