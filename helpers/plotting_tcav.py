"""Figures of TCAV scores with their spread and significance; those of single vectors are in ``plotting_concepts``.

Every function returns a Matplotlib figure; ``helpers.plotting.show`` displays it with its alt text. Stars stand for the
corrected p (:class:`helpers.tcav_significance.ConceptTest`). A score that is not significant, or has no p, is drawn pale
and hatched: it is not to be read as a finding.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers.plotting import COLOURS, DIVERGING, LARGEST_WIDTH
from helpers.tcav_significance import ConceptTest

MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def score_bars(tests: Sequence[ConceptTest]) -> Figure:
    """The TCAV score of every test with its standard deviation over the runs, beside that of random pictures.

    One panel for every class; bars are named by concept, and by layer where there are several. The grey band is the mean
    of the random scores plus and minus their standard deviation.

    Raises
    ------
    ValueError
        If there are no tests.
    """
    _require_tests(tests)
    classes = _unique(test.class_name for test in tests)
    several = len({test.layer for test in tests}) > 1
    most = max(sum(test.class_name == name for test in tests) for name in classes)
    panel = max(2.2, 0.35 * most + 0.6)  # inches
    columns = min(len(classes), max(1, int((LARGEST_WIDTH - 0.9) / panel)))
    rows = -(-len(classes) // columns)
    width = min(LARGEST_WIDTH, 0.9 + columns * panel)
    figure, axes = plt.subplots(rows, columns, figsize=(width, 3.0 * rows + 0.4), squeeze=False, sharey=True)
    for axis in axes.flat[len(classes) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, classes, strict=False):
        shown = [test for test in tests if test.class_name == name]
        for place, test in enumerate(shown):
            _bar(axis, place, test)
        axis.axhline(0.5, color="0.5", lw=0.8, ls=":")
        labels = [f"{test.concept}\n{test.layer}" if several else test.concept for test in shown]
        axis.set_xticks(range(len(shown)), labels, rotation=45, ha="right", fontsize=8)
        axis.set(title=name, ylim=(0, 1.18), xlim=(-0.6, len(shown) - 0.4))
        axis.set_yticks(np.linspace(0, 1, 6))
    for axis in axes[:, 0]:
        axis.set_ylabel("TCAV score")
    handles = [
        axes[0, 0].bar([np.nan], [np.nan], color=COLOURS["blue"], label="significant"),
        axes[0, 0].bar([np.nan], [np.nan], color="white", edgecolor="0.5", hatch="////", label="not significant"),
        Rectangle((0, 0), 1, 1, color="0.8", label="random against random"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _bar(axis, place: int, test: ConceptTest) -> None:
    found = test.significant
    axis.bar(
        place,
        test.mean,
        width=0.6,
        yerr=test.deviation,
        capsize=3,
        error_kw={"lw": 1},
        color=COLOURS["blue"] if found else "white",
        edgecolor=COLOURS["blue"] if found else "0.5",
        hatch=None if found else "////",
        zorder=2,
    )
    spread = 0 if np.isnan(test.random_deviation) else test.random_deviation
    low, high = np.clip([test.random_mean - spread, test.random_mean + spread], 0, 1)
    axis.add_patch(Rectangle((place - 0.45, low), 0.9, high - low, color="0.8", zorder=1))
    axis.plot([place - 0.45, place + 0.45], [test.random_mean] * 2, color="0.35", lw=1.2, zorder=3)
    top = min(1.0, test.mean + test.deviation) + 0.02
    axis.text(place, max(top, high + 0.02), test.stars, ha="center", va="bottom", fontsize=8, zorder=4)


def score_map(tests: Sequence[ConceptTest]) -> Figure:
    """Concept x class: each cell the TCAV score minus the random mean, as a colour, with the score and its stars written.

    Cells without significance are hatched and their numbers grey; an empty cell was not tested.

    Raises
    ------
    ValueError
        If the tests belong to several layers, or one concept and class was tested twice.
    """
    _require_tests(tests)
    layers = _unique(test.layer for test in tests)
    cells = {(test.concept, test.class_name): test for test in tests}
    if len(layers) > 1 or len(cells) < len(tests):
        raise ValueError(
            f"A map shows one test for each concept and class, at one layer; got layers {', '.join(layers)}."
        )
    concepts, classes = _unique(test.concept for test in tests), _unique(test.class_name for test in tests)
    values = np.full((len(concepts), len(classes)), np.nan)
    width = min(LARGEST_WIDTH, 2.6 + 0.95 * len(classes))
    figure, axis = plt.subplots(figsize=(width, 1.4 + 0.5 * len(concepts)))
    for (concept, name), test in cells.items():
        i, j = concepts.index(concept), classes.index(name)
        values[i, j] = test.mean - test.random_mean
        strong = test.significant and abs(values[i, j]) > 0.55
        colour = "white" if strong else "black" if test.significant else "0.4"
        axis.text(j, i, f"{test.mean:.2f}\n{test.stars}", ha="center", va="center", fontsize=8, color=colour)
        if not test.significant:
            axis.add_patch(
                Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="///", edgecolor="0.75", lw=0, zorder=1)
            )
    image = axis.imshow(values, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto", zorder=0)
    axis.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
    axis.set_yticks(range(len(concepts)), concepts)
    axis.set(xlabel="class", ylabel="concept")
    axis.spines[:].set_visible(False)
    figure.colorbar(image, ax=axis, label="TCAV score − random mean", shrink=0.9)
    return figure


def score_over_depth(tests: Sequence[ConceptTest], layers: Sequence[str] | None = None) -> Figure:
    """The TCAV score from layer to layer: one panel for every class, one line for every concept.

    Filled markers are significant, open ones are not. Bars are standard deviations over the runs; the grey band is the
    random mean plus and minus the random standard deviation. ``layers`` gives the order; by default that of the tests.

    Raises
    ------
    ValueError
        If a test belongs to none of the layers, or one concept, class and layer was tested twice.
    """
    _require_tests(tests)
    layers = list(layers or _unique(test.layer for test in tests))
    concepts, classes = _unique(test.concept for test in tests), _unique(test.class_name for test in tests)
    cells = {(test.concept, test.class_name, test.layer): test for test in tests}
    if len(cells) < len(tests) or any(test.layer not in layers for test in tests):
        raise ValueError(
            f"One test for each concept, class and layer, at the layers {', '.join(layers)}, can be shown."
        )
    columns = min(len(classes), 3)
    rows = -(-len(classes) // columns)
    width = min(LARGEST_WIDTH, 1.0 + columns * max(2.3, 0.6 * len(layers) + 0.6))
    figure, axes = plt.subplots(rows, columns, figsize=(width, 2.9 * rows + 0.5), squeeze=False, sharey=True)
    for axis in axes.flat[len(classes) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, classes, strict=False):
        for number, concept in enumerate(concepts):
            known = [
                (k, cells[concept, name, layer]) for k, layer in enumerate(layers) if (concept, name, layer) in cells
            ]
            if known:
                _line(axis, number, concept, known, shift=0.06 * (number - (len(concepts) - 1) / 2))
        _random_band(axis, name, layers, cells)
        axis.axhline(0.5, color="0.5", lw=0.8, ls=":")
        axis.set_xticks(range(len(layers)), layers, rotation=45, ha="right", fontsize=8)
        axis.set(title=name, ylim=(-0.05, 1.05), xlabel="layer")
    for axis in axes[:, 0]:
        axis.set_ylabel("TCAV score")
    handles = {label: h for axis in axes.flat for h, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)), fontsize=8)
    return figure


def _line(axis, number: int, concept: str, known: list[tuple[int, ConceptTest]], shift: float) -> None:
    colour = list(COLOURS.values())[number % len(COLOURS)]
    marker = MARKERS[number % len(MARKERS)]
    places = np.array([place for place, _ in known]) + shift
    means, deviations = [test.mean for _, test in known], [test.deviation for _, test in known]
    axis.errorbar(places, means, deviations, color=colour, lw=1.4, elinewidth=0.8, capsize=2, zorder=2)
    axis.plot([], [], color=colour, marker=marker, lw=1.4, label=concept)
    for place, (_, test) in zip(places, known, strict=True):
        face = colour if test.significant else "white"
        axis.plot(place, test.mean, marker=marker, ms=6, mec=colour, mfc=face, ls="none", zorder=3)


def _random_band(axis, name: str, layers: Sequence[str], cells: dict) -> None:
    shown = [
        (k, next((test for (_, kind, where), test in cells.items() if (kind, where) == (name, layer)), None))
        for k, layer in enumerate(layers)
    ]
    shown = [(k, test) for k, test in shown if test is not None]
    places = [k for k, _ in shown]
    means = np.array([test.random_mean for _, test in shown])
    spread = np.nan_to_num([test.random_deviation for _, test in shown])
    band = np.clip([means - spread, means + spread], 0, 1)
    axis.fill_between(places, *band, color="0.85", zorder=0, label="random against random")


def _require_tests(tests: Sequence[ConceptTest]) -> None:
    if not len(tests):
        raise ValueError("There are no tests to show.")


def _unique(names) -> list[str]:
    return list(dict.fromkeys(names))
