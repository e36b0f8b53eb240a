import numpy as np
import pytest

from helpers.words.sentiment import build_sentiment_model, quality, sentiment_logits, train_sentiment
from helpers.words.text import PAPER_SENTENCES, RatedTexts, load_sentences, training_and_test


@pytest.fixture(scope="module")
def easy():
    """A small network for an easy task, and what its training said."""
    reports, small = [], {"embedding": 8, "units": 8, "learning_rate": 0.02, "batch": 16}
    network = train_sentiment(toy(400), epochs=10, progress=lambda *report: reports.append(report), **small)
    return network, reports


def toy(count: int = 64) -> RatedTexts:
    texts = ("a good film", "a bad film", "this is a good one", "it is a bad one") * (count // 4)
    return RatedTexts(texts, np.tile([3.0, -3.0], count // 2))


@pytest.mark.slow  # the notebook of words trains the same network, every time that it runs
def test_held_out_sentences_get_the_right_sign_and_one_fools_the_network():
    train, test = training_and_test(load_sentences())
    network = train_sentiment(train)
    found = quality(sentiment_logits(network, test.texts), test.ratings)
    assert found.signs[0.3] >= 0.77
    assert found.signs[2.0] >= 0.86
    assert found.correlation >= 0.67
    assert found.counts[0.3] == len(test) > 1_400
    logits = sentiment_logits(network, PAPER_SENTENCES)  # come out as in the paper
    assert (logits > 0).tolist() == [False] * 6 + [True, True, False]
    assert PAPER_SENTENCES[8] == "it never fails to engage us ."


def test_training_reports_its_progress(easy):
    network, reports = easy
    assert [report[:2] for report in reports] == [*((done, 10) for done in range(1, 11)), (10, 10)]
    assert len(network.loss) == 10
    assert network.loss[-1] < network.loss[0] / 2


def test_a_sentence_gets_the_same_logit_alone_and_in_a_batch(easy):
    texts = ["a good film", "bad", "it is a good one , and this film is a bad one"]
    together = sentiment_logits(easy[0], texts)
    alone = [sentiment_logits(easy[0], [text])[0] for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(easy[0].model.predict(np.array([[2, 3, 0, 0]]), verbose=0)) == 1


def test_the_seed_fixes_the_network_and_training_prints_nothing(capfd):
    first, again, other = (train_sentiment(toy(), epochs=1, embedding=4, units=3, seed=s) for s in (0, 0, 1))
    for one, two in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert np.abs(first.model.get_weights()[0] - other.model.get_weights()[0]).max() > 0.01
    assert capfd.readouterr() == ("", "")


def test_the_two_directions_start_apart_and_the_logit_has_no_bias():
    model = build_sentiment_model(10, embedding=4, units=3)
    kernels = [weight for weight in model.get_weights() if weight.shape == (4, 12)]
    assert len(kernels) == 2
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1
    assert model.get_layer("score").get_config()["activation"] == "linear"
    assert not model.get_layer("score").use_bias


def test_a_small_network_learns_an_easy_task(easy):
    assert (np.sign(sentiment_logits(easy[0], ["a good film", "it is a bad one"])) == [1, -1]).all()


def test_quality_is_counted_right():
    found = quality([1, -1, 2, -0.1], [1.5, -0.5, -2, -3], least=(0, 1, 3.5))
    assert found.signs[0] == 0.75
    assert found.signs[1] == pytest.approx(2 / 3)
    assert np.isnan(found.signs[3.5])
    assert found.counts == {0: 4, 1: 3, 3.5: 0}
    assert quality([1, 2, 3], [2, 4, 6]).correlation == pytest.approx(1)
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        quality([1, 2, 3], [1, 2])


def test_errors_say_what_is_wanted():
    with pytest.raises(ValueError, match="Training needs sentences; got 0"):
        train_sentiment(toy().select(slice(0, 0)))
    for options, said in (
        ({"dropout": 1.0}, "dropout is a share from 0"),
        ({"learning_rate": float("nan")}, "learning_rate is a finite number"),
        ({"units": 0}, "units is a whole number from 1"),
        ({"seed": 2**32}, "seed is a whole number from 0 to 42949672"),
    ):
        with pytest.raises(ValueError, match=said):
            train_sentiment(toy(), **options)
    with pytest.raises(ValueError, match="No word occurs 2 times"):
        train_sentiment(toy().select([0]))
