"""Figures of the photograph notebooks: numbers in a grid, filters, feature maps, maps on photographs, the network itself.

Every function returns a Matplotlib figure; ``helpers.course.figures.show`` displays it with its alt text.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from helpers.course.backend import keras
from helpers.course.figures import COLOURS, DIVERGING, LARGEST_WIDTH, SEQUENTIAL, symmetric_limit
from helpers.photos.images import grey_values
from helpers.vgg16.cam import enlarge
from helpers.vgg16.occlusion import HiddenSquares

COLOUR_BAR = {"fraction": 0.03, "aspect": 25, "shrink": 0.75}


def overlay(picture: np.ndarray, values: np.ndarray, signed: bool = False, limit: float | None = None) -> np.ndarray:
    """A map laid over its photograph, RGB (height, width, 3) from 0 to 1.

    The photograph is shown in grey. The map is enlarged to its size and divided by ``limit``, or by its largest absolute
    value; the more a pixel has, the less of the photograph shines through.
    """
    grey = np.repeat(grey_values(picture)[..., np.newaxis], 3, axis=-1)
    enlarged = enlarge(np.asarray(values)[np.newaxis], picture.shape[:2])[0]
    scaled = np.clip(enlarged / (limit or symmetric_limit(enlarged)), -1, 1)
    colours = plt.get_cmap(DIVERGING if signed else SEQUENTIAL)((scaled + 1) / 2 if signed else scaled)[..., :3]
    opacity = 0.75 * np.abs(scaled)[..., np.newaxis] ** 0.7
    return (1 - opacity) * (0.25 + 0.75 * grey) + opacity * colours


def _grid(count: int, columns: int, height: float = 1.15, width: float = LARGEST_WIDTH) -> tuple[Figure, list]:
    """Axes without ticks for ``count`` pictures; ``height`` is that of a cell in units of its width."""
    columns = min(columns, count)
    rows = -(-count // columns)
    cell = min(width / columns, 2.8)
    figure, axes = plt.subplots(rows, columns, figsize=(cell * columns, cell * height * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, list(axes.flat)[:count]


def photographs(pictures, titles, columns: int = 4) -> Figure:
    """Photographs side by side under their titles."""
    figure, axes = _grid(len(pictures), columns)
    for axis, picture, title in zip(axes, pictures, titles, strict=True):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=255 if np.asarray(picture).dtype == np.uint8 else None)
        axis.set_title(title, fontsize=9)
    return figure


def maps_on_photographs(
    pictures, maps, titles, signed: bool = False, columns: int = 4, outlines=None, unit: str | None = None
) -> Figure:
    """Maps over their photographs, with one colour bar for all.

    Parameters
    ----------
    pictures
        One photograph for each map; None in ``maps`` shows the photograph alone.
    outlines
        For each map a mask (height, width) whose border is drawn, or None.
    unit
        What the maps' values are, such as "Grad-CAM": then they share one scale, and pale is little. Without it each is
        scaled by its own largest value, and only places within one map compare.
    """
    figure, axes = _grid(len(maps), columns)
    limit = symmetric_limit(*(values for values in maps if values is not None)) if unit else None
    outlines = [None] * len(maps) if outlines is None else outlines
    for axis, picture, values, title, mask in zip(axes, pictures, maps, titles, outlines, strict=True):
        if values is None:
            axis.imshow(picture)
        else:
            axis.imshow(overlay(picture, values, signed, limit))
            if not np.any(values):
                title += "\n(zero everywhere)"
        if mask is not None:
            axis.contour(mask, levels=[0.5], colors="white", linewidths=1.2)
        axis.set_title(title, fontsize=9)
    highest = limit or 1
    figure.colorbar(
        plt.cm.ScalarMappable(plt.Normalize(-highest if signed else 0, highest), DIVERGING if signed else SEQUENTIAL),
        ax=axes,
        label=unit or "share of the map's largest value",
        fraction=0.03,
        aspect=30,
    )
    return figure


def convolution_step(picture: np.ndarray, kernel: np.ndarray, step: int) -> Figure:
    """A filter on its way over a small picture of zeros and ones: where it lies, what it meets there, the result so far.

    ``step`` counts the places from 1 on, row by row.
    """
    side = len(kernel)
    places = [(y, x) for y in range(len(picture) - side + 1) for x in range(picture.shape[1] - side + 1)]
    sums = [np.sum(picture[y : y + side, x : x + side] * kernel) for y, x in places]
    top, left = places[step - 1]
    met = picture[top : top + side, left : left + side] * kernel
    result = np.full((places[-1][0] + 1, places[-1][1] + 1), np.nan)
    result.flat[:step] = sums[:step]
    titles = ("picture", "filter", "product", f"sums, {step} of {len(places)}")
    arrays = (picture, kernel, met, result)
    figure, axes = plt.subplots(1, 4, figsize=(7.4, 2.2), width_ratios=[array.shape[1] for array in arrays])
    for axis, array, title in zip(axes, arrays, titles, strict=True):
        largest = max(sums) if array is result else 1
        axis.imshow(np.nan_to_num(array), cmap="gray_r", vmin=0, vmax=1.4 * largest)
        for (row, column), value in np.ndenumerate(array):
            colour = "white" if value > 0.6 * largest else "0.3"
            axis.text(column, row, "" if np.isnan(value) else f"{value:g}", ha="center", va="center", color=colour)
        axis.set(title=title, xticks=[], yticks=[])
        axis.title.set_fontsize(9)
        for spine in axis.spines.values():
            spine.set_visible(True)
    frame = {"fill": False, "edgecolor": COLOURS["vermilion"], "linewidth": 3}
    axes[0].add_patch(Rectangle((left - 0.5, top - 0.5), side, side, **frame))
    axes[3].add_patch(Rectangle((left - 0.5, top - 0.5), 1, 1, **frame))
    return figure


def _panels(picture, maps, titles, columns: int) -> tuple[Figure, list]:
    """Axes for the maps, their titles set, the photograph in front of them where there is one."""
    figure, axes = _grid(len(maps) + (picture is not None), columns)
    if picture is not None:
        axes[0].imshow(picture)
        axes[0].set_title("photograph", fontsize=9)
        axes = axes[1:]
    for axis, values, title in zip(axes, maps, titles, strict=True):
        axis.set_title(title if np.any(values) else f"{title}\n(zero everywhere)", fontsize=9)
    return figure, axes


def heat_maps(maps, titles, picture=None, columns: int = 3) -> Figure:
    """Unsigned maps (height, width) side by side, each scaled by the value that 99 % of it stay below.

    A few pixels of a gradient are far above all others; scaled by its maximum the map would look empty.
    """
    figure, axes = _panels(picture, maps, titles, columns)
    for axis, values in zip(axes, maps, strict=True):
        largest = float(np.percentile(values, 99)) or float(np.max(values)) or 1.0
        image = axis.imshow(values / largest, cmap=SEQUENTIAL, vmin=0, vmax=1)
    figure.colorbar(image, ax=figure.axes, label="share of the 99th percentile", extend="max", **COLOUR_BAR)
    return figure


def signed_maps(maps, titles, picture=None, columns: int = 4, label: str = "value") -> Figure:
    """Signed maps (height, width) side by side on one common symmetric scale."""
    figure, axes = _panels(picture, maps, titles, columns)
    limit = symmetric_limit(*maps)
    for axis, values in zip(axes, maps, strict=True):
        image = axis.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit)
    figure.colorbar(image, ax=figure.axes, label=label, **COLOUR_BAR)
    return figure


def top_classes(pictures, predictions) -> Figure:
    """Photographs, and beside each the most probable classes as bars.

    ``predictions`` holds for each picture a list of objects with ``label`` and ``probability``, the best first.
    """
    figure, axes = plt.subplots(
        len(pictures), 2, figsize=(6.5, 1.7 * len(pictures) + 0.4), width_ratios=[1, 2.2], squeeze=False
    )
    for (left, right), picture, best in zip(axes, pictures, predictions, strict=True):
        left.imshow(picture)
        left.set_axis_off()
        right.barh([p.label for p in best][::-1], [p.probability for p in best][::-1], color=COLOURS["blue"])
        for place, guess in enumerate(best[::-1]):
            right.text(guess.probability + 0.01, place, f"{guess.probability:.0%}", va="center", fontsize=8)
        right.set_xlim(0, 1.1)
    axes[-1, 1].set_xlabel("probability")
    return figure


def filter_grid(kernel: np.ndarray) -> Figure:
    """The filters of a first convolution (height, width, 3, filters) as small colour pictures.

    VGG16 reads blue first; the channels are turned round so that a reddish filter looks for red. Each filter is scaled
    by its own largest weight: middle grey is zero.
    """
    if kernel.ndim != 4 or kernel.shape[2] != 3:
        raise ValueError(f"Only a kernel on three colours can be shown in colour; got shape {kernel.shape}.")
    figure, axes = _grid(kernel.shape[-1], columns=16, height=1.0, width=7.0)
    for axis, weights in zip(axes, np.moveaxis(kernel[:, :, ::-1], -1, 0), strict=True):
        axis.imshow(0.5 + 0.5 * weights / symmetric_limit(weights))
    return figure


def feature_map_grid(maps: np.ndarray, layer: str, picture: np.ndarray, columns: int = 6) -> Figure:
    """A picture, and beside it two rows of its feature maps (height, width, channels): those most active on average.

    Each is scaled by its own largest activation, which stands above it.
    """
    height, width, channels = maps.shape
    figure = plt.figure(figsize=(LARGEST_WIDTH, 2.9))
    grid = figure.add_gridspec(2, columns + 2)
    beside = figure.add_subplot(grid[:, :2])
    beside.imshow(picture)
    beside.set_axis_off()
    axes = [figure.add_subplot(grid[row, column + 2]) for row in range(2) for column in range(columns)]
    for axis, channel in zip(axes, np.argsort(maps.mean(axis=(0, 1)))[::-1], strict=False):
        largest = float(maps[..., channel].max())
        image = axis.imshow(maps[..., channel] / (largest or 1.0), cmap=SEQUENTIAL, vmin=0, vmax=1)
        axis.set_axis_off()
        axis.set_title(
            f"{channel}: max {largest:,.0f}" if largest >= 10 else f"{channel}: max {largest:.2g}", fontsize=7
        )
    figure.colorbar(image, ax=axes, label="share of the channel's maximum", **COLOUR_BAR)
    figure.suptitle(f"{layer}: {channels} maps of {height} x {width} values", fontsize=10)
    return figure


def architecture(model: keras.Model) -> Figure:
    """The network as a row of blocks, read from the model: higher is more pixels, wider is more channels."""
    kinds = {  # class of the layer: name in the legend, colour
        "Conv2D": ("convolution 3x3 + relu", "blue"),
        "MaxPooling2D": ("maximum of 2x2", "vermilion"),
        "GlobalAveragePooling2D": ("mean over the map", "green"),
        "Flatten": ("one long vector", "green"),
        "Dense": ("dense layer", "orange"),
        "HalfPrecisionDense": ("dense layer", "orange"),
    }
    figure, axis = plt.subplots(figsize=(LARGEST_WIDTH, 3.4))
    across, legend = 0.0, {}
    for layer in model.layers:
        if type(layer).__name__ not in kinds:
            continue
        name, colour = kinds[type(layer).__name__]
        shape = layer.output.shape[1:]
        pixels = shape[0] if len(shape) == 3 else 1
        height, width = np.log2(pixels) + 0.6, 0.12 * np.log2(shape[-1]) - 0.3
        bar = FancyBboxPatch(
            (across, -height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.08", color=COLOURS[colour], lw=0
        )
        axis.add_patch(bar)
        legend.setdefault(name, bar)
        text = f"{pixels}x{pixels}x{shape[-1]}" if len(shape) == 3 else f"{shape[-1]}"
        axis.text(across + width / 2, -height / 2 - 0.25, text, rotation=90, ha="center", va="top", fontsize=7)
        axis.text(across + width / 2, height / 2 + 0.15, layer.name, rotation=90, ha="center", va="bottom", fontsize=7)
        across += width + 0.28
    axis.set(xlim=(-0.3, across), ylim=(-10.5, 9.4))
    axis.set_axis_off()
    axis.legend(legend.values(), legend.keys(), loc="lower center", ncols=4, fontsize=8)
    return figure


def closure_figure(picture, hidden: HiddenSquares, chosen: dict[str, int]) -> Figure:
    """Which square each map chooses, and how far the score falls there and everywhere else.

    ``chosen`` has the number of the square for each map's name, as ``closure_test`` gives it.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.9), width_ratios=[1, 1.7])
    left.imshow(picture)
    left.set_axis_off()
    right.hist(hidden.falls, bins=15, color="0.8", label="all squares")
    together = {}  # maps that choose one square share its line
    for name, square in chosen.items():
        together.setdefault(square, []).append(name)
    looks = zip(list(COLOURS.values()), ("-", "--", "-.", ":", (0, (5, 1, 1, 1))), strict=False)
    for (square, names), (colour, style) in zip(together.items(), looks, strict=False):
        top, edge = hidden.corners[square], {"edgecolor": colour, "linestyle": style, "linewidth": 2.5}
        left.add_patch(Rectangle(top[::-1], hidden.size, hidden.size, fill=False, **edge))
        right.axvline(hidden.falls[square], color=colour, linestyle=style, linewidth=2.5, label=", ".join(names))
    right.set(xlabel="fall of the logit when the square is hidden", ylabel="number of squares")
    right.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
