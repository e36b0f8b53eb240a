"""The exercises of the notebook that asks who tells the truth."""

import numpy as np
from scipy.stats import spearmanr

from helpers.exercises.answers import Number, Word
from helpers.exercises.exercise import Exercise, Mistake, table


def _agreement(table, first, second):
    pairs = [[table.column(name)[method][0] for name in (first, second)] for method in table.rows]
    return spearmanr(*np.array(pairs).T, nan_policy="omit").statistic


def _near(sums, logit, *beginnings):
    """How many sums come near the logit, of all methods or of those whose names begin so."""
    counted = [total for name, total in sums.items() if not beginnings or name.startswith(beginnings)]
    return sum(abs(total - logit) < 0.2 * abs(logit) for total in counted)


EXERCISES = table(
    Exercise(
        number="truth.1",
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
        number="truth.2",
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
    Exercise(
        number="truth.3",
        form=Number(share=True),
        expected=lambda found, logit: 1 - found.relevance.sum() / logit,
        printed="1.6 %",
        hints=(
            "Compare the sum of found.relevance with the logit.",
            "What arrives is found.relevance.sum(). The share that does not is 1 minus that over the logit.",
        ),
        meaning="The biases have kept it, above all those of the last layers; the books say where.",
        mistakes=(
            Mistake(
                "0.076",
                "that is the amount",
                "So much of the logit is lost; as a share it has to be divided by the logit.",
                lambda found, logit: logit - found.relevance.sum(),
            ),
            Mistake(
                "98 %",
                "that is the share that arrives",
                "The question is about the rest.",
                lambda found, logit: found.relevance.sum() / logit,
            ),
            Mistake(
                "-3.5 %",
                "the negative relevance is left out",
                "The sum of all pixels, red and blue, is tied to the logit.",
                lambda found, logit: 1 - np.maximum(found.relevance, 0).sum() / logit,
            ),
            Mistake(
                "-1.6 %",
                "it is subtracted the other way round",
                "Negative would mean that more arrives than was there.",
                lambda found, logit: found.relevance.sum() / logit - 1,
            ),
        ),
    ),
    Exercise(
        number="truth.4",
        form=Number(whole=True),
        expected=lambda kept: np.sum(np.asarray(kept) > 0.1),
        printed="0 of 4",
        hints=(
            "Print kept, one number for each layer.",
            "np.sum(kept > 0.1)",
        ),
        meaning="The gradient passes through every layer: whichever is re-drawn, nothing is left of its map.",
        mistakes=(
            Mistake(
                "3",
                "the layers left alone are taken to keep the map",
                "The gradient is a product over all layers. One random factor is enough to spoil it.",
            ),
            Mistake(
                "4",
                "the maps are taken to stay",
                "That would be a map which does not depend on the weights. Look at the four numbers in kept.",
                lambda kept: len(kept),
            ),
            Mistake(
                "1",
                "the first layer is taken for that of LRP",
                "LRP keeps something when conv1 is re-drawn, for its rule there does not look at the weights. The "
                "gradient does.",
            ),
            Mistake(
                "2",
                "the dense layers are taken to be the only ones that count",
                "Look at the four numbers in kept: which of them are above 0.1?",
            ),
        ),
    ),
    Exercise(
        number="truth.5a",
        form=Word(("positive", "negative")),
        expected="positive",
        printed="positive",
        guess=True,
        hints=("Guess: there is nothing to compute.", "Guess: there is nothing to compute."),
        meaning="Methods that point better keep *more* likeness to the maps of random networks.",
        mistakes=(
            Mistake(
                "negative",
                "good methods are taken to be good at everything",
                "One would think that a method that finds the thing has read the network. But part of the drawing comes "
                "from the picture itself, and that part survives when the weights are destroyed.",
            ),
        ),
    ),
    Exercise(
        number="truth.5b",
        form=Number(),
        expected=lambda table: _agreement(table, "own mass", "random: absolute"),
        printed="0.70",
        hints=(
            "sanity.rank_agreement(table, first column, second column) gives the correlation and the number of methods.",
            'sanity.rank_agreement(real, "own mass", "random: absolute")[0]',
        ),
        meaning="Pointing well is no proof of having read the network: part of the drawing comes from the picture.",
        mistakes=(
            Mistake(
                "-0.70",
                "the sign is turned round",
                "Look at the table: who stands high in own mass keeps more likeness, not less.",
                lambda table: -_agreement(table, "own mass", "random: absolute"),
            ),
            Mistake(
                "-0.66",
                "the likeness with sign is taken",
                "That is the column random: spearman. A random network turns the sign of a map round, so ask for the "
                "absolute one.",
                lambda table: _agreement(table, "own mass", "random: spearman"),
            ),
            Mistake(
                "-0.06",
                "the three baselines are counted too",
                "They never ask a network, so nothing changes for them. real is the table without them.",
                lambda everything: _agreement(everything, "own mass", "random: absolute"),
            ),
            Mistake(
                "0.51",
                "flipping is taken instead of own mass",
                "That asks the network. The question is about the mask: own mass.",
                lambda table: _agreement(table, "flipping", "random: absolute"),
            ),
            Mistake(
                "13",
                "that is the number of methods",
                "rank_agreement gives two things, the correlation first.",
                lambda table: len(table.rows),
            ),
        ),
    ),
)
