"""The self-check behind every exercise of the notebooks."""

import numpy as np


def self_check(answer, expected, hint: str, tolerance: float = 0.02) -> None:
    """Compare an answer with the expected one and say so in a sentence.

    An answer that is still ``...`` is asked for; a wrong one is answered with the ``hint``: where to look again. For
    the other arguments see :func:`is_right`, which a solution asserts.
    """
    if answer is Ellipsis:
        print("Not answered yet: replace the three dots and run the cell again.")
    else:
        print("Right." if is_right(answer, expected, tolerance) else f"Not yet. {hint}")


def is_right(answer, expected, tolerance: float = 0.02) -> bool:
    """Is the answer the expected one?

    Parameters
    ----------
    answer
        What the reader put in place of ``...``: a number, an array, a word, or a list of them.
    expected
        The right answer, of the same kind.
    tolerance
        Relative deviation that numbers may have.
    """
    if isinstance(expected, str):
        return str(answer).strip().lower() == expected.lower()
    try:
        answer, expected = np.asarray(answer, float), np.asarray(expected, float)
    except (TypeError, ValueError, OverflowError):
        return False
    return answer.shape == expected.shape and bool(np.allclose(answer, expected, rtol=tolerance, atol=1e-9))
