"""Choose the cut-outs that VGG16-GAP recognises reliably, and copy them here.

    python data/cutouts/choose.py --source FOLDER

``FOLDER`` holds ``index.tsv`` (file, name, nearest_imagenet_class, origin) and ``png/``. Each cut-out whose class the
network knows is pasted alone on grass, gravel and brick, at 36 random places and sizes, 224 pixels. It is kept if its
class comes first in at least three quarters of these pictures; the rate goes into ``index.tsv``.
"""

import argparse
import csv
import shutil
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
SCENES, ENOUGH = 36, 0.75


def recognised(network, thing) -> float:
    """Share of the scenes in which the thing's class is the most probable one."""
    from helpers.photos.collages import collage

    rng = np.random.default_rng(20240917)
    scenes = [
        collage([thing], None, rng.uniform(0.45, 0.8), ("grass", "gravel", "brick")[n % 3], network.input_size, seed=n)
        for n in range(SCENES)
    ]
    logits = network.logits(network.preprocess(np.stack([scene.picture for scene in scenes])))
    return float(np.mean(logits.argmax(axis=1) == network.class_index(thing.class_name)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="folder with index.tsv and png/")
    source = parser.parse_args().source

    from helpers.photos.collages import read_cutout
    from helpers.vgg16.networks import vgg16

    network = vgg16("gap")
    known = {label.lower().replace(" ", "_") for label in network.labels}
    kept = []
    with open(source / "index.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            class_name = row["nearest_imagenet_class"]
            if class_name.lower() not in known:
                continue
            path = source / "png" / row["file"]
            rate = recognised(network, read_cutout(path, row["name"], class_name))
            print(f"{row['name']:16} {class_name:18} {rate:.2f}", flush=True)
            if rate >= ENOUGH:
                name = row["name"].replace(",", "")
                shutil.copyfile(path, HERE / f"{name.replace(' ', '-')}.png")
                kept.append((name, class_name, f"{rate:.2f}", row["origin"]))
    with open(HERE / "index.tsv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerows([("name", "class_name", "recognised", "origin"), *sorted(kept)])


if __name__ == "__main__":
    main()
