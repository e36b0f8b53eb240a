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

import json
from collections.abc import Callable, Sequence

import h5py
import numpy as np

from helpers.course.arguments import choice, whole_number
from helpers.course.backend import empty_when_gone, keras, let_go
from helpers.files import fetch, locate
from helpers.vgg16.half_dense import HalfPrecisionDense
from helpers.vgg16.photo_network import PhotoNetwork

CONVOLUTION_FILE = "vgg16/vgg16_conv_float16.npz"
HEAD_FILE = "vgg16/vgg16_gap_head.npz"
IMAGENET_FILE = "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5"
CLASS_FILE = "imagenet_class_index.json"

# number of convolutions and of their filters, block by block
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
FULL_SIZE = 224
LARGEST_SIZE = 2048  # one picture's maps take a gigabyte
SMALLEST_SIZE = 32  # five poolings halve it to one pixel


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
    weights = choice("weights", weights, ("auto", "gap", "imagenet"))
    input_size = whole_number("input_size", input_size, SMALLEST_SIZE, LARGEST_SIZE)
    if weights == "imagenet" and input_size != FULL_SIZE:
        raise ValueError(
            f"The full VGG16 takes pictures of {FULL_SIZE} x {FULL_SIZE} pixels only: its first dense layer fixes the "
            f"size. For input_size={input_size} use vgg16('gap', input_size={input_size})."
        )
    path = locate(IMAGENET_FILE) if weights == "auto" and input_size == FULL_SIZE else None
    if weights == "imagenet":
        path = fetch(IMAGENET_FILE, progress=not quiet)
    let_go()
    network = gap_network(input_size) if path is None else imagenet_network(path)
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


def gap_network(input_size: int = FULL_SIZE) -> PhotoNetwork:
    """VGG16-GAP: the convolutions, ``global_average_pooling``, and ``predictions`` with a logit for each class."""
    with np.load(fetch(HEAD_FILE), allow_pickle=False) as file:
        kernel, bias, identifiers = file["predictions_kernel"], file["predictions_bias"], file["class_identifiers"]
    names = class_names()
    inputs, x = convolutional_part(input_size)
    x = keras.layers.GlobalAveragePooling2D(name="global_average_pooling")(x)
    head = keras.layers.Dense(len(identifiers), name="predictions")
    model = keras.Model(inputs, head(x), name="vgg16_gap")
    model.trainable = False  # it is explained, not trained: tapes need not watch its weights
    head.set_weights([kernel, bias])
    labels, title = tuple(names[identifier] for identifier in identifiers), f"VGG16-GAP ({len(identifiers)} classes)"
    return PhotoNetwork(model, "gap", title, input_size, labels, tuple(map(str, identifiers)))


def imagenet_network(path) -> PhotoNetwork:
    """The full VGG16 from its official file, with little memory.

    The convolutions keep their float32 weights. The three dense kernels, nine tenths of all weights, are read in blocks
    of rows and kept in half precision: see :mod:`helpers.vgg16.half_dense`. That changes logits by a few parts in
    10,000 of the largest, and keeps the process below 1.2 GiB, a Grad-CAM included, where Keras' own VGG16 takes 2.4
    GiB.
    """
    names = class_names()
    with h5py.File(path, "r") as file:
        inputs, x = convolutional_part(FULL_SIZE, lambda name: [part[:] for part in _datasets(file, name)])
        x = keras.layers.Flatten(name="flatten")(x)
        for name, units, activation in (("fc1", 4096, "relu"), ("fc2", 4096, "relu"), ("predictions", 1000, None)):
            layer = HalfPrecisionDense(units, activation, name=name)
            x = layer(x)
            kernel, bias = _datasets(file, name)
            layer.fill_kernel(kernel)
            layer.bias.assign(bias[:])
    model = keras.Model(inputs, x, name="vgg16")
    model.trainable = False
    empty_when_gone(model)
    title = f"VGG16 ({len(names):,} classes)"
    return PhotoNetwork(model, "imagenet", title, FULL_SIZE, tuple(names.values()), tuple(names))


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


def _datasets(file: h5py.File, layer: str) -> list[h5py.Dataset]:
    """Kernel and bias of a layer: HDF5 data sets, not read yet."""
    group = file[layer]
    kernel, bias = (group[name] for name in group.attrs["weight_names"])
    return [kernel, bias]


def class_names() -> dict[str, str]:
    """WordNet identifier and readable label of the 1,000 ImageNet classes, in the order of the network's outputs."""
    index = json.loads(fetch(CLASS_FILE).read_text(encoding="utf-8"))
    return {identifier: label.replace("_", " ") for identifier, label in (index[str(c)] for c in range(len(index)))}
