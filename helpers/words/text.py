"""What people wrote about films: sentences with their ratings, the feeling of single words, and words as numbers.

The sentences come from film and product reviews; at least twenty people rated each from -4 (extremely negative) to 4
(extremely positive), and at least ten rated each single word without seeing any sentence (Hutto and Gilbert, VADER,
ICWSM 2014; the film sentences are those of Pang and Lee 2005, of which the Stanford Sentiment Treebank is made too).
"""

import csv
import gzip
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import positions, real_number, seed_number, shown
from helpers.files import fetch

SENTENCES = {
    "films": "movie-reviews/movie_review_sentences.tsv.gz",
    "products": "movie-reviews/product_review_sentences.tsv.gz",
}
WORDS = "movie-reviews/word_valence.tsv.gz"
PAPER_SENTENCES = (  # shown by Arras et al. 2017; never trained on
    "do n't waste your money .",
    "neither funny nor suspenseful nor particularly well-drawn .",
    "it 's not horrible , just horribly mediocre .",
    "... too slow , too boring , and occasionally annoying .",
    "it 's neither as romantic nor as thrilling as it should be .",
    "so stupid , so ill-conceived , so badly drawn , it created whole new levels of ugly .",
    "a worthy entry into a very difficult genre .",
    "it 's a good film -- not a classic , but odd , entertaining and authentic .",
    "it never fails to engage us .",
)
PADDING, UNKNOWN = 0, 1  # numbers that stand for no word, and for a word that the vocabulary does not have
SCALE = 4.0  # ratings lie between minus and plus this
_LEAST_OFTEN = 2  # a word that occurs less often in the sentences of the training is unknown
# what keyboards, telephones and word processors write for ': accents, quotes, primes, letters that look like it, and the
# quotes of Windows-1252 read as something else
_APOSTROPHES = (
    "`\u00b4\u0091\u0092\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u0313\u0315\u0384\u055a\u055b\u05f3\u07f4\u07f5"
    "\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\u2018\u2019\u201b\u2032\u2035\u275b\u275c\ua78b\ua78c\uff07\uff40"
)
_TYPEWRITER = str.maketrans(dict.fromkeys(_APOSTROPHES, "'") | {"\u2026": "..."})
_TOKEN = re.compile(r"[^\W_]+?(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|[^\W_]+|\.{2,}|[.,!?;:]")


@dataclass(frozen=True)
class RatedTexts:
    """Sentences, in the order of their file.

    Attributes
    ----------
    texts : n strings
    ratings : (n,), the mean over the people who rated
    """

    texts: tuple[str, ...]
    ratings: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, chosen: np.ndarray) -> "RatedTexts":
        """Only these: a mask, or positions."""
        chosen = positions(chosen, len(self))
        return RatedTexts(tuple(self.texts[i] for i in chosen), self.ratings[chosen])


@dataclass(frozen=True)
class Vocabulary:
    """The words a network knows. The first has number 2, after ``PADDING`` and ``UNKNOWN``."""

    words: tuple[str, ...]

    def __len__(self) -> int:
        """How many numbers there are, padding and unknown included."""
        return len(self.words) + 2


def load_sentences(about: str = "films") -> RatedTexts:
    """The rated sentences of reviews of ``"films"`` (10,605) or ``"products"`` (3,707)."""
    if about not in tuple(SENTENCES):
        raise ValueError(f"There are sentences about {' and '.join(map(repr, SENTENCES))}; got {about!r}.")
    rows = _rows(SENTENCES[about])
    return RatedTexts(tuple(row["text"] for row in rows), np.array([float(row["mean_rating"]) for row in rows]))


def load_word_valences() -> dict[str, float]:
    """The mean rating of single words, from -4 to 4. A word that the list has twice gets the mean of both."""
    found: dict[str, list[float]] = {}
    for row in _rows(WORDS):
        found.setdefault(row["word"].lower(), []).append(float(row["mean_valence"]))
    return {word: float(np.mean(ratings)) for word, ratings in found.items()}


def typewritten(text: str) -> str:
    """The text in lower case, with one form of each letter with an accent, of the apostrophe, and of the three dots."""
    return unicodedata.normalize("NFC", text.lower()).translate(_TYPEWRITER)


def split_into_words(text: str) -> list[str]:
    """The words and marks of a sentence, in lower case: "Don't miss it!" -> do, n't, miss, it, !

    Contractions come apart as in the Penn Treebank, so that "not" has one form after every verb; a text that is
    already in that form stays as it is. Every kind of apostrophe is read as the same one. Dashes, quotes and brackets
    are left out.
    """
    return _TOKEN.findall(typewritten(text))


def training_and_test(
    sentences: RatedTexts, test: float = 0.15, least: float = 0.3, seed: int = 0
) -> tuple[RatedTexts, RatedTexts]:
    """Sentences to train on and sentences held out, drawn at random.

    Parameters
    ----------
    test
        The share held out.
    least
        Only sentences with |rating| of at least this are taken: people have to agree on the sign.

    Every sentence that holds one of the ``PAPER_SENTENCES`` is held out, and so is every further copy of a held-out
    sentence.
    """
    test, least, seed = real_number("test", test), real_number("least", least), seed_number(seed)
    if not (0 < test < 1 and 0 <= least < SCALE):
        raise ValueError(f"Hold out a share between 0 and 1, of |rating| >= 0 to {SCALE:g}; got {test} and {least}.")
    sentences = sentences.select(np.abs(sentences.ratings) >= least)
    keys = [_words_only(text) for text in sentences.texts]
    drawn = np.random.default_rng(seed).random(len(sentences)) < test
    away = {key for key, held_out in zip(keys, drawn, strict=True) if held_out}
    paper = [_words_only(text) for text in PAPER_SENTENCES]
    held_out = np.array([key in away or any(sentence in key for sentence in paper) for key in keys], bool)
    if held_out.all() or not held_out.any():
        raise ValueError(f"{len(sentences)} sentences with |rating| >= {least} are too few to be divided.")
    return sentences.select(~held_out), sentences.select(held_out)


def build_vocabulary(texts: Sequence[str]) -> Vocabulary:
    """The words that occur at least twice in these sentences, the most frequent first.

    Rarer ones become ``UNKNOWN``: the network cannot learn a word from one sentence, but learns what to make of a word
    it does not know.
    """
    counts = Counter(word for text in texts for word in split_into_words(text))
    kept = sorted((word for word, n in counts.items() if n >= _LEAST_OFTEN), key=lambda word: (-counts[word], word))
    if not kept:
        raise ValueError(f"No word occurs {_LEAST_OFTEN} times in these {len(texts)} texts. Give more of them.")
    return Vocabulary(tuple(kept))


def encode(vocabulary: Vocabulary, texts: Sequence[str], known: bool = False) -> np.ndarray:
    """Word numbers (N, T), T the length of the longest sentence; shorter ones end in ``PADDING``.

    Raises
    ------
    ValueError
        If there is no sentence or one holds no word at all; with ``known``, also if one has no word of the vocabulary.
    """
    if isinstance(texts, str):
        raise ValueError("Sentences come as a list: encode(vocabulary, [sentence]).")
    if not isinstance(texts, (list, tuple, np.ndarray)) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"Sentences are a list of texts; got {shown(texts)}.")
    sentences = [split_into_words(text) for text in texts]
    if not sentences:
        raise ValueError("There is no sentence to encode.")
    numbers = {word: number for number, word in enumerate(vocabulary.words, start=2)}
    rows = [[numbers.get(word, UNKNOWN) for word in sentence] for sentence in sentences]
    for text, sentence, row in zip(texts, sentences, rows, strict=True):
        if not any(word[0].isalnum() for word in sentence):
            raise ValueError(f"There is no word in {text[:60]!r}. Write a sentence, in English.")
        if known and not any(n != UNKNOWN and word[0].isalnum() for n, word in zip(row, sentence, strict=True)):
            raise ValueError(
                f"The network knows none of these words: {', '.join(sentence[:10])}. "
                f"It learned {len(vocabulary.words):,} English words from film reviews; use some of them."
            )
    encoded = np.full((len(rows), max(map(len, rows))), PADDING, np.int32)
    for encoded_row, row in zip(encoded, rows, strict=True):
        encoded_row[: len(row)] = row
    return encoded


def _rows(name: str) -> list[dict[str, str]]:
    """The rows of a table of the course's, by the names of its columns."""
    with gzip.open(fetch(name), "rt", encoding="utf-8", newline="\n") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _words_only(text: str) -> str:
    """The words with one space on each side, without marks: one text is in another where its words are, in order."""
    return f" {' '.join(word for word in split_into_words(text) if word[-1].isalnum())} "
