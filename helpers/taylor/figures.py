"""Figures of toy tasks: events, responses, coefficients beside the exact ones, and maps over the plane of two inputs.

Every function returns a Matplotlib figure; ``helpers.course.figures.show`` displays it with its alt text.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from helpers.course.figures import COLOURS, DIVERGING, SEQUENTIAL, symmetric_limit
from helpers.taylor.coefficients import TaylorCoefficients
from helpers.taylor.experiments import TrainedTask
from helpers.taylor.gaussians import GaussianTask, bayes_response
from helpers.taylor.networks import DenseNetwork, forward

SIGNAL, BACKGROUND = COLOURS["vermilion"], COLOURS["blue"]
NETWORK, EXACT = COLOURS["sky"], COLOURS["black"]
_EVENTS_DRAWN = 600


def plane(limit: float = 3.0, points: int = 81) -> tuple[np.ndarray, np.ndarray]:
    """The points of a square grid over two inputs: its axis (points,), and the points (points^2, 2) row by row."""
    axis = np.linspace(-limit, limit, points)
    first, second = np.meshgrid(axis, axis)
    return axis, np.stack([first.ravel(), second.ravel()], axis=1)


def events_and_responses(inputs: np.ndarray, labels: np.ndarray, response: np.ndarray) -> Figure:
    """Events of two inputs as points, and histograms of a response for signal and background."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.2))
    _draw_events(left, inputs, labels)
    bins = np.linspace(0, 1, 41)
    for label, colour, name in ((0, BACKGROUND, "background"), (1, SIGNAL, "signal")):
        right.hist(response[labels == label], bins, density=True, histtype="step", lw=1.8, color=colour, label=name)
    right.set(xlabel="response f", ylabel="share of events per unit of f")
    right.legend(loc="upper center")
    return figure


def bar_panels(
    names: Sequence[str],
    panels: dict[str, np.ndarray],
    exact: dict[str, np.ndarray] | None = None,
    limits: dict[str, float] | None = None,
) -> Figure:
    """The same inputs judged by several methods, one panel of bars each.

    ``exact`` gives values to be marked by crosses, ``limits`` where an axis has to end; both by the titles in
    ``panels``, and both may leave out some.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(8, 0.5 + 0.42 * len(names)), sharey=True, squeeze=False)
    positions = np.arange(len(names))
    for axis, (title, values) in zip(axes.flat, panels.items(), strict=True):
        axis.barh(positions, values, color=NETWORK)
        if exact and title in exact:
            axis.plot(exact[title], positions, "x", color=EXACT, ms=8, mew=2, label="exact")
            axis.legend(loc="lower right")
        if limits and title in limits:
            axis.set_xlim(0, limits[title])
        axis.set_xlabel(title)
        axis.set_yticks(positions, names)
    axes.flat[0].invert_yaxis()
    return figure


def gradient_arrows(axis: np.ndarray, response: np.ndarray, gradient: np.ndarray) -> Figure:
    """A response over the plane, and its gradient as arrows; arrays as ``plane`` orders them."""
    size = len(axis)
    figure, plot = plt.subplots(figsize=(5, 4))
    figure.colorbar(_response(plot, axis, response), ax=plot, label="response f", shrink=0.8)
    every = max(1, size // 13)
    field = gradient.reshape(size, size, 2)[every // 2 :: every, every // 2 :: every]
    places = axis[every // 2 :: every]
    plot.quiver(places, places, field[..., 0], field[..., 1], color="white", scale=4, width=0.006)
    return figure


def beside_exact(trained: dict[str, TaylorCoefficients], exact: dict[str, TaylorCoefficients]) -> Figure:
    """The five coefficients of two inputs, one panel a task: bars with errors for the network, lines for the exact."""
    width = min(8, 1.8 * len(trained) + 1)
    figure, axes = plt.subplots(1, len(trained), figsize=(width, 3.1), sharey=True, squeeze=False)
    for axis, name in zip(axes.flat, trained, strict=True):
        _coefficient_bars(axis, trained[name], exact[name])
        axis.set_title(name, fontsize=10)
    axes.flat[0].set_ylabel("coefficient")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def local_maps(
    axis: np.ndarray,
    response: np.ndarray,
    gradient: np.ndarray,
    hessian: np.ndarray,
    like: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """The response and the five terms of its expansion over the plane, before the mean is taken and signs are lost.

    ``like`` gives response, gradient and hessian of another function whose scale of colours is taken, so that two
    figures can be compared.
    """
    figure, axes = plt.subplots(2, 3, figsize=(8, 4.9), sharex=True, sharey=True)
    first = _response(axes[0, 0], axis, response)
    axes[0, 0].set_title("response $f$", fontsize=10)
    terms = {
        r"$\partial f/\partial x_1$": gradient[:, 0],
        r"$\partial f/\partial x_2$": gradient[:, 1],
        r"$\partial^2 f/\partial x_1\partial x_2$": hessian[:, 0, 1],
        r"$\frac{1}{2}\,\partial^2 f/\partial x_1^2$": hessian[:, 0, 0] / 2,
        r"$\frac{1}{2}\,\partial^2 f/\partial x_2^2$": hessian[:, 1, 1] / 2,
    }
    _, slopes, bends = like or (response, gradient, hessian)
    limit = symmetric_limit(slopes, bends[:, 0, 1], bends[:, 0, 0] / 2, bends[:, 1, 1] / 2)
    for plot, (title, values) in zip(axes.flat[1:], terms.items(), strict=True):
        image = plot.pcolormesh(axis, axis, _square(values), cmap=DIVERGING, vmin=-limit, vmax=limit, rasterized=True)
        plot.set_title(title, fontsize=10)
        plot.set_aspect("equal")
    figure.colorbar(first, ax=axes[0], label="response $f$ (first map)")
    figure.colorbar(image, ax=axes[1], label="derivatives (other maps)", extend="both" if like else "neither")
    for plot in axes.flat:
        plot.set(xlabel="", ylabel="")
    figure.supxlabel("$x_1$", fontsize=10)
    figure.supylabel("$x_2$", fontsize=10)
    return figure


def learning_curves(steps: Sequence[int], found: Sequence[TaylorCoefficients], exact: TaylorCoefficients) -> Figure:
    """How the coefficients of two inputs grow with the gradient steps; dashed lines are the exact values."""
    figure, plot = plt.subplots(figsize=(7, 3.4))
    curves = {
        "t(x1)": (COLOURS["vermilion"], [one.first[0] for one in found], exact.first[0]),
        "t(x2)": (COLOURS["orange"], [one.first[1] for one in found], exact.first[1]),
        "t(x1, x2)": (COLOURS["blue"], [one.second[0, 1] for one in found], exact.second[0, 1]),
        "t(x1, x1)": (COLOURS["green"], [one.second[0, 0] for one in found], exact.second[0, 0]),
    }
    for label, (colour, values, wanted) in curves.items():
        plot.plot(steps, values, color=colour, label=label)
        plot.axhline(wanted, color=colour, ls="--", lw=0.9)
    plot.set(xlabel="gradient steps", ylabel="coefficient", xlim=(0, max(steps)), ylim=(0, None))
    plot.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def against_exact(task: GaussianTask, network: DenseNetwork, title: str = "network") -> Figure:
    """The response of a network beside the best possible one, both over the plane; white lines where it is 1/2."""
    axis, points = plane()
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.1), sharex=True, sharey=True)
    for plot, (name, values) in zip(
        axes, ((title, forward(network, points)[:, 0]), ("best possible", bayes_response(task, points))), strict=True
    ):
        image = _response(plot, axis, values)
        plot.set_title(name, fontsize=10)
    figure.colorbar(image, ax=axes, label="response f")
    return figure


def price_of_stability(
    marks: dict[str, tuple[float, float]], exact: tuple[np.ndarray, np.ndarray] | None = None
) -> Figure:
    """How well networks separate against how far a shift moves events in their order, one mark a network.

    ``marks`` are (places, AUC) of each; ``exact`` places and AUC along a line of responses that are known exactly.
    """
    figure, axis = plt.subplots(figsize=(6.5, 3.8))
    if exact is not None:
        axis.plot(100 * exact[0], exact[1], color=EXACT, lw=1, label="exact, for weighted sums of the inputs")
    for (name, (moves, auc)), mark, colour in zip(marks.items(), "os^Dv*P", COLOURS.values(), strict=False):
        axis.plot(100 * moves, auc, mark, color=colour, ms=8, clip_on=False, label=name)
    axis.set(xlabel="places that an event moves, in % of all events", ylabel="AUC", xlim=(0, None))
    axis.legend(loc="lower right", fontsize=9)
    return figure


def playground_figure(trained: TrainedTask) -> Figure:
    """Response of the network, the best possible one, and both sets of coefficients."""
    axis, points = plane(points=61)
    figure, axes = plt.subplots(1, 3, figsize=(8, 3.1), width_ratios=(1, 1, 1.25))
    for plot, (title, values) in zip(
        axes,
        (
            (f"network, AUC {trained.auc:.3f}", forward(trained.network, points)[:, 0]),
            (f"best possible, {trained.best_auc:.3f}", bayes_response(trained.task, points)),
        ),
        strict=False,
    ):
        image = _response(plot, axis, values)
        plot.set_title(title, fontsize=9)
    figure.colorbar(image, ax=axes[:2], label="response f", location="bottom", shrink=0.6)
    figure.suptitle(playground_settings(trained), fontsize=9)
    _coefficient_bars(axes[2], trained.coefficients, trained.exact)
    axes[2].set_ylabel("coefficient")
    axes[2].legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def playground_settings(trained: TrainedTask) -> str:
    """Where the sliders of the playground stood for this network, read from its task."""
    task, neurons = trained.task, trained.network.kernels[0].shape[1]
    distance = task.signal_mean[0] - task.background_mean[0]
    signal, background = np.sqrt(task.signal_covariance[0, 0]), np.sqrt(task.background_covariance[0, 0])
    correlation = task.signal_covariance[0, 1] / signal**2
    return (
        f"distance {distance:.2f}, widths {signal:.2f} and {background:.2f}, correlation {correlation + 0.0:.1f}, "
        f"{neurons} neuron{'s' * (neurons > 1)}"
    )


def _coefficient_bars(axis: Axes, trained: TaylorCoefficients, exact: TaylorCoefficients) -> None:
    rows, wanted = trained.all(), exact.all()
    places = np.arange(len(rows))
    axis.bar(places, [r.value for r in rows], yerr=[r.error for r in rows], color=NETWORK, capsize=3, label="network")
    axis.hlines([r.value for r in wanted], places - 0.45, places + 0.45, color=EXACT, lw=2, label="exact")
    axis.set_xticks(places, [", ".join(r.inputs) for r in rows], rotation=60, fontsize=9)


def _draw_events(axis: Axes, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Some events as points; signal round, background crosses, for those who do not see the colours."""
    for label, colour, marker, name in ((0, BACKGROUND, "x", "background"), (1, SIGNAL, "o", "signal")):
        chosen = inputs[labels == label][: _EVENTS_DRAWN // 2]
        axis.scatter(chosen[:, 0], chosen[:, 1], s=5, c=colour, marker=marker, linewidths=0.6, label=name, alpha=0.8)
    axis.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axis.legend(loc="upper left", markerscale=2, fontsize=8)


def _response(axis: Axes, grid: np.ndarray, values: np.ndarray) -> QuadMesh:
    """A response as colours, and the border between the classes, f = 1/2, as a white line where there is one."""
    axis.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    square = _square(values)
    if square.min() < 0.5 < square.max():
        axis.contour(grid, grid, square, levels=[0.5], colors="white", linewidths=1)
    return axis.pcolormesh(grid, grid, square, cmap=SEQUENTIAL, vmin=0, vmax=1, rasterized=True)


def _square(values: np.ndarray) -> np.ndarray:
    size = round(len(values) ** 0.5)
    return np.asarray(values).reshape(size, size)
