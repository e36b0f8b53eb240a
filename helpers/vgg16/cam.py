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
from helpers.course.networks import compiled, outputs_of
from helpers.course.targets import batches, checked_images, get_layer, output_weights, require_logits, require_model
from helpers.photos.collages import collage
from helpers.photos.scores import area_share, mass_inside
from helpers.vgg16.gradients import feature_maps
from helpers.vgg16.photo_network import PhotoNetwork

LARGEST_SIDE = 8192  # pixels of an enlarged map


def pooled_layer(model: keras.Model) -> str | None:
    """The name of the layer whose maps are averaged for the dense head, or None if the model has no such head."""
    require_model(model)
    if len(model.layers) < 3:
        return None
    before, pool, head = model.layers[-3:]
    is_cam_head = (
        isinstance(pool, keras.layers.GlobalAveragePooling2D)
        and isinstance(head, keras.layers.Dense)
        and getattr(head.activation, "__name__", "") == "linear"
    )
    return before.name if is_cam_head else None


def class_activation_map(model: keras.Model, images, target, batch_size: int = 2) -> np.ndarray:
    """CAM, shape (N, height, width) of the last maps: signed, and exact: its mean plus the bias is the logit.

    Raises
    ------
    ValueError
        If the model does not end in global average pooling and one linear dense layer.
    """
    require_logits(model)
    layer = pooled_layer(model)
    if layer is None:
        raise ValueError(
            "CAM is defined for a model that ends in GlobalAveragePooling2D and one linear Dense layer; this one ends "
            f"in {', '.join(f'{part.name} ({type(part).__name__})' for part in model.layers[-3:])}. Use grad_cam."
        )
    maps = feature_maps(model, images, layer, batch_size)
    weights = output_weights(model, len(maps), target) @ model.layers[-1].kernel.numpy().T
    return np.einsum("nhwk,nk->nhw", maps, weights)


def _weighted_maps(part: keras.Model) -> Callable:
    def weighted(images, weights):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)  # so that the maps are recorded; no gradient is taken beyond them
            *maps, scores = outputs_of(part, images)
            score = tf.reduce_sum(scores * weights)
        gradients = tape.gradient(score, maps)
        return [weighted_maps(m, g) for m, g in zip(maps, gradients, strict=True)]

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
        Name of a layer with maps (N, height, width, channels) behind its activation; by default the last such layer.
        A list of names gives a dictionary of maps, all from one pass forwards and one backwards.
    relu
        Keep only the evidence in favour, as the paper does. Without it the map is signed.

    The map can be zero everywhere: then nothing at this layer speaks for the class.
    """
    require_logits(model)
    images = checked_images(model, images)
    weights = output_weights(model, len(images), target)
    layer = last_map_layer(model) if layer is None else layer
    names = name_list("layer", layer)
    for name in names:
        if len(get_layer(model, name).output.shape) != 4:
            raise ValueError(f"Layer {name!r} has no maps: its output has shape {get_layer(model, name).output.shape}.")
    weighted = compiled(model, _weighted_maps, *names)
    rows = batches(len(images), batch_size)
    found = [weighted(tf.constant(images[part]), tf.constant(weights[part])) for part in rows]
    maps = {name: np.concatenate([batch[i] for batch in found]) for i, name in enumerate(names)}
    if relu:
        maps = {name: np.maximum(values, 0) for name, values in maps.items()}
    return maps[layer] if isinstance(layer, str) else maps


def last_map_layer(model: keras.Model) -> str:
    """The last layer whose output still has a height and a width."""
    for part in reversed(model.layers):
        if len(part.output.shape) == 4:
            return part.name
    raise ValueError("The model has no layer with maps (N, height, width, channels).")


def enlarge(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps (N, height, width) resized to ``size`` (height, width): bilinear, half-pixel centres, no shift."""
    maps = finite_array("maps", maps, (None, None, None), np.float32)
    size = whole_numbers("size", size, 2, 1, LARGEST_SIDE)
    return tf.image.resize(maps[..., np.newaxis], size, method="bilinear").numpy()[..., 0]


def collage_scores(
    network: PhotoNetwork, explain: Callable, pairs: list[tuple[str, str]], scenes: int = 10, size: float = 0.5
) -> np.ndarray:
    """Scores of a method on collages of two things, one row a map: mass in its own mask, in the other's, area of its own.

    Parameters
    ----------
    explain
        ``explain(model, images, target)`` gives maps (N, height, width) of any size.
    pairs
        Names of cut-outs, taken in turn, on grass, gravel and brick in turn, at random places: scene n has seed n.
    size
        Longer side of each thing as a share of the picture's side.

    A map is made for a class only if the network puts it among its first five: of what is not recognised no map can be
    asked for. Rows (maps, 3); none where nothing is recognised.
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
                values = enlarge(explain(network.model, inputs, target), own.shape)[0]
                rows.append((mass_inside(values, own), mass_inside(values, other), area_share(own)))
    return np.array(rows).reshape(-1, 3)
