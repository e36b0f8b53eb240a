"""The self-check behind every exercise of the notebooks."""

import numpy as np


def self_check(answer, expected, hint: str, tolerance: float = 0.02) -> bool:
    """Compare an answer with the expected one and say so in a sentence.

    Parameters
    ----------
    answer
        What the reader put in place of ``...``: a number, an array, a word, or a list of them.
    expected
        The right answer, of the same kind.
    hint
        Printed when the answer is wrong: where to look again.
    tolerance
        Relative deviation that numbers may have.

    Returns
    -------
    bool
        True if the answer is right. An answer that is still ``...`` is not: a request to try is printed.
    """
    if answer is Ellipsis:
        print("Not answered yet: replace the three dots and run the cell again.")
        return False
    right = _same(answer, expected, tolerance)
    print("Right." if right else f"Not yet. {hint}")
    return right


def _same(answer, expected, tolerance: float) -> bool:
    if isinstance(expected, str):
        return str(answer).strip().lower() == expected.lower()
    try:
        answer, expected = np.asarray(answer, float), np.asarray(expected, float)
    except (TypeError, ValueError):
        return False
    return answer.shape == expected.shape and bool(np.allclose(answer, expected, rtol=tolerance, atol=1e-9))
