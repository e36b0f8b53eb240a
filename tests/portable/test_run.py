import json
from argparse import Namespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from run import ROWS, differing, environment, main, run_notebook

DONE = {"seconds": 1.0, "failures": {}, "printed": {}, "comparisons": []}
FAR = {"test": "tests/a.py::test_b", "where": "a.py:3", "sign": "<", "value": 0.009, "limit": 0.01, "share": 0.9}


@pytest.mark.parametrize(
    ("stored", "found", "pairs"),
    [
        ("AUC 0.84, [1  2.5]", "AUC  0.84, [1 2.5]", []),
        ("AUC 0.84 of 1,000", "AUC 0.83 of 1,000", [("0.84", "0.83")]),
        ("12% and -1e-05", "13% and 1e-05", [("12%", "13%"), ("-1e-05", "1e-05")]),
        ("first\nsecond 1", "first\nthird 1", [("second 1", "third 1")]),
        ("first", "first\nsecond", [("1 lines", "2 lines")]),
    ],
)
def test_what_differs_between_two_texts(stored, found, pairs):
    assert list(differing(stored, found)) == pairs


def test_a_notebook_beside_the_stored_one(tmp_path):
    stored = new_output("stream", text="0.3\n")
    cells = [new_code_cell("print(0.3)", outputs=[stored]), new_code_cell("print(0.4)", outputs=[stored])]
    cells += [new_code_cell("assert 0.001 < 0.004"), new_code_cell("1 / 0"), new_code_cell("print(0.5)")]
    cells[-1].metadata.tags = ["nbval-check-output"]
    path = tmp_path / "1_short.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    before = path.read_bytes()
    found = run_notebook("row", path, environment(ROWS["sse41-1"]), Namespace(out=tmp_path))
    assert path.read_bytes() == before
    assert found["printed"] == {"In [2]": [("0.3", "0.4")], "In [5]": [("0 lines", "1 lines")]}
    assert set(found["failures"]) == {"In [4]", "In [5]"}
    assert [(c["test"], c["where"], c["share"]) for c in found["comparisons"]] == [("In [3]", "line:1", 0.25)]


def row(folder, name, failures, *lines):
    tests = {"passed": 7, "failures": failures, "seconds": 1.0, "comparisons": lines}
    (folder / f"{name}-tests.json").write_text(json.dumps(tests))


def test_the_tables_say_what_fails_is_close_or_moves(tmp_path, capsys):
    moving = FAR | {"where": "a.py:4", "limit": 0.9, "share": None}
    row(tmp_path, "own-1", {}, FAR, moving | {"value": 0.5})
    row(tmp_path, "own-2", {}, FAR | {"share": 0.2}, moving | {"value": 0.7})
    assert main(["--report", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "uses 90%" in said
    assert "uses 20%" not in said
    assert "moves by 0.2" in said
    row(tmp_path, "own-2", {"a::test_b": "too far"})
    assert main(["--report", "--out", str(tmp_path)]) == 1
    assert "too far" in capsys.readouterr().out


def test_every_notebook_is_a_part_by_its_name(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr("run.run_notebook", lambda name, path, *rest: ran.append(path.name) or DONE)
    assert main(["--rows", "own-1", "--notebooks", "1", "words", "your", "--out", str(tmp_path)]) == 0
    assert ran == ["1_gradients_and_taylor.ipynb", "words.ipynb", "your_own_network.ipynb"]
