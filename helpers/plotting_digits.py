"""A digit, what the network takes it for, and where in the picture that comes from, side by side."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.plotting import COLOURS, DIVERGING, symmetric_limit


def plot_digit(digit: np.ndarray, probabilities: np.ndarray, relevance: np.ndarray, title: str = "relevance") -> Figure:
    """The digit, its class probabilities as bars and a signed map: red speaks for the class, blue against it.

    Parameters
    ----------
    digit : (28, 28), ink 1 on paper 0
    probabilities : (10,)
    relevance : (28, 28)
    title : of the map, such as "relevance for 4"
    """
    digit, relevance, probabilities = np.asarray(digit), np.asarray(relevance), np.asarray(probabilities)
    if digit.ndim != 2 or digit.shape != relevance.shape or probabilities.shape != (10,):
        raise ValueError(
            f"One digit (28, 28), a map of its shape and 10 probabilities are shown; got {digit.shape}, "
            f"{relevance.shape} and {probabilities.shape}. Take [0] of a batch, and [..., 0] of the one channel."
        )
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8, 2.6), layout="constrained")
    left.imshow(digit, cmap="gray_r", vmin=0, vmax=1)
    left.set_title("as the network gets it")
    best = int(probabilities.argmax())
    colours = [COLOURS["vermilion"] if number == best else COLOURS["blue"] for number in range(10)]
    middle.bar(range(10), probabilities, color=colours)
    middle.set(ylim=(0, 1), xticks=range(10), xlabel="digit", ylabel="probability")
    middle.set_title(f"{best} ({probabilities[best]:.0%})")
    limit = symmetric_limit(relevance)
    shown = right.imshow(relevance, cmap=DIVERGING, vmin=-limit, vmax=limit)
    right.set_title(title)
    figure.colorbar(shown, ax=right)
    for axes in (left, right):
        axes.set(xticks=[], yticks=[])
    return figure
