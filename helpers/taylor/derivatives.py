"""First and second derivatives of one output of a network with respect to its inputs, at every event.

For a dense network they are closed. With z_l the pre-activations, a_l = phi_l(z_l), J_l = dz_l/dx, and b_l = df/da_l
found by going backwards once::

    J_1 = W_1^T          J_(l+1) = W_(l+1)^T diag(phi_l'(z_l)) J_l
    grad f = W_1 (b_1 phi_1'(z_1))
    hess f = sum over layers l of  J_l^T diag(b_l phi_l''(z_l)) J_l

Each layer adds one term where its activation bends. The term of the first layer is one matrix product for all events,
because J_1 is the same for all of them; the last layer has one neuron, and its term is an outer product. So a network
with one hidden layer costs little more than a single product of matrices, and no loop over pairs of inputs is needed.

A relu bends nowhere (almost): such a layer adds nothing, and with a linear output all second derivatives are zero.

For other Keras models automatic differentiation does the same, slowly: ``ModelDerivatives``.
"""

from collections.abc import Callable

import numpy as np

from helpers.course.arguments import MOST, real_array, whole_number, within
from helpers.course.backend import keras, tf
from helpers.taylor.networks import ACTIVATIONS, LARGEST_INPUT, DenseNetwork, checked_inputs, forward, precision


def dense_derivatives(
    network: DenseNetwork, inputs: np.ndarray, output: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The chosen output with its derivatives at n events of d inputs: arrays (n,), (n, d) and (n, d, d).

    All of them are kept; for means over many events ``helpers.taylor.expansion.taylor_coefficients`` needs less memory.
    """
    derivatives = DenseDerivatives(network, output)
    rows = derivatives.rows(derivatives.checked(inputs))
    size = network.inputs
    hessian = np.empty((rows.shape[1], size, size), rows.dtype)
    first, second = np.triu_indices(size)
    hessian[:, first, second] = hessian[:, second, first] = rows[size:].T
    return forward(network, inputs)[:, int(output)], rows[:size].T, hessian


class DenseDerivatives:
    """What all events share, computed once: the products of kernels, and the layout of the result.

    ``rows(inputs)`` gives an array (d + d(d+1)/2, n): the first derivatives, then the second derivatives of the pairs
    of ``np.triu_indices(d)``, one row each and one column for every event.
    """

    def __init__(self, network: DenseNetwork, output: int) -> None:
        output = _checked_output(output, network.outputs)
        self.network = network
        self.kernels = [*network.kernels[:-1], network.kernels[-1][:, [output]]]
        self.biases = [*network.biases[:-1], network.biases[-1][[output]]]
        self.activations = [ACTIVATIONS[name] for name in network.activations]
        self.pairs = np.triu_indices(network.inputs)
        self.pair_kernels = None
        if len(self.kernels) > 1 and self.activations[0].curvature is not None:
            first = self.kernels[0]
            self.pair_kernels = first[self.pairs[0]] * first[self.pairs[1]]  # (pairs, neurons of the first layer)

    def checked(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs as ``rows`` takes them, or an error that says what is wrong."""
        return checked_inputs(self.network, inputs)

    def bytes_per_event(self) -> int:
        """Working memory for one event, the rows included; an estimate from above."""
        size, neurons = self.network.inputs, [kernel.shape[1] for kernel in self.kernels]
        numbers = 2 * (size + len(self.pairs[0])) + 8 * sum(neurons)
        if len(self.kernels) > 2:
            numbers += 4 * size * max(neurons) + 3 * size**2
        return numbers * self.kernels[0].dtype.itemsize

    def rows(self, inputs: np.ndarray) -> np.ndarray:
        slopes, curvatures = [], []  # phi', phi'' of every layer, (n, neurons)
        values = inputs
        for kernel, bias, function in zip(self.kernels, self.biases, self.activations, strict=True):
            before = values @ kernel + bias
            values = function.value(before)
            slopes.append(function.slope(before, values))
            curvatures.append(None if function.curvature is None else function.curvature(before, values))

        size = self.network.inputs
        rows = np.zeros((size + len(self.pairs[0]), len(inputs)), inputs.dtype)
        first, second = rows[:size], rows[size:]
        # down to the last neuron's pre-activation u: du/da_l for every layer, and du/dx
        sensitivity = np.ones((len(inputs), 1), inputs.dtype)
        bends = [None] * len(self.kernels)
        for layer in range(len(self.kernels) - 1, 0, -1):
            sensitivity = sensitivity @ self.kernels[layer].T
            if curvatures[layer - 1] is not None:
                bends[layer - 1] = sensitivity * curvatures[layer - 1]
            sensitivity = sensitivity * slopes[layer - 1]
        np.matmul(self.kernels[0], sensitivity.T, out=first)
        if bends[0] is not None:
            np.matmul(self.pair_kernels, bends[0].T, out=second)
        self._add_middle_layers(second, slopes, bends)
        # from u to f = phi(u): grad f = phi' grad u, hess f = phi' hess u + phi'' grad u grad u^T
        second *= slopes[-1].T
        if curvatures[-1] is not None:
            bent = first * curvatures[-1].T
            start = 0
            for i in range(size):
                second[start : start + size - i] += first[i:] * bent[i]
                start += size - i
        first *= slopes[-1].T
        return rows

    def _add_middle_layers(self, second: np.ndarray, slopes: list, bends: list) -> None:
        """Add J_l^T diag(bend_l) J_l of the layers between the first and the last."""
        bent = [layer for layer in range(1, len(self.kernels) - 1) if bends[layer] is not None]
        jacobian = self.kernels[0][None]
        for layer in range(1, max(bent, default=0) + 1):
            jacobian = (jacobian * slopes[layer - 1][:, None, :]) @ self.kernels[layer]  # (n, d, neurons)
            if layer in bent:
                term = (jacobian * bends[layer][:, None, :]) @ jacobian.transpose(0, 2, 1)
                second += term[:, self.pairs[0], self.pairs[1]].T


class ModelDerivatives:
    """The same by automatic differentiation, for any differentiable Keras model that maps (n, d) to (n, outputs).

    ``event`` (1, d) is any one of the events: from it the model's output is known.
    """

    def __init__(self, model: keras.Model, event: np.ndarray, output: int) -> None:
        self.model = model
        event = self.checked(event)
        shape = tuple(np.shape(model(event, training=False)))
        if len(shape) != 2:
            raise ValueError(f"The model's output has to have the shape (events, outputs); got {shape} for one event.")
        self.inputs = event.shape[1]
        self.pairs = np.triu_indices(self.inputs)
        self.derivatives = _compiled(model, _checked_output(output, shape[-1]))

    def checked(self, inputs: np.ndarray) -> tf.Tensor:
        """Inputs as an (n, d) tensor in the model's precision; ``ValueError`` for a wrong shape or a NaN."""
        shape = getattr(self.model, "input_shape", None)
        inputs = real_array("inputs", inputs)
        if shape is not None and (not isinstance(shape, tuple) or len(shape) != 2):
            raise ValueError(f"Taylor coefficients need a model with one input of shape (events, d); got {shape}.")
        if inputs.ndim != 2 or (shape is not None and inputs.shape[1] != shape[1]):
            raise ValueError(
                f"The model takes inputs of shape (events, {shape[1] if shape else 'd'}); got {inputs.shape}."
            )
        if not within(inputs, LARGEST_INPUT):
            raise ValueError(
                "An input is not finite (NaN or infinity), or far too large. Remove such events or fill the value."
            )
        return tf.constant(inputs, precision(self.model))

    def bytes_per_event(self) -> int:
        """The second tape keeps about ten copies of every layer for each of the d inputs."""
        shapes = [getattr(getattr(layer, "output", None), "shape", (None, 1000)) for layer in self.model.layers]
        widest = max((int(np.prod([length or 1 for length in shape[1:]])) for shape in shapes), default=1)
        return 10 * 4 * self.inputs * max(widest, self.inputs)

    def rows(self, inputs: tf.Tensor) -> np.ndarray:
        gradient, hessian = (tensor.numpy() for tensor in self.derivatives(inputs))
        return np.concatenate([gradient, hessian[:, self.pairs[0], self.pairs[1]]], axis=1).T.copy()


def _compiled(model: keras.Model, output: int) -> Callable:
    """Gradients (n, d) and Hessians (n, d, d): one tape, differentiated again by a second one for all inputs at once.

    The model is called with ``training=False``, so that an event's output does not depend on the other events.
    """

    @tf.function(reduce_retracing=True)
    def derivatives(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                values = model(inputs, training=False)[:, output]
            gradient = inner.gradient(values, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        hessian = outer.batch_jacobian(gradient, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradient, hessian

    return derivatives


def _checked_output(output: int, outputs: int) -> int:
    """The output's number; ``ValueError`` unless the network has it."""
    output = whole_number("output", output, -MOST)
    if not 0 <= output < outputs:
        raise ValueError(f"The network has {outputs} outputs, numbered from 0; there is no output {output}.")
    return output
