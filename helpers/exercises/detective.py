"""The exercises of the detective game: which of five networks is which, and how one knows."""

from helpers.exercises.answers import Numbers, Word
from helpers.exercises.exercise import Exercise, Mistake, table

TOOLS = ("accuracy", "map", "concept", "removal")


def _exchanged(first, second):
    """The verdict of one who takes two kinds for each other."""
    other = {first: second, second: first}
    return lambda case: [other.get(number, number) for number in case.numbers]


EXERCISES = table(
    Exercise(
        number="detective.1",
        form=Numbers(whole=True),
        expected=lambda case: case.numbers,
        printed="0, 3, 4, 1, 2",
        hints=(
            "Two of the five are right in about one of nine new pictures. Which of them knows its own pictures?",
            "Put the tag on horses and take it off again: whose answers change, and for whom only the logit?",
        ),
        meaning="All five are named, and you know by which tool.",
        mistakes=(
            Mistake(
                "honest and 30 % tagged exchanged",
                "0 and 1 are taken for each other",
                "Both recognise nearly everything. Look at the logit of the horse with the tag and without: for the "
                "honest one the tag counts against a horse.",
                _exchanged(0, 1),
            ),
            Mistake(
                "30 % and 100 % tagged exchanged",
                "1 and 2 are taken for each other",
                "Both have learned to read the tag, so maps and concepts mark it for both. Take it off: only one of "
                "them can do without.",
                _exchanged(1, 2),
            ),
            Mistake(
                "honest and 100 % tagged exchanged",
                "0 and 2 are taken for each other",
                "On pictures like those of its training each is right. Show it untagged horses.",
                _exchanged(0, 2),
            ),
            Mistake(
                "shuffled labels and random exchanged",
                "3 and 4 are taken for each other",
                "Both only guess at new pictures. Show them the pictures of case.learned: one knows the labels that "
                "were dealt.",
                _exchanged(3, 4),
            ),
        ),
    ),
    Exercise(
        number="detective.2",
        form=Word(TOOLS),
        expected="removal",
        printed="removal",
        hints=(
            "Which tool changes only the tag, and looks only at horses?",
            "The one that takes it out of the picture.",
        ),
        meaning="Both have a direction for the tag; taking it away, from horses only, shows who cannot do without.",
        mistakes=(
            Mistake(
                "accuracy",
                "an average over all animals is taken for an answer about horses",
                "On plain pictures one of them loses something. That is a trace, but it may be any animal, and anything.",
            ),
            Mistake(
                "map",
                "a mark on the tag is taken for depending on it",
                "The maps of both mark the tag. How much would be lost without it they do not say.",
            ),
            Mistake(
                "concept",
                "significant is taken for decisive",
                "The tag scores 1 for both. TCAV counts signs, not sizes.",
            ),
        ),
    ),
)
