"""Questions in plain English: written and read, they are the same, and their answers are those of an evaluator that knows
the words only and looks at the masks."""

import itertools

import numpy as np
import pytest

from helpers.questions.draws import draw_questions
from helpers.questions.language import (
    ANSWERS,
    DIRECTIONS,
    EXAMPLES,
    FORMS,
    LONGEST,
    NOTHING,
    OPEN,
    WORDS,
    Description,
    Question,
    ask,
    beside,
    encode_questions,
    find,
    nearest,
    parse,
)
from helpers.questions.scenes import COLOURS, KINDS, SIZES, Scene, draw_scenes

ALL = [Description(*said) for said in itertools.product((None, *SIZES), (None, *COLOURS), (None, *KINDS))]


def every_question():
    """Every description in every form and every pair of directions; the second description is a random one."""
    rng = np.random.default_rng(0)
    for name, form in FORMS.items():
        for first in ALL:
            second = ALL[rng.integers(len(ALL))]
            for ways in itertools.product(DIRECTIONS, repeat=form.directions):
                yield Question(name, (first, second)[: form.descriptions], ways)


def test_what_is_written_is_read_as_what_was_meant():
    questions = list(every_question())
    assert len(questions) > 5000
    for question in questions:
        assert parse(question.text) == question


def test_no_two_questions_have_the_same_words():
    questions = list(dict.fromkeys(every_question()))
    assert len({question.text for question in questions}) == len(questions)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("What colour is the large cow?", Question("colour", (Description("large", None, "cow"),))),
        ("is the red thing large or small", Question("size", (Description(None, "red"),))),
        ("Is there an elephant?", Question("existence", (Description(None, None, "elephant"),))),
        ("HOW MANY BIG LIONS ARE THERE?!", Question("counting", (Description("large", None, "lion"),))),
        ("What color is the hippopotamus?", Question("colour", (Description(None, None, "hippo"),))),
        *((f"What{mark}s the red thing?", Question("kind", (Description(None, "red"),))) for mark in "'’´ʼ"),
        (
            "What stands to the left of the cow",
            Question("relation, kind", (Description(None, None, "cow"),), ("left of",)),
        ),
        (
            "What colour is the thing under the thing on the right of the little blue penguin?",
            Question("two relations, colour", (Description("small", "blue", "penguin"),), ("below", "right of")),
        ),
    ],
)
def test_other_ways_of_writing(text, question):
    assert parse(text) == question


def test_articles():
    assert Question("existence", (Description(None, None, "elephant"),)).text == "Is there an elephant?"
    assert Question("existence", (Description("large", None, "elephant"),)).text == "Is there a large elephant?"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("What colour is the zebra?", "do not know the word 'zebra'"),
        ("Why is the cow red?", "do not know the word 'why'"),
        ("What colour is the cow red?", "cannot read"),
        ("What colour is the red large cow?", "cannot read"),
        ("", "cannot read"),
        ("cow", "cannot read"),
        ("How many cow are there?", "cannot read"),
    ],
)
def test_what_cannot_be_read_gets_an_error_that_shows_what_can_be_asked(text, what):
    with pytest.raises(ValueError, match=what) as error:
        parse(text)
    message = str(error.value)
    assert all(example.text in message for example in EXAMPLES.values())
    assert all(word in message for word in (*KINDS, *COLOURS, *SIZES, *DIRECTIONS))


def test_there_is_an_example_of_every_form():
    assert list(EXAMPLES) == list(FORMS)
    assert all(parse(example.text).form == name for name, example in EXAMPLES.items())


def test_programs_say_what_is_done():
    program = parse("What colour is the thing left of the thing above the red cow?").program
    assert program == (Description(None, "red", "cow"), "the only one", "above", "left of", "colour")
    program = parse("Is the cow larger than the lion?").program
    assert [str(step) for step in program] == ["cow", "lion", "each the only one", "larger"]


def test_words_become_numbers_and_numbers_words():
    questions = list(every_question())[::50]
    encoded = encode_questions(questions)
    assert encoded.shape == (len(questions), LONGEST)
    for row, question in zip(encoded, questions, strict=True):
        assert tuple(WORDS[number - 1] for number in row if number) == question.words
        assert not row[len(question.words) :].any()
    assert encode_questions([]).shape == (0, LONGEST)


def test_no_word_and_no_answer_stands_twice():
    assert len(set(WORDS)) == len(WORDS)
    assert len(set(ANSWERS)) == len(ANSWERS)


WAYS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}


def scene_of(*things) -> Scene:
    """A scene of (name, across, down) with frames of 10 x 10 pixels around these places."""
    boxes = np.array([(down - 5, across - 5, down + 5, across + 5) for _, across, down in things])
    masks = np.zeros((len(things), 96, 96), bool)
    for mask, (top, left, bottom, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    sizes, colours, kinds = zip(*(name.split() for name, _, _ in things), strict=True)
    return Scene(np.zeros((96, 96, 3), np.uint8), kinds, colours, sizes, boxes, masks)


def place(mask):
    rows, columns = np.nonzero(mask)
    return np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2])


def next_thing(scene, thing, way):
    """The thing that lies in a direction, by rotating the picture so that the direction points to the right."""
    steps = []
    for other in range(len(scene)):
        if other != thing:
            ahead = np.array(WAYS[way])
            aside = np.array([-ahead[1], ahead[0]])
            difference = place(scene.masks[other]) - place(scene.masks[thing])
            steps.append((float(difference @ ahead), float(abs(difference @ aside)), other))
    there = [(np.hypot(a, b), n) for a, b, n in steps if a > 0 and b <= a * np.tan(np.radians(33))]
    askew = [(np.hypot(a, b), n) for a, b, n in steps if a > 0 and b < a * np.tan(np.radians(57))]
    assert there, "nothing lies there"
    distance, found = min(there)
    assert all(n == found or d >= 1.4 * distance for d, n in askew), "not clear"
    return found


def brute_force(scene, text):
    """Answer and needed things, from the words one by one."""
    words = text.lower().rstrip("?").replace("left of", "left_of").replace("right of", "right_of").split()

    def fitting(said):
        said = [word for word in said if word not in ("a", "an", "the", "thing", "things")]
        return [
            n
            for n in range(len(scene))
            if all(w in (*scene.name(n).split(), f"{scene.kinds[n]}s", "thing", "things") for w in said)
        ]

    def only(said):
        found = fitting(said)
        assert len(found) == 1, "ambiguous"
        return found[0]

    ways = [word.replace("_", " ") for word in words if word.replace("_", " ") in WAYS]
    if ways:
        last = max(i for i, word in enumerate(words) if word.replace("_", " ") in WAYS)
        thing = only(words[last + 1 :])
        for way in reversed(ways):
            thing = next_thing(scene, thing, way)
        return (scene.colours if "colour" in words else scene.kinds)[thing], {thing}
    if words[:2] == ["how", "many"]:
        found = fitting(words[2:-2])
        return str(len(found)), set(found)
    if words[:2] == ["is", "there"]:
        found = fitting(words[2:])
        return "yes" if found else "no", set(found)
    if words[:3] == ["are", "there", "more"]:
        cut = words.index("than")
        first, second = fitting(words[3:cut]), fitting(words[cut + 1 :])
        return "yes" if len(first) > len(second) else "no", {*first, *second}
    if "larger" in words:
        cut = words.index("larger")
        first, second = only(words[1:cut]), only(words[cut + 2 :])
        assert scene.sizes[first] != scene.sizes[second]
        return "yes" if scene.sizes[first] == "large" else "no", {first, second}
    if "same" in words:
        first, second = only(words[1 : words.index("of")]), only(words[words.index("as") + 1 :])
        assert first != second
        return "yes" if scene.colours[first] == scene.colours[second] else "no", {first, second}
    if words[-2:] == ["or", "small"]:
        thing = only(words[1:-3])
        return scene.sizes[thing], {thing}
    if words[:2] == ["what", "colour"]:
        thing = only(words[3:])
        return scene.colours[thing], {thing}
    thing = only(words[2:])
    return scene.kinds[thing], {thing}


@pytest.fixture(scope="module")
def drawn():
    scenes = draw_scenes(300, seed=11)
    return [(scenes[n], own) for n, own in enumerate(draw_questions(scenes, 20, seed=1))]


def test_answers_are_those_of_the_brute_force_evaluator(drawn):
    """It also asserts that no referent is ambiguous and that every relation is clear."""
    seen = set()
    for scene, answered in drawn:
        for one in answered:
            answer, needed = brute_force(scene, one.question.text)
            assert (one.answer, set(one.needed)) == (answer, needed), one.question.text
            seen.add(one.question.form)
    assert seen == set(FORMS)


def test_asked_again_in_words_a_question_gets_the_same_answer(drawn):
    for scene, answered in drawn:
        for one in answered:
            assert ask(scene, one.question.text) == one


def test_what_is_needed_was_visited_and_empty_only_where_nothing_is_there(drawn):
    for _, answered in drawn:
        for one in answered:
            assert set(one.needed) <= set(one.visited)
            assert bool(one.needed) == (one.answer != "0" and not (one.answer == "no" and not one.visited))
            if one.question.directions:
                assert len(one.needed) == 1
                assert len(one.visited) == 2 + (len(one.question.directions) == 2)


def test_descriptions_find_what_they_fit():
    scene = scene_of(("small red cow", 20, 20), ("large red cow", 60, 20), ("large blue lion", 20, 60))
    assert find(scene, Description()) == (0, 1, 2)
    assert find(scene, Description("large")) == (1, 2)
    assert find(scene, Description("large", "red", "cow")) == (1,)
    assert find(scene, Description(None, "white")) == ()


def test_the_nearest_thing_in_a_direction():
    scene = scene_of(
        ("small red cow", 80, 50), ("large red cow", 55, 55), ("large blue lion", 15, 45), ("small white lion", 80, 15)
    )
    assert beside(scene, 0, "left of") == (1,)
    assert beside(scene, 1, "left of") == (2,)
    assert beside(scene, 0, "above") == (3,)
    with pytest.raises(ValueError, match="nothing lies below the small red cow"):
        beside(scene, 0, "below")


@pytest.mark.parametrize(
    ("across", "down", "expected"),
    [(40, 50, 1), (40, 60, 1), (40, 69, OPEN), (40, 81, OPEN), (40, 93, NOTHING), (80, 50, NOTHING)],
)
def test_a_thing_lies_there_up_to_33_degrees_and_not_from_57_on(across, down, expected):
    scene = scene_of(("small red cow", 67, 50), ("small red lion", across, down))
    assert nearest(scene.boxes, np.ones(2, bool), "left of")[0] == expected


@pytest.mark.parametrize(("factor", "expected"), [(1.3, OPEN), (1.5, 1)])
def test_a_second_thing_must_be_clearly_farther(factor, expected):
    boxes = np.array([(40, 80, 50, 90), (40, 60, 50, 70), (40, 80 - 20 * factor, 50, 90 - 20 * factor)])
    assert nearest(boxes, np.ones(3, bool), "left of")[0] == expected
    assert nearest(boxes, np.array([True, True, False]), "left of")[0] == 1


def test_directions_are_each_others_mirror_images():
    """What lies left of a thing lies right of it in the mirrored scene, and above it in the scene turned by a quarter."""
    scenes = draw_scenes(100, seed=5)
    present, boxes = scenes.kinds >= 0, scenes.boxes.astype(int)
    top, left, bottom, right = np.moveaxis(boxes, -1, 0)
    mirrored = np.stack([top, 96 - right, bottom, 96 - left], axis=-1)
    swapped = np.stack([left, top, right, bottom], axis=-1)
    wanted = nearest(boxes, present, "left of")
    assert (wanted >= 0).any()
    np.testing.assert_array_equal(nearest(mirrored, present, "right of"), wanted)
    np.testing.assert_array_equal(nearest(swapped, present, "above"), wanted)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("What colour is the cow?", "'cow' fits 2 things"),
        ("What colour is the penguin?", "there is no penguin"),
        ("What stands below the lion?", "nothing lies below"),
        ("What stands right of the large cow?", "not clear"),
        ("Is the small cow larger than the lion?", "Both are small"),
        ("Is the lion of the same colour as the lion?", "two different ones"),
        ("What colour is the zebra?", "do not know the word"),
    ],
)
def test_a_scene_that_leaves_the_answer_open_gets_an_error_that_says_why(text, message):
    scene = scene_of(
        ("large red cow", 20, 20), ("small red cow", 60, 25), ("small blue lion", 50, 80), ("small white hippo", 62, 5)
    )
    with pytest.raises(ValueError, match=message):
        ask(scene, text)


def test_more_than_the_largest_count_is_refused():
    scene = scene_of(*(("small red cow", 10 + 15 * n, 50) for n in range(5)))
    with pytest.raises(ValueError, match="answers end at 4"):
        ask(scene, "How many cows are there?")
    assert ask(scene, "Are there more cows than lions?").answer == "yes"


def test_a_question_is_taken_as_text_or_read():
    scene = scene_of(("small red cow", 20, 20), ("large red cow", 60, 20), ("large blue lion", 20, 60))
    question = Question("counting", (Description(None, "red"),))
    assert ask(scene, question) == ask(scene, "How many red things are there?")
    assert ask(scene, parse("Is there a lion?")).needed == (2,)
