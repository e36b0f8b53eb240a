"""The exercises of the notebook that asks why this and not that."""

import numpy as np

from helpers.exercises.answers import Number
from helpers.exercises.exercise import Exercise, Mistake, table

EXERCISES = table(
    Exercise(
        number="why.1",
        form=Number(),
        expected=lambda explained: explained.logits[0, 4] - explained.logits[0, 9],
        printed="2.4",
        hints=(
            "What is explained is a difference of two logits.",
            "Logit of the 4 minus logit of the 9, with all their digits: explained.logits[0] has them.",
        ),
        meaning="One number is shared out, and a difference is one number: +1 and -1 are the weights of the question.",
        mistakes=(
            Mistake(
                "2.3",
                "that is the sum over the pixels",
                "Epsilon and the biases have absorbed some on the way. Look at where the relevance starts.",
                lambda explained: explained.relevance.sum(),
            ),
            Mistake(
                "-2.4",
                "the question is turned round",
                '"Why 4 and not 9" gives the 4 the weight +1.',
                lambda explained: explained.logits[0, 9] - explained.logits[0, 4],
            ),
            Mistake(
                "7.6",
                "only the 4 is explained",
                'That answers "why 4?". The 9 has to be taken off.',
                lambda explained: explained.logits[0, 4],
            ),
            Mistake(
                "0",
                "the two weights are added",
                "+1 and -1 sum to nothing, but each is multiplied by the logit of its class first.",
            ),
        ),
    ),
    Exercise(
        number="why.2",
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
)
