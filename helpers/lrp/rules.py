"""The rules of Layer-wise Relevance Propagation (LRP), as declarations, and composites: which rule for which layer.

Relevance R_j at the outputs of a layer z_j = sum_i x_i w_ij + b_j is handed to its inputs in proportion to what each of
them contributed. A rule says what counts as a contribution and how the two signs are weighed; one backward pass
(:mod:`helpers.lrp.propagation`) carries all of them out. Notation: v+ = max(v, 0), v- = min(v, 0), z_ij = x_i w_ij, P_j
and N_j are the sums over i of the positive and the negative z_ij, and s(z) = z + epsilon where z >= 0, else z - epsilon.

**Bias.** With ``bias=True`` the bias stands in the denominator like one more input and absorbs its share of the
relevance. With ``bias=False`` it is left out of the rule (the forward pass keeps it), and the inputs get all of it.

**Stabiliser.** An epsilon that you give is used as it is, whatever the size of the sums. Left out, it is 1e-6, or 1e-6 of
the largest sum of the layer in this picture where that is below 1: the logits of an untrained network may be 1e-8.

**Composites.** No single rule suits all layers of a deep network (Montavon et al. 2019; Kohlbrenner et al. 2020): near
the output the epsilon rule keeps to the evidence, further down z+ or alpha-beta filter the noise, and the first layer
has a rule made for pixels. A composite is an ordered list of (layers, rule); the first pair that matches decides.

Sources: Bach et al. 2015 (doi:10.1371/journal.pone.0130140); Montavon et al. 2017, "deep Taylor decomposition"
(doi:10.1016/j.patcog.2016.11.008); Lapuschkin et al. 2019, "Clever Hans" (doi:10.1038/s41467-019-08987-4); Montavon et
al. 2019, "Layer-wise relevance propagation: an overview" (doi:10.1007/978-3-030-28954-6_10); Kohlbrenner et al. 2020
(arXiv:1910.09840).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase

import numpy as np

from helpers.course.arguments import finite_array

STABILISER = 1e-6  # epsilon where none is given: only keeps denominators from vanishing


@dataclass(frozen=True)
class Share:
    """factor * (positive z_ij+ + negative z_ij-) / s(positive P_j + negative N_j + bias) of R_j goes to input i.

    The bias is weighed like the contributions: positive b+ + negative b-. ``where`` restricts the share to outputs with
    a pre-activation above ("z > 0") or below ("z < 0") zero. The whole numbers 0 and 1 (``int``) are built into the
    compiled pass, which leaves out what they make superfluous; other numbers can change without a new compilation.
    """

    factor: int | float = 1
    positive: int | float = 1
    negative: int | float = 1
    where: str = "all"

    @property
    def numbers(self) -> tuple:
        return self.factor, self.positive, self.negative


def is_built_in(number) -> bool:
    """Whether a number of a share is built into the compiled pass."""
    return isinstance(number, int) and number in (0, 1)


@dataclass(frozen=True)
class Rule:
    """One rule: what contributes, in which shares, with which stabiliser. Made by the functions below.

    Attributes
    ----------
    name : for tables and figures
    contributions : "plain" (z_ij, signs together), "signed" (z_ij+ and z_ij- weighed apart), "box", "square", "ones",
        or "gradient" (R_i = sum_j w_ij R_j, which makes the same pass a gradient)
    shares : how the relevance is split; the factors sum to 1
    epsilon : the stabiliser of all denominators, at least 0; None for the one that goes with the size of the sums
    bias : whether the bias takes part and absorbs its share
    low, high : bounds of the inputs, one number or one per channel; only for "box"
    """

    name: str
    contributions: str
    shares: tuple[Share, ...] = (Share(),)
    epsilon: float | None = None
    bias: bool = True
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self):
        if not (np.isfinite(self.stabiliser) and self.stabiliser >= 0):
            raise ValueError(f"The stabiliser epsilon is a finite number of at least 0; got {self.epsilon}.")

    @property
    def stabiliser(self) -> float:
        return STABILISER if self.epsilon is None else self.epsilon


def lrp_0(bias: bool = True) -> Rule:
    """R_i = sum_j z_ij / z_j R_j (Bach et al. 2015, eq. 56). Where z_j = 0 the relevance is lost.

    In a network of ReLUs and max poolings, biases kept, this is gradient times input.
    """
    return Rule("LRP-0", "plain", epsilon=0.0, bias=bias)


def epsilon(epsilon: float | None = None, bias: bool = True) -> Rule:
    """R_i = sum_j z_ij / s(z_j) R_j (Bach et al. 2015, eq. 58): a larger epsilon absorbs weak, conflicting evidence.

    With ``bias=False`` some sums nearly cancel, and float32 has few digits left of them: with the default epsilon in
    every layer of VGG16 the relevance of the pixels is 4 % off that in float64.
    """
    name = f"epsilon({STABILISER if epsilon is None else epsilon:g})"
    return Rule(name, "plain", epsilon=epsilon, bias=bias)


def gamma(gamma: float = 0.25, epsilon: float | None = None, bias: bool = True) -> Rule:
    """Contributions with the sign of the pre-activation count 1 + gamma times (Montavon et al. 2019).

    R_i = sum_j ((1 + gamma) z_ij+ + z_ij-) / s((1 + gamma) P_j + N_j + b + gamma b+) R_j  where z_j > 0,
    with the signs exchanged where z_j < 0; nothing where z_j = 0. gamma = 0 is the epsilon rule, a large gamma
    approaches z+. The paper writes it for x >= 0 and z > 0 only; this form holds for inputs and outputs of any sign.
    """
    if not (np.isfinite(gamma) and gamma >= 0):
        raise ValueError(f"gamma is a finite number of at least 0; got {gamma}.")
    shares = (Share(1, 1.0 + gamma, 1, "z > 0"), Share(1, 1, 1.0 + gamma, "z < 0"))
    return Rule(f"gamma({gamma:g})", "signed", shares, epsilon, bias)


def z_plus(epsilon: float | None = None, bias: bool = True) -> Rule:
    """R_i = sum_j z_ij+ / s(P_j + b_j+) R_j (Montavon et al. 2017): only what speaks in favour counts."""
    return Rule("z+", "signed", (Share(1, 1, 0),), epsilon, bias)


def alpha_beta(alpha: float = 2.0, beta: float | None = None, epsilon: float | None = None, bias: bool = True) -> Rule:
    """R_i = sum_j (alpha z_ij+ / s(P_j + b_j+) - beta z_ij- / s(N_j + b_j-)) R_j (Bach et al. 2015, eq. 60).

    alpha - beta = 1, so that relevance is conserved; ``beta`` may be left out. alpha = 1 is z+.

    Raises
    ------
    ValueError
        If alpha - beta is not 1, or beta is negative.
    """
    beta = alpha - 1 if beta is None else beta
    if not (np.isfinite(alpha) and beta >= 0 and np.isclose(alpha - beta, 1, rtol=0, atol=1e-12)):
        raise ValueError(f"alpha - beta must be 1 and beta at least 0; got alpha={alpha}, beta={beta}.")
    shares = (Share(float(alpha), 1, 0), Share(-float(beta), 0, 1))
    return Rule(f"alpha{alpha:g} beta{beta:g}", "signed", shares, epsilon, bias)


def z_box(low, high, epsilon: float | None = None) -> Rule:
    """R_i = sum_j (x_i w_ij - l_i w_ij+ - h_i w_ij-) / s(sum over i) R_j (z-B, Montavon et al. 2017), for l <= x <= h.

    For the first layer, whose inputs are bounded: pixels. The bias cancels. ``low`` and ``high`` are the values of
    black and white in the model's input space, one number or one per channel.

    Raises
    ------
    ValueError
        If a bound is not finite, low exceeds high, or the two differ in length.
    """
    low, high = (tuple(np.atleast_1d(finite_array("A bound of the box", bound)).tolist()) for bound in (low, high))
    if len(low) != len(high) or any(np.greater(low, high)):
        raise ValueError(
            f"The box needs finite bounds low <= high, one or one per channel; got low={low}, high={high}."
        )
    return Rule("z-B", "box", epsilon=epsilon, bias=False, low=low, high=high)


def w_square(epsilon: float | None = None, bias: bool = True) -> Rule:
    """R_i = sum_j w_ij^2 / s(sum_i w_ij^2 + b_j^2) R_j (Montavon et al. 2017): for unbounded inputs."""
    return Rule("w2", "square", epsilon=epsilon, bias=bias)


def flat(epsilon: float | None = None) -> Rule:
    """R_i = sum_j 1 / s(number of inputs of j) R_j (Lapuschkin et al. 2019): the same for every connected input."""
    return Rule("flat", "ones", epsilon=epsilon, bias=False)


class Kind(Enum):
    """Groups of layers that a composite can name. ``FIRST``: dense and convolution layers that read the input."""

    FIRST = "first"
    CONVOLUTION = "convolution"
    DENSE = "dense"
    POOLING = "average pooling"
    SUM = "sum"
    SCALING = "scaling"
    NORMALISATION = "normalisation"


FIRST, CONVOLUTION, DENSE, POOLING, SUM, SCALING, NORMALISATION = Kind


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

    Products of signals (attention) and recurrent layers follow the epsilon rule only: where another rule stands for
    them, its epsilon and its bias count.
    """

    name: str
    rules: tuple[tuple[object, Rule], ...]
    otherwise: Rule = field(default_factory=epsilon)

    def rules_for(self, graph) -> dict[int, Rule]:
        """The rule of every step of a :class:`helpers.lrp.graph.Graph` that follows one, by the number of its output.

        Raises
        ------
        ValueError
            If a name or a class matches no layer.
        """
        ruled = [step for step in graph.steps if step.form in ("weighted", *EPSILON_ONLY)]
        for layers, _ in self.rules:
            if not isinstance(layers, Kind) and not any(_matches(layers, step) for step in ruled):
                raise ValueError(_nothing_matches(layers, ruled))
        return {step.output: self._rule_for(step) for step in ruled}

    def _rule_for(self, step) -> Rule:
        rule = next((rule for layers, rule in self.rules if _matches(layers, step)), self.otherwise)
        return rule if step.form == "weighted" else as_epsilon(rule)


EPSILON_ONLY = ("contraction", "recurrent")  # forms of a step, see helpers.lrp.layers


def _matches(layers, step) -> bool:
    if isinstance(layers, Kind):
        return layers in step.kinds
    whole, name = step.whole or (step.layer, step.name)  # a part of a layer answers to the layer's name and class too
    if isinstance(layers, str):
        names = {step.name, name, step.name.rsplit("/", 1)[-1], name.rsplit("/", 1)[-1]}
        return any(fnmatchcase(each, layers) for each in names)
    return isinstance(step.layer, layers) or isinstance(whole, layers) or issubclass(step.base or object, layers)


def _nothing_matches(layers, ruled) -> str:
    wanted = repr(layers) if isinstance(layers, str) else layers.__name__
    names = ", ".join(step.name for step in ruled)
    return (
        f"The rule for {wanted} matches no layer that follows a rule: these are {names or 'none'}, and the kinds of "
        f"helpers.lrp.rules are {', '.join(kind.name for kind in Kind)}."
    )


def as_epsilon(rule: Rule) -> Rule:
    """The epsilon rule with the stabiliser of another rule, and with its bias, if that rule speaks of a bias at all."""
    if rule.contributions in ("plain", "gradient"):
        return rule
    return epsilon(rule.epsilon, rule.bias or rule.contributions in ("ones", "box"))


def as_composite(rule) -> Composite:
    """A composite from a composite, a list of (layers, rule), or one rule for every dense and convolution layer.

    With one rule, the other weighted sums (average pooling, Add, scaling) take the epsilon rule with its stabiliser.
    """
    if isinstance(rule, Composite):
        composite = rule
    elif isinstance(rule, Rule):
        composite = Composite(rule.name, ((CONVOLUTION, rule), (DENSE, rule)), as_epsilon(rule))
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


def epsilon_plus(dense_epsilon: float | None = None, bias: bool = True) -> Composite:
    """EpsilonPlus: z+ for convolutions, epsilon for dense layers."""
    return Composite("EpsilonPlus", ((CONVOLUTION, z_plus(bias=bias)), (DENSE, epsilon(dense_epsilon, bias))))


def epsilon_plus_flat(dense_epsilon: float | None = None, bias: bool = True) -> Composite:
    """EpsilonPlusFlat: as EpsilonPlus, the first layer flat."""
    return _with_first("EpsilonPlusFlat", flat(), epsilon_plus(dense_epsilon, bias))


def epsilon_alpha2beta1(dense_epsilon: float | None = None, bias: bool = True) -> Composite:
    """EpsilonAlpha2Beta1: alpha2 beta1 for convolutions, epsilon for dense layers."""
    dense = epsilon(dense_epsilon, bias)
    return Composite("EpsilonAlpha2Beta1", ((CONVOLUTION, alpha_beta(2.0, bias=bias)), (DENSE, dense)))


def epsilon_alpha2beta1_flat(dense_epsilon: float | None = None, bias: bool = True) -> Composite:
    """EpsilonAlpha2Beta1Flat: as EpsilonAlpha2Beta1, the first layer flat."""
    return _with_first("EpsilonAlpha2Beta1Flat", flat(), epsilon_alpha2beta1(dense_epsilon, bias))


def epsilon_gamma_box(
    low, high, convolution_gamma: float = 0.25, dense_epsilon: float | None = None, bias: bool = True
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
