"""Figures of single concept vectors."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from helpers.course.figures import COLOURS
from helpers.tcav import figures
from helpers.tcav.vectors import ConceptVector


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_vector_stands_on_the_line_and_points_to_the_concept():
    rng = np.random.default_rng(0)
    concept, others = rng.normal(2, 0.3, (20, 2)), rng.normal(0, 0.3, (20, 2))
    vector = ConceptVector(np.array([0.6, 0.8]), -1.4, 1.0, 12, 20)
    figure = figures.concept_vector_in_two_dimensions(
        concept, others, vector, logit=lambda a: 3 * a[:, 0] - a[:, 1], arrows_at=np.array([[0.0, 0.0], [1.0, 1.0]])
    )
    axis = figure.axes[0]
    dashed = next(line for line in axis.lines if line.get_linestyle() == "--")
    assert np.allclose(np.transpose(dashed.get_data()) @ [0.6, 0.8], 1.4)  # v . a + b = 0
    arrows = [part for part in axis.collections if hasattr(part, "U")]
    assert len(arrows) == 3
    steps = np.array([[arrow.U[0], arrow.V[0]] for arrow in arrows])
    assert np.allclose(steps[0] / np.linalg.norm(steps[0]), [0.6, 0.8])
    assert np.allclose(steps[1] / np.linalg.norm(steps[1]), np.array([3, -1]) / np.sqrt(10))
    assert to_hex(arrows[1].get_facecolor()[0]) == COLOURS["blue"].lower()  # 3 x 0.6 - 0.8 > 0
    falling = figures.concept_vector_in_two_dimensions(
        concept, others, vector, logit=lambda a: -a.sum(axis=1), arrows_at=np.zeros((1, 2))
    )
    arrows = [part for part in falling.axes[0].collections if hasattr(part, "U")]
    assert to_hex(arrows[1].get_facecolor()[0]) == COLOURS["vermilion"].lower()
    assert not [part for part in figures.concept_vector_in_two_dimensions(concept, others, vector).axes[0].texts][1:]
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
