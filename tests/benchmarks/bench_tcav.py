"""How quick TCAV is, what dominates, and how much memory it takes: ``python tests/benchmarks/bench_tcav.py``.

Time: one concept against 20 random counterparts, 50 pictures a set and 100 pictures of the class, on a network of the
size of the toy world's (64 x 64 pixels, convolutions of 16, 32 and 64 channels). The budget is 10 s for the first call,
compiling included. The shares say what dominates.

Memory: the peak of a process of its own that scores one concept on VGG16, whose dense weights are drawn at random; only
their size counts. The budget is 1.5 GiB. Flattened activations of an early layer are refused before they take any.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_lrp import full_size_network
from measure_vgg16_memory import peak_mib

from helpers.course.backend import keras
from helpers.tcav.runs import compare_with_random
from helpers.tcav.scores import activations, logit_gradients
from helpers.vgg16.networks import gap_network

SET, COUNTERPARTS, CLASS = 50, 20, 100
LAYERS = ("conv1", "conv2", "conv3")
TIME_BUDGET, MEMORY_BUDGET, ROUNDS = 10, 1536, 3
CASES = ("import", "gap", "full")


def world_network() -> keras.Model:
    inputs = x = keras.Input((64, 64, 3))
    for name, channels in zip(LAYERS, (16, 32, 64), strict=True):
        x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Dense(32, activation="relu")(x)))


def seconds(function: Callable) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def one_concept(model, layers, concept, random, pictures, pooling="mean", **options) -> list:
    """All that the tests of a concept take, from pictures on."""
    return compare_with_random(
        {"c": activations(model, layers, concept, pooling=pooling)},
        activations(model, layers, random, pooling=pooling),
        {"k": logit_gradients(model, layers, pictures, 0, pooling=pooling)},
        **options,
    )


def speed(concept_pictures: int) -> None:
    rng = np.random.default_rng(0)
    draw = lambda count: rng.normal(size=(count, 64, 64, 3)).astype(np.float32)  # noqa: E731
    concept, random, pictures = draw(concept_pictures), draw(2 * COUNTERPARTS * SET), draw(CLASS)
    model = world_network()
    given = model, ["conv2"], concept, random, pictures
    first, tests = seconds(lambda: one_concept(*given, counterparts=COUNTERPARTS, size=SET))
    print(
        f"  {concept_pictures} concept pictures, {len(random)} random, first call {first:.1f} s (budget {TIME_BUDGET} s)"
    )
    times = {"activations": [], "gradients": [], "classifiers and test": []}
    for _ in range(ROUNDS):
        spent, found = seconds(lambda: [activations(model, "conv2", images) for images in (concept, random)])
        times["activations"].append(spent)
        spent, gradients = seconds(lambda: logit_gradients(model, "conv2", pictures, 0))
        times["gradients"].append(spent)
        arrays = {"c": {"conv2": found[0]}}, {"conv2": found[1]}, {"k": {"conv2": gradients}}
        spent, again = seconds(lambda arrays=arrays: compare_with_random(*arrays, counterparts=COUNTERPARTS, size=SET))
        times["classifiers and test"].append(spent)
        assert np.allclose(again[0].scores, tests[0].scores)
    medians = {name: statistics.median(values) for name, values in times.items()}
    total = sum(medians.values())
    for name, median in medians.items():
        print(f"    {name:22} {median:6.2f} s  {median / total:4.0%}")


def memory(case: str) -> None:
    """Peak of this process in MiB after one concept was scored."""
    if case != "import":
        network = gap_network() if case == "gap" else None
        model = network.model if network else full_size_network()
        size = model.inputs[0].shape[1]
        rng = np.random.default_rng(0)
        draw = lambda count: rng.uniform(-100, 130, (count, size, size, 3)).astype(np.float32)  # noqa: E731
        concept, random, pictures = draw(30), draw(40), draw(10)
        refused = 0
        for layers, pooling in ((["block1_conv2", "block3_conv3", "block5_conv3"], "mean"), (["block5_conv3"], None)):
            one_concept(model, layers, concept, random, pictures, pooling, counterparts=2, size=10)
        try:
            activations(model, "block1_conv2", np.concatenate([concept, random]), pooling=None)
        except ValueError:
            refused += 1
        print(f"flattened block1_conv2 of 70 pictures {'refused' if refused else 'taken'};", end=" ")
    print(f"peak {peak_mib():.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    case = parser.parse_args().case
    if case:
        memory(case)
        return
    print(f"one concept, {COUNTERPARTS} counterparts of {SET} pictures, {CLASS} pictures of the class:")
    for count in (SET, COUNTERPARTS * SET):
        speed(count)
    print(f"VGG16, three layers pooled and the last one flattened (budget {MEMORY_BUDGET} MiB):")
    for name in CASES:
        run = subprocess.run([sys.executable, __file__, "--case", name], capture_output=True, text=True, check=True)
        print(f"  {name:8} {run.stdout.splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
