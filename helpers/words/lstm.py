"""The weights of a bidirectional LSTM and of the linear layer after it, as arrays in Keras' layout.

:mod:`helpers.words.lstm` has the equations they stand in.


Relevance through a bidirectional LSTM, after Arras, Montavon, Müller and Samek 2017 (W17-5221, arXiv:1706.07206).

An LSTM reads one word after the other (x_t the embedding of word t, * the product unit by unit):

    i, f, o = sigmoid(x_t W + h_(t-1) U + b), each with its own part of W, U and b     the gates
    a_t = x_t W_g + h_(t-1) U_g + b_g,    g_t = tanh(a_t)                              the candidate
    c_t = f * c_(t-1) + i * g_t,          h_t = o * tanh(c_t)                          the states

A second one reads from the last word to the first, and the scores are y = [h_last forward, h_last backward] V + b_y.
Relevance goes back the same way:

* In a **product** gate * signal the signal takes all: R(h_t) goes to c_t, R(f * c_(t-1)) to c_(t-1), R(i * g_t) to
  g_t. The gates get none: they only say how much passes. tanh hands relevance on unchanged.
* In a **sum** z_j = sum_i z_ij + b_j, input i gets the share it made of it (the epsilon rule):

      R_i = sum_j (z_ij + d (b_j + s_j) / n) / (z_j + s_j) R_j,    s_j = epsilon where z_j >= 0, else -epsilon

  Such sums are y, c_t (its two terms are the z_ij, there is no bias) and a_t. n counts the units that go into the sum:
  2 H for y and c_t, H + E for a_t, with H units each way and E components of an embedding.

``share_bias`` sets d. With d = 0 what bias and stabiliser s_j make of a sum is lost; with d = 1 it is shared out
equally among the n units, and then the relevance of all words and the rest at the initial states sum to the score
exactly.

NumPy only, in the precision of the weights. A word that is not ``present`` (padding, or left out) is passed over: the
states stay as they are, as Keras does it with a mask.
"""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import ThreadpoolController


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
    """A bidirectional LSTM and the linear layer on its last states.

    Attributes
    ----------
    forward, backward : the two directions
    output_kernel : (2 H, outputs), the rows of the forward states first
    output_bias : (outputs,)
    """

    forward: LSTMWeights
    backward: LSTMWeights
    output_kernel: np.ndarray
    output_bias: np.ndarray

    def __post_init__(self):
        units = len(self.forward.recurrent_kernel)
        inputs = len(self.forward.kernel)
        wanted = {
            "kernel": (inputs, 4 * units),
            "recurrent_kernel": (units, 4 * units),
            "bias": (4 * units,),
        }
        for name in ("forward", "backward"):
            for part, shape in wanted.items():
                _check_shape(f"{name}.{part}", getattr(getattr(self, name), part), shape)
        outputs = self.output_kernel.shape[-1]
        _check_shape("output_kernel", self.output_kernel, (2 * units, outputs))
        _check_shape("output_bias", self.output_bias, (outputs,))


def read_lstm(model, bidirectional: str = "bidirectional", output: str | None = "score") -> BidirectionalLSTM:
    """The weights of a Keras model's ``Bidirectional(LSTM)`` layer and of the Dense layer after it, by their names.

    With ``output=None`` there is no layer after it, and the weights of the output are empty.

    Raises
    ------
    ValueError
        If a layer is missing or of another kind, or differs from the equations of :mod:`helpers.words.lstm`: other
        activations, states of all words returned, directions not concatenated.
    """
    names = [layer.name for layer in model.layers]
    for name in (bidirectional, output):
        if name is not None and name not in names:
            raise ValueError(f"The model has no layer {name!r}. Its layers: {', '.join(names)}.")
    layer, dense = model.get_layer(bidirectional), None if output is None else model.get_layer(output)
    both = [getattr(layer, name, None) for name in ("forward_layer", "backward_layer")]
    if [type(part).__name__ for part in both] != ["LSTM", "LSTM"] or type(dense).__name__ not in ("Dense", "NoneType"):
        raise ValueError(f"Relevance needs a Bidirectional LSTM and a Dense layer; got {layer!r} and {dense!r}.")
    used = {"merge_mode": (layer.merge_mode, "concat")}
    if dense is not None:
        used["activation of the output"] = (dense.activation.__name__, "linear")
    for part in both:
        used |= {
            "activation": (part.activation.__name__, "tanh"),
            "recurrent_activation": (part.recurrent_activation.__name__, "sigmoid"),
            "return_sequences": (part.return_sequences, False),
            "use_bias": (part.use_bias, True),
        }
        for name, (got, wanted) in used.items():
            if got != wanted:
                raise ValueError(f"Relevance through this LSTM needs {name} = {wanted!r}; got {got!r}.")
    directions = [LSTMWeights(*(np.asarray(weight) for weight in part.get_weights())) for part in both]
    if dense is None:
        units, dtype = len(directions[0].recurrent_kernel), directions[0].kernel.dtype
        return BidirectionalLSTM(*directions, np.zeros((2 * units, 0), dtype), np.zeros(0, dtype))
    kernel, *bias = (np.asarray(weight) for weight in dense.get_weights())
    return BidirectionalLSTM(*directions, kernel, bias[0] if bias else np.zeros(kernel.shape[1], kernel.dtype))


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise ValueError(f"{name} must have shape {shape}; got {np.shape(array)}.")


# The products of one word's step are too small to be shared among threads: where other programs run too, waiting for
# each other makes them ten times slower and more.
_one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")


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


@dataclass(frozen=True)
class _Steps:
    """Everything one direction computed, word by word in the order in which it reads; each (T, N, units)."""

    hidden: np.ndarray  # T + 1 of them, the initial state first
    cell: np.ndarray  # T + 1 of them
    kept: np.ndarray  # f * c_(t-1)
    added: np.ndarray  # i * g_t
    candidate: np.ndarray  # a_t


@_one_thread
def lstm_scores(network: BidirectionalLSTM, embedded, present=None) -> np.ndarray:
    """The scores (N, outputs) for embedded sentences (N, T, E); ``present`` as in :func:`lstm_relevance`."""
    embedded, present = _checked(network, embedded, present)
    return _read(network, embedded, present)[0]


@_one_thread
def lstm_relevance(
    network: BidirectionalLSTM,
    embedded,
    weights,
    present=None,
    *,
    epsilon: float = 0.001,
    share_bias: bool = True,
) -> LSTMRelevance:
    """Relevance of every component of every word's embedding. The module's text has the equations.

    Parameters
    ----------
    network
        The weights; ``helpers.words.lstm.read_lstm`` takes them out of a Keras model.
    embedded : (N, T, E)
        The words' embeddings.
    weights : (N, outputs)
        Relevance starts as the sum of weights * scores: 1 for the explained score and 0 for others.
    present : (N, T) of bool, optional
        Where there is a word; False for padding. All are words if it is left out.
    epsilon
        The stabiliser, larger than zero.
    share_bias
        Share out equally what bias and stabiliser make of a sum (exact conservation), or let it be lost.

    Raises
    ------
    ValueError
        If a shape does not fit, a value is not finite, or epsilon is not positive.
    """
    _check_epsilon(epsilon)
    embedded, present = _checked(network, embedded, present)
    scores, states, steps = _read(network, embedded, present)
    weights = np.asarray(weights, scores.dtype)
    if weights.shape != scores.shape or not np.isfinite(weights).all():
        raise ValueError(f"Give one finite weight for each score, shape {scores.shape}; got {weights.shape}.")
    start = weights * scores
    ratio, absorbed = _ratio(scores, start, network.output_bias, epsilon)
    at_states = states * (ratio @ network.output_kernel.T) + share_bias * absorbed / states.shape[1]
    return LSTMRelevance(
        scores, start.sum(axis=1), *_from_states(network, steps, embedded, present, at_states, epsilon, share_bias)
    )


@_one_thread
def relevance_from_states(
    network: BidirectionalLSTM, embedded, at_states, present=None, *, epsilon: float = 0.001, share_bias: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`lstm_relevance`, but from relevance ``at_states`` (N, 2 H) at the last states, forward ones first: for
    an LSTM with more behind it than one linear layer. Returns the relevance of the embeddings (N, T, E) and the rest
    (N,)."""
    _check_epsilon(epsilon)
    embedded, present = _checked(network, embedded, present)
    _, states, steps = _read(network, embedded, present)
    at_states = np.asarray(at_states, states.dtype)
    if at_states.shape != states.shape or not np.isfinite(at_states).all():
        raise ValueError(f"Give finite relevance at the states, shape {states.shape}; got {at_states.shape}.")
    return _from_states(network, steps, embedded, present, at_states, epsilon, share_bias)


def _from_states(network, steps, embedded, present, at_states, epsilon: float, share_bias: bool):
    """Relevance of the embeddings (N, T, E) and the rest (N,)."""
    relevance, rest = np.zeros_like(embedded), 0
    halves = np.split(at_states, 2, axis=1)
    for direction, read, half, order in zip((network.forward, network.backward), steps, halves, (1, -1), strict=True):
        found, left = _back(
            direction, read, embedded[:, ::order], present[:, ::order], half, epsilon, float(share_bias)
        )
        relevance += found[:, ::order]
        rest = rest + left
    return relevance, rest


def _check_epsilon(epsilon: float) -> None:
    if not 0 < epsilon < np.inf:
        raise ValueError(f"The stabiliser epsilon is larger than zero; got {epsilon}. Arras et al. take 0.001.")


def _read(network: BidirectionalLSTM, embedded: np.ndarray, present: np.ndarray):
    """The forward pass: scores (N, outputs), last states (N, 2 H), and the steps of both directions."""
    steps = (
        _steps(network.forward, embedded, present),
        _steps(network.backward, embedded[:, ::-1], present[:, ::-1]),
    )
    states = np.concatenate([read.hidden[-1] for read in steps], axis=1)
    return states @ network.output_kernel + network.output_bias, states, steps


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


def _back(weights, read: _Steps, embedded, present, at_hidden, epsilon: float, share: float):
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


def _checked(network: BidirectionalLSTM, embedded, present) -> tuple[np.ndarray, np.ndarray]:
    """The embeddings in the precision of the weights, and where there are words."""
    inputs = len(network.forward.kernel)
    embedded = np.asarray(embedded)
    if embedded.ndim != 3 or embedded.shape[2] != inputs or 0 in embedded.shape:
        raise ValueError(f"The LSTM takes embedded sentences of shape (N, T, {inputs}); got {embedded.shape}.")
    if not np.isfinite(embedded).all():
        raise ValueError("The embeddings hold NaN or infinite values: the training went wrong, or the file is damaged.")
    present = np.ones(embedded.shape[:2], bool) if present is None else np.asarray(present)
    if present.shape != embedded.shape[:2] or present.dtype != bool:
        raise ValueError(
            f"present says for each of the {embedded.shape[:2]} words whether it is there, as bool; "
            f"got {present.dtype} of shape {present.shape}."
        )
    return embedded.astype(network.forward.kernel.dtype, copy=False), present
