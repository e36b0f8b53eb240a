"""Is a TCAV score more than chance? A concept against many random counterparts (Kim et al. 2018, arXiv:1711.11279).

Random pictures against random pictures give a CAV too, and its score is seldom 0.5: it may as well be 0.2 or 1. So a
concept is scored several times, each time against other random pictures; as many pairs of random sets are scored; and a
t-test compares the means. Over all concepts, layers and classes that are looked at, p is multiplied by their number
(Bonferroni).

**What has to be independent.** A t-test wants independent scores. They are, if every run has pictures of its own: R
runs of n pictures take R n of the concept and 2 R n random ones (R counterparts, then R disjoint pairs: half of them
pairs of counterparts, half of fresh sets; where s(A, B) counts a counterpart A for, it counts B against, so that pairs
are not correlated with the concept's mean). With fewer concept pictures the runs share some. Then what is special about
*these* pictures shifts all scores together and does not average out. With c the share of training pictures that two
runs have in common, and half of a score's variance due to either side,

    Var(mean) = s^2 / R + (1 - 1/R) c/2 s^2,     E[sample variance] = s^2 (1 - c/2),

which is what :func:`compare_scores` uses (in the manner of Nadeau and Bengio 2003, doi:10.1023/A:1024068626366). The
second term takes the larger of the concept's and the random variance. Without overlap it is Welch's t-test.

How often a random set in the concept's place is found "significant" at 5 %, in simulations of 1,500 experiments each
(Gaussian activations; the difference of the mean activations stands in for the classifier's normal):

| R = 20 runs of 30 pictures | Welch's t-test, as in the paper | used here |
| --- | --- | --- |
| from 600 concept pictures (no overlap) | 5 % | 5 % |
| from 120 | 12 to 13 % | 3 to 4 % |
| from 30 (the same ones in every run) | 34 to 39 % | 2 to 3 % |

So a small set can still be tested, at the price of power: only many different pictures of a concept show a small
effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from helpers.course.tables import aligned

LEVEL = 0.05  # p below this, after Bonferroni, is called significant
NO_SPREAD = 1e-6  # a standard deviation below this is rounding: scores are shares of pictures


@dataclass(frozen=True, eq=False)
class ConceptTest:
    """One concept, layer and class against random counterparts.

    Attributes
    ----------
    concept, layer, class_name : what was tested
    scores, random_scores : (runs,), (pairs,) TCAV scores of the concept and of random against random
    accuracy, needed : mean held-out accuracy of the concept's CAVs, and the least one that is above chance
    mean_derivative : mean of S over pictures and runs
    zero : share of pictures with S = 0 exactly
    p : probability of a difference as large by chance, from :func:`compare_scores`
    comparisons : number of tests that p is corrected for
    undefined : why there is no p, or ""
    """

    concept: str
    layer: str
    class_name: str
    scores: np.ndarray
    random_scores: np.ndarray
    accuracy: float
    needed: float
    mean_derivative: float
    zero: float
    p: float
    comparisons: int
    undefined: str

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores))

    @property
    def deviation(self) -> float:
        return float(np.std(self.scores, ddof=1))

    @property
    def random_mean(self) -> float:
        return float(np.mean(self.random_scores))

    @property
    def random_deviation(self) -> float:
        return float(np.std(self.random_scores, ddof=1)) if len(self.random_scores) > 1 else float("nan")

    @property
    def p_corrected(self) -> float:
        """p times the number of comparisons, 1 at most; NaN where p is undefined."""
        return float(np.minimum(1.0, self.p * self.comparisons))

    @property
    def is_meaningful(self) -> bool:
        """Do the CAVs tell held-out pictures better than guessing? If not, their scores are not interpreted."""
        return self.accuracy >= self.needed

    @property
    def significant(self) -> bool:
        return bool(self.is_meaningful and self.p_corrected < LEVEL)  # False for NaN

    @property
    def direction(self) -> str:
        """Where the mean score lies: "above" or "below" the random mean, or "level" with it."""
        return {1: "above", -1: "below", 0: "level"}[int(np.sign(np.round(self.mean - self.random_mean, 9)))]

    @property
    def stars(self) -> str:
        """ "***", "**", "*" for a corrected p below 0.001, 0.01, 0.05; "n.s."; "undefined"; "no CAV" at chance."""
        if not self.is_meaningful:
            return "no CAV"
        if np.isnan(self.p):
            return "undefined"
        return next(
            (mark for mark, level in (("***", 1e-3), ("**", 1e-2), ("*", LEVEL)) if self.p_corrected < level), "n.s."
        )


def compare_scores(scores: np.ndarray, random_scores: np.ndarray, overlap: float) -> tuple[float, str]:
    """Two-sided p for a difference of the means, and why it is undefined (NaN), or "".

    ``overlap`` is the share of training pictures that two runs have in common. Where it is 0, this is Welch's t-test;
    otherwise it is corrected for what the runs share, see the module's text. With fewer than two scores on a side, or no
    spread on either, there is nothing to judge a difference by: scores that are all 1 against scores that are all 0 may
    be chance.
    """
    counts = len(scores), len(random_scores)
    if min(counts) < 2:
        return float("nan"), f"{counts[0]} and {counts[1]} scores: a spread needs two of each"
    spread, random_spread = np.var(scores, ddof=1) / (1 - overlap / 2), np.var(random_scores, ddof=1)
    if max(spread, random_spread) < NO_SPREAD**2:
        return float("nan"), "no spread: all scores of the concept are equal, and all random ones"
    shared = max(spread, random_spread) * overlap / 2 * (1 - 1 / counts[0])
    own, other = spread / counts[0], shared + random_spread / counts[1]
    freedom = (own + other) ** 2 / (own**2 / (counts[0] - 1) + other**2 / (counts[1] - 1))
    t = (scores.mean() - random_scores.mean()) / np.sqrt(own + other)
    return float(2 * stats.t.sf(abs(t), freedom)), ""


def format_tests(tests: Sequence[ConceptTest]) -> str:
    """The tests as a table for printing, one line each.

    "CAV" is the mean held-out accuracy of the concept's vectors, "p corr." is p times the number of tests.
    """
    header = ["concept", "layer", "class", "CAV", "TCAV", "random", "p", "p corr.", "verdict"]
    cells = []
    for test in tests:
        verdict = f"{test.direction} random {test.stars}" if test.significant else test.stars
        cells.append(
            [
                test.concept,
                test.layer,
                test.class_name,
                f"{test.accuracy:.2f}",
                f"{test.mean:.2f} ± {test.deviation:.2f}",
                f"{test.random_mean:.2f} ± {test.random_deviation:.2f}",
                _probability(test.p),
                _probability(test.p_corrected),
                verdict + (f" ({test.zero:.0%} dead)" if test.zero >= 0.005 else ""),
            ]
        )
    lines = aligned([header, *cells], left=(0, 1, 2, 8))
    notes = [f"{t.concept}, {t.layer}, {t.class_name}: p undefined, {t.undefined}" for t in tests if t.undefined]
    return "\n".join(line.rstrip() for line in [lines[0], "-" * len(lines[0]), *lines[1:], *notes])


def _probability(p: float) -> str:
    return "undefined" if np.isnan(p) else "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.2f}"
