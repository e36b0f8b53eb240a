"""Figures of how methods do: likeness of their maps while a network forgets, and their scores beside chance."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.course.figures import COLOURS, LARGEST_WIDTH, MARKERS
from helpers.sanity.methods import BASELINES
from helpers.sanity.tables import Table


def similarity_curves(layers: Sequence[str], curves: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """How alike maps are to those of the trained network as layers are re-drawn.

    ``curves`` holds for each measure (a panel) the mean similarity (steps,) of each method (a line); ``layers`` names
    the steps. Shown where a similarity is defined.
    """
    width = min(LARGEST_WIDTH, 3.9 * len(curves) + 0.2)
    figure, axes = plt.subplots(1, len(curves), figsize=(width, 3.6), squeeze=False, sharey=True)
    for axis, (measure, lines) in zip(axes[0], curves.items(), strict=True):
        for number, (name, values) in enumerate(lines.items()):
            colour = list(COLOURS.values())[number % len(COLOURS)]
            axis.plot(values, marker=MARKERS[number % len(MARKERS)], ms=4, lw=1.5, color=colour, label=name)
        axis.axhline(0, color="0.6", lw=0.8)
        axis.set_xticks(range(len(layers)), layers, rotation=45, ha="right", fontsize=8)
        axis.set_title(measure, fontsize=9)
        axis.set_xlabel("layers re-drawn down to")
    axes[0, 0].set_ylabel("similarity to the map as trained")
    axes[0, 0].set_ylim(top=1.05)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), fontsize=8)
    return figure


def dot_chart(
    table: Table,
    columns: Sequence[str],
    sort: str | None = None,
    baselines: Sequence[str] = BASELINES,
) -> Figure:
    """One panel a column, one line a method: mean and standard error; the dashed line is what chance gives.

    Parameters
    ----------
    sort : column by which the methods are ordered from the top; by default the first shown
    baselines : methods that explain nothing; they are drawn as open squares, the others as filled dots

    A method without a value in a column has an empty line there.

    Raises
    ------
    ValueError
        If no column is named or the table has none of that name.
    """
    if not columns:
        raise ValueError(f"Name at least one column to draw. The table has: {', '.join(table.columns)}.")
    methods = table.ranked(columns[0] if sort is None else sort)
    width = min(LARGEST_WIDTH, 2.2 + 2.4 * len(columns))
    figure, axes = plt.subplots(1, len(columns), figsize=(width, 0.27 * len(methods) + 1.2), sharey=True, squeeze=False)
    places = np.arange(len(methods))
    plain = np.array([method not in baselines for method in methods])
    for axis, name in zip(axes[0], columns, strict=True):
        found = table.column(name)
        means, errors = np.array([found[method] for method in methods], float).T
        kinds = (
            ("method", plain, "o", COLOURS["blue"], COLOURS["blue"]),
            ("baseline", ~plain, "s", COLOURS["vermilion"], "white"),
        )
        for label, chosen, marker, colour, face in kinds:
            axis.errorbar(
                means[chosen], places[chosen], xerr=np.nan_to_num(errors[chosen]), fmt=marker, ms=5, lw=1.2,
                color=colour, markerfacecolor=face, label=label,
            )  # fmt: skip
        if not np.isnan(table.chance.get(name, np.nan)):
            axis.axvline(table.chance[name], color=COLOURS["black"], lw=1, ls="--", zorder=0, label="chance")
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("mean, standard error", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(axis="y", color="0.9", lw=0.8)
        axis.set_axisbelow(True)
    axes[0, 0].set_yticks(places, methods, fontsize=8)
    axes[0, 0].set_ylim(len(methods) - 0.5, -0.5)
    named = {}
    for axis in axes[0]:
        named |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named, loc="outside lower center", ncols=3, fontsize=8)
    return figure
