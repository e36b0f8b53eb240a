"""Questions drawn for scenes: the same for the same seed, all different, none ambiguous, their answers balanced."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from helpers.questions.draws import candidates, described, draw_questions, neighbours, view_of
from helpers.questions.language import DIRECTIONS, FORMS, TYPES, Description, Question, ask, find
from helpers.questions.scenes import COLOURS, KINDS, SIZES, draw_scenes

MOST_FREQUENT = {  # the largest share that the most frequent answer may have, by the values asked for
    "colour": 0.28,
    "size": 0.53,
    "kind": 0.16,
    "existence": 0.52,
    "counting": 0.27,
    "more": 0.52,
    "larger": 0.54,
    "same colour": 0.53,
    "relation, kind": 0.16,
    "relation, colour": 0.28,
    "two relations, kind": 0.16,
    "two relations, colour": 0.28,
}


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(1500, seed=21)


@pytest.fixture(scope="module")
def drawn(scenes):
    return draw_questions(scenes, 12, seed=2)


@pytest.fixture(scope="module")
def by_form(drawn):
    found = defaultdict(list)
    for own in drawn:
        for one in own:
            found[one.question.form].append(one)
    return found


def test_the_same_seed_gives_the_same_questions(scenes, drawn):
    assert draw_questions(scenes, 12, seed=2) == drawn
    assert draw_questions(scenes, 12, seed=3) != drawn


def test_every_scene_has_its_questions_all_different(drawn):
    assert all(len(set(one.question.text for one in own)) == len(own) for own in drawn)
    assert np.mean([len(own) for own in drawn]) > 11.9
    assert max(len(own) for own in drawn) == 12


def test_all_forms_and_types_are_drawn(by_form):
    assert set(by_form) == set(FORMS)
    types = Counter(one.question.type for own in by_form.values() for one in own)
    assert min(types[name] for name in TYPES) > 0.08 * sum(types.values())


def test_no_answer_is_frequent(by_form):
    for form, asked in by_form.items():
        answers = Counter(one.answer for one in asked)
        assert max(answers.values()) / len(asked) < MOST_FREQUENT[form], form


def test_what_is_said_of_a_thing_does_not_tell_the_answer(by_form):
    """Guessing the most frequent answer for the same words learned on one half is no better on the other half."""
    for form, asked in by_form.items():
        half = len(asked) // 2
        counts = defaultdict(Counter)
        for one in asked[:half]:
            for description in one.question.descriptions:
                for word in str(description).split():
                    counts[word][one.answer] += 1
        right = 0
        for one in asked[half:]:
            votes = Counter()
            for description in one.question.descriptions:
                for word in str(description).split():
                    total = sum(counts[word].values())
                    votes.update({answer: n / total for answer, n in counts[word].items()})
            right += bool(votes) and votes.most_common(1)[0][0] == one.answer
        noise = 3 * np.sqrt(0.25 / max(1, len(asked) - half))
        assert right / (len(asked) - half) < MOST_FREQUENT[form] + 0.03 + noise, form


def test_what_is_asked_is_not_said(by_form):
    for one in by_form["colour"] + by_form["same colour"]:
        assert all(description.colour is None for description in one.question.descriptions)
    for one in by_form["size"] + by_form["larger"]:
        assert all(description.size is None for description in one.question.descriptions)
    for one in by_form["kind"]:
        assert one.question.descriptions[0].kind is None


def test_the_kind_that_is_named_is_not_the_answer_more_often_than_others(by_form):
    """Scenes draw from few kinds, so without the tally the named kind would be the answer far too often."""
    for form in ("relation, kind", "two relations, kind"):
        named = [(one.question.descriptions[0].kind, one.answer) for one in by_form[form]]
        same = np.mean([kind == answer for kind, answer in named if kind])
        assert abs(same - 1 / len(KINDS)) < 0.1, form


def test_relations_cannot_be_answered_by_the_outermost_thing(scenes, drawn):
    _, last = neighbours(scenes)
    outermost = [
        one.needed[0] == last[number, list(DIRECTIONS).index(one.question.directions[0])]
        for number, own in enumerate(drawn)
        for one in own
        if one.question.directions
    ]
    assert np.mean(outermost) < 0.45


def test_absent_descriptions_are_one_word_away(scenes, drawn):
    """A "no" must not be easy to see: another thing of the scene has all but one of the words."""
    for number, own in enumerate(drawn[:500]):
        scene = scenes[number]
        for one in own:
            if one.question.form == "existence" and one.answer == "no":
                words = [w for w in str(one.question.descriptions[0]).split() if w != "thing"]
                fits = [sum(word in scene.name(n).split() for word in words) for n in range(len(scene))]
                assert max(fits) == len(words) - 1


def test_forms_can_be_chosen(scenes):
    part = draw_questions(scenes, 3, forms=["counting", "colour"])
    assert {one.question.form for own in part for one in own} == {"counting", "colour"}


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
