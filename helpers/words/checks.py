"""Are word scores true? Two tests that do not ask the method itself.

**Word valences.** People rated single words without any sentence. Scores of words in sentences are compared with these
ratings: do they rank alike, do the signs agree? Neither can be perfect, for "not good" is not good.

**Deleting words** (Arras et al. 2017, W17-5221, section 4.3). In sentences that the network gets right, the words most
relevant for the true side are deleted first: the better the scores, the sooner the network is wrong. In sentences that
it gets wrong, the least relevant ones are deleted first, for they speak for the wrong side: it gets right the sooner.

Chance stands beside both: valences dealt to the words anew, and words deleted in random order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from helpers.course.arguments import finite_array, seed_number, shown, whole_number
from helpers.words.scores import METHODS, score_without
from helpers.words.sentiment import SentimentNetwork
from helpers.words.text import PADDING, UNKNOWN, encode, split_into_words


@dataclass(frozen=True)
class ValenceComparison:
    """Word scores against word valences.

    Attributes
    ----------
    count : how many scores were compared
    correlation : Spearman's rank correlation of scores with valences
    agreement : share of equal signs, the mean of that among words that people like and that among words they do not:
        1/2 for chance, and for a method that gives all words the same sign
    sizes : Spearman's rank correlation of |scores| with |valences|, fair to a method without signs
    chance_correlation, chance_agreement, chance_sizes : (draws,), the same with valences dealt to the words at random
    """

    count: int
    correlation: float
    agreement: float
    sizes: float
    chance_correlation: np.ndarray
    chance_agreement: np.ndarray
    chance_sizes: np.ndarray


@dataclass(frozen=True)
class DeletionCurves:
    """How the share of right verdicts changes as words are deleted.

    Attributes
    ----------
    deleted : (D + 1,), the number of deleted words, from none
    right : by method (D + 1,), for sentences first right, most relevant words first: low is good
    wrong : by method (D + 1,), for sentences first wrong, least relevant words first: high is good
    counts : how many sentences those are
    """

    deleted: np.ndarray
    right: dict[str, np.ndarray]
    wrong: dict[str, np.ndarray]
    counts: tuple[int, int]


def compare_with_valences(
    network: SentimentNetwork,
    texts: Sequence[str],
    scores,
    valences: Mapping[str, float],
    draws: int = 100,
    seed: int = 0,
) -> ValenceComparison:
    """Compare the scores (N, T) of the words of N sentences with valences that people gave.

    Every occurrence counts of a word that the network knows and that people rated, unless its rating is zero.
    """
    if not isinstance(valences, Mapping):
        raise ValueError(f"valences is a dictionary of ratings by word; got {shown(valences)}.")
    draws, seed = whole_number("draws", draws, 1), seed_number(seed)
    found, values = _rated_words(network, texts, finite_array("scores", scores), valences)
    distinct, which = np.unique(found, return_inverse=True)
    ratings = finite_array("The valences of these words", [valences[word] for word in distinct])
    if min((ratings > 0).sum(), (ratings < 0).sum()) < 2:
        raise ValueError(
            f"Only {(ratings > 0).sum()} words of these sentences have a positive valence and {(ratings < 0).sum()} "
            "a negative one; take more sentences."
        )
    ranks, rank_sizes = rankdata(values), rankdata(np.abs(values))

    def measures(dealt: np.ndarray) -> tuple[float, float, float]:
        given = dealt[which]
        equal = np.sign(values) == np.sign(given)
        agreement = float(np.mean([equal[part].mean() for part in (given > 0, given < 0)]))
        return _correlation(ranks, rankdata(given)), agreement, _correlation(rank_sizes, rankdata(np.abs(given)))

    rng = np.random.default_rng(seed)
    chance = np.array([measures(rng.permutation(ratings)) for _ in range(draws)]).reshape(draws, 3).T
    return ValenceComparison(len(values), *measures(ratings), *chance)


def deletion_curves(
    network: SentimentNetwork,
    texts: Sequence[str],
    ratings,
    methods: Mapping[str, Callable] = METHODS,
    deletions: int = 5,
    least_words: int = 10,
    draws: int = 3,
    seed: int = 0,
) -> DeletionCurves:
    """Delete words in the order of each method, and in random order (the mean of ``draws``), in sentences of N people's
    ratings (N,).

    Scores are those for the true side. Only sentences of at least ``least_words`` words are taken, as in the paper.
    """
    encoded, ratings = encode(network.vocabulary, texts), finite_array("ratings", ratings)
    deletions, draws, seed = whole_number("deletions", deletions), whole_number("draws", draws, 1), seed_number(seed)
    least_words = whole_number("least_words", least_words)
    if ratings.shape != (len(encoded),):
        raise ValueError(f"{len(encoded)} sentences need as many ratings; got {ratings.shape}.")
    long = ((encoded != PADDING).sum(axis=1) >= least_words) & (ratings != 0)
    words, sides = encoded[long], np.where(ratings[long] > 0, 1, -1)
    if len(words) == 0:
        raise ValueError(f"None of the {len(encoded)} sentences has {least_words} words and a rating other than zero.")
    right = score_without(network, words, np.ones(words.shape, bool)) * sides > 0
    parts = {"most": right, "least": ~right}

    def curves(scores: np.ndarray) -> list[np.ndarray]:
        return [
            verdicts_after_deletion(network, words[rows], scores[rows], sides[rows], deletions, first).mean(axis=1)
            if rows.any()
            else np.full(deletions + 1, np.nan)
            for first, rows in parts.items()
        ]

    scored = {name: method(network, words, sides) for name, method in methods.items()}
    found = {name: curves(finite_array("The scores", scores, words.shape)) for name, scores in scored.items()}
    drawn = [curves(np.random.default_rng(seed + n).standard_normal(words.shape)) for n in range(draws)]
    found["random order"] = list(np.mean(drawn, axis=0))
    of_right, of_wrong = ({name: pair[i] for name, pair in found.items()} for i in range(2))
    return DeletionCurves(np.arange(deletions + 1), of_right, of_wrong, (int(right.sum()), int((~right).sum())))


def verdicts_after_deletion(
    network: SentimentNetwork, words: np.ndarray, scores: np.ndarray, sides: np.ndarray, deletions: int, first: str
) -> np.ndarray:
    """Whether the verdict is right (N,) after 0, 1, ... deletions; shape (deletions + 1, N).

    Parameters
    ----------
    words, scores : (N, T)
        Word numbers, and the scores that give the order.
    sides : (N,)
        The truth, 1 or -1.
    first
        Delete the ``"most"`` or the ``"least"`` relevant words first.

    A sentence that runs out of words keeps its last verdict but one: nothing is deleted that would leave it empty.
    """
    present = words != PADDING
    keys = np.where(present, -scores if first == "most" else scores, np.inf)
    place = np.argsort(np.argsort(keys, axis=1, kind="stable"), axis=1)  # when a word's turn comes
    most = np.maximum(present.sum(axis=1) - 1, 0)
    kept = [place >= np.minimum(number, most)[:, np.newaxis] for number in range(deletions + 1)]
    return np.stack([score_without(network, words, keep) * sides > 0 for keep in kept])


def _rated_words(network, texts, scores, valences) -> tuple[list[str], np.ndarray]:
    """The known and rated words of all sentences, and their scores."""
    encoded = encode(network.vocabulary, texts)
    if scores.shape != encoded.shape:
        raise ValueError(f"Give a finite score for each word, shape {encoded.shape}; got {scores.shape}.")
    found, values = [], []
    for text, numbers, row in zip(texts, encoded, scores, strict=True):
        for word, number, value in zip(split_into_words(text), numbers, row, strict=False):  # padding has no word
            if number != UNKNOWN and valences.get(word, 0) != 0:
                found.append(word)
                values.append(value)
    return found, np.array(values)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; 0 where one of the two is constant."""
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / size) if size > 0 else 0.0
