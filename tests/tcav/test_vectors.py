"""Concept activation vectors against directions that are known by construction."""

import numpy as np
import pytest

from helpers.tcav import vectors as tv


def planted(count, features=20, distance=4.0, seed=0):
    """Two clouds (count, features) of unit spread whose centres lie ``distance`` apart along a known direction."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=features)
    direction /= np.linalg.norm(direction)
    others = rng.normal(size=(count, features))
    return rng.normal(size=(count, features)) + distance * direction, others, direction


@pytest.mark.parametrize("features", [3, 40, 700])
def test_a_planted_direction_is_found(features):
    concept, others, direction = planted(400, features, distance=30.0)
    found = tv.concept_vector(concept, others)
    assert np.linalg.norm(found.vector) == pytest.approx(1)
    assert found.vector @ direction > np.cos(np.radians(12 if features > 400 else 5))  # it points to the concept
    assert found.accuracy == 1
    assert found.is_meaningful
    middle = others.mean(axis=0) + 15 * direction
    assert abs(found.vector @ middle + found.intercept) < 2  # the line runs between the clouds
    assert (concept @ found.vector + found.intercept > 0).all()


def test_the_line_says_concept_on_the_side_of_the_concept():
    concept, others, _ = planted(100, 5, distance=3.0)
    found = tv.concept_vector(concept + 50, others + 50)  # far from the origin the intercept matters
    assert np.mean((concept + 50) @ found.vector + found.intercept > 0) > 0.8
    assert np.mean((others + 50) @ found.vector + found.intercept > 0) < 0.25
    assert found.accuracy > 0.8


def test_exchanging_the_sides_turns_the_vector_round():
    concept, others, _ = planted(60, distance=1.0)
    for many in (others, np.concatenate([others, others + 0.01])):
        there, back = tv.concept_vector(concept, many, seed=3), tv.concept_vector(many, concept, seed=3)
        assert np.allclose(there.vector, -back.vector, atol=1e-4)
        assert there.accuracy == pytest.approx(back.accuracy, abs=1 / there.held_out + 1e-9)


@pytest.mark.parametrize("features", [6, 200])
def test_units_shifts_and_rotations_of_the_activations(features):
    concept, others, _ = planted(40, features, distance=2.0)
    plain = tv.concept_vector(concept, others)
    scaled = tv.concept_vector(1e-5 * concept, 1e-5 * others)
    assert np.allclose(scaled.vector, plain.vector, atol=1e-6)
    assert scaled.intercept == pytest.approx(1e-5 * plain.intercept, rel=1e-3)
    shift = np.linspace(-3, 3, features)
    moved = tv.concept_vector(concept + shift, others + shift)
    assert np.allclose(moved.vector, plain.vector, atol=1e-6)
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(features, features)))[0]
    turned = tv.concept_vector(concept @ turn, others @ turn)
    assert np.allclose(turned.vector, plain.vector @ turn, atol=1e-4)
    assert scaled.accuracy == moved.accuracy == turned.accuracy == plain.accuracy


def test_the_span_of_the_pictures_gives_the_same_vector(monkeypatch):
    from sklearn.linear_model import LogisticRegression

    concept, others, _ = planted(30, 500, distance=3.0)
    normal, offset = tv._logistic_normal(concept, others)
    rows = np.concatenate([concept, others])
    centred = rows - rows.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=1).mean())
    direct = LogisticRegression(C=tv.PENALTY, tol=1e-10, max_iter=10000).fit(centred / scale, np.arange(60) < 30)
    assert np.allclose(normal, direct.coef_[0] / scale, rtol=1e-3, atol=1e-4 * np.abs(normal).max())
    assert offset == pytest.approx(direct.intercept_[0] - normal @ rows.mean(axis=0), rel=1e-3)
    monkeypatch.setattr(tv, "FEATURES_AT_A_TIME", 64)  # in blocks it is the same
    again, _ = tv._logistic_normal(concept, others)
    assert np.allclose(again, normal, rtol=1e-6, atol=1e-9)


def test_seeds_fix_the_result():
    concept, others, _ = planted(40, distance=1.0)
    first, again, other = (tv.concept_vector(concept, others, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.vector, again.vector)
    assert not np.array_equal(first.vector, other.vector)
    assert first.held_out == 26  # a third of 40 on either side


def test_sides_are_balanced_and_stratified():
    concept, others, _ = planted(300, distance=3.0)
    found = tv.concept_vector(concept[:30], others)
    assert found.held_out == 20
    # ten times as many others and no difference: a classifier of all of them would call nothing a concept
    guesses = []
    for seed in range(10):
        rows = np.random.default_rng(seed).normal(size=(530, 5))
        lopsided = tv.concept_vector(rows[:30], rows[30:330])
        guesses.append(np.mean(rows[330:] @ lopsided.vector + lopsided.intercept > 0))
    assert 0.3 < np.mean(guesses) < 0.7


def test_held_out_pictures_were_not_trained_on():
    """Labels drawn at random: what was trained on is told apart (many features), what was held out is not."""
    accuracies = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        accuracies.append(tv.concept_vector(rng.normal(size=(30, 200)), rng.normal(size=(30, 200)), seed).accuracy)
    assert abs(np.mean(accuracies) - 0.5) < 6 * 0.5 / np.sqrt(60 * 20)


def test_chance_is_said_so():
    needed = tv.accuracy_beyond_chance(20)
    assert needed == 0.75  # P(X >= 15) = 0.021, P(X >= 14) = 0.058
    assert tv.accuracy_beyond_chance(10_000) == 0.6
    assert tv.accuracy_beyond_chance(4) > 1
    guess = tv.ConceptVector(np.ones(1), 0.0, 0.7, 20)
    assert not guess.is_meaningful
    assert "75% needed" in str(guess)
    assert tv.ConceptVector(np.ones(1), 0.0, 0.75, 20).is_meaningful


def test_copies_count_once():
    concept, others, _ = planted(20, distance=3.0)
    plain = tv.concept_vector(concept, others)
    assert np.array_equal(tv.concept_vector(np.concatenate([concept, concept]), others).vector, plain.vector)


def test_sets_that_cannot_make_a_vector_are_refused():
    concept, others, _ = planted(20)
    with pytest.raises(ValueError, match="'striped' has 9 different pictures.*at least 10"):
        tv.concept_vector(concept[:9], others, name="striped")
    with pytest.raises(ValueError, match="compared with.*has 9"):
        tv.concept_vector(concept, others[:9])
    with pytest.raises(ValueError, match="1 different pictures.*20 of them.*copies"):
        tv.concept_vector(np.tile(concept[:1], (20, 1)), others)
    with pytest.raises(ValueError, match="layer is dead"):
        tv.concept_vector(np.zeros((20, 20)), others)
    with pytest.raises(ValueError, match="NaN"):
        tv.concept_vector(np.where(np.eye(20) > 0, np.nan, concept), others)
    with pytest.raises(ValueError, match="20 and 19 values"):
        tv.concept_vector(concept, others[:, :19])
    with pytest.raises(ValueError, match="shape \\(pictures, features\\)"):
        tv.concept_vector(concept[:, :, None], others)
    with pytest.raises(ValueError, match="are the same"):
        tv.concept_vector(concept, concept[::-1])


def test_projections_put_pictures_in_the_order_of_the_concept():
    vector = np.array([0.6, 0.8])
    values = np.array([[0.0, 0], [5, 0], [0, -5], [0, 5]])
    assert np.allclose(tv.projections(values, vector), [0, 3, -4, 4])
    concept, others, _ = planted(50, distance=10.0)
    found = tv.concept_vector(concept, others)
    assert tv.projections(concept, found).min() > tv.projections(others, found).max()
    with pytest.raises(ValueError, match="\\(pictures, 2\\)"):
        tv.projections(np.ones((3, 3)), vector)
    with pytest.raises(ValueError, match="NaN"):
        tv.projections(np.full((3, 2), np.nan), vector)
