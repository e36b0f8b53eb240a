"""The exercises of the notebook on a network of your own."""

import numpy as np

from helpers.exercises.answers import Number
from helpers.exercises.exercise import Exercise, Mistake, table


def _pairs(ranking):
    return sum(len(set(one.inputs)) == 2 for one in ranking[:8])


def _logit(reader, shorter):
    return reader.predict(shorter, verbose=0)[0, 0]


EXERCISES = table(
    Exercise(
        number="own.1",
        form=Number(whole=True),
        expected=_pairs,
        printed="8",
        hints=(
            "A square such as t(x, x) has the same name twice: len(set(one.inputs)) is 1.",
            "Go through ranking[:8] and count those whose set of inputs has two names.",
        ),
        meaning="Such a ranking says that nothing but combinations counts. Section 5 asks whether it is true.",
        mistakes=(
            Mistake(
                "16",
                "inputs are counted instead of coefficients",
                "A pair is one coefficient, whatever the number of names in it.",
                lambda ranking: sum(len(one.inputs) for one in ranking[:8]),
            ),
            Mistake(
                "0",
                "single inputs are taken to come first",
                "One would expect it, but look at the names: two stand in a bracket.",
            ),
            Mistake(
                "1",
                "only the first coefficient is looked at",
                "It is one of eight; go through the others as well.",
            ),
        ),
    ),
    Exercise(
        number="own.2",
        form=Number(),
        expected=lambda relevance, logit: relevance.sum() / logit,
        printed="{:.3g}",
        hints=(
            "Add up found.relevance over all pixels and colours.",
            "Divide the sum over all pixels and colours by logits[target].",
        ),
        meaning="Biases take their part of the logit, and where they speak against a class, more than all of it arrives.",
        mistakes=(
            Mistake(
                "the inverse",
                "the fraction is turned round",
                "The question is which part of the logit arrives: the logit stands below.",
                lambda relevance, logit: logit / relevance.sum(),
            ),
            Mistake(
                "what is left of 1",
                "that is the share that stays on the way",
                "It is what the ledger lists under bias and stabiliser. What arrives is 1 minus this.",
                lambda relevance, logit: 1 - relevance.sum() / logit,
            ),
            Mistake(
                "the sum itself",
                "the amount is taken for the share",
                "Divide it by the logit.",
                lambda relevance, logit: relevance.sum(),
            ),
        ),
    ),
    Exercise(
        number="own.3",
        form=Number(),
        expected=0.05 / 30,
        printed="0.0017",
        hints=(
            "Thirty tests at p give a false alarm with a chance of up to 30 p.",
            "30 p shall be 0.05.",
        ),
        meaning="Who tries thirty folders and reports one must ask thirty times as much of it.",
        mistakes=(
            Mistake(
                "0.05",
                "nothing is corrected",
                "At 0.05 each, one or two of thirty folders without any meaning would count.",
            ),
            Mistake("1.5", "it is multiplied instead of divided", "A p larger than 1 would let everything pass."),
            Mistake(
                "0.79",
                "that is the chance of a false alarm without correction",
                "It is 1 minus 0.95 to the power of 30. Choose p so that this chance is 0.05.",
            ),
        ),
    ),
    Exercise(
        number="own.4",
        form=Number(),
        expected=lambda reader, shorter, mixed: _logit(reader, shorter) - mixed.logit,
        printed="{:.3g}",
        hints=(
            "The logit of the shorter sentence is reader.predict(shorter, verbose=0)[0, 0].",
            "Subtract mixed.logit, the one of the whole sentence, from it.",
        ),
        meaning="The word pulled where its relevance said: without it the logit goes the other way.",
        mistakes=(
            Mistake(
                "the negative of it",
                "the shorter sentence is subtracted from the whole one",
                "A change is what comes out minus what was there.",
                lambda reader, shorter, mixed: mixed.logit - _logit(reader, shorter),
            ),
            Mistake(
                "the new logit",
                "the logit is taken for its change",
                "Subtract that of the whole sentence.",
                lambda reader, shorter, mixed: _logit(reader, shorter),
            ),
            Mistake(
                "its relevance",
                "relevance is taken for what leaving the word out changes",
                "That is what the map claims. Leave the word out and see.",
                lambda reader, shorter, mixed: mixed.scores[np.abs(mixed.scores).argmax()],
            ),
        ),
    ),
    Exercise(
        number="own.5",
        form=Number(),
        expected=0.999 * 0.001,
        printed="0.000999",
        hints=(
            "The derivative of the sigmoid at p is p (1 - p).",
            "Put p = 0.999 into p (1 - p).",
        ),
        meaning="A thousandth: the surer the network, the fainter the gradient of its probability.",
        mistakes=(
            Mistake("0.999", "that is p itself", "The slope of the sigmoid is p (1 - p), small at both ends."),
            Mistake(
                "0.25", "that is the slope at p = 1/2", "There the sigmoid is steepest. At 0.999 it is nearly flat."
            ),
            Mistake("1000", "the factor is turned round", "The gradient gets smaller, so the factor is below 1."),
        ),
    ),
)
