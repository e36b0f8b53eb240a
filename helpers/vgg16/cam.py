"""Class activation maps: where in the picture is the evidence for a class?

CAM needs a network whose last maps A_k are averaged and fed to one dense layer (Zhou et al. 2016, arXiv:1512.04150):

    M_c = sum_k w_kc A_k,    mean of M_c over the map + b_c = logit of class c.

Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) asks the gradient for the weights, so that any layer of any network
will do:

    a_k = mean over positions of d logit_c / d A_k,    L_c = relu(sum_k a_k A_k).

On a pooling and dense head, Grad-CAM before its relu times height x width equals CAM.
"""

from collections.abc import Callable

import numpy as np

from helpers.course.arguments import finite_array, name_list, whole_numbers
from helpers.course.backend import keras, tf
from helpers.course.calls import Call, Run
from helpers.course.networks import calls_of, compiled, score_gradients
from helpers.course.targets import batches, explained, get_call, require_model, require_way
from helpers.photos.collages import collage
from helpers.photos.scores import area_share, mass_inside
from helpers.vgg16.gradients import feature_maps
from helpers.vgg16.photo_network import PhotoNetwork

LARGEST_SIDE = 8192  # pixels of an enlarged map


def pooled_layer(model: keras.Model) -> str | None:
    """The name of the layer whose maps are averaged for the dense head, or None if the model has no such head."""
    require_model(model)
    maps, _ = _head(calls_of(model))
    return maps and maps.name


def _head(run: Run) -> tuple[Call | None, keras.layers.Dense | None]:
    """The call that makes the maps which are averaged for the scores, and the dense layer that does the rest.

    A layer that does nothing when a model infers, such as Dropout, hands on the value that it reads, and is not seen.
    """

    def maker(value: int, *kinds: type) -> Call | None:
        made = [call for call in run.calls if call.makes == value]
        return next(
            (call for call in made if type(call.layer).call in [kind.call for kind in kinds] or not kinds), None
        )

    dense = maker(run.output, keras.layers.Dense)
    if dense is None or dense.layer.activation is not keras.activations.linear:
        return None, None
    flat = maker(dense.reads[0], keras.layers.Flatten, keras.layers.Reshape)
    pooled = maker((flat or dense).reads[0], keras.layers.GlobalAveragePooling2D)
    return (maker(pooled.reads[0]), dense.layer) if pooled else (None, None)


def class_activation_map(model: keras.Model, images, target, batch_size: int = 2) -> np.ndarray:
    """CAM, shape (N, height, width) of the last maps: signed, and exact: its mean plus the bias is the logit.

    Raises
    ------
    ValueError
        If the model does not end in global average pooling and one linear dense layer.
    """
    images, weights = explained(model, images, target)
    found, head = _head(calls_of(model, [images]))
    if found is None:
        raise ValueError(
            "CAM is defined for a model that ends in GlobalAveragePooling2D and one linear Dense layer; this one ends "
            f"in {', '.join(f'{part.name} ({type(part).__name__})' for part in model.layers[-3:])}. Use grad_cam."
        )
    if head.quantization_mode:  # its kernel is whole numbers, scaled elsewhere
        raise ValueError(f"Layer {head.name!r} is quantised ({head.quantization_mode}); explain the model before that.")
    maps = feature_maps(model, images, found.name, batch_size)
    return np.einsum("nhwk,nk->nhw", maps, weights @ head.kernel.numpy().T)


def _weighted_maps(forward: Callable) -> Callable:
    def weighted(images, weights):
        maps, gradients = score_gradients(forward, images, weights)
        pairs = zip(maps, gradients, strict=True)
        return [tf.zeros((0,)) if g is None else weighted_maps(m, g) for m, g in pairs]  # see require_way

    return weighted


def weighted_maps(maps, gradients):
    """Grad-CAM's sum over channels k, shape (N, height, width): maps (N, height, width, K), each weighed by the mean of
    its gradient over all places."""
    return tf.reduce_sum(tf.reduce_mean(gradients, axis=(1, 2), keepdims=True) * maps, axis=-1)


def grad_cam(
    model: keras.Model,
    images,
    target,
    layer: str | list[str] | None = None,
    relu: bool = True,
    batch_size: int = 2,
):
    """Grad-CAM, shape (N, height, width) of the layer's maps.

    Parameters
    ----------
    layer
        Name of a layer with maps (N, height, width, channels) behind its activation, "base/conv5" inside a model that is
        a layer; by default the last one whose maps have more than one place.
        A list of names gives a dictionary of maps, all from one pass forwards and one backwards.
    relu
        Keep only the evidence in favour, as the paper does. Without it the map is signed.

    The map can be zero everywhere: then nothing at this layer speaks for the class.
    """
    images, weights = explained(model, images, target)
    layer = last_map_layer(model, images) if layer is None else layer
    names = name_list("layer", layer)
    for name in names:
        shape = get_call(model, name, [images]).shape
        if len(shape) != 4:
            raise ValueError(f"Layer {name!r} has no maps: its output has shape {shape}.")
    weighted = compiled(model, _weighted_maps, *names)
    rows = batches(len(images), batch_size)
    found = [weighted(tf.constant(images[part]), tf.constant(weights[part])) for part in rows]
    maps = {name: np.concatenate([batch[i] for batch in found]) for i, name in enumerate(names)}
    require_way(names, maps.values())
    if relu:
        maps = {name: np.maximum(values, 0) for name, values in maps.items()}
    return maps[layer] if isinstance(layer, str) else maps


def last_map_layer(model: keras.Model, images: np.ndarray | None = None) -> str:
    """The last layer on the way to the scores whose output still has places: more than one, for images of this size."""
    require_model(model)
    calls = calls_of(model, () if images is None else [images]).calls
    learned: set[int] = set()  # values to which a kernel leads: all others are the pixels, moved or scaled
    for call in calls:
        if learned.intersection(call.reads) or _has_kernel(call.layer):
            learned.add(call.makes)
    names = [call.name for call in calls if call.leads and call.places > 1 and call.makes in learned]
    if not names:
        raise ValueError(
            "The model has no layer with maps (N, height, width, channels) of more than one place, made by a kernel."
        )
    return names[-1]


def _has_kernel(layer) -> bool:
    scales = isinstance(layer, (keras.layers.Normalization, keras.layers.BatchNormalization))
    return not scales and any(len(weight.shape) > 1 for weight in getattr(layer, "weights", ()))


def enlarge(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps (N, height, width) resized to ``size`` (height, width): bilinear, half-pixel centres, no shift."""
    maps = finite_array("maps", maps, (None, None, None), np.float32)
    size = whole_numbers("size", size, 2, 1, LARGEST_SIDE)
    return tf.image.resize(maps[..., np.newaxis], size, method="bilinear").numpy()[..., 0]


def coarsened(mask, size: tuple[int, int]) -> np.ndarray:
    """A mask (height, width) as a map of ``size`` values: for each the share of its part of the picture that is inside.

    Enlarged again it is what a map of so few values can know of the mask: its score is the ceiling beside which that of a
    map of this size is read.
    """
    mask = finite_array("mask", mask, (None, None), np.float32)
    return tf.image.resize(mask[..., np.newaxis], size, method="area").numpy()[..., 0]


def ceiling(mask: np.ndarray, size: tuple[int, int]) -> float:
    """Mass inside a mask that the mask itself has as a map of ``size`` values, enlarged like any map."""
    return mass_inside(enlarge(coarsened(mask, size)[np.newaxis], mask.shape)[0], mask)


def collage_scores(
    network: PhotoNetwork, explain: Callable, pairs: list[tuple[str, str]], scenes: int = 10, size: float = 0.5
) -> np.ndarray:
    """Scores of a method on collages of two things, one row a map.

    Parameters
    ----------
    explain
        ``explain(model, images, target)`` gives maps (N, height, width) of any size.
    pairs
        Names of cut-outs, taken in turn, on grass, gravel and brick in turn, at random places: scene n has seed n.
    size
        Longer side of each thing as a share of the picture's side.

    Returns
    -------
    array (maps, 4)
        Mass in its own mask, mass in the other's, area of its own (chance), and its ceiling: the mass of its own mask as a
        map of so many values. A map is made for a class only if the network puts it among its first five: of what is not
        recognised no map can be asked for. No rows where nothing is recognised.
    """
    rows = []
    for seed in range(scenes):
        background = ("grass", "gravel", "brick")[seed % 3]
        scene = collage(list(pairs[seed % len(pairs)]), None, size, background, network.input_size, seed)
        inputs = network.preprocess(scene.picture)
        first_five = np.argsort(network.logits(inputs)[0])[-5:]
        for name, own, other in zip(scene.class_names, scene.masks, scene.masks[::-1], strict=True):
            target = network.class_index(name)
            if target in first_five:
                found = explain(network.model, inputs, target)
                values = enlarge(found, own.shape)[0]
                scores = mass_inside(values, own), mass_inside(values, other), area_share(own)
                rows.append((*scores, ceiling(own, found.shape[1:])))
    return np.array(rows).reshape(-1, 4)
