"""Figures of concepts: what a concept vector is, how it sorts pictures, what its TCAV scores say, and the tag's effect.

Every function returns a Matplotlib figure; :func:`helpers.course.figures.show` displays it with its alt text. Stars
stand for the corrected p (:class:`helpers.tcav.significance.ConceptTest`). A score that is not significant, or has no
p, is drawn pale and hatched, or as an open marker: it is not to be read as a finding.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers.course.figures import COLOURS, DIVERGING, LARGEST_WIDTH, MARKERS, NEUTRAL
from helpers.tcav.significance import ConceptTest
from helpers.tcav.vectors import ConceptVector


def concept_vector_in_two_dimensions(
    concept: np.ndarray,
    others: np.ndarray,
    vector: ConceptVector,
    names: tuple[str, str] = ("concept", "random"),
    features: tuple[str, str] = ("activation 1", "activation 2"),
) -> Figure:
    """What a CAV is: activations (n, 2) and (m, 2), the line that divides them, and the vector across it.

    ``names`` are those of the two sets, ``features`` those of the axes.

    Raises
    ------
    ValueError
        If the activations do not have two features.
    """
    concept, others = np.asarray(concept, float), np.asarray(others, float)
    if any(points.ndim != 2 or points.shape[1] != 2 for points in (concept, others)) or len(vector.vector) != 2:
        raise ValueError(f"Two features can be drawn, arrays (n, 2); got {concept.shape} and {others.shape}.")
    points = np.concatenate([concept, others])
    centre, reach = points.mean(axis=0), 0.62 * np.ptp(points, axis=0).max()
    figure, axis = plt.subplots(figsize=(5.6, 5.0))
    axis.scatter(*others.T, s=18, color="0.55", marker="s", label=names[1], zorder=2)
    axis.scatter(
        *concept.T, s=22, color=COLOURS["orange"], marker="o", edgecolor="black", lw=0.4, label=names[0], zorder=2
    )
    normal = vector.vector
    foot = centre - (normal @ centre + vector.intercept) * normal
    along = np.array([-normal[1], normal[0]])
    axis.plot(
        *np.transpose([foot - 3 * reach * along, foot + 3 * reach * along]),
        color="black",
        ls="--",
        lw=1,
        label="the classifier's line",
    )
    step = 0.5 * reach * normal
    axis.quiver(*foot, *step, angles="xy", scale_units="xy", scale=1, color="black", width=0.008, zorder=4)
    axis.annotate("CAV", foot + 0.56 * reach * normal, ha="center", va="center", fontweight="bold", zorder=5)
    axis.set(
        xlim=(centre[0] - reach, centre[0] + reach),
        ylim=(centre[1] - reach, centre[1] + reach),
        xlabel=features[0],
        ylabel=features[1],
        aspect="equal",
    )
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def most_and_least(pictures: np.ndarray, values: np.ndarray, concept: str, count: int = 6) -> Figure:
    """The pictures (n, H, W, 3) that lie furthest along a CAV, and least far, with their projections (n,).

    ``values`` are those of :func:`helpers.tcav.vectors.projections`; a picture is shown once, so that few pictures make
    short rows.

    Raises
    ------
    ValueError
        If pictures and values do not fit, or there are fewer than two.
    """
    pictures, values = np.asarray(pictures), np.asarray(values, float)
    if values.ndim != 1 or len(pictures) != len(values) or len(values) < 2 or count < 1:
        raise ValueError(
            f"Two pictures at least, one value each, and count >= 1; got {len(pictures)} pictures, values of shape "
            f"{values.shape}, count={count}."
        )
    count = min(count, len(values) // 2)
    order = np.argsort(-values, kind="stable")
    cell = min(1.25, (LARGEST_WIDTH - 0.5) / count)
    figure, axes = plt.subplots(2, count, figsize=(max(2.5, cell * count + 0.5), 2 * (cell + 0.25)), squeeze=False)
    for row, chosen, title in zip(
        axes, (order[:count], order[-count:]), (f"most {concept}", f"least {concept}"), strict=True
    ):
        for axis, number in zip(row, chosen, strict=True):
            axis.imshow(pictures[number], cmap="gray")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(False)
            axis.set_title(f"{values[number]:.3g}", fontsize=8)
        row[0].set_ylabel(title.replace(" ", "\n", 1), fontsize=9)
    return figure


def score_bars(tests: Sequence[ConceptTest]) -> Figure:
    """The TCAV score of every test with its standard deviation over the runs, beside that of random pictures.

    One panel for every class; bars are named by concept, and by layer where there are several. The grey band is the
    mean of the random scores plus and minus their standard deviation.

    Raises
    ------
    ValueError
        If there are no tests.
    """
    classes = _names(tests, "class_name")
    several = len(_names(tests, "layer")) > 1
    most = max(sum(test.class_name == name for test in tests) for name in classes)
    panel = max(2.2, 0.35 * most + 0.6)  # inches
    columns = min(len(classes), max(1, int((LARGEST_WIDTH - 0.9) / panel)))
    figure, axes = _panels(len(classes), columns, 0.9 + columns * panel, height=3.0, below=0.4)
    for axis, name in zip(axes, classes, strict=True):
        shown = [test for test in tests if test.class_name == name]
        for place, test in enumerate(shown):
            _bar(axis, place, test)
        axis.axhline(0.5, color="0.5", lw=0.8, ls=":")
        labels = [f"{test.concept}\n{test.layer}" if several else test.concept for test in shown]
        axis.set_xticks(range(len(shown)), labels, rotation=45, ha="right", fontsize=8)
        axis.set(title=name, ylim=(0, 1.18), xlim=(-0.6, len(shown) - 0.4))
        axis.set_yticks(np.linspace(0, 1, 6))
    handles = [
        axes[0].bar([np.nan], [np.nan], color=COLOURS["green"], label="significant"),
        axes[0].bar([np.nan], [np.nan], color="white", edgecolor="0.5", hatch="////", label="not significant"),
        Rectangle((0, 0), 1, 1, color="0.8", label="random against random"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def score_map(tests: Sequence[ConceptTest]) -> Figure:
    """Concept x class: each cell the TCAV score minus the random mean, as a colour, with the score and its stars written.

    Cells without significance are hatched and their numbers grey; an empty cell was not tested.

    Raises
    ------
    ValueError
        If the tests belong to several layers, or one concept and class was tested twice.
    """
    concepts, classes, layers = (_names(tests, kind) for kind in ("concept", "class_name", "layer"))
    cells = {(test.concept, test.class_name): test for test in tests}
    if len(layers) > 1 or len(cells) < len(tests):
        raise ValueError(
            f"A map shows one test for each concept and class, at one layer; got layers {', '.join(layers)}."
        )
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


def score_over_depth(tests: Sequence[ConceptTest]) -> Figure:
    """The TCAV score from layer to layer: one panel for every class, one line for every concept.

    Filled markers are significant, open ones are not. Bars are standard deviations over the runs; the grey band is the
    random mean plus and minus the random standard deviation. The layers stand in the order of the tests.

    Raises
    ------
    ValueError
        If there are no tests, or one concept, class and layer was tested twice.
    """
    concepts, classes, layers = (_names(tests, kind) for kind in ("concept", "class_name", "layer"))
    cells = {(test.concept, test.class_name, test.layer): test for test in tests}
    if len(cells) < len(tests):
        raise ValueError(
            f"One test for each concept, class and layer can be shown; got {len(tests) - len(cells)} more than that."
        )
    columns = min(len(classes), 3)
    width = 1.0 + columns * max(2.3, 0.6 * len(layers) + 0.6)
    figure, axes = _panels(len(classes), columns, width, height=2.9, below=0.5)
    for axis, name in zip(axes, classes, strict=True):
        for number, concept in enumerate(concepts):
            known = [
                (k, cells[concept, name, layer]) for k, layer in enumerate(layers) if (concept, name, layer) in cells
            ]
            if known:
                _line(axis, number, concept, known, shift=0.06 * (number - (len(concepts) - 1) / 2))
        _random_band(axis, {layers.index(test.layer): test for test in tests if test.class_name == name})
        axis.axhline(0.5, color="0.5", lw=0.8, ls=":")
        axis.set_xticks(range(len(layers)), layers, rotation=45, ha="right", fontsize=8)
        axis.set(title=name, ylim=(-0.05, 1.05), xlabel="layer")
    handles = {label: h for axis in axes for h, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)), fontsize=8)
    return figure


def score_against_loss(
    tests: Mapping[float, ConceptTest], accuracy_lost: Mapping[float, float], logit_lost: Mapping[float, float]
) -> Figure:
    """Signs, sizes and effects of the tag in networks that were trained with it more or less often.

    Parameters
    ----------
    tests : for every network the test of the tag as a concept; the key is the share of the class that carried it
    accuracy_lost, logit_lost : with the same keys, what the class loses when the tag is taken off

    Three panels over the share: the TCAV score with the random band and the stars; the mean directional derivative and
    the logit that is lost; the accuracy that is lost. Shares are given from 0 to 1.

    Raises
    ------
    ValueError
        If the three do not have the same keys.
    """
    if not tests or not set(tests) == set(accuracy_lost) == set(logit_lost):
        raise ValueError(
            f"Give the same networks three times; got {list(tests)}, {list(accuracy_lost)} and {list(logit_lost)}."
        )
    shares = sorted(tests)
    chosen = [tests[share] for share in shares]
    figure, (signs, sizes, effect) = plt.subplots(1, 3, figsize=(8, 2.9))
    means, spread = (np.array([getattr(t, f"random_{name}") for t in chosen]) for name in ("mean", "deviation"))
    signs.fill_between(shares, means - spread, means + spread, color="0.85", label="random ± deviation")
    signs.errorbar(
        shares, [t.mean for t in chosen], [t.deviation for t in chosen], color=COLOURS["green"], marker="o", capsize=3
    )
    for share, test in zip(shares, chosen, strict=True):
        signs.annotate(test.stars, (share, test.mean), (0, 7), textcoords="offset points", ha="center", fontsize=8)
    signs.set(ylabel="TCAV score", ylim=(-0.1, 1.25))
    signs.legend(loc="lower right", fontsize=7)
    sizes.plot(shares, [t.mean_derivative for t in chosen], color=COLOURS["green"], marker="o", label="mean S")
    sizes.plot(
        shares, [logit_lost[s] for s in shares], color=COLOURS["orange"], marker="s", ls="--", label="logit lost"
    )
    sizes.axhline(0, color="0.5", lw=0.8)
    sizes.set(ylabel="logit")
    sizes.legend(loc="upper left", fontsize=7)
    effect.plot(shares, [100 * accuracy_lost[s] for s in shares], color=COLOURS["orange"], marker="s", ls="--")
    effect.axhline(0, color="0.5", lw=0.8)
    effect.set(ylabel="accuracy lost, per cent points", ylim=(-20, 105))
    for axis, title in zip(figure.axes, ("signs", "sizes", "effect of removing it"), strict=True):
        axis.set(title=title, xlabel="share with the tag", xticks=shares)
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
        color=COLOURS["green"] if found else "white",
        edgecolor=COLOURS["green"] if found else "0.5",
        hatch=None if found else "////",
        zorder=2,
    )
    spread = 0 if np.isnan(test.random_deviation) else test.random_deviation
    low, high = np.clip([test.random_mean - spread, test.random_mean + spread], 0, 1)
    axis.add_patch(Rectangle((place - 0.45, low), 0.9, high - low, color="0.8", zorder=1))
    axis.plot([place - 0.45, place + 0.45], [test.random_mean] * 2, color="0.35", lw=1.2, zorder=3)
    top = min(1.0, test.mean + test.deviation) + 0.02
    axis.text(place, max(top, high + 0.02), test.stars, ha="center", va="bottom", fontsize=8, zorder=4)


def _line(axis, number: int, concept: str, known: list[tuple[int, ConceptTest]], shift: float) -> None:
    colour = NEUTRAL[number % len(NEUTRAL)]
    marker = MARKERS[number % len(MARKERS)]
    places = np.array([place for place, _ in known]) + shift
    means, deviations = [test.mean for _, test in known], [test.deviation for _, test in known]
    axis.errorbar(places, means, deviations, color=colour, lw=1.4, elinewidth=0.8, capsize=2, zorder=2)
    axis.plot([], [], color=colour, marker=marker, lw=1.4, label=concept)
    for place, (_, test) in zip(places, known, strict=True):
        face = colour if test.significant else "white"
        axis.plot(place, test.mean, color=colour, marker=marker, ms=6, mfc=face, ls="none", zorder=3)


def _random_band(axis, tests: dict[int, ConceptTest]) -> None:
    """The random scores by the place of their layer; they are the same for all concepts."""
    places = sorted(tests)
    means = np.array([tests[place].random_mean for place in places])
    spread = np.nan_to_num([tests[place].random_deviation for place in places])
    band = np.clip([means - spread, means + spread], 0, 1)
    axis.fill_between(places, *band, color="0.85", zorder=0, label="random against random")


def _panels(count: int, columns: int, width: float, height: float, below: float) -> tuple[Figure, np.ndarray]:
    """A figure and ``count`` axes for TCAV scores in rows ``height`` inches high, with room ``below`` for a legend."""
    rows = -(-count // columns)
    size = min(LARGEST_WIDTH, width), height * rows + below
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, sharey=True)
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel("TCAV score")
    return figure, axes.flat[:count]


def _names(tests: Sequence[ConceptTest], kind: str) -> list[str]:
    """The different concepts, classes or layers of the tests, in their order."""
    if not len(tests):
        raise ValueError("There are no tests to show.")
    return list(dict.fromkeys(getattr(test, kind) for test in tests))
