"""Figures of how methods do: likeness of their maps while a network forgets, and their scores beside chance."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.course.figures import COLOURS, LARGEST_WIDTH, MARKERS, NEUTRAL
from helpers.sanity.methods import BASELINES
from helpers.sanity.tables import Table

TITLES = {"spearman": "rank correlation, with sign", "absolute": "rank correlation of |map|"}


def similarity_curves(table: Table) -> Figure:
    """How alike maps are to those of the trained network as layers are re-drawn from the logits down.

    ``table`` is one such as ``stored_table("cascade")``: a column "spearman, block5_conv1" holds the mean likeness once
    the layers down to block5_conv1 are random, and its standard deviation, drawn as a band. One panel a measure, one
    line a method.
    """
    columns = [name.split(", ") for name in table.columns]
    measures, stages = (list(dict.fromkeys(parts)) for parts in zip(*columns, strict=True))
    width = min(LARGEST_WIDTH, 3.9 * len(measures) + 0.2)
    figure, axes = plt.subplots(1, len(measures), figsize=(width, 3.8), squeeze=False, sharey=True)
    for axis, measure in zip(axes[0], measures, strict=True):
        for number, (name, row) in enumerate(table.rows.items()):
            values, spread = np.array([(1.0, 0.0), *(row[f"{measure}, {stage}"] for stage in stages)]).T
            marker, colour = MARKERS[number % len(MARKERS)], NEUTRAL[number % len(NEUTRAL)]
            axis.plot(values, marker=marker, ms=4, lw=1.5, color=colour, label=name)
            axis.fill_between(range(len(values)), values - spread, values + spread, color=colour, alpha=0.15, lw=0)
        axis.axhline(0, color="0.6", lw=0.8)
        axis.set_xticks(range(len(stages) + 1), ["as trained", *stages], rotation=45, ha="right", fontsize=8)
        axis.set_title(TITLES.get(measure, measure), fontsize=9)
        axis.set_xlabel("layers re-drawn down to")
    axes[0, 0].set_ylabel("likeness to the map as trained")
    axes[0, 0].set_ylim(top=1.05)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), fontsize=8)
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
            ("method", plain, "o", COLOURS["green"], COLOURS["green"]),
            ("baseline", ~plain, "s", COLOURS["orange"], "white"),
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
    _lines_for(methods, axes[0])
    named = {}
    for axis in axes[0]:
        named |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def own_and_other(table: Table) -> Figure:
    """Maps of things that are not alone, from ``stored_table("two-things")``: do they lie on the thing they explain?

    One line a method, ordered by its mass on the own thing; a dot for the own thing, a cross for the other, each the mean
    with its standard error. Left the share of the map's positive part, right the share of maps with their maximum there.
    """
    methods = table.ranked("own mass")
    plain = np.array([method not in BASELINES for method in methods])
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 0.25 * len(methods) + 1.4), sharey=True)
    panels = ("mass", "share of the map's positive part"), ("points at", "share of maps whose maximum lies there")
    for axis, (score, title) in zip(axes, panels, strict=True):
        for thing, chosen, marker, colour, label in (
            ("own", plain, "o", COLOURS["green"], "on the thing it explains"),
            ("own", ~plain, "o", COLOURS["orange"], "the same, baseline"),
            ("other", plain | ~plain, "x", COLOURS["black"], "on the other thing"),
        ):
            found = table.column(f"{thing} {score}" if score == "mass" else f"{score} {thing}")
            means, errors = np.array([found[method] for method in methods]).T
            axis.errorbar(
                means[chosen], np.flatnonzero(chosen), xerr=errors[chosen], fmt=marker, ms=5, lw=1.2,
                color=colour, label=label,
            )  # fmt: skip
        axis.axvline(table.chance["own mass"], color="0.5", lw=1, ls="--", zorder=0, label="chance, for both")
        axis.set_xlim(0)
        axis.set_title(title, fontsize=9)
    _lines_for(methods, axes)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _lines_for(methods: Sequence[str], axes: Sequence[Axes]) -> None:
    """A line for every method across all panels, the first on top."""
    for axis in axes:
        axis.tick_params(labelsize=8)
        axis.grid(axis="y", color="0.9", lw=0.8)
        axis.set_axisbelow(True)
    axes[0].set_yticks(range(len(methods)), methods, fontsize=8)
    axes[0].set_ylim(len(methods) - 0.5, -0.5)
