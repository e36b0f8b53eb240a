"""What every figure of the course shares: colours, limits and alt text.

One place chooses the colour maps. Unsigned maps use ``SEQUENTIAL``; signed maps use ``DIVERGING`` with limits that are
symmetric about zero, so that white means "no contribution" in every picture. Lines and bars take their colours from
``COLOURS``, the eight of Okabe and Ito (2008), which people with colour-vision deficiency can tell apart.
"""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats
from IPython.display import display
from matplotlib.figure import Figure

from helpers.course.alt_texts import ALT_TEXTS

SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
    "black": "#000000",
}
# of lines and dots beside maps, where red and blue speak for and against a class
NEUTRAL = (*(COLOURS[name] for name in ("orange", "green", "purple")), "0.45", "#8c510a", "black", COLOURS["yellow"])
MARKERS = "os^DvPX"  # of curves, so that colour alone need not tell them apart
LARGEST_WIDTH = 8.0  # inches: fits a notebook column without scrolling


def use_course_style() -> None:
    """Set Matplotlib's defaults for the course. Each notebook calls this once, at its top.

    What a matplotlibrc of one's own says (LaTeX for all text, dark axes) is set back first: figures then look alike
    everywhere, and need no LaTeX. They are shown as pictures also where ``MPLBACKEND`` names a backend without notebook.
    """
    plt.rcdefaults()
    shell = get_ipython()
    if shell is not None and Figure not in shell.display_formatter.formatters["image/png"].type_printers:
        select_figure_formats(shell, {"png"})
    plt.rcParams.update(
        {
            "figure.dpi": 90,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.prop_cycle": plt.cycler(color=list(COLOURS.values())),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "image.cmap": SEQUENTIAL,
            "image.interpolation": "nearest",
            "legend.frameon": False,
        }
    )


def show(figure: Figure, alt: str) -> None:
    """Display a figure in the notebook with a description for those who do not see it, then close it.

    ``alt`` is the figure's name in :mod:`helpers.course.alt_texts`, or says in a full sentence what is to be seen. The
    figure goes out as HTML, since JupyterLab gives its own element for pictures no alt text, whatever the metadata say.

    Raises
    ------
    ValueError
        If the description is too short to describe anything, or the figure wider than 8 inches.
    """
    display({"text/html": figure_as_html(figure, alt), "text/plain": described(alt)}, raw=True)


def figure_as_html(figure: Figure, alt: str) -> str:
    """What :func:`show` displays, as text; the figure is closed."""
    description = described(alt)
    if figure.get_figwidth() > LARGEST_WIDTH:
        raise ValueError(
            f"The figure is {figure.get_figwidth():g} inches wide; make it at most {LARGEST_WIDTH:g}, "
            "so that it fits the notebook's column."
        )
    png = io.BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight")
    plt.close(figure)
    return as_html(base64.b64encode(png.getvalue()).decode(), description)


def described(alt: str, **values) -> str:
    """The description that is stored under this name, or the text itself; ``{word}`` becomes a value of that name.

    Raises
    ------
    ValueError
        If it is neither a stored name nor a sentence.
    """
    text = ALT_TEXTS.get(alt, alt)
    if len(text.split()) < 4:
        raise ValueError(
            f"Describe the figure in a sentence, or give the name of a stored description; got alt={alt!r}. They stand "
            "in helpers/course/alt_texts.py."
        )
    return text.format(**values) if values else text


def as_html(png: str, alt: str) -> str:
    """A picture, PNG in base64, as an element of HTML that carries its alt text."""
    return f'<img class="course-figure" alt="{html.escape(alt)}" src="data:image/png;base64,{png}">'


def symmetric_limit(*maps: np.ndarray) -> float:
    """The largest absolute value in the maps: colour limits are minus this to plus this. 1 where all is zero."""
    largest = max(float(np.max(np.abs(values))) for values in maps)
    return largest if largest > 0 else 1.0
