"""What people wrote about films: sentences with their ratings, the feeling of single words, and words as numbers.

The sentences come from film and product reviews; at least twenty people rated each from -4 (extremely negative) to 4
(extremely positive), and at least ten rated each single word without seeing any sentence (Hutto and Gilbert, VADER,
ICWSM 2014; the film sentences are those of Pang and Lee 2005, of which the Stanford Sentiment Treebank is made too).
"""

import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.course.arguments import positions, real_number, seed_number, shown, whole_number
from helpers.files import fetch

SENTENCES = {  # name in the course's list of files, number of sentences
    "films": ("movie-reviews/movie_review_sentences.tsv.gz", 10_605),
    "products": ("movie-reviews/product_review_sentences.tsv.gz", 3_707),
}
WORDS = ("movie-reviews/word_valence.tsv.gz", 7_224)
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
_LONGEST_LINE = 10_000  # characters
_TOKEN = re.compile(r"[^\W_]+?(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|[^\W_]+|\.{2,}|[.,!?;:]")


@dataclass(frozen=True)
class RatedTexts:
    """Sentences or single words, in the order of their file.

    Attributes
    ----------
    texts : n strings
    ratings : (n,), the mean over the people who rated
    spreads : (n,), their standard deviation
    """

    texts: tuple[str, ...]
    ratings: np.ndarray
    spreads: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, chosen: np.ndarray) -> "RatedTexts":
        """Only these: a mask, or positions."""
        chosen = positions(chosen, len(self))
        return RatedTexts(tuple(self.texts[i] for i in chosen), self.ratings[chosen], self.spreads[chosen])


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
    name, count = SENTENCES[about]
    return read_ratings(fetch(name), "text", count)


def load_word_valences() -> dict[str, float]:
    """The mean rating of single words, from -4 to 4. A word that the list has twice gets the mean of both."""
    listed = read_ratings(fetch(WORDS[0]), "word", WORDS[1])
    found: dict[str, list[float]] = {}
    for word, rating in zip(listed.texts, listed.ratings, strict=True):
        found.setdefault(word.lower(), []).append(float(rating))
    return {word: float(np.mean(ratings)) for word, ratings in found.items()}


def read_ratings(path: str | Path, what: str = "text", count: int | None = None) -> RatedTexts:
    """Read a tab-separated table of sentences or words, compressed by gzip, in UTF-8.

    Parameters
    ----------
    what
        ``"text"`` for the columns mean_rating, std_rating, text; ``"word"`` for word, mean_valence, std_valence.
    count
        How many lines the table has to hold after its header; any number if left out.

    Raises
    ------
    ValueError
        If the file is no such table; the message names the file, the line (the header is line 1) and the column.
    """
    columns = {"text": ("mean_rating", "std_rating", "text"), "word": ("word", "mean_valence", "std_valence")}[what]
    path = Path(path)
    texts, numbers = [], []
    for number, line in enumerate(_lines(path), start=1):
        values = next(csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE))
        place = f"{path}, line {number}"
        if number == 1:
            if tuple(values) != columns:
                raise ValueError(f"{place}: the columns are {', '.join(columns)}, got {', '.join(values)[:80]!r}.")
            continue
        if len(values) != 3:
            raise ValueError(f"{place}: {len(values)} values, wanted 3, one for each of {', '.join(columns)}.")
        row = dict(zip(columns, values, strict=True))
        texts.append(row.pop(what))
        if not texts[-1].strip():
            raise ValueError(f"{place}, column {what}: there is nothing in it.")
        numbers.append([_number(value, place, name) for name, value in row.items()])
    if not texts or (count is not None and len(texts) != count):
        wanted = "some" if count is None else f"{count:,}"
        raise ValueError(f"{path}: {len(texts):,} lines after the header, wanted {wanted}. The file is not complete.")
    ratings, spreads = np.array(numbers).T
    return RatedTexts(tuple(texts), ratings, spreads)


def split_into_words(text: str) -> list[str]:
    """The words and marks of a sentence, in lower case: "Don't miss it!" -> do, n't, miss, it, !

    Contractions come apart as in the Penn Treebank, so that "not" has one form after every verb; a text that is
    already in that form stays as it is. Dashes, quotes and brackets are left out.
    """
    return _TOKEN.findall(text.lower().replace("\u2019", "'"))


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


def build_vocabulary(texts: Sequence[str], least: int = 2) -> Vocabulary:
    """The words that occur at least ``least`` times in these sentences, the most frequent first.

    Rarer ones become ``UNKNOWN``: the network cannot learn a word from one sentence, but learns what to make of a word
    it does not know.
    """
    texts, least = text_list(texts), whole_number("least", least)
    counts = Counter(word for text in texts for word in split_into_words(text))
    kept = sorted((word for word, n in counts.items() if n >= least), key=lambda word: (-counts[word], word))
    if not kept:
        raise ValueError(f"No word occurs {least} times in these {len(texts)} texts. Give more of them.")
    return Vocabulary(tuple(kept))


def encode(vocabulary: Vocabulary, texts: Sequence[str], known: bool = False) -> np.ndarray:
    """Word numbers (N, T), T the length of the longest sentence; shorter ones end in ``PADDING``.

    Raises
    ------
    ValueError
        If there is no sentence or one holds no word at all; with ``known``, also if one has no word of the vocabulary.
    """
    texts = text_list(texts)
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


def text_list(texts) -> list[str]:
    """Sentences as a list; ``ValueError`` for a single one, and for what is no text."""
    if isinstance(texts, str):
        raise ValueError("Sentences come as a list: encode(vocabulary, [sentence]).")
    if not isinstance(texts, (list, tuple, np.ndarray)) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"Sentences are a list of texts; got {shown(texts)}.")
    return list(texts)


def _words_only(text: str) -> str:
    """The words with one space on each side, without marks: one text is in another where its words are, in order."""
    return f" {' '.join(word for word in split_into_words(text) if word[-1].isalnum())} "


def _lines(path: Path) -> Iterator[str]:
    """The lines of a gzip file; errors say how far it could be read."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            # a small file can unpack to one endless line
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):  # noqa: B007, see below
                yield line.rstrip("\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: not a gzip file of UTF-8 text, or damaged, somewhere after line {number} ({error}). "
            "Delete it and copy it again."
        ) from error


def _number(value: str, place: str, column: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    low = 0 if column.startswith("std") else -SCALE
    if not low <= number <= SCALE:
        raise ValueError(f"{place}, column {column}: {value[:40]!r} is no number from {low:g} to {SCALE:g}.")
    return number
