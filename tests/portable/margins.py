"""How much of its limit every numeric comparison uses: a plugin for pytest, and for the kernels of notebooks.

``MARGINS=folder pytest -p margins`` (with this folder on PYTHONPATH) appends one JSON line to a file in that folder
whenever a comparison comes nearer to its limit than before in its test: the test, the place, the value, the sign, the
limit and, where the comparison is a tolerance, the share of it that was used. What is seen:

* ``numpy.testing.assert_allclose``, ``numpy.allclose`` and ``numpy.isclose``, called in a test, a cell or a self-check,
* ``pytest.approx``,
* ``<``, ``<=``, ``>`` and ``>=`` between numbers inside an ``assert``; of arrays the element nearest to its limit.

A value of at most ``LARGEST_TOLERANCE`` wanted below a limit is a tolerance; with all others it is not said what the
limit is for, and only runs on different arithmetic, side by side, show how far the value moves.
"""

import ast
import builtins
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

TESTS = str(Path(__file__).parents[1])
SELF_CHECK = os.path.join("helpers", "course", "exercises.py")
LARGEST_TOLERANCE = 0.05

_test = ""  # the test or the cell that runs
_nearest: dict[tuple, float] = {}
_left: dict[int, object] = {}  # what stands left of the next sign, for each chain of comparisons


def remember(frame, sign: str, value, limit, share: float | None) -> None:
    """Write a comparison down if none at this place of this test was nearer to its limit."""
    while frame and frame.f_code.co_filename.endswith(SELF_CHECK):
        frame = frame.f_back
    file = frame.f_code.co_filename
    if "ipykernel" not in file and not file.startswith(TESTS):
        return  # a library compares for itself
    where = f"{'line' if 'ipykernel' in file else os.path.relpath(file, TESTS)}:{frame.f_lineno}"
    nearness = share if share is not None else -abs(limit - value)
    if nearness <= _nearest.get((_test, where, sign), -np.inf):
        return
    _nearest[_test, where, sign] = nearness
    line = {"test": _test, "where": where, "sign": sign, "value": float(value), "limit": float(limit), "share": share}
    folder = Path(os.environ["MARGINS"])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def tolerance(frame, found, wanted, rtol: float, atol: float, close: bool) -> None:
    """Remember the element of two arrays that uses most of ``atol + rtol * |wanted|``; ``close`` is what came out."""
    try:
        found, wanted = np.broadcast_arrays(np.asarray(found, float), np.asarray(wanted, float))
    except (TypeError, ValueError):
        return
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apart, limit = np.abs(found - wanted).ravel(), (atol + rtol * np.abs(wanted)).ravel()
        apart[(found == wanted).ravel() | np.isnan(apart)] = 0
        used = np.where(apart == 0, 0, apart / np.where(np.isinf(limit), 0, limit))
    if used.size and (close or used.max() > 1):  # what is not close because it is no number is far from any limit
        worst = int(used.argmax())
        share = float(used[worst] if close else 1 / used[worst])
        remember(frame, "close to" if close else "not close to", apart[worst], limit[worst], share)


def noted(chain: int, sign: str | None, right):
    """Stand around an operand in a chain of comparisons: remember the comparison that it ends, hand the operand on."""
    left = _left.get(chain)
    _left[chain] = right
    if sign and _is_number(left) and _is_number(right):
        _ordered(sys._getframe(1), *((left, sign, right) if "<" in sign else (right, sign.replace(">", "<"), left)))
    return right


def _is_number(x) -> bool:
    kind = getattr(getattr(x, "dtype", None), "kind", None)
    return type(x) in (int, float) or kind in ("f", "i", "u")


def _ordered(frame, small, sign: str, large) -> None:
    small, large = np.broadcast_arrays(np.asarray(small, float), np.asarray(large, float))
    gaps = large - small
    if gaps.size and not np.isnan(gaps).all():
        worst = int(np.nanargmin(gaps))
        value, limit = small.flat[worst], large.flat[worst]
        is_tolerance = value >= 0 and 0 < limit <= LARGEST_TOLERANCE
        remember(frame, sign, value, limit, float(value / limit) if is_tolerance else None)


class Watch(ast.NodeTransformer):
    """Put :func:`noted` around the operands of every comparison by size in an ``assert``."""

    chains = 0

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        node.test = _Operands().visit(node.test)
        return ast.fix_missing_locations(node)


class _Operands(ast.NodeTransformer):
    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        signs = [{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}.get(type(op)) for op in node.ops]
        if any(signs):
            Watch.chains += 1
            chain, name = ast.Constant(Watch.chains), ast.Name("_noted", ast.Load())
            node.left, *node.comparators = (
                ast.copy_location(ast.Call(name, [chain, ast.Constant(sign), x], []), x)
                for sign, x in zip([None, *signs], [node.left, *node.comparators], strict=True)
            )
        return node


def watch_numpy() -> None:
    """From here on, NumPy's comparisons are remembered."""

    def watched(compare, rtol, atol):
        def comparison(a, b, rtol=rtol, atol=atol, *rest, **options):
            close = compare(a, b, rtol, atol, *rest, **options)  # of an assertion None
            if close is None or np.all(close) or not np.any(close):
                tolerance(sys._getframe(1), a, b, rtol, atol, close is None or bool(np.all(close)))
            return close

        return comparison

    builtins._noted = noted
    np.allclose, np.isclose = watched(np.allclose, 1e-5, 1e-8), watched(np.isclose, 1e-5, 1e-8)
    np.testing.assert_allclose = watched(np.testing.assert_allclose, 1e-7, 0)


def watch_notebook() -> None:
    """Called in a kernel before its first cell."""
    from IPython import get_ipython

    class Cell(Watch):
        cells = 0

        def visit_Module(self, node: ast.Module) -> ast.Module:
            global _test
            self.cells += 1
            _test = f"In [{self.cells}]"
            return self.generic_visit(node)

    get_ipython().ast_transformers.append(Cell())
    watch_numpy()


def pytest_configure(config) -> None:
    import pytest
    from _pytest.assertion import rewrite

    rewrite_asserts = rewrite.rewrite_asserts

    def watched(tree, *rest):
        Watch().visit(tree)
        rewrite_asserts(tree, *rest)

    rewrite.rewrite_asserts = watched
    rewrite._read_pyc = lambda *_: None  # what other runs have stored is not watched,
    rewrite._write_pyc = lambda *_: True  # and they shall not get what is
    watch_numpy()
    scalar = type(pytest.approx(0.0))
    equals = scalar.__eq__

    def approx_equals(self, actual):
        close = equals(self, actual)
        if _is_number(actual) and np.ndim(actual) == 0 and _is_number(self.expected):
            frame = sys._getframe(1)
            while frame.f_back and not frame.f_code.co_filename.startswith(TESTS):
                frame = frame.f_back
            tolerance(frame, actual, self.expected, 0, self.tolerance, bool(close))
        return close

    scalar.__eq__ = approx_equals


def pytest_runtest_logstart(nodeid: str, location) -> None:
    global _test
    _test = nodeid
    _left.clear()
