"""The exercises of the notebook with all methods side by side."""

import numpy as np

from helpers.exercises.answers import Number
from helpers.exercises.exercise import Exercise, Mistake, table


def _near(sums, logit, *beginnings):
    """How many sums come near the logit, of all methods or of those whose names begin so."""
    counted = [total for name, total in sums.items() if not beginnings or name.startswith(beginnings)]
    return sum(abs(total - logit) < 0.2 * abs(logit) for total in counted)


EXERCISES = table(
    Exercise(
        number="side.1",
        form=Number(whole=True),
        expected=lambda sums, logit: _near(sums, logit),
        printed="6",
        hints=(
            "Print sums and cat_logit and compare.",
            "Count the sums between 0.8 and 1.2 times the logit.",
        ),
        meaning="For some methods the sum has a meaning, for others none: read their colours, not their amounts.",
        mistakes=(
            Mistake(
                "5",
                "gradient times input is left out",
                "Nobody promised it, but with relus and small biases it nearly is LRP-0. Count what comes out, not what was "
                "promised.",
                lambda sums, logit: _near(sums, logit, "LRP", "deep", "integrated"),
            ),
            Mistake(
                "4",
                "only LRP and deep Taylor are counted",
                "Integrated gradients promise the logit minus that of a grey picture, and gradient times input comes near "
                "too.",
                lambda sums, logit: _near(sums, logit, "LRP", "deep"),
            ),
            Mistake(
                "3",
                "only those named LRP are counted",
                "Deep Taylor is of the same family, and two kinds of gradients come near as well.",
                lambda sums, logit: _near(sums, logit, "LRP"),
            ),
            Mistake(
                "7",
                "everything above the threshold is counted",
                "Within 20 % has an upper end too: Grad-CAM's sum is a thousand times the logit.",
                lambda sums, logit: sum(total > 0.8 * logit for total in sums.values()),
            ),
        ),
    ),
    Exercise(
        number="side.2",
        form=Number(),
        expected=lambda likeness, pixels: likeness(np.abs(pixels).sum(axis=-1)),
        printed="0.22",
        hints=(
            "likeness takes maps (N, height, width): sum np.abs(pixels) over its last axis.",
            "likeness(np.abs(pixels).sum(axis=-1))",
        ),
        meaning="The picture as a factor does not yet make an edge detector: 0.7 must come from elsewhere.",
        mistakes=(
            Mistake(
                "0.7",
                "it is guessed by looking",
                "So like are LRP, deep Taylor and guided backpropagation. The input alone is bright surfaces, not outlines.",
                when=lambda value: 0.65 <= value.max() <= 0.75,
            ),
            Mistake(
                "0.27",
                "the absolute value is missing",
                "Colours above and below the mean cancel then. Absolute value first, then the sum over the colours.",
                lambda likeness, pixels: likeness(pixels.sum(axis=-1)),
            ),
            Mistake(
                "0.18",
                "the largest colour is taken instead of the sum",
                "The question asks for the sum of the absolute values over the colours.",
                lambda likeness, pixels: likeness(np.abs(pixels).max(axis=-1)),
            ),
            Mistake(
                "0.11",
                "that is gradient times input",
                "It has the input as a factor, and the gradient as well. How is it for the input alone?",
            ),
        ),
    ),
)
