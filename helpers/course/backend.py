"""TensorFlow and Keras, imported quietly, and the one place where seeds are set.

Modules that need TensorFlow write ``from helpers.course.backend import keras, tf``; no other module imports them, so
that ``import helpers`` stays quick. TensorFlow's C++ side prints its start-up notes on the file descriptor of stderr,
past Python and past ``TF_CPP_MIN_LOG_LEVEL``, and a notebook would store them as output. They are held back here while
it starts; anything else that is written there meanwhile is passed on.

Whatever a file ``~/.keras/keras.json`` or the environment says of other work, the course runs on TensorFlow with channels
last, in single precision, and trains for as long as it says; ``python -m helpers.check`` mentions what was found.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import random
import re
import sys
import tempfile
import weakref

import numpy as np

from helpers.course.arguments import seed_number

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # must stand before the first import of TensorFlow
os.environ["KERAS_BACKEND"] = "tensorflow"  # goes before what keras.json says
for limit in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
    os.environ.pop(limit, None)
# oneDNN's own allocator keeps all memory it was ever given; the system's can return what is let go
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")


def _return_large_blocks() -> None:
    """Ask the C library (glibc; others have no mallopt) to return blocks of 16 MiB and more as soon as they are free, to
    keep at most 64 MiB at its end, and one pool instead of one for every thread.

    Smaller limits save more memory, but then every pass through VGG16 has its maps of 12 MiB zeroed by the system anew,
    and relevance propagation takes 1.4 times as long.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 16 * 2**20)  # M_MMAP_THRESHOLD in malloc.h
        mallopt(-1, 64 * 2**20)  # M_TRIM_THRESHOLD
        mallopt(-8, 1)  # M_ARENA_MAX


_return_large_blocks()

_START_UP_NOTES = re.compile(
    r"oneDNN custom operations are on|All log messages before absl::InitializeLog|cpu_feature_guard|"
    r"optimized to use available CPU instructions|rebuild TensorFlow with the appropriate compiler flags|"
    r"oneDNN supports DT_HALF only|Could not find cuda drivers|Cannot dlopen some GPU libraries|^\s*$"
)


@contextlib.contextmanager
def _without_start_up_notes():
    """Hold back what is written to file descriptor 2, then pass on every line that is not a known start-up note."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        original = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines():
                if not _START_UP_NOTES.search(line):
                    print(line, file=sys.stderr)


with _without_start_up_notes():
    tf = importlib.import_module("tensorflow")
    keras = importlib.import_module("keras")
    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            f"Keras already runs on {keras.backend.backend()}, and the course needs TensorFlow: restart the kernel, and "
            "import helpers before keras."
        )
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    tf.get_logger().setLevel("ERROR")  # among its warnings: that compiling one function a layer may be a mistake
    # the first operations start the runtime, which prints the same notes again, and one on half precision
    tf.constant(0.0)
    tf.constant(0.0, tf.float16)


def computes_with_onednn() -> bool:
    """Whether TensorFlow hands its convolutions to oneDNN, which is quick at other forms of them than its own code.

    Where TensorFlow no longer has the function, which is not a public one, the answer is no: only time depends on it.
    """
    with contextlib.suppress(ImportError, AttributeError):
        return bool(importlib.import_module("tensorflow.python.util._pywrap_util_port").IsMklEnabled())
    return False


def set_seeds(seed: int = 2024) -> None:
    """Seed Python, NumPy and TensorFlow.

    Every notebook calls this once at its top. On one machine a second run then prints the same digits; between
    machines the last digits of float32 sums may differ.
    """
    seed = seed_number(seed)
    random.seed(seed)
    np.random.seed(seed)
    keras.utils.set_random_seed(seed)


_gone: list = []  # handles and types of weights that nobody holds any more


def empty_when_gone(model: keras.Model) -> None:
    """Have :func:`let_go` empty the model's weights once nobody holds them.

    For models that went through a ``tf.custom_gradient``: TensorFlow never forgets one, and through its graph keeps
    their weights, 310 MB for each full VGG16. They are not emptied at the moment they go: that can be in the middle of
    TensorFlow's own work, which then waits for itself.
    """
    for weight in model.weights:
        weakref.finalize(weight, _gone.append, (weight.value.handle, weight.value.dtype)).atexit = False


def let_go() -> None:
    """Give back the memory of networks that nobody uses any more; called before another one is built.

    A model is collected first, then the functions compiled for it, then its layers, so three rounds are needed. What is
    freed stays with the process unless the C library is asked to return it, which glibc can.
    """
    for _ in range(3):
        gc.collect()
    while _gone:
        handle, dtype = _gone.pop()
        tf.raw_ops.AssignVariableOp(resource=handle, value=tf.zeros((0,), dtype))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
