"""A network for photographs with all that belongs to it: preprocessing, class names, and answers in words.

:func:`helpers.vgg16.networks.vgg16` makes one. The inputs are those of VGG16 as it was published: blue first, minus the
mean colour of the training pictures.
"""

import difflib
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from helpers.course.arguments import real_array, whole_number
from helpers.course.backend import keras
from helpers.course.networks import scores_of
from helpers.course.targets import batches

MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)  # of the training pictures; VGG16 reads blue first
LARGEST_INPUT = 255 - float(MEAN_BGR.min())  # white, in the blue channel
PIXELS_AT_A_TIME = 4 * 224**2  # bounds the memory of one forward pass


@dataclass(frozen=True)
class Prediction:
    """One class of a picture with the network's probability for it."""

    identifier: str
    label: str
    probability: float


@dataclass(frozen=True, repr=False, eq=False)
class PhotoNetwork:
    """A network for photographs with all that belongs to it. Made by ``vgg16``.

    Attributes
    ----------
    model : Keras model from preprocessed pictures (N, input_size, input_size, 3) to logits (N, classes)
    weights : "gap" or "imagenet"
    title : name for figures, such as "VGG16-GAP (64 classes)"
    input_size : height and width of its inputs, in pixels
    labels : readable name of every class, such as "Egyptian cat"
    identifiers : WordNet identifier of every class, such as "n02124075"
    """

    model: keras.Model
    weights: str
    title: str
    input_size: int
    labels: tuple[str, ...]
    identifiers: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<{self.title}, input {self.input_size} x {self.input_size}>"

    @property
    def convolutions(self) -> tuple[str, ...]:
        """Names of the convolutions, from the input on."""
        return tuple(layer.name for layer in self.model.layers if isinstance(layer, keras.layers.Conv2D))

    @property
    def menu(self) -> list[tuple[str, str]]:
        """(label, identifier) of every class in alphabetical order, for a drop-down list.

        Two of ImageNet's labels stand for two classes each; there the identifier is added to the label.
        """
        plain = [_plain(label) for label in self.labels]
        entries = [
            (label if plain.count(name) == 1 else f"{label} ({identifier})", identifier)
            for label, name, identifier in zip(self.labels, plain, self.identifiers, strict=True)
        ]
        return sorted(entries, key=lambda entry: entry[0].lower())

    def preprocess(self, images) -> np.ndarray:
        """RGB pictures of the network's input size to its inputs (N, input_size, input_size, 3): see ``preprocess``."""
        inputs = preprocess(images)
        size = self.input_size
        if inputs.shape[1:3] != (size, size):
            raise ValueError(
                f"{self.title} takes pictures of {size} x {size} pixels; got {inputs.shape[1]} x {inputs.shape[2]}. "
                f"load_image(path, size={size}) of helpers.photos.images reads and cuts one to that size."
            )
        return inputs

    def logits(self, inputs) -> np.ndarray:
        """Logits (N, classes) of preprocessed inputs (N, input_size, input_size, 3), a bounded number at a time."""
        inputs = self._checked(inputs)
        rows = batches(len(inputs), max(1, PIXELS_AT_A_TIME // self.input_size**2))
        return np.concatenate([scores_of(self.model, [inputs[part]]) for part in rows])

    def decode(self, logits, top: int = 5) -> list[list[Prediction]]:
        """The ``top`` most probable classes, the best first, for every picture.

        ``logits`` has shape (N, classes), or (classes,) for one picture.

        Raises
        ------
        ValueError
            If the shape is another, a value is NaN, or these are probabilities already.
        """
        logits, classes = np.atleast_2d(real_array("The logits", logits).astype(np.float64)), len(self.labels)
        if logits.ndim != 2 or logits.shape[1] != classes:
            raise ValueError(
                f"decode takes logits of shape (N, {classes}); got {logits.shape}. For pictures: "
                "network.decode(network.logits(network.preprocess(pictures)))."
            )
        if np.isnan(logits).any():
            raise ValueError("The logits hold NaN; look for NaN in the inputs or the weights.")
        top = whole_number("top", top, 1, classes)
        if classes > 1 and len(logits) and (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1, atol=1e-4):
            raise ValueError(
                "These are probabilities: every row sums to 1. decode takes logits: network.logits(inputs)."
            )
        rows = softmax(logits, axis=-1)
        best = np.argsort(-rows, axis=1, kind="stable")[:, :top]
        return [
            [Prediction(self.identifiers[c], self.labels[c], float(row[c])) for c in order]
            for row, order in zip(rows, best, strict=True)
        ]

    def class_index(self, name) -> int:
        """Number of a class, from its label, its WordNet identifier or the number itself.

        Capitals do not matter, nor whether words are joined by spaces or underscores.

        Raises
        ------
        ValueError
            If there is no such class (the message names the closest), or the label stands for two classes.
        """
        classes = len(self.labels)
        if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
            if not 0 <= name < classes:
                raise ValueError(f"Classes of {self.title} are numbered 0 to {classes - 1}; got {name}.")
            return int(name)
        if not isinstance(name, str):
            raise ValueError(f"A class is given by its label, its WordNet identifier or its number; got {name!r}.")
        if name in self.identifiers:
            return self.identifiers.index(name)
        wanted = _plain(name)
        plain = [_plain(label) for label in self.labels]
        found = [c for c, label in enumerate(plain) if label == wanted]
        if len(found) > 1:
            choice = " or ".join(self.identifiers[c] for c in found)
            raise ValueError(f"{name!r} is the label of {len(found)} classes; say which by its identifier: {choice}.")
        if not found:
            close = [c for c, label in enumerate(plain) if wanted and wanted in label.split()]
            close += [plain.index(label) for label in difflib.get_close_matches(wanted, plain, n=5, cutoff=0.5)]
            near = ", ".join(repr(self.labels[c]) for c in [*dict.fromkeys(close)][:8]) or "none; see network.labels"
            more = "" if self.weights == "imagenet" else " The full network knows more: vgg16('imagenet')."
            raise ValueError(f"{self.title} has no class {name!r}. Close to it: {near}.{more}")
        return found[0]

    def _checked(self, inputs) -> np.ndarray:
        """The inputs as a float32 batch, or an error where these are pictures that were not preprocessed."""
        inputs = real_array("The inputs", inputs)
        wanted = (self.input_size, self.input_size, 3)
        if inputs.ndim != 4 or inputs.shape[1:] != wanted or len(inputs) == 0:
            raise ValueError(
                f"{self.title} takes inputs of shape (N, {self.input_size}, {self.input_size}, 3); got {inputs.shape}. "
                "network.preprocess(pictures) makes them."
            )
        if inputs.dtype.kind != "f" or (inputs.min() >= 0 and inputs.max() > LARGEST_INPUT):
            raise ValueError(
                "These look like RGB pictures with values 0 to 255; the network wants them preprocessed "
                "(blue first, mean colour subtracted): network.preprocess(pictures)."
            )
        if not np.isfinite(inputs).all():
            raise ValueError("The inputs hold NaN or infinite values.")
        return inputs.astype(np.float32, copy=False)


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


def preprocess(images) -> np.ndarray:
    """RGB pictures to VGG16's inputs: blue first, minus the mean colour of the training pictures.

    Parameters
    ----------
    images : array (H, W, 3) or (N, H, W, 3), RGB, 0 to 255, integers or floats

    Returns
    -------
    array (N, H, W, 3), float32
        A new array with a batch axis; the argument stays as it is (Keras' own ``preprocess_input`` changes float arrays
        in place).

    Raises
    ------
    ValueError
        If the shape is another, values are not finite or outside 0 to 255, or floats lie between 0 and 1.
    """
    images = real_array("The pictures", images)
    if images.ndim not in (3, 4) or images.shape[-1] != 3 or images.size == 0:
        advice = {2: " Grey pictures: np.stack([grey] * 3, axis=-1)."}.get(images.ndim, "")
        if images.ndim > 2 and images.shape[-1] == 4:
            advice = " Drop the transparency: pictures[..., :3]."
        raise ValueError(f"Pictures have shape (H, W, 3) or (N, H, W, 3); got {images.shape}.{advice}")
    if images.dtype.kind not in "iuf":
        raise ValueError(f"Pictures hold numbers from 0 to 255; got an array of {images.dtype}.")
    lowest, highest = float(images.min()), float(images.max())
    if not np.isfinite([lowest, highest]).all():
        raise ValueError("The picture holds NaN or infinite values.")
    if lowest < 0 or highest > 255:
        raise ValueError(
            f"Pictures have values from 0 to 255; got {lowest:.4g} to {highest:.4g}. Preprocessed already? "
            "Otherwise np.clip(picture, 0, 255)."
        )
    if images.dtype.kind == "f" and 0 < highest <= 1:
        raise ValueError(
            f"The largest value is {highest:.4g}: this looks like a picture scaled to 0..1. Pass 255 * picture."
        )
    images = images.astype(np.float32)
    return (images if images.ndim == 4 else images[np.newaxis])[..., ::-1] - MEAN_BGR
