"""How often does TCAV find what is true, and how often what is not? Null and power of the tests of notebook 3.

    python data/scores/concept_power.py --cache FOLDER [--seeds 40]

Writes ``concept-power.json`` beside itself. The network for coats is asked at ``conv4`` about two concepts that it must
know, *striped* and *spotted*, each for its own class (the true pairs); about *lettered* and *zigzag*, which no animal
wears; and about *red* and *brick*, which every coat and every animal may have. A row is a way to do the experiment: so
many runs of so many pictures a side, from so many pictures of the concept. Every experiment draws its pictures anew from
a pool, so that two of them share a fifth or less. In the concept's place random scenes give the *null*.

The pool of 3,000 pictures of each concept and 9,600 random ones takes a quarter of an hour to draw, and is kept in the
cache with every finished row, so an interrupted run goes on where it stopped.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from helpers.sanity.tables import Table, format_table, write_table
from helpers.tcav.runs import compare_with_random
from helpers.tcav.scores import activations, logit_gradients
from helpers.tcav.significance import LEVEL, compare_scores
from helpers.toyworld.concepts import concept_set, random_set
from helpers.toyworld.network import toyworld_network
from helpers.toyworld.world import make_world

LAYER, PART = "conv4", 200
TRUE = ("striped", "spotted")
OTHERS = ("lettered", "red", "brick", "zigzag")  # decoys, a background, and a decoy that is like stripes
NAMES = (*TRUE, *OTHERS)
TESTS = 16  # that p is multiplied by: four concepts and four classes, as in the notebook
POOL, RANDOM_POOL = 3000, 9600
WAYS = ((20, 30, 600), (30, 30, 600), (20, 30, 300), (10, 20, 200))  # runs, pictures a side, of how many
COLUMNS = {
    "both true pairs": "share of experiments in which striped and spotted are both above random for their own class",
    "striped": "share in which striped is above random for the striped class",
    "spotted": "share in which spotted is above random for the spotted class",
    **{
        name: f"share of the tests of {name}, one for each of four classes, that come out significant"
        for name in OTHERS
    },
    "null, p < 0.05": "share of tests of random scenes in a concept's place with p below 0.05, nothing corrected",
    "null, significant": "the same after the gate (a vector above chance) and the correction for the number of tests",
    "p, overlap": "median over the true pairs of p as used, divided by that of Welch's t-test, which knows of no overlap",
}


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def pool(cache: Path, judge, name: str, count: int) -> np.ndarray:
    """Activations (count, 64) of pictures of a concept, or of random scenes; drawn in parts, and kept."""
    parts = []
    for number in range(-(-count // PART)):
        path = cache / f"{name}-{number}.npy"
        if not path.is_file():
            draw = random_set if name == "random" else lambda *how, **more: concept_set(name, *how, **more)
            pictures = draw(PART, seed=1000 + number, source="world")
            np.save(path, activations(judge.model, LAYER, pictures, preprocess=judge.preprocess))
            say(path.name)
        parts.append(np.load(path))
    return np.concatenate(parts)[:count]


def experiment(pools, slopes, runs: int, size: int, own: int, seed: int) -> dict[str, object]:
    """One experiment as the notebook does it, and one with random scenes in the concepts' place."""
    rng = np.random.default_rng(seed)
    drawn = {name: rng.permutation(pools[name])[:own] for name in NAMES}
    scenes = rng.permutation(pools["random"])
    nulls = {f"null {number}": scenes[number * own : (number + 1) * own] for number in range(2)}
    others = scenes[2 * own : 2 * own + 2 * runs * size]
    if len(others) < 2 * runs * size:
        raise ValueError("The random pool is too small for this way.")
    tests = compare_with_random(
        {name: {LAYER: values} for name, values in (drawn | nulls).items()},
        {LAYER: others},
        {name: {LAYER: values} for name, values in slopes.items()},
        counterparts=runs,
        size=size,
        seed=seed,
        comparisons=TESTS,
    )
    found = {(test.concept, test.class_name): test for test in tests}
    right = [found[name, name].significant and found[name, name].direction == "above" for name in TRUE]
    null = [test for test in tests if test.concept in nulls]
    return {
        "both true pairs": float(all(right)),
        "striped": float(right[0]),
        "spotted": float(right[1]),
        **{name: np.mean([test.significant for test in tests if test.concept == name]) for name in OTHERS},
        "null, p < 0.05": np.mean([test.p < LEVEL for test in null]),
        "null, significant": np.mean([test.significant for test in null]),
        "p, overlap": np.median([found[name, name].p / welch(found[name, name]) for name in TRUE]),
    } | {f"{name} for {kind}": float(test.significant) for (name, kind), test in found.items() if name in NAMES}


def welch(test) -> float:
    return compare_scores(test.scores, test.random_scores, 0)[0]


def row(cache: Path, pools, slopes, way, seeds: int) -> dict[str, tuple[float, float]]:
    path = cache / "way-{}-{}-{}.npz".format(*way)
    done = dict(np.load(path)) if path.is_file() else {}
    for seed in range(len(next(iter(done.values()), [])), seeds):
        for name, value in experiment(pools, slopes, *way, seed).items():
            done[name] = np.append(done.get(name, []), value)
        np.savez(path, **done)
    say("{} runs of {} from {}: ".format(*way) + ", ".join(f"{k} {v.mean():.3f}" for k, v in done.items()))
    return {name: (values.mean(), values.std(ddof=1) / np.sqrt(len(values))) for name, values in done.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder for what has been computed")
    parser.add_argument("--seeds", type=int, default=40, help="experiments for each row")
    parser.add_argument("--dest", type=Path, default=HERE, help="folder for the table")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    judge = toyworld_network("coats")
    world = make_world(600, seed=2024)
    seen, coat = judge.recognised(world), world.names("coat")
    slopes = {
        name: logit_gradients(
            judge.model,
            LAYER,
            world.pictures[seen & (coat == name)][:100],
            judge.class_index(name),
            preprocess=judge.preprocess,
        )
        for name in judge.labels
    }
    pools = {name: pool(arguments.cache, judge, name, POOL) for name in NAMES}
    pools["random"] = pool(arguments.cache, judge, "random", RANDOM_POOL)
    rows = {}
    for way in WAYS:
        found = row(arguments.cache, pools, slopes, way, arguments.seeds)
        rows["{} runs of {} from {}".format(*way)] = {name: found[name] for name in COLUMNS}
    made = {"network": "toy world, 'coats'", "layer": LAYER, "seeds": arguments.seeds, "pool": POOL}
    made |= {"command": f"python data/scores/concept_power.py --seeds {arguments.seeds}"}
    table = Table("TCAV in the toy world: null and power", COLUMNS, rows, {}, made)
    write_table(table, arguments.dest / "concept-power.json")
    print(format_table(table))


if __name__ == "__main__":
    main()
