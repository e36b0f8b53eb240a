"""Training of dense networks: quiet, quick, with early stopping, and with weights to look at along the way.

A small network spends most of ``model.fit`` outside its arithmetic. Here the whole epoch is one compiled function
(:func:`helpers.course.networks.gradient_steps`), which is about five times quicker and gives the same network.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import real_array, real_number, seed_number, shown, whole_number, within
from helpers.course.backend import keras, tf
from helpers.course.networks import LARGEST_STEP, Progress, gradient_steps
from helpers.taylor.networks import LARGEST_INPUT, DenseNetwork, dense_network, precision


@dataclass(frozen=True)
class Training:
    """How a training went: mean loss per epoch on training and validation part, and the epoch that was kept."""

    loss: np.ndarray
    validation_loss: np.ndarray
    best_epoch: int


def train(
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    epochs: int = 20,
    batch: int = 1000,
    learning_rate: float = 0.02,
    validation: float = 0.2,
    patience: int = 10,
    seed: int = 0,
    loss: str = "binary_crossentropy",
    moved: Sequence[np.ndarray] = (),
    penalty: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
    progress: Progress | None = None,
) -> Training:
    """Train a Keras model in place with Adam (Kingma and Ba 2015) and keep the weights of the best epoch.

    Parameters
    ----------
    inputs: (n, inputs) array, finite.
    labels: (n,) or (n, outputs) array.
    weights: (n,) weights of the events in the loss; equal weights if left out.
    epochs, batch: passes over the training part at most, and events per gradient step.
    learning_rate: at the start; it falls to a hundredth of it along a half cosine (Loshchilov and Hutter 2017).
    validation: the share of the events, the last ones, that is kept aside to decide when to stop.
    patience: stop after this many epochs without a better validation loss.
    seed: fixes the order of the events.
    moved, penalty: the same events with their inputs changed, arrays (n, inputs) such as those for a larger and a smaller
        energy, and what a change of the response costs: ``penalty(response, moved_response)`` of two (batch, outputs)
        tensors, a number, whose mean over ``moved`` is added to the loss (Wunsch, Joerger, Wolf and Quast 2020,
        arXiv:1907.11674).
    progress: called as ``progress(done, epochs, text)`` after every epoch.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or too few events are left for a batch.
    FloatingPointError
        If the loss becomes NaN; the weights of the best epoch are put back first.
    """
    epochs, patience, seed = whole_number("epochs", epochs, 1), whole_number("patience", patience), seed_number(seed)
    if not isinstance(moved, (list, tuple)):
        raise ValueError(f"moved is a list of arrays, one for each change of the inputs; got {shown(moved)}.")
    if (penalty is None) != (not moved):
        raise ValueError(
            "A penalty needs the moved inputs whose response it compares, and moved inputs need a penalty."
        )
    data, held_back = _split(model, inputs, labels, weights, validation, moved)
    count = len(data[0])
    batch = min(whole_number("batch", batch, 1), count)
    learning_rate = real_number("learning_rate", learning_rate, 0, LARGEST_STEP)
    if len(held_back[0]) == 0:
        raise ValueError(f"The validation share decides when to stop and lies above 0; got {validation}.")
    steps = count // batch
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps, alpha=0.01)
    take_steps, evaluate = _compiled(model, schedule, loss, penalty)
    generator = np.random.default_rng(seed)
    best, kept, losses, validation_losses = np.inf, model.get_weights(), [], []
    start = time.perf_counter()
    for epoch in range(epochs):
        order = generator.permutation(count)[: steps * batch].reshape(steps, batch).astype(np.int32)
        losses.append(float(take_steps(data, tf.constant(order))[0]))
        validation_losses.append(float(evaluate(*held_back)))
        if not np.isfinite(losses[-1] + validation_losses[-1]):
            model.set_weights(kept)
            raise FloatingPointError(f"The loss became NaN in epoch {epoch + 1}. Try a smaller learning rate.")
        if validation_losses[-1] < best:
            best, kept = validation_losses[-1], model.get_weights()
        if progress is not None:
            progress(epoch + 1, epochs, f"validation loss {validation_losses[-1]:.4f}")
        if epoch - int(np.argmin(validation_losses)) >= patience:
            break
    model.set_weights(kept)
    if progress is not None:
        progress(epochs, epochs, f"trained {len(losses)} epochs in {time.perf_counter() - start:.1f} s")
    return Training(np.array(losses), np.array(validation_losses), int(np.argmin(validation_losses)) + 1)


def training_snapshots(
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int,
    every: int,
    batch: int = 500,
    learning_rate: float = 0.005,
    seed: int = 0,
) -> Iterator[tuple[int, DenseNetwork]]:
    """Train step by step and yield ``(steps done, the network as it is then)``, first of all before the first step."""
    steps, every, batch = (
        whole_number(name, value, 1) for name, value in (("steps", steps), ("every", every), ("batch", batch))
    )
    learning_rate, seed = real_number("learning_rate", learning_rate, 0, LARGEST_STEP), seed_number(seed)
    data, _ = _split(model, inputs, labels, None, 0.0)
    take_steps, _ = _compiled(model, learning_rate, "binary_crossentropy")
    generator = np.random.default_rng(seed)
    yield 0, dense_network(model)
    for done in range(0, steps, every):
        now = min(every, steps - done)
        order = generator.integers(0, len(data[0]), (now, batch), dtype=np.int32)
        take_steps(data, tf.constant(order))
        yield done + now, dense_network(model)


def _compiled(
    model: keras.Model, learning_rate: object, loss: str, penalty: Callable | None = None
) -> tuple[Callable, Callable]:
    """A function that takes gradient steps, one for each row of event numbers, and one that evaluates the loss."""
    try:
        criterion = keras.losses.get(loss)
    except ValueError:
        criterion = None
    if not callable(criterion):
        raise ValueError(f"Keras knows no loss called {shown(loss)}. Others are 'mse' and 'categorical_crossentropy'.")

    def mean_loss(
        inputs: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, *moved: tf.Tensor, training: bool = True
    ) -> list:
        response = model(inputs, training=training)
        total = tf.reduce_sum(criterion(labels, response) * weights) / tf.reduce_sum(weights)
        return [total + sum(penalty(response, model(other, training=training)) / len(moved) for other in moved)]

    @tf.function(reduce_retracing=True)
    def evaluate(*data: tf.Tensor) -> tf.Tensor:
        return mean_loss(*data, training=False)[0]

    return gradient_steps(model, learning_rate, mean_loss), evaluate


def _split(
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None,
    validation: float,
    moved: Sequence[np.ndarray] = (),
) -> tuple[tuple, tuple]:
    """Training and validation part as tensors (inputs, labels, weights, moved inputs); checks shapes and values."""
    inputs, labels = real_array("inputs", inputs), real_array("labels", labels)
    if inputs.ndim != 2 or inputs.shape[1:] != model.input_shape[1:]:
        raise ValueError(f"The network takes inputs of shape (events, {model.input_shape[1]}); got {inputs.shape}.")
    if labels.ndim == 1:
        labels = labels[:, None]
    if labels.shape != (len(inputs), model.output_shape[1]):
        raise ValueError(
            f"{len(inputs)} events and {model.output_shape[1]} outputs need labels of that shape; got {labels.shape}."
        )
    weights = np.ones(len(inputs)) if weights is None else real_array("weights", weights)
    if weights.shape != (len(inputs),) or not (within(weights, LARGEST_INPUT) and (weights >= 0).all()):
        raise ValueError(f"Give one finite weight, not negative, for each of the {len(inputs)} events.")
    moved = [real_array("moved", other) for other in moved]
    for other in moved:
        if other.shape != inputs.shape:
            raise ValueError(f"Moved inputs have the shape of the inputs, {inputs.shape}; got {other.shape}.")
    if not all(within(values, LARGEST_INPUT) for values in (inputs, labels, *moved)):
        raise ValueError(
            "An input or a label is not finite, or far too large. Remove such events or fill the values first."
        )
    if not 0 <= real_number("validation", validation) < 1:
        raise ValueError(f"The validation share lies from 0 to below 1; got {validation}.")
    cut = len(inputs) - round(validation * len(inputs))
    if cut < 1 or (validation > 0 and cut == len(inputs)):
        raise ValueError(f"{len(inputs)} events are too few to train on and to validate with.")
    parts = [part.astype(precision(model)) for part in (inputs, labels, weights, *moved)]
    if not all(parts[2][rows].sum() > 0 for rows in (slice(cut), slice(cut, None) if validation else slice(cut))):
        raise ValueError("The weights of the training part, or of the validation part, are all zero.")
    return tuple(tf.constant(part[:cut]) for part in parts), tuple(tf.constant(part[cut:]) for part in parts)
