"""The exercise of the notebook on the words of film reviews."""

import numpy as np

from helpers.exercises.answers import Number
from helpers.exercises.exercise import Exercise, Mistake, table

EXERCISES = table(
    Exercise(
        number="words.1",
        form=Number(),
        expected=lambda differences: np.abs(differences).max(),
        printed="0.015",
        hints=(
            "Take absolute values, then the maximum.",
            "np.abs(differences).max()",
        ),
        meaning="Relevance is conserved up to what has no word to go to: the empty start states of the LSTM.",
        mistakes=(
            Mistake(
                "0",
                "conservation is taken to be exact",
                "Some relevance arrives at the empty start states, which are no word.",
            ),
            Mistake(
                "0.0042",
                "that is the smallest",
                "The largest of the nine is asked for.",
                lambda differences: np.abs(differences).min(),
            ),
            Mistake(
                "0.0097",
                "that is the mean",
                "The largest of the nine is asked for.",
                lambda differences: np.abs(differences).mean(),
            ),
            Mistake(
                "0.087",
                "they are added up",
                "The largest of the nine is asked for.",
                lambda differences: np.abs(differences).sum(),
            ),
        ),
    ),
)
