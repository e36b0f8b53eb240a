"""Figures of relevance: what is drawn is what was given, and shapes that do not fit are refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course.figures import DIVERGING, LARGEST_WIDTH
from helpers.lrp import figures

LAYERS = [np.array([2.0, 1.0, 1.0]), np.array([4.0, 3.0]), np.array([5.0])]
WEIGHTS = [np.array([[2.0, 1.0], [1.0, -1.0], [-1.0, 2.0]]), np.array([[2.0], [-1.0]])]
RELEVANCES = [np.array([6.0, 3.0, -4.0]), np.array([8.0, -3.0]), np.array([5.0])]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(axis):
    return [text.get_text() for text in axis.texts]


def images(figure):
    return [image for axis in figure.axes for image in axis.images if image.get_array().ndim == 2]


def test_network_shows_every_value_weight_and_relevance():
    figure = figures.network_with_numbers(LAYERS, WEIGHTS, {"LRP-0": RELEVANCES})
    shown = texts(figure.axes[0])
    assert [text for text in shown if text.startswith("R = ")] == [
        "R = 6",
        "R = 3",
        "R = -4",
        "R = 8",
        "R = -3",
        "R = 5",
    ]
    assert len(shown) == 8 + 2 * 6  # weights, then value and relevance of each neuron
    assert len(figure.axes[0].patches) == 6


def test_networks_share_one_colour_scale_symmetric_about_zero():
    half = [part / 2 for part in RELEVANCES]
    figure = figures.network_with_numbers(LAYERS, WEIGHTS, {"whole": RELEVANCES, "half": half})
    whole, second = figure.axes[:2]
    most, least = whole.patches[3].get_facecolor(), second.patches[3].get_facecolor()
    assert np.allclose(most, plt.get_cmap(DIVERGING)(1.0))  # 8 of 8
    assert np.allclose(least, plt.get_cmap(DIVERGING)(0.75))  # 4 of 8
    assert figure.get_figwidth() <= LARGEST_WIDTH


def test_network_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="3, 2, 1"):
        figures.network_with_numbers(LAYERS, [WEIGHTS[0].T, WEIGHTS[1]], {"": RELEVANCES})
    with pytest.raises(ValueError, match="relevances"):
        figures.network_with_numbers(LAYERS, WEIGHTS, {"": RELEVANCES[:2]})


def test_grid_scales_each_map_by_its_own_percentile_and_keeps_signs():
    values = np.linspace(-2, 1, 12).reshape(3, 4)
    figure = figures.relevance_grid([values, 100 * values], ["a", "b"], percentile=100)
    first, second = images(figure)[:2]
    assert np.allclose(first.get_array(), values / 2)
    assert np.allclose(second.get_array(), first.get_array())
    assert first.get_clim() == (-1, 1)


def test_grid_shows_zero_maps_as_zero_and_pictures_in_their_places():
    picture = np.full((4, 4, 3), 7, np.uint8)
    figure = figures.relevance_grid([np.zeros((4, 4)), None], ["nothing", "photograph"], [picture])
    assert not images(figure)[0].get_array().any()
    assert np.array_equal(figure.axes[1].images[0].get_array(), picture)
    assert [axis.get_title() for axis in figure.axes[:2]] == ["nothing", "photograph"]


def test_grid_of_a_map_with_few_values_is_scaled_by_its_largest():
    values = np.zeros((100, 100))
    values[0, 0] = -4.0  # the percentile is 0
    assert images(figures.relevance_grid([values], ["one pixel"]))[0].get_array().min() == -1


@pytest.mark.parametrize("columns", [1, 3, 7])
def test_grid_is_never_too_wide(columns):
    figure = figures.relevance_grid([np.ones((3, 3))] * 7, list("abcdefg"), columns=columns)
    assert figure.get_figwidth() <= LARGEST_WIDTH


@pytest.mark.parametrize(
    ("titles", "pictures", "outlines"), [(["a"], [1], None), (["a", "b"], [], None), (["a", "b"], [1], [None])]
)
def test_grid_refuses_numbers_that_do_not_fit(titles, pictures, outlines):
    with pytest.raises(ValueError, match="as many titles"):
        figures.relevance_grid([np.ones((3, 3)), None], titles, pictures, outlines=outlines)


def test_digit_maps_share_their_scale():
    maps = {"why 4?": np.full((28, 28), 2.0), "why 4 and not 9?": np.full((28, 28), -1.0)}
    figure = figures.digit_explained(np.zeros((28, 28)), np.eye(10)[4], maps)
    assert [image.get_clim() for image in images(figure)[1:3]] == [(-2, 2), (-2, 2)]
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert heights.index(1.0) == 4
    assert sum(heights) == 1


def test_grid_names_its_rows_and_still_fits_the_column():
    figure = figures.relevance_grid([np.ones((3, 3))] * 14, [""] * 14, columns=7, row_labels=["guided maps", "LRP"])
    assert texts(figure.axes[0]) == ["guided\nmaps"]
    assert texts(figure.axes[7]) == ["LRP"]
    assert figure.get_figwidth() <= LARGEST_WIDTH


def test_a_walk_is_drawn_as_it_is():
    changes = {"gradient": np.array([0.2, 0.1, 0.3]), "LRP": np.array([0.0, 0.1, 0.0])}
    axis = figures.steps_between_maps(changes).axes[0]
    assert {line.get_label(): line.get_ydata().tolist() for line in axis.lines} == {
        name: values.tolist() for name, values in changes.items()
    }
    assert axis.get_xlabel()
    assert axis.get_ylabel()
