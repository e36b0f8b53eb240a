"""The networks of keras.applications, untrained: relevance passes all of them, and every layer accounts for it.

    python tests/lrp/test_applications.py

prints the table: the largest share of the relevance that any layer, and the whole network, cannot account for.
"""

import numpy as np
import pytest
from own_networks import all_but_slow

from helpers.course.backend import keras, set_seeds
from helpers.lrp import rules
from helpers.lrp.explanation import explain
from helpers.lrp.support import can_explain

COMPOSITES = (rules.epsilon_plus_flat(), rules.epsilon_alpha2beta1_flat())
SIZES = {  # side of the pictures, as small as the network takes them
    **{
        "VGG16": 64,
        "VGG19": 64,
        "ResNet50": 64,
        "ResNet50V2": 64,
        "DenseNet121": 64,
        "InceptionV3": 96,
        "MobileNet": 64,
    },
    **{"MobileNetV2": 64, "MobileNetV3Small": 64, "MobileNetV3Large": 64, "EfficientNetB0": 64, "EfficientNetV2B0": 64},
    **{"Xception": 96, "NASNetMobile": 64, "ConvNeXtTiny": 64},
}

QUICK = ("MobileNetV3Small", "ConvNeXtTiny")  # in every run of the tests, and not compiled


def network(name):
    set_seeds(1)
    shape = (SIZES[name], SIZES[name], 3)
    return getattr(keras.applications, name)(weights=None, classes=7, classifier_activation=None, input_shape=shape)


def accounted(model, x, composite):
    """Largest deviation of the logits, and what no layer and the whole network cannot account for, as shares of the
    largest relevance."""
    found, logits = explain(model, x, 0, composite), np.asarray(model(x, training=False))
    size = max(np.abs(row.arriving).max() for row in found.ledger)
    rows = max(np.abs(row.arriving - row.handed_on - row.absorbed).max() for row in found.ledger)
    absorbed = sum(row.absorbed for row in found.ledger)
    whole = np.abs(found.start.sum(axis=1) - found.relevance.sum(axis=(1, 2, 3), dtype=float) - absorbed).max()
    off = np.abs(found.logits - logits).max() / np.abs(logits).max()
    return found, off, rows / size, whole / size


def pictures(name):
    return np.random.default_rng(0).uniform(0, 255, (2, SIZES[name], SIZES[name], 3)).astype(np.float32)


@pytest.mark.parametrize("name", all_but_slow(SIZES, *QUICK))
def test_relevance_passes_and_is_accounted_for(name, request):
    if name in QUICK:
        request.getfixturevalue("uncompiled")
    model, x = network(name), pictures(name)
    assert "can pass all of its" in can_explain(model)
    found, off, rows, whole = accounted(model, x, COMPOSITES[0])
    assert off < 1e-3
    assert rows < 1e-3
    assert whole < 1e-3
    assert (found.relevance != 0).any(axis=(1, 2, 3)).all()  # logits of an untrained network can be 1e-18


if __name__ == "__main__":
    for name in SIZES:
        model, x = network(name), pictures(name)
        for composite in COMPOSITES:
            _, off, rows, whole = accounted(model, x, composite)
            verdict = can_explain(model).splitlines()[-1]
            print(
                f"{name:18} {composite.name:24} logits {off:.0e}  layers {rows:.0e}  whole {whole:.0e}  {verdict}",
                flush=True,
            )
