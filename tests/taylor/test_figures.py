import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course.figures import LARGEST_WIDTH
from helpers.taylor import figures
from helpers.taylor.experiments import train_on_task
from helpers.taylor.gaussians import bayes_coefficients, bayes_derivatives, bayes_response, sample, toy_task
from helpers.taylor.networks import build_network, dense_network


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


def test_the_plane_is_ordered_as_pictures_are():
    axis, points = figures.plane(2, 5)
    np.testing.assert_allclose(axis, [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(points.reshape(5, 5, 2)[0, :, 0], axis)  # along a row x1 runs
    np.testing.assert_allclose(points.reshape(5, 5, 2)[:, 0, 1], axis)


def test_maps_show_the_values_at_their_places():
    task = toy_task("b")
    axis, points = figures.plane(3, 21)
    response, gradient, hessian = bayes_derivatives(task, points)
    figure = drawn(figures.local_maps(axis, response, gradient, hessian))
    meshes = [axes.collections[-1] for axes in figure.axes[:6]]
    shown = [np.asarray(mesh.get_array()).ravel() for mesh in meshes]
    for found, wanted in zip(
        shown,
        (response, gradient[:, 0], gradient[:, 1], hessian[:, 0, 1], hessian[:, 0, 0] / 2, hessian[:, 1, 1] / 2),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted)
    for mesh in meshes[1:]:  # signed maps are symmetric about zero, and share their limits
        low, high = mesh.get_clim()
        assert low == -high == meshes[1].get_clim()[0]


def test_two_figures_of_maps_can_share_their_scale():
    axis, points = figures.plane(3, 21)
    exact, other = (bayes_derivatives(toy_task(name), points) for name in "bd")
    alone, like = (drawn(figures.local_maps(axis, *other, like=one)) for one in (None, exact))
    limits = [figure.axes[1].collections[-1].get_clim()[1] for figure in (alone, like)]
    own = [
        max(abs(part).max() for part in (one[1], one[2][:, 0, 1], one[2][:, [0, 1], [0, 1]] / 2))
        for one in (other, exact)
    ]
    np.testing.assert_allclose(limits, own)


def test_bars_have_the_height_of_the_coefficients():
    exact = bayes_coefficients(toy_task("c"))
    figure = drawn(figures.beside_exact({"one": exact, "two": exact}, {"one": exact, "two": exact}))
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(heights, [row.value for row in exact.all()])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [
        "x1",
        "x2",
        "x1, x1",
        "x1, x2",
        "x2, x2",
    ]


def test_every_figure_of_toy_tasks_is_drawn():
    task = toy_task("a")
    inputs, labels = sample(task, 200, seed=0)
    network = dense_network(build_network())
    axis, points = figures.plane(3, 20)
    response, gradient, _ = bayes_derivatives(task, points)
    found = bayes_coefficients(task)
    drawn(figures.events_and_responses(inputs, labels, bayes_response(task, inputs)))
    drawn(figures.gradient_arrows(axis, response, gradient))
    drawn(figures.bar_panels(["x1", "x2"], {"a": [1, 2], "b": [0, 1]}, exact={"b": [0, 1]}, limits={"a": 3}))
    drawn(figures.learning_curves([0, 10], [found, found], found))
    line = np.linspace(0, 0.1, 5)
    figure = drawn(figures.price_of_stability({"a": (0.01, 0.8), "b": (0.05, 0.9)}, exact=(line, 0.7 + line)))
    np.testing.assert_allclose([one.get_xydata()[0] for one in figure.axes[0].lines[1:]], [[1, 0.8], [5, 0.9]])
    drawn(figures.against_exact(task, network))
    drawn(figures.playground_figure(train_on_task(task, 2, events=2000, epochs=1, batch=100)))


def test_a_flat_response_has_no_border_and_draws():
    axis, points = figures.plane(1, 5)
    flat = np.full(len(points), 0.5)
    drawn(figures.local_maps(axis, flat, np.zeros((25, 2)), np.zeros((25, 2, 2))))
