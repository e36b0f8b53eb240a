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

COLOUR_BAR = {"fraction": 0.03, "aspect": 25, "shrink": 0.75}


def overlay(picture: np.ndarray, values: np.ndarray, signed: bool = False) -> np.ndarray:
    """A map laid over its photograph, RGB (height, width, 3) from 0 to 1.

    The photograph is shown in grey. The map is enlarged to its size and scaled by its largest absolute value; the more
    a pixel has, the less of the photograph shines through.
    """
    grey = np.repeat(grey_values(picture)[..., np.newaxis], 3, axis=-1)
    enlarged = enlarge(np.asarray(values)[np.newaxis], picture.shape[:2])[0]
    scaled = enlarged / symmetric_limit(enlarged)
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


def maps_on_photographs(pictures, maps, titles, signed: bool = False, columns: int = 4, outlines=None) -> Figure:
    """Maps over their photographs, each scaled by its own largest value, with one colour bar for all.

    Parameters
    ----------
    pictures
        One photograph for each map; None in ``maps`` shows the photograph alone.
    outlines
        For each map a mask (height, width) whose border is drawn, or None.
    """
    figure, axes = _grid(len(maps), columns)
    outlines = [None] * len(maps) if outlines is None else outlines
    for axis, picture, values, title, mask in zip(axes, pictures, maps, titles, outlines, strict=True):
        if values is None:
            axis.imshow(picture)
        else:
            axis.imshow(overlay(picture, values, signed))
            if not np.any(values):
                title += "\n(zero everywhere)"
        if mask is not None:
            axis.contour(mask, levels=[0.5], colors="white", linewidths=1.2)
        axis.set_title(title, fontsize=9)
    limits = plt.Normalize(-1 if signed else 0, 1)
    figure.colorbar(
        plt.cm.ScalarMappable(limits, DIVERGING if signed else SEQUENTIAL),
        ax=axes,
        label="share of the largest value",
        fraction=0.03,
        aspect=30,
    )
    return figure


def number_grids(arrays, titles) -> Figure:
    """Small matrices of numbers from zero on, with the numbers written in: a convolution by hand."""
    figure, axes = plt.subplots(
        1, len(arrays), figsize=(6.5, 2.6), width_ratios=[len(a[0]) for a in arrays], squeeze=False
    )
    for axis, array, title in zip(axes[0], arrays, titles, strict=True):
        largest = np.max(array)
        axis.imshow(array, cmap="gray_r", vmin=0, vmax=1.4 * largest)
        for (row, column), value in np.ndenumerate(array):
            axis.text(
                column, row, f"{value:g}", ha="center", va="center", color="white" if value > 0.6 * largest else "0.3"
            )
        axis.set(title=title, xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set_visible(True)
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


def feature_map_grid(maps: np.ndarray, layer: str, count: int = 12) -> Figure:
    """The channels of one picture's feature maps (height, width, channels) that are most active on average.

    Each is scaled by its own largest activation, which stands above it.
    """
    height, width, channels = maps.shape
    chosen = np.argsort(maps.mean(axis=(0, 1)))[::-1][:count]
    figure, axes = _grid(len(chosen), columns=6, height=1.2, width=7.4)
    for axis, channel in zip(axes, chosen, strict=True):
        largest = float(maps[..., channel].max())
        image = axis.imshow(maps[..., channel] / (largest or 1.0), cmap=SEQUENTIAL, vmin=0, vmax=1)
        axis.set_title(
            f"{channel}: max {largest:,.0f}" if largest >= 10 else f"{channel}: max {largest:.2g}", fontsize=8
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


def closure_figure(picture, corner, size: int, fall: float, others: np.ndarray, title: str) -> Figure:
    """The hidden window on the photograph, and how far the score fell there and in random windows."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 2.5), width_ratios=[1, 2])
    left.imshow(picture)
    left.add_patch(Rectangle(corner[::-1], size, size, facecolor="0.5", edgecolor=COLOURS["vermilion"], linewidth=2))
    left.set_title(title, fontsize=9)
    left.set_axis_off()
    right.hist(others, bins=12, color=COLOURS["sky"], label="random windows")
    right.axvline(fall, color=COLOURS["vermilion"], linewidth=2, label="most important window")
    right.set(xlabel="fall of the logit when the window is hidden", ylabel="number of windows")
    right.legend(fontsize=8, loc="upper center")
    right.set_ylim(top=1.45 * right.get_ylim()[1])
    return figure
