"""Does the maximum of a class activation map lie on the thing? Count it where boxes are known, beside the picture's centre.

    python data/scores/boxes.py --pictures FOLDER-OR-TAR

The pictures are the validation pictures of Tiny ImageNet (200 ImageNet classes at 64x64 pixels, one thing and its box each)
of those classes that VGG16-GAP knows, enlarged to 128 pixels. Counted are those whose class the network puts first. Writes
``boxes.json`` beside itself: for all of them, and for those whose box covers less than a quarter of the picture,

* how many there are;
* how often the map's largest value lies in the box, for CAM (``block5_pool``) and for Grad-CAM of ``block5_conv3``;
* how often the centre of the picture lies in it: a map that never saw the picture;
* the boxes' mean share of the picture, which is how often a random point lies in one.

It takes some four minutes on one free core.
"""

import argparse
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from helpers.vgg16.cam import enlarge
from helpers.vgg16.gradients import feature_maps
from helpers.vgg16.networks import vgg16

SIDE, ENLARGED, SMALL, BATCH = 64, 128, 0.25, 10


def pictures_of(source: Path) -> Iterator[tuple[str, tuple[int, int, int, int], np.ndarray]]:
    """Class identifier, box (left, top, right, bottom; inclusive) and picture (64, 64, 3) of each validation picture."""
    if source.is_dir():
        (list_,) = source.glob("**/val/val_annotations.txt")
        files = {path.name: path.read_bytes for path in sorted((list_.parent / "images").iterdir())}
        lines = list_.read_text().splitlines()
    else:
        archive = tarfile.open(source)  # noqa: SIM115 - read while the pictures are asked for
        members = {Path(m.name).name: m for m in archive.getmembers() if "/val/" in m.name and m.isfile()}
        lines = archive.extractfile(members["val_annotations.txt"]).read().decode().splitlines()
        files = {name: (lambda m=member: archive.extractfile(m).read()) for name, member in members.items()}
    for line in lines:
        name, identifier, *box = line.split("\t")
        if name in files:
            with Image.open(io.BytesIO(files[name]())) as picture:
                yield identifier, tuple(map(int, box)), np.asarray(picture.convert("RGB"))


def box_mask(box: tuple[int, int, int, int]) -> np.ndarray:
    """True (64, 64) inside a box (left, top, right, bottom; inclusive)."""
    left, top, right, bottom = box
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def hits(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(N,) does the largest value of each map (N, height, width), enlarged to the picture, lie in its mask (N, 64, 64)?"""
    found = enlarge(maps, (SIDE, SIDE)).reshape(len(maps), -1).argmax(axis=1)
    return masks.reshape(len(masks), -1)[np.arange(len(masks)), found]


def summary(rows: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, float]:
    """How many, and the mean of each column over the chosen rows, as shares."""
    return {"pictures": int(chosen.sum())} | {
        name: round(float(values[chosen].mean()), 4) for name, values in rows.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="Tiny ImageNet: its folder, or a tar file")
    arguments = parser.parse_args()
    network = vgg16("gap", input_size=ENLARGED, quiet=True)
    kernel = network.model.layers[-1].kernel.numpy()
    known = [(c, box, p) for c, box, p in pictures_of(arguments.pictures) if c in network.identifiers]
    columns = {name: [] for name in ("CAM", "Grad-CAM of block5_conv3", "centre", "chance")}
    for start in range(0, len(known), BATCH):
        some = known[start : start + BATCH]
        truth = np.array([network.identifiers.index(c) for c, _, _ in some])
        large = [Image.fromarray(p).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC) for _, _, p in some]
        inputs = network.preprocess(np.stack([np.asarray(p) for p in large]))
        found = feature_maps(network.model, inputs, ["block5_conv3", "block5_pool", "predictions"], BATCH)
        right = found["predictions"].argmax(axis=1) == truth
        masks = np.stack([box_mask(box) for _, box, _ in some])[right]
        weights = kernel[:, truth[right]]
        # each value of the pooling has one winner below it: the mean gradient at block5_conv3 is w / places too
        cam, grad_cam = (
            np.einsum("nhwk,kn->nhw", found[layer][right], weights) for layer in ("block5_pool", "block5_conv3")
        )
        columns["CAM"] += list(hits(cam, masks))
        columns["Grad-CAM of block5_conv3"] += list(hits(np.maximum(grad_cam, 0), masks))
        columns["centre"] += list(masks[:, SIDE // 2, SIDE // 2])
        columns["chance"] += list(masks.mean(axis=(1, 2)))
        print(f"{start + len(some)} of {len(known)}", end="\r", flush=True)
    rows = {name: np.array(values, float) for name, values in columns.items()}
    table = {
        "all": summary(rows, np.full(len(rows["chance"]), True)),
        "small": summary(rows, rows["chance"] < SMALL),
        "looked_at": len(known),
    }
    (HERE / "boxes.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
