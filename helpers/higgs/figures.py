"""Figures of the Higgs events: variables, rankings of coefficients, ROC curves.

Every function returns a Matplotlib figure; ``helpers.course.figures.show`` displays it with its alt text.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from helpers.course.figures import COLOURS, MARKERS, SEQUENTIAL
from helpers.higgs.events import UNDEFINED, HiggsEvents, variable
from helpers.taylor.coefficients import Coefficient, TaylorCoefficients

_STYLES = ("-", "--", "-.", ":")
_CLASSES = ((0, COLOURS["blue"], "background", "-"), (1, COLOURS["vermilion"], "signal", "--"))


def variable_histograms(events: HiggsEvents, names: Sequence[str]) -> Figure:
    """Histograms of some variables for signal and background, each with area 1; undefined values are left out."""
    rows = -(-len(names) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(8, 2.1 * rows), squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        values = events.column(name)
        defined = values != UNDEFINED
        bins = np.linspace(*np.percentile(values[defined], [0.2, 98.5]), 41)
        for label, colour, text, line in _CLASSES:
            chosen = values[defined & (events.labels == label)]
            axis.hist(chosen, bins, density=True, histtype="step", color=colour, ls=line, lw=1.5, label=text)
        unit = variable(name).unit
        axis.set_xlabel(f"{name} [{unit}]" if unit else name, fontsize=8)
        axis.set_yticks([])
    axes[0, 0].set_ylabel("share of events")
    axes[0, 0].legend(fontsize=8)
    return figure


def ranking_bars(rows: Sequence[Coefficient]) -> Figure:
    """Coefficients as horizontal bars, the largest on top; first order, single squares and pairs in three colours."""
    colours = {1: COLOURS["vermilion"], 2: COLOURS["blue"], 3: COLOURS["sky"]}
    names = {1: "first order, t(x)", 2: "pair, t(x, y)", 3: "square, t(x, x)"}
    kinds = np.array([1 if len(row.inputs) == 1 else 3 if row.inputs[0] == row.inputs[1] else 2 for row in rows])
    figure, axis = plt.subplots(figsize=(8, 0.8 + 0.22 * len(rows)))
    places = np.arange(len(rows))
    values, errors = np.array([row.value for row in rows]), np.array([row.error for row in rows])
    for kind in sorted(set(kinds)):
        of = kinds == kind
        axis.barh(places[of], values[of], xerr=errors[of], color=colours[kind], label=names[kind])
    axis.set_yticks(places, [", ".join(row.inputs) for row in rows], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("coefficient (inputs in standard deviations)")
    axis.legend(loc="lower right")
    return figure


def coefficient_matrix(found: TaylorCoefficients) -> Figure:
    """All second-order coefficients as a heat map, the first-order ones as a row of their own above it."""
    size = len(found.names)
    both = np.vstack([found.first, found.second])
    largest = max(float(both.max()), 1e-12)
    figure, axis = plt.subplots(figsize=(8, 7.2))
    image = axis.imshow(np.maximum(both, largest / 1000), cmap=SEQUENTIAL, norm=LogNorm(largest / 100, largest))
    axis.axhline(0.5, color="white", lw=3)
    axis.set_xticks(range(size), found.names, rotation=90, fontsize=7)
    axis.set_yticks(range(size + 1), ["first order", *found.names], fontsize=7)
    axis.grid(False)
    figure.colorbar(image, ax=axis, label="coefficient, logarithmic", shrink=0.7, extend="min")
    return figure


def roc_curves(groups: dict[str, Sequence[tuple[np.ndarray, np.ndarray]]]) -> Figure:
    """ROC curves of groups of networks: one colour a group, one thin line a network given as (labels, response).

    The axes are those of a search: how much background is left against how much of the signal is kept.
    """
    figure, axis = plt.subplots(figsize=(6.5, 4))
    for position, (name, runs) in enumerate(groups.items()):
        colour, line = list(COLOURS.values())[position], _STYLES[position % len(_STYLES)]
        for number, (labels, response) in enumerate(runs):
            background, signal, _ = roc_curve(labels, response)
            axis.plot(signal, background, color=colour, ls=line, lw=1.2, label=name if number == 0 else None)
    axis.set(
        xlabel="share of signal kept", ylabel="share of background kept", yscale="log", xlim=(0, 1), ylim=(1e-3, 1)
    )
    axis.legend()
    return figure


def share_lines(edges: Sequence[float], shares: dict[str, np.ndarray], label: str) -> Figure:
    """The share of signal in bins of a variable, one line for each group of events; ``edges`` are those of the bins."""
    figure, axis = plt.subplots(figsize=(6, 3.2))
    colours = (COLOURS["blue"], COLOURS["vermilion"], COLOURS["green"])
    for number, (name, values) in enumerate(shares.items()):
        colour, marker = colours[number % len(colours)], MARKERS[number % len(MARKERS)]
        axis.stairs(values, edges, color=colour, lw=1.5, baseline=None)
        axis.plot((np.array(edges[1:]) + edges[:-1]) / 2, values, marker, color=colour, label=name)
    axis.set(xlabel=label, ylabel="share of signal", ylim=(0, 1))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def two_rankings(
    names: Sequence[str], one: np.ndarray, other: np.ndarray, labels: tuple[str, str], errors: np.ndarray
) -> Figure:
    """Two measures of the same inputs side by side as bars, ordered by the first; ``errors`` are those of the other."""
    order = np.argsort(-np.asarray(one))
    figure, axes = plt.subplots(1, 2, figsize=(8, 0.8 + 0.19 * len(names)), sharey=True)
    places = np.arange(len(names))
    axes[0].barh(places, np.asarray(one)[order], color=COLOURS["vermilion"])
    axes[1].barh(places, np.asarray(other)[order], xerr=np.asarray(errors)[order], color=COLOURS["green"])
    axes[0].set_yticks(places, [names[i] for i in order], fontsize=8)
    axes[0].invert_yaxis()
    for axis, label in zip(axes, labels, strict=True):
        axis.set_xlabel(label)
    return figure


def predicted_changes(exact: np.ndarray, predictions: dict[str, np.ndarray]) -> Figure:
    """Changes of a response event by event, (n,) arrays: as predicted against as they are, one panel a prediction.

    The title says which part of the change is missed, in the mean: <|predicted - exact|> / <|exact|>.
    """
    figure, axes = plt.subplots(1, len(predictions), figsize=(8, 3.7), sharex=True, sharey=True, squeeze=False)
    every = np.concatenate([exact, *predictions.values()])
    limits = float(every.min()), float(every.max())
    for axis, (title, predicted) in zip(axes.flat, predictions.items(), strict=True):
        image = axis.hexbin(exact, predicted, gridsize=50, extent=limits * 2, mincnt=1, norm=LogNorm(), cmap=SEQUENTIAL)
        axis.plot(limits, limits, color=COLOURS["black"], lw=0.7, ls=":")
        missed = np.abs(predicted - exact).mean() / max(np.abs(exact).mean(), 1e-12)
        axis.set(title=f"{title}: {missed:.0%} missed", xlabel="exact change of the response", aspect="equal")
        axis.locator_params(nbins=5)
    axes[0, 0].set_ylabel("predicted change")
    figure.colorbar(image, ax=axes, label="events", shrink=0.8)
    return figure


def response_bands(responses: Sequence[np.ndarray], labels: np.ndarray, weights: np.ndarray) -> Figure:
    """What a low, the nominal and a high response (n,) make of the expected events: the band between low and high.

    Above: the histogram of the response, logarithmic. Below: the number of events above a threshold, over the nominal one.
    """
    bins = np.linspace(0, 1, 21)
    figure, (histogram, ratio) = plt.subplots(2, 1, figsize=(6.5, 4.8), sharex=True)
    for label, colour, text, line in _CLASSES:
        of = labels == label
        counts = np.array([np.histogram(each[of], bins, weights=weights[of])[0] for each in responses])
        above = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
        for axis, values in ((histogram, counts), (ratio, above / np.maximum(above[1], 1e-12))):
            axis.fill_between(
                bins,
                *np.pad(np.sort(values, axis=0)[[0, 2]], ((0, 0), (0, 1)), "edge"),
                step="post",
                color=colour,
                alpha=0.3,
            )
            axis.stairs(
                values[2 if axis is ratio else 1], bins, baseline=None, color=colour, ls=line, lw=1.5, label=text
            )
    ratio.axhline(1, color=COLOURS["black"], lw=0.7)
    histogram.set(ylabel="expected events", yscale="log", xlim=(0, 1))
    ratio.set(xlabel="response, and below: threshold on it", ylabel="events above\nover nominal", ylim=(0.6, 1.4))
    ratio.legend(title="line: high", fontsize=8, loc="upper left")
    histogram.legend()
    return figure
