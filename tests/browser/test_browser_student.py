"""What a student sees before anything is run: no answers, no scroll bars; and that alt texts arrive at the pictures.

The screenshots lie in build/browser/student/.
"""

from pathlib import Path

import nbformat
import pytest
from lab import open_notebook
from nbformat.v4 import new_code_cell, new_notebook

from helpers.exercises.checker import EXERCISES
from helpers.exercises.folding import SUMMARY
from notebooks import FOLDER, KERNEL, number, paths

NOTEBOOKS = [path.relative_to(FOLDER).as_posix() for path in paths()]
WINDOW = {"width": 1280, "height": 800}
CODE_CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .map((cell, index) => ({index, code: cell.model.type === 'code', tags: cell.model.getMetadata('tags') ?? []}))
  .filter(cell => cell.code)"""
# scrolls a cell into view, waits for its editor, and says what of it is to be seen
SEEN = """async index => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  await notebook.scrollToItem(index, 'start');
  const cell = notebook.widgets[index];
  await cell.ready;
  for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);  // until it is laid out
  const visible = node => node && node.offsetParent !== null && node.getClientRects().length > 0;
  const texts = selector => [...cell.node.querySelectorAll(selector)].filter(visible).map(node => node.innerText.trim());
  const wide = [...cell.node.querySelectorAll('.cm-scroller, .jp-OutputArea-output, .jp-RenderedHTMLCommon')]
    .filter(visible).filter(node => node.scrollWidth > node.clientWidth + 1);
  return {
    input: texts('.jp-Cell-inputWrapper').join('\\n'),
    output: texts('.jp-OutputArea-output').join('\\n'),
    pictures: [...cell.node.querySelectorAll('.jp-OutputArea img')].filter(visible).length,
    wide: wide.map(node => `${node.className}: ${node.scrollWidth} of ${node.clientWidth} px`)
  };
}"""


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda name: Path(name).stem)
def book(request, browser, server):
    """A notebook as it comes, not run, and what is to be seen of each of its code cells."""
    lab = open_notebook(browser, server, request.param, WINDOW)
    lab.page.wait_for_timeout(1000)
    lab.seen = [(cell, lab.page.evaluate(SEEN, cell["index"])) for cell in lab.page.evaluate(CODE_CELLS)]
    yield lab
    lab.close()


def exercises_of(book):
    """The exercises that a notebook asks, by their numbers."""
    own = number(FOLDER / book.name)
    return {name: exercise for name, exercise in EXERCISES.items() if name.split(".")[0] == own}


def test_a_solution_shows_its_first_line_and_nothing_else(book):
    solutions = [seen for cell, seen in book.seen if "solution" in cell["tags"]]
    count = len({exercise.rstrip("ab") for exercise in exercises_of(book)})
    assert len(solutions) == count
    for seen in solutions:
        assert [line for line in seen["input"].splitlines() if line.strip(" []:0123456789")] == ["# Solution"]
        assert (seen["output"], seen["pictures"]) == ("", 0)


def test_nothing_that_is_to_be_seen_says_an_answer(book):
    shown = "\n".join(seen["input"] + "\n" + seen["output"] for _, seen in book.seen)
    assert all(seen["input"] for _, seen in book.seen), "a cell was not laid out"
    for name, exercise in exercises_of(book).items():
        texts = [exercise.meaning, *exercise.hints, *(mistake.reply for mistake in exercise.mistakes)]
        assert [text for text in texts if text in shown and len(text) > 12] == [], name


def test_no_cell_needs_a_horizontal_scroll_bar(book):
    assert [f"cell {cell['index']}: {wide}" for cell, seen in book.seen for wide in seen["wide"]] == []
    assert book.page.evaluate("() => document.documentElement.scrollWidth") <= WINDOW["width"]


def test_pictures_of_three_places(book, pictures):
    """For people to look at: an exercise early, in the middle, and late."""
    solutions = [cell["index"] for cell, _ in book.seen if "solution" in cell["tags"]]
    for place, index in (("early", solutions[0]), ("middle", solutions[len(solutions) // 2]), ("late", solutions[-1])):
        book.page.evaluate(
            "index => window.jupyterapp.shell.currentWidget.content.scrollToItem(index - 2, 'start')", index
        )
        book.page.wait_for_timeout(600)
        book.screenshot(pictures / "student" / f"{Path(book.name).stem}_{place}.png")


FIGURE = """import matplotlib.pyplot as plt
from helpers.course import show
figure, axis = plt.subplots(figsize=(4, 3))
_ = axis.plot([1, 2])
show(figure, alt='a line that rises, "x" < 2 & y')"""


SOLUTION = """# Solution
answer = 1 / 3
print("by hand", answer)
check("1.6", answer, solution=True)"""


def test_after_a_run_alt_texts_have_arrived_and_solutions_are_still_folded(browser, server):
    """JupyterLab opens hidden outputs when their cell is run; what solutions print folds itself."""
    solution = new_code_cell(SOLUTION)
    solution.metadata = {"tags": ["solution"], "jupyter": {"source_hidden": True, "outputs_hidden": True}}
    first = new_code_cell("from helpers.exercises import check")
    small = new_notebook(cells=[first, new_code_cell(FIGURE), solution], metadata=KERNEL)
    nbformat.write(small, server.notebooks / "small.ipynb")
    lab = open_notebook(browser, server, "small.ipynb", WINDOW)
    try:
        lab.run_all(120)
        assert lab.failures() == []
        seen = lab.page.evaluate(SEEN, 2)
        assert seen["output"].splitlines() == [SUMMARY]
        assert "# Solution" in seen["input"]
        assert "answer" not in seen["input"]
        lab.page.locator(".jp-Notebook details summary").click()
        assert "Right. Where both slopes vanish" in lab.page.evaluate(SEEN, 2)["output"]
        image = lab.page.locator(".jp-Notebook .jp-OutputArea img")
        assert image.count() == 1
        assert image.get_attribute("alt") == 'a line that rises, "x" < 2 & y'
        assert image.evaluate("image => image.naturalWidth") > 200
    finally:
        lab.close()
