import numpy as np
import pytest

from helpers.words.checks import compare_with_valences, deletion_curves, verdicts_after_deletion
from helpers.words.scores import leave_out_words, score_without
from helpers.words.sentiment import SentimentNetwork, build_sentiment_model
from helpers.words.text import Vocabulary, encode

GOOD, BAD = ("good", "great", "fine", "lovely"), ("bad", "awful", "dull", "ugly")
VALENCES = {word: 1.0 + n for n, word in enumerate(GOOD)} | {word: -1.0 - n for n, word in enumerate(BAD)}


@pytest.fixture(scope="module")
def network():
    """A planted network: each word adds its valence to the cell of the first unit, which is nearly the logit."""
    vocabulary = Vocabulary((*GOOD, *BAD, "film", "the"))
    model = build_sentiment_model(len(vocabulary), embedding=1, units=1)
    embedding = np.array([[VALENCES.get(word, 0)] for word in ("", "", *vocabulary.words)])
    kernel, recurrent = np.array([[0, 0, 0.1, 0]]), np.zeros((1, 4))
    bias = np.array([9.0, 9, 0, 9])  # all gates open
    one_way = [kernel, recurrent, bias]
    model.set_weights([embedding, *one_way, *one_way, np.ones((2, 1))])
    return SentimentNetwork(model, vocabulary)


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    known = [*GOOD, *BAD, "film", "the", "film", "the"]
    return [" ".join(rng.choice(known, 12)) for _ in range(40)]


def planted_scores(network, texts):
    numbers = encode(network.vocabulary, texts)
    return np.array([0, 0, *(VALENCES.get(word, 0) for word in network.vocabulary.words)])[numbers]


def test_true_scores_agree_with_the_valences_and_false_ones_do_not(network, texts):
    scores = planted_scores(network, texts)
    found = compare_with_valences(network, texts, scores, VALENCES)
    assert found.count == int((scores != 0).sum())
    assert found.correlation == pytest.approx(1)
    assert found.sizes == pytest.approx(1)
    assert found.agreement == 1
    turned = compare_with_valences(network, texts, -scores, VALENCES)
    assert (turned.correlation, turned.agreement) == (pytest.approx(-1), 0)
    assert turned.sizes == pytest.approx(1)


def test_chance_and_scores_without_sign_agree_in_half_the_signs(network, texts):
    always = compare_with_valences(network, texts, np.ones((40, 12)), VALENCES, draws=400)
    assert (always.correlation, always.agreement) == (0, 0.5)
    true = compare_with_valences(network, texts, planted_scores(network, texts), VALENCES, draws=400)
    assert abs(true.chance_correlation.mean()) < 0.1
    assert abs(true.chance_agreement.mean() - 0.5) < 0.05
    assert true.chance_correlation.shape == (400,)


def test_unknown_and_unrated_words_are_not_compared(network, texts):
    scores = planted_scores(network, texts)
    more = [text + " zorblax" for text in texts]
    padded = np.pad(scores, ((0, 0), (0, 1)), constant_values=99.0)
    found = compare_with_valences(network, more, padded, VALENCES | {"zorblax": -4.0, "film": 0.0})
    assert found.correlation == pytest.approx(1)
    with pytest.raises(ValueError, match="Only 4 words .* positive valence and 0"):
        compare_with_valences(network, texts, scores, {word: VALENCES[word] for word in GOOD})
    with pytest.raises(ValueError, match=r"shape \(40, 12\); got \(40, 3\)"):
        compare_with_valences(network, texts, scores[:, :3], VALENCES)


def test_words_are_deleted_in_the_order_of_their_scores(network):
    texts = ["great bad film the", "ugly fine the film"]  # 2 - 1 = 1 and -4 + 3 = -1
    words, sides = encode(network.vocabulary, texts), np.array([1, -1])
    scores = planted_scores(network, texts) * sides[:, np.newaxis]
    right = verdicts_after_deletion(network, words, scores, sides, 1, "most")
    np.testing.assert_array_equal(right, [[True, True], [False, False]])
    least = verdicts_after_deletion(network, words, scores, -sides, 1, "most")
    np.testing.assert_array_equal(least, [[False, False], [True, True]])
    kept = verdicts_after_deletion(network, words, scores, sides, 1, "least")
    np.testing.assert_array_equal(kept, [[True, True], [True, True]])


def test_a_sentence_never_runs_empty(network):
    words = encode(network.vocabulary, ["good", "good film the great fine"])
    right = verdicts_after_deletion(network, words, np.zeros(words.shape), np.array([1, 1]), 9, "most")
    assert right.shape == (10, 2)
    assert right[:, 0].all()


def test_curves_of_good_scores_beat_chance_and_those_of_bad_ones_do_not(network, texts):
    truth = score_without(network, encode(network.vocabulary, texts), np.ones((40, 12), bool))
    ratings = np.where(np.arange(40) < 30, truth, -truth)  # people disagree with the network on the last ten
    methods = {
        "true": leave_out_words,
        "false": lambda *arguments: -leave_out_words(*arguments),
        "constant": lambda network, words, sides: np.ones(words.shape),
    }
    found = deletion_curves(network, texts, ratings, methods, deletions=4)
    assert found.counts == (30, 10)
    assert list(found.right) == list(found.wrong) == ["true", "false", "constant", "random order"]
    for curves in found.right.values():
        assert curves[0] == 1
        assert len(curves) == 5
    assert all(curves[0] == 0 for curves in found.wrong.values())
    right, wrong = ({name: curve.mean() for name, curve in part.items()} for part in (found.right, found.wrong))
    assert right["true"] < right["random order"] - 0.1
    assert right["false"] == 1
    assert wrong["true"] > wrong["random order"] + 0.1
    assert wrong["false"] == 0


def test_short_sentences_are_not_taken(network):
    texts, ratings = ["good film the the", "bad film"], [1, -1]
    assert deletion_curves(network, texts, ratings, deletions=1, least_words=4).counts == (1, 0)
    with pytest.raises(ValueError, match="None of the 2 sentences has 10 words"):
        deletion_curves(network, texts, ratings)
    with pytest.raises(ValueError, match=r"as many ratings; got \(1,\)"):
        deletion_curves(network, texts, [1])
    for scores, said in ((np.full((1, 4), np.nan), "must be finite"), (np.ones((1, 3)), r"has the shape \(1, 4\)")):
        with pytest.raises(ValueError, match=said):
            deletion_curves(network, texts, ratings, {"mine": lambda *_, own=scores: own}, least_words=4)
