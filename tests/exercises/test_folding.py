import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.exercises import folding


@pytest.fixture
def shell(monkeypatch):
    """A shell of its own, and what is displayed in it."""
    one, shown = InteractiveShell(), []
    monkeypatch.setattr(folding, "get_ipython", lambda: one)
    monkeypatch.setattr(folding, "display", lambda data, raw: shown.append(data))
    folding.fold_solutions()
    folding.fold_solutions()  # a second time changes nothing
    one.shown = shown
    return one


def test_a_solution_is_folded_and_other_cells_are_not(shell, capsys):
    shell.run_cell("# Solution\nprint('a < 1')\nprint('Right.')")
    assert capsys.readouterr().out == ""
    (output,) = shell.shown
    assert output["text/plain"] == "a < 1\nRight.\n"
    assert output["text/html"].startswith("<details><summary>What the solution prints</summary>")
    assert "a &lt; 1" in output["text/html"]
    shell.run_cell("print('open')")
    assert capsys.readouterr().out == "open\n"
    shell.run_cell("# Solution\nquiet = 1")
    assert len(shell.shown) == 1


def test_an_error_in_a_solution_is_shown_and_the_next_cell_prints(shell, capsys):
    shell.run_cell("# Solution\nprint('before')\n1 / 0")
    assert shell.shown[0]["text/plain"].startswith("before\n")
    capsys.readouterr()
    shell.run_cell("print('after')")
    assert capsys.readouterr().out == "after\n"


def test_outside_of_a_notebook_nothing_happens(monkeypatch):
    monkeypatch.setattr(folding, "get_ipython", lambda: None)
    folding.fold_solutions()
