"""How quick and how large the Taylor coefficients are: ``python tests/benchmarks/bench_taylor.py``.

Everything is measured in one run on this machine, round by round, so that the ratios mean something where the seconds
do not. Printed are medians over the rounds.
"""

import statistics
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.course.backend import keras, tf
from helpers.taylor.expansion import taylor_coefficients
from helpers.taylor.networks import build_network, dense_network

INPUTS, EVENTS, ROUNDS = 30, 50_000, 5


def nested_tapes(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """The textbook form: for each first derivative a pair of tapes, the outer one differentiates it once more."""
    inputs = tf.constant(inputs)
    rows = []
    for i in range(inputs.shape[1]):
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                values = model(inputs)[:, 0]
            first = inner.gradient(values, inputs)[:, i]
        rows.append(tf.reduce_mean(tf.abs(outer.gradient(first, inputs)), axis=0))
    return np.stack(rows)


def persistent_tape(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """The thriftier form: the first derivatives are taken once, and one outer tape is asked 30 times."""
    inputs = tf.constant(inputs)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            values = model(inputs)[:, 0]
        gradient = inner.gradient(values, inputs)
        columns = [gradient[:, i] for i in range(inputs.shape[1])]
    return np.stack([tf.reduce_mean(tf.abs(outer.gradient(column, inputs)), axis=0) for column in columns])


def medians(cases: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each case, by the clock and of processor time.

    The cases take turns, so that a busy moment of the machine hits all of them. On a machine that others use at the
    same time the processor seconds are the fairer comparison: TensorFlow's many threads get a larger share of it.
    """
    seconds = {name: [] for name in cases}
    processor = {name: [] for name in cases}
    for case in cases.values():
        case()  # compile and warm up
    for _ in range(rounds):
        for name, case in cases.items():
            start, start_processor = time.perf_counter(), time.process_time()
            case()
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - start_processor)
    return tuple({name: statistics.median(values) for name, values in group.items()} for group in (seconds, processor))


def resident() -> float:
    """Resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def growth(case: Callable[[], object]) -> float:
    """By how much the resident memory rises at most while a case runs, in MB."""
    before, highest, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            highest[0] = max(highest[0], resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        case()
    finally:
        done.set()
        watcher.join()
    return highest[0]


def main() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((EVENTS, INPUTS), dtype=np.float32)
    model = build_network(INPUTS, (100,))
    network = dense_network(model)
    pair_kernels = generator.standard_normal((100, INPUTS * (INPUTS + 1) // 2), dtype=np.float32)
    block = generator.standard_normal((5_000, 100), dtype=np.float32)

    def products() -> None:
        for _ in range(EVENTS // len(block)):
            block @ pair_kernels

    print(f"495 coefficients of a 30-100-1 network over {EVENTS} events, medians of {ROUNDS} rounds")
    defined = generator.uniform(size=inputs.shape) < np.where(np.arange(INPUTS) < 10, 0.3, 1)
    closed, bare, masked = (
        "closed form",
        "the matrix products alone",
        "closed form, a third of the inputs often undefined",
    )
    tapes, thrifty = "nested tapes, loop over 30 first derivatives", "the same loop on one persistent tape"
    seconds, processor = medians(
        {
            closed: lambda: taylor_coefficients(network, inputs),
            masked: lambda: taylor_coefficients(network, inputs, defined=defined),
            tapes: lambda: nested_tapes(model, inputs),
            thrifty: lambda: persistent_tape(model, inputs),
            bare: products,
        }
    )
    for name, value in seconds.items():
        print(f"  {name:<50} {value:6.3f} s, {processor[name]:6.3f} s of processor time")
    print(f"  closed form against nested tapes: {seconds[tapes] / seconds[closed]:.1f} times faster (wanted: 10),")
    print(f"    in processor time {processor[tapes] / processor[closed]:.1f} times")
    print(f"  closed form against the persistent tape: {seconds[thrifty] / seconds[closed]:.1f} times faster")
    print(f"  closed form against the matrix products alone: {seconds[closed] / seconds[bare]:.1f} times as long")

    print(
        f"  with undefined inputs: {processor[masked] / processor[closed]:.2f} times the processor time (wanted: 1.3)"
    )

    print("Deeper networks over 5000 events")
    for hidden in ((100, 100), (100, 100, 100)):
        deep = build_network(INPUTS, hidden)
        plain = dense_network(deep)
        few = inputs[:5_000]
        case, _ = medians(
            {
                closed: lambda plain=plain, few=few: taylor_coefficients(plain, few),
                thrifty: lambda deep=deep, few=few: persistent_tape(deep, few),
            },
            rounds=3,
        )
        shape = "-".join(str(size) for size in (INPUTS, *hidden, 1))
        print(
            f"  {shape:<20} {case[closed]:.3f} s, {case[thrifty] / case[closed]:.1f} times faster than the persistent tape"
        )

    print("Memory of the computation, without the events themselves (wanted: below 150 MB)")
    for hidden in ((100,), (100, 100)):
        plain = dense_network(build_network(INPUTS, hidden))
        for events in (25_000, 100_000) if len(hidden) == 1 else (5_000, 20_000):
            many = generator.standard_normal((events, INPUTS), dtype=np.float32)
            risen = growth(lambda plain=plain, many=many: taylor_coefficients(plain, many))
            tracemalloc.start()
            taylor_coefficients(plain, many)
            peak = tracemalloc.get_traced_memory()[1] / 1e6
            tracemalloc.stop()
            shape = "-".join(str(size) for size in (INPUTS, *hidden, 1))
            print(f"  {shape:<12} {events:>7} events: {peak:4.0f} MB of arrays, the process grew by {risen:4.0f} MB")


if __name__ == "__main__":
    main()
