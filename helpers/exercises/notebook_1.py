"""The exercises of notebook 1, gradients and Taylor coefficients."""

import numpy as np

from helpers.exercises.answers import Number, Numbers, Word
from helpers.exercises.exercise import Exercise, Mistake, table

COMBINATIONS = Word(("sum", "difference", "product"))


def _steps_until(coefficients, share, steps):
    return steps[np.argmax(np.asarray(coefficients) > share)]


def _mass(p, eta, phi):
    return np.sqrt(2 * p[0] * p[1] * (np.cosh(eta[0] - eta[1]) - np.cos(phi[0] - phi[1])))


EXERCISES = table(
    Exercise(
        number="1.1",
        form=Number(whole=True),
        expected=lambda weights: sum(part.size for part in weights),
        printed="401",
        hints=(
            "Every neuron has one weight for each of its inputs, and one bias.",
            "Go through the neurons: each hidden one has as many weights as there are inputs, and a bias. The output is a "
            "neuron too, whose inputs are the hidden ones.",
        ),
        meaning="A trained network is a finite list of numbers, and all that it has learned stands in them.",
        mistakes=(
            Mistake(
                "400",
                "the bias of the output is missing",
                "The output is a neuron too: a weight for each hidden neuron, and a bias of its own.",
                lambda weights: sum(part.size for part in weights) - weights[-1].size,
            ),
            Mistake(
                "300",
                "all biases are missing",
                "These are the factors only. Each neuron also adds a number of its own, the output as well.",
                lambda weights: sum(part.size for part in weights if part.ndim == 2),
            ),
            Mistake(
                "301",
                "the biases of the hidden neurons are missing",
                "Each hidden neuron adds a bias before its tanh, just as the output does before its sigmoid.",
                lambda weights: sum(part.size for part in weights if part.ndim == 2) + weights[-1].size,
            ),
            Mistake(
                "200",
                "only the weights from the inputs to the hidden neurons are counted",
                "The output weighs the hidden neurons, and every neuron has a bias.",
                lambda weights: weights[0].size,
            ),
        ),
    ),
    Exercise(
        number="1.2",
        form=Number(share=True),
        expected=0.5,
        tolerance=0.04,
        printed="0.50",
        hints=(
            "They are the same for both classes.",
            "Such a network can only guess. What is the AUC of guessing, the chance that of a pair the signal event gets "
            "the higher response?",
        ),
        meaning="What is alike in both classes says nothing about them, however much it varies.",
        mistakes=(
            Mistake(
                "0",
                "the AUC is taken for what one gets right beyond guessing",
                "An AUC of 0 would put every pair in the wrong order; turned round, that is a perfect answer. Who guesses "
                "puts half of the pairs right.",
            ),
            Mistake(
                "1",
                "how much an input varies is taken for how much it tells",
                "They make up the first principal component because they vary together, in both classes alike.",
            ),
            Mistake(
                "0.76",
                "that is the AUC of all four inputs",
                "It comes from the first two. What do the last two know about the class?",
                lambda full_auc: full_auc,
            ),
        ),
    ),
    Exercise(
        number="1.3",
        form=Numbers(),
        expected=lambda gradient: np.abs(gradient).mean(axis=0),
        printed="0.17 and 0.17",
        hints=(
            "One number for each input: a mean over the events.",
            "Absolute value first, then the mean over the events, which are axis 0.",
        ),
        meaning="At nearly every event each input counts, here upwards and there downwards; a plain mean would say zero.",
        mistakes=(
            Mistake(
                "-0.0072 and -0.0028",
                "the absolute value is missing",
                "Here slopes up and slopes down cancel, and both inputs would seem to matter to nobody.",
                lambda gradient: gradient.mean(axis=0),
            ),
            Mistake(
                "0.0072 and 0.0028",
                "the mean was taken before the absolute value",
                "Slopes up and slopes down have cancelled by then. In task a this would not show, since all slopes point "
                "the same way there.",
                lambda gradient: np.abs(gradient.mean(axis=0)),
            ),
            Mistake(
                "0.17",
                "the mean ran over both axes",
                "That mixes the inputs. One number for each input wants the mean over the events only.",
                lambda gradient: np.abs(gradient).mean(),
            ),
            Mistake(
                "one number for each event",
                "the mean ran over the inputs",
                "The events are the rows, axis 0; their mean leaves one number for each column.",
                lambda gradient: np.abs(gradient).mean(axis=1),
            ),
            Mistake(
                "0.21 and 0.21",
                "that is the root of the mean square",
                "It is as good a size, but another one: large slopes count more. t(x) is the mean of the absolute value.",
                lambda gradient: np.sqrt((gradient**2).mean(axis=0)),
            ),
        ),
    ),
    Exercise(
        number="1.4a",
        form=COMBINATIONS,
        expected="sum",
        printed="sum",
        hints=(
            "With covariance 1 the quadratic terms cancel: what is left of (x - m)^2?",
            "-(x1 - m)^2/2 + (x1 + m)^2/2 = 2 m x1, and the same for x2.",
        ),
        meaning="The sigmoid of a sum is curved: what x1 can change depends on where on the curve x2 has put the event.",
        mistakes=(
            Mistake(
                "product",
                "a coefficient of the pair is taken for a product in the formula",
                "A curved function of a sum, such as the sigmoid, has a mixed derivative too. Write the two densities down.",
            ),
            Mistake(
                "difference",
                "the means are taken to lie across the diagonal",
                "The signal has the larger mean in both inputs, so both speak for signal with the same sign.",
            ),
        ),
    ),
    Exercise(
        number="1.4b",
        form=COMBINATIONS,
        expected="product",
        printed="product",
        hints=(
            "The means are 0 and the widths equal: which term of x S^-1 x differs between the classes?",
            "The squares have the same factor in both classes and cancel. What else is in x S^-1 x?",
        ),
        meaning="The slope in x1 goes like x2: its mean is zero, the mean of its absolute value is not.",
        mistakes=(
            Mistake(
                "sum",
                "a coefficient of a single input is taken for a term of its own",
                "The means are equal, so no term with x1 alone is left. t(x1) is a mean of absolute values: the slope in x1 "
                "can have either sign.",
            ),
            Mistake(
                "difference",
                "the narrow direction of one class is taken for both",
                "x1 - x2 is small for signal and large for background, but x1 + x2 is the other way round; together these "
                "squares leave something simpler.",
            ),
        ),
    ),
    Exercise(
        number="1.5a",
        form=Word(("a", "b", "c", "d")),
        expected="d",
        printed="d",
        hints=(
            "Look at the bars t(x1, x1) and t(x2, x2) in the figure above.",
            "In which task does it count to be near the centre or far from it, whichever way?",
        ),
        meaning="Only the widths differ there: an event far out is of the wider class, whichever way it lies.",
        mistakes=(
            Mistake(
                "a",
                "the largest coefficient of all is taken for the largest square",
                "There the means differ: more of x1 or less of it counts. Look at the squares.",
            ),
            Mistake(
                "b",
                "the pair is taken for the square",
                "There t(x1, x2) leads, the mixed one. A square is t(x1, x1).",
            ),
            Mistake(
                "c",
                "what combines most is taken for the largest square",
                "Means and correlation together make large single inputs and a large pair. Look at the squares.",
            ),
        ),
    ),
    Exercise(
        number="1.5b",
        form=Numbers(),
        expected=(1 / 10, 1 / 10, 1 / 100),
        printed="0.1, 0.1, 0.01",
        hints=(
            "The answers stay the same, so the weights of x1 become 10 times smaller.",
            "Each derivative with respect to x1 brings one such weight. Count the derivatives with respect to x1.",
        ),
        meaning="Coefficients have units: put all inputs on one scale before you compare them.",
        mistakes=(
            Mistake(
                "10, 10, 100",
                "larger numbers are taken for larger derivatives",
                "A step of 1 is now a smaller step than before, so it changes the response less.",
            ),
            Mistake(
                "1, 1, 1",
                "the same answers are taken for the same derivatives",
                "The answers stay, but a step of 1 in x1 is ten times shorter now.",
            ),
            Mistake(
                "1/10, 1/100, 1/100",
                "every second order is taken to count twice",
                "Only x1 has changed its units. In t(x1, x2) there is one derivative with respect to x1.",
            ),
            Mistake(
                "1/10, 1/10, 1/10",
                "the square is differentiated once only",
                "t(x1, x1) takes two derivatives with respect to x1, and each brings a weight of x1.",
            ),
        ),
    ),
    Exercise(
        number="1.6",
        form=Number(),
        expected=1 / 3,
        printed="1/3",
        hints=(
            "The chain rule at second order has two terms; the one with the second derivative of the sigmoid vanishes here.",
            "What is left is the slope of the sigmoid at 0, times the mixed derivative of what stands inside it.",
        ),
        meaning="Where both slopes vanish the pair is all there is: neither input says anything alone.",
        mistakes=(
            Mistake(
                "4/3",
                "the sigmoid is left out",
                "That is the mixed derivative of what stands inside. The sigmoid around it has a slope of 1/4 there.",
            ),
            Mistake(
                "0",
                "the slopes are taken for the mixed derivative",
                "Both first derivatives vanish in the centre, but their own change does not: the slope in x1 grows with x2.",
            ),
            Mistake(
                "1/4",
                "the factor inside the sigmoid is left out",
                "That is the slope of the sigmoid. What stands inside, 4/3 x1 x2, has a mixed derivative of its own.",
            ),
            Mistake(
                "1/12",
                "the factor inside has lost its 4",
                "1/4 is right for the sigmoid. The mixed derivative of 4/3 x1 x2 is 4/3, all of it.",
            ),
        ),
    ),
    Exercise(
        number="1.7",
        form=Number(whole=True, unit="steps"),
        expected=lambda steps, history, exact: _steps_until(
            [one.second[0, 1] for one in history], 0.8 * exact.second[0, 1], steps
        ),
        printed="250",
        hints=(
            "np.argmax of a condition is the first place where it holds.",
            "Collect one.second[0, 1] over history, compare with 0.8 * exact_c.second[0, 1], and look up steps there.",
        ),
        meaning="Means come first, correlations much later: who stops early has a network without them.",
        mistakes=(
            Mistake(
                "25",
                "the position in the list is taken for the number of steps",
                "history has one entry for every ten steps; steps says which number of steps belongs to it.",
                lambda steps, history, exact: np.argmax(
                    np.array([one.second[0, 1] for one in history]) > 0.8 * exact.second[0, 1]
                ),
            ),
            Mistake(
                "10",
                "that is when t(x1) gets there",
                "The single input needs this many. The pair is second[0, 1].",
                lambda steps, history, exact: _steps_until(
                    [one.first[0] for one in history], 0.8 * exact.first[0], steps
                ),
            ),
            Mistake(
                "20",
                "half of the value is taken for 80 %",
                "It waits on a plateau at about half; that much the curved sigmoid gives for free.",
                lambda steps, history, exact: _steps_until(
                    [one.second[0, 1] for one in history], 0.5 * exact.second[0, 1], steps
                ),
            ),
            Mistake(
                "0",
                "the condition holds nowhere, or at once",
                "np.argmax of False everywhere is 0 too. Is it the share, 0.8 times the exact value, that you compare with?",
            ),
        ),
    ),
    Exercise(
        number="1.8a",
        form=Number(share=True),
        expected=0.5,
        printed="0.5",
        hints=(
            "Both classes are the same now.",
            "No response can tell them apart. How often does a signal event get the higher response of a pair by chance?",
        ),
        meaning="No difference, no information: nobody can do better than guess.",
        mistakes=(
            Mistake(
                "0",
                "the AUC is taken for what one gets right beyond guessing",
                "Guessing puts half of the pairs in the right order.",
            ),
            Mistake(
                "1",
                "equal classes are taken for well separated ones",
                "An AUC of 1 would mean that no signal event looks like background. Here they all do.",
            ),
            Mistake(
                "0.877",
                "the sliders stand where they stood",
                "That is the AUC of distance 1 and correlation 0.5. Set both to 0 first.",
            ),
        ),
    ),
    Exercise(
        number="1.8b",
        form=Numbers(one_for_all=True),
        expected=0,
        printed="0",
        hints=(
            "The best response is the same everywhere: what are the derivatives of a constant?",
            "It is 1/2 at every event. Slopes and bends of a constant are all the same number.",
        ),
        meaning="The best response is 1/2 everywhere. What the bars show beside it is the noise of the training.",
        mistakes=(
            Mistake(
                "0.5",
                "the response is taken for its derivatives",
                "The response is 1/2 everywhere. How much does it change?",
            ),
            Mistake(
                "0.25",
                "the slope of the sigmoid is taken for that of the response",
                "sigma'(0) = 1/4, but what stands inside the sigmoid is 0 everywhere and has no slope.",
            ),
            Mistake(
                "0.02",
                "that is the network's noise",
                "The bars are what this training gave; the exact values stand in brackets.",
                when=lambda value: 0 < np.abs(value).max() < 0.15,
            ),
        ),
    ),
    Exercise(
        number="1.9",
        form=Number(unit="GeV"),
        expected=_mass,
        printed="99 GeV",
        hints=(
            "The square root comes last; angles are in radians.",
            "np.sqrt(2 * p[0] * p[1] * (np.cosh(difference of eta) - np.cos(difference of phi))).",
        ),
        meaning="A mass is a large momentum or a large angle; only both together say which, and the network has found that.",
        mistakes=(
            Mistake(
                "9,700",
                "the square root is missing",
                "That is the mass squared, in GeV squared.",
                lambda p, eta, phi: _mass(p, eta, phi) ** 2,
            ),
            Mistake(
                "70 GeV",
                "the factor 2 is missing",
                "It is 2 p1 p2, as in the square of a sum.",
                lambda p, eta, phi: _mass(p, eta, phi) / np.sqrt(2),
            ),
            Mistake(
                "32 GeV",
                "the difference of the angles is missing in the bracket",
                "cosh and cos take differences: eta[0] - eta[1] and phi[0] - phi[1].",
                lambda p, eta, phi: np.sqrt(2 * p[0] * p[1] * (np.cosh(eta[0]) - np.cos(phi[0]))),
            ),
            Mistake(
                "3.7 GeV",
                "the momenta are missing",
                "That is the angular part only.",
                lambda p, eta, phi: _mass([1, 1], eta, phi),
            ),
        ),
    ),
    Exercise(
        number="1.10",
        form=Number(),
        expected=0.03 * np.sqrt(9000) / 600,
        printed="0.47 %",
        hints=(
            "Counting 9,000 events varies by the root of that number. How much of the 600 is it?",
            "At first order a shift of the energy by 3 % times a factor moves the background by 600 times that factor.",
        ),
        meaning="Some six times better than it is. Or one trains a network that does not care so much.",
        mistakes=(
            Mistake(
                "1.1 %",
                "that is how well the background has to be known",
                "The background moves by more than the energy does: 3 % give 600 of 9,000.",
                lambda: np.sqrt(9000) / 9000,
            ),
            Mistake(
                "0.16",
                "the factor is taken for the uncertainty",
                "By this factor 600 has to shrink, and with it the 3 %.",
                lambda: np.sqrt(9000) / 600,
            ),
            Mistake(
                "19 %",
                "the fraction is turned round",
                "The energy has to be known better than to 3 %, since 600 is more than the root of 9,000.",
                lambda: 0.03 * 600 / np.sqrt(9000),
            ),
            Mistake(
                "45 %",
                "the root is missing",
                "Counting 9,000 events varies by the root of 9,000, which is 95.",
                lambda: 0.03 * 9000 / 600,
            ),
            Mistake(
                "0.075 %",
                "the factor is squared",
                "Variances add, but a shift of half the size moves the background by half as much, not by a quarter.",
                lambda: 0.03 * 9000 / 600**2,
            ),
        ),
    ),
)
