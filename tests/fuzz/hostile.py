"""What all fuzz tests share: the profiles of hypothesis, and what may come of hostile input.

The tests draw the same examples every time. For a longer run with other ones, name a number of examples for each test:

    COURSE_FUZZ=500 python -m pytest tests/fuzz

Hypothesis then prints how to repeat what it found.
"""

import contextlib
import dataclasses
import linecache
import os
import signal
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings

HELPERS = Path(__file__).parents[2] / "helpers"
PATIENCE = 60  # seconds; a call that takes longer hangs
SHORTEST_MESSAGE = 20  # characters

_options = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("same", max_examples=12, derandomize=True, **_options)
settings.register_profile("longer", max_examples=int(os.environ.get("COURSE_FUZZ", "500")), print_blob=True, **_options)
settings.load_profile("longer" if "COURSE_FUZZ" in os.environ else "same")


class Hang(BaseException):  # not an Exception: nobody is to catch it
    """A call did not come back in time."""


@contextlib.contextmanager
def bounded(seconds: int = PATIENCE):
    """Raise :class:`Hang` in the block when it takes longer."""

    def stop(*_):
        raise Hang(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def answer(call: Callable, also: tuple[type[Exception], ...] = ()):
    """What the call returns, or None where it was refused in words; anything else fails the test.

    A refusal is a ``ValueError`` or ``FileNotFoundError``, or one of ``also``, that a ``raise`` in ``helpers`` made, with
    a message. So an error from deep in a library does not pass, whatever its type. Warnings fail too.
    """
    with bounded(), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return call()
        except (ValueError, FileNotFoundError, *also) as error:
            require_refusal(error)
            return None
        except MemoryError as error:  # NumPy says how much for an array of which shape
            if "Unable to allocate" not in str(error):
                raise
            return None


def require_refusal(error: Exception) -> None:
    """Fail unless the error was made by a ``raise`` of the course's own, and says something."""
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    code = place.tb_frame.f_code.co_filename
    line = linecache.getline(code, place.tb_lineno).strip()
    raised = Path(code).is_relative_to(HELPERS) and line.startswith("raise ")
    assert raised, (
        f"not raised by the course but at {code}:{place.tb_lineno}, {line!r}: {type(error).__name__}: {error}"
    )
    assert len(str(error)) > SHORTEST_MESSAGE, f"the message says nothing: {error!r}"


def require_finite(result, path: str = "result") -> None:
    """Fail if a number in the result, however deep, is NaN or infinite."""
    if isinstance(result, np.ndarray | float | complex | np.generic):
        values = np.asarray(result)
        if values.dtype.kind in "fc":
            assert np.isfinite(values).all(), f"{path} is not finite: {result}"
    elif isinstance(result, Mapping):
        for key, value in result.items():
            require_finite(value, f"{path}[{key!r}]")
    elif isinstance(result, tuple | list):
        for number, value in enumerate(result):
            require_finite(value, f"{path}[{number}]")
    elif dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            require_finite(getattr(result, field.name), f"{path}.{field.name}")
