"""TensorFlow starts without a word, and settings of other work, in Keras' own file or in the environment, change nothing."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.course import backend

ROOT = Path(__file__).parents[2]
SAY = """
from helpers.course.backend import keras, np, set_seeds
set_seeds(1)
layer = keras.layers.Conv2D(2, 3)
layer.build((None, 8, 6, 3))
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
epochs = len(model.fit(np.zeros((1, 1)), np.zeros(1), epochs=3, verbose=0).epoch)
print(keras.backend.backend(), layer.kernel.dtype, layer.data_format, model.inputs[0].dtype, epochs)
"""


def run(tmp_path, settings, **environment):
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_HOME": str(tmp_path), **environment}
    return subprocess.run([sys.executable, "-c", SAY], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        (
            {"backend": "jax", "image_data_format": "channels_first", "floatx": "float64"},
            {"KERAS_BACKEND": "", "KERAS_MAX_EPOCHS": "1"},
        ),
        ({"floatx": "float16"}, {"KERAS_BACKEND": "torch"}),
    ],
)
def test_the_course_has_its_own_settings(tmp_path, settings, environment):
    done = run(tmp_path, settings, **environment)
    assert (done.stdout.strip(), done.stderr) == ("tensorflow float32 channels_last float32 3", "")


def test_a_keras_that_already_runs_on_something_else_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(backend.keras.backend, "backend", lambda: "jax")
    once_more = importlib.util.spec_from_file_location("once_more", backend.__file__)
    with pytest.raises(
        ImportError, match="^Keras already runs on jax, and the course needs TensorFlow: restart the kern"
    ):
        once_more.loader.exec_module(importlib.util.module_from_spec(once_more))
