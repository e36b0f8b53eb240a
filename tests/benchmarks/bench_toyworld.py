"""How quickly the toy world is drawn: ``python tests/benchmarks/bench_toyworld.py``."""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.toyworld.concepts import CONCEPTS, concept_set
from helpers.toyworld.world import Watermark, make_world, swap_coats, without_watermark

COUNT = 5000


def seconds(function) -> float:
    """Median of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    start = time.perf_counter()
    make_world(1)
    print(f"the first picture, animals prepared: {time.perf_counter() - start:.1f} s (wanted: below 3)")
    whole = seconds(lambda: make_world(COUNT, watermark=Watermark("horse")))
    print(f"{COUNT:,} pictures: {whole:.1f} s (wanted: below 10)")
    world = make_world(COUNT, watermark=Watermark("horse"))
    for name, function in (("without the tag", without_watermark), ("coats swapped", swap_coats)):
        print(f"  the same {name}: {seconds(lambda function=function: function(world)) / whole:.2f} of that")
    sets = seconds(lambda: [concept_set(name, 50) for name in CONCEPTS])
    print(f"50 pictures of each of {len(CONCEPTS)} concepts: {sets:.1f} s (wanted: below 3)")


if __name__ == "__main__":
    main()
