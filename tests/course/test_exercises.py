import numpy as np
import pytest

from helpers.course.exercises import is_right, self_check


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(0.1005, 0.1), ([1, 2], np.array([1.0, 2.0])), (" B ", "b"), (np.float32(3), 3), (True, 1), (0, 0.0)],
)
def test_right_answers(answer, expected, capsys):
    assert is_right(answer, expected)
    assert self_check(answer, expected, hint="look again") is None  # a cell that ends with it shows no value
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize("answer", [0.2, [0.1, 0.1], "a", None, np.nan, {}, lambda: 0.1])
def test_wrong_answers_get_the_hint(answer, capsys):
    assert not is_right(answer, 0.1)
    self_check(answer, 0.1, hint="look again")
    assert capsys.readouterr().out == "Not yet. look again\n"


def test_no_answer_is_asked_for(capsys):
    assert not is_right(..., 0.1)
    self_check(..., 0.1, hint="look again")
    assert "three dots" in capsys.readouterr().out
