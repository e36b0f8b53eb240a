"""The exercises of the notebook on networks with a hidden flaw: a verdict on each, and the panel that gives it away."""

from helpers.exercises.answers import Word
from helpers.exercises.exercise import Exercise, Mistake, table

VERDICTS = Word(("copy", "undefined", "saturated", "units", "spurious"))
PANELS = Word(("coefficients", "starts", "response", "inputs", "map", "elsewhere"))
TAKEN_FOR = {  # a verdict: what went wrong if it is wrong, and the sign that is missing
    "copy": (
        "two inputs are taken for copies",
        "Of two copies each start shares the slope in another way, and only the sum stays. Do two inputs do that here?",
    ),
    "undefined": (
        "a number such as -999 is suspected among the values",
        "That squeezes the box of an input to a line with a tail far away. Is there one?",
    ),
    "saturated": (
        "the output is taken to be saturated",
        "Then hardly any response lies between 0 and 1. Look at the histogram.",
    ),
    "units": (
        "an input is taken to be in other units",
        "Then its whole box is larger or smaller than the others, and its coefficients the other way round.",
    ),
    "spurious": (
        "an input is taken to know the class in this sample only",
        "Then the AUC falls elsewhere. Does it?",
    ),
}
MISLEADING = {  # a panel: why it does not settle the matter where it is not the one
    "coefficients": (
        "odd coefficients are taken for their cause",
        "They tell that something is wrong. Different flaws make odd coefficients: which panel tells them apart?",
    ),
    "starts": (
        "the spread of the starts is taken for the sign",
        "Compare with the healthy file: do two inputs trade what they have, start by start? Only a copy does that.",
    ),
    "response": (
        "the shape of the response is taken for the sign",
        "Compare with the healthy file: are nearly all answers at 0 and 1? Only saturation does that.",
    ),
    "map": (
        "the map is taken for the sign",
        "It shows two inputs of seven, and those that lead. What is wrong stands in another panel more plainly.",
    ),
    "elsewhere": (
        "the AUC is taken for the sign",
        "Here it is the same at both places.",
    ),
    "inputs": (
        "the boxes of the inputs are taken for the sign",
        "Compare with the healthy file: no far tail, no other scale. A changed box says only that an input is another one.",
    ),
}
PATIENTS = {  # exercise: verdict, panel, the panel in words, what it means
    1: (
        "saturated",
        "response",
        "histogram of the response",
        "It sorts the events as the healthy one does, with a logit many times as large: slopes are left at the border "
        "only, and pairs lead by the curve of the sigmoid.",
    ),
    2: (
        "spurious",
        "elsewhere",
        "AUC at the two places",
        "v7 knows the class in this sample only. Nothing in the coefficients warns of it: they tell what the network "
        "uses, not whether it should.",
    ),
    3: (
        "copy",
        "starts",
        "slopes of the three starts",
        "v7 repeats v2. How the two share the slope is chance; the sum is not.",
    ),
    4: (
        "units",
        "inputs",
        "boxes of the inputs",
        "The numbers of v4 are 30 times as large, and its coefficients 30 times as small. All answers are those of the "
        "healthy network.",
    ),
    5: (
        "undefined",
        "inputs",
        "boxes of the inputs",
        "-999 stands among the masses of v5. The standard deviation is that of the gap, and all real masses are squeezed "
        "into a small part of it.",
    ),
}


def _pair(number: int) -> tuple[Exercise, Exercise]:
    verdict, panel, in_words, meaning = PATIENTS[number]
    return (
        Exercise(
            number=f"ranking.{number}a",
            form=VERDICTS,
            expected=verdict,
            printed=verdict,
            hints=(
                "Lay the file beside the healthy one, panel by panel: which of them has changed, and how?",
                f"Look at the {in_words}.",
            ),
            meaning=meaning,
            mistakes=tuple(Mistake(word, *TAKEN_FOR[word]) for word in VERDICTS.choices if word != verdict),
        ),
        Exercise(
            number=f"ranking.{number}b",
            form=PANELS,
            expected=panel,
            printed=panel,
            hints=(
                "Which panel would look healthy if the flaw were another one?",
                f"Compare the {in_words} with those of the healthy patient.",
            ),
            meaning="That panel tells this flaw from the others; the ranking alone does not.",
            mistakes=tuple(Mistake(word, *MISLEADING[word]) for word in PANELS.choices if word != panel),
        ),
    )


EXERCISES = table(*(exercise for number in PATIENTS for exercise in _pair(number)))
