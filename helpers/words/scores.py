"""How much does each word of a sentence count? LRP, gradients, and leaving words out, all with one calling form:

    scores = method(network, words, target)

* ``network`` is a :class:`helpers.words.sentiment.SentimentNetwork`;
* ``words`` are word numbers (N, T) as ``helpers.words.text.encode`` gives them, 0 for padding;
* ``target`` is the side that is explained: 1 for positive (the logit y itself), -1 for negative (-y), or one of them
  for each sentence;
* the scores are (N, T), zero at the padding. ``METHODS`` lists the methods by name.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import real_array, shown
from helpers.course.backend import keras
from helpers.course.networks import compiled, score_gradients
from helpers.course.targets import batches
from helpers.words.lstm import lstm_relevance, lstm_scores, read_lstm
from helpers.words.sentiment import SentimentNetwork
from helpers.words.text import PADDING, UNKNOWN, encode, split_into_words

_BATCH = 128  # sentences at once: bounds the memory


@dataclass(frozen=True)
class ExplainedSentence:
    """A sentence, word by word.

    Attributes
    ----------
    words : T strings, in lower case
    known : (T,) of bool, False for words that the network never learned
    scores : (T,), what the method gives each word
    logit : what the network says of the sentence
    method : the method's name
    """

    words: tuple[str, ...]
    known: np.ndarray
    scores: np.ndarray
    logit: float
    method: str


def lrp_words(network: SentimentNetwork, words, target=1) -> np.ndarray:
    """Layer-wise relevance propagation (Arras et al. 2017): a word's relevance is the sum over its embedding.

    In each sentence the scores sum to the logit, but for the rest at the LSTM's initial states.
    """
    words, sides = _checked(network, words, target)
    lstm, scores = read_lstm(network.model), np.zeros(words.shape, sides.dtype)
    for rows, longest in _by_length(words):
        part = words[rows, :longest]
        found = lstm_relevance(lstm, embedded_words(network, part), sides[rows, np.newaxis], part != PADDING)
        scores[rows, :longest] = found.words
    return scores


def gradient_words(network: SentimentNetwork, words, target=1) -> np.ndarray:
    """Sensitivity: the squared length of the logit's gradient by a word's embedding. Never negative, so without a side."""
    gradient, _ = _gradient(network, *_checked(network, words, target))
    return (gradient**2).sum(axis=-1)


def gradient_times_input_words(network: SentimentNetwork, words, target=1) -> np.ndarray:
    """Gradient times input: sum over the embedding of x * dy/dx, the logit's first-order change with the word's size."""
    gradient, embedded = _gradient(network, *_checked(network, words, target))
    return (gradient * embedded).sum(axis=-1)


def leave_out_words(network: SentimentNetwork, words, target=1) -> np.ndarray:
    """How far the explained score falls when the word is left out, one word at a time; see :func:`score_without`."""
    words, sides = _checked(network, words, target)
    falls = np.zeros(words.shape, sides.dtype)
    full = score_without(network, words, np.ones(words.shape, bool))
    for sentences, longest in _by_length(words):
        rows, places = np.nonzero(words[sentences, :longest])
        copies = words[sentences][rows, :longest]
        kept = np.ones(copies.shape, bool)
        kept[np.arange(len(copies)), places] = False
        falls[sentences[rows], places] = full[sentences[rows]] - score_without(network, copies, kept)
    return falls * sides[:, np.newaxis]


METHODS = {
    "LRP": lrp_words,
    "gradient x input": gradient_times_input_words,
    "gradient": gradient_words,
    "leaving out": leave_out_words,
}


def score_without(network: SentimentNetwork, words: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The logits (N,) of sentences of which only the words ``kept``, (N, T) of bool, are left.

    Zeros stand in place of the embedding of a deleted word, as in Arras et al. 2017.
    """
    lstm, scores = read_lstm(network.model), np.zeros(len(words), network.model.outputs[0].dtype)
    for rows, longest in _by_length(words):
        part = words[rows, :longest]
        embedded = embedded_words(network, part) * kept[rows, :longest, np.newaxis]
        scores[rows] = lstm_scores(lstm, embedded, part != PADDING)[:, 0]
    return scores


def explain_sentence(network: SentimentNetwork, text: str, method: str = "LRP", target: int = 1) -> ExplainedSentence:
    """What a method makes of one sentence, typed as it comes.

    Raises
    ------
    ValueError
        If the method is unknown, or the sentence has no word, or none that the network knows.
    """
    if method not in tuple(METHODS):
        raise ValueError(f"The methods are {', '.join(map(repr, METHODS))}; got {method!r}.")
    words = encode(network.vocabulary, [text], known=True)
    if np.ndim(target):
        raise ValueError(f"The target of one sentence is 1 (positive) or -1 (negative); got {shown(target)}.")
    logit = score_without(network, words, np.ones(words.shape, bool))[0]
    scores = METHODS[method](network, words, target)[0]
    return ExplainedSentence(tuple(split_into_words(text)), words[0] != UNKNOWN, scores, float(logit), method)


def _by_length(words: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Positions of sentences of similar length, and the length of their longest: padding costs time."""
    lengths = (np.arange(1, words.shape[1] + 1) * (words != PADDING)).max(axis=1)
    order = np.argsort(lengths, kind="stable")
    for part in batches(len(words), _BATCH):
        yield order[part], max(1, int(lengths[order[part]].max()))


def embedded_words(network: SentimentNetwork, words: np.ndarray) -> np.ndarray:
    """The embeddings (N, T, E) of words."""
    return network.model.get_layer("embedding").get_weights()[0][words]


def _gradient(network: SentimentNetwork, words: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of side * logit by the embeddings, and these, both (N, T, E), zero at the padding."""
    gradient = compiled(network.model, _score_gradient, "embedding")
    both = np.zeros((2, *words.shape, network.model.get_layer("embedding").output_dim), sides.dtype)
    for rows, longest in _by_length(words):
        part = words[rows, :longest]
        found = np.stack([keras.ops.convert_to_numpy(array) for array in gradient(part, sides[rows, np.newaxis])])
        both[:, rows, :longest] = np.where((part != PADDING)[..., np.newaxis], found, 0)
    return both[0], both[1]


def _score_gradient(forward: Callable) -> Callable:
    def gradient(words, sides):
        (embedded,), (found,) = score_gradients(forward, words, sides)
        return found, embedded

    return gradient


def _checked(network: SentimentNetwork, words, target) -> tuple[np.ndarray, np.ndarray]:
    """Word numbers (N, T) and sides (N,), or an error that says what is wanted."""
    words, sides = real_array("Words", words), real_array("The target", target)
    if words.ndim != 2 or words.dtype.kind not in "iu" or 0 in words.shape:
        raise ValueError(
            f"Words are numbers (N, T), as encode(vocabulary, [sentence]) gives them; got {words.dtype} {words.shape}."
        )
    if words.min() < 0 or words.max() >= len(network.vocabulary):
        raise ValueError(
            f"This vocabulary has the numbers 0 to {len(network.vocabulary) - 1}; got {words.min()} to {words.max()}. "
            "Encode the sentences with the network's own vocabulary."
        )
    if sides.shape not in ((), (len(words),)) or not np.isin(sides, (-1, 1)).all():
        raise ValueError(
            f"The target is 1 (positive) or -1 (negative), one for all or for each of {len(words)} sentences; "
            f"got {target!r}."
        )
    sides = np.broadcast_to(sides, (len(words),)).astype(network.model.outputs[0].dtype)
    return words.astype(np.int32, copy=False), sides
