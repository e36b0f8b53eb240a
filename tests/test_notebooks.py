import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import notebooks


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_the_stored_notebook_keeps_the_rules(path):
    assert notebooks.check(path) == []


def good_book():
    figure = new_output("display_data", {"image/png": "AA==", "text/plain": "<Figure>"})
    figure.metadata = {"image/png": {"alt": "a curve that rises"}}
    solution = new_code_cell("x = 2", execution_count=2)
    solution.metadata = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
    return new_notebook(
        cells=[new_markdown_cell("# Title"), new_code_cell("x = 1", execution_count=1, outputs=[figure]), solution]
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
        (lambda b: b.cells[2].metadata.jupyter.update(source_hidden=False), "not folded"),
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
    assert book.cells[2].metadata.tags == ["solution"]


def test_student_copies_hold_no_solution_and_no_output():
    book = good_book()
    copy = notebooks.student_copy(book)
    assert [cell.source for cell in copy.cells] == ["# Title", "x = 1"]
    assert copy.cells[1].outputs == []
    assert len(book.cells) == 3
    assert book.cells[1].outputs != []


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
    assert notebooks.main(["html", "--dest", str(tmp_path / "out"), "1"]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1_good.html", "1_good.ipynb"]
    with pytest.raises(FileNotFoundError, match="begins with"):
        notebooks.paths(["7"])
    with pytest.raises(SystemExit):
        notebooks.main(["html"])


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_the_pictures_of_the_readme_are_figures_of_the_notebooks(path):
    number = path.name[0]
    wanted = notebooks.picture(nbformat.read(path, as_version=4), notebooks.PICTURES[number])
    assert (notebooks.FOLDER / "pictures" / f"{number}.png").read_bytes() == wanted


def test_a_picture_is_named_by_its_alt_text():
    assert notebooks.picture(good_book(), "a curve") == b"\0"
    for alt in ("another", "a curve that falls"):
        with pytest.raises(ValueError, match="0 figures have an alt text that begins with"):
            notebooks.picture(good_book(), alt)
