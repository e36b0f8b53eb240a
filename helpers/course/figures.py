"""What every figure of the course shares: colours, limits and alt text.

One place chooses the colour maps. Unsigned maps use ``SEQUENTIAL``; signed maps use ``DIVERGING`` with limits that are
symmetric about zero, so that white means "no contribution" in every picture. Lines and bars take their colours from
``COLOURS``, the eight of Okabe and Ito (2008), which people with colour-vision deficiency can tell apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

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
MARKERS = "os^DvPX"  # of curves, so that colour alone need not tell them apart
LARGEST_WIDTH = 8.0  # inches: fits a notebook column without scrolling


def use_course_style() -> None:
    """Set Matplotlib's defaults for the course. Each notebook calls this once, at its top."""
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

    ``alt`` says in a full sentence what is to be seen; it is stored in the output's metadata, where screen readers and
    the exported pages find it.

    Raises
    ------
    ValueError
        If the description is too short to describe anything, or the figure wider than 8 inches.
    """
    if len(alt.split()) < 4:
        raise ValueError(f"Describe the figure in a sentence; got alt={alt!r}.")
    if figure.get_figwidth() > LARGEST_WIDTH:
        raise ValueError(
            f"The figure is {figure.get_figwidth():g} inches wide; make it at most {LARGEST_WIDTH:g}, "
            "so that it fits the notebook's column."
        )
    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def symmetric_limit(*maps: np.ndarray) -> float:
    """The largest absolute value in the maps: colour limits are minus this to plus this. 1 where all is zero."""
    largest = max(float(np.max(np.abs(values))) for values in maps)
    return largest if largest > 0 else 1.0
