import ast
import builtins

import numpy as np
import pytest
from margins import Watch, noted, watch_numpy
from run import comparisons


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Runs lines as if they stood in a test and returns sign, value, limit and share of what was compared."""
    monkeypatch.setenv("MARGINS", str(tmp_path))
    monkeypatch.setattr("margins._nearest", {})
    monkeypatch.setattr(builtins, "_noted", noted, raising=False)
    for place, name in ((np, "allclose"), (np, "isclose"), (np.testing, "assert_allclose")):
        monkeypatch.setattr(place, name, getattr(place, name))  # so that they are restored
    watch_numpy()

    def lines(source):
        tree = Watch().visit(ast.parse(source))
        exec(compile(tree, __file__, "exec"), {"np": np})
        return [
            (x["sign"], *(x[k] and round(x[k], 9) for k in ("value", "limit", "share"))) for x in comparisons(tmp_path)
        ]

    return lines


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("assert 0.001 < 0.004", [("<", 0.001, 0.004, 0.25)]),
        ("assert 0.004 > 0.001", [("<", 0.001, 0.004, 0.25)]),
        ("assert 0.3 <= 0.5 < 0.9", [("<=", 0.3, 0.5, None), ("<", 0.5, 0.9, None)]),
        ("assert (np.array([0.5, 0.7, 0.1]) < 0.9).all()", [("<", 0.7, 0.9, None)]),
        ("for x in (0.001, 0.003, 0.002):\n    assert x < 0.004", [("<", 0.003, 0.004, 0.75)]),
        ("np.testing.assert_allclose([1.0, 2.1], [1.0, 2.0], rtol=0, atol=0.4)", [("close to", 0.1, 0.4, 0.25)]),
        ("assert np.allclose(1.5, 1, rtol=1, atol=0)", [("close to", 0.5, 1, 0.5)]),
        ("assert not np.isclose(5, 1, rtol=1, atol=0)", [("not close to", 4, 1, 0.25)]),
        ("assert 2 < 3 and 'a' < 'b' and {1} <= {1, 2}", [("<", 2, 3, None)]),
        ("assert not np.allclose(np.nan, 1)", []),
        ("np.testing.assert_allclose(1.0, 1.0)", [("close to", 0, 1e-7, 0)]),
    ],
)
def test_what_is_seen_of_a_comparison(source, found, seen):
    assert seen(source) == found


def test_libraries_compare_for_themselves(seen):
    assert seen("np.testing.assert_array_almost_equal([1.0], [1.0])") == []
