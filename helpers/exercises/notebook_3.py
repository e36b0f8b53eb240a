"""The exercises of notebook 3, relevance, sanity checks and concepts."""

import numpy as np
from scipy.stats import binom, rankdata, spearmanr

from helpers.exercises.answers import Number, Numbers, Word
from helpers.exercises.exercise import Exercise, Mistake, table

WITH_BIAS = np.array([8.0, -4.0])  # relevance of the hidden neurons of exercise 3.1


def _rank_correlation(own, other):
    """Mean over the pictures of Spearman's correlation of two maps."""
    ranks = [[rankdata(one) for one in maps.reshape(len(maps), -1)] for maps in (own, other)]
    return np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*ranks, strict=True)])


def _agreement(table, first, second):
    pairs = [[table.column(name)[method][0] for name in (first, second)] for method in table.rows]
    return spearmanr(*np.array(pairs).T, nan_policy="omit").statistic


def _near(sums, logit, *beginnings):
    """How many sums come near the logit, of all methods or of those whose names begin so."""
    counted = [total for name, total in sums.items() if not beginnings or name.startswith(beginnings)]
    return sum(abs(total - logit) < 0.2 * abs(logit) for total in counted)


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
                "2.1",
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
        number="3.4",
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
    Exercise(
        number="3.5",
        form=Number(whole=True),
        expected=lambda sums, logit: _near(sums, logit),
        printed="6",
        hints=(
            "Print sums and cat_logit and compare.",
            "Count the sums between 0.8 and 1.2 times the logit.",
        ),
        meaning="For some methods the sum has a meaning, for others none: read their colours, not their amounts.",
        mistakes=(
            Mistake(
                "5",
                "gradient times input is left out",
                "Nobody promised it, but with relus and small biases it nearly is LRP-0. Count what comes out, not what was "
                "promised.",
                lambda sums, logit: _near(sums, logit, "LRP", "deep", "integrated"),
            ),
            Mistake(
                "4",
                "only LRP and deep Taylor are counted",
                "Integrated gradients promise the logit minus that of a grey picture, and gradient times input comes near "
                "too.",
                lambda sums, logit: _near(sums, logit, "LRP", "deep"),
            ),
            Mistake(
                "3",
                "only those named LRP are counted",
                "Deep Taylor is of the same family, and two kinds of gradients come near as well.",
                lambda sums, logit: _near(sums, logit, "LRP"),
            ),
            Mistake(
                "7",
                "everything above the threshold is counted",
                "Within 20 % has an upper end too: Grad-CAM's sum is a thousand times the logit.",
                lambda sums, logit: sum(total > 0.8 * logit for total in sums.values()),
            ),
        ),
    ),
    Exercise(
        number="3.6",
        form=Number(),
        expected=lambda likeness, pixels: likeness(np.abs(pixels).sum(axis=-1)),
        printed="0.22",
        hints=(
            "likeness takes maps (N, height, width): sum np.abs(pixels) over its last axis.",
            "likeness(np.abs(pixels).sum(axis=-1))",
        ),
        meaning="The picture as a factor does not yet make an edge detector: 0.7 must come from elsewhere.",
        mistakes=(
            Mistake(
                "0.7",
                "it is guessed by looking",
                "So like are LRP, deep Taylor and guided backpropagation. The input alone is bright surfaces, not outlines.",
                when=lambda value: 0.65 <= value.max() <= 0.75,
            ),
            Mistake(
                "0.27",
                "the absolute value is missing",
                "Colours above and below the mean cancel then. Absolute value first, then the sum over the colours.",
                lambda likeness, pixels: likeness(pixels.sum(axis=-1)),
            ),
            Mistake(
                "0.18",
                "the largest colour is taken instead of the sum",
                "The question asks for the sum of the absolute values over the colours.",
                lambda likeness, pixels: likeness(np.abs(pixels).max(axis=-1)),
            ),
            Mistake(
                "0.11",
                "that is gradient times input",
                "It has the input as a factor, and the gradient as well. How is it for the input alone?",
            ),
        ),
    ),
    Exercise(
        number="3.7",
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
        number="3.8",
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
        number="3.9",
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
        number="3.10",
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
    Exercise(
        number="3.11a",
        form=Word(("positive", "negative")),
        expected="positive",
        printed="positive",
        guess=True,
        hints=("Guess: there is nothing to compute.", "Guess: there is nothing to compute."),
        meaning="Methods that point better keep *more* likeness to the maps of random networks.",
        mistakes=(
            Mistake(
                "negative",
                "good methods are taken to be good at everything",
                "One would think that a method that finds the thing has read the network. But part of the drawing comes "
                "from the picture itself, and that part survives when the weights are destroyed.",
            ),
        ),
    ),
    Exercise(
        number="3.11b",
        form=Number(),
        expected=lambda table: _agreement(table, "own mass", "random: absolute"),
        printed="0.70",
        hints=(
            "sanity.rank_agreement(table, first column, second column) gives the correlation and the number of methods.",
            'sanity.rank_agreement(real, "own mass", "random: absolute")[0]',
        ),
        meaning="Pointing well is no proof of having read the network: part of the drawing comes from the picture.",
        mistakes=(
            Mistake(
                "-0.70",
                "the sign is turned round",
                "Look at the table: who stands high in own mass keeps more likeness, not less.",
                lambda table: -_agreement(table, "own mass", "random: absolute"),
            ),
            Mistake(
                "-0.66",
                "the likeness with sign is taken",
                "That is the column random: spearman. A random network turns the sign of a map round, so ask for the "
                "absolute one.",
                lambda table: _agreement(table, "own mass", "random: spearman"),
            ),
            Mistake(
                "-0.06",
                "the three baselines are counted too",
                "They never ask a network, so nothing changes for them. real is the table without them.",
                lambda everything: _agreement(everything, "own mass", "random: absolute"),
            ),
            Mistake(
                "0.51",
                "flipping is taken instead of own mass",
                "That asks the network. The question is about the mask: own mass.",
                lambda table: _agreement(table, "flipping", "random: absolute"),
            ),
            Mistake(
                "13",
                "that is the number of methods",
                "rank_agreement gives two things, the correlation first.",
                lambda table: len(table.rows),
            ),
        ),
    ),
    Exercise(
        number="3.12",
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
    Exercise(
        number="3.13",
        form=Number(whole=True),
        expected=lambda kept: np.sum(np.asarray(kept) > 0.1),
        printed="0 of 4",
        hints=(
            "Print kept, one number for each layer.",
            "np.sum(kept > 0.1)",
        ),
        meaning="The gradient passes through every layer: whichever is re-drawn, nothing is left of its map.",
        mistakes=(
            Mistake(
                "3",
                "the layers left alone are taken to keep the map",
                "The gradient is a product over all layers. One random factor is enough to spoil it.",
            ),
            Mistake(
                "4",
                "the maps are taken to stay",
                "That would be a map which does not depend on the weights. Look at the four numbers in kept.",
                lambda kept: len(kept),
            ),
            Mistake(
                "1",
                "the first layer is taken for that of LRP",
                "LRP keeps something when conv1 is re-drawn, for its rule there does not look at the weights. The "
                "gradient does.",
            ),
            Mistake(
                "2",
                "the dense layers are taken to be the only ones that count",
                "Look at the four numbers in kept: which of them are above 0.1?",
            ),
        ),
    ),
    Exercise(
        number="3.14",
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
    Exercise(
        number="3.15",
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
