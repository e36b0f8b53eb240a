"""A stand-in for the network that answers questions, and methods whose maps are planted."""

from types import SimpleNamespace

import numpy as np

from helpers.questions.language import ANSWERS, WORDS, encode_questions, parse


class FakeNetwork:
    """Its logits are those of ``look(pictures, words)``; preprocessed pictures are the pictures themselves."""

    labels, words = ANSWERS, WORDS

    def __init__(self, look):
        self.look = look

    def preprocess(self, pictures):
        return np.asarray(pictures)

    def encode(self, questions):
        return encode_questions([parse(q) if isinstance(q, str) else q for q in questions])

    def class_index(self, answer):
        if answer not in self.labels:
            raise ValueError(f"no answer {answer!r}")
        return self.labels.index(answer)

    def logits(self, inputs, words, batch_size=100):
        return np.asarray(self.look(inputs, words), np.float32)

    def answer(self, picture, question):
        logits = self.logits(picture[np.newaxis], self.encode([question]))[0]
        chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        return self.labels[chances.argmax()], float(chances.max())


def always(answer):
    """A look that gives one answer, whatever the picture."""
    return lambda pictures, words: np.tile(4.0 * (np.array(ANSWERS) == answer), (len(pictures), 1))


def left_half(network, inputs, words, target):
    """A method: all relevance on the left half of the picture, and on the first word."""
    pixels = np.zeros(np.shape(inputs)[:3])
    pixels[:, :, :48] = 1
    scores = np.zeros(words.shape)
    scores[:, 0] = 1
    return SimpleNamespace(pixels=pixels, words=scores)


def wordless(network, inputs, words, target):
    """A method that says nothing of words, and of the pixels how bright they are."""
    return SimpleNamespace(pixels=np.asarray(inputs, float).sum(-1), words=None)
