"""The ledger of relevance: what arrives at each layer, what it hands on, and what it absorbs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LedgerRow:
    """What one layer does with the relevance at its output; arrays (N,), one number per picture, in double precision.

    ``arriving = handed_on + bias + stabiliser + other``: the inputs get ``handed_on``; its bias and the stabiliser of
    its rule absorb the next two; ``other`` is lost at zero padding, or where a rule gives nothing to any input. An
    absorbed amount is negative where negative relevance is absorbed.
    """

    layer: str
    rule: str
    arriving: np.ndarray
    handed_on: np.ndarray
    bias: np.ndarray
    stabiliser: np.ndarray
    other: np.ndarray

    @property
    def absorbed(self) -> np.ndarray:
        return self.bias + self.stabiliser + self.other


def format_ledger(ledger: Sequence[LedgerRow], picture: int = 0, everything: bool = False) -> str:
    """The ledger of one picture as a table for printing, from the output down.

    Layers that hand on what arrives without a rule (activations, pooling, reshaping) are left out unless they lose
    something or ``everything`` is asked for. The last line adds up what was absorbed on the way.

    Raises
    ------
    ValueError
        If there is no such picture.
    """
    count = len(ledger[0].arriving) if ledger else 0
    if not -count <= picture < count:
        raise ValueError(f"The ledger covers {count} pictures, numbered 0 to {count - 1}; got picture={picture}.")
    columns = ("arriving", "handed_on", "bias", "stabiliser", "other")
    shown = [row for row in ledger if everything or row.rule or row.absorbed[picture] != 0]
    cells = [[row.layer, row.rule, *(_number(getattr(row, name)[picture]) for name in columns)] for row in shown]
    totals = [sum(getattr(row, name)[picture] for row in ledger) for name in columns[2:]]
    end = ledger[-1].handed_on[picture]
    cells.append(["input", "", _number(end), "", *map(_number, totals)])
    header = ["layer", "rule", "arriving", "handed on", "bias", "stabiliser", "other"]
    widths = [max(len(line[i]) for line in [header, *cells]) for i in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in [header, *cells]
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.4g}"
