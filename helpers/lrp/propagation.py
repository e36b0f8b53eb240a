"""One layer forwards and backwards under a rule, and what the layer absorbs.

All rules of :mod:`helpers.lrp.rules` run through :func:`backward`. The sums of positive and of negative contributions,
P and N, come from kernels with the other sign cut away; where the inputs are provably at least zero, half of the
products vanish and are left out. Where a rule needs both P and N the forward pass takes their sum as the pre-activation
instead of computing it a third time.
"""

from typing import NamedTuple

from helpers.course.backend import tf
from helpers.lrp.linear import Linear
from helpers.lrp.rules import Rule, Share, is_built_in


class Numbers(NamedTuple):
    """The numbers of a rule as tensors: changing them needs no new compilation."""

    epsilon: object
    shares: tuple[Share, ...]  # numbers built in stay int
    low: object
    high: object


class Sums(NamedTuple):
    """What the forward pass keeps of a layer.

    The inputs, the pre-activation z and its part without bias; for signed contributions the inputs as the kernels want
    them, and the sums of the positive and of the negative contributions. To these belong the bias of that sign, if the
    rule counts the bias, and +-epsilon, if every share of the rule has one sign and so needs it there. ``epsilon`` is the
    stabiliser, one number or one for every picture.
    """

    x: object
    z: object
    sums: object
    bias: object
    signed: object = None
    positive: object = None
    negative: object = None
    epsilon: object = None


class Losses(NamedTuple):
    """Relevance that a layer absorbs, per picture (N,): by the bias, by the stabiliser, by anything else."""

    bias: object
    stabiliser: object
    other: object


def forward(linear: Linear, rule: Rule, numbers: Numbers, x, nonnegative: bool) -> Sums:
    """The layer's sums, and the parts that the rule will ask for."""
    bias = linear.bias(x)
    if rule.contributions != "signed":
        sums = linear.apply(x, "w")
        return Sums(x, _add(sums, bias), sums, bias)
    signed = x if nonnegative else tf.concat([tf.nn.relu(x), tf.minimum(x, 0)], axis=-1)
    weights = [[share.positive for share in rule.shares], [share.negative for share in rule.shares]]
    parts = [
        None if all(map(_is_zero, of_all_shares)) else linear.apply(signed, change)
        for of_all_shares, change in zip(weights, _kernels(nonnegative), strict=True)
    ]
    epsilon = stabiliser(rule, numbers, *parts)
    parts = [
        None if part is None else _add(part, _added(rule, epsilon, bias, sign))
        for part, sign in zip(parts, (1, -1), strict=True)
    ]
    if any(part is None for part in parts):
        z = _add(linear.apply(x, "w"), bias)
    else:  # all contributions are there: their sum saves a product, and +-epsilon cancels
        z = _add(parts[0] + parts[1], None if rule.bias else bias)
    return Sums(x, z, None, bias, signed, *parts, epsilon)


def stabiliser(rule: Rule, numbers: Numbers, *sums):
    """The rule's epsilon; where it goes with the size of the sums, one for every picture: see the rules' text."""
    if rule.epsilon is not None:
        return numbers.epsilon
    sizes = [
        tf.reduce_max(tf.abs(part), axis=list(range(1, part.shape.rank)), keepdims=True)
        for part in sums
        if part is not None
    ]
    return numbers.epsilon * tf.minimum(tf.cast(1, sizes[0].dtype), tf.reduce_max(tf.stack(sizes), axis=0))


def stabilised(rule: Rule, numbers: Numbers, sums):
    """s(z) = z +- epsilon."""
    return sums + _shift(sums, stabiliser(rule, numbers, sums))


def _added(rule: Rule, epsilon, bias, sign: int):
    """What is added to the contributions of one sign: the bias of that sign, and +-epsilon. Adding both to the bias, a
    vector, saves passes over the map."""
    bias = _of_sign(bias, sign) if rule.bias else None
    if not _has_pure_shares(rule):
        return bias
    return sign * epsilon if bias is None else bias + sign * epsilon


def _has_pure_shares(rule: Rule) -> bool:
    return all(
        all(map(is_built_in, (share.positive, share.negative))) and share.positive != share.negative
        for share in rule.shares
    )


def backward(linear: Linear, rule: Rule, numbers: Numbers, kept: Sums, r, nonnegative: bool, ledger: bool):
    """Relevance at the layer's inputs, and the layer's losses (None without ``ledger``)."""
    x = kept.x
    if rule.contributions == "gradient":
        return linear.transpose(r, "w", x), None
    if rule.contributions == "signed":
        return _signed(linear, rule, numbers, kept, r, nonnegative, ledger)
    terms, total, bias = _contributions(linear, rule, numbers, kept)
    bias = bias if rule.bias else None
    whole = _add(total, bias)
    shift = _shift(whole, stabiliser(rule, numbers, whole))
    whole += shift
    ratio = tf.math.divide_no_nan(r, whole)
    back = [values * linear.transpose(ratio, change, x) for change, values in terms]
    losses = _losses(r, ratio, whole, bias, shift) if ledger else None
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
    for given, share in zip(rule.shares, numbers.shares, strict=True):
        part = _times(share.factor, r)
        if share.where != "all":
            part *= tf.cast(kept.z > 0 if share.where == "z > 0" else kept.z < 0, r.dtype)
        unassigned -= part
        whole = _total(_times(share.positive, kept.positive), _times(share.negative, kept.negative))
        if _has_pure_shares(rule):
            shift = kept.epsilon if _is_zero(share.negative) else -kept.epsilon
        else:
            shift = _shift(whole, kept.epsilon, sign_of_sum(given, rule.bias))
            whole += shift
        ratio = tf.math.divide_no_nan(part, whole)
        to_positive = _total(to_positive, _times(share.positive, ratio))
        to_negative = _total(to_negative, _times(share.negative, ratio))
        if ledger:
            bias = [_of_sign(kept.bias, sign) if rule.bias else None for sign in (1, -1)]
            bias = _total(_times(share.positive, bias[0]), _times(share.negative, bias[1]))
            losses.append(_losses(part, ratio, whole, bias, shift))
    for_positive, for_negative = _kernels(nonnegative)
    back = kept.signed * _total(
        None if to_positive is None else linear.transpose(to_positive, for_positive, kept.signed),
        None if to_negative is None else linear.transpose(to_negative, for_negative, kept.signed),
    )
    back = back if nonnegative else tf.add_n(tf.split(back, 2, axis=-1))
    if not ledger:
        return back, None
    lost = [sum(column) for column in zip(*losses, strict=True)]
    return back, Losses(lost[0], lost[1], lost[2] + per_picture(unassigned))


def _kernels(nonnegative: bool) -> tuple[str, str]:
    """Changes of the kernel that make the positive and the negative contributions."""
    return ("w+", "w-") if nonnegative else ("+", "-")


def _of_sign(bias, sign: int):
    if bias is None:
        return None
    return tf.nn.relu(bias) if sign > 0 else tf.minimum(bias, 0)


def _is_zero(weight) -> bool:
    return is_built_in(weight) and weight == 0


def sign_of_sum(share: Share, bias_kept: bool) -> int:
    """The sign of a denominator where it is known beforehand, else 0.

    With the bias counted and the contributions of the pre-activation's own sign weighed more, it is that sign.
    """
    if bias_kept and share.where == "z > 0" and share.positive >= share.negative:
        return 1
    return -1 if bias_kept and share.where == "z < 0" and share.positive <= share.negative else 0


def _times(weight, values):
    """weight * values; None for a weight of 0 that is built in, the values themselves for 1."""
    if values is None or _is_zero(weight):
        return None
    return values if is_built_in(weight) else weight * values


def _total(*parts):
    """The sum of the parts that are there."""
    parts = [part for part in parts if part is not None]
    return sum(parts[1:], parts[0]) if parts else None


def _add(sums, bias):
    if bias is None:
        return sums
    return tf.nn.bias_add(sums, bias) if bias.shape.rank == 1 else sums + bias


def _shift(whole, epsilon, sign: int = 0):
    """+-epsilon, away from zero; ``sign`` is that of the sums where it is known without looking."""
    return sign * epsilon if sign else tf.where(whole >= 0, epsilon, -epsilon)


def _losses(r, ratio, whole, bias, shift) -> Losses:
    """r = ratio whole, and whole is the sum of the contributions, the bias and the shift by +-epsilon."""
    by_bias = tf.zeros_like(r) if bias is None else bias * ratio
    undefined = tf.where(whole == 0, r, tf.zeros_like(r))
    return Losses(per_picture(by_bias), per_picture(shift * ratio), per_picture(undefined))


def no_losses(r) -> Losses:
    """The losses of a layer that hands on everything."""
    zero = tf.zeros((tf.shape(r)[0],), tf.float64)
    return Losses(zero, zero, zero)


def per_picture(values):
    """Sums over all axes but the first, in double precision."""
    return tf.reduce_sum(tf.cast(values, tf.float64), axis=list(range(1, values.shape.rank)))
