"""How quick relevance propagation is on VGG16, and how much memory it takes: ``python tests/benchmarks/bench_lrp.py``.

Times are medians over rounds in which every method has one turn, so that the ratios mean something where the seconds do
not. A ratio to the input gradient depends on how well the convolution's gradient is computed: with oneDNN, TensorFlow's
default on x86, it costs as much as the convolution, the input gradient is 2 forward passes, and a relevance pass with
one more product per layer cannot go below 1.5. With TensorFlow's own convolutions (TF_ENABLE_ONEDNN_OPTS=0) everything
takes longer, the gradient most, and the ratios fall. Both are printed, and the number of forward passes. Processor time,
which other programs on the machine hardly disturb, gives the same ratios a second time.

Memory is the peak of a process of its own with the full VGG16 at 224 x 224 pixels; its dense weights are drawn at
random, since only their size counts.
"""

import os
import resource
import statistics
import subprocess
import sys
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
BUDGETS = {"EpsilonPlusFlat": 1.4, "EpsilonAlpha2Beta1": 2.0}  # input gradients
MEMORY_BUDGET = 1536  # MiB


def rounds(functions: dict[str, Callable], clock: Callable) -> dict[str, float]:
    """Median time of every function; in each round all of them run, one after the other."""
    times = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = clock()
            function()
            times[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}


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
    functions = {"forward pass": forward, GRADIENT: gradient}
    functions |= {name: lambda rule=rule: lrp(model, x, 0, rule) for name, rule in COMPOSITES.items()}
    functions["guided backpropagation"] = lambda: guided_backpropagation(model, x, 0)
    functions["deconvnet"] = lambda: deconvnet(model, x, 0)
    first = {}
    for name, function in functions.items():
        start = time.perf_counter()
        function()
        first[name] = time.perf_counter() - start
    made = len(networks._kept[model])
    wall, processor = rounds(functions, time.perf_counter), rounds(functions, time.process_time)
    print(f"{'':26}   seconds  forward passes   gradients (of processor time)  budget   first call")
    for name in functions:
        budget = f"{BUDGETS[name]:.1f}" if name in BUDGETS else ""
        print(
            f"  {name:24} {wall[name]:9.3f} {wall[name] / wall['forward pass']:15.2f} {wall[name] / wall[GRADIENT]:11.2f} "
            f"{processor[name] / processor[GRADIENT]:20.2f} {budget:>7} {first[name]:10.1f} s"
        )
    lrp(model, np.concatenate([x, x, x]), [0, 1, 2], epsilon_plus_flat())
    lrp(model, x, 0, epsilon_plus_flat(dense_epsilon=0.25))
    print(f"  compiled once each: {made == len(networks._kept[model])} (budget for a first call: 5 s)")


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
    for value, words in (("1", "oneDNN, the default on x86"), ("0", "without oneDNN")):
        print(f"speed, {words}:", flush=True)
        environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": value}
        subprocess.run([sys.executable, __file__, "speed"], env=environment, check=True)
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
