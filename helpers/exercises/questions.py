"""The exercise of the notebook on questions about pictures."""

from helpers.exercises.answers import Number
from helpers.exercises.exercise import Exercise, Mistake, table

EXERCISES = table(
    Exercise(
        number="questions.1",
        form=Number(whole=True),
        expected=2,
        printed="2",
        hints=(
            "Print things, answer and right of every removal.",
            "Which removal changes the answer, but not what would be right?",
        ),
        meaning="The network went to the large white lion and was lucky: a right answer for a wrong reason.",
        mistakes=(
            Mistake(
                "5",
                "what should decide is taken for what does",
                "The small white penguin is what the question asks for. Yet without it the answer stays white: it was not "
                "needed.",
            ),
            Mistake(
                "3",
                "that thing is named in the question",
                "The question leads over it, so it may well count. One is asked for that has nothing to do with it.",
            ),
            Mistake(
                "4",
                "the question starts from that thing",
                "Without the blue penguin the question makes no sense. One is asked for that has nothing to do with it.",
            ),
            Mistake(
                "0",
                "that thing changes nothing",
                "Without the red lion the answer is white as before. Compare the answers of the removals.",
            ),
            Mistake(
                "1",
                "that thing changes nothing",
                "Without the yellow penguin the answer is white as before. Compare the answers of the removals.",
            ),
        ),
    ),
)
