"""Run, check and copy the course's notebooks. Students never need this; ``make`` calls it.

    python .ci/notebooks.py run [NAME ...]       execute top to bottom, store clean outputs
    python .ci/notebooks.py check [NAME ...]     the static rules, one line per finding
    python .ci/notebooks.py student --dest DIR   copies without the cells tagged "solution"
    python .ci/notebooks.py pictures             the figures that the README shows, into notebooks/pictures

A notebook is stored only after it ran to its end without an error and without a word on stderr; until then the file
stays as it was.
"""

import argparse
import ast
import base64
import html
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import names
import nbformat

FOLDER = Path(__file__).parents[1] / "notebooks"
LARGEST_NOTEBOOK = 6_000_000  # bytes: beyond that, pages on the web no longer render it
LONGEST_TEXT, LONGEST_CODE = 220, 25  # words in a Markdown cell, lines in a code cell
LONGEST_LINE = 100  # letters: beside JupyterLab's side bar a longer line of code gets a scroll bar
SECONDS_PER_CELL = 1800  # to end what hangs, on however slow a machine
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_NOTE = "*An interactive control appears here when the cell is run.*"
FIGURE = re.compile(r'<img class="course-figure" alt="([^"]*)" src="data:image/png;base64,([^"]*)">')
PICTURES = {  # which figure the README shows of a notebook: how its alt text begins
    "1": "The 20 largest of 495 coefficients",
    "2": "Grad-CAM for each of the two classes",
    "3": "A horse and its relevance maps by two networks",
}
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def paths(names: list[str] = ()) -> list[Path]:
    """The notebooks whose file name begins with one of the names; all of them when there is no name."""
    found = [*sorted(FOLDER.glob("[0-9]*.ipynb")), *sorted(FOLDER.glob("further/*.ipynb"))]
    chosen = [path for path in found if not names or path.name.startswith(tuple(names))]
    if not chosen:
        raise FileNotFoundError(f"No notebook in {FOLDER} begins with {names or 'a number'}: {[p.name for p in found]}")
    return chosen


def number(path: Path) -> str:
    """What stands before the dot in the numbers of its exercises: "1" to "3", or a word such as "own"."""
    if path.name[0].isdigit():
        return path.name[0]
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return next(call.args[0].value.split(".")[0] for source in sources for call in calls_of_check(source))


def run(path: Path) -> float:
    """Execute a notebook in its own folder, store its clean outputs, and return the seconds it took.

    Raises
    ------
    RuntimeError
        If a cell fails, takes longer than half an hour, or writes to stderr. The stored notebook is then left alone.
    """
    start = time.perf_counter()
    book = execute(path)
    seconds = time.perf_counter() - start
    for index, cell in enumerate(book.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{path.name}, cell {index} wrote to stderr:\n{output['text']}")
    clean(book)
    partial = path.with_suffix(".partial")
    nbformat.write(book, partial)
    partial.replace(path)
    return seconds


def execute(path: Path, past_errors: bool = False, kernel_arguments: list[str] = (), **start) -> nbformat.NotebookNode:
    """What a notebook becomes when it is run in its own folder; the file stays as it is.

    ``past_errors`` goes on after a cell that fails, ``start`` is handed to the start of the kernel, such as ``env``.

    Raises
    ------
    RuntimeError
        If a cell fails or takes longer than half an hour.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError
    from nbclient.output_widget import OutputWidget

    class SilentOutput(OutputWidget):
        """Takes what an Output widget shows, as the browser would, but does not report it back to the kernel.

        Nothing here reads the report. It would be sent past the event loop, on the socket where this loop awaits the
        kernel's answer; an answer that comes at that moment would lie there unread until the time limit.
        """

        def sync_state(self) -> None:
            pass

    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book,
        timeout=SECONDS_PER_CELL,
        startup_timeout=SECONDS_PER_CELL,
        iopub_timeout=SECONDS_PER_CELL,  # 4 s unless told; outputs that come later would be missing without a word
        raise_on_iopub_timeout=True,
        kernel_name="python3",
        allow_errors=past_errors,
        extra_arguments=list(kernel_arguments),
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.widget_registry = {"@jupyter-widgets/output": {"OutputModel": SilentOutput}}
    try:
        return client.execute(**start)
    except (CellExecutionError, CellTimeoutError) as error:
        raise RuntimeError(f"{path.name} did not run to its end:\n{error}") from None


def clean(book: nbformat.NotebookNode) -> None:
    """Leave in a notebook what readers need: no widget state, no times, the same metadata whoever ran it."""
    book.metadata = nbformat.from_dict(KERNEL)
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number:03d}"
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in ("tags", "jupyter")})
        if cell.cell_type != "code":
            continue
        cell.outputs = [_as_picture(_without_widget(output)) for output in cell.outputs]


def _without_widget(output):
    """A view of a widget means nothing without the kernel behind it: put a note in its place."""
    if WIDGET not in output.get("data", {}):
        return output
    return nbformat.v4.new_output("display_data", {"text/markdown": WIDGET_NOTE, "text/plain": WIDGET_NOTE})


def _as_picture(output):
    """A figure is stored as a picture with its alt text in the metadata: pages on the web show that and clean HTML."""
    figure = FIGURE.fullmatch(output.get("data", {}).get("text/html", ""))
    if not figure:
        return output
    alt = html.unescape(figure[1])
    stored = nbformat.v4.new_output("display_data", {"image/png": figure[2], "text/plain": alt})
    stored.metadata = nbformat.from_dict({"image/png": {"alt": alt}})
    return stored


def student_copy(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without solutions, and without outputs: to be run by the student. Nothing else differs."""
    book = nbformat.from_dict(book)
    book.cells = [cell for cell in book.cells if "solution" not in cell.metadata.get("tags", [])]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return book


def findings(book: nbformat.NotebookNode) -> Iterator[str]:
    """What is wrong with a stored notebook, one line each: the rules that CONTRIBUTING.md explains."""
    code = [cell for cell in book.cells if cell.cell_type == "code" and cell.source.strip()]
    if "widgets" in book.metadata:
        yield "widget state is stored; it breaks the rendering on the web"
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "the outputs are not those of one clean run from top to bottom"
    if not any("solution" in cell.metadata.get("tags", []) for cell in book.cells):
        yield "no cell is tagged 'solution'"
    for index, cell in enumerate(book.cells):
        rules = _text_findings if cell.cell_type == "markdown" else _code_findings
        for finding in rules(cell):
            yield f"cell {index}: {finding}"
        if cell.cell_type == "code":
            for finding in _solution_findings(cell) if _is_solution(cell) else _exercise_findings(cell):
                yield f"cell {index}: {finding}"
    yield from names.findings({i: cell.source for i, cell in enumerate(book.cells) if cell.cell_type == "code"})


def _is_solution(cell) -> bool:
    return "solution" in cell.metadata.get("tags", [])


def calls_of_check(source: str) -> list[ast.Call]:
    """The calls of ``check`` in a cell."""
    calls = [node for node in ast.walk(names.parsed(source)) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "check"]


def _solution_findings(cell) -> Iterator[str]:
    """A solution shows nothing until it is opened, and is right."""
    folded = cell.metadata.get("jupyter", {})
    if not (folded.get("source_hidden") and folded.get("outputs_hidden")):
        yield "a solution is not folded, source and outputs"
    if cell.source.splitlines()[0] != "# Solution":
        yield "the first line of a solution, which JupyterLab shows, is not '# Solution'"
    right = sum(
        len(re.findall(r"^Right\. ", output.get("data", {}).get("text/plain", ""), re.M)) for output in cell.outputs
    )
    if right != len(calls_of_check(cell.source)) or not right:
        yield "a solution is not found right by check(..., solution=True)"
    if not all(output.get("data", {}).get("text/html", "").startswith("<details>") for output in cell.outputs):
        yield "what a solution prints is not folded"


def _exercise_findings(cell) -> Iterator[str]:
    """An exercise asks with three dots and hands over what it was asked with, nothing that it expects."""
    tree = names.parsed(cell.source)
    dots = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is ...
        for target in node.targets
    }
    asked = {call.args[1].id for call in calls_of_check(cell.source) if isinstance(call.args[1], ast.Name)}
    if dots != asked:
        yield f"an exercise checks {sorted(asked)}, and asks for {sorted(dots)}"
    if dots and re.search(r"hint|expected", cell.source):
        yield "an exercise gives a hint or what is expected"


def _text_findings(cell) -> Iterator[str]:
    if any(len(alt) < 15 for alt in re.findall(r"!\[(.*?)\]\(", cell.source)) or re.search(
        r"<img(?![^>]*\balt=)", cell.source
    ):
        yield "a picture has no describing alt text"
    if len(cell.source.split()) > LONGEST_TEXT:
        yield f"{len(cell.source.split())} words in one cell; the limit is {LONGEST_TEXT}"


def _code_findings(cell) -> Iterator[str]:
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if any(len(line) > LONGEST_LINE for line in lines):
        yield f"a line of {max(map(len, lines))} letters; the limit is {LONGEST_LINE}"
    if any(isinstance(node, ast.Assert) and node.msg is None for node in ast.walk(names.parsed(cell.source))):
        yield "an assert does not say what it claims"
    if len(lines) > LONGEST_CODE:
        yield f"{len(lines)} lines of code; the limit is {LONGEST_CODE}"
    if lines and lines[-1].rstrip().endswith(";"):
        yield "a closing ';' has no effect in tests; use plt.show() or _ = ..."
    if re.search(
        r"^\s*[!%]\s*(pip|conda)|(filter|simplefilter)(warnings)?\(.ignore|/(home|root|Users)/", cell.source, re.M
    ):
        yield "an installation, silenced warnings or an absolute path"
    for output in cell.outputs:
        if output.get("name") == "stderr":
            yield f"stderr is stored: {output.text[:60]!r}"
        if output.output_type == "error":
            yield f"an error is stored: {output.ename}"
        if WIDGET in output.get("data", {}):
            yield "a view of a widget is stored; nothing shows it without its kernel"
        shown = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        if re.search(r"0x[0-9a-f]{6,}|(?:^|[\s'\"(=])/[a-z]+/[\w.-]+/", shown):
            yield f"a memory address or a path of one machine is stored: {shown[:60]!r}"
        if "image/png" in output.get("data", {}) and not output.metadata.get("image/png", {}).get("alt"):
            yield "a figure has no alt text; use helpers.course.figures.show"


def picture(book: nbformat.NotebookNode, alt: str) -> bytes:
    """The stored figure whose alt text begins so, as a PNG file.

    Raises
    ------
    ValueError
        If no figure of the notebook, or more than one, begins so.
    """
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    found = [o for o in outputs if o.get("metadata", {}).get("image/png", {}).get("alt", "").startswith(alt)]
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} figures have an alt text that begins with {alt!r}; name exactly one in PICTURES."
        )
    return base64.b64decode(found[0].data["image/png"])


def check(path: Path) -> list[str]:
    """The findings of a stored notebook, its size among them."""
    found = list(findings(nbformat.read(path, as_version=4)))
    if path.stat().st_size > LARGEST_NOTEBOOK:
        found.append(f"{path.stat().st_size / 1e6:.1f} MB; the limit is {LARGEST_NOTEBOOK / 1e6:.0f}")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=("run", "check", "student", "pictures"))
    parser.add_argument("names", nargs="*", help="first letters of the file names, such as 2; all when left out")
    parser.add_argument("--dest", type=Path, help="folder for student copies")
    options = parser.parse_intermixed_args(arguments)
    if options.task == "student":
        if options.dest is None:
            parser.error("student needs --dest FOLDER")
        options.dest.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in paths(options.names):
        if options.task == "run":
            try:
                print(f"{path.name}: {run(path):.0f} s", flush=True)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                failed += 1
        elif options.task == "check":
            found = check(path)
            print("\n".join(f"{path.name}: {line}" for line in found) or f"{path.name}: nothing found")
            failed += bool(found)
        elif options.task == "pictures":
            if path.name[0] not in PICTURES:
                continue
            (FOLDER / "pictures").mkdir(exist_ok=True)
            shown = picture(nbformat.read(path, as_version=4), PICTURES[path.name[0]])
            (FOLDER / "pictures" / f"{path.name[0]}.png").write_bytes(shown)
        else:
            nbformat.write(student_copy(nbformat.read(path, as_version=4)), options.dest / path.name)
            print(options.dest / path.name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
