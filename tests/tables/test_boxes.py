import json
import tarfile

import boxes
import numpy as np
import pytest
from PIL import Image

from helpers.files import fetch


@pytest.fixture
def few(tmp_path):
    """Two validation pictures of Tiny ImageNet's layout, as a folder."""
    folder = tmp_path / "tiny" / "val"
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, identifier in enumerate(("n01443537", "n07873807")):
        Image.new("RGB", (64, 64), (10 * number, 0, 0)).save(folder / "images" / f"val_{number}.JPEG")
        rows.append(f"val_{number}.JPEG\t{identifier}\t{number}\t2\t9\t63")
    (folder / "val_annotations.txt").write_text("\n".join([*rows, "val_9.JPEG\tn07873807\t0\t0\t1\t1"]) + "\n")
    return tmp_path / "tiny"


def test_a_folder_and_a_tar_file_are_read_alike(few):
    archive = few.parent / "tiny.tar"
    with tarfile.open(archive, "w") as file:
        file.add(few, "tiny")
    for source in (few, archive):
        found = list(boxes.pictures_of(source))
        assert [(c, box) for c, box, _ in found] == [("n01443537", (0, 2, 9, 63)), ("n07873807", (1, 2, 9, 63))]
        assert found[0][2].shape == (64, 64, 3)


def test_a_box_is_inclusive_and_a_hit_is_the_maximum_inside():
    mask = boxes.box_mask((2, 3, 5, 63))  # left, top, right, bottom
    assert mask.sum() == 4 * 61
    assert mask[3, 2]
    assert mask[63, 5]
    maps = np.zeros((2, 4, 4))
    maps[0, 1, 0] = 1  # enlarged: highest in rows and columns 16 to 31, 0 to 15
    maps[1, 1, 3] = 1
    left = boxes.box_mask((0, 0, 20, 63))
    assert boxes.hits(maps, np.stack([left, left])).tolist() == [True, False]


def test_the_stored_table_is_what_the_notebook_reads():
    table = json.loads(fetch("scores/boxes.json").read_text())
    for part in ("all", "small"):
        shares = [table[part][name] for name in ("CAM", "Grad-CAM of block5_conv3", "centre", "chance")]
        assert all(0 < share < 1 for share in shares)
        assert min(shares) == table[part]["chance"]
    assert table["small"]["pictures"] < table["all"]["pictures"] < table["looked_at"]


def test_a_summary_is_over_the_chosen_rows():
    rows = {"CAM": np.array([1.0, 0, 0]), "chance": np.array([0.1, 0.2, 0.6])}
    assert boxes.summary(rows, rows["chance"] < 0.25) == {"pictures": 2, "CAM": 0.5, "chance": 0.15}
