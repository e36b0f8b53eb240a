"""How quick relevance propagation is on VGG16, and how much memory it takes: ``python tests/benchmarks/bench_lrp.py``.

Times are medians over rounds in which every method has one turn, so that the ratios mean something where the seconds do
not. A ratio to the input gradient depends on how TensorFlow computes a convolution and its gradient, so four kinds of
arithmetic are timed: oneDNN with all the processor has and with AVX2 only, and with either TensorFlow's own convolutions,
its default on x86 without AVX-512 or AVX-VNNI. A pass with relevance has three products per layer where the rule asks for
one more sum, and four with alpha-beta; a gradient has two. Where all cost the same, the ratios are 1.5 and 2 and a gradient
is two forward passes. Seconds are those of the clock, all ratios are of processor time, which other programs on the
machine hardly disturb.

zennit, the same rules in PyTorch, takes its turn in every round where COURSE_ZENNIT_PYTHON names a Python that has it:

    python -m venv elsewhere && elsewhere/bin/pip install torch zennit
    COURSE_ZENNIT_PYTHON=elsewhere/bin/python python tests/benchmarks/bench_lrp.py

Memory is the peak of a process of its own with the full VGG16 at 224 x 224 pixels; its dense weights are drawn at
random, since only their size counts.
"""

import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.course import networks
from helpers.course.backend import keras, tf
from helpers.lrp.explanation import explain, lrp
from helpers.lrp.gradients import deconvnet, guided_backpropagation
from helpers.lrp.rules import (
    epsilon_alpha2beta1,
    epsilon_alpha2beta1_flat,
    epsilon_gamma_box,
    epsilon_plus,
    epsilon_plus_flat,
)
from helpers.photos.images import sample_photo
from helpers.vgg16.gradients import BLACK, WHITE, integrated_gradients
from helpers.vgg16.half_dense import HalfPrecisionDense
from helpers.vgg16.networks import convolutional_part, vgg16

ROUNDS = 9
GRADIENT = "input gradient"
COMPOSITES = {
    "EpsilonPlus": epsilon_plus(),
    "EpsilonPlusFlat": epsilon_plus_flat(),
    "EpsilonAlpha2Beta1": epsilon_alpha2beta1(),
    "EpsilonAlpha2Beta1Flat": epsilon_alpha2beta1_flat(),
    "EpsilonGammaBox": epsilon_gamma_box(BLACK, WHITE),
}
FORWARD = "forward pass"
BUDGETS = {"EpsilonPlusFlat": 1.2, "EpsilonAlpha2Beta1": 1.75}  # input gradients
GRADIENT_BUDGET = 2.2  # forward passes
FIRST_CALL_BUDGET = 1.5  # seconds
MEMORY_BUDGET = 1536  # MiB
ARITHMETICS = {
    "oneDNN, all that the processor has": {"TF_ENABLE_ONEDNN_OPTS": "1"},
    "oneDNN, AVX2": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "without oneDNN, AVX2": {"TF_ENABLE_ONEDNN_OPTS": "0", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}
ZENNIT = os.environ.get("COURSE_ZENNIT_PYTHON")
CLOCKS = (time.perf_counter, time.process_time)


def timed(function: Callable) -> tuple[float, ...]:
    """Seconds by the clock and of the processor."""
    start = [clock() for clock in CLOCKS]
    function()
    return tuple(clock() - begun for clock, begun in zip(CLOCKS, start, strict=True))


def medians(turns: dict[str, Callable]) -> dict[str, tuple[float, ...]]:
    """Median times of every method; in each round all of them run, one after the other."""
    times = {name: [] for name in turns}
    for _ in range(ROUNDS):
        for name, turn in turns.items():
            times[name].append(turn())
    return {name: tuple(map(statistics.median, zip(*taken, strict=True))) for name, taken in times.items()}


@contextlib.contextmanager
def zennit(model, x, target: int):
    """Methods of zennit by name, each a function that runs it and returns its times, and one for the last result."""
    with tempfile.TemporaryDirectory() as folder:
        arrays = {"picture": x, "target": target}
        for number, layer in enumerate(layer for layer in model.layers if layer.weights):
            arrays[f"kernel{number}"], arrays[f"bias{number}"] = layer.get_weights()
        np.savez(Path(folder) / "network.npz", **arrays)
        worker = [ZENNIT, Path(__file__).with_name("zennit_worker.py"), folder]
        with subprocess.Popen(worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

            def ask(name: str) -> tuple[float, ...]:
                process.stdin.write(name + "\n")
                return tuple(map(float, process.stdout.readline().split()))

            yield ask, lambda: np.load(Path(folder) / "result.npy")
            process.stdin.close()


def compiled_gradient(model, x, target: int) -> Callable:
    signature = [tf.TensorSpec((None, *x.shape[1:]), tf.float32)]

    @tf.function(input_signature=signature)
    def gradient(x):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            score = model(x, training=False)[:, target]
        return tape.gradient(score, x)

    forward = tf.function(lambda x: model(x, training=False), input_signature=signature, autograph=False)
    return (lambda: forward(x).numpy()), (lambda: gradient(x).numpy())


def speed() -> None:
    network = vgg16("gap", quiet=True)
    model, x = network.model, network.preprocess(sample_photo("cat", network.input_size))
    forward, gradient = compiled_gradient(model, x, 0)
    functions = {FORWARD: forward, GRADIENT: gradient}
    functions |= {name: lambda rule=rule: lrp(model, x, 0, rule) for name, rule in COMPOSITES.items()}
    functions["guided backpropagation"] = lambda: guided_backpropagation(model, x, 0)
    functions["deconvnet"] = lambda: deconvnet(model, x, 0)
    turns = {name: lambda function=function: timed(function) for name, function in functions.items()}
    first = {name: turn()[0] for name, turn in turns.items()}
    with zennit(model, x, 0) if ZENNIT else contextlib.nullcontext() as other:
        if other is not None:
            ask, result = other
            theirs = {f"zennit: {name}": lambda name=name: ask(name) for name in (FORWARD, GRADIENT, *BUDGETS)}
            first |= {name: turn()[0] for name, turn in theirs.items()}
            turns |= theirs
        taken = medians(turns)
        print(f"  {'':28}   seconds  forward passes   gradients   budget   first call")
        for name, (wall, processor) in taken.items():
            passes, gradients = (processor / taken[unit][1] for unit in (FORWARD, GRADIENT))
            budget = f"{BUDGETS.get(name, '')}" if name != GRADIENT else f"{GRADIENT_BUDGET} fw."
            print(f"  {name:28} {wall:9.3f} {passes:15.2f} {gradients:11.2f} {budget:>8} {first[name]:10.1f} s")
        if other is not None:
            for name in BUDGETS:
                ask(name)
                ours, other_map = lrp(model, x, 0, COMPOSITES[name]), result()
                apart = np.abs(ours - other_map).max() / np.abs(ours).max()
                print(f"  {name}: largest difference to zennit's relevance {apart:.1e} of the largest value")
    lrp(model, x, 0, epsilon_plus_flat(dense_epsilon=0.25))
    made = len(networks._kept[model].made)
    lrp(model, np.concatenate([x, x, x]), [0, 1, 2], epsilon_plus_flat(dense_epsilon=0.5))
    once = made == len(networks._kept[model].made)
    print(f"  compiled once for all pictures and epsilons: {once} (budget for a first call: {FIRST_CALL_BUDGET} s)")


def full_size_network() -> keras.Model:
    inputs, x = convolutional_part(224)
    x = keras.layers.Flatten()(x)
    for seed, (units, activation) in enumerate(((4096, "relu"), (4096, "relu"), (1000, None))):
        layer = HalfPrecisionDense(units, activation)
        x = layer(x)
        layer.draw_kernel(seed)
    model = keras.Model(inputs, x)
    model.trainable = False
    return model


def memory(name: str) -> None:
    """One method on the full network, twice, then the peak of this process in MiB."""
    model = full_size_network()
    x = np.random.default_rng(0).uniform(-100, 130, (2, 224, 224, 3)).astype(np.float32)
    for _ in range(2):
        if name == "integrated gradients":
            integrated_gradients(model, x, 0, steps=4)
        elif name == "every layer and the ledger":
            explain(model, x[:1], 0, COMPOSITES["EpsilonAlpha2Beta1"])
        else:
            lrp(model, x, 0, COMPOSITES[name])
    scale = 1 if sys.platform == "darwin" else 1024
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**20))


def main() -> None:
    for words, settings in ARITHMETICS.items():
        print(f"speed, {words}:", flush=True)
        subprocess.run([sys.executable, __file__, "speed"], env=os.environ | settings, check=True)
    print(f"full VGG16, two pictures, peak of the process (budget {MEMORY_BUDGET} MiB):")
    for name in (*COMPOSITES, "integrated gradients", "every layer and the ledger"):
        run = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
        print(f"  {name:26} {run.stdout.split()[-1]} MiB")


if __name__ == "__main__":
    if sys.argv[1:] == ["speed"]:
        speed()
    elif len(sys.argv) > 1:
        memory(sys.argv[1])
    else:
        main()
