"""What a solution prints is folded: JupyterLab opens hidden outputs whenever a cell is run, so that "Run All" would show
every answer. In a notebook, what a cell prints whose first line is ``# Solution`` is shown behind a line to click on.
"""

import contextlib
import html
import io

from IPython import get_ipython
from IPython.display import display

FIRST_LINE = "# Solution"
SUMMARY = "What the solution prints"


def fold_solutions() -> None:
    """Fold what solutions print from now on. Outside of a notebook nothing is done, and nothing a second time."""
    shell = get_ipython()
    if shell is None or getattr(shell, "_course_folds_solutions", False):
        return
    shell._course_folds_solutions = True
    held = contextlib.ExitStack()  # holds stdout back while a solution runs
    text = io.StringIO()

    def before(info) -> None:
        if (info.raw_cell or "").lstrip().startswith(FIRST_LINE):
            text.seek(0)
            text.truncate()
            held.enter_context(contextlib.redirect_stdout(text))

    def after(result) -> None:
        held.close()
        if text.getvalue():
            display(folded(text.getvalue()), raw=True)
            text.seek(0)
            text.truncate()

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)


def folded(text: str) -> dict[str, str]:
    """A printed text as an output that shows one line until it is clicked on."""
    page = f"<details><summary>{SUMMARY}</summary><pre>{html.escape(text)}</pre></details>"
    return {"text/html": page, "text/plain": text}
