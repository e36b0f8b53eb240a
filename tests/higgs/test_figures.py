import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course.figures import LARGEST_WIDTH
from helpers.higgs import figures
from helpers.higgs.events import load_higgs
from helpers.taylor.coefficients import coefficients_from_derivatives


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(figure):
    """Render a figure as a notebook would: it fits the column, and every map or curve is labelled or has a title."""
    assert figure.get_figwidth() <= LARGEST_WIDTH
    figure.savefig(io.BytesIO(), dpi=40)
    labelled = bool(figure.get_supxlabel())
    for axis in figure.axes:
        assert not axis.axison or labelled or axis.get_xlabel() or axis.get_ylabel() or axis.get_xticklabels()
    return figure


def random_coefficients(names):
    inputs = len(names)
    generator = np.random.default_rng(0)
    hessian = generator.normal(size=(50, inputs, inputs))
    return coefficients_from_derivatives(
        generator.normal(size=(50, inputs)), hessian + hessian.transpose(0, 2, 1), names
    )


def test_every_figure_of_higgs_events_is_drawn():
    events = load_higgs("excerpt", quiet=True).select(slice(0, 500))
    found = random_coefficients(events.names)
    rows = found.ranking()[:20]
    figure = drawn(figures.ranking_bars(rows))
    bars = [bar for bar in figure.axes[0].patches if bar.get_width() > 0]
    assert len(bars) == 20
    assert np.isclose(max(bar.get_width() for bar in bars), rows[0].value)
    drawn(figures.variable_histograms(events, events.names[:7]))
    matrix = drawn(figures.coefficient_matrix(found))
    np.testing.assert_allclose(np.asarray(matrix.axes[0].images[0].get_array())[0], found.first)
    response = np.random.default_rng(0).uniform(size=500)
    drawn(figures.roc_curves({"one": [(events.labels, response)] * 2, "two": [(events.labels, 1 - response)]}))
    figure = drawn(figures.two_rankings(["a", "b", "c"], [1, 3, 2], [0.1, 0.3, 0.2], ("one", "other"), [0, 0, 0]))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["b", "c", "a"]
    figure = drawn(figures.share_lines([0, 1, 3], {"low": [0.2, 0.4], "high": [0.9, 0.5]}, "angle"))
    np.testing.assert_allclose([line.get_ydata() for line in figure.axes[0].lines], [[0.2, 0.4], [0.9, 0.5]])


def test_predicted_changes_lie_on_the_diagonal_where_they_are_right():
    exact = np.random.default_rng(0).normal(0, 0.01, 400)
    figure = drawn(figures.predicted_changes(exact, {"all": exact, "half": exact / 2}))
    assert [axis.get_title() for axis in figure.axes[:2]] == ["all: 0% missed", "half: 50% missed"]
    for axis, slope in zip(figure.axes[:2], (1, 0.5), strict=True):
        (hexagons,) = axis.collections
        assert hexagons.get_array().sum() == 400
        places, size = hexagons.get_offsets().T, np.ptp(axis.get_xlim()) / 50
        assert np.abs(places[1] - slope * places[0]).max() < 2.5 * size


def test_bands_reach_from_low_to_high():
    """All background moves by one bin up: below, the number above a threshold is that of the bin before."""
    labels, weights = np.repeat([0, 1], 20), np.repeat([3.0, 1.0], 20)
    nominal = np.tile(np.arange(20) / 20 + 0.025, 2)
    high = np.where(labels == 0, np.minimum(nominal + 0.05, 0.975), nominal)
    figure = drawn(figures.response_bands((nominal, nominal, high), labels, weights))
    histogram, ratio = figure.axes
    background, signal = (patch.get_data().values for patch in ratio.patches)
    left = 20 - np.arange(20)  # events from this bin on
    np.testing.assert_allclose(background, np.append(1, (left[1:] + 1) / left[1:]))
    np.testing.assert_allclose(signal, 1)
    assert [patch.get_data().values.sum() for patch in histogram.patches] == [60, 20]
