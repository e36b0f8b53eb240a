"""nbval compares only cells that ask for it; what libraries say on stderr differs between machines.

This stands here and not in the folder of the notebooks: as a package that would hide the module of that name in .ci.

With ``--again SEED`` (``make test-again``) every notebook is used as students use it once it has run to its end, in the
same kernel: its sections once more in a shuffled order, each cell printing what it printed before, and every exercise
with right, wrong and malformed answers. ``--again SEED --single`` shuffles all cells instead of the sections.
"""

import ast
import random
import re
from pathlib import Path

TESTS = Path(__file__).parent / "tests"


def pytest_addoption(parser):
    parser.addoption(
        "--again",
        type=int,
        metavar="SEED",
        help="run the sections once more in an order of this seed",
    )
    parser.addoption("--single", action="store_true", help="with --again: shuffle single cells, not sections")


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def pytest_collection_modifyitems(config, items):
    seed = config.getoption("--again")
    if seed is None:
        return
    for book in dict.fromkeys(item.parent for item in items if hasattr(item.parent, "nb")):
        cells = [item for item in items if item.parent is book]
        groups = [[cell] for cell in cells] if config.getoption("--single") else sections(book.nb, cells)
        random.Random(f"{seed} {book.name}").shuffle(groups)
        again = [_repeated(cell) for group in groups for cell in group]
        at = items.index(cells[-1]) + 1
        items[at:at] = again + [answered for cell in cells for answered in _answered(cell)]


def sections(book, cells: list) -> list[list]:
    """The items of the code cells, in lists, one for each heading ``## ...``; what stands before the first is one too."""
    found, left = [[]], iter(cells)
    for cell in book.cells:
        if cell.cell_type == "markdown" and re.match("## ", cell.source):
            found.append([])
        elif cell.cell_type == "code":
            found[-1].append(next(left))
    return [group for group in found if group]


def printed(item) -> str:
    """What a cell printed, folded or not."""
    outputs = item.test_outputs or []
    texts = [output.text for output in outputs if output.get("name") == "stdout"]
    pages = [output.data for output in outputs if "data" in output]
    folded = [page for page in pages if page.get("text/html", "").startswith("<details>")]
    return "".join([*texts, *(page["text/plain"] for page in folded)])


def _item(cell, name: str, source: str, check):
    """An item that runs ``source`` in the kernel of the cell, and then asks ``check`` what it says to the output."""
    from nbval.plugin import IPyNbCell

    class Once(IPyNbCell):
        def runtest(self):
            super().runtest()
            complaint = check(printed(self))
            if complaint:
                self.raise_cell_error(complaint)

    copy = cell.cell.copy()
    copy.source = source
    return Once.from_parent(cell.parent, name=name, cell_num=cell.cell_num, cell=copy, options=cell.options)


def _repeated(cell):
    def differs(now: str) -> str:
        before = printed(cell)
        return "" if now == before else f"printed before:\n{before}\nprinted now:\n{now}"

    return _item(cell, f"{cell.name} again", cell.cell.source, differs)


def _answered(cell):
    """One item for each call of ``check`` in an exercise cell: it is given every answer that the tests know."""
    if "solution" in cell.cell.metadata.get("tags", []):
        return
    for node in ast.walk(ast.parse(cell.cell.source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check":
            given = ", ".join(ast.unparse(part) for part in [node.args[0], *node.keywords])
            source = (
                f"import sys\nsys.path.insert(0, {str(TESTS)!r})\nfrom exercise_trials import trial\ntrial({given})"
            )
            yield _item(cell, f"{cell.name} answered {node.args[0].value}", source, lambda said: "")
