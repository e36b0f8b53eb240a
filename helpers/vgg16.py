"""VGG16 (Simonyan and Zisserman 2014, arXiv:1409.1556) in two forms, both ending in logits.

* **VGG16-GAP** ("gap") is in the repository: VGG16's thirteen convolutions with their ImageNet weights, rounded to half
  precision for the file, then global average pooling and one dense layer, the shape for which Class Activation Maps
  were defined (Zhou et al. 2016, arXiv:1512.04150). It knows fewer classes, and takes pictures of any size from 32.
* **The full VGG16** ("imagenet") has the three dense layers of the original and all 1,000 classes. Its official file
  (553 MB) is read in blocks of rows into half-precision dense layers, so that it fits a small machine.

    network = vgg16()
    inputs = network.preprocess(picture)
    network.decode(network.logits(inputs), top=3)
"""

import difflib
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np

from helpers.backend import keras, tf
from helpers.download import fetch, locate
from helpers.half_dense import HalfPrecisionDense

CONVOLUTION_FILE = "vgg16/vgg16_conv_float16.npz"
HEAD_FILE = "vgg16/vgg16_gap_head.npz"
IMAGENET_FILE = "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5"
CLASS_FILE = "imagenet_class_index.json"
HEAD_ARRAYS = ("predictions_kernel", "predictions_bias", "class_identifiers")

# number of convolutions and of their filters, block by block
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
CONVOLUTIONS = tuple(f"block{b}_conv{i + 1}" for b, (count, _) in enumerate(BLOCKS, 1) for i in range(count))
MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)  # of the training pictures; VGG16 reads blue first
FULL_SIZE = 224
SMALLEST_SIZE = 32  # five poolings halve it to one pixel
LARGEST_INPUT = 255 - float(MEAN_BGR.min())  # white, in the blue channel
PIXELS_AT_A_TIME = 4 * FULL_SIZE**2  # bounds the memory of one forward pass


@dataclass(frozen=True)
class Prediction:
    """One class of a picture with the network's probability for it."""

    identifier: str
    label: str
    probability: float

    def __str__(self) -> str:
        return f"{self.label} ({self.probability:.0%})"


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
    _forward: Callable = field(init=False)

    def __post_init__(self):
        model = self.model

        # one trace for every number of pictures; weights are read at each call, so changed weights are seen
        @tf.function(input_signature=[tf.TensorSpec(model.inputs[0].shape, tf.float32)])
        def forward(inputs):
            return model(inputs, training=False)

        object.__setattr__(self, "_forward", forward)

    def __repr__(self) -> str:
        return f"<{self.title}, input {self.input_size} x {self.input_size}>"

    @property
    def convolutions(self) -> tuple[str, ...]:
        """Names of the thirteen convolutions, from the input on."""
        return CONVOLUTIONS

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of all layers, from the input on."""
        return tuple(layer.name for layer in self.model.layers)

    def preprocess(self, images) -> np.ndarray:
        """RGB pictures of the network's input size to its inputs (N, input_size, input_size, 3): see ``preprocess``."""
        inputs = preprocess(images)
        size = self.input_size
        if inputs.shape[1:3] != (size, size):
            raise ValueError(
                f"{self.title} takes pictures of {size} x {size} pixels; got {inputs.shape[1]} x {inputs.shape[2]}. "
                f"load_image(path, size={size}) of helpers.images reads and cuts one to that size."
            )
        return inputs

    def to_rgb(self, inputs) -> np.ndarray:
        """The network's inputs as uint8 RGB pictures, for display. See ``to_rgb``."""
        return to_rgb(inputs)

    def logits(self, inputs) -> np.ndarray:
        """Logits (N, classes) of preprocessed inputs (N, input_size, input_size, 3), a bounded number at a time."""
        inputs = self._checked(inputs)
        at_a_time = max(1, PIXELS_AT_A_TIME // self.input_size**2)
        parts = [self._forward(inputs[i : i + at_a_time]).numpy() for i in range(0, len(inputs), at_a_time)]
        return np.concatenate(parts)

    def probabilities(self, inputs) -> np.ndarray:
        """Softmax of the logits, shape (N, classes)."""
        return softmax(self.logits(inputs))

    def decode(self, logits, top: int = 5) -> list[list[Prediction]]:
        """The ``top`` most probable classes, the best first, for every picture.

        ``logits`` has shape (N, classes), or (classes,) for one picture.

        Raises
        ------
        ValueError
            If the shape is another, a value is NaN, or these are probabilities already.
        """
        logits, classes = np.atleast_2d(np.asarray(logits, np.float64)), len(self.labels)
        if logits.ndim != 2 or logits.shape[1] != classes:
            raise ValueError(
                f"decode takes logits of shape (N, {classes}); got {logits.shape}. For pictures: "
                "network.decode(network.logits(network.preprocess(pictures)))."
            )
        if np.isnan(logits).any():
            raise ValueError("The logits hold NaN; look for NaN in the inputs or the weights.")
        if not 1 <= top <= classes:
            raise ValueError(f"top must lie between 1 and {classes}, the number of classes; got {top}.")
        if classes > 1 and len(logits) and (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1, atol=1e-4):
            raise ValueError(
                "These are probabilities: every row sums to 1. decode takes logits: network.logits(inputs)."
            )
        rows = softmax(logits)
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
        inputs = np.asarray(inputs)
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
    images = np.asarray(images)
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


def to_rgb(inputs) -> np.ndarray:
    """VGG16's inputs back to RGB pictures for display: uint8, same shape, values beyond black or white clipped."""
    inputs = np.asarray(inputs, np.float32)
    if inputs.ndim not in (3, 4) or inputs.shape[-1] != 3:
        raise ValueError(f"Inputs have shape (H, W, 3) or (N, H, W, 3); got {inputs.shape}.")
    return np.clip(np.rint(inputs + MEAN_BGR), 0, 255).astype(np.uint8)[..., ::-1]


def softmax(logits) -> np.ndarray:
    """Probabilities from logits along the last axis, in double precision: sums and thresholds stay exact."""
    logits = np.asarray(logits, np.float64)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def class_names() -> dict[str, str]:
    """WordNet identifier and readable label of the 1,000 ImageNet classes, in the order of the network's outputs."""
    index = json.loads(fetch(CLASS_FILE).read_text(encoding="utf-8"))
    return {identifier: label.replace("_", " ") for identifier, label in (index[str(c)] for c in range(len(index)))}


def convolutional_part(size: int | None = None, weights_of: Callable[[str], Sequence[np.ndarray]] | None = None):
    """Inputs and outputs (those of ``block5_pool``) of VGG16's convolutional layers, named as in Keras' VGG16.

    Parameters
    ----------
    size : height and width of the inputs; None leaves them open
    weights_of : gives the kernel (3, 3, channels, filters) and the bias of a layer by its name
        By default they come from the course's half-precision file.
    """
    weights_of = weights_of or _half_precision_weights()
    inputs = x = keras.Input((size, size, 3), name="pictures")
    for block, (count, filters) in enumerate(BLOCKS, 1):
        for i in range(1, count + 1):
            layer = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{i}")
            x = layer(x)
            layer.set_weights(weights_of(layer.name))
        x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return inputs, x


def _half_precision_weights() -> Callable[[str], list[np.ndarray]]:
    with np.load(fetch(CONVOLUTION_FILE), allow_pickle=False) as file:
        arrays = dict(file)
    return lambda name: [arrays[f"{name}_{part}"].astype(np.float32) for part in ("kernel", "bias")]


def gap_network(input_size: int = FULL_SIZE) -> PhotoNetwork:
    """VGG16-GAP: the convolutions, ``global_average_pooling``, and ``predictions`` with a logit for each class.

    Raises
    ------
    ValueError
        If ``input_size`` is below 32, or a file is damaged.
    FileNotFoundError
        If a file of the course is missing.
    """
    if input_size < SMALLEST_SIZE:
        raise ValueError(f"VGG16-GAP takes pictures from {SMALLEST_SIZE} pixels on; got input_size={input_size}.")
    path, names = fetch(HEAD_FILE), class_names()
    try:
        with np.load(path, allow_pickle=False) as file:
            kernel, bias, identifiers = (file[part] for part in HEAD_ARRAYS)
        labels = tuple(names[identifier] for identifier in identifiers)
        if kernel.shape != (BLOCKS[-1][1], len(labels)) or bias.shape != (len(labels),):
            raise ValueError(f"kernel {kernel.shape} and bias {bias.shape} for {len(labels)} classes")
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise ValueError("weights that are not finite")
    except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a head of VGG16-GAP, or is damaged: {error}. Get it again.") from None
    inputs, x = convolutional_part(input_size)
    x = keras.layers.GlobalAveragePooling2D(name="global_average_pooling")(x)
    head = keras.layers.Dense(len(labels), name="predictions")
    model = _frozen(keras.Model(inputs, head(x), name="vgg16_gap"))
    head.set_weights([kernel, bias])
    title = f"VGG16-GAP ({len(labels)} classes)"
    return PhotoNetwork(model, "gap", title, input_size, labels, tuple(map(str, identifiers)))


def imagenet_network(path) -> PhotoNetwork:
    """The full VGG16 from a file in the layout of the official one, with little memory.

    The convolutions keep their float32 weights. The three dense kernels, nine tenths of all weights, are read in blocks
    of rows and kept in half precision: see :mod:`helpers.half_dense`. That changes logits by a few parts in 10,000 of
    the largest, and keeps the process below 1.2 GiB, a Grad-CAM included, where Keras' own VGG16 takes 2.4 GiB.

    Raises
    ------
    ValueError
        If the file is cut short or has another layout.
    """
    names = class_names()
    try:
        with h5py.File(path, "r") as file:
            inputs, x = convolutional_part(FULL_SIZE, lambda name: [part[:] for part in _datasets(file, name)])
            x = keras.layers.Flatten(name="flatten")(x)
            for name, units, activation in (("fc1", 4096, "relu"), ("fc2", 4096, "relu"), ("predictions", 1000, None)):
                layer = HalfPrecisionDense(units, activation, name=name)
                x = layer(x)
                kernel, bias = _datasets(file, name)
                layer.fill_kernel(kernel)
                layer.bias.assign(bias[:])
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read as the official weights of VGG16: {error}. It is cut short or another file; remove "
            "it and get it again with vgg16('imagenet')."
        ) from error
    model = _frozen(keras.Model(inputs, x, name="vgg16"))
    title = f"VGG16 ({len(names):,} classes)"
    return PhotoNetwork(model, "imagenet", title, FULL_SIZE, tuple(names.values()), tuple(names))


def _datasets(file: h5py.File, layer: str) -> list[h5py.Dataset]:
    """Kernel and bias of a layer: HDF5 data sets, not read yet."""
    group = file[layer]
    kernel, bias = (group[name] for name in group.attrs["weight_names"])
    return [kernel, bias]


def _frozen(model: keras.Model) -> keras.Model:
    model.trainable = False  # it is explained, not trained: tapes need not watch its weights
    return model


def vgg16(weights: str = "auto", input_size: int = FULL_SIZE, quiet: bool = False) -> PhotoNetwork:
    """VGG16 with all that belongs to it: model, preprocessing, class names.

    Parameters
    ----------
    weights
        "gap": VGG16-GAP, which comes with the course. "imagenet": the full network; its file (553 MB) is downloaded
        once, with a progress bar. "auto": the full network where its file is on disk already, VGG16-GAP otherwise;
        nothing is downloaded, and a line says which of them it is.
    input_size
        Height and width of the pictures. VGG16-GAP takes any from 32 (small ones are quick); the full network, whose
        dense layers fix it, takes 224 only.
    quiet : print nothing

    Raises
    ------
    ValueError
        If ``weights`` is another word, ``input_size`` does not fit it, or a file is damaged.
    FileNotFoundError, ConnectionError
        If a file is missing or cannot be downloaded; the message says where it belongs.
    """
    if weights not in ("auto", "gap", "imagenet"):
        raise ValueError(f"weights is 'auto', 'gap' or 'imagenet'; got {weights!r}.")
    if isinstance(input_size, bool) or not isinstance(input_size, (int, np.integer)):
        raise ValueError(f"input_size is a whole number of pixels; got {input_size!r}.")
    if weights == "imagenet" and input_size != FULL_SIZE:
        raise ValueError(
            f"The full VGG16 takes pictures of {FULL_SIZE} x {FULL_SIZE} pixels only: its first dense layer fixes the "
            f"size. For input_size={input_size} use vgg16('gap', input_size={input_size})."
        )
    path = locate(IMAGENET_FILE) if weights == "auto" and input_size == FULL_SIZE else None
    if weights == "imagenet":
        path = fetch(IMAGENET_FILE, progress=not quiet)
    network = gap_network(int(input_size)) if path is None else imagenet_network(path)
    if weights == "auto" and not quiet:
        print(_choice(network))
    return network


def _choice(network: PhotoNetwork) -> str:
    """The line that says what ``vgg16("auto")`` chose, and how to choose the other."""
    if network.weights == "imagenet":
        return f"Using the full VGG16 with its {len(network.labels):,} ImageNet classes. The small one: vgg16('gap')."
    if network.input_size != FULL_SIZE:
        change = f"All 1,000 ImageNet classes, at {FULL_SIZE} pixels: vgg16('imagenet')"
    else:
        change = "All 1,000 ImageNet classes: vgg16('imagenet')"
    return (
        f"Using VGG16-GAP: VGG16's convolutions, and a head for {len(network.labels)} classes. "
        f"{change}, which downloads 553 MB once."
    )
