import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.lrp.figures import plot_digit


def test_bars_and_map_show_the_numbers_and_zero_is_white():
    digit, relevance, probabilities = np.eye(28), np.eye(28), np.full(10, 0.02)
    relevance[3, 3], probabilities[4] = -2, 0.82
    figure = plot_digit(digit, probabilities, relevance, "relevance for 4")
    left, middle, right = figure.axes[:3]
    assert figure.get_figwidth() <= 8
    assert [bar.get_height() for bar in middle.patches] == probabilities.tolist()
    assert middle.get_title() == "4 (82%)"
    assert right.get_title() == "relevance for 4"
    assert right.images[0].get_clim() == (-2, 2)
    np.testing.assert_array_equal(right.images[0].get_array(), relevance)
    np.testing.assert_array_equal(left.images[0].get_array(), digit)
    plt.close(figure)
    plt.close(plot_digit(digit, probabilities, np.zeros((28, 28))))


def test_a_batch_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"Take \[0\]"):
        plot_digit(np.zeros((1, 28, 28)), np.zeros(10), np.zeros((1, 28, 28)))
