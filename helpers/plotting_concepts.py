"""Figures of a concept activation vector: where it stands among the activations, and how it sorts pictures."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.plotting import COLOURS, LARGEST_WIDTH
from helpers.tcav_vectors import ConceptVector


def concept_vector_in_two_dimensions(
    concept: np.ndarray,
    others: np.ndarray,
    vector: ConceptVector,
    names: tuple[str, str] = ("concept", "random"),
    features: tuple[str, str] = ("activation 1", "activation 2"),
    logit: Callable[[np.ndarray], np.ndarray] | None = None,
    arrows_at: np.ndarray | None = None,
) -> Figure:
    """What a CAV is: activations (n, 2) and (m, 2), the line that divides them, and the vector across it.

    Parameters
    ----------
    names, features : of the two sets, and of the axes
    logit : maps activations (k, 2) to a class's logit (k,); drawn as level lines
    arrows_at : (k, 2), where to draw the gradient of the logit, by central differences and at one length: it shows
        whether the logit rises (blue) or falls (red) towards the concept

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
    _arrow(axis, foot, 0.5 * reach * normal, "black", width=0.008)
    axis.annotate("CAV", foot + 0.56 * reach * normal, ha="center", va="center", fontweight="bold", zorder=5)
    if logit is not None:
        grid = np.stack(np.meshgrid(*(np.linspace(c - reach, c + reach, 80) for c in centre)), axis=-1)
        levels = np.asarray(logit(grid.reshape(-1, 2))).reshape(80, 80)
        lines = axis.contour(
            grid[..., 0],
            grid[..., 1],
            levels,
            levels=8,
            colors=COLOURS["green"],
            linestyles="solid",
            linewidths=0.8,
            zorder=1,
        )
        axis.clabel(lines, fontsize=7, fmt="%.3g")
        axis.plot([], [], color=COLOURS["green"], lw=0.8, label="level lines of the logit")
        if arrows_at is not None:
            axis.plot([], [], color=COLOURS["blue"], lw=2, label="its gradient, towards the concept")
            axis.plot([], [], color=COLOURS["vermilion"], lw=2, label="its gradient, away from it")
        for point in np.empty((0, 2)) if arrows_at is None else np.asarray(arrows_at, float):
            steps = 1e-3 * reach * np.eye(2)
            slope = np.array([float(logit((point + s)[None])[0]) - float(logit((point - s)[None])[0]) for s in steps])
            if (length := np.linalg.norm(slope)) > 0:
                colour = COLOURS["blue"] if slope @ normal > 0 else COLOURS["vermilion"]
                _arrow(axis, point, 0.3 * reach * slope / length, colour, width=0.006)
    axis.set(
        xlim=(centre[0] - reach, centre[0] + reach),
        ylim=(centre[1] - reach, centre[1] + reach),
        xlabel=features[0],
        ylabel=features[1],
        aspect="equal",
    )
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _arrow(axis, start, step, colour: str, width: float) -> None:
    axis.quiver(*start, *step, angles="xy", scale_units="xy", scale=1, color=colour, width=width, zorder=4)


def most_and_least(pictures: np.ndarray, values: np.ndarray, concept: str, count: int = 6) -> Figure:
    """The pictures (n, H, W, 3) that lie furthest along a CAV, and least far, with their projections (n,).

    ``values`` are those of :func:`helpers.tcav_vectors.projections`; a picture is shown once, so that few pictures make
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
