"""What every explanation method asks first: are these pictures right for this model, and which output is explained?

All methods share one calling form, ``method(model, images, target)``:

* ``model`` is a Keras 3 model with one input and one output that ends in **logits**, shape (N, classes);
* ``images`` is an array (N, ...) in the model's own input space (after ``preprocess``);
* ``target`` says what is explained: a class number for all pictures, one number per picture (N,), or weights
  (N, classes), such as +1 for one class and -1 for another to ask what tells them apart.
"""

import re
from collections.abc import Sequence

import numpy as np

from helpers.course.arguments import real_array, shown, whole_number, within
from helpers.course.backend import keras
from helpers.course.calls import Call, is_half
from helpers.course.networks import calls_of, classes_of
from helpers.course.probabilities import gives_probabilities, without_softmax

LARGEST_VALUE = 1e12  # of an input; what is farther from 0 is a mistake, and its products may not be finite


def require_model(model) -> None:
    """Refuse what is no Keras model, or has no inputs yet."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"The model is a Keras model, such as network.model of the course's networks; got {shown(model)}."
        )
    if not model.built or not model.layers or (not hasattr(model, "_inputs") and not getattr(model, "inputs", None)):
        raise ValueError(
            f"The model {model.name!r} has no inputs yet: give it an Input layer, or make it a layer, which goes with any "
            "class: inputs = keras.Input(shape); keras.Model(inputs, model(inputs))."
        )


def explained(model: keras.Model, images, target) -> tuple[np.ndarray, np.ndarray]:
    """The images as :func:`checked_images` gives them and the weights of :func:`output_weights`, for a model that ends in
    logits: all that a method asks before it explains. A model that ends in probabilities is refused."""
    images = checked_images(model, images)
    require_logits(model, [images])
    return images, output_weights(model, len(images), target)


def require_logits(model: keras.Model, inputs: Sequence[np.ndarray]) -> None:
    """Refuse a model whose output is a probability, for these inputs or by its structure."""
    classes_of(model)
    layer = gives_probabilities(model, inputs)
    if layer is not None:
        without_softmax(model)  # says so where this is no way out
        raise ValueError(
            f"The model ends in probabilities (layer {layer!r}), but explanations start from the logit. Explain "
            "without_softmax(model) of helpers.course: the same weights without the last step (Keras' own models can be "
            "built so: classifier_activation=None)."
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
    dtype = keras.backend.standardize_dtype(wanted_input.dtype)
    if is_half(dtype):
        raise ValueError(
            f"The model takes {dtype}, too coarse for gradients; build it with Input(..., dtype='float32')."
        )
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
    with np.errstate(invalid="ignore"):  # what does not fit is found below
        found = images.astype(dtype, copy=False)
    if found.dtype.kind != "f" and not np.array_equal(found, images):
        low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        raise ValueError(
            f"The model takes whole numbers ({dtype}, {low} to {high}); these are others, from {images.min():.4g} to "
            f"{images.max():.4g}."
        )
    return found


def output_weights(model: keras.Model, count: int, target) -> np.ndarray:
    """Weights (count, classes) such that sum(weights * logits) is what is explained.

    Raises
    ------
    ValueError
        If the target is not a class of the model or does not fit the number of pictures.
    """
    classes, dtype = classes_of(model), keras.backend.standardize_dtype(model.outputs[0].dtype)
    dtype = "float32" if is_half(dtype) else dtype  # in which it is computed
    target = real_array("The target, a class number or weights (names: network.class_index),", target)
    if target.shape == (count, classes) and target.dtype.kind in "fiu":
        if not within(target, LARGEST_VALUE):
            raise ValueError("The target weights hold NaN, infinite or far too large values.")
        if classes == 1 and target.dtype.kind in "iu" and not target.all():
            raise ValueError(
                f"A target of shape ({count}, 1) holds weights of the one logit, such as 1 for it and -1 against it; these "
                "look like labels, and a weight of 0 explains nothing."
            )
        return target.astype(dtype)
    if target.shape not in ((), (count,)) or target.dtype.kind not in "iu":
        raise ValueError(
            f"A target is a class number, one number for each of the {count} pictures, or weights of shape "
            f"({count}, {classes}); got {target.dtype} of shape {target.shape}. Class names: network.class_index(name)."
        )
    if (target < 0).any() or (target >= classes).any():
        advice = " Against the one logit speaks what weights of -1 explain." if classes == 1 else ""
        raise ValueError(
            f"Classes of this model are numbered 0 to {classes - 1}; got {np.unique(target).tolist()}.{advice}"
        )
    return np.eye(classes, dtype=dtype)[np.broadcast_to(target, (count,))]


def get_layer(model: keras.Model, name: str) -> keras.layers.Layer:
    """The layer of that name, "base/conv5" inside a model that is a layer, or an error that lists the layers there are."""
    require_model(model)
    found = _called(calls_of(model).calls, name)
    return found[0].layer if found else _unknown(model, name)


def get_call(model: keras.Model, name: str, inputs: Sequence[np.ndarray]) -> Call:
    """The one call of the layer of that name when the model runs on inputs like these.

    Raises
    ------
    ValueError
        If the model calls no such layer, or calls it several times (then "name#1", "name#2" say which), or the layer puts
        out no single array.
    """
    calls = calls_of(model, inputs).calls
    found = [call for call in calls if call.name == name] or _called(calls, name)
    if len(found) > 1:
        names = f"{found[0].name!r} to {found[-1].name!r}"
        raise ValueError(f"The model calls layer {name!r} {len(found)} times; say which call you mean: {names}.")
    if not found:
        _unknown(model, name)
    if found[0].shape is None or None in found[0].shape[1:]:
        raise ValueError(f"Layer {name!r} puts out no single array of a fixed size, or runs in a loop; choose another.")
    return found[0]


def require_way(names: Sequence[str], gradients: Sequence) -> None:
    """Refuse layers without a gradient: what they put out is not used for the scores, or turned into whole numbers."""
    for name, gradient in zip(names, gradients, strict=True):
        if len(gradient) == 0:
            raise ValueError(
                f"The logits do not depend on layer {name!r} by any gradient: it lies on no way from the input to the "
                "output, or its values are whole numbers. Choose another layer."
            )


def _called(calls: Sequence[Call], name: str) -> list[Call]:
    return [call for call in calls if re.fullmatch(re.escape(str(name)) + r"(#\d+)?", call.name)]


def _unknown(model: keras.Model, name: str):
    layers = [layer.name for layer in model.layers]
    calls = [call.name for call in calls_of(model).calls]
    near = [call for call in calls if f"/{re.sub('#[0-9]+', '', call)}".endswith(f"/{name}")]
    if name in layers:
        raise ValueError(f"Layer {name!r} computes nothing: it is the input. Choose another layer.")
    raise ValueError(f"The model has no layer {name!r}. Its layers: {', '.join(near or layers)}.")


def batches(count: int, size: int) -> list[slice]:
    """Slices that cover ``count`` pictures, at most ``size`` at a time: they bound the memory."""
    size = whole_number("batch_size", size, 1)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
