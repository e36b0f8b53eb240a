"""The exercises of the notebook that asks who tells the truth."""

import numpy as np
from scipy.stats import spearmanr

from helpers.exercises.answers import Number, Word
from helpers.exercises.exercise import Exercise, Mistake, table


def _agreement(table, first, second):
    pairs = [[table.column(name)[method][0] for name in (first, second)] for method in table.rows]
    return spearmanr(*np.array(pairs).T, nan_policy="omit").statistic


def _of_cam(league):
    return tuple(league.column(name)["CAM"][0] for name in ("own mass", "ceiling"))


EXERCISES = table(
    Exercise(
        number="truth.1",
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
        number="truth.2a",
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
        number="truth.2b",
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
                "-0.049",
                "the likeness with sign is taken",
                "That is the column random: spearman. It falls to nothing where only signs change; the question is about "
                "the absolute one.",
                lambda table: _agreement(table, "own mass", "random: spearman"),
            ),
            Mistake(
                "-0.056",
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
    Exercise(
        number="truth.3",
        form=Number(),
        expected=lambda league: np.divide(*_of_cam(league)),
        printed="0.68",
        hints=(
            "It takes two numbers of the same row.",
            "The mass on the thing, divided by the ceiling beside it.",
        ),
        meaning="For what so few values can show, CAM does as well as maps with every pixel that stand far above it.",
        mistakes=(
            Mistake(
                "0.49",
                "the score is read without its ceiling",
                "That is the mass on the thing, of 1. A perfect map of 8 x 8 values would not have 1 either.",
                lambda league: _of_cam(league)[0],
            ),
            Mistake(
                "0.72",
                "that is the ceiling itself",
                "That is what a perfect map of as many values has. Which share of it does CAM reach?",
                lambda league: _of_cam(league)[1],
            ),
            Mistake(
                "1.47",
                "the fraction is turned round",
                "Nobody gets beyond the ceiling: the share is below 1.",
                lambda league: 1 / np.divide(*_of_cam(league)),
            ),
            Mistake(
                "0.23",
                "the difference is taken instead of the share",
                "That is how much is missing. The question is which share of the ceiling is reached.",
                lambda league: -np.subtract(*_of_cam(league)),
            ),
        ),
    ),
)
