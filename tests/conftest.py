"""Small models that several test modules share."""

import os
import random
import sys

import numpy as np
import pytest

if os.name != "posix":  # these are about user ids, pipes, links, shell scripts, and folders as POSIX lays them out
    collect_ignore = ["hub", "test_hub.py", "test_binder.py", "test_project.py", "photos/test_folders.py"]
    collect_ignore += ["fuzz/test_fuzz_files.py", "fuzz/test_fuzz_images.py"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Weights that a test does not train, and figures, begin alike wherever, and after whatever, it runs."""
    random.seed(0)  # of which Keras makes the seeds of its initialisers
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcdefaults()


@pytest.fixture(scope="session")
def small_cam_network():
    """Two convolutions, global average pooling, one dense layer with five classes; float64 and all weights random."""
    from helpers.course.backend import keras

    with _float64(keras):
        inputs = keras.Input((12, 10, 3), dtype="float64")
        x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="conv1")(inputs)
        x = keras.layers.MaxPooling2D(2, name="pool1")(x)
        x = keras.layers.Conv2D(7, 3, padding="same", activation="relu", name="conv2")(x)
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
        model = keras.Model(inputs, keras.layers.Dense(5, name="scores")(x))
    _draw(model, seed=1)
    return model


@pytest.fixture(scope="session")
def linear_model():
    """Flatten and one dense layer with two outputs on pictures (8, 9, 3); float64."""
    from helpers.course.backend import keras

    with _float64(keras):
        model = keras.Sequential(
            [keras.Input((8, 9, 3), dtype="float64"), keras.layers.Flatten(), keras.layers.Dense(2)]
        )
    _draw(model, seed=2)
    return model


@pytest.fixture(scope="session")
def patch_reader():
    """A planted network: its first logit is the sum of the brightness in rows 4-7, columns 2-5, and nothing else."""
    from helpers.course.backend import keras

    model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    kernel = np.zeros((12, 12, 3, 2), np.float32)
    kernel[4:8, 2:6, :, 0] = 1.0
    kernel[..., 1] = 0.01
    model.layers[-1].set_weights([kernel.reshape(-1, 2), np.zeros(2, np.float32)])
    return model


class _float64:
    def __init__(self, keras):
        self.keras, self.before = keras, keras.config.dtype_policy()

    def __enter__(self):
        self.keras.config.set_dtype_policy("float64")

    def __exit__(self, *_):
        self.keras.config.set_dtype_policy(self.before)


def _draw(model, seed):
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights(
            [rng.normal(0, 1 / np.sqrt(max(1, np.prod(w.shape[:-1]))), w.shape) for w in layer.get_weights()]
        )
