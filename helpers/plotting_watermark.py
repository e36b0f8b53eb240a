"""What TCAV says of a planted watermark, beside what the watermark does."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.plotting import COLOURS
from helpers.tcav_significance import ConceptTest


def score_against_loss(
    tests: Mapping[float, ConceptTest], accuracy_lost: Mapping[float, float], logit_lost: Mapping[float, float]
) -> Figure:
    """Signs, sizes and effects of a watermark in networks that were trained with it more or less often.

    Parameters
    ----------
    tests : for every network the test of the concept "watermark"; the key is the share of the class that carried it
    accuracy_lost, logit_lost : with the same keys, what the class loses when the watermark is taken off

    Three panels over the share: the TCAV score with the random band and the stars; the mean directional derivative and the
    logit that is lost; the accuracy that is lost. Shares are given from 0 to 1.

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
        shares, [t.mean for t in chosen], [t.deviation for t in chosen], color=COLOURS["blue"], marker="o", capsize=3
    )
    for share, test in zip(shares, chosen, strict=True):
        signs.annotate(test.stars, (share, test.mean), (0, 7), textcoords="offset points", ha="center", fontsize=8)
    signs.set(ylabel="TCAV score", ylim=(-0.1, 1.25))
    signs.legend(loc="lower right", fontsize=7)
    sizes.plot(shares, [t.mean_derivative for t in chosen], color=COLOURS["blue"], marker="o", label="mean S")
    sizes.plot(
        shares, [logit_lost[s] for s in shares], color=COLOURS["vermilion"], marker="s", ls="--", label="logit lost"
    )
    sizes.axhline(0, color="0.5", lw=0.8)
    sizes.set(ylabel="logit")
    sizes.legend(loc="upper left", fontsize=7)
    effect.plot(shares, [100 * accuracy_lost[s] for s in shares], color=COLOURS["vermilion"], marker="s", ls="--")
    effect.axhline(0, color="0.5", lw=0.8)
    effect.set(ylabel="accuracy lost, per cent points", ylim=(-20, 105))
    for axis, title in zip(figure.axes, ("signs", "sizes", "effect of removing it"), strict=True):
        axis.set(title=title, xlabel="share with the tag", xticks=shares)
    return figure
