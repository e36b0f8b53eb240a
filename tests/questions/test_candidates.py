"""What could be asked about a scene: all of it has the answer that is said, and nothing of it is ambiguous."""

import numpy as np
import pytest

from helpers.questions.draws import candidates, described, neighbours, view_of
from helpers.questions.language import FORMS, Description, Question, ask, find
from helpers.questions.scenes import COLOURS, KINDS, SIZES, draw_scenes


@pytest.fixture(scope="module")
def views():
    """Pairs of scene and view."""
    scenes = draw_scenes(60, seed=31)
    beside, last = neighbours(scenes)
    found = []
    for number, count in enumerate(scenes.counts):
        columns = scenes.sizes[number], scenes.colours[number], scenes.kinds[number]
        things = list(zip(*(column[:count].tolist() for column in columns), strict=True))
        found.append((scenes[number], view_of(things, beside[number], last[number])))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_every_candidate_has_the_answer_that_is_said(views, form):
    rng, checked = np.random.default_rng(0), 0
    for scene, view in views:
        for candidate in candidates(view, form, rng):
            question = Question(form, tuple(map(described, candidate.said)), candidate.directions)
            answered = ask(scene, question)
            assert answered.answer == candidate.answer
            assert answered.needed == tuple(sorted(set(candidate.needed)))
            assert answered.visited == tuple(sorted(set(candidate.visited)))
            checked += 1
    assert checked > 50


def test_a_view_knows_what_every_description_fits(views):
    for scene, view in views[:20]:
        for said, fits in view.fits.items():
            assert find(scene, described(said)) == fits
        for thing, names in enumerate(view.names):
            assert all(view.fits[said] == (thing,) for said in names)


def test_numbers_stand_for_descriptions():
    assert described((7, 1, 2, 3)) == Description(SIZES[1], COLOURS[2], KINDS[3])
    assert described((2, 0, 3, 0)) == Description(None, COLOURS[3], None)


def test_both_answers_are_possible_wherever_existence_is_asked(views):
    rng = np.random.default_rng(1)
    for _, view in views:
        assert {c.answer for c in candidates(view, "existence", rng)} in (set(), {"yes", "no"})
