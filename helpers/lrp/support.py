"""Can relevance pass a model? A table before anything is explained."""

from helpers.course.backend import keras
from helpers.course.probabilities import ends_in_probabilities
from helpers.course.tables import aligned
from helpers.course.targets import require_model
from helpers.lrp.graph import read
from helpers.lrp.layers import how_it_passes


def can_explain(model: keras.Model) -> str:
    """How relevance passes each kind of layer of a model, and which layers block it and why, as a table for printing.

    The words for a blocked layer are those of the error that :func:`helpers.lrp.explain` raises for the first of them.

    Raises
    ------
    ValueError
        If this is no Keras model, has no graph of layers (a class with a ``call`` of its own), or several outputs.
    """
    require_model(model)
    _, reader, _ = read(model)
    blocked = {error.name: error for error in reader.blocked}
    kinds: dict[tuple[str, str], set[str]] = {}
    for step in reader.steps:
        layer, name = step.whole or (step.layer, step.name)
        if name not in blocked:
            kinds.setdefault((type(layer).__name__, how_it_passes(step)), set()).add(name)
    count = len({(step.whole or (step.layer, step.name))[1] for step in reader.steps})
    rows = [[str(len(names)), kind, how] for (kind, how), names in kinds.items()]
    rows += [[repr(name), type(error.layer).__name__, f"blocked: {error.why}"] for name, error in blocked.items()]
    lines = aligned([["layers", "kind", "relevance"], *rows], left=(1, 2)) if rows else []
    layer = None if blocked else ends_in_probabilities(model)
    end = f" It ends in probabilities (layer {layer!r}): explain without_softmax(model)." if layer else ""
    verdict = f"cannot pass {len(blocked)} of its {count} layers" if blocked else f"can pass all of its {count} layers"
    return "\n".join([*(line.rstrip() for line in lines), f"Relevance {verdict}.{end}"])
