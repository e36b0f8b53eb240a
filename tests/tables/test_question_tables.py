"""Questions are chosen as they should be, scores of planted maps can be counted by hand, and the table has them all."""

import numpy as np
import pytest
from question_fakes import FakeNetwork, always, left_half, wordless
from tables import (
    MOVES,
    SCORES,
    WORDS,
    Sample,
    baseline_maps,
    chance_scores,
    correlations,
    draw_samples,
    map_scores,
    question_pairs,
    question_table,
    removal_falls,
    removal_figures,
    thing_relevance,
    word_classes,
    word_shares,
)

from helpers.questions.asked import BASELINES, ask_scenes, given_logits, part_of, right_answers, stored_question_table
from helpers.questions.draws import draw_questions
from helpers.questions.language import ANSWERS, EXAMPLES, FORMS, TYPES, parse
from helpers.questions.scenes import draw_scenes

RNG = np.random.default_rng(0)


def masks(*corners):
    """A mask of 2 x 2 pixels in 8 x 8 for each corner."""
    found = np.zeros((len(corners), 8, 8), bool)
    for mask, (row, column) in zip(found, corners, strict=True):
        mask[row : row + 2, column : column + 2] = True
    return found


def test_mass_and_pointing_on_planted_maps():
    needed = masks((0, 0), (0, 0), (4, 4), (4, 4))
    visited = needed | masks((0, 4), (0, 4), (0, 4), (0, 4))
    maps = np.zeros((4, 8, 8))
    maps[0, 0, 0] = 2  # all on the needed
    maps[1, 0, 4], maps[1, 0, 0], maps[1, 7, 7] = 3, 1, -9  # most on the visited; what is negative does not count
    maps[2, 7, 7] = 1  # beside both
    found = map_scores(maps, needed, visited)
    assert set(found) == set(SCORES)
    np.testing.assert_allclose(found["mass on needed"], [1, 0.25, 0, np.nan])
    np.testing.assert_allclose(found["mass on visited"], [1, 1, 0, np.nan])
    assert found["points at needed"].tolist() == [1, 0, 0, 0]
    assert found["points at visited"].tolist() == [1, 1, 0, 0]


def test_a_random_map_scores_what_chance_says():
    corners = RNG.integers(0, 7, (400, 2))
    needed = masks(*corners)
    visited = needed | masks(*RNG.integers(0, 7, (400, 2)))
    chance = chance_scores(needed, visited)
    assert chance["mass on needed"] == chance["points at needed"] == pytest.approx(4 / 64)
    found = map_scores(RNG.random((400, 8, 8)), needed, visited)
    for name, level in chance.items():
        assert found[name].mean() == pytest.approx(level, abs=0.06)


def test_correlation_of_maps():
    maps = RNG.normal(size=(5, 8, 8))
    others = np.stack([maps[0], -2 * maps[1] + 3, np.zeros((8, 8)), RNG.normal(size=(8, 8)), maps[4] ** 2])
    found = correlations(maps, others)
    assert found[:2] == pytest.approx([1, -1])
    assert np.isnan(found[2])
    assert found[3:] == pytest.approx([np.corrcoef(maps[n].ravel(), others[n].ravel())[0, 1] for n in (3, 4)])


def test_relevance_of_things_is_the_sum_over_their_pixels():
    owners = np.full((2, 8, 8), -1)
    owners[0, 0, :2], owners[1, 7, 7] = 0, 5
    maps = np.arange(128.0).reshape(2, 8, 8) - 1
    assert thing_relevance(maps, owners).tolist() == [[-1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 126]]


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("What colour is the large red cow?", "task task filling filling names names names"),
        ("Is the red cow large or small?", "filling filling names names task filling task"),
        ("Is there an elephant?", "filling filling filling names"),
        ("How many large things are there?", "task task names filling filling filling"),
        ("Is the cow of the same colour as the lion?",
         "filling filling names filling filling task task filling filling names"),
        ("Are there more cows than red things?", "filling filling task names filling names filling"),
        ("What stands left of the thing below the cow?",
         "task filling directions directions filling filling directions filling names"),
    ],
)  # fmt: skip
def test_words_are_told_apart(text, classes):
    assert word_classes(parse(text)) == tuple(classes.split())


def test_every_word_of_every_question_has_a_class():
    drawn = [one.question for own in draw_questions(draw_scenes(60, 5), 12, 5) for one in own]
    for question in [*EXAMPLES.values(), *drawn]:
        assert len(word_classes(question)) == len(question.words)
        assert set(word_classes(question)) <= set(WORDS)
    assert {question.form for question in drawn} == set(FORMS)


def test_shares_of_words():
    questions = [parse("What colour is the cow?"), parse("Is there a cow?"), parse("Is there a cow?")]
    words = np.array([[1, -1, 0.5, 0, -2.5, 0, 9], [0, 0, 0, 1, 0, 0, 9], [0, 0, 0, 0, 0, 0, 9]])  # 9: at the padding
    shares = word_shares(words, questions)
    assert shares["task"][:2] == pytest.approx([0.4, 0])
    assert shares["names"][:2] == pytest.approx([0.5, 1])
    assert shares["filling"][:2] == pytest.approx([0.1, 0])
    assert shares["directions"][:2] == pytest.approx([0, 0])
    assert all(np.isnan(share[2]) for share in shares.values())


@pytest.fixture(scope="module")
def many():
    return ask_scenes(60, 12, 321)


@pytest.fixture(scope="module")
def knowing(many):
    """It knows the truth of these scenes, and tells it of questions with an even number of words only."""
    inputs, known = many.scenes.pictures, {}
    network = FakeNetwork(lambda pictures, words: np.stack([told(*pair) for pair in zip(pictures, words, strict=True)]))
    encoded = network.encode([one.question for one in many.answered])
    for number, words, one in zip(many.numbers, encoded, many.answered, strict=True):
        known[inputs[number].tobytes(), words.tobytes()] = network.class_index(one.answer)

    def told(picture, words):
        right = known[picture.tobytes(), words.tobytes()]
        return np.arange(len(ANSWERS)) == (right if (words > 0).sum() % 2 == 0 else (right + 1) % len(ANSWERS))

    return network


def test_pairs_ask_for_another_thing_or_say_the_same_in_other_words(many):
    others, alike = question_pairs(many, same_things=False), question_pairs(many, same_things=True)
    assert len(others) > 40
    assert len(alike) > 10
    for first, second in [*others, *alike]:
        assert many.numbers[first] == many.numbers[second]
        assert many.answered[first].question.form == many.answered[second].question.form
        assert many.answered[first].question != many.answered[second].question
    for first, second in others:
        assert not set(many.answered[first].needed) & set(many.answered[second].needed)
    for first, second in alike:
        assert many.answered[first].visited == many.answered[second].visited
        assert many.answered[first].answer == many.answered[second].answer
    assert question_pairs(many[:1], same_things=True).shape == (0, 2)


def test_samples_are_right_or_wrong_as_they_should_be(knowing):
    samples = draw_samples(knowing, per_type=4, wrong=9, pairs=3, pool=60, seed=321)
    every = samples["all"]
    assert set(every.asked.types) <= set(TYPES)
    for kind in set(every.asked.types):
        numbers = every.asked.numbers[every.asked.types == kind]
        assert len(numbers) <= 4
        assert len(set(numbers)) == len(numbers)
    for name in ("all", "right, same forms", "other question", "other words"):
        said = given_logits(knowing, samples[name].asked).argmax(axis=1)
        assert (said == samples[name].targets).all()
        assert (said == right_answers(knowing, samples[name].asked)).all()
    given, right = samples["wrong, answer given"], samples["wrong, right answer"]
    assert given.asked.answered == right.asked.answered
    assert len(given) == 9
    assert (given.targets != right.targets).all()
    assert (right.targets == right_answers(knowing, right.asked)).all()
    forms = [sorted(one.question.form for one in part.asked.answered) for part in (given, samples["right, same forms"])]
    assert set(forms[1]) <= set(forms[0])
    half = len(samples["other question"]) // 2
    assert (samples["other question"].asked.numbers[:half] == samples["other question"].asked.numbers[half:]).all()


def test_a_network_without_mistakes_leaves_the_wrong_ones_empty():
    samples = draw_samples(FakeNetwork(always("yes")), per_type=2, wrong=0, pairs=2, pool=10, seed=1)
    assert set(samples) == {"all", "other question"} | ({"other words"} & set(samples))


def test_what_is_lost_with_a_thing_is_what_the_logit_falls_by(many):
    def look(pictures, words):
        return np.repeat(pictures.sum(axis=(1, 2, 3), dtype=float)[:, None], len(ANSWERS), axis=1)

    some = many[:4]
    pictures = many.scenes.pictures[some.numbers].astype(float)
    falls = removal_falls(FakeNetwork(look), some, np.zeros(4, int))
    for row, number, fall in zip(pictures, some.numbers, falls, strict=True):
        scene = many.scenes[number]
        lost = [(row[mask] - many.empty[number][mask]).sum() for mask in scene.masks]
        assert fall[: len(scene)] == pytest.approx(lost, abs=2)
        assert np.isnan(fall[len(scene) :]).all()


@pytest.fixture(scope="module")
def asked():
    return ask_scenes(25, 12, 654)


@pytest.fixture(scope="module")
def network():
    def look(pictures, words):
        return np.repeat(np.asarray(pictures)[:, 48:].mean(axis=(1, 2, 3))[:, None], len(ANSWERS), axis=1)

    return FakeNetwork(look)


@pytest.fixture(scope="module")
def samples(asked, network):
    some = asked[:60]
    pairs = asked[question_pairs(asked, same_things=False)[:8].T.reshape(-1)]
    groups = {"all": some, "wrong, answer given": asked[60:70], "other question": pairs}
    return {name: Sample(part, right_answers(network, part)) for name, part in groups.items()}


def truth(network, inputs, words, target):
    """A method that is not given the truth but finds what is brightest."""
    return wordless(network, inputs, words, target)


@pytest.fixture(scope="module")
def table(network, samples):
    told = []
    made = question_table(
        network,
        {"left half": left_half, "bright": truth},
        samples,
        {"seed": 1},
        lambda done, count, text: told.append((done, count, text)),
    )
    assert (60, 60, "left half, all") in told
    return made


def test_every_method_has_every_score(table):
    assert list(table.rows) == ["left half", "bright", *BASELINES]
    assert set(part_of(table, "all").columns) == {
        *SCORES,
        "questions",
        "finds what counts",
        *(f"words, {kind}" for kind in WORDS),
    }
    assert list(part_of(table, score="mass on needed").columns) == [*TYPES, "all", "wrong, answer given"]
    assert set(part_of(table, "other question").columns) == {*MOVES, "pairs"}
    assert "words, names" not in table.rows["bright"] | part_of(table, "all").rows["bright"]
    assert part_of(table, "all").rows["left half"]["words, task"][0] + part_of(table, "all").rows["left half"][
        "words, filling"
    ][0] == pytest.approx(1)
    assert table.made == {"seed": 1}


def test_scores_are_those_of_the_maps(table, samples):
    sample = samples["all"].asked
    area = sample.needed[:, :, :48].sum(axis=(1, 2)) / (96 * 48)
    means = [area[sample.numbers == number].mean() for number in np.unique(sample.numbers)]
    assert part_of(table, "all").rows["left half"]["mass on needed"][0] == pytest.approx(np.mean(means), abs=1e-6)
    assert part_of(table, "all").chance["mass on needed"] == pytest.approx(sample.needed.mean(axis=(1, 2)).mean())
    assert part_of(table, "all").rows["left half"]["questions"][0] == 60
    first = samples["other question"].asked[: len(samples["other question"]) // 2]
    moves = part_of(table, "other question").rows
    assert moves["left half"]["before"] == moves["left half"]["after"]
    assert moves["left half"]["correlation"][0] == pytest.approx(1)
    assert moves["left half"]["pairs"][0] == len(first)
    assert abs(moves["random map"]["correlation"][0]) < 0.05


def test_the_random_map_is_at_chance_and_any_thing_above_it(table):
    rows, chance = (part_of(table, "all").rows, part_of(table, "all").chance)
    assert rows["random map"]["mass on needed"][0] == pytest.approx(chance["mass on needed"], rel=0.1)
    assert rows["any thing"]["mass on needed"][0] > 4 * chance["mass on needed"]
    maps = baseline_maps(ask_scenes(3, 4, 1), things_only=True)
    assert (maps[ask_scenes(3, 4, 1).needed] >= 0).all()
    assert maps.max() <= 1


def test_what_counts_is_found_by_a_map_that_follows_it(network, samples):
    """The logits are the brightness below the middle: a map of what a thing adds to it finds what counts."""
    sample = samples["all"].asked

    def follows(fake, inputs, words, target):
        pixels = np.asarray(inputs, float).mean(axis=-1)
        for n, row in enumerate(np.asarray(inputs)):
            empty = next(e for p, e in zip(sample.scenes.pictures, sample.empty, strict=True) if (p == row).all())
            pixels[n] -= empty.mean(axis=-1)
        pixels[:, :48] = 0
        return type(wordless(fake, inputs, words, target))(pixels=pixels, words=None)

    rows = question_table(network, {"follows": follows}, {"all": samples["all"]}).rows
    assert rows["follows"]["all: finds what counts"][0] == pytest.approx(1)
    assert rows["random map"]["all: finds what counts"][0] < 0.7


def test_figures_of_removals(network, samples):
    found = removal_figures(network, samples["all"])
    assert set(found) == {*TYPES, "all"}
    # all logits are equal: the answer is always the first, "no", with and without the things
    is_no = samples["all"].targets == 0
    assert found["all"]["without the needed"] == pytest.approx(1 - is_no.mean(), abs=1e-4)


def test_bad_parts_are_refused(table):
    with pytest.raises(ValueError, match="a group or a score"):
        part_of(table)
    with pytest.raises(ValueError, match="a group or a score"):
        part_of(table, "all", "mass on needed")
    with pytest.raises(ValueError, match="no 'heat'.*Groups are: .*attribute.*Scores are: mass on needed"):
        part_of(table, score="heat")


def test_the_stored_table_can_be_read_and_is_complete():
    table = stored_question_table()
    assert list(table.rows)[-2:] == list(BASELINES)
    part = part_of(table, score="mass on needed")
    assert {*TYPES, "all"} <= set(part.columns)
    for kind in TYPES:
        assert part.rows["random map"][kind][0] == pytest.approx(part.chance[kind], abs=0.01)
        assert part.rows["LRP"][kind][0] > 3 * part.chance[kind]
