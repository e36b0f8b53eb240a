"""A student's folder: what can be read is read, what cannot is named."""

import os

import numpy as np
import pytest
from PIL import Image

from helpers.photos import folders
from helpers.photos.folders import image_folder


def save(folder, name, seed=0, shape=(40, 30, 3)):
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(folder / name)


def test_pictures_come_in_the_order_of_their_names(tmp_path):
    for seed, name in enumerate(["b.png", "A.jpg", "c.JPEG", "grey.gif"]):
        save(tmp_path, name, seed, (40, 30) if name.startswith("grey") else (40, 30, 3))
    found = image_folder(tmp_path, size=16)
    assert found.names == ("A.jpg", "b.png", "c.JPEG", "grey.gif")
    assert found.pictures.shape == (4, 16, 16, 3)
    assert found.pictures.dtype == np.uint8
    assert (len(found), found.problems, found.ignored, found.left_out) == (4, {}, 0, 0)
    assert str(found) == f"4 pictures of 16 x 16 pixels from {tmp_path.name!r}."
    again = image_folder(str(tmp_path), size=16)
    assert np.array_equal(again.pictures, found.pictures)


def test_broken_files_are_named_and_not_fatal(tmp_path):
    save(tmp_path, "good.png")
    save(tmp_path, "whole.png", seed=1)
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:300])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone.png")
    found = image_folder(tmp_path, size=8)
    assert found.names == ("good.png", "whole.png")
    assert set(found.problems) == {"cut.png", "empty.jpg", "text.jpg", "phone.heic", "nowhere.png"}
    for name, why in found.problems.items():
        assert name in why
        assert "\n" not in why
        assert str(tmp_path) not in why
    assert "5 not used: cut.png" in str(found)
    assert "\n" not in str(found)


def test_other_files_are_counted_and_not_opened(tmp_path):
    save(tmp_path, "good.png")
    save(tmp_path, ".hidden.png", seed=1)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "like_a_picture.png").mkdir()
    save(tmp_path / "deeper", "more.png", seed=2)
    os.mkfifo(tmp_path / "pipe.png")  # opening it would wait for ever
    found = image_folder(tmp_path, size=8)
    assert found.names == ("good.png",)
    assert (found.ignored, found.problems) == (5, {})
    assert "5 other files or folders ignored" in str(found)


def test_links_to_pictures_are_followed_and_copies_count_once(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    save(outside, "one.png")
    save(folder, "a.png", seed=1)
    (folder / "link.png").symlink_to(outside / "one.png")
    (folder / "z.png").write_bytes((folder / "a.png").read_bytes())
    found = image_folder(folder, size=8)
    assert found.names == ("a.png", "link.png")
    assert found.problems == {"z.png": "z.png is the same picture as a.png"}


def test_the_number_of_pictures_is_bounded(tmp_path, monkeypatch):
    for seed in range(6):
        save(tmp_path, f"{seed}.png", seed)
    (tmp_path / "0.png").write_bytes(b"broken")
    read = []
    original = folders.load_image
    monkeypatch.setattr(folders, "load_image", lambda file, *more: read.append(file.name) or original(file, *more))
    found = image_folder(tmp_path, size=8, limit=2)
    assert found.names == ("1.png", "2.png")  # a broken file takes no place
    assert found.left_out == 3
    assert read == ["0.png", "1.png", "2.png"]  # and what is left out is not opened
    assert "3 beyond the limit left out" in str(found)
    for size, limit in ((0, 1), (1, 0), (4000, 200)):
        with pytest.raises(ValueError, match=f"512 MiB; got size={size}, limit={limit}"):
            image_folder(tmp_path, size, limit)


def test_large_pictures_are_refused_by_name(tmp_path, monkeypatch):
    save(tmp_path, "good.png")
    save(tmp_path, "huge.png", 1, (60, 60, 3))
    monkeypatch.setattr("helpers.photos.images.LARGEST_PICTURE", 2000)
    found = image_folder(tmp_path, size=8)
    assert found.names == ("good.png",)
    assert "huge.png has 60 x 60 pixels" in found.problems["huge.png"]


def test_folders_without_pictures_say_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder.*Make it"):
        image_folder(tmp_path / "none")
    with pytest.raises(ValueError, match="holds nothing at all.*Put JPEG or PNG"):
        image_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match="holds 1 other file"):
        image_folder(tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        image_folder(tmp_path / "notes.txt")
    (tmp_path / "broken.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="none of its 1 can be read: broken.png"):
        image_folder(tmp_path)
