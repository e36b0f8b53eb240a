"""The exercises of the notebook on a hospital's marker."""

import numpy as np

from helpers.exercises.answers import Number
from helpers.exercises.exercise import Exercise, Mistake, table

EXERCISES = table(
    Exercise(
        number="marker.1",
        form=Number(share=True),
        expected=lambda marked, ill: np.mean(marked == ill),
        printed="0.98",
        hints=(
            "It is right where a film carries the marker and the patient is ill, and where neither is so.",
            "films.marked == films.ill is True where it is right.",
        ),
        meaning="That is the score to beat: in this hospital nobody needs to look at a lung.",
        tolerance=0.005,
        mistakes=(
            Mistake(
                "0.49",
                "the share of films that carry the marker is taken",
                "That many are called ill. For how many is it right?",
                lambda marked: np.mean(marked),
            ),
            Mistake(
                "0.485",
                "only those that are marked and ill are counted",
                "It is right about the healthy too, where they carry no marker.",
                lambda marked, ill: np.mean(marked & ill),
            ),
            Mistake(
                "0.022",
                "the wrong ones are counted",
                "These are the films where marker and patient disagree.",
                lambda marked, ill: np.mean(marked != ill),
            ),
        ),
    ),
    Exercise(
        number="marker.2",
        form=Number(share=True),
        expected=lambda logits: np.mean(logits > 0),
        printed="{:.0%}",
        hints=(
            "The network says ill where its logit is above zero.",
            "np.mean(logits_marked > 0)",
        ),
        meaning="A letter of lead makes the healthy ill. That is the proof; the map was the suspicion.",
        mistakes=(
            Mistake(
                "the share before",
                "the films without marker are asked",
                "That is how many are called ill as they are. Take the logits with the marker.",
                lambda before: np.mean(before > 0),
            ),
            Mistake(
                "the others",
                "those that stay healthy are counted",
                "Above zero is ill.",
                lambda logits: np.mean(logits <= 0),
            ),
            Mistake(
                "the mean logit",
                "the logits are averaged",
                "Ask first which of them are above zero.",
                lambda logits: np.mean(logits),
            ),
        ),
    ),
)
