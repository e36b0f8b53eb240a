"""A network that sees a picture and reads a question: feature-wise linear modulation (FiLM).

A small CNN, the eyes, makes a map of 12 x 12 places of a picture; a bidirectional LSTM reads the question and turns it
into scales and shifts; five blocks, steered by them, find and combine what the question is about (Perez et al. 2018,
arXiv:1709.07871: each channel x becomes (1 + gamma) x + beta, with gamma and beta from the question). One block:

    a = ReLU(FiLM(x W))                  select: what of the map matters, place by place
    m = every channel of a, moved        a kernel as large as the map: "left of" is a half of the picture away, or near
    b = ReLU(FiLM(x V + a T + m U))      combine: what is there, and is it what or where the selection says?
    x + b                                is what the next block reads; the last one hands on b alone

The first block has no m: it finds the things that are described, "large" and "red" and "cow".

Mean (times 16) and maximum of b over all places go through two dense layers to one logit for every answer. All
activations outside the LSTM are ReLUs, and there is no normalisation: what was used in the training is folded into the
weights. They are stored in half precision in ``data/questions``, made by ``data/questions/train.py``; ``MODEL_CARD.md``
there has the figures.

:class:`Scale`, :class:`Shift` and :class:`Moves` are the layers that Keras does not have, or not quickly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from helpers.course.backend import keras, tf
from helpers.course.networks import load_weights, once
from helpers.files import fetch
from helpers.questions.language import ANSWERS, LONGEST, WORDS, Question, encode_questions, parse
from helpers.questions.scenes import SIDE
from helpers.toyworld.network import preprocess

PLACES = 12  # of the map, across and down; each stands for 8 x 8 pixels of the picture
REACH = 2 * PLACES - 1  # a kernel of this size reaches every place from every other
CHANNELS, MOVED = 48, 32  # of the map, and of what is moved about on it
BLOCKS = 5  # the first one does not move anything
AMOUNT = 16.0  # times the mean over all places
EMBEDDING, UNITS, HIDDEN = 32, 64, 96
EYES = (24, 32, 48, 64, CHANNELS)  # channels of the convolutions
WEIGHTS = "questions/film.npz"


@dataclass(frozen=True, repr=False, eq=False)
class QuestionNetwork:
    """The network with all that belongs to it. Made by :func:`question_network`.

    Attributes
    ----------
    model : Keras model from [preprocessed pictures (N, 96, 96, 3), word numbers (N, ``LONGEST``)] to logits (N,
            answers)
    eyes, reasoning : its two parts, :func:`new_eyes` and :func:`new_reasoning`
    labels : the answers
    words : the words, number 1 the first; 0 stands for no word
    """

    model: keras.Model
    eyes: keras.Model
    reasoning: keras.Model
    labels: tuple[str, ...] = ANSWERS
    words: tuple[str, ...] = WORDS

    def __repr__(self) -> str:
        return f"<network that answers questions, {len(self.labels)} answers>"

    def preprocess(self, pictures: np.ndarray) -> np.ndarray:
        """8-bit pictures (N, 96, 96, 3) as the network wants them: :func:`helpers.toyworld.network.preprocess`."""
        return preprocess(pictures, SIDE)

    def encode(self, questions: Sequence[Question | str]) -> np.ndarray:
        """Word numbers (N, ``LONGEST``) of questions, read first where they are text."""
        if isinstance(questions, (str, Question)):
            raise ValueError("Questions come as a list: encode([question]).")
        return encode_questions([parse(q) if isinstance(q, str) else q for q in questions])

    def class_index(self, answer: str) -> int:
        """Number of an answer; ``ValueError`` if there is none like it."""
        if answer not in self.labels:
            raise ValueError(f"This network gives no answer {answer!r}. It gives: {', '.join(self.labels)}.")
        return self.labels.index(answer)

    def logits(self, inputs: np.ndarray, words: np.ndarray, batch_size: int = 100) -> np.ndarray:
        """Logits (N, answers) of preprocessed pictures and word numbers, one question for every picture."""
        if len(inputs) != len(words):
            raise ValueError(f"Every question needs its picture; got {len(inputs)} pictures, {len(words)} questions.")
        starts, forward = range(0, len(inputs), batch_size), compiled(self, _forward)
        parts = [forward(inputs[i : i + batch_size], words[i : i + batch_size]) for i in starts]
        return np.concatenate([np.asarray(part) for part in parts] or [np.zeros((0, len(self.labels)), np.float32)])

    def answer(self, picture: np.ndarray, question: Question | str) -> tuple[str, float]:
        """The most probable answer to a question about one 8-bit picture, and its probability."""
        logits = self.logits(self.preprocess(np.asarray(picture)[np.newaxis]), self.encode([question]))[0].astype(float)
        chances = softmax(logits)
        return self.labels[chances.argmax()], float(chances.max())


def question_network() -> QuestionNetwork:
    """The trained network.

    Raises
    ------
    ValueError
        If the file of its weights is damaged.
    FileNotFoundError
        If it is in no data folder.
    """
    eyes, reasoning = new_eyes(), new_reasoning()
    load_weights(fetch(WEIGHTS), eyes, reasoning)
    return QuestionNetwork(joined(eyes, reasoning), eyes, reasoning)


def compiled(network: QuestionNetwork, build: Callable[[keras.Model, keras.Model], Callable]) -> Callable:
    """The function that ``build`` makes of the eyes and the reasoning, compiled once for batches of any size.

    It holds the two parts, not the model that it is stored under, and so ends with it.
    """
    parts = network.eyes, network.reasoning
    return once(network.model, build, lambda: tf.function(build(*parts), autograph=False, reduce_retracing=True))


def _forward(eyes: keras.Model, reasoning: keras.Model) -> Callable:
    return lambda pictures, words: reasoning([eyes(pictures, training=False), words], training=False)


def new_eyes(seed: int = 0, normalised: bool = False) -> keras.Model:
    """Five convolutions from a picture to its map (12, 12, 48): ``conv1`` (5 x 5, every second pixel), ``pool1``,
    ``conv2``, ``conv3``, ``pool2``, ``conv4``, ``conv5`` (3 x 3). Kernels by He et al. (2015).

    ``normalised`` puts batch normalisation between every convolution and its ReLU, for the training;
    ``helpers.course.networks.fold_normalisation`` takes it out.
    """
    layers, inputs = keras.layers, keras.Input((SIDE, SIDE, 3), name="picture")
    x = inputs
    for number, channels in enumerate(EYES, start=1):
        drawn = keras.initializers.HeNormal(1000 * seed + number)
        options = {"strides": 2} if number == 1 else {}
        convolution = layers.Conv2D(
            channels, 5 if number == 1 else 3, padding="same", kernel_initializer=drawn, name=f"conv{number}", **options
        )
        if normalised:
            x = layers.BatchNormalization(momentum=0.95, name=f"norm{number}")(convolution(x))
            x = layers.ReLU(name=f"relu{number}")(x)
        else:
            convolution.activation = keras.activations.relu
            x = convolution(x)
        if number in (1, 3):
            x = layers.MaxPooling2D(2, name=f"pool{1 + number // 2}")(x)
    return keras.Model(inputs, x, name="eyes")


def new_reasoning(seed: int = 0) -> keras.Model:
    """All behind the eyes: from [map (N, 12, 12, 48), word numbers (N, T)] to logits, not trained yet."""
    layers, glorot = keras.layers, (keras.initializers.GlorotUniform(1000 * seed + n) for n in range(1000))
    seen = keras.Input((PLACES, PLACES, CHANNELS), name="map")
    words = keras.Input((LONGEST,), dtype="int32", name="words")
    uniform = keras.initializers.RandomUniform(-1, 1, seed=seed)
    read = layers.Embedding(1 + len(WORDS), EMBEDDING, uniform, mask_zero=True, name="embedding")(words)

    def lstm(backwards: bool):
        recurrent = keras.initializers.Orthogonal(seed=1000 * seed + backwards)
        options = {"recurrent_initializer": recurrent, "go_backwards": backwards, "name": "lstm"}
        return layers.LSTM(UNITS, kernel_initializer=next(glorot), **options)

    both = layers.Bidirectional(lstm(False), backward_layer=lstm(True), name="bidirectional")(read)

    def steered(x, channels: int, name: str):
        """A weighted sum over channels, scaled and shifted as the question says, and a ReLU."""
        film = layers.Dense(2 * channels, kernel_initializer=next(glorot), name=f"{name}_words")(both)
        x = layers.Conv2D(channels, 1, kernel_initializer=next(glorot), name=name)(x)
        terms = [Scale(name=f"{name}_scale")(x, film), Shift(name=f"{name}_shift")(film)]
        return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_film")(terms))

    x = seen
    for n in range(1, BLOCKS + 1):
        name = f"block{n}"
        a = steered(x, MOVED, f"{name}_select")
        parts = [x, a]
        if n > 1:
            parts.append(Moves(name=f"{name}_move")(a))
        b = steered(layers.Concatenate(name=f"{name}_parts")(parts), CHANNELS, f"{name}_combine")
        x = layers.Add(name=f"{name}_sum")([x, b]) if n < BLOCKS else b
    # a thing fills few of the places: the mean is scaled so that one more or less of them counts
    amount = layers.Rescaling(AMOUNT, name="amount")(layers.GlobalAveragePooling2D(name="mean")(x))
    pooled = [amount, layers.GlobalMaxPooling2D(name="maximum")(x)]
    h = layers.Concatenate(name="pooled")(pooled)
    h = layers.Dense(HIDDEN, activation="relu", kernel_initializer=next(glorot), name="hidden")(h)
    scores = layers.Dense(len(ANSWERS), kernel_initializer=next(glorot), name="scores")(h)
    return keras.Model([seen, words], scores, name="reasoning")


def joined(eyes: keras.Model, reasoning: keras.Model) -> keras.Model:
    """The whole network, from [pictures, word numbers] to logits; it shares the weights of its two parts."""
    picture, words = keras.Input((SIDE, SIDE, 3), name="picture"), keras.Input((LONGEST,), dtype="int32", name="words")
    return keras.Model([picture, words], reasoning([eyes(picture), words]), name="film")


@keras.saving.register_keras_serializable("helpers")
class Scale(keras.layers.Layer):
    """(1 + gamma) x: every channel of x (N, height, width, C) by its own factor; gamma is the first half of the
    steering (N, 2 C)."""

    relevance = "product"  # see helpers.lrp.layers

    def call(self, x, steering):
        gamma, _ = keras.ops.split(steering[:, None, None], 2, axis=-1)
        return (1 + gamma) * x

    def compute_output_shape(self, x_shape, steering_shape):
        return x_shape


@keras.saving.register_keras_serializable("helpers")
class Shift(keras.layers.Layer):
    """beta, the second half of the steering (N, 2 C), at each of the 12 x 12 places."""

    relevance = "route"

    def call(self, steering):
        _, beta = keras.ops.split(steering[:, None, None], 2, axis=-1)
        return keras.ops.broadcast_to(beta, (keras.ops.shape(steering)[0], PLACES, PLACES, beta.shape[-1]))

    def compute_output_shape(self, steering_shape):
        return (steering_shape[0], PLACES, PLACES, steering_shape[1] // 2)


@keras.saving.register_keras_serializable("helpers")
class Moves(keras.layers.Layer):
    """What ``DepthwiseConv2D((23, 23), padding="same", use_bias=False)`` computes on a map of 12 x 12, with the same
    ``kernel`` (23, 23, C, 1), as one product of matrices for every channel: many times faster for such large kernels."""

    relevance, bias = "convolution", None

    def build(self, shape):
        self.kernel = self.add_weight(shape=(REACH, REACH, shape[-1], 1), name="kernel", initializer=sectors)

    def call(self, x):
        return self.product(x)

    def product(self, x, change: Callable = tf.identity, transposed: bool = False):
        """The maps moved about by change(kernel), or moved back where ``transposed``."""
        kernel = change(tf.convert_to_tensor(self.kernel))
        if transposed:  # what moved things right moves relevance left
            kernel = tf.reverse(kernel, [0, 1])
        row, column = np.divmod(np.arange(PLACES**2), PLACES)
        down, across = (place[None] - place[:, None] + PLACES - 1 for place in (row, column))
        kernel = tf.transpose(tf.reshape(kernel, (REACH**2, -1)))
        matrices = tf.gather(kernel, down * REACH + across, axis=1)  # (C, to, from)
        columns = tf.transpose(tf.reshape(x, (-1, PLACES**2, x.shape[-1])), (2, 1, 0))
        return tf.reshape(tf.transpose(matrices @ columns, (2, 1, 0)), tf.shape(x))

    def compute_output_shape(self, shape):
        return shape


def sectors(shape, dtype=None):
    """Start values of the moves: channel by channel a sector of 90 degrees in one of the four directions, fading with
    the distance."""
    down, across = np.mgrid[:REACH, :REACH] - (PLACES - 1.0)
    distance = np.hypot(down, across)
    kernels = []
    for ahead in (across, -across, down, -down):
        double = 2 * (ahead / np.maximum(distance, 1)) ** 2 - 1  # the cosine of twice the angle off the direction
        kernels.append(np.where(ahead > 0, np.clip(2 * double, 0, 1), 0) * 0.1 / (1 + distance / 4))
    kernel = np.stack([kernels[c % 4] for c in range(shape[2])], axis=-1)
    return tf.constant(kernel[..., None], dtype or "float32")
