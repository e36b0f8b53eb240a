"""The exercises of notebook 3, relevance, sanity checks and concepts."""

import numpy as np
from scipy.stats import rankdata

from helpers.exercises.answers import Number, Numbers
from helpers.exercises.exercise import Exercise, Mistake, table

WITH_BIAS = np.array([8.0, -4.0])  # relevance of the hidden neurons of exercise 3.1


def _rank_correlation(own, other):
    """Mean over the pictures of Spearman's correlation of two maps."""
    ranks = [[rankdata(one) for one in maps.reshape(len(maps), -1)] for maps in (own, other)]
    return np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*ranks, strict=True)])


def _share(answers, number):
    return np.mean(np.asarray(answers) == number)


EXERCISES = table(
    Exercise(
        number="3.1",
        form=Numbers(),
        expected=lambda z: z / z.sum(axis=0) @ WITH_BIAS,
        printed="5.33, 3.33, -4.67",
        hints=(
            "Each column of z, divided by its own sum, is multiplied by the relevance of its neuron.",
            "The columns of z sum to 4 and 3, the neurons have 8 and -4: the first input gets 4/4 * 8 - 2/3 * 4.",
        ),
        meaning="They sum to 4, the score: without the bias in the denominators the inputs get all of it.",
        mistakes=(
            Mistake(
                "6, 3, -4",
                "the bias is still in the denominator",
                "That is LRP-0: the numbers sum to 5, and the score is 4. Divide by what the inputs alone contribute.",
                lambda z: z / (z.sum(axis=0) + np.array([0, 1])) @ WITH_BIAS,
            ),
            Mistake(
                "8, 2, -2",
                "only the first hidden neuron hands down",
                "The second has a relevance of -4, which goes to the inputs as well.",
                lambda z: z / z.sum(axis=0) @ [8.0, 0.0],
            ),
            Mistake(
                "10.67, 0.67, 0.67",
                "the second neuron has lost its minus sign",
                "Its relevance is -4. It speaks against the score, and so do the inputs that drive it.",
                lambda z: z / z.sum(axis=0) @ [8.0, 4.0],
            ),
            Mistake(
                "24, 12, -16",
                "the contributions are not divided",
                "A share is z_ij over the sum of its column.",
                lambda z: z @ WITH_BIAS,
            ),
            Mistake(
                "4",
                "these are added up",
                "Three inputs get a relevance each; their sum is right.",
                lambda z: (z / z.sum(axis=0) @ WITH_BIAS).sum(),
            ),
        ),
    ),
    Exercise(
        number="3.2",
        form=Number(),
        expected=lambda ledger: ledger[0].stabiliser[0],
        printed="0.8333",
        hints=(
            "The output hands on 5 * z / (z + 1), with z = 5. What is missing?",
            "Of 5 it hands on 5 * 5/6.",
        ),
        meaning="The stabiliser absorbs layer by layer, most where the evidence is weak.",
        mistakes=(
            Mistake(
                "1.54",
                "that is what both layers absorb",
                "The last line of the ledger is a sum. Look at the line of the score layer.",
                lambda ledger: sum(row.stabiliser[0] for row in ledger),
            ),
            Mistake(
                "0.71",
                "that is the hidden layer",
                "The question is about the layer of the score, the first that relevance passes.",
                lambda ledger: ledger[1].stabiliser[0],
            ),
            Mistake(
                "1",
                "epsilon is taken for what it absorbs",
                "Epsilon stands in the denominator: of z/(z + 1) a share of 1/(z + 1) is missing.",
            ),
            Mistake(
                "4.17",
                "that is what is handed on",
                "5 arrive. What is missing of them?",
                lambda ledger: ledger[0].handed_on[0],
            ),
            Mistake(
                "1/6",
                "that is the share",
                "A sixth is absorbed, right. A sixth of how much?",
            ),
        ),
    ),
    Exercise(
        number="3.3",
        form=Number(share=True),
        expected=lambda masses: masses["EpsilonPlusFlat"],
        printed="0.54",
        hints=(
            "A pair is (lrp.FIRST, lrp.flat()). Which pair fits the first convolution too, and must stand behind it?",
            "on_elephant([(lrp.FIRST, ...), (lrp.CONVOLUTION, ...), (lrp.DENSE, ...)]), in this order.",
        ),
        meaning="The first pair that fits counts, so the special rule stands before the general one.",
        mistakes=(
            Mistake(
                "0.56",
                "the flat rule has had no effect",
                "The first layer is a convolution too. If the pair for convolutions stands before that for the first "
                "layer, it is taken: that is EpsilonPlus.",
                lambda masses: masses["EpsilonPlus"],
            ),
            Mistake(
                "0.39",
                "z+ is used in the dense layer as well",
                "There it drops what speaks against the elephant, and the pepper comes back. Epsilon keeps both signs.",
                lambda masses: masses["z+ everywhere"],
            ),
            Mistake(
                "0.52",
                "the convolutions follow alpha2 beta1",
                "That is EpsilonAlpha2Beta1Flat. EpsilonPlusFlat has z+ there.",
                lambda masses: masses["EpsilonAlpha2Beta1Flat"],
            ),
            Mistake(
                "0.67",
                "that is LRP-0 everywhere",
                "Give each kind of layer a rule of its own, as a list of pairs.",
                lambda masses: masses["LRP-0 everywhere"],
            ),
        ),
    ),
    Exercise(
        number="3.4",
        form=Number(),
        expected=_rank_correlation,
        printed="-0.20",
        guess=True,
        hints=(
            "similarities(own, other, ['spearman']) gives one number for each digit.",
            "sanity.similarities(own, other, ['spearman'])['spearman'].mean()",
        ),
        meaning="The map of another class is another one, and what speaks for the one speaks rather against the other.",
        mistakes=(
            Mistake(
                "0.20",
                "the sign is lost",
                "The size is right, and the sign is the point: on the same ink, what speaks for one class tends to speak "
                "*against* another.",
                lambda own, other: -_rank_correlation(own, other),
            ),
            Mistake(
                "1",
                "the same ink is taken for the same evidence",
                "The digit is the same, the evidence is not. Near 1 is what Sobel has, which does not know the class: "
                "such a map would fail this test.",
                when=lambda value: value.max() > 0.5,
            ),
            Mistake(
                "0",
                "another class is taken for no relation",
                "That would be a map with nothing in common. But it is the same ink, asked for another class, and it "
                "tends to get the opposite sign.",
                when=lambda value: -0.1 < value.max() < 0.1,
            ),
            Mistake(
                "-1",
                "another class is taken for the opposite",
                "That would hold if there were two classes only. Of ten, a random other one is against it in part.",
                when=lambda value: value.max() < -0.5,
            ),
            Mistake(
                "0.4",
                "the same strokes are taken for half of the evidence",
                "Sizes are alike, since there is ink or none; with their signs the maps rather disagree.",
                when=lambda value: 0.1 <= value.max() <= 0.5,
            ),
        ),
    ),
    Exercise(
        number="3.5",
        form=Numbers(free=True),
        expected=(0, 1),
        printed="0, 1",
        hints=(
            "The gradient of a linear function is the same everywhere.",
            "So S(x) has the same sign for all pictures: which shares of pictures with a positive one are possible?",
        ),
        meaning="Behind the last curved step a score can only be all or nothing; ask in an earlier layer.",
        mistakes=(
            Mistake(
                "0.5",
                "that is the score of a coin",
                "Each picture by itself might be up or down. But here all have the same gradient, so they agree.",
            ),
            Mistake(
                "0, 0.5, 1",
                "half of the pictures up and half of them down is taken to be possible",
                "All pictures have the same gradient here: if one goes up, all do.",
            ),
            Mistake(
                "-1, 1",
                "the sign is taken for the score",
                "S(x) has a sign. The score is a share of pictures, and no share is negative.",
            ),
            Mistake(
                "0, 1/4, 1/2, 3/4, 1",
                "anything between is taken to be possible",
                "A linear function has one gradient, the same for all pictures. So all S(x) have one sign.",
                when=lambda value: value.size > 3,
            ),
            Mistake(
                "1",
                "the other possibility is forgotten",
                "If the concept speaks for the class, every picture does. And if it speaks against it?",
            ),
        ),
    ),
    Exercise(
        number="3.6",
        form=Number(share=True),
        expected=lambda answers, network: _share(answers, network.class_index("spotted")),
        printed="82 %",
        hints=(
            "answers holds the number of a class for each picture. Which number is spotted?",
            "Compare answers with coats.class_index('spotted') and take the mean.",
        ),
        meaning="No false alarm: to this network most chequered animals are spotted, and TCAV said so before we looked.",
        tolerance=0.01,
        mistakes=(
            Mistake(
                "0",
                "an unknown coat is taken for no answer",
                'A network has no way to say "none of these": it calls every animal by one of its four names.',
            ),
            Mistake(
                "18 %",
                "the others are counted",
                "These are called something else. How many are called spotted?",
                lambda answers, network: 1 - _share(answers, network.class_index("spotted")),
            ),
            Mistake(
                "246",
                "that is the number of pictures",
                "Which share of all is it?",
                lambda answers, network: np.sum(np.asarray(answers) == network.class_index("spotted")),
            ),
            Mistake(
                "15 %",
                "these are called striped",
                "Take the number of the class spotted.",
                lambda answers, network: _share(answers, network.class_index("striped")),
            ),
            Mistake(
                "25 %",
                "an unknown coat is taken for a guess among four",
                "Networks do not guess: the nearest relative gets nearly all.",
            ),
        ),
    ),
    Exercise(
        number="3.7",
        form=Number(share=True),
        expected=lambda answers, network: _share(answers, network.class_index("horse")),
        printed="82 %",
        hints=(
            "answers holds the number of a class for each lion. horse is that of the horses.",
            "np.mean(answers == horse), with the answers of Hans to tagged lions.",
        ),
        meaning="Change the input and look: no map is as convincing. The tag makes a horse of most lions.",
        tolerance=0.01,
        mistakes=(
            Mistake(
                "100 %",
                "the tag is taken for all that counts",
                "It counts for most. But the lion is still there, and counts for something.",
            ),
            Mistake(
                "18 %",
                "these are still called lions",
                "The question is how many have become horses.",
                lambda answers, network: _share(answers, network.class_index("lion")),
            ),
            Mistake(
                "0",
                "the lions have no tag yet",
                "A lion without a tag is a lion to Hans as well. Put the tag on first: toyworld.with_watermark(lions).",
            ),
            Mistake(
                "164",
                "that is the number of lions",
                "Which share of all is it?",
                lambda answers, network: np.sum(np.asarray(answers) == network.class_index("horse")),
            ),
        ),
    ),
)
