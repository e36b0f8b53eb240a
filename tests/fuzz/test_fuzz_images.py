"""Hostile picture files: the right picture or an error in words, never a wrong picture."""

import io
import os
import re
import struct
import zlib

import numpy as np
import pytest
from hostile import answer
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from helpers.photos.folders import image_folder
from helpers.photos.images import LARGEST_FILE, load_image
from helpers.tcav.own_concepts import concept_from_uploads, uploaded_pictures

ROWS = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype(np.uint8)  # no symmetry: a turn is seen
ENCODINGS = {
    "PNG": {},
    "JPEG": {"quality": 95},
    "GIF": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "TIFF, packed": {"format": "TIFF", "compression": "tiff_lzw"},
    "BMP": {},
    "PPM": {},
}


def refusal(call) -> str:
    """The words in which the call was refused."""
    words = []

    def noted():
        try:
            return call()
        except (ValueError, FileNotFoundError) as error:
            words.append(str(error))
            raise

    assert answer(noted) is None
    return words[0]


def encoded(picture, kind: str = "PNG", **options) -> bytes:
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    stream = io.BytesIO()
    picture.save(stream, **({"format": kind} | ENCODINGS.get(kind, {}) | options))
    return stream.getvalue()


FILES = {kind: encoded(ROWS, kind) for kind in ENCODINGS}
RIGHT = {kind: load_image(data, None) for kind, data in FILES.items()}
NO_PICTURE = "is not a picture that can be read|is damaged or cut short|pixels; the limit is 50 million|is empty"
kinds = st.sampled_from(sorted(ENCODINGS))
pixels = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(0, 256, (5, 7, 4), np.uint8))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *more: bytes, depth: int = 8, colours: int = 2, data: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", [k for k in ENCODINGS if k not in ("JPEG", "GIF")])
def test_lossless_kinds_come_back_exactly(kind):
    np.testing.assert_array_equal(RIGHT[kind], ROWS)


@given(kinds, st.floats(0, 1))
def test_a_file_that_is_cut_short_is_refused_or_whole(kind, share):
    found = answer(lambda: load_image(FILES[kind][: int(share * len(FILES[kind]))], None))
    if found is not None:  # what was lost came after the pixels
        np.testing.assert_array_equal(found, RIGHT[kind])


@given(kinds, st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_file_with_wrong_bytes_is_refused_or_a_picture(kind, changes):
    data = bytearray(FILES[kind])
    for share, value in changes:
        data[int(share * len(data))] = value
    found = answer(lambda: load_image(bytes(data), 8))
    if found is not None:
        assert found.shape == (8, 8, 3)
        assert found.dtype == np.uint8


@pytest.mark.parametrize("change", [1, 128])
def test_pixels_of_a_png_with_a_wrong_byte_are_not_shown(change):
    """Its check sums find every wrong byte, although most decoders show what they can."""
    file = encoded(np.dstack([ROWS, np.full(ROWS.shape[:2], 255, np.uint8)]))
    right = load_image(file, None)
    for place in range(len(file)):
        data = bytearray(file)
        data[place] ^= change
        found = answer(lambda data=data: load_image(bytes(data), None))
        if found is not None:
            np.testing.assert_array_equal(found, right)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0"]))
def test_any_bytes_are_refused(data, start):
    assert re.search(NO_PICTURE, refusal(lambda: load_image(start + data)))


@given(kinds, kinds)
def test_the_content_counts_and_not_the_name(tmp_path_factory, kind, other):
    path = tmp_path_factory.mktemp("pictures") / f"picture.{other.split(',')[0].lower()}"
    path.write_bytes(FILES[kind])
    np.testing.assert_array_equal(load_image(path, None), RIGHT[kind])


def tiff_with_a_hole() -> bytes:
    stream = io.BytesIO()
    values = np.ones((4, 4), np.float32)
    values[1, 2] = np.nan
    Image.fromarray(values).save(stream, "TIFF")
    return stream.getvalue()


REFUSED = {
    "declares 3.6 gigapixels": png(60_000, 60_000),
    "declares the most there is": png(2**31 - 1, 2**31 - 1),
    "no width": png(0, 10),
    "declares 49 megapixels and has none": png(7_000, 7_000),
    "text that unpacks to 64 MB": png(2, 2, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(64 << 20)))),
    "a profile that unpacks to 64 MB": png(2, 2, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(64 << 20)))),
    "a GIF of 4 gigapixels": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";",
    "a BMP of 4 gigapixels": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 65535, 65535, 1, 24, *[0] * 6),
    "a PPM of 10 gigapixels": b"P6 100000 100000 255\n",
    "a PPM whose width has no end": b"P6 " + b"9" * 5000,
    "NaN": tiff_with_a_hole(),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
    "a web page": b"<!DOCTYPE html><html><body>Not found</body></html>",
    "vector graphics": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_bombs_and_what_is_no_picture_are_refused(data):
    assert re.search(NO_PICTURE, refusal(lambda: load_image(data)))


TURNED = {  # what the camera stored, from the upright picture
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
def test_every_orientation_gives_the_upright_picture(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(np.ascontiguousarray(TURNED[orientation](ROWS)), kind, exif=exif)
    np.testing.assert_array_equal(load_image(data, None), ROWS)


@given(st.binary(max_size=60), st.booleans())
def test_whatever_the_camera_wrote_the_picture_is_right(notes, headed):
    """Notes that make no sense are no reason to refuse a picture; eight ways to turn it are possible."""
    exif = b"Exif\0\0" + (b"II*\0\x08\0\0\0\x01\0" if headed else b"") + notes
    found = answer(lambda: load_image(encoded(ROWS, "PNG", exif=exif), None))
    assert any(np.array_equal(found, turned(ROWS)) for turned in TURNED.values())


@given(pixels)
def test_transparent_parts_become_white(picture):
    opacity = picture[..., 3:] / 255
    expected = picture[..., :3] * opacity + 255 * (1 - opacity)
    for kind in ("PNG", "WEBP"):
        options = {"exact": True} if kind == "WEBP" else {}
        assert abs(load_image(encoded(picture, kind, **options), None) - expected).max() <= 1
    grey = picture[..., [0, 3]]
    expected = grey[..., :1] * opacity + 255 * (1 - opacity)
    assert abs(load_image(encoded(Image.fromarray(grey, "LA")), None) - expected).max() <= 1


@given(pixels)
def test_grey_and_single_bit_pictures_are_widened(picture):
    grey = picture[..., 0]
    widened = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        np.testing.assert_array_equal(load_image(encoded(grey, kind), None), widened)
    bits = Image.fromarray(grey > 127)
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        np.testing.assert_array_equal(load_image(encoded(bits, kind), None)[..., 1], 255 * (grey > 127))


@given(pixels, st.integers(1, 65535))
def test_sixteen_bits_are_narrowed_by_the_full_range(picture, brightest):
    """Dark pictures stay dark."""
    values = (picture[..., 0].astype(np.uint32) * 257 * brightest // 65535).astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        found = load_image(encoded(Image.fromarray(values), kind), None)
        assert abs(found - values[..., np.newaxis] / 257).max() <= 0.5
    rgb = np.stack([values, values // 2, values // 3], axis=-1)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgb)
    found = load_image(png(7, 5, depth=16, data=rows), None)
    assert abs(found - rgb / 257).max() <= 1


@given(pixels, st.sets(st.integers(0, 7), max_size=4))
def test_palettes_keep_their_colours_and_their_transparency(picture, clear):
    numbers, colours = picture[..., 0] % 8, picture.reshape(-1, 4)[:8, :3]
    indexed = Image.fromarray(numbers, "P")
    indexed.putpalette(colours.tobytes())
    expected = colours[numbers]
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        np.testing.assert_array_equal(load_image(encoded(indexed, kind), None), expected)
    expected = np.where(np.isin(numbers, list(clear))[..., np.newaxis], 255, expected)
    opacity = bytes(0 if number in clear else 255 for number in range(8))
    np.testing.assert_array_equal(load_image(encoded(indexed, transparency=opacity), None), expected)


@given(pixels)
def test_a_key_colour_is_transparent(picture):
    picture = np.ascontiguousarray(picture[..., :3])
    key = tuple(int(value) for value in picture[0, 0])
    expected = np.where((picture == key).all(axis=-1, keepdims=True), 255, picture)
    np.testing.assert_array_equal(load_image(encoded(picture, transparency=key), None), expected)
    grey = picture[..., 0]
    expected = np.where(grey == grey[0, 0], 255, grey)
    found = load_image(encoded(grey, transparency=int(grey[0, 0])), None)
    np.testing.assert_array_equal(found, np.repeat(expected[..., np.newaxis], 3, axis=-1))


@pytest.mark.parametrize("ink", [(0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255), (20, 40, 60, 80)])
def test_four_inks_become_colours(ink):
    picture = Image.new("CMYK", (16, 16), ink)
    expected = [255 * (1 - c / 255) * (1 - ink[3] / 255) for c in ink[:3]]
    for kind in ("JPEG", "TIFF"):
        assert abs(load_image(encoded(picture, kind), None) - expected).max() <= 3, kind


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})])
def test_of_an_animation_the_first_picture_is_taken(kind, options):
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    found = load_image(data, None)
    assert found.shape == (7, 9, 3)
    assert (found == [255, 0, 0]).all()


@given(st.integers(1, 3), st.integers(1, 5000), st.booleans(), st.booleans(), st.integers(1, 40))
def test_thin_and_tiny_pictures(short, long, upright, crop, size):
    shape = (long, short) if upright else (short, long)
    found = load_image(encoded(np.full((*shape, 3), 77, np.uint8)), size, crop)
    np.testing.assert_array_equal(found, np.full((size, size, 3), 77))


sources = st.sampled_from([None, 3, 2.5, [], {}, ["a.png"], np.zeros((3, 3, 3)), object(), "", ".", "/", "/dev/zero",
                           "x\0.png", "a" * 5000, "~", "https://example.org/cat.jpg", b"", memoryview(b"no")])  # fmt: skip
sizes = st.sampled_from([0, -1, 1.5, np.nan, np.inf, "224", [3], 10**5, 10**9, 2**40, True, np.zeros(3), object()])


@given(sources)
def test_what_is_no_source_is_refused(source):
    assert re.search(
        "picture is read from a path|There is no picture|The uploaded file", refusal(lambda: load_image(source))
    )


@given(sizes)
def test_what_is_no_size_is_refused(size):
    assert "size is a whole number from 1 to 4096" in refusal(lambda: load_image(FILES["PNG"], size))


NAMES = ["a b.png", "Katze – schläft.png", "猫.png", "new\nline.png", "'quote'.png", "%s{0}.png", "-rf.png", ".png.png"]


def hostile_folder(folder):
    """A folder with all faults at once; returns the good names."""
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(encoded(ROWS + np.uint8(number)))
    (folder / "folder.png").mkdir()
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "one.png").symlink_to("other.png")
    (folder / "other.png").symlink_to("one.png")
    (folder / "nowhere.jpg").symlink_to(folder / "not there")
    os.mkfifo(folder / "pipe.png")
    with open(folder / "sparse.png", "wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with open(folder / "enormous.png", "wb") as file:
        file.truncate(2**40)
    for number, data in enumerate(REFUSED.values()):
        (folder / f"refused {number}.png").write_bytes(data)
    return [name for name in NAMES if not name.startswith(".")]


def test_a_folder_of_faults_gives_the_good_pictures_and_names_the_others(tmp_path):
    good = hostile_folder(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    found = answer(lambda: image_folder(tmp_path, 12))
    assert sorted(found.names) == sorted(good)
    for name, picture in zip(found.names, found.pictures, strict=True):
        np.testing.assert_array_equal(picture, load_image(tmp_path / name, 12))
    assert {f"refused {number}.png" for number in range(len(REFUSED))} <= set(found.problems)
    assert {"sparse.png", "enormous.png", "nowhere.jpg"} <= set(found.problems)
    assert all(name in text and "\n" not in text.replace(name, "") for name, text in found.problems.items())
    assert len(str(found)) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["loop.png", "one.png", "nowhere.jpg", "pipe.png", "folder.png", "sparse.png"])
def test_what_a_path_may_lead_to_is_refused(tmp_path, name):
    hostile_folder(tmp_path)
    too_large = "sparse.png has 20 MB; the limit is 20 MB"
    assert (too_large if name == "sparse.png" else "There is no picture") in refusal(
        lambda: load_image(tmp_path / name)
    )
    assert "There is no picture" in refusal(lambda: load_image(tmp_path / name / "below.png"))


def test_a_file_that_must_not_be_read_is_refused(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.png").write_bytes(FILES["PNG"])
    monkeypatch.setattr(type(tmp_path), "read_bytes", denied)
    assert "secret.png may not be read by you" in refusal(lambda: load_image(tmp_path / "secret.png"))


def test_an_upload_of_faults_names_each_of_them():
    bad = [{"name": f"refused {number}.png", "content": memoryview(d)} for number, d in enumerate(REFUSED.values())]
    good = {"name": "good.png", "content": memoryview(FILES["PNG"])}
    pictures, problems = answer(lambda: uploaded_pictures([*bad, good, good], 12))
    np.testing.assert_array_equal(pictures, load_image(FILES["PNG"], 12)[np.newaxis])
    assert len(problems) == len(bad) + 1
    assert all(f"refused {number}.png" in text for number, text in enumerate(problems[:-1]))
    for files in (bad, bad[:1], []):
        words = refusal(lambda files=files: concept_from_uploads(files, 10, 0, 64, "random"))
        assert f"0 different pictures of {len(files)} can be used" in words


@given(
    arrays(np.float32, (6, 6), elements=st.floats(width=32))
    | st.sampled_from([1, 255, 65535]).flatmap(
        lambda most: arrays(np.float32, (6, 6), elements=st.floats(0, most, width=32))
    )
)
def test_numbers_with_a_point_become_the_right_picture_or_are_refused(values):
    """Right where white is 1, 255 or 65535, as the largest value tells; with other ranges nobody knows."""
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF")
    found = answer(lambda: load_image(stream.getvalue(), None))
    largest = values.max()
    white = next((top for top in (1, 255, 65535) if largest <= top), np.nan)
    if values.min() >= 0 and (white == 1 or largest > white / 2):
        assert abs(found - values[..., np.newaxis] / white * 255.0).max() <= 0.51
    else:
        assert found is None
