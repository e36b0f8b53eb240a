"""The exercises of notebook 2, VGG16 from the inside."""

import numpy as np

from helpers.exercises.answers import Number, Numbers
from helpers.exercises.exercise import Exercise, Mistake, table


def _balances(kernel):
    return np.abs(kernel.sum(axis=(0, 1))).sum(axis=0) / np.abs(kernel).sum(axis=(0, 1, 2))


def _balances_of_all(kernel):
    return np.abs(kernel.sum(axis=(0, 1, 2))) / np.abs(kernel).sum(axis=(0, 1, 2))


def _largest(gradient):
    return gradient.flat[np.abs(gradient).argmax()]


def _needed(contributions, share):
    """How many positive contributions, the largest first, make up this share of their sum."""
    positive = np.sort(np.maximum(contributions, 0))[::-1]
    return np.searchsorted(positive.cumsum(), share * positive.sum()) + 1


def _inside(values, mask):
    return np.sum(values * mask) / np.sum(values)


EXERCISES = table(
    Exercise(
        number="2.1",
        form=Numbers(),
        expected=((0, 0, 0), (0, 1, 0), (0, 0, 0)),
        printed="1 in the middle, else 0",
        hints=(
            "Only the pixel in the middle may count.",
            "The middle must count exactly once, its eight neighbours not at all.",
        ),
        meaning="Every pixel is once its own value: a filter is a rule for one pixel from its neighbours.",
        mistakes=(
            Mistake(
                "all 1",
                "that adds up all nine",
                "Each pixel would become the sum of its surroundings, nine times as bright.",
                lambda: np.ones((3, 3)),
            ),
            Mistake(
                "all 1/9",
                "that is the mean of all nine",
                "Such a filter blurs: each neighbour counts as much as the pixel itself.",
                lambda: np.full((3, 3), 1 / 9),
            ),
            Mistake(
                "1 on the diagonal",
                "the unit matrix is taken for the unit filter",
                "It adds up three pixels along a diagonal. A filter is laid on the picture, not multiplied as a matrix.",
                lambda: np.eye(3),
            ),
            Mistake(
                "all 0",
                "that makes everything black",
                "Something has to be left: with which weight does the pixel itself count?",
                lambda: np.zeros((3, 3)),
            ),
            Mistake(
                "1",
                "that is one weight",
                "It is the right one. Where does it stand among the nine?",
            ),
        ),
    ),
    Exercise(
        number="2.2",
        form=Number(whole=True),
        expected=3 * 3 * 256 * 256 + 256,
        printed="590,080",
        hints=(
            "3 * 3 * (maps in) * (maps out), and one bias for each map out.",
            "For one map out: 3 * 3 pixels of 256 maps and a bias. There are 256 maps out.",
        ),
        meaning="Each filter reaches through all maps below it; most weights of VGG16 come from that.",
        mistakes=(
            Mistake(
                "2,560",
                "a filter is taken for a flat 3 x 3",
                "Each filter reaches through all 256 maps below it, with 3 x 3 weights for each.",
            ),
            Mistake(
                "589,824",
                "the biases are missing",
                "Each map out gets one number added.",
            ),
            Mistake(
                "2,304",
                "these are the weights of one filter only",
                "3 x 3 x 256 make one map. The layer makes 256 of them, and adds a bias to each.",
            ),
            Mistake(
                "2,305",
                "this is one filter with its bias",
                "The layer has 256 of them.",
            ),
            Mistake(
                "655,360",
                "the biases are counted for every map below",
                "A bias belongs to a map out: there are 256 of them in all, not 256 x 256.",
            ),
        ),
    ),
    Exercise(
        number="2.3",
        form=Number(),
        expected=lambda best_logit, second_logit: np.exp(best_logit - second_logit),
        printed="9.2",
        hints=(
            "The sum over classes cancels in the ratio of two softmax values.",
            "exp(a) / exp(b) is the exp of what?",
        ),
        meaning="A difference of logits is all that tells two classes apart, whatever happens to the others.",
        mistakes=(
            Mistake(
                "1.1",
                "logits are taken for probabilities",
                "That is the ratio of the two logits. Softmax takes the exponential of each first.",
                lambda best_logit, second_logit: best_logit / second_logit,
            ),
            Mistake(
                "2.2",
                "that is the difference of the logits",
                "Right so far. Probabilities are proportional to the exponential of a logit.",
                lambda best_logit, second_logit: best_logit - second_logit,
            ),
            Mistake(
                "0.11",
                "the ratio is turned round",
                "That is how probable the second is, compared with the best.",
                lambda best_logit, second_logit: np.exp(second_logit - best_logit),
            ),
            Mistake(
                "170",
                "softmax is taken to have the base 10",
                "exp has the base e, about 2.718.",
                lambda best_logit, second_logit: 10.0 ** (best_logit - second_logit),
            ),
        ),
    ),
    Exercise(
        number="2.4",
        form=Number(whole=True),
        expected=lambda kernel: np.sum(_balances(kernel) < 0.1),
        printed="19",
        hints=(
            "Sum over height and width first, take the absolute value, then sum over the colours.",
            "kernel has the axes height, width, colours, filters. Divide by np.abs(kernel).sum(axis=(0, 1, 2)); 64 ratios "
            "remain, and the smaller ones are counted.",
        ),
        meaning="To these an even surface of any colour is nothing: they see edges only, and nobody told them to.",
        mistakes=(
            Mistake(
                "53",
                "the colours are added up before the absolute value",
                "Then red can cancel green, and a filter that answers to a colour counts as one that sees edges only.",
                lambda kernel: np.sum(_balances_of_all(kernel) < 0.1),
            ),
            Mistake(
                "45",
                "the others are counted",
                "These filters answer to an even surface of some colour. How many do not?",
                lambda kernel: np.sum(_balances(kernel) >= 0.1),
            ),
            Mistake(
                "60",
                "the absolute value is missing",
                "A filter with a large negative sum has a ratio below a tenth too.",
                lambda kernel: np.sum(kernel.sum(axis=(0, 1, 2)) / np.abs(kernel).sum(axis=(0, 1, 2)) < 0.1),
            ),
            Mistake(
                "10",
                "the sum is not divided by that of all absolute weights",
                "Strong filters have large sums. The question is how much is left over, as a share.",
                lambda kernel: np.sum(np.abs(kernel.sum(axis=(0, 1))).sum(axis=0) < 0.1),
            ),
        ),
    ),
    Exercise(
        number="2.5",
        form=Number(whole=True, unit="pixels"),
        expected=212,
        printed="212",
        hints=(
            "The pooling adds one step of the layer before it: the distance between neighbouring values.",
            "A value of block5_conv3 sees 196 pixels, and its neighbour lies 16 pixels further on.",
        ),
        meaning="It sees nearly the whole picture: where it lights up is only the middle of what it looks at.",
        mistakes=(
            Mistake(
                "228",
                "the step after the pooling is added",
                "32 pixels lie between two values of block5_pool; but it pools values of block5_conv3, which are nearer.",
            ),
            Mistake(
                "196",
                "pooling is taken to see nothing new",
                "That is block5_conv3. The pooling looks at 2 x 2 of its values, so at a neighbour too.",
            ),
            Mistake(
                "198",
                "pixels of the layer are taken for pixels of the picture",
                "A step in this layer is many pixels of the picture.",
            ),
            Mistake(
                "224",
                "the picture's side is taken for what is seen",
                "Nearly: a value deep down sees almost the whole picture, and yet not all of it.",
            ),
            Mistake(
                "392",
                "the pooling is taken to double what is seen",
                "The two values that it compares see nearly the same pixels; the second sees one step further.",
            ),
        ),
    ),
    Exercise(
        number="2.6",
        form=Number(),
        expected=lambda gradient, step: _largest(gradient) * step,
        printed="0.0043",
        hints=(
            "To first order a change is the slope times the step.",
            "gradient[place] is the change for a step of 1. How long is the step here?",
        ),
        meaning="The prediction is near what was measured; the rest are relus and maxima that switch on the way.",
        mistakes=(
            Mistake(
                "0.00086",
                "a slope is taken for a change",
                "That is the gradient, the change for a step of 1. The step here is longer.",
                lambda gradient: _largest(gradient),
            ),
            Mistake(
                "0.0042",
                "that is what was measured",
                "The question is what the gradient predicts without measuring. How near the two are is the check.",
                lambda moved: moved,
            ),
            Mistake(
                "0.00017",
                "it is divided by the step",
                "A longer step makes a larger change.",
                lambda gradient, step: _largest(gradient) / step,
            ),
            Mistake(
                "0.011",
                "the step is squared",
                "Half the square of the step belongs to the second derivative. First order is slope times step.",
                lambda gradient, step: _largest(gradient) * step**2 / 2,
            ),
        ),
        tolerance=0.005,
    ),
    Exercise(
        number="2.7",
        form=Number(whole=True),
        expected=lambda contributions: _needed(contributions, 0.5),
        printed="8 of 512",
        hints=(
            "Sort the positive ones, largest first; where does their cumulative sum reach one half?",
            "np.argmax of cumulative sum >= half of it is a position, counted from zero.",
        ),
        meaning="Few channels carry a class; the first alone brings a quarter here.",
        mistakes=(
            Mistake(
                "7",
                "it is counted from zero",
                "np.argmax and np.searchsorted give a position. How many channels are there up to that one?",
                lambda contributions: _needed(contributions, 0.5) - 1,
            ),
            Mistake(
                "256",
                "half of the channels is taken for half of the sum",
                "Channels are far from equal here. Sort them and add up.",
                lambda contributions: len(contributions) // 2,
            ),
            Mistake(
                "4",
                "the negative ones are part of the sum",
                "Half of all *positive* contributions is asked for; the negative ones make the sum smaller.",
                lambda contributions: (
                    np.searchsorted(np.sort(np.maximum(contributions, 0))[::-1].cumsum(), 0.5 * contributions.sum()) + 1
                ),
            ),
            Mistake(
                "505",
                "they are sorted from the smallest on",
                "The largest come first: np.sort sorts upwards, [::-1] turns it round.",
                lambda contributions: (
                    np.searchsorted(
                        np.sort(np.maximum(contributions, 0)).cumsum(), 0.5 * np.maximum(contributions, 0).sum()
                    )
                    + 1
                ),
            ),
            Mistake(
                "287",
                "they are not sorted",
                "In the order of the channels it takes longer. The largest first.",
                lambda contributions: (
                    np.searchsorted(np.maximum(contributions, 0).cumsum(), 0.5 * np.maximum(contributions, 0).sum()) + 1
                ),
            ),
        ),
    ),
    Exercise(
        number="2.8",
        form=Number(),
        expected=-1,
        printed="-1",
        hints=(
            "The class activation map is linear in the weights of the question.",
            "First +1 and second -1 become first -1 and second +1: each weight is multiplied by what?",
        ),
        meaning="The map is linear in the weights of the question: what spoke for the one speaks against the other.",
        mistakes=(
            Mistake(
                "1",
                "the question is taken to be the same",
                'It is about the same two classes, but "why a and not b" and "why b and not a" have opposite answers.',
            ),
            Mistake(
                "0",
                "the two are taken to cancel",
                "They would cancel if you added the two maps. The question is by which factor one differs from the other.",
            ),
            Mistake(
                "-2",
                "the difference is taken for the factor",
                "The map changes *by* minus twice itself. The factor is what it is multiplied by.",
            ),
        ),
    ),
    Exercise(
        number="2.9",
        form=Number(share=True),
        expected=lambda chosen, falls: np.mean(falls >= chosen),
        printed="0.061",
        hints=(
            "falls >= chosen is True for the squares that cost at least as much, the chosen one among them.",
            "Which share of all 49 is it?",
        ),
        meaning="Above one in twenty: for one picture alone this is no proof, and the squares overlap besides.",
        tolerance=0.01,
        mistakes=(
            Mistake(
                "0.041",
                "the chosen square is left out",
                "A rank counts the square itself: the best of 49 has a chance of 1/49, not of 0.",
                lambda chosen, falls: np.mean(falls > chosen),
            ),
            Mistake(
                "0.08",
                "the chosen square is counted twice",
                "One is added where the others are drawn at random. Here it is among the 49 already.",
                lambda chosen, falls: (np.sum(falls >= chosen) + 1) / (len(falls) + 1),
            ),
            Mistake(
                "0.94",
                "those that cost less are counted",
                "The question is how many cost at least as much as the chosen one.",
                lambda chosen, falls: np.mean(falls < chosen),
            ),
            Mistake(
                "3",
                "it is not divided by the number of squares",
                "That many squares cost at least as much, the chosen one included. Out of how many?",
                lambda chosen, falls: np.sum(falls >= chosen),
            ),
        ),
    ),
    Exercise(
        number="2.10",
        form=Number(share=True),
        expected=lambda mask, coarse, enlarge: _inside(enlarge(coarse[np.newaxis], mask.shape)[0], mask),
        printed="0.74",
        hints=(
            "vgg16.enlarge takes maps with a batch axis, coarse[np.newaxis]; photos.mass_inside compares with the mask.",
            "photos.mass_inside(vgg16.enlarge(coarse[np.newaxis], mask.shape)[0], mask)",
        ),
        meaning="Even a perfect map of this size loses that much; what Grad-CAM loses beyond it is its own fault.",
        tolerance=0.01,
        mistakes=(
            Mistake(
                "1",
                "a perfect map is taken to stay perfect",
                "Averaged down, the border of the elephant is shared between inside and outside, and enlarging smears it.",
            ),
            Mistake(
                "0.13",
                "that is the chance level",
                "It is the share of the picture that the mask covers, what a map without any knowledge would get.",
                lambda mask: np.mean(mask),
            ),
            Mistake(
                "0.77",
                "it is enlarged in steps",
                "That repeats each value. vgg16.enlarge draws lines between the values, as for Grad-CAM, and smears more.",
                lambda mask, coarse: _inside(
                    np.kron(coarse, np.ones((len(mask) // len(coarse), mask.shape[1] // coarse.shape[1]))), mask
                ),
            ),
            Mistake(
                "0.63",
                "that is what Grad-CAM has on its own mask",
                "The question is about the mask itself as a map: coarse, enlarged.",
            ),
        ),
    ),
    Exercise(
        number="2.11",
        form=Number(),
        expected=lambda chosen, falls: chosen - falls.mean(),
        printed="2.5",
        hints=(
            "The fall for the chosen square, compared with all on average.",
            "chosen_of_mine - falls_of_mine.mean()",
        ),
        meaning="Above zero its square costs more than an average one. A random one often does too: look at its rank.",
        mistakes=(
            Mistake(
                "3.5",
                "nothing is compared with chance",
                "Hiding anything makes the logit fall. How much further does it fall for this square?",
                lambda chosen: chosen,
            ),
            Mistake(
                "1.0",
                "that is what chance gives",
                "It is the mean over all squares. How much more does the chosen one give?",
                lambda falls: falls.mean(),
            ),
            Mistake(
                "2.6",
                "it is compared with the median",
                "That is a fair question too, half of the squares cost less. Here the mean is asked for.",
                lambda chosen, falls: chosen - np.median(falls),
            ),
            Mistake(
                "3.51",
                "the ratio is taken",
                "How much further is a difference of logits.",
                lambda chosen, falls: chosen / falls.mean(),
            ),
        ),
    ),
    Exercise(
        number="2.12",
        form=Number(share=True),
        expected=lambda maps: np.mean(maps.max(axis=(0, 1)) == 0),
        printed="0.16",
        hints=(
            "A silent channel is zero everywhere: what is the largest value of each channel?",
            "maps.max(axis=(0, 1)) gives 512 largest values. Which share of them is zero?",
        ),
        meaning="A silent channel found its pattern nowhere in the picture; here that is about one in six.",
        mistakes=(
            Mistake(
                "0.90",
                "that is the share of values that are zero",
                "A channel is silent only if *all* its places are zero. Look at each channel by itself first.",
                lambda maps: np.mean(maps == 0),
            ),
            Mistake(
                "0.84",
                "the active channels are counted",
                "These have a value above zero somewhere. The silent ones are the others.",
                lambda maps: np.mean(maps.max(axis=(0, 1)) > 0),
            ),
            Mistake(
                "84",
                "that is the number of silent channels",
                "Which share of all of them is it?",
                lambda maps: np.sum(maps.max(axis=(0, 1)) == 0),
            ),
            Mistake(
                "1",
                "every channel is zero somewhere",
                "You asked for the smallest value of each channel. Silent is who has a *largest* value of zero.",
                lambda maps: np.mean(maps.min(axis=(0, 1)) == 0),
            ),
        ),
    ),
)
