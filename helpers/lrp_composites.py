"""Which rule for which layer: composites, and the named ones.

No single rule suits all layers of a deep network (Montavon et al. 2019; Kohlbrenner et al. 2020, arXiv:1910.09840):
near the output the epsilon rule keeps to the evidence, further down z+ or alpha-beta filter the noise, and the first layer
has a rule made for pixels. A composite is an ordered list of (layers, rule); the first pair that matches decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase

from helpers.lrp_rules import STABILISER, Rule, alpha_beta, epsilon, flat, gamma, z_box, z_plus


class Kind(Enum):
    """Groups of layers that a composite can name. ``FIRST``: dense and convolution layers that read the input."""

    FIRST = "first"
    CONVOLUTION = "convolution"
    DENSE = "dense"
    POOLING = "average pooling"
    SUM = "sum"
    SCALING = "scaling"


FIRST, CONVOLUTION, DENSE, POOLING, SUM, SCALING = Kind


@dataclass(frozen=True)
class Composite:
    """Which rule for which layer: an ordered list of (layers, rule); the first pair that matches a layer decides.

    Attributes
    ----------
    name : for tables and figures
    rules : pairs of layers and rule. Layers are a :class:`Kind`, a Keras layer class, or a layer's name, in which ``*``
        stands for anything ("block1_*"); a layer of a nested model answers to "inner/conv" and to "conv"
    otherwise : the rule of weighted sums that match nothing. Average pooling, Add, and scaling layers are weighted sums
        as well: they hand relevance on in proportion to z_ij
    """

    name: str
    rules: tuple[tuple[object, Rule], ...]
    otherwise: Rule = field(default_factory=epsilon)

    def rule_for(self, name: str, layer, kinds: frozenset[Kind]) -> Rule:
        """The rule of a layer of this name that belongs to these kinds."""
        for layers, rule in self.rules:
            if isinstance(layers, Kind):
                matched = layers in kinds
            elif isinstance(layers, str):
                matched = any(fnmatchcase(known, layers) for known in (name, name.rsplit("/", 1)[-1]))
            else:
                matched = isinstance(layer, layers)
            if matched:
                return rule
        return self.otherwise

    def rules_for(self, graph) -> dict[int, Rule]:
        """The rule of every weighted sum of a :class:`helpers.lrp_graph.Graph`, by the number of its output."""
        return {
            step.output: self.rule_for(step.name, step.layer, step.kinds)
            for step in graph.steps
            if step.form == "weighted"
        }


def as_composite(rule) -> Composite:
    """A composite from a composite, a list of (layers, rule), or one rule for every dense and convolution layer.

    With one rule, the other weighted sums (average pooling, Add, scaling) take the epsilon rule with its stabiliser.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(rule, Composite):
        composite = rule
    elif isinstance(rule, Rule):
        rest = Rule(f"epsilon({rule.epsilon:g})", "plain", epsilon=rule.epsilon, bias=rule.bias)
        composite = Composite(rule.name, ((CONVOLUTION, rule), (DENSE, rule)), rest)
    elif isinstance(rule, Sequence) and not isinstance(rule, str):
        composite = Composite("custom", tuple(tuple(pair) for pair in rule))
    else:
        raise ValueError(f"Expected a rule such as epsilon(), a composite, or a list of (layers, rule); got {rule!r}.")
    for pair in composite.rules:
        layers = pair[0] if len(pair) == 2 else None
        if not isinstance(layers, (Kind, str, type)) or not isinstance(pair[1], Rule):
            raise ValueError(
                "A composite lists pairs (layers, rule): layers a Kind such as FIRST, a layer class or a name, and a "
                f"rule such as z_plus(); got {pair!r}."
            )
    return composite


def epsilon_plus(dense_epsilon: float = STABILISER, bias: bool = True) -> Composite:
    """EpsilonPlus: z+ for convolutions, epsilon for dense layers."""
    dense = epsilon(dense_epsilon, bias)
    return Composite("EpsilonPlus", ((CONVOLUTION, z_plus(bias=bias)), (DENSE, dense)))


def epsilon_plus_flat(dense_epsilon: float = STABILISER, bias: bool = True) -> Composite:
    """EpsilonPlusFlat: as EpsilonPlus, the first layer flat."""
    return _with_first("EpsilonPlusFlat", flat(), epsilon_plus(dense_epsilon, bias))


def epsilon_alpha2beta1(dense_epsilon: float = STABILISER, bias: bool = True) -> Composite:
    """EpsilonAlpha2Beta1: alpha2 beta1 for convolutions, epsilon for dense layers."""
    dense = epsilon(dense_epsilon, bias)
    return Composite("EpsilonAlpha2Beta1", ((CONVOLUTION, alpha_beta(2.0, bias=bias)), (DENSE, dense)))


def epsilon_alpha2beta1_flat(dense_epsilon: float = STABILISER, bias: bool = True) -> Composite:
    """EpsilonAlpha2Beta1Flat: as EpsilonAlpha2Beta1, the first layer flat."""
    return _with_first("EpsilonAlpha2Beta1Flat", flat(), epsilon_alpha2beta1(dense_epsilon, bias))


def epsilon_gamma_box(
    low, high, convolution_gamma: float = 0.25, dense_epsilon: float = STABILISER, bias: bool = True
) -> Composite:
    """EpsilonGammaBox: z-B for the first layer, gamma for the other convolutions, epsilon for dense layers."""
    rest = ((CONVOLUTION, gamma(convolution_gamma, bias=bias)), (DENSE, epsilon(dense_epsilon, bias)))
    return Composite("EpsilonGammaBox", ((FIRST, z_box(low, high)), *rest))


def deep_taylor(low, high) -> Composite:
    """Deep Taylor decomposition (Montavon et al. 2017): z-B for the first layer, z+ for all others, no bias.

    The paper derives it for networks with biases of at most zero and a positive score.
    """
    favour = z_plus(bias=False)
    return Composite("deep Taylor", ((FIRST, z_box(low, high)), (CONVOLUTION, favour), (DENSE, favour)), favour)


def _with_first(name: str, rule: Rule, composite: Composite) -> Composite:
    return Composite(name, ((FIRST, rule), *composite.rules), composite.otherwise)
