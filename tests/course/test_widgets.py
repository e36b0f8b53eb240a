import ipywidgets
import matplotlib.pyplot as plt
import pytest

from helpers.course import widgets


@pytest.fixture
def shown(monkeypatch):
    """What widgets display and which alt texts figures get, collected instead of displayed."""
    record = {"widgets": [], "alt": []}
    monkeypatch.setattr(widgets, "display", record["widgets"].append)
    monkeypatch.setattr(widgets, "show", lambda figure, alt: (record["alt"].append(alt), plt.close(figure)))
    return record


def test_a_slider_redraws_when_it_is_let_go(shown):
    drawn = []

    def draw(level):
        drawn.append(level)
        return plt.figure()

    slider = ipywidgets.IntSlider(1, 0, 5)
    widgets.explore(draw, alt="a figure of level {level}", level=slider)
    slider.value = 3
    assert drawn == [1, 3]
    assert shown["alt"] == ["a figure of level 1", "a figure of level 3"]
    assert slider.continuous_update is False


def test_controls_without_a_label_are_named_after_their_arguments(shown):
    plain, named = ipywidgets.Dropdown(options=[1, 2]), ipywidgets.IntSlider(description="size of it")
    widgets.explore(lambda **_: plt.figure(), alt="a figure of nothing much", two_words=plain, size=named)
    assert (plain.description, named.description) == ("two words", "size of it")
    assert (plain.tooltip, named.tooltip) == ("two words", "size of it")


def test_the_progress_bar_fills(shown):
    report = widgets.progress_bar("12 trainings")
    bar, note = shown["widgets"][0].children
    assert bar.description == "12 trainings"
    report(3, 10, "validation loss 0.5")
    assert (bar.value, bar.max, bar.bar_style, note.value) == (3, 10, "", "validation loss 0.5")
    report(10, 10, "trained")
    assert (bar.value, bar.bar_style) == (10, "success")
    report(1, 20, "once more")  # the next training
    assert (bar.value, bar.max, bar.bar_style) == (1, 20, "")
