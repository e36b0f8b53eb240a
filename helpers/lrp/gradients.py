"""Gradients that treat ReLUs otherwise, walked by the same pass as LRP: ``method(model, images, target)``.

* **Deconvnet** (Zeiler and Fergus 2014, arXiv:1311.2901) lets only positive values back through a ReLU, whatever it let
  through forwards.
* **Guided backpropagation** (Springenberg et al. 2015, arXiv:1412.6806) besides asks that the ReLU was open.

Gradient, gradient times input, SmoothGrad and integrated gradients are in :mod:`helpers.vgg16.gradients`.
"""

import numpy as np

from helpers.course.backend import keras
from helpers.course.targets import explained
from helpers.lrp.graph import read_graph
from helpers.lrp.rules import Composite, Rule
from helpers.lrp.walk import walk_back

CHAIN_RULE = Rule("gradient", "gradient")


def guided_backpropagation(model: keras.Model, images, target, batch_size: int | None = None) -> np.ndarray:
    """The gradient with every ReLU passing only what is positive, forwards and backwards: r+ where z > 0.

    Only ReLUs differ from the chain rule. The result tells more about the picture than about the class (Adebayo et al.
    2018, arXiv:1810.03292).
    """
    return _modified_gradient(model, images, target, "guided", batch_size)


def deconvnet(model: keras.Model, images, target, batch_size: int | None = None) -> np.ndarray:
    """The gradient with every ReLU applied to what comes back, r+, whatever its input was; poolings keep their maxima."""
    return _modified_gradient(model, images, target, "deconvnet", batch_size)


def _modified_gradient(model, images, target, activations: str, batch_size: int | None) -> np.ndarray:
    images, weights = explained(model, images, target)
    graph = read_graph(model)
    looked_up = next((step.name for step in graph.steps if step.form == "lookup"), None)
    if looked_up is not None:
        raise ValueError(
            f"Layer {looked_up!r} takes whole numbers, which have no gradient; explain the part behind it."
        )
    rules = Composite("chain rule", (), CHAIN_RULE).rules_for(graph)
    walked = walk_back(
        model, graph, rules, [images], np.zeros_like(weights), weights, activations, batch_size=batch_size
    )
    return walked.values[0]
