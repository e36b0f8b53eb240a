"""Figures of explained questions: the scene, the relevance of its pixels, the words on their colours, and the scores.

A function that draws returns a Matplotlib figure; ``helpers.course.figures.show`` displays it with its alt text, which
the function of the same name with ``_alt`` says. Red speaks for the answer that is explained and blue against it.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.course.figures import COLOURS, DIVERGING, LARGEST_WIDTH, symmetric_limit
from helpers.questions.asked import BASELINES, part_of
from helpers.questions.explained import ExplainedQuestion
from helpers.questions.language import TYPES
from helpers.questions.scenes import SIDE, middles
from helpers.sanity.figures import dot_chart
from helpers.sanity.tables import Table
from helpers.words.figures import draw_words, words_height

COLUMNS = 3  # pictures in a row
_CLIPPED = 0.997  # a few pixels have far more than all others: with the largest as limit a map would look empty
_PANEL, _GAP, _TITLE, _BAR, _PLAIN = 2.35, 0.2, 0.36, 0.62, 0.55  # inches; the last: a question without scores


def explained_scene(
    explained: ExplainedQuestion | Sequence[ExplainedQuestion],
    titles: Sequence[str] | None = None,
    one_scale: bool = True,
) -> Figure:
    """A scene, beside it the relevance of its pixels, and below the words of the question on their colours.

    Parameters
    ----------
    explained
        One question, or several about the same scene, or one explained by several methods.
    titles
        What stands over each map; by default the answer that is explained, and the method.
    one_scale
        All maps share the limits of the largest; False gives each its own, for methods with different units.

    Things that are needed for the answer are outlined in black, dashed those that the question only names on the way to
    them, the others thinly in grey. The limit of the colours is what three in a thousand pixels exceed.

    Raises
    ------
    ValueError
        If there is nothing to show, or not as many titles, or the scenes are not the same.
    """
    every = [explained] if isinstance(explained, ExplainedQuestion) else list(explained)
    if not every or any(not np.array_equal(one.scene.picture, every[0].scene.picture) for one in every):
        raise ValueError(f"Show at least one question, all about the same scene; got {len(every)}.")
    titles = [f'"{one.explained}" by {one.method}' for one in every] if titles is None else list(titles)
    if len(titles) != len(every):
        raise ValueError(f"{len(every)} maps need as many titles; got {len(titles)}.")
    columns, rows = min(COLUMNS, 1 + len(every)), -(-(1 + len(every)) // COLUMNS)
    talls = [_PLAIN if one.words is None else words_height(one.asked.question.words) for one in every]
    top = rows * (_PANEL + _TITLE) + _BAR
    figure, page = _page(top + sum(talls))
    limits = [symmetric_limit(np.quantile(np.abs(one.pixels), _CLIPPED)) for one in every]
    limits = [max(limits)] * len(every) if one_scale else limits
    left = (LARGEST_WIDTH - columns * _PANEL - (columns - 1) * _GAP) / 2
    for place in range(1 + len(every)):
        row, column = divmod(place, COLUMNS)
        corner = left + column * (_PANEL + _GAP), _TITLE + row * (_PANEL + _TITLE)
        axis = figure.add_axes(_inches(figure, *corner, _PANEL, _PANEL), xticks=[], yticks=[])
        axis.spines[:].set(visible=True, color="0.6", linewidth=0.8)
        if place == 0:
            axis.imshow(every[0].scene.picture)
            axis.set_title("scene", fontsize=9)
            continue
        one, limit = every[place - 1], limits[place - 1]
        image = axis.imshow(one.pixels, cmap=DIVERGING, vmin=-limit, vmax=limit)
        _outline(axis, one)
        axis.set_title(titles[place - 1], fontsize=9)
    _colour_bar(figure, image, rows * (_PANEL + _TITLE) + 0.08, one_scale or len(every) == 1)
    for one, tall in zip(every, talls, strict=True):
        _write(page, one, top)
        top += tall
    return figure


def answer_line(explained: ExplainedQuestion) -> str:
    """What the network answers, how sure it is and whether that is right, in one line."""
    line = f"{explained.answer}, {explained.probability:.0%}"
    line += ", right" if explained.is_right else f", wrong: {explained.asked.answer}"
    return line if explained.explained == explained.answer else f"{line}; explained: {explained.explained}"


def explained_scene_alt(explained: ExplainedQuestion | Sequence[ExplainedQuestion]) -> str:
    """What :func:`explained_scene` shows, in words and numbers."""
    every = [explained] if isinstance(explained, ExplainedQuestion) else list(explained)
    scene = every[0].scene
    places = [
        f"{scene.name(n)} {('left', 'middle', 'right')[int(3 * x / SIDE)]} {('top', 'centre', 'bottom')[int(3 * y / SIDE)]}"
        for n, (x, y) in enumerate(middles(scene.boxes))
    ]
    told = []
    for one in every:
        text = f"{one.asked.question.text} Answer: {answer_line(one)}. By {one.method}, "
        if one.asked.needed and not np.isnan(one.on_needed):
            names = " and ".join(f"the {scene.name(n)}" for n in one.asked.needed)
            text += f"{one.on_needed:.0%} of the positive relevance lies on what is needed, {names}"
        else:
            text += "relevance in red and blue, no thing being needed for the answer"
        if one.words is not None:
            scores = zip(one.asked.question.words, one.words, strict=True)
            text += f"; words {', '.join(f'{word} {score:+.2f}' for word, score in scores)}"
        told.append(text)
    return f"Scene with {', '.join(f'a {place}' for place in places)}. {'. '.join(told)}."


def score_chart(table: Table, score: str = "mass on needed") -> Figure:
    """One score of every method for all types of questions, with chance, from ``stored_question_table()``.

    The baselines are open squares: a random map, and a map that is on any thing alike.
    """
    part = part_of(table, score=score)
    figure = dot_chart(part, [kind for kind in TYPES if kind in part.columns], sort="all", baselines=BASELINES)
    for axis in figure.axes:
        axis.set(xlabel="", xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    figure.suptitle(f"{score}: mean and standard error", fontsize=10)
    return figure


def score_chart_alt(table: Table, score: str = "mass on needed") -> str:
    """What :func:`score_chart` shows, in words and numbers."""
    part = part_of(table, score=score)
    told = []
    for method in part.ranked("all"):
        means = {kind: part.column(kind)[method][0] for kind in TYPES if kind in part.columns}
        told.append(f"{method} {', '.join(f'{kind} {mean:.2f}' for kind, mean in means.items())}")
    chance = ", ".join(f"{kind} {part.chance[kind]:.2f}" for kind in TYPES if kind in part.chance)
    return f"Dots for every method and type of question, {score}. {'; '.join(told)}; by chance {chance}."


def _page(height: float) -> tuple[Figure, plt.Axes]:
    """A figure of full width, and axes in inches over all of it, with y downwards."""
    figure = plt.figure(figsize=(LARGEST_WIDTH, height), layout="none")
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, LARGEST_WIDTH), ylim=(height, 0))
    page.set_axis_off()
    return figure, page


def _inches(figure: Figure, left: float, top: float, width: float, height: float) -> tuple[float, ...]:
    """A box, measured in inches from the upper left corner, as shares of the figure."""
    across, down = figure.get_size_inches()
    return left / across, 1 - (top + height) / down, width / across, height / down


def _outline(axis, explained: ExplainedQuestion) -> None:
    for number, mask in enumerate(explained.scene.masks):
        needed, visited = number in explained.asked.needed, number in explained.asked.visited
        colour, width = (COLOURS["black"], 1.2) if visited else ("0.6", 0.7)
        axis.contour(
            mask, levels=[0.5], colors=[colour], linewidths=width, linestyles="--" if visited and not needed else "-"
        )


def _colour_bar(figure: Figure, image, top: float, one_scale: bool) -> None:
    bar = figure.add_axes(_inches(figure, 2.4, top, 3.2, 0.1))
    figure.colorbar(image, cax=bar, orientation="horizontal", extend="both")
    limit = image.get_clim()[1]
    bar.set_xticks([-limit, 0, limit], [f"{-limit:.2g}", "0", f"{limit:.2g}"] if one_scale else ["low", "0", "high"])
    bar.tick_params(labelsize=8)
    label = "relevance of a pixel; outlined in black: needed, dashed: only named on the way, grey: the rest"
    bar.set_xlabel(label, fontsize=8)


def _write(page, explained: ExplainedQuestion, top: float) -> None:
    """The question's words with their scores below its answer; without scores the question as it is."""
    heading = f"{explained.method}: {answer_line(explained)}"
    if explained.words is None:
        text = f"{heading} (no scores of words)\n{explained.asked.question.text}"
        page.text(0.15, top + 0.05, text, fontsize=10, va="top", linespacing=1.4)
    else:
        draw_words(page, explained.asked.question.words, explained.words, heading, top)
