"""Score all attribution methods where the truth is known, on photographs and in the toy world; write the tables.

    python data/scores/make_tables.py --cache FOLDER [--only one-thing] [--size 160] [--scenes 200]

Writes, beside itself,

* ``one-thing.json``: collages of one thing whose class VGG16-GAP puts first; pixel flipping on some of them;
* ``two-things.json``: collages of two things whose classes are both among its first five; the map of each class must lie
  on its own thing;
* ``sanity.json``: how alike the maps of some of the collages of one thing are to those with all weights re-drawn;
* ``cascade.json``: the same on the way there, as the layers are re-drawn from the logits down, for six methods,
  without those that average many gradients; stored at 224 pixels, where it takes eight minutes of one processor;
* ``world-coats.json``, ``world-outlines.json``: the toy world's networks; the map must lie on the animal;
* ``world-tag.json``, ``world-tag-unread.json``: marked horses, whose maps must lie on the tag, by the network that reads it,
  and must not, by the one that never saw it;
* ``world-sanity.json``: as ``sanity.json``, for the network that reads coats.

The photographs take about half an hour on two free cores at 160 pixels (reckoned from the time of one gradient) and
twice that at 224; on a busy machine several times as long. The world takes two minutes. What has been computed is kept in
the cache folder, one file for each table and method, so an interrupted run goes on where it stopped.
Every random choice is seeded.
"""

import argparse
import hashlib
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from flipping import (
    BACKGROUNDS,
    FLIPPING,
    MEASURES,
    SANITY,
    SIZES,
    TOP,
    cascade_curves,
    collage_scenes,
    flipping_rows,
    random_curves,
    sanity_row,
)

from helpers.course.backend import keras, tf
from helpers.sanity.methods import explainers
from helpers.sanity.tables import Table, format_table, write_table
from helpers.sanity.truth import MapScores, chance_levels, columns_for, explained, score_maps, summary, world_scenes
from helpers.toyworld.animals import OUTLINES
from helpers.toyworld.network import MARKED, toyworld_network
from helpers.toyworld.world import SIZE, Watermark, make_world
from helpers.vgg16.networks import vgg16

SEED = 20250111
SAMPLES = {"noisy_copies": 8, "path_steps": 6}
FLIPPED = {"tile": 8, "steps": 6, "fill": "blur", "draws": 2, "seed": SEED}
KINDS = {  # number of things, file, title
    "one-thing": (1, "one-thing", "collages of one thing"),
    "two-things": (2, "two-things", "collages of two things"),
    "sanity": (1, "sanity", "all weights re-drawn"),
    "cascade": (1, "cascade", "layers re-drawn from the logits down"),
}
CASCADE = (  # the methods of notebooks 2 and 3 that are shown layer by layer
    "gradient",
    "gradient x input",
    "guided backpropagation",
    "LRP EpsilonPlusFlat",
    "Grad-CAM",
    "Sobel edges",
)
STAGES = ("predictions", "block5_conv1", "block4_conv1", "block3_conv1", "block1_conv1")
SLOWEST = ("integrated gradients", "SmoothGrad", "occlusion")  # come last
DRAWS = 3  # sets of random weights
BATCH = 8


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def kept(cache: Path, name: str, settings: dict, make) -> dict[str, np.ndarray]:
    """What ``make()`` returns, from the cache if it is there with the same settings."""
    path, wanted = cache / f"{name}.npz", json.dumps(settings, sort_keys=True)
    if path.is_file():
        with np.load(path, allow_pickle=False) as file:
            if str(file["settings"]) == wanted:
                return {key: file[key] for key in file.files}
    start, found = time.perf_counter(), make()
    beside = cache / f"{name}.partial.npz"
    np.savez(beside, settings=wanted, **found)
    beside.replace(path)
    say(f"{name}: {time.perf_counter() - start:.0f} s")
    return found


def file_name(table: str, method: str) -> str:
    return f"{table}-{method.replace(' ', '-')}"


def methods_for(network, **options) -> dict:
    found = explainers(network.model, patch=network.input_size // 4, **SAMPLES, **options)
    return {
        name: found[name] for name in sorted(found, key=lambda name: SLOWEST.index(name) if name in SLOWEST else -1)
    }


def scored(model, methods, scenes, cache, prefix, settings, maps_kept, limits):
    """Row of every method, and its first maps; ``limits`` says of whom to ask for fewer maps."""
    rows, maps = {}, {}
    for name, explain in methods.items():
        asked = scenes[: limits[name] // scenes.targets.shape[1]] if name in limits else scenes

        def make(explain=explain, asked=asked):
            found = explained(model, explain, asked, BATCH)
            scores = score_maps(asked, found)
            return vars(scores) | {"maps": found[:maps_kept].astype(np.float32)}

        found = kept(cache, file_name(prefix, name), settings | {"scenes": len(asked)}, make)
        rows[name] = summary(
            MapScores(*(found[key] for key in ("scene", "own", "other", "place"))), columns_for(scenes)
        )
        maps[name] = found["maps"]
    return rows, maps


def flipped(model, scenes, maps, cache, prefix, settings, flips) -> dict:
    """Rows of pixel flipping. The random orders, the same for all methods, are measured once."""
    scene, thing = scenes.asked.T
    asked = model, scenes.images[scene], scenes.targets[scene, thing]
    found = kept(cache, f"{prefix}-at-random", settings, lambda: {"curves": random_curves(*asked, **flips)})
    random, rows = found["curves"], {}
    for name, part in maps.items():

        def measure(name=name, part=part):
            row = flipping_rows(model, scenes, {name: part}, random, **flips)[name]
            return {column: np.array(value) for column, value in row.items()}

        found = kept(cache, file_name(prefix, name), settings, measure)
        rows[name] = {column: tuple(map(float, found[column])) for column in FLIPPING}
    return rows


def checksum(model) -> str:
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()[:16]


def made_with(network: str, size: int, arguments, kind: str, **more) -> dict:
    command = f"python data/scores/make_tables.py --only {kind} --size {arguments.size} --scenes {arguments.scenes}"
    if arguments.sampled is not None:
        command += f" --sampled {arguments.sampled}"
    return {
        "network": network,
        "input_size": size,
        "seed": SEED,
        "samples": SAMPLES,
        "patch": size // 4,
        **more,
        "command": command,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    }


def photographs(arguments, kind: str) -> None:
    things, file, title = KINDS[kind]
    network = vgg16("gap", input_size=arguments.size, quiet=True)
    redrawn = kind in ("sanity", "cascade")
    methods = methods_for(network, batch_size=BATCH, from_one=redrawn)
    scenes, share = collage_scenes(network, arguments.scenes, things, SEED + things)
    say(f"{title}: {len(scenes)} collages, recognised in {share:.0%} of all tries")
    settings = {"size": arguments.size, "seed": SEED, "things": things, **SAMPLES}
    made = made_with(network.title, network.input_size, arguments, kind)
    if redrawn:
        shown = scenes[: arguments.sane]
        settings = {"size": arguments.size, "seed": SEED, "draws": DRAWS, "scenes": len(shown), "from": 1, **SAMPLES}
        measure = sanity if kind == "sanity" else cascade
        measure(network.model, methods, shown, arguments, file, settings, made)
        return
    limits = {"occlusion": arguments.occluded}
    if arguments.sampled is not None:
        limits |= dict.fromkeys(("SmoothGrad", "integrated gradients"), arguments.sampled)
    asked = "first" if TOP[things] == 1 else f"among the first {TOP[things]}"
    made |= {
        "scenes": len(scenes),
        "recognised": round(share, 4),
        "recognised_is": f"every class is {asked}",
        "sizes": SIZES[things],
        "backgrounds": BACKGROUNDS,
        "maps_at_most": limits,
    }
    count = min(arguments.flipped, *limits.values(), len(scenes)) if things == 1 else 0
    rows, maps = scored(network.model, methods, scenes, arguments.cache, file, settings, count, limits)
    columns, chance = columns_for(scenes), chance_levels(scenes)
    if count:
        settings |= FLIPPED | {"scenes": count}
        parts = network.model, scenes[:count], maps, arguments.cache, "flipping", settings, FLIPPED
        for name, row in flipped(*parts).items():
            rows[name] |= row
        columns |= FLIPPING
        chance |= dict.fromkeys(FLIPPING, 0.0)
        made |= {"flipping": FLIPPED | {"score": "logit", "scenes": count}}
    finish(Table(title, columns, rows, chance, made), arguments.dest / f"{file}.json")


def sanity(model, methods, scenes, arguments, file, settings, made) -> None:
    rows = {}
    for name, explain in methods.items():

        def compare(explain=explain):
            row = sanity_row(model, explain, scenes, DRAWS)
            return {column: np.array(value) for column, value in row.items()}

        found = kept(arguments.cache, file_name(file, name), settings, compare)
        rows[name] = {column: tuple(map(float, found[column])) for column in SANITY}
    made |= {"scenes": len(scenes), "sets_of_random_weights": DRAWS, "relevance_starts_at": 1}
    finish(Table("all weights re-drawn", dict(SANITY), rows, {}, made), arguments.dest / f"{file}.json")


def cascade(model, methods, scenes, arguments, file, settings, made) -> None:
    """Mean, and standard deviation over pictures and sets of weights, of the likeness at each stage."""
    rows, columns, undefined = {}, {}, {}
    for measure in MEASURES:
        columns |= {f"{measure}, {stage}": f"{SANITY[measure].split(';')[0]}, down to {stage}" for stage in STAGES}
    for name in CASCADE:

        def compare(explain=methods[name]):
            return cascade_curves(model, explain, scenes, DRAWS, STAGES)

        found = kept(arguments.cache, file_name(file, name), settings, compare)
        rows[name] = {
            f"{measure}, {stage}": (float(np.nanmean(values)), float(np.nanstd(values, ddof=1)))
            for measure in MEASURES
            for stage, values in zip(STAGES, found[measure], strict=True)
        }
        undefined[name] = np.isnan(found["spearman"]).mean(axis=1).round(3).tolist()
    made |= {"scenes": len(scenes), "sets_of_random_weights": DRAWS, "relevance_starts_at": 1, "spread": "deviation"}
    made["undefined"] = undefined  # share of the comparisons at each stage in which a map is the same everywhere
    finish(Table("layers re-drawn from the logits down", columns, rows, {}, made), arguments.dest / f"{file}.json")


def world(arguments) -> None:
    cases = (
        ("coats", "animal", None, "world-coats", "coats of the toy world"),
        ("outlines", "animal", None, "world-outlines", "outlines of the toy world"),
        ("outlines, watermark 1.0", "tag", MARKED, "world-tag", "tag on horses, network that reads it"),
        ("outlines", "tag", MARKED, "world-tag-unread", "tag on horses, network that never saw it"),
    )  # fmt: skip
    for name, truth, marked, file, title in cases:
        network = toyworld_network(name)
        pictures = make_world(
            arguments.scenes, SEED, watermark=marked and Watermark(marked), outlines=(marked,) if marked else OUTLINES
        )
        scenes, share = world_scenes(network, pictures, truth)
        say(f"{title}: {len(scenes)} pictures, {share:.0%} recognised")
        methods = methods_for(network, low=-1.0, high=1.0, batch_size=50)
        settings = {"world": SEED, "pictures": arguments.scenes, "weights": checksum(network.model), **SAMPLES}
        count, flips = min(arguments.flipped, len(scenes)), FLIPPED | {"tile": 4}
        rows, maps = scored(network.model, methods, scenes, arguments.cache, file, settings, count, {})
        settings |= flips | {"scenes": count}
        for method, row in flipped(
            network.model, scenes[:count], maps, arguments.cache, f"{file}-flipping", settings, flips
        ).items():
            rows[method] |= row
        made = made_with(
            f"toy world, {name!r}", SIZE, arguments, "world", scenes=len(scenes), recognised=round(share, 4),
            recognised_is="the class comes first", truth=truth,
            flipping=flips | {"score": "logit", "scenes": count},
        )  # fmt: skip
        chance = chance_levels(scenes) | dict.fromkeys(FLIPPING, 0.0)
        finish(Table(title, columns_for(scenes) | FLIPPING, rows, chance, made), arguments.dest / f"{file}.json")
        if name == "coats":
            settings = {"world": SEED, "pictures": arguments.scenes, "weights": checksum(network.model), "draws": DRAWS}
            shown = scenes[: 4 * arguments.sane]
            settings |= {"scenes": len(shown), "from": 1, **SAMPLES}
            made = made_with(f"toy world, {name!r}", SIZE, arguments, "world")
            methods = methods_for(network, low=-1.0, high=1.0, batch_size=50, from_one=True)
            sanity(network.model, methods, shown, arguments, "world-sanity", settings, made)


def finish(table: Table, path: Path) -> None:
    write_table(table, path)
    print(f"\n{table.title}\n{format_table(table)}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder for what has been computed")
    parser.add_argument("--only", choices=("world", *KINDS), nargs="+", help="some of the tables; by default all")
    parser.add_argument("--size", type=int, default=160, help="side of the photographs in pixels")
    parser.add_argument("--scenes", type=int, default=200, help="pictures of each kind")
    parser.add_argument("--flipped", type=int, default=40, help="pictures of each kind for pixel flipping")
    parser.add_argument(
        "--occluded", type=int, default=40, help="photographs' maps of each kind for occlusion, the slowest"
    )
    parser.add_argument("--sampled", type=int, help="the same for SmoothGrad and integrated gradients; by default all")
    parser.add_argument("--sane", type=int, default=8, help="collages of one thing for the re-drawn weights")
    parser.add_argument("--dest", type=Path, default=HERE, help="folder for the tables")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for kind in arguments.only or ("world", *KINDS):
        if kind == "world":
            world(arguments)
        else:
            photographs(arguments, kind)


if __name__ == "__main__":
    main()
