"""Figures of explained sentences: words on their colours, and the two tests of word scores.

Every function returns a Matplotlib figure; ``helpers.course.figures.show`` displays it with its alt text. Red words
speak for a positive sentence and blue ones against it, in all figures.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers.course.figures import COLOURS, DIVERGING, LARGEST_WIDTH, symmetric_limit
from helpers.words.checks import DeletionCurves, ValenceComparison
from helpers.words.scores import ExplainedSentence

_LETTER, _GAP, _LEAST = 0.092, 0.07, 0.42  # inches: a letter, the space between words, the narrowest box
_LINE, _BOX, _HEAD = 0.56, 0.27, 0.26  # inches: a line with its numbers, the box of a word, the heading of a sentence
_MARGIN, _BAR = 0.15, 0.7  # inches: left and right, and the colour bar below


def words_in_colour(
    sentences: ExplainedSentence | Sequence[ExplainedSentence], titles: Sequence[str] | None = None
) -> Figure:
    """Sentences word by word, each word on the colour of its score with the number under it.

    Colours run symmetrically from minus to plus the largest |score| of the sentence. Words that the network does not
    know stand in italics in a dashed frame. Above each sentence stand its title (the method, if left out) and its
    logit.
    """
    sentences = [sentences] if isinstance(sentences, ExplainedSentence) else list(sentences)
    if not sentences:
        raise ValueError("There is no sentence to show.")
    titles = [sentence.method for sentence in sentences] if titles is None else list(titles)
    if len(titles) != len(sentences):
        raise ValueError(f"{len(sentences)} sentences need as many titles; got {len(titles)}.")
    heights = [words_height(sentence.words) for sentence in sentences]
    height = sum(heights) + _BAR + 0.1
    figure = plt.figure(figsize=(LARGEST_WIDTH, height), layout="none")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, LARGEST_WIDTH), ylim=(height, 0))
    axis.set_axis_off()
    top = 0.05
    for sentence, title, tall in zip(sentences, titles, heights, strict=True):
        heading = f"{title}   (logit {sentence.logit:+.2f})"
        draw_words(axis, sentence.words, sentence.scores, heading, top, sentence.known)
        top += tall
    _colour_bar(figure, height, any(not sentence.known.all() for sentence in sentences))
    return figure


def valence_bars(comparisons: Mapping[str, ValenceComparison]) -> Figure:
    """Rank correlations and sign agreement of each method with word valences; grey: 95 % of what chance gives."""
    parts = {
        "rank correlation": ("correlation", "chance_correlation"),
        "share of equal signs (balanced)": ("agreement", "chance_agreement"),
        "rank correlation of sizes": ("sizes", "chance_sizes"),
    }
    places = np.arange(len(comparisons))
    figure, axes = plt.subplots(
        1, 3, figsize=(LARGEST_WIDTH, 0.9 + 0.35 * len(comparisons)), sharey=True, layout="constrained"
    )
    for axis, (label, (name, chance)) in zip(axes, parts.items(), strict=True):
        axis.barh(places, [getattr(found, name) for found in comparisons.values()], color=COLOURS["sky"], height=0.5)
        for place, found in zip(places, comparisons.values(), strict=True):
            low, high = np.quantile(getattr(found, chance), (0.025, 0.975))
            # as a line with a least width, for the band of chance may be too narrow to be seen
            axis.plot([low, high], [place, place], color="0.35", lw=5, solid_capstyle="butt", label="chance, 95 %")
        axis.axvline(0, color=COLOURS["black"], lw=0.8)
        axis.set_xlabel(label)
    axes[0].set_yticks(places, comparisons)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[:1], labels[:1], loc="outside upper right", fontsize=9)
    return figure


def deletion_figure(curves: DeletionCurves) -> Figure:
    """Share of right verdicts against the number of deleted words, a line for each method."""
    figure, axes = plt.subplots(1, 2, figsize=(LARGEST_WIDTH, 3.2), sharex=True, layout="constrained")
    styles = dict(zip(curves.right, ["o-", "s-", "^-", "D-", "v-", "P-", "X-"], strict=False))
    colours = dict(zip(curves.right, COLOURS.values(), strict=False))
    panels = (
        ("first right: most relevant deleted first", curves.right, curves.counts[0]),
        ("first wrong: least relevant deleted first", curves.wrong, curves.counts[1]),
    )
    for axis, (title, lines, count) in zip(axes, panels, strict=True):
        for name, shares in lines.items():
            chance = name == "random order"
            style = "--" if chance else styles.get(name, "-")
            axis.plot(
                curves.deleted, shares, style, color="0.3" if chance else colours.get(name), ms=4, lw=1.5, label=name
            )
        axis.set(xlabel="deleted words", ylim=(-0.03, 1.03), title=f"{title}\n({count} sentences)")
        axis.title.set_fontsize(9)
    axes[0].set_ylabel("share of right verdicts")
    axes[0].legend(fontsize=8, loc="lower left")
    return figure


def _layout(words: Sequence[str]) -> list[tuple[float, int, float]]:
    """Left edge, line and width of each word's box, in inches; words go to the next line where the figure ends."""
    boxes, left, line = [], _MARGIN, 0
    for word in words:
        width = min(max(_LEAST, _LETTER * len(word) + 0.12), LARGEST_WIDTH - 2 * _MARGIN)
        if left > _MARGIN and left + width > LARGEST_WIDTH - _MARGIN:
            left, line = _MARGIN, line + 1
        boxes.append((left, line, width))
        left += width + _GAP
    return boxes


def words_height(words: Sequence[str]) -> float:
    """Inches that :func:`draw_words` needs."""
    return _HEAD + _LINE * (1 + max(line for _, line, _ in _layout(words)))


def draw_words(axis, words: Sequence[str], scores, title: str, top: float, known=None) -> None:
    """Words below a title, each on the colour of its score with the number under it.

    ``axis`` is in inches and as wide as the figure, with y downwards from its upper edge; ``top`` is where to begin.
    Colours run from minus to plus the largest |score|. Words not ``known`` stand in italics in a dashed frame.
    """
    limit, colours = symmetric_limit(scores), plt.get_cmap(DIVERGING)
    known = [True] * len(words) if known is None else known
    axis.text(_MARGIN, top + 0.12, title, fontsize=10, va="center")
    for word, is_known, score, (left, line, width) in zip(words, known, scores, _layout(words), strict=True):
        colour = colours(0.5 + 0.5 * score / limit)
        y = top + _HEAD + line * _LINE
        edge = {"edgecolor": "0.75", "lw": 0.6} if is_known else {"edgecolor": "0.2", "lw": 1.0, "ls": "--"}
        axis.add_patch(Rectangle((left, y), width, _BOX, facecolor=colour, **edge))
        # a long word is set smaller rather than drawn beyond its box
        size = 10 * min(1.0, (width - 0.04) / (_LETTER * len(word)))
        light = np.dot(colour[:3], (0.2126, 0.7152, 0.0722)) > 0.45
        axis.text(
            left + width / 2,
            y + _BOX / 2,
            word.replace("$", r"\$"),
            fontsize=size,
            ha="center",
            va="center_baseline",
            color="black" if light else "white",
            style="normal" if is_known else "italic",
        )
        axis.text(left + width / 2, y + _BOX + 0.1, f"{score:+.2f}", fontsize=7.5, ha="center", va="center")


def _colour_bar(figure: Figure, height: float, unknown: bool) -> None:
    bar = figure.add_axes((0.02, 0.45 / height, 0.42, 0.1 / height))
    figure.colorbar(
        ScalarMappable(Normalize(-1, 1), DIVERGING), cax=bar, orientation="horizontal", ticks=[-1, -0.5, 0, 0.5, 1]
    )
    bar.tick_params(labelsize=8)
    bar.set_xlabel("score / largest |score| of the sentence", fontsize=8)
    if unknown:
        figure.text(0.5, 0.5 / height, "dashed, italic: unknown to the network", fontsize=8, va="center")
