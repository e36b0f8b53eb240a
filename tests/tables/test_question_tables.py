"""The table holds for every method, group and score what the planted maps earn."""

import numpy as np
import pytest
from question_fakes import FakeNetwork, left_half, wordless
from tables import MOVES, SCORES, WORDS, Sample, baseline_maps, question_pairs, question_table, removal_figures

from helpers.questions.asked import BASELINES, ask_scenes, part_of, right_answers, stored_question_table
from helpers.questions.language import ANSWERS, TYPES


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
