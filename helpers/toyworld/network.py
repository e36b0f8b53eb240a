"""Small convolutional networks for the toy world: one reads coats, one reads outlines, three were led astray.

All have the same layers: convolutions with ReLU and max-pooling, global average pooling, one dense layer of logits. So
class activation maps, every LRP rule and concept activation vectors apply to them. The weights are stored in half
precision in ``data/toyworld``, made by ``data/toyworld/train.py``; normalisation during the training is folded into
them. ``data/toyworld/MODEL_CARD.md`` has the figures.
"""

from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import finite_array, real_array, within
from helpers.course.backend import keras
from helpers.course.networks import load_weights
from helpers.files import fetch
from helpers.toyworld.animals import OUTLINES
from helpers.toyworld.coats import COATS
from helpers.toyworld.world import SIZE, Watermark, World

CHANNELS = (16, 24, 48, 64, 80)
LARGEST_INPUT = 1e6  # far beyond white, which is 1
MARKED = "horse"


@dataclass(frozen=True)
class Task:
    """What a network was trained for: the labels ``by`` "coat" or "outline", on pictures with this ``watermark``."""

    by: str
    watermark: Watermark | None = None


TASKS = {
    "coats": Task("coat"),
    "outlines": Task("outline"),
    "outlines, watermark 0.3": Task("outline", Watermark(MARKED, 0.3)),
    "outlines, watermark 0.6": Task("outline", Watermark(MARKED, 0.6)),
    "outlines, watermark 1.0": Task("outline", Watermark(MARKED, 1.0)),
}


@dataclass(frozen=True, repr=False, eq=False)
class ToyworldNetwork:
    """A network of the toy world with all that belongs to it. Made by :func:`toyworld_network`.

    Attributes
    ----------
    model : Keras model from preprocessed pictures (N, 64, 64, 3) to logits (N, classes)
    name : key of ``TASKS``
    by : "coat" or "outline"
    labels : name of every class
    """

    model: keras.Model
    name: str
    by: str
    labels: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<network {self.name!r} of the toy world, {len(self.labels)} classes>"

    def preprocess(self, pictures: np.ndarray) -> np.ndarray:
        """:func:`preprocess`."""
        return preprocess(pictures)

    def class_index(self, label: str) -> int:
        """Number of the class with that name; ``ValueError`` if there is none."""
        if label not in self.labels:
            raise ValueError(f"This network knows no class {label!r}. It knows: {', '.join(self.labels)}.")
        return self.labels.index(label)

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Logits (N, classes) of preprocessed pictures (N, 64, 64, 3), in batches of bounded size."""
        inputs = finite_array("The inputs", inputs, dtype=np.float32)
        if inputs.ndim != 4 or inputs.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(
                f"The network takes inputs (N, {SIZE}, {SIZE}, 3), as preprocess gives them; got {inputs.shape}."
            )
        if not within(inputs, LARGEST_INPUT):
            raise ValueError("Inputs run from -1 to 1. These were not made by preprocess.")
        parts = [np.asarray(self.model(inputs[i : i + 50], training=False)) for i in range(0, len(inputs), 50)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.labels)), np.float32)

    def recognised(self, world: World) -> np.ndarray:
        """(N,) bool: is the class with the largest logit the true one?"""
        return self.logits(preprocess(world.pictures)).argmax(axis=1) == world.labels(self.by)


def preprocess(pictures: np.ndarray, size: int = SIZE) -> np.ndarray:
    """8-bit pictures (N, size, size, 3) as the networks want them: float32, x / 127.5 - 1, from -1 (black) to 1 (white)."""
    pictures = real_array("The pictures", pictures)
    if pictures.ndim != 4 or pictures.shape[1:] != (size, size, 3) or pictures.dtype != np.uint8:
        raise ValueError(
            f"Give 8-bit pictures of shape (N, {size}, {size}, 3); got {pictures.dtype} of shape {pictures.shape}. "
            "Of one picture x, give x[np.newaxis]."
        )
    return pictures.astype(np.float32) / np.float32(127.5) - 1


def new_network(classes: int, seed: int = 0, normalised: bool = False) -> keras.Model:
    """The network, not trained yet; kernels by He et al. (2015).

    Layers: ``conv1``, ``pool1``, ``conv2``, ``pool2``, ``conv3``, ``pool3``, ``conv4``, ``conv5``, ``average``,
    ``scores``. ``normalised`` puts batch normalisation (Ioffe and Szegedy 2015) between every convolution and its ReLU,
    for the training; :func:`helpers.course.networks.fold_normalisation` takes it out.
    """
    layers, inputs = keras.layers, keras.Input((SIZE, SIZE, 3))
    x = inputs
    for number, channels in enumerate(CHANNELS, start=1):
        drawn = keras.initializers.HeNormal(1000 * seed + number)
        convolution = layers.Conv2D(channels, 3, padding="same", kernel_initializer=drawn, name=f"conv{number}")
        if normalised:
            x = layers.BatchNormalization(momentum=0.95, name=f"norm{number}")(convolution(x))
            x = layers.ReLU(name=f"relu{number}")(x)
        else:
            convolution.activation = keras.activations.relu
            x = convolution(x)
        if number <= 3:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    drawn = keras.initializers.GlorotUniform(1000 * seed)
    return keras.Model(inputs, layers.Dense(classes, kernel_initializer=drawn, name="scores")(x), name="toyworld")


def weights_file(name: str) -> str:
    """File name of a network's weights: "outlines, watermark 0.3" is in ``outlines_watermark_0.3.npz``."""
    return name.replace(", ", "_").replace(" ", "_") + ".npz"


def toyworld_network(name: str) -> ToyworldNetwork:
    """The trained network of that name (a key of ``TASKS``).

    Raises
    ------
    ValueError
        If there is no such network, or the file is damaged.
    FileNotFoundError
        If its weights are in no data folder.
    """
    if name not in tuple(TASKS):
        raise ValueError(f"There is no network {name!r} of the toy world. There are: {', '.join(map(repr, TASKS))}.")
    task = TASKS[name]
    labels = COATS if task.by == "coat" else OUTLINES
    model = new_network(len(labels))
    load_weights(fetch(f"toyworld/{weights_file(name)}"), model)
    return ToyworldNetwork(model, name, task.by, labels)
