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

For other Keras models automatic differentiation does the same, slowly: ``ModelDerivatives``. For any other function
there are differences: ``FunctionDerivatives``.
"""

from collections.abc import Callable

import numpy as np

from helpers.course.arguments import MOST, real_array, whole_number, within
from helpers.course.backend import keras, tf
from helpers.course.calls import run
from helpers.course.networks import compiled, said
from helpers.taylor.networks import ACTIVATIONS, LARGEST_INPUT, DenseNetwork, checked_inputs, forward, precision

_FEW = 200  # events on which a function is looked at first
FOR_SCALE = 10_000  # events from which the spread of the inputs is taken


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
        if len(getattr(model, "outputs", [0])) != 1:
            raise ValueError(
                f"The model has {len(model.outputs)} outputs, each an array; choose one: "
                "keras.Model(model.inputs, model.outputs[0])."
            )
        event = self.checked(event)
        shape = tuple(np.shape(run(model, [event])))
        if len(shape) != 2:
            raise ValueError(f"The model's output has to have the shape (events, outputs); got {shape} for one event.")
        self.inputs, self.output = event.shape[1], tf.constant(_checked_output(output, shape[-1]))
        self.pairs = np.triu_indices(self.inputs)
        self.derivatives = compiled(model, _derivatives)

    def checked(self, inputs: np.ndarray) -> tf.Tensor:
        """Inputs as an (n, d) tensor in the model's precision; ``ValueError`` for a wrong shape or a NaN."""
        shape, dtype = getattr(self.model, "input_shape", None), precision(self.model)
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
        if "float" not in dtype:
            raise ValueError(_WHOLE_NUMBERS.format(what=f"takes whole numbers ({dtype})"))
        return tf.constant(inputs, dtype)

    def bytes_per_event(self) -> int:
        """The second tape keeps about ten copies of every layer for each of the d inputs."""
        shapes = [getattr(getattr(layer, "output", None), "shape", (None, 1000)) for layer in self.model.layers]
        widest = max((int(np.prod([length or 1 for length in shape[1:]])) for shape in shapes), default=1)
        return 10 * 4 * self.inputs * max(widest, self.inputs)

    def rows(self, inputs: tf.Tensor) -> np.ndarray:
        gradient, hessian = (tensor.numpy() for tensor in self.derivatives(inputs, self.output))
        if len(gradient) == 0:
            raise ValueError(_WHOLE_NUMBERS.format(what="turns its inputs into whole numbers, or does not read them"))
        return np.concatenate([gradient, hessian[:, self.pairs[0], self.pairs[1]]], axis=1).T.copy()


_WHOLE_NUMBERS = (
    "The model {what}, and a derivative asks for inputs that can change by a little; expand the part of the model behind "
    "its embedding."
)


def _derivatives(forward: Callable) -> Callable:
    """Gradients (n, d) and Hessians (n, d, d): one tape, differentiated again by a second one for all inputs at once.

    The model is called with ``training=False``, so that an event's output does not depend on the other events.
    """

    def derivatives(inputs: tf.Tensor, output: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                values = tf.gather(forward(inputs)[-1], output, axis=1)
            gradient = inner.gradient(values, inputs)
        if gradient is None:
            return tf.zeros((0,)), tf.zeros((0,))
        hessian = outer.batch_jacobian(gradient, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradient, hessian

    return derivatives


class FunctionDerivatives:
    """The same by central differences, for any function of an array (n, d) that returns (n,) or (n, outputs).

    With the step h_i along input i, and e_i the unit vectors times it::

        df/dx_i        = [f(x + e_i) - f(x - e_i)] / 2 h_i
        d2f/dx_i2      = [f(x + e_i) - 2 f(x) + f(x - e_i)] / h_i^2
        d2f/dx_i dx_j  = [f(x + e_i + e_j) - f(x + e_i) - f(x + e_j) + 2 f(x)
                          - f(x - e_i) - f(x - e_j) + f(x - e_i - e_j)] / 2 h_i h_j

    The step is (48 eps)^(1/4) standard deviations of the input, 0.0003 for a function in double precision and 0.05 in
    single: there rounding, 4 eps f / h^2, and what the second difference leaves out, h^2 f^(4) / 12, are alike.

    Raises
    ------
    ValueError
        If the function cannot be called so, returns something else, or has jumps or kinks, as trees and relu have: then
        differences over this step and over a larger one, 0.03 standard deviations or twice as large, disagree.
    """

    def __init__(self, function: Callable, inputs: np.ndarray, output: int) -> None:
        self.function, self.inputs = function, inputs.shape[1]
        few = self.checked(inputs[:_FEW])
        values = self._called(few)
        if values.dtype.kind != "f":
            raise ValueError(f"The function returns {values.dtype}, such as labels; take one that returns scores.")
        self.output = _checked_output(output, values.shape[1])
        self.pairs = np.triu_indices(self.inputs)
        spread, epsilon = self.checked(inputs[:FOR_SCALE]).std(axis=0), np.finfo(values.dtype).eps
        share = (48 * epsilon) ** 0.25
        self.steps = share * np.where(spread > 0, spread, 1.0)
        self._require_smooth(few, max(2, 0.03 / share), 10 * epsilon * np.abs(values[:, self.output]).max())

    def checked(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs in double precision; ``ValueError`` for a NaN."""
        if not within(inputs, LARGEST_INPUT):
            raise ValueError("An input is not finite, or far too large. Remove such events or fill the value.")
        return inputs.astype(float)

    def bytes_per_event(self) -> int:
        return 3 * 8 * self.inputs * (self.inputs**2 + self.inputs + 1)

    def rows(self, inputs: np.ndarray, further: float = 1) -> np.ndarray:
        steps, unit, (first, second) = further * self.steps, np.eye(self.inputs), self.pairs
        mixed = first != second
        i, j = first[mixed], second[mixed]
        moves = np.concatenate([0 * unit[:1], unit, -unit, unit[i] + unit[j], -unit[i] - unit[j]]) * steps
        points = (inputs + moves[:, np.newaxis]).reshape(-1, self.inputs)
        values = self._called(points)[:, self.output].astype(float).reshape(len(moves), -1)
        here, up, down, both_up, both_down = np.split(values, np.cumsum([1, len(unit), len(unit), len(i)]))
        bends, steps = up - 2 * here + down, steps[:, np.newaxis]
        curved = np.empty((len(first), len(inputs)))
        curved[~mixed] = bends / steps**2
        curved[mixed] = (both_up - 2 * here + both_down - bends[i] - bends[j]) / (2 * steps[i] * steps[j])
        return np.concatenate([(up - down) / (2 * steps), curved])

    def _called(self, points: np.ndarray) -> np.ndarray:
        try:
            values = np.asarray(self.function(points))
        except Exception as error:  # whatever somebody else's function raises
            raise ValueError(
                f"The function cannot be called with an array {points.shape}, as classifier.predict_proba can: {said(error)}"
            ) from None
        values = values[:, np.newaxis] if values.ndim == 1 else values
        if values.ndim != 2 or len(values) != len(points):
            raise ValueError(
                f"The function returns (events,) or (events, outputs); got {values.shape} for {points.shape}."
            )
        return values

    def _require_smooth(self, few: np.ndarray, further: float, rounding: float) -> None:
        near, far = self.rows(few), self.rows(few, further)
        steps = np.concatenate([self.steps, self.steps[self.pairs[0]] * self.steps[self.pairs[1]]])
        apart, size = np.abs(near - far).mean(axis=1), np.abs(near).mean(axis=1)
        if (apart > 0.2 * size + rounding / steps).any():
            raise ValueError(
                "The function has jumps or kinks, as trees and relu have, or is computed too coarsely, so it has no such "
                "derivatives: differences over a small step and over a larger one disagree. Take a smooth one (tanh, "
                "softplus)."
            )


def _checked_output(output: int, outputs: int) -> int:
    """The output's number; ``ValueError`` unless the network has it."""
    output = whole_number("output", output, -MOST)
    if not 0 <= output < outputs:
        raise ValueError(f"The network has {outputs} outputs, numbered from 0; there is no output {output}.")
    return output
