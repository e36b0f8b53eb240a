"""Damaged data files: an error in words or the right answer; nothing is unpickled, and no folder is changed."""

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile import answer, require_finite
from hypothesis import given
from hypothesis import strategies as st

from helpers import files
from helpers.digits.pictures import load_digits
from helpers.higgs.events import load_higgs
from helpers.photos import collages
from helpers.photos.collages import cutout_names
from helpers.questions.network import question_network
from helpers.sanity.tables import Table, read_table, stored_table, write_table
from helpers.toyworld import animals as toyworld_animals
from helpers.toyworld.network import toyworld_network
from helpers.vgg16.networks import class_names, gap_network, vgg16
from helpers.words.text import load_sentences, load_word_valences

DATA = Path(__file__).parents[2] / "data"
LOADERS = {  # every file that is listed with its hash, with the function that reads it
    "digits/mnist_5000.npz": load_digits,
    "questions/film.npz": question_network,
    "toyworld/coats.npz": lambda: toyworld_network("coats"),
    "toyworld/outlines.npz": lambda: toyworld_network("outlines"),
    "movie-reviews/movie_review_sentences.tsv.gz": load_sentences,
    "movie-reviews/product_review_sentences.tsv.gz": lambda: load_sentences("products"),
    "movie-reviews/word_valence.tsv.gz": load_word_valences,
    "atlas-higgs/atlas-higgs-challenge-2014-v2-first-22800.csv.gz": lambda: load_higgs("excerpt"),
    "imagenet_class_index.json": class_names,
    "vgg16/vgg16_gap_head.npz": lambda: gap_network(32),
    "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5": lambda: vgg16("auto"),
    "atlas-higgs/atlas-higgs-challenge-2014-v2.csv.gz": lambda: load_higgs("auto"),
}
MARK = Path("unpickled")


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (MARK,))


def npz(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return stream.getvalue()


def npy(shape: tuple, data: bytes = b"", kind: str = "<f8") -> bytes:
    head = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head + data


FOREIGN = {
    "nothing": b"",
    "a pickle": pickle.dumps(Bomb()),
    "an array of objects": npz(images=np.array([Bomb()], object), labels=np.zeros(1), activations=np.array([Bomb()])),
    "other arrays": npz(a=np.zeros(3)),
    "no arrays": npz(),
    "a zip of text": zipped(images=b"hello", activations=b"hello"),
    "an array of 8 TB": zipped(activations=npy((10**6, 10**6)), images=npy((10**6, 10**6))),
    "an array of negative length": zipped(activations=npy((-1,)), images=npy((-1,))),
    "a gzip file": gzip.compress(b"hello"),
    "a web page": b"<!DOCTYPE html><html>Please log in</html>",
}
faults = st.one_of(
    st.tuples(st.just("byte"), st.floats(0, 1, exclude_max=True), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.floats(0, 1, exclude_max=True), st.just(0)),
    st.tuples(st.just("longer"), st.just(0), st.integers(0, 255)),
    st.tuples(st.just("other"), st.just(0), st.sampled_from(sorted(FOREIGN))),
)


def damaged(data: bytes, fault: tuple) -> bytes:
    kind, share, value = fault
    place = int(share * len(data))
    match kind:
        case "byte":
            return data[:place] + bytes([data[place] ^ value]) + data[place + 1 :] if data else b"x"
        case "cut":
            return data[:place]
        case "longer":
            return data + bytes([value])
        case _:
            return FOREIGN[value]


def content(folder: Path) -> dict:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A working folder of its own, empty data folder and cache; a mark that is left there fails the test."""
    before, place = os.getcwd(), tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COURSE_DATA_DIR", "COURSE_CACHE_DIR"):
            (place / name).mkdir()
            patch.setenv(name, str(place / name))
        os.chdir(place)
        yield place / "COURSE_DATA_DIR"
        os.chdir(before)
    assert not (place / MARK).exists(), "a pickle was loaded"


@contextlib.contextmanager
def stored(folder: Path, name: str, data: bytes):
    """A file in the data folder while the block runs; then it must still be as it was, and alone."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    for cached in (toyworld_animals.shaded_outline, toyworld_animals._wears_pattern):
        cached.cache_clear()
    before = content(folder.parent)
    try:
        yield path
        assert content(folder.parent) == before
        assert not (folder.parent / MARK).exists(), "a pickle was loaded"
    finally:
        path.unlink()


@given(st.sampled_from(sorted(LOADERS)), faults)
def test_a_listed_file_that_is_damaged_is_refused(elsewhere, name, fault):
    original = DATA / name
    data = damaged(original.read_bytes() if original.is_file() else b"beginning of a large file", fault)
    with stored(elsewhere, name, data) as path, pytest.raises(files.DamagedFileError) as error:
        LOADERS[name]()
    assert str(path) in str(error.value)


def test_so_is_a_large_one(elsewhere):
    data = bytearray((DATA / "vgg16/vgg16_conv_float16.npz").read_bytes())
    data[len(data) // 2] ^= 1
    with stored(elsewhere, "vgg16/vgg16_conv_float16.npz", bytes(data)), pytest.raises(files.DamagedFileError):
        gap_network(32)


@pytest.mark.parametrize("name", LOADERS)
def test_what_stands_in_a_files_place_is_refused(elsewhere, name):
    path = elsewhere / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for put, take in (
        (path.mkdir, path.rmdir),
        (lambda: path.symlink_to(path.name), path.unlink),
        (lambda: path.symlink_to("nowhere"), path.unlink),
        (lambda: os.mkfifo(path), path.unlink),
    ):
        put()
        try:
            assert answer(LOADERS[name], also=(OSError,)) is None
        finally:
            take()


@pytest.mark.parametrize("folder", ["", "/nowhere", "/etc/hostname", "/proc/self/mem", "a\nb"])
def test_where_the_folder_is_none_the_courses_own_file_is_read(elsewhere, monkeypatch, folder):
    monkeypatch.setenv("COURSE_DATA_DIR", folder)
    assert len(answer(load_digits).train_images) == 4000


def table() -> Table:
    rows = {"gradient": {"mass": (0.5, 0.01)}, "LRP": {"mass": (0.75, float("nan"))}}
    return Table("test", {"mass": "a share"}, rows, {"mass": 0.25}, {"scenes": 3})


@given(faults | st.tuples(st.just("text"), st.just(0), st.text(max_size=30)))
def test_tables_are_tables_or_refused(elsewhere, fault):
    write_table(table(), elsewhere / "table.json")
    data = (
        fault[2].encode("utf-8", "replace")
        if fault[0] == "text"
        else damaged((elsewhere / "table.json").read_bytes(), fault)
    )
    with stored(elsewhere, "table.json", data) as path:
        found = answer(lambda: read_table(path))
    if found is not None:
        assert isinstance(found, Table)
        assert all(
            np.isfinite(value) or np.isnan(value) for row in found.rows.values() for v in row.values() for value in v
        )


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "NaN", "[]", "{}", '{"title": 1e999}', "null", '"' + "a" * 1000],
)
def test_what_is_no_table_is_refused(elsewhere, text):
    with stored(elsewhere, "scores/one-thing.json", text.encode()):
        assert answer(lambda: stored_table("one-thing")) is None


@pytest.mark.parametrize(
    "name", [None, "", "nothing", "../README", "../../etc/passwd", "a" * 5000, "one-thing.json", 3]
)
def test_there_is_no_other_table(name):
    assert answer(lambda: stored_table(name), also=(OSError,)) is None


INDEX = (DATA / collages.INDEX).read_bytes()


def test_what_is_not_damaged_is_read_from_the_folder(elsewhere):
    toyworld = (DATA / "toyworld/index.tsv").read_bytes()
    with stored(elsewhere, collages.INDEX, INDEX), stored(elsewhere, "toyworld/index.tsv", toyworld):
        assert "elephant" in cutout_names()
        require_finite(toyworld_animals.shaded_outline("horse"))
    with stored(elsewhere, "digits/mnist_5000.npz", (DATA / "digits/mnist_5000.npz").read_bytes()):
        assert len(load_digits().train_images) == 4000


def test_every_listed_file_is_looked_at():
    like = {f"toyworld/outlines_watermark_{rate}.npz" for rate in ("0.3", "0.6", "1.0")}  # as the other networks
    assert set(LOADERS) | like | {"vgg16/vgg16_conv_float16.npz"} == set(files.FILES)
    for name in LOADERS:
        if (DATA / name).is_file():
            algorithm, _, wanted = files.FILES[name].hash.partition(":")
            assert hashlib.new(algorithm, (DATA / name).read_bytes()).hexdigest() == wanted
