"""Dense networks, written down as plain arrays and as Keras models, and their activation functions.

A dense network is a chain of a_l = phi_l(a_(l-1) W_l + b_l). ``DenseNetwork`` holds the kernels W, the biases b and the
names of the activations phi, nothing else. It is read from a Keras model and evaluated with three lines of NumPy.

Each entry of ``ACTIVATIONS`` declares one function a = phi(z) and its first two derivatives. These are functions of z
and a, because for most of them the value a is the cheaper way in: tanh' = 1 - a^2, sigmoid' = a (1 - a).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from helpers.course.arguments import real_array, shown, whole_number, within
from helpers.course.backend import keras
from helpers.course.calls import is_half

LARGEST_INPUT = 1e12  # what is farther from 0 is a mistake; sums and squares stay finite
MOST_NEURONS = 100_000


@dataclass(frozen=True)
class Activation:
    """phi(z), phi'(z, a) and phi''(z, a) with a = phi(z); ``curvature`` is None where phi'' is zero (almost) everywhere.

    Arrays in, arrays of the same shape and precision out.
    """

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    curvature: Callable[[np.ndarray, np.ndarray], np.ndarray] | None


ACTIVATIONS = {
    "linear": Activation(lambda z: z, lambda z, a: np.ones_like(z), None),
    # phi'(0) is taken as 0, as TensorFlow does; phi'' is a spike at 0 that no event ever hits, and counts as 0
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype), None),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a * a, lambda z, a: -2 * a * (1 - a * a)),
    "sigmoid": Activation(expit, lambda z, a: a * (1 - a), lambda z, a: a * (1 - a) * (1 - 2 * a)),
    "softplus": Activation(lambda z: np.logaddexp(0, z), lambda z, a: expit(z), lambda z, a: expit(z) * expit(-z)),
}


def activation(name: str) -> Activation:
    """Look up an activation; ``ValueError`` that names the known ones otherwise."""
    if name not in tuple(ACTIVATIONS):  # a tuple, for a name may be anything
        hint = (
            " Softmax mixes all outputs: end the network in its logits (a linear output) instead."
            if name == "softmax"
            else ""
        )
        raise ValueError(f"The activation {name!r} is not one of {', '.join(ACTIVATIONS)}.{hint}")
    return ACTIVATIONS[name]


@dataclass(frozen=True)
class DenseNetwork:
    """Kernels (inputs, outputs), biases (outputs,) and activation names of the layers, from first to last.

    Raises
    ------
    ValueError
        If the layers do not fit onto each other, a weight is not finite, or an activation is unknown.
    """

    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activations: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("kernels", "biases", "activations"):
            if not isinstance(getattr(self, name), (tuple, list)):
                raise ValueError(f"{name} has one entry for each layer; got {shown(getattr(self, name))}.")
        layers = len(self.kernels)
        if not layers or len(self.biases) != layers or len(self.activations) != layers:
            raise ValueError(
                "Every layer has a kernel, a bias and an activation; "
                f"got {layers}, {len(self.biases)} and {len(self.activations)}."
            )
        if not all(isinstance(array, np.ndarray) for array in (*self.kernels, *self.biases)):
            raise ValueError("Kernels and biases are arrays: numpy.array makes one of a list.")
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True), start=1):
            before = self.kernels[number - 2].shape[-1] if number > 1 else None
            fits = kernel.ndim == 2 and 0 not in kernel.shape and bias.shape == kernel.shape[1:]
            if not fits or (number > 1 and kernel.shape[0] != before):
                raise ValueError(
                    f"Layer {number} does not fit: kernel {kernel.shape}, bias {bias.shape}"
                    + (f", and the layer before it has {before} outputs." if number > 1 else ".")
                )
            if kernel.dtype.kind != "f" or bias.dtype.kind != "f":
                raise ValueError(f"Weights are floats; layer {number} has {kernel.dtype} and {bias.dtype}.")
            if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
                raise ValueError(f"Layer {number} has a weight that is not finite. Did the training diverge?")
        for name in self.activations:
            activation(name)

    @property
    def inputs(self) -> int:
        return self.kernels[0].shape[0]

    @property
    def outputs(self) -> int:
        return self.kernels[-1].shape[1]


def build_network(
    inputs: int = 2,
    hidden: tuple[int, ...] = (100,),
    outputs: int = 1,
    activation: str = "tanh",
    output_activation: str = "sigmoid",
    seed: int = 0,
) -> keras.Model:
    """A dense Keras network, not trained yet: 2-100-1 with tanh and sigmoid unless told otherwise.

    Kernels are drawn by Glorot and Bengio's rule (2010) with seeds derived from ``seed``; biases start at zero.
    """
    if not isinstance(hidden, (tuple, list)):
        raise ValueError(f"hidden gives the neurons of every layer between input and output; got {shown(hidden)}.")
    seed = whole_number("seed", seed, 0, 2**31)
    sizes = [
        whole_number("The number of neurons of a layer", size, 1, MOST_NEURONS) for size in (inputs, *hidden, outputs)
    ]
    functions = [activation] * len(hidden) + [output_activation]
    for name in functions:
        try:
            keras.activations.get(name if isinstance(name, str) else "")
        except ValueError:
            raise ValueError(
                f"Keras knows no activation {shown(name)}. Others are 'tanh', 'relu', 'sigmoid'."
            ) from None
    layers = [
        keras.layers.Dense(size, activation=name, kernel_initializer=keras.initializers.GlorotUniform(seed + i))
        for i, (size, name) in enumerate(zip(sizes[1:], functions, strict=True))
    ]
    return keras.Sequential([keras.Input((sizes[0],)), *layers])


def forward(network: DenseNetwork, inputs: np.ndarray) -> np.ndarray:
    """The outputs (n, outputs) of the network at (n, inputs), in the precision of its weights."""
    values = checked_inputs(network, inputs)
    for kernel, bias, name in zip(network.kernels, network.biases, network.activations, strict=True):
        values = activation(name).value(values @ kernel + bias)
    return values


def checked_inputs(network: DenseNetwork, inputs: np.ndarray) -> np.ndarray:
    """Inputs as an (n, inputs) array in the network's precision; ``ValueError`` for a wrong shape or a NaN."""
    inputs = real_array("inputs", inputs)
    if inputs.ndim != 2 or inputs.shape[1] != network.inputs:
        raise ValueError(f"The network takes inputs of shape (events, {network.inputs}); got {inputs.shape}.")
    if not within(inputs, LARGEST_INPUT):
        event, position = np.argwhere(~(np.abs(inputs.astype(float)) <= LARGEST_INPUT))[0]
        raise ValueError(
            f"Input {position + 1} of event {event} is {inputs[event, position]}. Remove such events or fill the value."
        )
    return inputs.astype(network.kernels[0].dtype, copy=False)


def dense_network(model: keras.Model) -> DenseNetwork:
    """Read the weights of a Keras model that is a plain chain of dense layers.

    Dense and Activation layers are read, ReLU without options too; Dropout does nothing outside training.

    Raises
    ------
    ValueError
        If another layer or activation occurs, or the layers do not form one chain.
    """
    kernels, biases, activations = [], [], []
    for layer in _chain(model):
        kind = type(layer)
        if kind.call is keras.layers.Dense.call:  # a subclass may compute something else
            kernel, *bias = (_at_least_single(weight) for weight in (layer.kernel, layer.bias) if weight is not None)
            kernels.append(kernel)
            biases.append(bias[0] if bias else np.zeros(kernel.shape[1], kernel.dtype))
            activations.append(_name(layer.activation, layer.name))
        elif kind.call in (keras.layers.Activation.call, keras.layers.ReLU.call):
            name = "relu" if _is_plain_relu(layer) else _name(getattr(layer, "activation", None), layer.name)
            if not activations or activations[-1] != "linear":
                raise ValueError(f"Layer {layer.name!r} applies an activation to one; such a network is not read.")
            activations[-1] = name
        elif not isinstance(layer, (keras.layers.InputLayer, keras.layers.Dropout)):
            raise ValueError(
                f"Layer {layer.name!r} is of type {kind.__name__}; only Dense, Activation, ReLU and Dropout "
                "layers in a chain are read. For Taylor coefficients of such a model choose method='autodiff'."
            )
    return DenseNetwork(tuple(kernels), tuple(biases), tuple(activations))


def precision(model: keras.Model) -> str:
    """The type of numbers that a Keras model takes, such as "float32"; in place of half precision that is single."""
    inputs = getattr(model, "inputs", None)
    dtype = keras.backend.standardize_dtype(inputs[0].dtype if inputs else model.compute_dtype)
    return "float32" if is_half(dtype) else dtype


def _at_least_single(weight) -> np.ndarray:
    values = weight.numpy()
    return values.astype(np.result_type(values.dtype, np.float32), copy=False)


def _chain(model: keras.Model) -> list:
    """The layers of a model in order, after checking that each takes the output of the one before and no other."""
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise ValueError("The model has no weights yet. Give it an Input layer or call it once.")
        return model.layers
    layers = getattr(model, "layers", [])
    if not isinstance(getattr(model, "output", None), keras.KerasTensor) or any(
        after.input is not before.output for before, after in itertools.pairwise(layers)
    ):
        raise ValueError(
            "The model's layers do not form one chain from one input to one output. "
            "For Taylor coefficients of such a model choose method='autodiff'."
        )
    return layers


def _is_plain_relu(layer: keras.layers.Layer) -> bool:
    options = ("max_value", "negative_slope", "threshold")
    return isinstance(layer, keras.layers.ReLU) and not any(getattr(layer, option, None) for option in options)


def _name(function: object, layer: str) -> str:
    name = getattr(function, "__name__", str(function))
    try:
        activation(name)
    except ValueError as error:
        raise ValueError(f"Layer {layer!r}: {error} Or choose method='autodiff' for Taylor coefficients.") from None
    return name
