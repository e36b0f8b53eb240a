"""Concepts against random counterparts: found where planted, rejected by chance as often as promised."""

import numpy as np
import pytest
from scipy import stats

from helpers.course.backend import keras
from helpers.tcav import runs
from helpers.tcav.runs import compare_with_random
from helpers.tcav.scores import activations, logit_gradients
from helpers.tcav.significance import ConceptTest, compare_scores

LAYER = "features"


def cloud(count, features=8, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, features)) + shift


def one(concept, random, gradients, **more) -> ConceptTest:
    return compare_with_random({"c": {LAYER: concept}}, {LAYER: random}, {"k": {LAYER: gradients}}, **more)[0]


def direction(features=8, number=0):
    return np.eye(features)[number]


def test_a_planted_concept_is_found_and_an_unrelated_one_is_not():
    concepts = {
        "up": {LAYER: cloud(300, seed=1, shift=2 * direction())},
        "down": {LAYER: cloud(300, seed=2, shift=-2 * direction())},
        "other": {LAYER: cloud(300, seed=3, shift=2 * direction(number=1))},
        "nothing": {LAYER: cloud(300, seed=4)},
    }
    gradients = {"k": {LAYER: cloud(60, seed=5) + 2 * direction()}}
    up, down, other, nothing = compare_with_random(concepts, {LAYER: cloud(600, seed=6)}, gradients)
    assert up.significant
    assert (up.direction, up.stars) == ("above", "***")
    assert up.mean > 0.9
    assert down.significant
    assert (down.direction, down.stars) == ("below", "***")
    assert not other.significant
    assert other.is_meaningful
    assert not nothing.is_meaningful
    assert nothing.stars == "no CAV"
    assert up.comparisons == 4
    assert up.p_corrected == pytest.approx(4 * up.p)
    assert np.array_equal(up.random_scores, other.random_scores)  # one cut of the random pictures serves all
    assert up.p == plain_p(up)  # no two runs share a picture


def plain_p(test: ConceptTest) -> float:
    """Welch's, which treats the runs as independent."""
    return compare_scores(test.scores, test.random_scores, 0)[0]


def rejections(experiments: int, counterparts: int, concept_count: int) -> np.ndarray:
    """How often random pictures in the concept's place get p and Welch's p below 0.05; the experiments share nothing."""
    found = np.zeros(2, int)
    for seed in range(experiments):
        gradients = cloud(40, seed=[seed, 0]) + 0.7 * cloud(1, seed=[seed, 1])
        concept, random = cloud(concept_count, seed=[seed, 2]), cloud(2 * counterparts * 20, seed=[seed, 3])
        test = one(concept, random, gradients, counterparts=counterparts, size=20)
        found += [test.p < 0.05, plain_p(test) < 0.05]
    return found


def test_random_against_random_is_rejected_at_the_nominal_rate():
    low, high = stats.binom.interval(0.998, 200, 0.05)
    found, plain = rejections(200, counterparts=5, concept_count=5 * 20)
    assert low <= found <= high
    assert found == plain


def test_a_small_random_set_is_rejected_no_more_often_but_would_be_by_the_plain_test():
    high = stats.binom.interval(0.998, 60, 0.05)[1]
    found, plain = rejections(60, counterparts=16, concept_count=20)
    assert found <= high
    assert plain > high


def test_random_scores_are_near_a_half_on_average():
    means = [
        one(cloud(30, seed=[s, 1]), cloud(200, seed=[s, 2]), cloud(30, seed=[s, 3]) + 1, counterparts=5).random_mean
        for s in range(40)
    ]
    assert abs(np.mean(means) - 0.5) < 4 * np.std(means) / np.sqrt(len(means))


def test_linear_logit_scores_are_exactly_0_or_1():
    gradients = np.tile([1.0, 2, 0, 0, 0, 0, 0, 0], (20, 1))
    test = one(cloud(200, seed=1, shift=3 * direction()), cloud(400, seed=2), gradients, counterparts=10)
    assert set(test.scores) | set(test.random_scores) == {0.0, 1.0}
    assert (test.scores == 1).all()
    assert test.deviation == 0
    assert 0 < test.p < 0.05  # the random scores have a spread


def test_units_and_signs_of_activations():
    concept, random, gradients = cloud(100, seed=1, shift=direction()), cloud(300, seed=2), cloud(30, seed=3, shift=0.5)
    plain = one(concept, random, gradients, counterparts=5)
    scaled = one(1e3 * concept, 1e3 * random, gradients, counterparts=5)
    assert np.array_equal(scaled.scores, plain.scores)
    assert scaled.p == pytest.approx(plain.p)
    # a logit that falls where it rose: the score is turned round
    turned = one(concept, random, -gradients, counterparts=5)
    assert np.allclose(turned.scores, 1 - plain.scores)
    assert turned.mean_derivative == pytest.approx(-plain.mean_derivative)
    assert turned.p == pytest.approx(plain.p)
    larger = one(concept, random, 100 * gradients, counterparts=5)  # TCAV counts signs, not sizes
    assert np.array_equal(larger.scores, plain.scores)


def test_dead_gradients_have_no_p():
    test = one(cloud(50, seed=1, shift=3 * direction()), cloud(300, seed=2), np.zeros((20, 8)), counterparts=5)
    assert np.isnan(test.p)
    assert (test.zero, test.mean) == (1, 0)
    assert "no spread" in test.undefined
    assert not test.significant
    assert test.stars == "undefined"


def test_results_repeat_and_do_not_depend_on_the_company():
    concept, random, gradients = cloud(120, seed=1, shift=direction()), cloud(400, seed=2), cloud(30, seed=3, shift=0.5)
    alone = one(concept, random, gradients, counterparts=5, seed=7)
    again = one(concept, random, gradients, counterparts=5, seed=7)
    assert np.array_equal(alone.scores, again.scores)
    assert np.array_equal(alone.random_scores, again.random_scores)
    assert not np.array_equal(alone.scores, one(concept, random, gradients, counterparts=5, seed=8).scores)
    company = compare_with_random(
        {"before": {LAYER: cloud(200, seed=9)}, "c": {LAYER: concept}},
        {LAYER: random},
        {"j": {LAYER: cloud(10)}, "k": {LAYER: gradients}},
        counterparts=5,
        seed=7,
    )
    assert np.array_equal(company[-1].scores, alone.scores)
    assert company[-1].comparisons == 4
    assert one(concept, random, gradients, counterparts=5, comparisons=12).comparisons == 12


def test_pictures_are_dealt_without_overlap_as_long_as_they_last():
    drawn = runs._draw(100, 20, 5, seed=1)
    assert sorted(drawn.ravel()) == list(range(100))
    assert runs._overlap(drawn) == 0
    assert runs._overlap(runs._draw(20, 20, 6, seed=1)) == pytest.approx(1)
    drawn = runs._draw(40, 20, 4, seed=1)  # two deals of two
    common = np.mean([len(set(a) & set(b)) / 20 for i, a in enumerate(drawn) for b in drawn[:i]])
    assert runs._overlap(drawn) == pytest.approx(common)
    cut, vectors = runs._random_sets(cloud(200), 20, 5, seed=1)
    assert len(np.unique(cut)) == cut.size == 200
    assert len(vectors) == 4  # of ten sets: two pairs of counterparts, two of the others, none across
    cut, vectors = runs._random_sets(cloud(119), 20, 5, seed=1)
    assert (len(cut), len(vectors)) == (5, 2)
    test = one(cloud(20, seed=3), cloud(200), cloud(50, seed=4), counterparts=5, size=20)
    overlap = 1 - 7 / 20  # the same pictures, 7 of 20 held out by chance
    assert test.p == pytest.approx(compare_scores(test.scores, test.random_scores, overlap)[0], rel=1e-9)
    assert test.p > plain_p(test)


@pytest.fixture(scope="module")
def network():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv1"),
            keras.layers.Conv2D(5, 3, activation="relu", name="conv2"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


def test_every_concept_at_every_layer_for_every_class_of_a_network(network):
    rng = np.random.default_rng(1)
    concepts = {name: rng.normal(loc, 1, (30, 6, 6, 2)) for name, loc in (("bright", 1.0), ("dark", -1.0))}
    random, pictures = rng.normal(0, 1, (100, 6, 6, 2)), rng.normal(0, 1, (9, 6, 6, 2))
    layers, targets = ["conv1", "conv2"], {"first": 0, "each its own": np.arange(9) % 3}

    def all_tests(layers, targets, batch_size=None, comparisons=None):
        return compare_with_random(
            {name: activations(network, layers, images, batch_size=batch_size) for name, images in concepts.items()},
            activations(network, layers, random, batch_size=batch_size),
            {name: logit_gradients(network, layers, pictures, target) for name, target in targets.items()},
            counterparts=4,
            comparisons=comparisons,
        )

    tests = all_tests(layers, targets)
    assert [(test.layer, test.concept, test.class_name) for test in tests][:3] == [
        ("conv1", "bright", "first"),
        ("conv1", "bright", "each its own"),
        ("conv1", "dark", "first"),
    ]
    assert len(tests) == 8
    some = [test for test in tests if test.layer == "conv2" and test.class_name == "first"]
    for old, new in zip(some, all_tests(["conv2"], {"first": 0}, 7, comparisons=8), strict=True):
        assert np.allclose(old.scores, new.scores)
        assert old.p_corrected == pytest.approx(new.p_corrected, rel=1e-3)


def test_experiments_that_cannot_work_are_refused():
    concept, random, gradients = cloud(50, seed=1), cloud(300, seed=2), cloud(9, seed=3)
    with pytest.raises(ValueError, match="counterparts is a whole number from 2"):
        one(concept, random, gradients, counterparts=1)
    with pytest.raises(ValueError, match="'c, features' has 9 different"):
        one(concept[:9], random, gradients)
    with pytest.raises(ValueError, match="'c, features' has 9 different"):
        one(concept[:9], random, gradients, size=10)
    with pytest.raises(ValueError, match="size=51.*has 50"):
        one(concept, random, gradients, size=51, counterparts=2)
    with pytest.raises(ValueError, match="40 random counterparts of 10 pictures need 400.*got 300"):
        one(concept, random, gradients, counterparts=40)
    with pytest.raises(ValueError, match="size is a whole number from 10"):
        one(concept, random, gradients, size=9)
    with pytest.raises(ValueError, match="one pooling"):
        one(concept, random, gradients[:, :7], counterparts=2)
    with pytest.raises(ValueError, match="nothing to test"):
        compare_with_random({}, {LAYER: random}, {"k": {LAYER: gradients}})
    with pytest.raises(ValueError, match="nothing for layer 'features'; it has conv1"):
        compare_with_random({"c": {"conv1": concept}}, {LAYER: random}, {"k": {LAYER: gradients}})
