"""One layer forwards and backwards under a rule, and what the layer absorbs.

All rules of :mod:`helpers.lrp_rules` run through :func:`backward`. The sums of positive and of negative contributions,
P and N, come from kernels with the other sign cut away; where the inputs are provably at least zero, half of the
products vanish and are left out. Where a rule needs both P and N the forward pass takes their sum as the pre-activation
instead of computing it a third time.
"""

from typing import NamedTuple

from helpers.backend import tf
from helpers.lrp_linear import Linear
from helpers.lrp_rules import Rule, Share


class Numbers(NamedTuple):
    """The numbers of a rule as tensors: changing them needs no new compilation."""

    epsilon: object
    shares: tuple[Share, ...]  # numbers built in stay int
    low: object
    high: object


class Sums(NamedTuple):
    """What the forward pass keeps of a layer: its inputs, pre-activation with and without bias, P, N and the bias."""

    x: object
    z: object
    sums: object
    positive: object
    negative: object
    bias: object


class Losses(NamedTuple):
    """Relevance that a layer absorbs, per picture (N,): by the bias, by the stabiliser, by anything else."""

    bias: object
    stabiliser: object
    other: object


def forward(linear: Linear, rule: Rule, x, nonnegative: bool) -> Sums:
    """The layer's sums, and the parts that the rule will ask for."""
    positive = negative = None
    if rule.contributions == "signed":
        above, below = _by_sign(x, nonnegative)
        if any(share.positive for share in rule.shares):
            positive = _total(linear.apply(above, "w+"), None if below is None else linear.apply(below, "w-"))
        if any(share.negative for share in rule.shares):
            negative = _total(linear.apply(above, "w-"), None if below is None else linear.apply(below, "w+"))
    sums = linear.apply(x, "w") if positive is None or negative is None else positive + negative
    bias = linear.bias(x)
    return Sums(x, _add(sums, bias), sums, positive, negative, bias)


def backward(linear: Linear, rule: Rule, numbers: Numbers, kept: Sums, r, nonnegative: bool, ledger: bool):
    """Relevance at the layer's inputs, and the layer's losses (None without ``ledger``)."""
    x = kept.x
    if rule.contributions == "gradient":
        return linear.transpose(r, "w", x), None
    if rule.contributions == "pass":
        if r.shape[1:] != x.shape[1:]:
            raise ValueError(
                f"The rule 'pass' hands relevance through unchanged, but this layer has {r.shape[1:]} outputs and "
                f"{x.shape[1:]} inputs. Take another rule for it."
            )
        return r, no_losses(r) if ledger else None
    if rule.contributions == "signed":
        return _signed(linear, rule, numbers, kept, r, nonnegative, ledger)
    terms, total, bias = _contributions(linear, rule, numbers, kept)
    bias = bias if rule.bias else None
    ratio = tf.math.divide_no_nan(r, _stabilised(total, bias, numbers.epsilon))
    back = [values * linear.transpose(ratio, change, x) for change, values in terms]
    losses = _losses(r, ratio, total, bias, numbers.epsilon) if ledger else None
    return tf.add_n(back), losses


def _contributions(linear, rule, numbers, kept):
    """What the inputs contribute as terms (change of the kernel, factor at the input); their sum; the bias."""
    x, field = kept.x, tf.ones_like(kept.x[:1])
    if rule.contributions == "plain":
        return [("w", x)], kept.sums, kept.bias
    if rule.contributions == "box":
        if len(rule.low) not in (1, x.shape[-1]):
            raise ValueError(f"The box has bounds for {len(rule.low)} channels, but the inputs have {x.shape[-1]}.")
        low, high = field * numbers.low, field * numbers.high
        total = kept.sums - linear.apply(low, "w+") - linear.apply(high, "w-")
        return [("w", x), ("w+", -low), ("w-", -high)], total, None
    change = {"square": "w2", "ones": "1"}[rule.contributions]
    return [(change, field)], linear.apply(field, change), None if kept.bias is None else tf.square(kept.bias)


def _signed(linear, rule, numbers, kept, r, nonnegative, ledger):
    """Positive and negative contributions weighed apart: each share has a denominator of its own."""
    to_positive = to_negative = None
    losses, unassigned = [], r
    has_bias = rule.bias and kept.bias is not None
    for share in numbers.shares:
        part = _times(share.factor, r)
        if share.where != "all":
            part *= tf.cast(kept.z > 0 if share.where == "z > 0" else kept.z < 0, r.dtype)
        unassigned -= part
        total = _total(_times(share.positive, kept.positive), _times(share.negative, kept.negative))
        bias = None
        if has_bias:
            above_bias, below_bias = tf.nn.relu(kept.bias), tf.minimum(kept.bias, 0)
            bias = _total(_times(share.positive, above_bias), _times(share.negative, below_bias))
        sign = _sign_of_sum(share, bias_kept=rule.bias)
        ratio = tf.math.divide_no_nan(part, _stabilised(total, bias, numbers.epsilon, sign))
        to_positive = _total(to_positive, _times(share.positive, ratio))
        to_negative = _total(to_negative, _times(share.negative, ratio))
        if ledger:
            losses.append(_losses(part, ratio, total, bias, numbers.epsilon, sign))
    above, below = _by_sign(kept.x, nonnegative)
    back = above * _transposed(linear, above, ("w+", to_positive), ("w-", to_negative))
    if below is not None:
        back += below * _transposed(linear, below, ("w-", to_positive), ("w+", to_negative))
    if not ledger:
        return back, None
    lost = [sum(column) for column in zip(*losses, strict=True)]
    return back, Losses(lost[0], lost[1], lost[2] + per_picture(unassigned))


def _sign_of_sum(share: Share, bias_kept: bool) -> int:
    """The sign of a share's denominator where it is known beforehand, else 0."""
    if isinstance(share.negative, int) and share.negative == 0:
        return 1  # contributions of one sign
    if isinstance(share.positive, int) and share.positive == 0:
        return -1
    if bias_kept and share.where != "all":  # as the pre-activation, whose own sign is what counts more
        return 1 if share.where == "z > 0" else -1
    return 0


def _times(weight, values):
    """weight * values; None for a weight of 0 that is built in, the values themselves for 1."""
    if isinstance(weight, int):
        return values if weight == 1 else None
    return weight * values


def _transposed(linear, x, *terms):
    return _total(*(None if values is None else linear.transpose(values, change, x) for change, values in terms))


def _total(*parts):
    """The sum of the parts that are there."""
    parts = [part for part in parts if part is not None]
    return sum(parts[1:], parts[0]) if parts else None


def _by_sign(x, nonnegative: bool):
    return (x, None) if nonnegative else (tf.nn.relu(x), tf.minimum(x, 0))


def _add(sums, bias):
    if bias is None:
        return sums
    return tf.nn.bias_add(sums, bias) if bias.shape.rank == 1 else sums + bias


def _shift(sums, epsilon, sign: int):
    """+-epsilon, by the sign of the sums; ``sign`` is that sign where it is known beforehand."""
    return sign * epsilon if sign else tf.where(sums >= 0, epsilon, -epsilon)


def _stabilised(sums, bias, epsilon, sign: int = 0):
    """s(sums + bias), away from zero."""
    if sign:  # known without looking: one pass over the data instead of three
        return _add(sums, sign * epsilon if bias is None else bias + sign * epsilon)
    whole = _add(sums, bias)
    return whole + _shift(whole, epsilon, sign)


def _losses(r, ratio, total, bias, epsilon, sign: int = 0) -> Losses:
    """r = ratio s(total + bias) is split into ratio total, which goes on, ratio bias, and ratio times +-epsilon."""
    shift = _shift(_add(total, bias), epsilon, sign)
    by_bias = tf.zeros_like(r) if bias is None else bias * ratio
    undefined = tf.where(_add(total, bias) + shift == 0, r, tf.zeros_like(r))
    return Losses(per_picture(by_bias), per_picture(shift * ratio), per_picture(undefined))


def no_losses(r) -> Losses:
    """The losses of a layer that hands on everything."""
    zero = tf.zeros((tf.shape(r)[0],), tf.float64)
    return Losses(zero, zero, zero)


def per_picture(values):
    """Sums over all axes but the first, in double precision."""
    return tf.reduce_sum(tf.cast(values, tf.float64), axis=list(range(1, values.shape.rank)))
