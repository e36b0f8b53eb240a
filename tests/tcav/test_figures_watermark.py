"""The figure of the watermark shows the numbers it is given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.tcav.figures import score_against_loss
from helpers.tcav.significance import ConceptTest


def concept_test(score: float, derivative: float, p: float = 1e-6) -> ConceptTest:
    scores = np.array([score, score, score])
    return ConceptTest(
        "tag", "conv5", "horse", scores, np.array([0.2, 0.5, 0.8]), 0.9, 0.6, derivative, 0.0, 0.0, p, p, 1, ""
    )


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_three_panels_show_score_size_and_effect():
    tests = {1.0: concept_test(1.0, 3.0), 0.0: concept_test(0.5, 0.1, p=0.7)}
    figure = score_against_loss(tests, {0.0: 0.01, 1.0: 0.98}, {0.0: -0.5, 1.0: 9.0})
    signs, sizes, effect = figure.axes
    assert np.allclose(signs.lines[0].get_xydata(), [[0, 0.5], [1, 1.0]])
    assert [text.get_text() for text in signs.texts] == ["n.s.", "***"]
    assert np.allclose(sizes.lines[0].get_ydata(), [0.1, 3.0])
    assert np.allclose(sizes.lines[1].get_ydata(), [-0.5, 9.0])
    assert np.allclose(effect.lines[0].get_ydata(), [1, 98])
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in figure.axes)
    assert figure.get_size_inches()[0] <= 8


def test_networks_must_be_the_same():
    with pytest.raises(ValueError, match="three times"):
        score_against_loss({0.0: concept_test(0.5, 0.1)}, {1.0: 0.0}, {0.0: 0.0})
    with pytest.raises(ValueError, match="three times"):
        score_against_loss({}, {}, {})
