"""The attribution methods of the course by name, all in one calling form, with baselines that explain nothing.

    for name, explain in explainers(model).items():
        maps = explain(model, images, target)  # (N, height, width), the size of the images

Values for the colours are summed, so a map is signed where its method is: above zero speaks for the class, below
against it. Grad-CAM and the baselines have no negative values. Whoever compares the maps has to say what becomes of the
signs; :mod:`helpers.photos.scores` counts the positive part, which for a signed gradient is half of what it says.

The **baselines** look neither at the network nor at the class. A method that does not beat them has shown nothing:

* **Sobel edges** trace outlines (:func:`helpers.sanity.randomisation.edges`);
* **centre blob** is a Gaussian in the middle: photographers put the thing there;
* **random map** is chance.
"""

import zlib

import numpy as np

from helpers.course.arguments import finite_array
from helpers.course.backend import keras
from helpers.course.targets import output_weights
from helpers.lrp.explanation import lrp
from helpers.lrp.gradients import deconvnet, guided_backpropagation
from helpers.lrp.rules import deep_taylor, epsilon_alpha2beta1_flat, epsilon_gamma_box, epsilon_plus_flat
from helpers.sanity.randomisation import Explainer, edge_detector
from helpers.vgg16.cam import class_activation_map, enlarge, grad_cam, pooled_layer
from helpers.vgg16.gradients import (
    BLACK,
    WHITE,
    gradient_times_input,
    input_gradient,
    integrated_gradients,
    pixel_map,
    smooth_gradient,
)
from helpers.vgg16.occlusion import occlusion_map

BLOB = 0.2  # standard deviation of the centre blob, as a share of the shorter side
BASELINES = ("Sobel edges", "centre blob", "random map")
FAMILIES = {  # near relatives make near maps
    "gradients": ("gradient", "SmoothGrad", "gradient x input", "integrated gradients"),
    "gradients that drop signs": ("guided backpropagation", "deconvnet"),
    "relevance": (
        "deep Taylor",
        "LRP EpsilonPlusFlat",
        "LRP EpsilonAlpha2Beta1Flat",
        "LRP EpsilonGammaBox",
    ),
    "class activation maps": ("CAM", "Grad-CAM"),
    "occlusion": ("occlusion",),
}


def explainers(
    model: keras.Model,
    low=BLACK,
    high=WHITE,
    *,
    noisy_copies: int = 8,
    path_steps: int = 8,
    patch: int | None = None,
    batch_size: int = 4,
    from_one: bool = False,
) -> dict[str, Explainer]:
    """Every method that suits the model, by the name it has in figures and tables; the baselines come last.

    Parameters
    ----------
    model
        CAM is in the list only if the model ends in global average pooling and one dense layer.
    low, high
        Black and white in the model's input space, for deep Taylor and EpsilonGammaBox; by default those of VGG16.
    noisy_copies, path_steps
        Gradients that SmoothGrad and integrated gradients average for each picture.
    patch
        Side of the patches that occlusion hides, in pixels; they move by half of it. None leaves occlusion out, which
        takes by far the longest.
    batch_size
        Pictures at a time, for every method.
    from_one
        Relevance (LRP, deep Taylor) starts as the weights of the target, 1 for a class, and not as its logit: for a
        network whose logits are random, where the map would take over their sign and size.

    Returns
    -------
    dict of ``explain(model, images, target) -> maps (N, height, width)``
    """

    def summed(method, *settings, **options) -> Explainer:
        return lambda model, images, target: pixel_map(
            method(model, images, target, *settings, batch_size=batch_size, **options), "sum"
        )

    def relevance(composite) -> Explainer:
        if not from_one:
            return summed(lrp, composite)

        def explain(model, images, target):
            start = output_weights(model, len(images), target)
            return pixel_map(lrp(model, images, None, composite, start=start, batch_size=batch_size), "sum")

        return explain

    def enlarged(method) -> Explainer:
        return lambda model, images, target: enlarge(
            method(model, images, target, batch_size=batch_size), np.shape(images)[1:3]
        )

    found = {
        "gradient": summed(input_gradient),
        "SmoothGrad": summed(smooth_gradient, samples=noisy_copies),
        "gradient x input": summed(gradient_times_input),
        "integrated gradients": summed(integrated_gradients, steps=path_steps),
        "guided backpropagation": summed(guided_backpropagation),
        "deconvnet": summed(deconvnet),
        "deep Taylor": relevance(deep_taylor(low, high)),
        "LRP EpsilonPlusFlat": relevance(epsilon_plus_flat()),
        "LRP EpsilonAlpha2Beta1Flat": relevance(epsilon_alpha2beta1_flat()),
        "LRP EpsilonGammaBox": relevance(epsilon_gamma_box(low, high)),
        "Grad-CAM": enlarged(grad_cam),
    }
    if pooled_layer(model) is not None:
        found["CAM"] = enlarged(class_activation_map)
    if patch is not None:
        found["occlusion"] = lambda model, images, target: occlusion_map(
            model, images, target, patch, max(1, patch // 2), batch_size=batch_size
        )
    return found | dict(zip(BASELINES, (edge_detector, centre_blob, random_map), strict=True))


def centre_blob(model: keras.Model, images, target) -> np.ndarray:
    """exp(-r^2 / 2 s^2) with r the distance from the picture's centre and s ``BLOB`` of its shorter side."""
    count, height, width = finite_array("Images", images, (None, None, None, None), dtype=None).shape[:3]
    y, x = np.ogrid[:height, :width]
    squared = (y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2
    return np.repeat(np.exp(-squared / (2 * (BLOB * min(height, width)) ** 2))[np.newaxis], count, axis=0)


def random_map(model: keras.Model, images, target) -> np.ndarray:
    """Uniform random numbers between 0 and 1, the same for the same picture whatever else is in the batch."""
    return np.array(
        [
            np.random.default_rng(zlib.crc32(np.ascontiguousarray(image).tobytes())).random(image.shape[:2])
            for image in finite_array("Images", images, (None, None, None, None), dtype=None)
        ]
    )
