"""Layer-wise Relevance Propagation (LRP): which inputs make up the score of a class, and where does relevance leak?

    relevance = lrp(model, images, target, epsilon_plus_flat())

The score is handed down layer by layer until it reaches the input (Bach et al. 2015,
doi:10.1371/journal.pone.0130140). How a layer shares it out is said by its rule, which rule stands for which layer by a
composite (:mod:`helpers.lrp.rules`). Images and targets are those of :mod:`helpers.course.targets`: a class number, one
per picture, or weights (N, classes), +1 and -1 to ask "why 4 and not 9". A model with several inputs takes a list of
arrays, and its relevance is such a list.

:func:`explain` also keeps the ledger: what arrives at each layer, what it hands on, and what it absorbs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helpers.course.backend import keras
from helpers.course.networks import classes_of
from helpers.course.tables import aligned
from helpers.course.targets import checked_inputs, output_weights, require_logits, require_model
from helpers.lrp.graph import read_graph
from helpers.lrp.rules import as_composite, epsilon_plus_flat
from helpers.lrp.walk import walk_back


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


@dataclass(frozen=True)
class Explanation:
    """Relevance at the input and on the way there.

    Attributes
    ----------
    logits : (N, classes)
    start : (N, classes), the relevance that is handed down
    relevance : shape of the images; a list for a model with several inputs
    layers : relevance at the output of every layer, by its name; that of a nested model's layer is "inner/conv". A layer
        folded into the one before it has the same relevance as that one; one folded into the next, that of its input
    ledger : one row per layer, from the output down
    """

    logits: np.ndarray
    start: np.ndarray
    relevance: np.ndarray | list[np.ndarray]
    layers: dict[str, np.ndarray]
    ledger: tuple[LedgerRow, ...]


def lrp(model: keras.Model, images, target, rule=None, *, start=None, batch_size: int | None = None):
    """Relevance of every input value for the explained score, an array shaped like the images (or a list of them).

    Parameters
    ----------
    model
        Keras 3 model with one output, in logits; see :func:`helpers.lrp.graph.read_graph`.
    images : (N, ...)
        Inputs of the model, preprocessed; a list of arrays if it has several.
    target
        Class number, one per picture, or weights (N, classes): relevance starts as weight times logit.
    rule
        A composite, a list of (layers, rule), or one rule for all layers. The default is :func:`epsilon_plus_flat`.
    start : (N, classes), optional
        Relevance to start with in place of weight times logit; ``target`` is then None.
    batch_size
        Pictures at a time; bounds the memory. By default one photograph of 224 x 224 pixels, or as many smaller ones.

    Raises
    ------
    ValueError
        If the model, the images, the target or the rule will not do; the message says what is wanted. Also if the model
        computes other scores than its layers one by one.

    Notes
    -----
    The relevances need not sum to the score: biases and stabilisers absorb some. ``explain(...).ledger`` says where.
    """
    _, _, found = _walked(model, images, target, rule, start, batch_size, everything=False)
    return _at_inputs(model, found)


def explain(model: keras.Model, images, target, rule=None, *, start=None, batch_size: int | None = None) -> Explanation:
    """As :func:`lrp`, with the relevance at every layer and the ledger of what each layer absorbs."""
    graph, names, found = _walked(model, images, target, rule, start, batch_size, everything=True)
    ledger = tuple(
        LedgerRow(step.name, names.get(step.output, ""), *columns)
        for step, columns in zip(reversed(graph.steps), found.ledger, strict=True)
    )
    layers = {name: found.values[value] for name, value in graph.values.items()}
    return Explanation(found.logits, found.values[graph.output], _at_inputs(model, found), layers, ledger)


def format_ledger(ledger: Sequence[LedgerRow], picture: int = 0) -> str:
    """The ledger of one picture as a table for printing, from the output down.

    Layers that hand on what arrives without a rule (activations, pooling, reshaping) are left out unless they lose
    something. The last line adds up what was absorbed on the way. All numbers have the decimals that give the largest
    four digits: in float32 what lies below that is rounding, another one on every machine.

    Raises
    ------
    ValueError
        If there is no such picture.
    """
    count = len(ledger[0].arriving) if ledger else 0
    if not -count <= picture < count:
        raise ValueError(f"The ledger covers {count} pictures, numbered 0 to {count - 1}; got picture={picture}.")
    columns = ("arriving", "handed_on", "bias", "stabiliser", "other")
    largest = max(abs(getattr(row, name)[picture]) for row in ledger for name in columns)
    decimals = max(0, 3 - int(np.floor(np.log10(largest)))) if 0 < largest < np.inf else 0

    def number(value: float) -> str:
        text = f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0 makes 0 of -0
        return text.rstrip("0").rstrip(".") if "." in text else text

    shown = [row for row in ledger if row.rule or number(row.absorbed[picture]) != "0"]
    cells = [[row.layer, row.rule, *(number(getattr(row, name)[picture]) for name in columns)] for row in shown]
    totals = [sum(getattr(row, name)[picture] for row in ledger) for name in columns[2:]]
    left = ledger[0].arriving[picture] - sum(totals)  # several layers may read the input, and a mask does beside them
    cells.append(["input", "", number(left), "", *map(number, totals)])
    header = ["layer", "rule", "arriving", "handed on", "bias", "stabiliser", "other"]
    lines = aligned([header, *cells], left=(0, 1))
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _at_inputs(model, found):
    values = [found.values[i] for i in range(len(model.inputs))]
    return values[0] if len(values) == 1 else values


def _walked(model, images, target, rule, start, batch_size, everything):
    composite = epsilon_plus_flat() if rule is None else as_composite(rule)
    require_model(model)
    inputs = checked_inputs(model, images)
    require_logits(model, inputs)
    graph = read_graph(model)
    if start is None:
        weights = output_weights(model, len(inputs[0]), target)
        start = np.zeros_like(weights)
    elif target is None:
        start = _checked_start(start, (len(inputs[0]), classes_of(model)), graph.dtype)
        weights = np.zeros_like(start)
    else:
        raise ValueError("Give either a target or the relevance to start with, not both; with start, target is None.")
    rules = composite.rules_for(graph)
    for number, each in enumerate(inputs):
        _require_in_box(number, each, graph, rules)
    found = walk_back(model, graph, rules, inputs, weights, start, "pass", everything, batch_size)
    return graph, {value: rule.name for value, rule in rules.items()}, found


def _checked_start(start, shape, dtype) -> np.ndarray:
    start = np.asarray(start)
    if start.shape != shape or start.dtype.kind not in "fiu" or not np.isfinite(start).all():
        raise ValueError(
            f"The relevance to start with has shape {shape}, one finite number per picture and class; got {start.dtype} "
            f"of shape {start.shape}."
        )
    return start.astype(dtype)


def _require_in_box(number: int, images, graph, rules) -> None:
    """Refuse images, the input of that number, outside the box of a layer that reads them as they are."""
    pixels = {number}  # the input and what only moves its values
    for step in graph.steps:
        if not pixels.issuperset(step.inputs):
            continue
        if step.form in ("route", "identity"):
            pixels.add(step.output)
        rule = rules.get(step.output)
        if rule is None or rule.contributions != "box" or len(rule.low) not in (1, images.shape[-1]):
            continue
        low, high = np.array(rule.low), np.array(rule.high)
        margin = 1e-3 * (high - low)  # rounding, and the edges of resized pictures
        if (images < low - margin).any() or (images > high + margin).any():
            raise ValueError(
                f"The rule z-B holds for inputs between low={rule.low} and high={rule.high}; these run from "
                f"{images.min():.4g} to {images.max():.4g}. Pass the values of black and white after preprocessing."
            )
