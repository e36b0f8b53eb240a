"""What every explanation method asks first: are these pictures right for this model, and which output is explained?

All methods share one calling form, ``method(model, images, target)``:

* ``model`` is a Keras 3 model with one input and one output that ends in **logits**, shape (N, classes);
* ``images`` is an array (N, ...) in the model's own input space (after ``preprocess``);
* ``target`` says what is explained: a class number for all pictures, one number per picture (N,), or weights
  (N, classes), such as +1 for one class and -1 for another to ask what tells them apart.
"""

import numpy as np

from helpers.course.arguments import real_array, shown, whole_number, within
from helpers.course.backend import keras

LARGEST_VALUE = 1e12  # of an input; what is farther from 0 is a mistake, and its products may not be finite


def require_model(model) -> None:
    """Refuse what is no Keras model, or has no inputs yet."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"The model is a Keras model, such as network.model of the course's networks; got {shown(model)}."
        )
    if not model.built or not model.layers or (not hasattr(model, "_inputs") and not getattr(model, "inputs", None)):
        raise ValueError(f"The model {model.name!r} has no inputs yet: give it an Input layer.")


def ends_in_probabilities(model: keras.Model) -> str | None:
    """The name of the layer that turns logits into probabilities, or None if the model ends in logits.

    The sigmoid of a single-output network counts too. Nested models are looked into.
    """
    layer = model.layers[-1]
    if isinstance(layer, keras.Model):
        return ends_in_probabilities(layer)
    if isinstance(layer, keras.layers.Softmax):
        return layer.name
    activation = getattr(layer, "activation", None)
    return layer.name if getattr(activation, "__name__", "") in ("softmax", "sigmoid", "log_softmax") else None


def require_logits(model: keras.Model) -> None:
    """Refuse a model whose output is a probability.

    A softmax couples all classes: its gradient for one class also says what would lower the others, and it vanishes
    where the network is sure. Every method of the course therefore explains the logit.
    """
    require_model(model)
    layer = ends_in_probabilities(model)
    if layer is not None:
        raise ValueError(
            f"The model ends in probabilities (layer {layer!r}), but explanations start from the logit. "
            "Build it with a linear last layer (for Keras' own models: classifier_activation=None)."
        )


def checked_images(model: keras.Model, images) -> np.ndarray:
    """The images as a float array in the model's precision with a batch axis, or an error that says what is wrong.

    Raises
    ------
    ValueError
        If the model has several inputs, the shape does not fit its input, the batch is empty, or a value is not finite.
    """
    require_model(model)
    if len(model.inputs) != 1:
        raise ValueError(f"This works for models with one input; {model.name!r} has {len(model.inputs)}.")
    return _checked_input(model.inputs[0], images)


def checked_inputs(model: keras.Model, inputs) -> list[np.ndarray]:
    """As :func:`checked_images` for a model of any number of inputs: one array, or a list with one for each.

    Raises
    ------
    ValueError
        As there, and if the number of arrays is not that of the inputs, or they differ in length.
    """
    if len(model.inputs) == 1:
        return [checked_images(model, inputs)]
    if not isinstance(inputs, (list, tuple)) or len(inputs) != len(model.inputs):
        got = f"{len(inputs)}" if isinstance(inputs, (list, tuple)) else f"a {type(inputs).__name__}"
        raise ValueError(f"The model has {len(model.inputs)} inputs; pass a list of as many arrays, not {got}.")
    checked = [_checked_input(wanted, given) for wanted, given in zip(model.inputs, inputs, strict=True)]
    if len({len(each) for each in checked}) > 1:
        raise ValueError(
            f"All inputs need the same number of rows; got {', '.join(str(len(each)) for each in checked)}."
        )
    return checked


def _checked_input(wanted_input, images) -> np.ndarray:
    wanted = wanted_input.shape
    images = real_array("The images", images)
    readable = "(N, " + ", ".join("any" if n is None else str(n) for n in wanted[1:]) + ")"
    if images.ndim == len(wanted) - 1:
        raise ValueError(f"The model takes a batch {readable}; got one input {images.shape}: pass image[np.newaxis].")
    fits = images.ndim == len(wanted) and all(
        n in (None, got) for n, got in zip(wanted[1:], images.shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(f"The model takes inputs of shape {readable}; got {images.shape}.")
    if len(images) == 0:
        raise ValueError("The batch is empty: there is nothing to explain.")
    if not within(images, LARGEST_VALUE):
        raise ValueError(
            "The images hold NaN, infinite or far too large values; clean them first (np.nan_to_num, or another file)."
        )
    return images.astype(keras.backend.standardize_dtype(wanted_input.dtype), copy=False)


def output_weights(model: keras.Model, count: int, target) -> np.ndarray:
    """Weights (count, classes) such that sum(weights * logits) is what is explained.

    Raises
    ------
    ValueError
        If the target is not a class of the model or does not fit the number of pictures.
    """
    classes = model.outputs[0].shape[-1]
    target = real_array("The target, a class number or weights (names: network.class_index),", target)
    if target.shape == (count, classes) and target.dtype.kind in "fiu":
        if not within(target, LARGEST_VALUE):
            raise ValueError("The target weights hold NaN, infinite or far too large values.")
        return target.astype(model.outputs[0].dtype)
    if target.shape not in ((), (count,)) or target.dtype.kind not in "iu":
        raise ValueError(
            f"A target is a class number, one number for each of the {count} pictures, or weights of shape "
            f"({count}, {classes}); got {target.dtype} of shape {target.shape}. Class names: network.class_index(name)."
        )
    if (target < 0).any() or (target >= classes).any():
        raise ValueError(f"Classes of this model are numbered 0 to {classes - 1}; got {np.unique(target).tolist()}.")
    return np.eye(classes, dtype=model.outputs[0].dtype)[np.broadcast_to(target, (count,))]


def get_layer(model: keras.Model, name: str) -> keras.layers.Layer:
    """The layer of that name, or an error that lists the layers there are."""
    require_model(model)
    names = [layer.name for layer in model.layers]
    if name not in names:
        raise ValueError(f"The model has no layer {name!r}. Its layers: {', '.join(names)}.")
    return model.get_layer(name)


def batches(count: int, size: int) -> list[slice]:
    """Slices that cover ``count`` pictures, at most ``size`` at a time: they bound the memory."""
    size = whole_number("batch_size", size, 1)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
