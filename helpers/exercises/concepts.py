"""The exercise of the notebook on further concepts."""

from scipy.stats import binom

from helpers.exercises.answers import Number
from helpers.exercises.exercise import Exercise, Mistake, table

EXERCISES = table(
    Exercise(
        number="concepts.1",
        form=Number(share=True),
        expected=lambda pictures: max(0.6, (binom.isf(0.05, pictures, 0.5) + 1) / pictures),
        printed="0.75",
        hints=(
            "tcav.accuracy_beyond_chance takes the number of held-out pictures.",
            "tcav.accuracy_beyond_chance(20)",
        ),
        meaning="A direction that does not tell held-out pictures has no meaning, and its score has none either.",
        tolerance=0.01,
        mistakes=(
            Mistake(
                "0.5",
                "guessing on average is taken for the border",
                "Half is what guessing gives on average; it is above that nearly every second time.",
            ),
            Mistake(
                "0.55",
                "anything above one half is taken to be enough",
                "Guessing gets 11 of 20 right, or more, in two cases of five.",
            ),
            Mistake(
                "0.7",
                "one picture is missing",
                "Guessing reaches 14 of 20 in 5.8 % of the cases, which is not below 5 %.",
            ),
            Mistake(
                "15",
                "that is the number of pictures",
                "Which share of the held-out ones is it?",
                lambda pictures: binom.isf(0.05, pictures, 0.5) + 1,
            ),
            Mistake(
                "0.95",
                "the level of the test is taken for the share",
                "5 % is how often guessing may get there; the share that it has to reach is another number.",
            ),
        ),
    ),
)
