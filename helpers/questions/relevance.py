"""Why this answer to this question? Relevance of the pixels and of the words, all methods in one calling form:

    found = method(network, inputs, words, target)

* ``network`` is a :class:`helpers.questions.network.QuestionNetwork`;
* ``inputs`` are preprocessed pictures (N, 96, 96, 3), ``words`` word numbers (N, T), 0 for padding:
  ``network.preprocess(pictures)`` and ``network.encode(questions)``;
* ``target`` is the answer that is explained, as in :mod:`helpers.course.targets`: ``network.class_index("yes")``, one
  for each picture, or weights (N, answers).

``METHODS`` lists the methods by name.

**LRP** goes back on both ways in one pass (:mod:`helpers.lrp.walk`). The way to the picture and the way to the words
part where the question steers the picture, (1 + gamma) x + beta: a sum of two terms. Its first term is a product of a
signal and of what says how much of it passes; as in the LSTM rule (Arras et al. 2017, arXiv:1706.07206) the signal
takes all, so that relevance goes on to the picture. What the second term gets goes to the words: through the layer that
made beta to the last states of the LSTM, and from these by :mod:`helpers.words.lstm` to the embeddings. Words that only
choose, by gamma, what of the picture passes, get nothing by it: the words' share is what they say of themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import whole_number
from helpers.course.backend import keras, tf
from helpers.course.networks import once
from helpers.course.targets import batches, checked_inputs, output_weights
from helpers.lrp.explanation import lrp
from helpers.lrp.rules import CONVOLUTION, DENSE, FIRST, Composite, epsilon, flat, gamma
from helpers.questions.network import QuestionNetwork, compiled
from helpers.questions.scenes import SIDE
from helpers.vgg16.cam import enlarge, weighted_maps
from helpers.vgg16.gradients import MOST_STEPS, gauss_legendre, pixel_map
from helpers.words.lstm import read_lstm, relevance_from_states
from helpers.words.text import PADDING

_BATCH = 20  # pictures at a time: bounds the memory


@dataclass(frozen=True)
class QuestionRelevance:
    """What a method says of N questions about N pictures.

    Attributes
    ----------
    pixels : (N, 96, 96), the sum over the three colours, or their largest absolute gradient
    words : (N, T), the sum over a word's embedding, 0 at the padding; None where a method says nothing of words
    """

    pixels: np.ndarray
    words: np.ndarray | None


def question_rules() -> Composite:
    """The epsilon rule for what reads the LSTM's states and for dense layers, gamma for convolutions, the first one flat.

    Chosen among a dozen by the share of relevance on the things that a question is about, on questions that are not
    scored anywhere; with z+ in place of gamma it falls from 0.64 to 0.58.
    """
    words = ("*_words", epsilon())  # the states are an input too, but nothing that a rule for pixels suits
    return Composite("EpsilonGammaFlat", (words, (FIRST, flat()), (CONVOLUTION, gamma()), (DENSE, epsilon())))


def lrp_question(network: QuestionNetwork, inputs, words, target, rule=None) -> QuestionRelevance:
    """Layer-wise relevance propagation to pixels and words. ``rule`` as in :func:`helpers.lrp.explanation.lrp`, by default
    :func:`question_rules`."""
    inputs, words, _ = _checked(network, inputs, words, target)
    at_pixels, at_states = lrp(
        behind_the_reading(network),
        [inputs, _states(network, words)],
        target,
        rule or question_rules(),
        batch_size=_BATCH,
    )
    at_words, _ = relevance_from_states(*_language(network, words), at_states, words != PADDING)
    return QuestionRelevance(pixel_map(at_pixels, "sum"), at_words.sum(axis=-1))


def gradient_question(network: QuestionNetwork, inputs, words, target) -> QuestionRelevance:
    """Sensitivity: the largest absolute gradient over the colours of a pixel, and the squared length of the gradient by a
    word's embedding. Never negative."""
    at_pixels, at_words, _ = _gradient(network, *_checked(network, inputs, words, target))
    return QuestionRelevance(pixel_map(at_pixels, "largest"), (at_words**2).sum(axis=-1))


def gradient_times_input_question(network: QuestionNetwork, inputs, words, target) -> QuestionRelevance:
    """x * df/dx, summed over the colours of a pixel and over the embedding of a word."""
    inputs, words, weights = _checked(network, inputs, words, target)
    at_pixels, at_words, embedded = _gradient(network, inputs, words, weights)
    return QuestionRelevance(pixel_map(at_pixels * inputs, "sum"), (at_words * embedded).sum(axis=-1))


def integrated_gradients_question(
    network: QuestionNetwork, inputs, words, target, steps: int = 16
) -> QuestionRelevance:
    """Integrated gradients (Sundararajan, Taly and Yan 2017, arXiv:1703.01365) from a grey picture and embeddings of
    zero to picture and question, both on one straight line: pixels and words together sum to the difference of the
    scores.

    The mean is that of :func:`helpers.vgg16.gradients.integrated_gradients`, at ``steps`` points. The line has many
    kinks: with 16 points the sum is still off by a fifth in places, with 256 by one in a hundred.
    """
    steps = whole_number("steps", steps, 1, MOST_STEPS)
    inputs, words, weights = _checked(network, inputs, words, target)
    at_pixels, at_words = np.zeros_like(inputs), 0
    for place, share in zip(*gauss_legendre(steps), strict=True):
        by_pixels, by_words, embedded = _gradient(network, inputs, words, weights, place)
        at_pixels += np.float32(share) * by_pixels
        at_words = at_words + np.float32(share) * by_words
    return QuestionRelevance(pixel_map(at_pixels * inputs, "sum"), (at_words * embedded).sum(axis=-1))


def grad_cam_question(network: QuestionNetwork, inputs, words, target) -> QuestionRelevance:
    """Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) at the map of 12 x 12 places that the eyes hand on, enlarged.
    It says nothing of words."""
    inputs, words, weights = _checked(network, inputs, words, target)
    part = compiled(network, _map_gradient)
    found = [part(inputs[rows], words[rows], weights[rows]) for rows in batches(len(inputs), _BATCH)]
    maps = np.concatenate([np.asarray(batch) for batch in found])
    return QuestionRelevance(enlarge(np.maximum(maps, 0), (SIDE, SIDE)), None)


METHODS: dict[str, Callable[..., QuestionRelevance]] = {
    "LRP": lrp_question,
    "gradient x input": gradient_times_input_question,
    "integrated gradients": integrated_gradients_question,
    "gradient": gradient_question,
    "Grad-CAM": grad_cam_question,
}


def behind_the_reading(network: QuestionNetwork) -> keras.Model:
    """The network cut where the words have been read: from [pictures, last states of the LSTM] to logits, with the
    network's own weights."""
    eyes, reasoning = network.eyes, network.reasoning

    def make():
        seen, both = eyes.inputs[0], reasoning.get_layer("bidirectional").output
        picture, states = keras.Input(seen.shape[1:], name="picture"), keras.Input(both.shape[1:], name="states")
        scores = _behind_the_words(reasoning)([eyes(picture), states])
        return keras.Model([picture, states], scores, name="seeing")

    return once(network.model, behind_the_reading, make)


def _behind_the_words(reasoning: keras.Model) -> keras.Model:
    """All behind the LSTM: from [map, states] to logits."""
    both = reasoning.get_layer("bidirectional").output
    return keras.Model([reasoning.inputs[0], both], reasoning.outputs[0], name="behind")


def _language(network: QuestionNetwork, words: np.ndarray):
    embedding = network.reasoning.get_layer("embedding").get_weights()[0]
    return read_lstm(network.reasoning, output=None), embedding[words]


def _checked(network: QuestionNetwork, inputs, words, target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures, word numbers and weights (N, answers), or an error that says what is wanted."""
    numbers = np.asarray(words)
    if (
        numbers.dtype.kind not in "iu"
        or numbers.ndim != 2
        or not 0 <= numbers.min(initial=0) <= numbers.max(initial=0) <= len(network.words)
    ):
        raise ValueError(
            f"Words are whole numbers from 0 to {len(network.words)}, as network.encode([question]) gives them; got "
            f"{numbers.dtype} of shape {numbers.shape}."
        )
    inputs, numbers = checked_inputs(network.model, [inputs, numbers])
    return inputs, numbers, output_weights(network.model, len(inputs), target)


def _states(network: QuestionNetwork, words: np.ndarray) -> np.ndarray:
    """The last states of the LSTM, both directions."""
    read = compiled(network, _reading)
    return np.concatenate([np.asarray(read(words[rows])) for rows in batches(len(words), _BATCH)])


def _gradient(network: QuestionNetwork, inputs, words, weights, share: float = 1.0) -> list[np.ndarray]:
    """The gradients by pixels and by embeddings, and the embeddings, where both are ``share`` of what they are."""
    part = compiled(network, _both_gradients)
    found = [part(inputs[rows], words[rows], weights[rows], np.float32(share)) for rows in batches(len(inputs), _BATCH)]
    return [np.concatenate([np.asarray(batch[i]) for batch in found]) for i in range(3)]


def _reading(_: keras.Model, reasoning: keras.Model) -> Callable:
    read = keras.Model(reasoning.inputs[1], reasoning.get_layer("bidirectional").output, name="reading")
    return lambda words: read(words, training=False)


def _both_gradients(eyes: keras.Model, reasoning: keras.Model) -> Callable:
    behind = _behind_the_words(reasoning)
    embedding, bidirectional = (reasoning.get_layer(name) for name in ("embedding", "bidirectional"))

    def gradients(inputs, words, weights, share):
        embedded = embedding(words)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            scaled = [share * inputs, share * embedded]
            tape.watch(scaled)
            states = bidirectional(scaled[1], mask=words != PADDING)
            logits = behind([eyes(scaled[0], training=False), states], training=False)
            score = tf.reduce_sum(weights * logits)
        at_pixels, at_words = tape.gradient(score, scaled)
        here = tf.cast(words != PADDING, embedded.dtype)[..., tf.newaxis]
        return at_pixels, at_words * here, embedded * here

    return gradients


def _map_gradient(eyes: keras.Model, reasoning: keras.Model) -> Callable:
    def gradient(inputs, words, weights):
        seen = eyes(inputs, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(seen)
            logits = reasoning([seen, words], training=False)
            score = tf.reduce_sum(weights * logits)
        return weighted_maps(seen, tape.gradient(score, seen))

    return gradient
