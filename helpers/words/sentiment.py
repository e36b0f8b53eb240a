"""A bidirectional LSTM that says whether a sentence about a film is positive or negative.

Words become embeddings, one LSTM reads them forwards and one backwards (Hochreiter and Schmidhuber 1997; Schuster and
Paliwal 1997), and a linear layer turns the two last states into one number, the logit:

    logit > 0: positive,  logit < 0: negative,  p(positive) = sigmoid(logit)

One logit is enough for two sides, and relevance starts from it: what is positive speaks for a positive sentence.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from helpers.course.arguments import LARGEST_SEED, finite_array, real_number, whole_number, within
from helpers.course.backend import keras, let_go, tf
from helpers.course.networks import LARGEST_STEP, Progress, gradient_step
from helpers.words.text import PADDING, RatedTexts, Vocabulary, build_vocabulary, encode

STEEPNESS = 1.5  # the network learns p(positive) = sigmoid(STEEPNESS * mean rating)
_BUCKET = 20  # batches whose sentences are sorted by length together: short ones need not be padded to long ones


@dataclass(frozen=True)
class SentimentNetwork:
    """A Keras model from word numbers (N, T) to logits (N, 1), and the vocabulary that gives the numbers.

    Attributes
    ----------
    model, vocabulary : the two
    loss : mean training loss (cross entropy) of every epoch
    """

    model: keras.Model
    vocabulary: Vocabulary
    loss: tuple[float, ...] = ()


@dataclass(frozen=True)
class SentimentQuality:
    """How well logits fit the ratings of people.

    Attributes
    ----------
    signs : share of right signs, by the least |rating| of the sentences counted
    counts : how many sentences that are
    correlation : Pearson's, of the logit with the mean rating
    """

    signs: dict[float, float]
    counts: dict[float, int]
    correlation: float


def train_sentiment(
    sentences: RatedTexts,
    *,
    epochs: int = 3,
    batch: int = 64,
    learning_rate: float = 0.004,
    seed: int = 0,
    progress: Progress | None = None,
    embedding: int = 60,
    units: int = 60,
    dropout: float = 0.5,
) -> SentimentNetwork:
    """Build the vocabulary and train a network on rated sentences: with the course's 8,740 it takes ten seconds or more.

    Parameters
    ----------
    epochs, batch, learning_rate
        Passes over the sentences, sentences per step, and the step size of Adam (Kingma and Ba 2015) at the start; it
        falls to zero along a half cosine.
    seed
        Fixes start values, order and dropout.
    progress
        Called as ``progress(done, epochs, text)`` after every epoch.
    embedding, units, dropout
        As in :func:`build_sentiment_model`.

    The target is sigmoid(1.5 * mean rating), not 0 or 1: a sentence that people found slightly good is to get a logit
    that is slightly positive. logit / 1.5 is the network's guess of the mean rating.
    """
    epochs, batch = whole_number("epochs", epochs, 1), whole_number("batch", batch, 1)
    seed = whole_number("seed", seed, 0, LARGEST_SEED // 100)  # every start value has a seed of its own
    learning_rate = real_number("learning_rate", learning_rate, 0, LARGEST_STEP)
    embedding, units = whole_number("embedding", embedding, 1), whole_number("units", units, 1)
    if not 0 <= real_number("dropout", dropout) < 1:
        raise ValueError(f"dropout is a share from 0 to below 1; got {dropout}.")
    if len(sentences) < 1:
        raise ValueError(f"Training needs sentences; got {len(sentences)}.")
    let_go()
    vocabulary = build_vocabulary(sentences.texts)
    numbers = [row[row != PADDING] for row in encode(vocabulary, sentences.texts)]
    lengths = np.array([len(row) for row in numbers])
    targets = expit(STEEPNESS * sentences.ratings).astype(np.float32)
    model = build_sentiment_model(len(vocabulary), embedding, units, dropout, seed)
    steps = epochs * -(-len(numbers) // batch)

    def loss(words, targets):
        return [tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, model(words, training=True)))]

    step = tf.function(
        gradient_step(model, keras.optimizers.schedules.CosineDecay(learning_rate, steps), loss),
        input_signature=(tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, 1), tf.float32)),
        autograph=False,
    )
    rng = np.random.default_rng(seed)
    losses, start = [], time.perf_counter()
    for epoch in range(epochs):
        total = 0.0
        for rows in _batches_of_like_length(lengths, batch, rng):
            padded = keras.utils.pad_sequences([numbers[i] for i in rows], padding="post", value=PADDING)
            total += float(step(tf.constant(padded), tf.constant(targets[rows, np.newaxis]))[0]) * len(rows)
        losses.append(total / len(lengths))
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(f"The loss became NaN in epoch {epoch + 1}. Try a smaller learning rate.")
        if progress is not None:
            progress(epoch + 1, epochs, f"loss {losses[-1]:.3f}")
    if progress is not None:
        progress(epochs, epochs, f"trained {epochs} epochs in {time.perf_counter() - start:.0f} s")
    return SentimentNetwork(model, vocabulary, tuple(losses))


def sentiment_logits(network: SentimentNetwork, texts: Sequence[str], batch_size: int = 512) -> np.ndarray:
    """The logits (N,) of sentences; their signs are the network's verdicts. Errors as ``helpers.words.text.encode``'s."""
    words, batch_size = encode(network.vocabulary, texts), whole_number("batch_size", batch_size, 1)
    parts = [words[start : start + batch_size] for start in range(0, len(words), batch_size)]
    return np.concatenate([keras.ops.convert_to_numpy(network.model(part, training=False))[:, 0] for part in parts])


def quality(logits, ratings, least: Sequence[float] = (0.3, 1.0, 2.0)) -> SentimentQuality:
    """Compare logits (N,) with mean ratings (N,): share of right signs where |rating| >= each of ``least``."""
    logits, ratings = finite_array("logits", logits), finite_array("ratings", ratings)
    least = finite_array("least", least, (None,)).tolist()
    if not (within(logits, 1e12) and within(ratings, 1e12)):
        raise ValueError("Logits or ratings are far too large.")
    if logits.ndim != 1 or logits.shape != ratings.shape or len(logits) < 2:
        raise ValueError(f"Compare a row of logits with as many ratings; got {logits.shape} and {ratings.shape}.")
    chosen = {value: np.abs(ratings) >= value for value in least}
    right = (logits > 0) == (ratings > 0)
    with np.errstate(invalid="ignore"):  # NaN where one of the two is constant
        correlation = float(np.corrcoef(logits, ratings)[0, 1])
    return SentimentQuality(
        {value: float(right[rows].mean()) if rows.any() else float("nan") for value, rows in chosen.items()},
        {value: int(rows.sum()) for value, rows in chosen.items()},
        correlation,
    )


def build_sentiment_model(
    words: int, embedding: int = 60, units: int = 60, dropout: float = 0.5, seed: int = 0
) -> keras.Model:
    """Embedding, bidirectional LSTM, one logit without a bias; all start values follow from the seed.

    Parameters
    ----------
    words
        How many word numbers there are, padding included: ``len(vocabulary)``.
    embedding, units
        Components of an embedding, and units of the LSTM in each direction.
    dropout
        Share of embeddings' components, and of last states, left out in training.

    Padding is masked: the states pass over it, so a sentence gets the same logit alone and among longer ones.
    """
    layers = keras.layers

    def lstm(first: int, **options) -> keras.layers.Layer:
        return layers.LSTM(
            units,
            kernel_initializer=keras.initializers.GlorotUniform(seed=first),
            recurrent_initializer=keras.initializers.Orthogonal(seed=first + 1),
            **options,
        )

    first = 10 * seed
    numbers = keras.Input((None,), dtype="int32", name="words")
    uniform = keras.initializers.RandomUniform(-0.05, 0.05, seed=first)
    x = layers.Embedding(words, embedding, uniform, mask_zero=True, name="embedding")(numbers)
    x = layers.Dropout(dropout, seed=first + 1, name="word_dropout")(x)
    both = layers.Bidirectional(
        lstm(first + 2), backward_layer=lstm(first + 4, go_backwards=True), name="bidirectional"
    )
    x = layers.Dropout(dropout, seed=first + 6, name="state_dropout")(both(x))
    glorot = keras.initializers.GlorotUniform(seed=first + 7)
    return keras.Model(numbers, layers.Dense(1, use_bias=False, kernel_initializer=glorot, name="score")(x))


def _batches_of_like_length(lengths: np.ndarray, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Positions of all sentences in random batches, each of sentences of similar length."""
    order = rng.permutation(len(lengths))
    found = []
    for start in range(0, len(order), batch * _BUCKET):
        bucket = order[start : start + batch * _BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        found += [bucket[i : i + batch] for i in range(0, len(bucket), batch)]
    return [found[i] for i in rng.permutation(len(found))]
