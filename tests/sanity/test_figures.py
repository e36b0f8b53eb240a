"""Curves and dots show the numbers they are given; the dot chart in its table's order, with chance where it is known."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course.figures import LARGEST_WIDTH
from helpers.sanity.figures import dot_chart, own_and_other, similarity_curves
from helpers.sanity.tables import Table, stored_table

NAN = float("nan")
TABLE = Table(
    "planted",
    {"own": "share on the thing", "sane": "likeness", "more": "more"},
    {
        "gradient": {"own": (0.4, 0.05), "sane": (0.1, 0.02)},
        "random map": {"own": (0.2, 0.01), "sane": (1.0, NAN)},
        "LRP": {"own": (0.7, 0.02)},
    },
    {"own": 0.25},
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_curves_draw_each_method_in_each_panel_from_one_on_with_their_spread():
    columns = [f"{measure}, {stage}" for measure in ("spearman", "absolute") for stage in ("b", "a")]
    values = {"gradient": [(0.2, 0.1), (0.1, 0.05), (0.4, 0.1), (0.3, 0.1)], "Sobel": [(1.0, 0.0)] * 4}
    rows = {name: dict(zip(columns, cells, strict=True)) for name, cells in values.items()}
    figure = similarity_curves(Table("cascade", dict.fromkeys(columns, ""), rows))
    for axis, first in zip(figure.axes[:2], (0, 2), strict=True):
        lines = {line.get_label(): line.get_ydata() for line in axis.lines[:2]}
        for name, cells in values.items():
            assert np.array_equal(lines[name], [1.0, *(mean for mean, _ in cells[first : first + 2])])
        assert [label.get_text() for label in axis.get_xticklabels()] == ["as trained", "b", "a"]
        band = axis.collections[0].get_paths()[0].vertices[:, 1]
        mean, spread = values["gradient"][first]
        assert np.isclose(band, mean + spread).any()
        assert np.isclose(band, mean - spread).any()


def drawn(axis):
    """Mean and half the length of the bar for every place that has a dot."""
    found = {}
    for container in axis.containers:
        dots, _, (bars,) = container.lines
        for x, y, bar in zip(*dots.get_data(), bars.get_segments(), strict=True):
            if not np.isnan(x):
                found[int(y)] = (x, (bar[1][0] - bar[0][0]) / 2)
    return found


def test_dots_and_bars_are_the_means_and_errors_in_the_order_of_the_column():
    figure = dot_chart(TABLE, ["own", "sane"])
    own, sane = figure.axes
    assert [label.get_text() for label in own.get_yticklabels()] == ["LRP", "gradient", "random map"]
    assert own.get_ylim()[0] > own.get_ylim()[1]  # the best is on top
    assert drawn(own) == {0: pytest.approx((0.7, 0.02)), 1: pytest.approx((0.4, 0.05)), 2: pytest.approx((0.2, 0.01))}
    found = drawn(sane)
    assert found[1] == pytest.approx((0.1, 0.02))
    assert found[2] == (1.0, 0.0)
    assert set(found) == {1, 2}  # the line of the method without a value stays empty


def test_another_order():
    figure = dot_chart(TABLE, ["own"], sort="sane")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["random map", "gradient", "LRP"]


def test_chance_is_drawn_only_where_it_is_known():
    own, sane = dot_chart(TABLE, ["own", "sane"]).axes
    dashed = [[line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == "--"] for axis in (own, sane)]
    assert dashed == [[0.25], []]


def test_baselines_look_different():
    own = dot_chart(TABLE, ["own"]).axes[0]
    faces = [container.lines[0].get_markerfacecolor() for container in own.containers]
    markers = [container.lines[0].get_marker() for container in own.containers]
    assert faces[0] != faces[1]
    assert markers == ["o", "s"]
    assert list(own.containers[1].lines[0].get_ydata()) == [2]


def test_the_legend_names_what_is_drawn():
    assert [text.get_text() for text in dot_chart(TABLE, ["own"]).legends[0].get_texts()] == (
        ["chance", "method", "baseline"]
    )
    assert [text.get_text() for text in dot_chart(TABLE, ["sane"]).legends[0].get_texts()] == ["method", "baseline"]


@pytest.mark.parametrize("count", [1, 3])
def test_it_fits_the_column_of_the_notebook(count):
    assert dot_chart(TABLE, list(TABLE.columns)[:count]).get_figwidth() <= LARGEST_WIDTH


def test_bad_columns_are_refused():
    with pytest.raises(ValueError, match="no column 'mass'"):
        dot_chart(TABLE, ["mass"])
    with pytest.raises(ValueError, match="at least one column"):
        dot_chart(TABLE, [])


def test_dots_lie_on_the_own_thing_and_crosses_on_the_other():
    table = stored_table("two-things")
    mass, maximum = own_and_other(table).axes
    methods = table.ranked("own mass")
    assert [label.get_text() for label in mass.get_yticklabels()] == methods
    for axis, columns in ((mass, ("own mass", "other mass")), (maximum, ("points at own", "points at other"))):
        own = {}
        for container in axis.containers:
            marker, places = (
                container.lines[0].get_marker(),
                dict(zip(*container.lines[0].get_data()[::-1], strict=True)),
            )
            if marker == "o":
                own |= places
            else:
                other = places
        for drawn_there, column in zip((own, other), columns, strict=True):
            found = table.column(column)
            assert [drawn_there[place] for place in range(len(methods))] == [found[method][0] for method in methods]
    assert mass.figure.get_figwidth() <= LARGEST_WIDTH
