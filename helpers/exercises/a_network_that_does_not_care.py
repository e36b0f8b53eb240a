"""The exercises of the notebook on a network that does not care about an uncertain input."""

import numpy as np
from scipy.stats import norm

from helpers.exercises.answers import Number, Numbers
from helpers.exercises.exercise import Exercise, Mistake, table


def _auc(distance):
    """Of two Gaussians of width 1 in one input."""
    return norm.cdf(distance / np.sqrt(2))


EXERCISES = table(
    Exercise(
        number="robust.1",
        form=Number(share=True),
        expected=_auc(1),
        tolerance=0.01,
        printed="0.76",
        hints=(
            "A response that stays when x1 is moved does not depend on x1. Which task is left?",
            "taylor.bayes_auc of a task whose classes differ in x2 alone: the means of x1 are 0 in both.",
        ),
        meaning="It is what the other input says. Nobody can have more without feeling the shift.",
        mistakes=(
            Mistake(
                "0.94",
                "that is the AUC of both inputs",
                "The best response of both inputs leans on the first one most, and moves with it.",
                lambda: _auc(np.sqrt(5)),
            ),
            Mistake(
                "0.92",
                "that is the AUC of the uncertain input",
                "x1 alone would give this; it is the input that must not be used.",
                lambda: _auc(2),
            ),
            Mistake("0.5", "nothing is taken to be left", "x2 is not uncertain, and it tells the classes apart."),
            Mistake(
                "0.64",
                "half of the distance is taken",
                "The means of x2 are at 0.5 and at -0.5.",
                lambda: _auc(0.5),
            ),
        ),
    ),
    Exercise(
        number="robust.2",
        form=Numbers(),
        expected=np.array([1, 0.01, 1]),
        printed="1, 0.01 and 1",
        hints=(
            "Which of the three look at the values of the response, and which only at its order?",
            "A difference becomes a tenth. What becomes of its square, and of the order of events?",
        ),
        meaning="A penalty is a price, no measure of what was bought: for that look at the order of events.",
        mistakes=(
            Mistake(
                "1, 0.1 and 1",
                "the penalty is taken to be a difference",
                "It is the square of a difference.",
            ),
            Mistake(
                "1, 0.01 and 0.1",
                "places are taken to be differences of the response",
                "A place says how many events have a smaller response. Which event overtakes which, when all are squeezed "
                "alike?",
            ),
            Mistake(
                "0.1, 0.01 and 0.1",
                "the AUC is taken to depend on the size of the response",
                "The AUC asks which of two events has the larger response, and so do places.",
            ),
            Mistake(
                "1, 1 and 1",
                "squeezing is taken to change nothing",
                "It changes no order, but differences get smaller.",
            ),
        ),
    ),
    Exercise(
        number="robust.3",
        form=Numbers(),
        expected=lambda f, f_moved: np.array([np.mean((f_moved - f) ** 2), 0]),
        printed="0.16 and 0",
        hints=(
            "Take the mean of the squared differences, event by event. Then count the events of each bin, twice.",
            "All four move by 0.4 up or down; and each bin holds as many events as before.",
        ),
        meaning="Events have changed places and the histogram has not: for a fit of the histogram nothing has happened.",
        mistakes=(
            Mistake(
                "0.4 and 0",
                "the square is missing",
                "The penalty takes squared changes.",
                lambda f, f_moved: np.array([np.abs(f_moved - f).mean(), 0]),
            ),
            Mistake(
                "0.64 and 0",
                "squares are added up instead of averaged",
                "The penalty is a mean over the events.",
                lambda f, f_moved: np.array([np.sum((f_moved - f) ** 2), 0]),
            ),
            Mistake(
                "0 and 0",
                "changes up and down are taken to cancel",
                "That would be so for the mean change. The squares are positive.",
            ),
            Mistake(
                "0.16 and 4",
                "the events that moved are counted",
                "Compare how many there are in each bin, not which ones.",
                lambda f, f_moved: np.array([np.mean((f_moved - f) ** 2), len(f)]),
            ),
        ),
    ),
    Exercise(
        number="robust.4",
        form=Number(),
        expected=0.5,
        printed="0.5",
        hints=(
            "How does the visible mass depend on the momentum of the tau? The formula stands at exercise 9 of notebook 1.",
            "The mass squared is proportional to the momentum of the tau.",
        ),
        meaning="A response of this ratio uses two uncertain inputs and does not feel the shift.",
        mistakes=(
            Mistake("1", "the mass is taken to grow like the momentum", "Its square does."),
            Mistake("2", "root and square are exchanged", "The mass is the root of a product that holds the momentum."),
            Mistake(
                "-0.5",
                "the sign is turned round",
                "Both grow with the energy, so one has to be divided by a power of the other.",
            ),
            Mistake("0", "the mass is taken not to move", "It holds the momentum of the tau."),
        ),
    ),
)
