"""Tables of scores: order, text, joining, ranks, and files that are damaged."""

import json

import numpy as np
import pytest

from helpers.sanity.tables import (
    Table,
    agreement_of_families,
    format_table,
    joined,
    rank_agreement,
    read_table,
    stored_table,
    write_table,
)

NAN = float("nan")
TABLE = Table(
    "planted",
    {"own": "share on the thing", "maps": "number of maps"},
    {
        "weak": {"own": (0.25, 0.01), "maps": (40.0, NAN)},
        "silent": {"own": (NAN, NAN), "maps": (7.0, NAN)},
        "best": {"own": (0.5, NAN), "maps": (400.0, NAN)},
    },
    {"own": 0.2},
    {"seed": 3},
)


def test_ranks_put_the_largest_first_and_the_undefined_last():
    assert TABLE.ranked("own") == ["best", "weak", "silent"]
    assert TABLE.ranked("maps") == ["best", "weak", "silent"]


def test_text_is_aligned_and_complete():
    assert format_table(TABLE).splitlines() == [
        "                   own  maps",
        "best              0.50   400",
        "weak       0.25 ± 0.01    40",
        "silent               -     7",
        "by chance         0.20     -",
    ]
    assert format_table(TABLE, ["maps"], sort="own").split() == (
        ["maps", "best", "400", "weak", "40", "silent", "7", "by", "chance", "-"]
    )


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no column 'mass'.*own, maps"):
        TABLE.column("mass")


def test_joined_tables_keep_every_method():
    sanity = Table("sanity", {"spearman": "likeness"}, {"best": {"spearman": (0.1, 0.0)}, "new": {"spearman": (1, 0)}})
    both = joined("both", {"truth": TABLE, "": sanity}, {"truth": ["own"], "": ["spearman"]})
    assert list(both.rows) == ["weak", "silent", "best", "new"]
    assert both.column("truth: own")["best"][0] == 0.5
    assert np.isnan(both.column("truth: own")["new"][0])
    assert both.column("spearman")["new"] == (1, 0)
    assert both.chance == {"truth: own": 0.2}


def test_methods_can_be_left_out():
    assert list(TABLE.without(["weak", "absent"]).rows) == ["silent", "best"]
    assert TABLE.without([]).rows == TABLE.rows


def test_rank_agreement_over_the_methods_that_have_both():
    def table(a, b):
        rows = {str(n): {"a": (x, 0.0), "b": (y, 0.0)} for n, (x, y) in enumerate(zip(a, b, strict=True))}
        return Table("t", {"a": "", "b": ""}, rows)

    assert rank_agreement(table([1, 2, 3, NAN], [10, 30, 500, 0]), "a", "b") == (pytest.approx(1), 3)
    assert rank_agreement(table([1, 2, 3], [3, 2, 1]), "a", "b")[0] == pytest.approx(-1)
    assert np.isnan(rank_agreement(table([1, 2], [3, 2]), "a", "b")[0])
    assert np.isnan(rank_agreement(table([1, 2, 3], [2, 2, 2]), "a", "b")[0])
    assert rank_agreement(table([], []), "a", "b")[1] == 0


def test_families_count_once():
    """Four near relatives that agree do not outvote three families that disagree; the interval says how little is known."""
    values = {"a1": (1, 9), "a2": (1.1, 9.1), "a3": (1.2, 9.2), "a4": (1.3, 9.3), "b": (2, 3), "c": (3, 2), "d": (4, 1)}
    rows = {name: {"x": (x, 0.0), "y": (y, 0.0)} for name, (x, y) in values.items()}
    table = Table("t", {"x": "", "y": ""}, rows | {"silent": {"x": (NAN, NAN), "y": (5.0, 0.0)}})
    families = {"a": ["a1", "a2", "a3", "a4"], "b": ["b", "silent"], "c": ["c"], "d": ["d"]}
    found, low, high = agreement_of_families(table, "x", "y", families)
    assert found == pytest.approx(-1)
    assert low == pytest.approx(-1)
    assert found <= high <= 1
    turned = {name: {"x": row["x"], "y": (-row["y"][0], 0.0)} for name, row in table.rows.items()}
    other = agreement_of_families(Table("t", table.columns, turned), "x", "y", families)
    assert other == pytest.approx((-found, -high, -low))


def test_a_table_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "planted.json"
    write_table(TABLE, path)
    assert [file.name for file in tmp_path.iterdir()] == ["planted.json"]
    back = read_table(path)
    assert (back.title, back.columns, back.chance, back.made) == (
        TABLE.title,
        TABLE.columns,
        TABLE.chance,
        TABLE.made,
    )
    assert format_table(back) == format_table(TABLE)
    for method, row in TABLE.rows.items():
        for name, value in row.items():
            np.testing.assert_allclose(back.rows[method][name], value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{",
        lambda text: "[]",
        lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "chance"}),
        lambda text: text.replace("0.25", '"much"'),
        lambda text: json.dumps(json.loads(text) | {"rows": {"best": {"own": [1]}}}),
    ],
)
def test_a_damaged_file_is_refused_with_its_name_and_what_to_do(tmp_path, damage):
    path = tmp_path / "planted.json"
    write_table(TABLE, path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match="planted.json is not a table.*script beside it"):
        read_table(path)


def test_a_missing_table_is_said_so():
    with pytest.raises(ValueError, match="'one-thing', 'two-things'.*got 'none'"):
        stored_table("none")


@pytest.mark.parametrize("name", ["one-thing", "two-things", "sanity"])
def test_the_stored_tables_cover_the_methods_and_say_how_they_were_made(name):
    table = stored_table(name)
    assert {"gradient", "Grad-CAM", "CAM", "LRP EpsilonPlusFlat", "Sobel edges", "random map"} <= set(table.rows)
    assert {"network", "input_size", "seed", "samples", "scenes", "command", "versions"} <= set(table.made)
    for row in table.rows.values():
        assert set(row) == set(table.columns)
    if name == "sanity":
        assert table.column("spearman")["Sobel edges"][0] == 1.0
        return
    assert table.made["scenes"] >= 200
    assert 0 < table.made["recognised"] <= 1
    assert table.column("maps")["gradient"][0] >= 200 * (2 if name == "two-things" else 1)
    mean, error = table.column("own mass")["random map"]
    assert abs(mean - table.chance["own mass"]) < 5 * error + 0.01  # a random map is chance
