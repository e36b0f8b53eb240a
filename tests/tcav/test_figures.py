"""Figures of concepts: what is drawn is what was tested, and what is no finding looks like none."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from helpers.course.figures import COLOURS, LARGEST_WIDTH
from helpers.tcav import figures
from helpers.tcav.significance import ConceptTest
from helpers.tcav.vectors import ConceptVector


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def example(
    concept="striped",
    class_name="zebra",
    layer="conv3",
    mean=0.9,
    p=1e-5,
    accuracy=0.9,
    random_mean=0.5,
    derivative=1.0,
):
    return ConceptTest(
        concept=concept,
        layer=layer,
        class_name=class_name,
        scores=np.array([mean - 0.05, mean + 0.05]),
        random_scores=np.array([random_mean - 0.1, random_mean + 0.1]),
        accuracy=accuracy,
        needed=0.6,
        mean_derivative=derivative,
        zero=0.0,
        p=p,
        comparisons=1,
        undefined="" if p == p else "no spread",
    )


TESTS = [
    example(),
    example("spotted", mean=0.6, p=0.4),
    example("checked", mean=0.4, p=float("nan")),
    example("nonsense", mean=0.7, accuracy=0.5),
]


def texts(axis):
    return [text.get_text() for text in axis.texts]


def test_the_vector_stands_on_the_line_and_points_to_the_concept():
    rng = np.random.default_rng(0)
    concept, others = rng.normal(2, 0.3, (20, 2)), rng.normal(0, 0.3, (20, 2))
    vector = ConceptVector(np.array([0.6, 0.8]), -1.4, 1.0, 12)
    figure = figures.concept_vector_in_two_dimensions(concept, others, vector)
    axis = figure.axes[0]
    dashed = next(line for line in axis.lines if line.get_linestyle() == "--")
    assert np.allclose(np.transpose(dashed.get_data()) @ [0.6, 0.8], 1.4)  # v . a + b = 0
    arrows = [part for part in axis.collections if hasattr(part, "U")]
    assert len(arrows) == 1
    step = np.array([arrows[0].U[0], arrows[0].V[0]])
    assert np.allclose(step / np.linalg.norm(step), [0.6, 0.8])
    with pytest.raises(ValueError, match="Two features"):
        figures.concept_vector_in_two_dimensions(np.zeros((5, 3)), others, vector)


def test_the_strip_shows_the_ends_of_the_order():
    values = np.array([0.5, -2.0, 3.0, 1.0, 0.0])
    pictures = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    figure = figures.most_and_least(pictures, values, "striped", count=6)
    shown = [int(axis.images[0].get_array()[0, 0, 0]) for axis in figure.axes]
    assert shown == [2, 3, 4, 1]
    assert [axis.get_title() for axis in figure.axes] == ["3", "1", "0", "-2"]
    assert figure.axes[0].get_ylabel() == "most\nstriped"
    with pytest.raises(ValueError, match="5 pictures"):
        figures.most_and_least(pictures, values[:4], "striped")


def test_bars_are_the_means_with_their_spread_and_stars():
    figure = figures.score_bars(TESTS)
    (axis,) = figure.axes
    bars = [patch for patch in axis.patches if patch.get_width() == pytest.approx(0.6)]
    assert [bar.get_height() for bar in bars[:4]] == pytest.approx([0.9, 0.6, 0.4, 0.7])
    assert [bar.get_hatch() for bar in bars[:4]] == [None, "////", "////", "////"]
    assert to_hex(bars[0].get_facecolor()) == COLOURS["green"].lower()
    assert texts(axis) == ["***", "n.s.", "undefined", "no CAV"]
    ends = axis.collections[0].get_segments()[0][:, 1]
    assert ends == pytest.approx([0.9 - TESTS[0].deviation, 0.9 + TESTS[0].deviation])
    bands = [patch for patch in axis.patches if patch.get_width() == pytest.approx(0.9)]
    assert bands[0].get_y() == pytest.approx(0.5 - TESTS[0].random_deviation)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["striped", "spotted", "checked", "nonsense"]
    assert axis.get_ylabel() == "TCAV score"


def test_bars_of_many_classes_fit_the_page():
    tests = [example(f"c{i}", f"class {j}") for j in range(5) for i in range(7)]
    figure = figures.score_bars(tests)
    assert [axis.get_title() for axis in figure.axes[:5]] == [f"class {j}" for j in range(5)]
    assert figure.get_figwidth() <= LARGEST_WIDTH
    layers = figures.score_bars([example(layer="a"), example(layer="b")])
    assert [label.get_text() for label in layers.axes[0].get_xticklabels()] == ["striped\na", "striped\nb"]


def test_the_map_shows_score_minus_random_mean():
    tests = [*TESTS, example("striped", "horse", mean=0.1, random_mean=0.6)]
    figure = figures.score_map(tests)
    axis = figure.axes[0]
    values = axis.images[0].get_array()
    assert values.shape == (4, 2)
    assert values[0].tolist() == pytest.approx([0.4, -0.5])
    assert values.mask[1:, 1].all() or np.isnan(values.data[1:, 1]).all()  # not tested
    assert axis.images[0].get_clim() == (-1, 1)
    assert "0.90\n***" in texts(axis)
    hatched = [(patch.get_y() + 0.5, patch.get_x() + 0.5) for patch in axis.patches if patch.get_hatch()]
    assert sorted(hatched) == [(1, 0), (2, 0), (3, 0)]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("class", "concept")
    with pytest.raises(ValueError, match="one layer; got layers a, b"):
        figures.score_map([example(layer="a"), example(layer="b")])
    with pytest.raises(ValueError, match="one test for each"):
        figures.score_map([example(), example()])


def test_depth_has_a_line_for_each_concept_in_the_order_of_the_layers():
    order = {"a": (1, 2, 3), "b": (3, 1, 2)}
    tests = [example(c, layer=f"conv{k}", mean=0.2 * k, p=1e-5 if k > 2 else 0.5) for c in order for k in order[c]]
    figure = figures.score_over_depth(tests)
    axis = figure.axes[0]
    points = [line for line in axis.lines if line.get_linestyle() == "None" and len(line.get_xdata()) == 1]
    points = [line for line in points if line.get_markersize() == 6]
    assert COLOURS["blue"].lower() not in [to_hex(line.get_color()) for line in axis.lines]  # there it speaks against
    assert len(points) == 6
    for marker in "os":
        own = [line for line in points if line.get_marker() == marker]
        assert [round(line.get_xdata()[0]) for line in own] == [0, 1, 2]
        assert [line.get_ydata()[0] for line in own] == pytest.approx([0.2, 0.4, 0.6])
        assert [to_hex(line.get_markerfacecolor()) == "#ffffff" for line in own] == [True, True, False]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "random against random"]
    with pytest.raises(ValueError, match="got 1 more than that"):
        figures.score_over_depth([*tests, example("a", layer="conv1")])


def test_nothing_to_show_is_refused():
    for draw in (figures.score_bars, figures.score_map, figures.score_over_depth):
        with pytest.raises(ValueError, match="no tests"):
            draw([])
        assert draw(TESTS).get_figwidth() <= LARGEST_WIDTH


def test_the_three_panels_show_score_size_and_effect():
    tests = {1.0: example(mean=1.0, derivative=3.0), 0.0: example(mean=0.5, p=0.7, derivative=0.1)}
    figure = figures.score_against_loss(tests, {0.0: 0.01, 1.0: 0.98}, {0.0: -0.5, 1.0: 9.0})
    signs, sizes, effect = figure.axes
    assert np.allclose(signs.lines[0].get_xydata(), [[0, 0.5], [1, 1.0]])
    assert [text.get_text() for text in signs.texts] == ["n.s.", "***"]
    assert np.allclose(sizes.lines[0].get_ydata(), [0.1, 3.0])
    assert np.allclose(sizes.lines[1].get_ydata(), [-0.5, 9.0])
    assert np.allclose(effect.lines[0].get_ydata(), [1, 98])
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in figure.axes)
    assert figure.get_figwidth() <= LARGEST_WIDTH


def test_networks_must_be_the_same():
    with pytest.raises(ValueError, match="three times"):
        figures.score_against_loss({0.0: example()}, {1.0: 0.0}, {0.0: 0.0})
    with pytest.raises(ValueError, match="three times"):
        figures.score_against_loss({}, {}, {})
