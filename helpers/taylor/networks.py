"""The activation functions of dense layers with their first two derivatives, in NumPy.

Each entry of ``ACTIVATIONS`` declares one function a = phi(z). Its derivatives are functions of z and a, because for
most of them the value a is the cheaper way in: tanh' = 1 - a^2, sigmoid' = a (1 - a).


Dense networks, written down as plain arrays and as Keras models.

A dense network is a chain of a_l = phi_l(a_(l-1) W_l + b_l). ``DenseNetwork`` holds the kernels W, the biases b and the
names of the activations phi, nothing else. It is read from a Keras model, turned back into one, evaluated with three
lines of NumPy, and stored in a file. Training is in ``helpers.taylor.training``.
"""

import itertools
import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from helpers.course.arguments import real_array, shown, whole_number, within
from helpers.course.backend import keras


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
    if name not in tuple(ACTIVATIONS):
        hint = (
            " Softmax mixes all outputs: end the network in its logits (a linear output) instead."
            if name == "softmax"
            else ""
        )
        raise ValueError(f"The activation {name!r} is not one of {', '.join(ACTIVATIONS)}.{hint}")
    return ACTIVATIONS[name]


LARGEST_INPUT = 1e12  # what is farther from 0 is a mistake; sums and squares stay finite
MOST_NEURONS = 100_000
LARGEST_NETWORK = 256 * 2**20  # bytes of all arrays of a file


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
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True), start=1):
            before = self.kernels[number - 2].shape[-1] if number > 1 else np.shape(kernel)[:1]
            fits = np.ndim(kernel) == 2 and 0 not in kernel.shape and np.shape(bias) == kernel.shape[1:]
            if not fits or (number > 1 and kernel.shape[0] != before):
                raise ValueError(
                    f"Layer {number} does not fit: kernel {np.shape(kernel)}, bias {np.shape(bias)}"
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
        _require_activation(name)
    layers = [
        keras.layers.Dense(int(size), activation=name, kernel_initializer=keras.initializers.GlorotUniform(seed + i))
        for i, (size, name) in enumerate(zip(sizes[1:], functions, strict=True))
    ]
    return keras.Sequential([keras.Input((int(inputs),)), *layers])


def _require_activation(name: str) -> None:
    try:
        keras.activations.get(name if isinstance(name, str) else "")
    except ValueError:
        raise ValueError(f"Keras knows no activation {shown(name)}. Others are 'tanh', 'relu', 'sigmoid'.") from None


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
        if isinstance(layer, keras.layers.Dense):
            kernel, *bias = (np.asarray(weight) for weight in layer.get_weights())
            kernels.append(kernel)
            biases.append(bias[0] if bias else np.zeros(kernel.shape[1], kernel.dtype))
            activations.append(_name(layer.activation, layer.name))
        elif isinstance(layer, (keras.layers.Activation, keras.layers.ReLU)):
            name = "relu" if _is_plain_relu(layer) else _name(getattr(layer, "activation", None), layer.name)
            if not activations or activations[-1] != "linear":
                raise ValueError(f"Layer {layer.name!r} applies an activation to one; such a network is not read.")
            activations[-1] = name
        elif not isinstance(layer, (keras.layers.InputLayer, keras.layers.Dropout)):
            raise ValueError(
                f"Layer {layer.name!r} is of type {type(layer).__name__}; only Dense, Activation, ReLU and Dropout "
                "layers in a chain are read. For Taylor coefficients of such a model choose method='autodiff'."
            )
    return DenseNetwork(tuple(kernels), tuple(biases), tuple(activations))


def keras_model(network: DenseNetwork) -> keras.Model:
    """A Keras model with these weights, in their precision."""
    dtype = str(np.result_type(*network.kernels))
    layers = [
        keras.layers.Dense(kernel.shape[1], activation=name, dtype=dtype)
        for kernel, name in zip(network.kernels, network.activations, strict=True)
    ]
    model = keras.Sequential([keras.Input((network.inputs,), dtype=dtype), *layers])
    model.set_weights([array for pair in zip(network.kernels, network.biases, strict=True) for array in pair])
    return model


def precision(model: keras.Model) -> str:
    """The floating-point type in which a Keras model takes its inputs, such as "float32"."""
    inputs = getattr(model, "inputs", None)
    return keras.backend.standardize_dtype(inputs[0].dtype if inputs else model.compute_dtype)


def save_network(network: DenseNetwork, path: str | Path) -> None:
    """Write a network to an .npz file (arrays only, no pickle). A file is complete or not there at all."""
    path = Path(path)
    arrays = {f"kernel_{i}": kernel for i, kernel in enumerate(network.kernels)}
    arrays |= {f"bias_{i}": bias for i, bias in enumerate(network.biases)}
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, activations=np.array(network.activations), **arrays)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_network(path: str | Path) -> DenseNetwork:
    """Read a network written by ``save_network``; ``ValueError`` names a file that is not one."""
    try:
        with zipfile.ZipFile(path) as archive:  # a small file can unpack to fill the memory
            size = sum(part.file_size for part in archive.infolist())
        if size > LARGEST_NETWORK:
            raise ValueError(f"its arrays take {size / 2**20:,.0f} MiB, more than {LARGEST_NETWORK >> 20}")
        with np.load(path, allow_pickle=False) as stored:
            activations = tuple(str(name) for name in stored["activations"])
            kernels = tuple(stored[f"kernel_{i}"] for i in range(len(activations)))
            biases = tuple(stored[f"bias_{i}"] for i in range(len(activations)))
        return DenseNetwork(kernels, biases, activations)
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {str(path)!r}. save_network writes one.") from None
    except Exception as error:  # damaged archives and arrays fail in many ways
        raise ValueError(f"{path} is not a network written by save_network, or it is damaged: {error}") from error


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
