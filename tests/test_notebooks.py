import ast
import base64
import json

import names
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import notebooks
from helpers.course import alt_texts
from helpers.course.figures import as_html
from helpers.exercises.checker import EXERCISES
from helpers.exercises.folding import folded


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_the_stored_notebook_keeps_the_rules(path):
    assert notebooks.check(path) == []


def good_book():
    figure = new_output("display_data", {"image/png": "AA==", "text/plain": "<Figure>"})
    figure.metadata = {"image/png": {"alt": "a curve that rises"}}
    right = new_output("display_data", folded("2\nRight. It is two.\n"))
    solution = new_code_cell('# Solution\na = 2\ncheck("1.1", a, solution=True)', execution_count=3, outputs=[right])
    solution.metadata = {"tags": ["solution"], "jupyter": {"source_hidden": True, "outputs_hidden": True}}
    return new_notebook(
        cells=[
            new_markdown_cell("# Title"),
            new_code_cell("def check(*_, **__): ...", execution_count=1, outputs=[figure]),
            new_code_cell('a = ...\ncheck("1.1", a)', execution_count=2),
            solution,
        ]
    )


def test_a_good_notebook_has_no_findings():
    assert list(notebooks.findings(good_book())) == []


def broken(change):
    book = good_book()
    change(book)
    return " ".join(notebooks.findings(book))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda b: b.metadata.update(widgets={}), "widget state"),
        (lambda b: b.cells[1].update(execution_count=4), "one clean run"),
        (lambda b: b.cells.pop(), "tagged 'solution'"),
        (lambda b: b.cells[3].metadata.jupyter.update(source_hidden=False), "not folded"),
        (lambda b: b.cells[3].metadata.jupyter.update(outputs_hidden=False), "not folded"),
        (lambda b: b.cells[3].update(source="a = 2"), "not '# Solution'"),
        (lambda b: b.cells[3].outputs[0].update(data=folded("Not yet. Two.\n")), "not found right"),
        (lambda b: b.cells[3].outputs.append(new_output("stream", text="2")), "prints is not folded"),
        (lambda b: b.cells[2].update(source="a = ..."), "checks [], and asks for ['a']"),
        (lambda b: b.cells[2].update(source='a = ...\ncheck("1.1", a, expected=2)'), "what is expected"),
        (lambda b: b.cells[2].update(source='a = ...\ncheck("1.1", a, hint="two")'), "gives a hint"),
        (lambda b: b.cells[1].update(source=f"a = {'1 + ' * 30}1"), "a line of 125 letters"),
        (lambda b: b.cells[1].update(source="assert True"), "does not say what it claims"),
        (lambda b: b.cells[0].update(source="![short](x.png)"), "alt text"),
        (lambda b: b.cells[0].update(source="<img src='x.png'>"), "alt text"),
        (lambda b: b.cells[0].update(source="word " * 300), "300 words"),
        (lambda b: b.cells[1].update(source="a = 1\n" * 30), "30 lines"),
        (lambda b: b.cells[1].update(source="plot();"), "';'"),
        (lambda b: b.cells[1].update(source="%pip install x"), "installation"),
        (lambda b: b.cells[1].update(source="warnings.simplefilter('ignore')"), "silenced"),
        (lambda b: b.cells[1].outputs[0].update(metadata={}), "no alt text"),
        (lambda b: b.cells[1].outputs.append(new_output("stream", name="stderr", text="oh")), "stderr"),
        (lambda b: b.cells[1].outputs.append(new_output("error", ename="KeyError")), "KeyError"),
        (lambda b: b.cells[1].outputs.append(new_output("stream", text="<x at 0x7f0012345678>")), "memory address"),
        (lambda b: b.cells[1].outputs.append(new_output("stream", text="in /srv/data/file")), "path of one machine"),
        (lambda b: b.cells[1].outputs.append(new_output("display_data", {notebooks.WIDGET: {}})), "view of a widget"),
    ],
)
def test_every_rule_finds_its_fault(change, finding):
    assert finding in broken(change)


def test_cleaning_keeps_what_readers_need():
    book = good_book()
    book.metadata.update(widgets={"state": {}}, kernelspec={"name": "mine", "display_name": "Mine"})
    book.cells[1].metadata.update(execution={"iopub.status.busy": "now"})
    book.cells[1].outputs.append(new_output("display_data", {notebooks.WIDGET: {"model_id": "1"}}))
    notebooks.clean(book)
    assert list(notebooks.findings(book)) == []
    assert book.metadata.kernelspec.name == "python3"
    assert book.cells[1].metadata == {}
    assert book.cells[1].outputs[0].metadata["image/png"].alt == "a curve that rises"
    assert "interactive control" in book.cells[1].outputs[1].data["text/markdown"]
    assert book.cells[3].metadata.tags == ["solution"]


def test_student_copies_hold_no_solution_and_no_output():
    book = good_book()
    copy = notebooks.student_copy(book)
    assert [cell.source for cell in copy.cells] == [cell.source for cell in book.cells[:3]]
    assert copy.cells[1].outputs == []
    assert len(book.cells) == 4
    assert book.cells[1].outputs != []


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_the_student_copy_differs_in_solutions_and_outputs_only(path):
    book = nbformat.read(path, as_version=4)
    copy = notebooks.student_copy(book)
    kept = [cell for cell in book.cells if "solution" not in cell.metadata.get("tags", [])]
    assert [(c.id, c.cell_type, c.source, c.metadata) for c in copy.cells] == [
        (c.id, c.cell_type, c.source, c.metadata) for c in kept
    ]
    text = json.dumps(copy)
    for number, exercise in EXERCISES.items():
        if number.split(".")[0] == notebooks.number(path):
            assert [part for part in (exercise.meaning, *exercise.hints) if json.dumps(part)[1:-1] in text] == []


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_every_exercise_of_the_table_is_asked_once_and_solved_behind_it(path):
    asked, solved = [], []
    for cell in nbformat.read(path, as_version=4).cells:
        for call in notebooks.calls_of_check(cell.source) if cell.cell_type == "code" else ():
            number, keywords = call.args[0].value, [keyword.arg for keyword in call.keywords]
            solution = "solution" in cell.metadata.get("tags", [])
            (solved if solution else asked).append(number)
            assert keywords == [*EXERCISES[number].needs, *(["solution"] if solution else [])], number
            if solution:
                assert asked[-1].rstrip("ab") == number.rstrip("ab"), number
    assert asked == solved == [number for number in EXERCISES if number.split(".")[0] == notebooks.number(path)]


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_descriptions_of_figures_stand_in_their_place(path):
    number = notebooks.number(path)
    texts = getattr(alt_texts, f"NOTEBOOK_{number}" if number.isdigit() else number.upper(), {})
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    nodes = [node for source in code for node in ast.walk(ast.parse(source)) if isinstance(node, ast.keyword)]
    named = [node.value.value for node in nodes if node.arg == "alt" and isinstance(node.value, ast.Constant)]
    if texts:
        assert named == list(texts)  # in the order of the notebook, none twice
        assert max(len(name.split()) for name in texts) <= 3  # so that no sentence is taken for a name
    else:  # a notebook whose cells hold the descriptions themselves
        assert [name for name in named if len(name.split()) < 4] == []
    assert set(texts) <= set(alt_texts.ALT_TEXTS)


def test_no_two_figures_have_one_name():
    parts = [texts for name, texts in vars(alt_texts).items() if name.isupper() and name != "ALT_TEXTS"]
    assert len(alt_texts.ALT_TEXTS) == sum(map(len, parts))


def test_figures_are_stored_as_pictures_with_their_alt_texts():
    png, alt = base64.b64encode(b"picture").decode(), 'a curve & a line, "x" < 2'
    shown = new_output("display_data", {"text/html": as_html(png, alt), "text/plain": alt})
    book = new_notebook(cells=[new_code_cell("show()", outputs=[shown, new_output("stream", text="1\n")])])
    notebooks.clean(book)
    (stored, text) = book.cells[0].outputs
    assert stored.data == {"image/png": png, "text/plain": alt}
    assert stored.metadata["image/png"].alt == alt
    assert text.text == "1\n"
    assert book.cells[0].outputs[0] == stored  # a copy was changed


@pytest.mark.parametrize(
    ("cells", "finding"),
    [
        (["x = 1", "print(x)"], ""),
        (["for x in range(3):\n    print(x)", "for x in 'ab':\n    print(x)"], ""),
        (["x = 1", "y = [x for x in 'ab']", "print(x)"], ""),
        (["def f(x):\n    z = x\n    return z", "print(f(1))"], ""),
        (["f = lambda x, *y: x"], ""),
        (["import numpy as np\nfrom os import path", "print(np, path)"], ""),
        (["x = 1", "x = []", "print(x)"], "cells 0, 1 make 'x', and cell 2 needs one of them"),
        (["x = 1", "x = x + 1"], "cells 0, 1 make 'x', and cell 1 needs one of them"),
        (["x = 1", "x += 1"], "cells 0, 1 make 'x', and cell 1 needs one of them"),
        (["def f():\n    return x", "x = 1"], "cell 0 needs 'x', which cell 1 makes later"),
        (["x = 1", "for x in 'ab':\n    pass", "print(x)"], "cells 0, 1 make 'x', and cell 2 needs one of them"),
        (["print(y)"], "cell 0 needs 'y', which no cell makes"),
        (["def f(a=b):\n    pass"], "cell 0 needs 'b', which no cell makes"),
        (["print([a for a in c if a > d])"], "cell 0 needs 'd', which no cell makes"),
    ],
)
def test_names_that_have_one_maker_can_be_read_again(cells, finding):
    found = list(names.findings(dict(enumerate(cells))))
    assert finding in found if finding else found == []


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    return tmp_path


def store(path, *cells):
    nbformat.write(new_notebook(cells=[new_code_cell(c) for c in cells]), path)
    return path.read_bytes()


def test_a_run_stores_outputs(folder):
    store(folder / "1_good.ipynb", "print(6 * 7)", "6 * 7")
    assert notebooks.main(["run"]) == 0
    cells = nbformat.read(folder / "1_good.ipynb", as_version=4).cells
    assert [cell.execution_count for cell in cells] == [1, 2]
    assert cells[0].outputs[0].text == "42\n"
    first = (folder / "1_good.ipynb").read_bytes()
    assert notebooks.main(["run"]) == 0
    assert (folder / "1_good.ipynb").read_bytes() == first  # a second run changes nothing


@pytest.mark.parametrize("cell", ["1 / 0", "import sys; print('a warning', file=sys.stderr)"])
def test_a_run_that_fails_leaves_the_file_alone(folder, cell, capsys):
    before = store(folder / "1_bad.ipynb", "print(1)", cell)
    assert notebooks.main(["run"]) == 1
    assert (folder / "1_bad.ipynb").read_bytes() == before
    assert list(folder.glob("*.partial")) == []
    assert "1_bad.ipynb" in capsys.readouterr().err


def test_copies_and_pages(folder, tmp_path, capsys):
    store(folder / "1_good.ipynb", "print(1)")
    assert notebooks.main(["student", "--dest", str(tmp_path / "out")]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1_good.ipynb"]
    with pytest.raises(FileNotFoundError, match="begins with"):
        notebooks.paths(["7"])
    with pytest.raises(SystemExit):
        notebooks.main(["student"])


@pytest.mark.parametrize("path", notebooks.paths(list(notebooks.PICTURES)), ids=lambda path: path.stem)
def test_the_pictures_of_the_readme_are_figures_of_the_notebooks(path):
    number = path.name[0]
    wanted = notebooks.picture(nbformat.read(path, as_version=4), notebooks.PICTURES[number])
    assert (notebooks.FOLDER / "pictures" / f"{number}.png").read_bytes() == wanted


def test_the_folder_further_is_run_and_checked_too(folder):
    (folder / "further").mkdir()
    store(folder / "1_good.ipynb", "1")
    store(folder / "further" / "own.ipynb", "print(1)")
    assert [path.name for path in notebooks.paths()] == ["1_good.ipynb", "own.ipynb"]
    assert notebooks.main(["run", "own"]) == 0
    assert nbformat.read(folder / "further" / "own.ipynb", as_version=4).cells[0].outputs[0].text == "1\n"
    assert notebooks.main(["pictures", "own"]) == 0  # the README shows none of it


def test_a_picture_is_named_by_its_alt_text():
    assert notebooks.picture(good_book(), "a curve") == b"\0"
    for alt in ("another", "a curve that falls"):
        with pytest.raises(ValueError, match="0 figures have an alt text that begins with"):
            notebooks.picture(good_book(), alt)
