"""Figures of relevance: a small network with its numbers, signed maps in a grid, and a digit with its maps.

Every function returns a Matplotlib figure; ``helpers.course.figures.show`` displays it with its alt text. Red is
relevance in favour of the explained class, blue against it, white is none.
"""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from helpers.course.figures import COLOURS, DIVERGING, LARGEST_WIDTH, symmetric_limit


def network_with_numbers(
    layers: Sequence[np.ndarray], weights: Sequence[np.ndarray], relevances: Mapping[str, Sequence[np.ndarray]]
) -> Figure:
    """A network of a few neurons, once for each title, with the value in every neuron and its relevance below.

    Parameters
    ----------
    layers : values of the neurons (n,), one array for each layer from the inputs on
    weights : (n, m), one array for each pair of neighbouring layers; written on the connections
    relevances : for each title, arrays shaped like the layers; all share one symmetric colour scale

    Raises
    ------
    ValueError
        If the shapes of layers, weights and relevances do not fit.
    """
    layers = [np.ravel(values) for values in layers]
    sizes = [len(values) for values in layers]
    drawn = {title: [np.ravel(part) for part in parts] for title, parts in relevances.items()}
    if [np.shape(w) for w in weights] != list(itertools.pairwise(sizes)) or any(
        [len(part) for part in parts] != sizes for parts in drawn.values()
    ):
        raise ValueError(f"Layers of {sizes} neurons need weights between neighbours and as many relevances.")
    limit = symmetric_limit(*(part for parts in drawn.values() for part in parts))
    colours = ScalarMappable(Normalize(-limit, limit), DIVERGING)
    width = min(LARGEST_WIDTH, 3.6 * len(drawn) + 0.8)
    figure, axes = plt.subplots(1, len(drawn), figsize=(width, 2.9), squeeze=False)
    for axis, (title, parts) in zip(axes[0], drawn.items(), strict=True):
        places = [[(1.6 * column, (n - 1) / 2 - row) for row in range(n)] for column, n in enumerate(sizes)]
        for left, right, matrix in zip(places[:-1], places[1:], weights, strict=True):
            for (i, j), weight in np.ndenumerate(matrix):
                _connection(axis, left[i], right[j], weight)
        for column, values, part in zip(places, layers, parts, strict=True):
            for place, value, relevance in zip(column, values, part, strict=True):
                _neuron(axis, place, value, relevance, colours)
        axis.set(
            xlim=(-0.5, 1.6 * (len(sizes) - 1) + 0.5), ylim=(-max(sizes) / 2 - 0.2, max(sizes) / 2), aspect="equal"
        )
        axis.set_axis_off()
        axis.set_title(title, fontsize=9)
    figure.colorbar(colours, ax=axes[0], label="relevance R", fraction=0.03, aspect=20, shrink=0.8)
    return figure


def _connection(axis, start, end, weight: float) -> None:
    axis.plot(*zip(start, end, strict=True), color="0.6", lw=1, zorder=0)
    x, y = (a + 0.36 * (b - a) for a, b in zip(start, end, strict=True))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    axis.text(x, y, f"{weight:g}", fontsize=7, color="0.35", ha="center", va="center", bbox=box, zorder=1)


def _neuron(axis, place, value: float, relevance: float, colours: ScalarMappable) -> None:
    colour = colours.to_rgba(relevance)
    axis.add_patch(Circle(place, 0.24, facecolor=colour, edgecolor=COLOURS["black"], lw=0.8, zorder=2))
    light = np.dot(colour[:3], (0.2126, 0.7152, 0.0722)) > 0.45
    ink = "black" if light else "white"
    axis.text(*place, f"{value:.3g}", fontsize=9, color=ink, ha="center", va="center_baseline", zorder=3)
    below = place[0], place[1] - 0.39
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.3}
    axis.text(*below, f"R = {relevance:.3g}", fontsize=8, ha="center", va="center", bbox=box, zorder=3)


def relevance_grid(
    maps: Sequence[np.ndarray | None],
    titles: Sequence[str],
    pictures: Sequence[np.ndarray] = (),
    columns: int = 4,
    percentile: float = 99.5,
    outlines: Sequence[np.ndarray | None] | None = None,
    row_labels: Sequence[str] = (),
) -> Figure:
    """Signed maps (height, width), each divided by a high percentile of its absolute values; 1 is "much".

    Parameters
    ----------
    maps : one for each title; None shows the next of ``pictures``
    pictures : photographs or grey pictures, in the order of the Nones
    percentile : few pixels of a relevance map are far above all others; scaled by its maximum it would look empty
    outlines : for each map a mask (height, width) whose border is drawn, or None
    row_labels : written at the left of the rows

    Raises
    ------
    ValueError
        If the numbers of maps, titles and pictures do not fit.
    """
    outlines = [None] * len(maps) if outlines is None else outlines
    if not len(maps) == len(titles) == len(outlines) or sum(m is None for m in maps) != len(pictures):
        raise ValueError(
            f"{len(maps)} maps, {sum(m is None for m in maps)} of them None, need as many titles and as many pictures as "
            f"Nones; got {len(titles)} and {len(pictures)}."
        )
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    beside = 0.7 + (1.2 if row_labels else 0)  # inches: the colour bar, and the labels of the rows
    cell = min((LARGEST_WIDTH - beside) / columns, 2.4)
    figure, axes = plt.subplots(
        rows, columns, figsize=(cell * columns + beside, 1.06 * cell * rows + 0.25), squeeze=False
    )
    rest = iter(pictures)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, values, title, mask in zip(axes.flat, maps, titles, outlines, strict=False):
        if values is None:
            axis.imshow(next(rest), cmap="gray_r")
        else:
            values = np.asarray(values)
            much = np.percentile(np.abs(values), percentile) or symmetric_limit(values)
            axis.imshow(values / much, cmap=DIVERGING, vmin=-1, vmax=1)
        if mask is not None:
            axis.contour(mask, levels=[0.5], colors="black", linewidths=0.8)
        axis.set_title(title, fontsize=8 if columns < 7 else 7)
    for axis, label in zip(axes[:, 0], row_labels, strict=False):
        # text and not a label, which an axis without ticks does not show
        axis.text(-0.08, 0.5, label.replace(" ", "\n"), transform=axis.transAxes, ha="right", va="center", fontsize=8)
    figure.colorbar(
        ScalarMappable(Normalize(-1, 1), DIVERGING),
        ax=axes,
        label=f"share of the {percentile:g}th percentile",
        extend="both",
        fraction=0.03,
        aspect=30,
        shrink=0.8,
    )
    return figure


def digit_explained(picture: np.ndarray, probabilities: np.ndarray, maps: Mapping[str, np.ndarray]) -> Figure:
    """A digit (28, 28), ink 1 on paper 0, the probabilities (10,) of the classes, and relevance maps with their titles.

    The maps share one symmetric colour scale, so their strengths can be compared.
    """
    figure, axes = plt.subplots(1, 2 + len(maps), figsize=(min(LARGEST_WIDTH, 2.0 * (2 + len(maps))), 2.1))
    axes[0].imshow(picture, cmap="gray_r")
    axes[0].set_axis_off()
    axes[0].set_title("digit", fontsize=9)
    axes[1].bar(np.arange(len(probabilities)), probabilities, color="0.4")
    axes[1].set_xticks(np.arange(len(probabilities)))
    axes[1].set(xlabel="class", ylabel="probability", ylim=(0, 1.02))
    axes[1].tick_params(labelsize=7)
    limit = symmetric_limit(*maps.values())
    for axis, (title, values) in zip(axes[2:], maps.items(), strict=True):
        image = axis.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit)
        axis.set_axis_off()
        axis.set_title(title, fontsize=9)
    figure.colorbar(image, ax=axes[2:], label="relevance", fraction=0.05, aspect=20)
    return figure


def steps_between_maps(changes: Mapping[str, np.ndarray]) -> Figure:
    """How far a map moves at each step of a walk from one picture to another: a line (steps,) for each method.

    Drawn from the start, 0, to the end, 1, in units of a map's mean length.
    """
    figure, axis = plt.subplots(figsize=(6.4, 2.6))
    for (name, values), colour in zip(changes.items(), ("orange", "green", "purple", "black"), strict=False):
        axis.plot(np.linspace(0, 1, len(values)), values, lw=1.2, color=COLOURS[colour], label=name)
    axis.set(xlabel="share of the way from the 4 to the 9", ylabel="change of the map", ylim=(0, None))
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
