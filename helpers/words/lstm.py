"""Relevance through a bidirectional LSTM, after Arras, Montavon, Müller and Samek 2017 (W17-5221, arXiv:1706.07206).

An LSTM reads one word after the other (x_t the embedding of word t, * the product unit by unit):

    i, f, o = sigmoid(x_t W + h_(t-1) U + b), each with its own part of W, U and b     the gates
    a_t = x_t W_g + h_(t-1) U_g + b_g,    g_t = tanh(a_t)                              the candidate
    c_t = f * c_(t-1) + i * g_t,          h_t = o * tanh(c_t)                          the states

A second one reads from the last word to the first, and the scores are y = [h_last forward, h_last backward] V + b_y.
:class:`BidirectionalLSTM` holds W, U, b, V and b_y as :func:`read_lstm` takes them out of a Keras model. Relevance goes
back the same way:

* In a **product** gate * signal the signal takes all: R(h_t) goes to c_t, R(f * c_(t-1)) to c_(t-1), R(i * g_t) to
  g_t. The gates get none: they only say how much passes. tanh hands relevance on unchanged.
* In a **sum** z_j = sum_i z_ij + b_j, input i gets the share it made of it (the epsilon rule):

      R_i = sum_j (z_ij + d (b_j + s_j) / n) / (z_j + s_j) R_j,    s_j = epsilon where z_j >= 0, else -epsilon

  Such sums are y, c_t (its two terms are the z_ij, there is no bias) and a_t. n counts the units that go into the sum:
  2 H for y and c_t, H + E for a_t, with H units each way and E components of an embedding.

``share_bias`` sets d. With d = 0 what bias and stabiliser s_j make of a sum is lost; with d = 1 it is shared out
equally among the n units, and then the relevance of all words and the rest at the initial states sum to the score
exactly.

NumPy only, in the precision of the weights. A word that is not ``present`` (padding) is passed over: the states stay as
they are, as Keras does it with a mask.
"""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import ThreadpoolController

EPSILON = 0.001  # the stabiliser of Arras et al.

# The products of one word's step are too small to be shared among threads: where other programs run too, waiting for
# each other makes them ten times slower and more.
_one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")


@dataclass(frozen=True)
class LSTMWeights:
    """One direction in Keras' layout, its gates in the order i, f, g, o.

    Attributes
    ----------
    kernel : (E, 4 H)
    recurrent_kernel : (H, 4 H)
    bias : (4 H,)
    """

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class BidirectionalLSTM:
    """A bidirectional LSTM and the linear layer on its last states, if there is one.

    Attributes
    ----------
    forward, backward : the two directions
    output_kernel : (2 H, outputs), the rows of the forward states first
    output_bias : (outputs,)
    """

    forward: LSTMWeights
    backward: LSTMWeights
    output_kernel: np.ndarray | None = None
    output_bias: np.ndarray | None = None


@dataclass(frozen=True)
class LSTMRelevance:
    """What :func:`lstm_relevance` finds.

    Attributes
    ----------
    scores : (N, outputs), what the network says
    start : (N,), the relevance handed down: the explained score
    relevance : (N, T, E), of every component of every embedding; zero where no word is present
    rest : (N,), what is left at the initial states of both directions
    """

    scores: np.ndarray
    start: np.ndarray
    relevance: np.ndarray
    rest: np.ndarray

    @property
    def words(self) -> np.ndarray:
        """Relevance of the words, (N, T): the sum over the components of their embeddings."""
        return self.relevance.sum(axis=-1)


def read_lstm(model, output: str | None = "score") -> BidirectionalLSTM:
    """The weights of a Keras model's layer "bidirectional" and of the Dense layer ``output`` after it.

    With ``output=None`` something else comes after it, and only the two directions are read.
    """
    both = model.get_layer("bidirectional")
    directions = [LSTMWeights(*part.get_weights()) for part in (both.forward_layer, both.backward_layer)]
    if output is None:
        return BidirectionalLSTM(*directions)
    kernel, *bias = model.get_layer(output).get_weights()
    return BidirectionalLSTM(*directions, kernel, bias[0] if bias else np.zeros(kernel.shape[1], kernel.dtype))


@_one_thread
def lstm_scores(network: BidirectionalLSTM, embedded: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The scores (N, outputs) for embedded sentences (N, T, E); ``present`` as in :func:`lstm_relevance`."""
    states, _ = _read(network, embedded, present)
    return states @ network.output_kernel + network.output_bias


@_one_thread
def lstm_relevance(
    network: BidirectionalLSTM,
    embedded: np.ndarray,
    weights: np.ndarray,
    present: np.ndarray,
    *,
    epsilon: float = EPSILON,
    share_bias: bool = True,
) -> LSTMRelevance:
    """Relevance of every component of every word's embedding. The module's text has the equations.

    Parameters
    ----------
    embedded : (N, T, E)
        The words' embeddings.
    weights : (N, outputs)
        Relevance starts as the sum of weights * scores: 1 for the explained score and 0 for others.
    present : (N, T) of bool
        Where there is a word; False for padding.
    epsilon
        The stabiliser, larger than zero.
    share_bias
        Share out equally what bias and stabiliser make of a sum (exact conservation), or let it be lost.
    """
    states, steps = _read(network, embedded, present)
    scores = states @ network.output_kernel + network.output_bias
    start = weights * scores
    ratio, absorbed = _ratio(scores, start, network.output_bias, epsilon)
    at_states = states * (ratio @ network.output_kernel.T) + share_bias * absorbed / states.shape[1]
    return LSTMRelevance(
        scores, start.sum(axis=1), *_from_states(network, steps, embedded, present, at_states, epsilon, share_bias)
    )


@_one_thread
def relevance_from_states(
    network: BidirectionalLSTM, embedded: np.ndarray, at_states: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`lstm_relevance`, but from relevance ``at_states`` (N, 2 H) at the last states, forward ones first: for
    an LSTM with more behind it than one linear layer. Returns the relevance of the embeddings (N, T, E) and the rest
    (N,)."""
    _, steps = _read(network, embedded, present)
    return _from_states(network, steps, embedded, present, at_states, EPSILON, True)


@dataclass(frozen=True)
class _Steps:
    """Everything one direction computed, word by word in the order in which it reads; each (T, N, units)."""

    hidden: np.ndarray  # T + 1 of them, the initial state first
    cell: np.ndarray  # T + 1 of them
    kept: np.ndarray  # f * c_(t-1)
    added: np.ndarray  # i * g_t
    candidate: np.ndarray  # a_t


def _read(network: BidirectionalLSTM, embedded: np.ndarray, present: np.ndarray):
    """The forward pass: last states (N, 2 H), and the steps of both directions."""
    steps = (
        _steps(network.forward, embedded, present),
        _steps(network.backward, embedded[:, ::-1], present[:, ::-1]),
    )
    return np.concatenate([read.hidden[-1] for read in steps], axis=1), steps


def _steps(weights: LSTMWeights, embedded: np.ndarray, present: np.ndarray) -> _Steps:
    count, length, _ = embedded.shape
    units = len(weights.recurrent_kernel)
    hidden, cell = (np.zeros((length + 1, count, units), embedded.dtype) for _ in range(2))
    kept, added, candidate = (np.zeros((length, count, units), embedded.dtype) for _ in range(3))
    from_words = embedded @ weights.kernel + weights.bias
    for t in range(length):
        i, f, a, o = np.split(from_words[:, t] + hidden[t] @ weights.recurrent_kernel, 4, axis=1)
        kept[t], added[t], candidate[t] = _sigmoid(f) * cell[t], _sigmoid(i) * np.tanh(a), a
        here = present[:, t, np.newaxis]
        cell[t + 1] = np.where(here, kept[t] + added[t], cell[t])
        hidden[t + 1] = np.where(here, _sigmoid(o) * np.tanh(cell[t + 1]), hidden[t])
    return _Steps(hidden, cell, kept, added, candidate)


def _from_states(network, steps, embedded, present, at_states, epsilon: float, share_bias: bool):
    """Relevance of the embeddings (N, T, E) and the rest (N,)."""
    relevance, rest = np.zeros_like(embedded), 0
    halves = np.split(at_states, 2, axis=1)
    for direction, read, half, order in zip((network.forward, network.backward), steps, halves, (1, -1), strict=True):
        found, left = _back(direction, read, embedded[:, ::order], present[:, ::order], half, epsilon, share_bias)
        relevance += found[:, ::order]
        rest = rest + left
    return relevance, rest


def _back(weights, read: _Steps, embedded, present, at_hidden, epsilon: float, share: bool):
    """Relevance of the embeddings (N, T, E) and the rest at the initial states (N,), from that of the last h (N, H)."""
    units, inputs = len(weights.recurrent_kernel), len(weights.kernel)
    of_candidate = slice(2 * units, 3 * units)
    kernel, recurrent = weights.kernel[:, of_candidate], weights.recurrent_kernel[:, of_candidate]
    relevance = np.zeros_like(embedded)
    at_cell = np.zeros_like(at_hidden)
    for t in reversed(range(embedded.shape[1])):
        here = present[:, t, np.newaxis]
        ratio, absorbed = _ratio(read.cell[t + 1], at_cell + at_hidden, 0, epsilon)
        before = read.kept[t] * ratio + share * absorbed / (2 * units)
        at_candidate = read.added[t] * ratio + share * absorbed / (2 * units)
        ratio, absorbed = _ratio(read.candidate[t], at_candidate, weights.bias[of_candidate], epsilon)
        absorbed = share * absorbed / (units + inputs)
        relevance[:, t] = np.where(here, embedded[:, t] * (ratio @ kernel.T) + absorbed, 0)
        at_hidden = np.where(here, read.hidden[t] * (ratio @ recurrent.T) + absorbed, at_hidden)
        at_cell = np.where(here, before, at_cell)
    return relevance, (at_hidden + at_cell).sum(axis=1)


def _ratio(total: np.ndarray, relevance: np.ndarray, bias, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """R_j / (z_j + s_j), and the relevance (N, 1) that bias and stabiliser absorb: sum_j (b_j + s_j) R_j / (z_j + s_j)."""
    stabiliser = np.where(total >= 0, epsilon, -epsilon).astype(total.dtype)
    ratio = relevance / (total + stabiliser)
    return ratio, ((bias + stabiliser) * ratio).sum(axis=1, keepdims=True)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))  # no overflow, whatever x
