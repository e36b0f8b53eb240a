"""The weights of a bidirectional LSTM and of the linear layer after it, as arrays in Keras' layout.

:mod:`helpers.lstm_lrp` has the equations they stand in.
"""

from dataclasses import dataclass

import numpy as np


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
        If a layer is missing or of another kind, or differs from the equations of :mod:`helpers.lstm_lrp`: other
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
