import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course.figures import LARGEST_WIDTH
from helpers.words.checks import DeletionCurves, ValenceComparison
from helpers.words.figures import deletion_figure, valence_bars, words_in_colour
from helpers.words.scores import ExplainedSentence

SIGNS = (("LRP", 1), ("turned round", -1))


def drawn_words(figure):
    return {text.get_text(): text for text in figure.axes[0].texts}


def test_words_stand_on_their_colours_with_their_numbers():
    sentence = ExplainedSentence(
        ("good", "$zorblax", "bad"), np.array([True, False, True]), np.array([0.5, 0.0, -1.0]), -0.5, "LRP"
    )
    figure = words_in_colour(sentence)
    texts = drawn_words(figure)
    assert {"good", "bad", "+0.50", "-1.00", "+0.00", "LRP   (logit -0.50)"} <= set(texts)
    assert texts[r"\$zorblax"].get_style() == "italic"
    assert texts["good"].get_style() == "normal"
    good, unknown, bad = (patch.get_facecolor() for patch in figure.axes[0].patches)
    assert good[0] > good[2]
    assert bad[2] > bad[0]
    assert np.ptp(unknown[:3]) < 0.02  # white: no contribution
    assert [patch.get_linestyle() for patch in figure.axes[0].patches] == ["solid", "--", "solid"]
    assert any("unknown" in text.get_text() for text in figure.texts)
    plt.close("all")


def test_long_sentences_and_long_words_stay_inside_the_figure():
    words = ("a", "unbelievable", "x" * 120) * 8
    sentence = ExplainedSentence(words, np.ones(24, bool), np.linspace(-1, 1, 24), 0.1, "LRP")
    figure = words_in_colour([sentence, sentence], titles=["one", "two"])
    figure.canvas.draw()
    assert figure.get_figwidth() <= LARGEST_WIDTH
    for patch in figure.axes[0].patches:
        assert patch.get_x() + patch.get_width() <= LARGEST_WIDTH
        assert patch.get_y() + patch.get_height() <= figure.get_figheight()
    renderer = figure.canvas.get_renderer()
    assert all(text.get_window_extent(renderer).x1 <= figure.bbox.x1 for text in figure.axes[0].texts)
    for wrong, titles in (([], None), ([sentence], ["one", "two"])):
        with pytest.raises(ValueError, match="sentence"):
            words_in_colour(wrong, titles)
    plt.close("all")


def test_the_other_figures_are_drawn():
    chance = np.linspace(-0.1, 0.1, 50)
    compared = {name: ValenceComparison(9, sign * 0.4, 0.5, 0.2, chance, chance + 0.5, chance) for name, sign in SIGNS}
    lines = {name: np.array([1, 0.5, 0.2]) for name in ("LRP", "gradient", "random order")}
    curves = DeletionCurves(np.arange(3), lines, {name: 1 - line for name, line in lines.items()}, (8, 3))
    deleted = deletion_figure(curves)
    assert [line.get_label() for line in deleted.axes[0].lines] == list(lines)
    assert "(8 sentences)" in deleted.axes[0].get_title()
    for figure in (valence_bars(compared), deleted):
        figure.canvas.draw()
        assert figure.get_figwidth() <= LARGEST_WIDTH
        assert all(axis.get_xlabel() for axis in figure.axes)
    plt.close("all")
