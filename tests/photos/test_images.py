import io
import re
import struct

import numpy as np
import pytest
from PIL import Image

from helpers.photos import images


def encoded(picture: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


HALVES = Image.new("RGB", (60, 40), (255, 0, 0))
HALVES.paste((0, 0, 255), (30, 0, 60, 40))


def test_a_file_and_its_bytes_give_the_same_picture(tmp_path):
    path = tmp_path / "halves.png"
    path.write_bytes(encoded(HALVES))
    whole = images.load_image(path, size=None)
    assert whole.dtype == np.uint8
    assert np.array_equal(whole, np.asarray(HALVES))
    assert np.array_equal(images.load_image(str(path), 20), images.load_image(path.read_bytes(), 20))


def test_the_middle_is_cut_or_the_whole_is_squeezed():
    cut = images.load_image(encoded(HALVES), 40)
    squeezed = images.load_image(encoded(HALVES), 40, crop=False)
    assert cut.shape == squeezed.shape == (40, 40, 3)
    assert cut[0, 0].tolist() == squeezed[0, 0].tolist() == [255, 0, 0]
    assert cut[0, -1].tolist() == squeezed[0, -1].tolist() == [0, 0, 255]


def test_the_orientation_of_the_camera_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees: the left half becomes the upper one
    turned = images.load_image(encoded(HALVES, "JPEG", exif=exif, quality=95), None)
    assert turned.shape == (60, 40, 3)
    assert turned[5, 20, 0] > 200
    assert turned[55, 20, 2] > 200


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.new("L", (8, 8), 100), [100, 100, 100]),
        (Image.new("1", (8, 8), 1), [255, 255, 255]),
        (Image.new("RGBA", (8, 8), (10, 20, 30, 0)), [255, 255, 255]),
        (Image.new("LA", (8, 8), (10, 255)), [10, 10, 10]),
        (Image.new("P", (8, 8), 0), [0, 0, 0]),
        (Image.fromarray(np.full((8, 8), 65535, np.uint16)), [255, 255, 255]),
        (Image.fromarray(np.full((8, 8), 32768, np.uint16)), [128, 128, 128]),
        (Image.fromarray(np.full((8, 8), 200, np.int32)), [200, 200, 200]),
    ],
    ids=["grey", "two colours", "transparent", "grey with alpha", "palette", "16 bit", "16 bit middle", "32 bit"],
)
def test_every_kind_becomes_rgb(picture, expected):
    read = images.load_image(encoded(picture, "TIFF" if picture.mode == "I" else "PNG"), None)
    assert read.shape == (8, 8, 3)
    assert read[4, 4].tolist() == expected


RAMP = np.linspace(0, 1, 8 * 8).reshape(8, 8)


@pytest.mark.parametrize("white", [1, 255, 65535])
@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_thirty_two_bits_are_read_by_the_range_that_holds_them(white, kind):
    if white == 1 and kind == np.int32:
        return
    values = (RAMP * white).astype(kind)
    found = images.load_image(encoded(Image.fromarray(values), "TIFF"), None)
    assert np.abs(found[..., 0] - values / white * 255.0).max() <= 0.5 + 1e-3
    assert found[0, 0, 0] == 0
    assert found[-1, -1, 0] == 255


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (RAMP * 2 - 1, "run from -1 to 1"),  # what a network takes
        (RAMP * 1.02, "run from 0 to 1.02"),  # a little over: 0 to 255 would be black
        (RAMP * 100, "run from 0 to 100"),  # per cent
        (RAMP * 1000, "run from 0 to 1000"),
        (RAMP * 1e6, "run from 0 to 1e[+]06"),
        ((RAMP > 0.5).astype(np.int32), "run from 0 to 1, and white could be 255, 65535 or another"),
        ((RAMP * 60 - 30).astype(np.int32), "run from -30"),
    ],
)
def test_a_range_that_nobody_knows_is_refused(values, said):
    values = values if values.dtype == np.int32 else values.astype(np.float32)
    with pytest.raises(ValueError, match=f"The uploaded file cannot be shown: its values .*{said}"):
        images.load_image(encoded(Image.fromarray(values), "TIFF"))


def test_dark_floats_are_believed_where_one_is_white():
    assert (images.load_image(encoded(Image.fromarray(np.full((4, 4), 0.25, np.float32)), "TIFF"), None) == 64).all()
    assert (images.load_image(encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), None) == 0).all()


@pytest.mark.parametrize("values", [RAMP.astype(np.float32), (RAMP * 65535).astype(np.uint16)])
def test_where_zero_is_white_the_picture_is_turned(values):
    data = encoded(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    assert Image.open(io.BytesIO(data)).tag_v2[262] == 0
    found = images.load_image(data, None)
    assert (found[0, 0, 0], found[-1, -1, 0]) == (255, 0)


P3_TO_XYZ = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB_TO_XYZ = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])  # D50


def profile(primaries=P3_TO_XYZ, channels=b"RGB ") -> bytes:
    """A small ICC profile with sRGB's curve: of a telephone (three primaries), or of a grey picture (gamma 1)."""
    fixed = lambda *values: b"".join(struct.pack(">i", round(v * 65536)) for v in values)  # noqa: E731
    curve = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)}
    if channels == b"RGB ":
        tags |= {
            name + b"XYZ": b"XYZ \0\0\0\0" + fixed(*column)
            for name, column in zip((b"r", b"g", b"b"), primaries.T, strict=True)
        }
        tags |= {name + b"TRC": curve for name in (b"r", b"g", b"b")}
    else:
        tags[b"kTRC"] = b"curv\0\0\0\0\0\0\0\0"
    tags[b"desc"] = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2, 28) + b"\0x\0\0"
    head, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        head += name + struct.pack(">II", start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    first = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x04200000, b"mntr", channels, b"XYZ ")
    first = first.ljust(36, b"\0") + b"acsp" + b"\0" * 28 + fixed(0.9642, 1.0, 0.8249)
    return first.ljust(128, b"\0") + struct.pack(">I", len(tags)) + head + body


def in_srgb(colours, primaries=P3_TO_XYZ):
    """The same by hand, in floats: linear light, through XYZ, and back."""
    light = np.asarray(colours) / 255
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ (np.linalg.inv(SRGB_TO_XYZ) @ primaries).T, 0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


COLOURS = np.random.default_rng(3).integers(0, 256, (12, 20, 3)).astype(np.uint8)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_a_colour_profile_is_followed(form):
    options = {"lossless": True} if form == "WEBP" else {}
    found = images.load_image(encoded(Image.fromarray(COLOURS), form, icc_profile=profile(), **options), None)
    assert np.abs(found - in_srgb(COLOURS)).max() < 3  # by whole numbers it is 1 at most
    assert np.round(in_srgb([[200, 60, 60], [60, 160, 60]])).tolist() == [[217, 42, 52], [0, 163, 40]]


def test_a_profile_changes_neither_srgb_nor_what_is_transparent():
    srgb = profile(SRGB_TO_XYZ)
    assert (
        np.abs(images.load_image(encoded(Image.fromarray(COLOURS), icc_profile=srgb), None) - COLOURS.astype(int)).max()
        < 3
    )
    clear = np.dstack([COLOURS, np.full(COLOURS.shape[:2], 255, np.uint8)])
    clear[:, :5, 3] = 0
    found = images.load_image(encoded(Image.fromarray(clear), icc_profile=profile()), None)
    assert (found[:, :5] == 255).all()
    assert np.abs(found[:, 5:] - in_srgb(COLOURS)[:, 5:]).max() < 3


def test_a_profile_of_grey_pictures_and_of_palettes():
    grey = Image.fromarray(np.full((4, 4), 55, np.uint8))
    linear = images.load_image(encoded(grey, icc_profile=profile(channels=b"GRAY")), None)
    expected = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)  # sRGB's number for this light
    assert np.abs(linear - expected).max() <= 2
    assert (images.load_image(encoded(grey, icc_profile=profile()), None) == 55).all()  # grey is grey in every RGB
    few = Image.fromarray(COLOURS).quantize(8)
    found = images.load_image(encoded(few, icc_profile=profile()), None)
    assert np.abs(found - in_srgb(np.asarray(few.convert("RGB")))).max() < 3


@pytest.mark.parametrize("broken", [b"no profile", profile()[:200], profile(channels=b"GRAY"), b""])
def test_a_profile_that_cannot_be_followed_counts_for_nothing(broken):
    found = images.load_image(encoded(Image.fromarray(COLOURS), icc_profile=broken), None)
    assert np.array_equal(found, COLOURS)


def test_cmyk_and_the_first_picture_of_an_animation():
    assert images.load_image(encoded(Image.new("CMYK", (8, 8)), "JPEG"), None)[0, 0].tolist() == [255, 255, 255]
    frames = [Image.new("RGB", (8, 8), c) for c in ("red", "blue")]
    animated = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert images.load_image(animated, None)[0, 0].tolist() == [255, 0, 0]


def test_damaged_files_are_refused_in_words(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    for form in ("PNG", "JPEG", "GIF"):
        data = encoded(noise, form)
        with pytest.raises(ValueError, match="damaged or cut short|not a picture"):
            images.load_image(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_text("this is no picture")
    with pytest.raises(ValueError, match=r"text.jpg is not a picture"):
        images.load_image(tmp_path / "text.jpg")
    with pytest.raises(ValueError, match="empty"):
        images.load_image(b"")
    with pytest.raises(FileNotFoundError, match="no picture 'nowhere.png'"):
        images.load_image("nowhere.png")
    with pytest.raises(FileNotFoundError):
        images.load_image(tmp_path)
    with pytest.raises(ValueError, match="size"):
        images.load_image(encoded(noise), 0)


def test_pictures_that_are_too_large_are_refused(monkeypatch):
    bomb = encoded(Image.new("1", (10_000, 6_000)))
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match=r"10000 x 6000 pixels; the limit is 50 million"):
        images.load_image(bomb)
    monkeypatch.setattr(images, "LARGEST_FILE", 100)
    with pytest.raises(ValueError, match="the limit is"):
        images.load_image(encoded(Image.effect_noise((64, 64), 50)))


def test_the_samples_are_there():
    for name in ("cat", "coffee", "officer", "astronaut", "rocket"):
        assert images.sample_photo(name, 64).shape == (64, 64, 3)
    with pytest.raises(ValueError, match="'cat', 'coffee'.*; got 'dog'"):
        images.sample_photo("dog")


def test_textures_are_seeded_and_tinted():
    first, again = images.texture("grass", 50, seed=3), images.texture("grass", 50, seed=3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, images.texture("grass", 50, seed=4))
    tinted = images.texture("gravel", 50, tint=(0.5, 0, 1))
    assert tinted[..., 1].max() == 0
    assert tinted[..., 0].mean() == pytest.approx(tinted[..., 2].mean() / 2, abs=1)


def test_brightness():
    assert images.grey_values(np.full((2, 2, 3), 255)) == pytest.approx(np.ones((2, 2)))


def test_a_png_with_wrong_pixels_is_refused_although_it_can_be_read():
    picture = np.random.default_rng(0).integers(0, 256, (12, 20, 4)).astype(np.uint8)
    picture[..., 3] = 255
    data = encoded(Image.fromarray(picture))
    for place in range(50, len(data) - 20):  # in the pixels: often only the check sum tells
        with pytest.raises(ValueError, match="damaged|not a picture"):
            images.load_image(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], None)


def test_dark_pictures_of_sixteen_bits_stay_dark():
    dark = Image.fromarray(np.full((8, 8), 200, np.uint16))
    assert images.load_image(encoded(dark), None).max() == 1


def test_sizes_and_sources_are_checked():
    for size in (images.LARGEST_SIDE + 1, 1.5, "224"):
        with pytest.raises(ValueError, match="size is a whole number"):
            images.load_image(encoded(HALVES), size)
    with pytest.raises(ValueError, match="path or from the bytes"):
        images.load_image(None)
    with pytest.raises(FileNotFoundError):
        images.load_image("a" * 5000)


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "halves.png").write_bytes(encoded(HALVES))
    assert np.array_equal(images.load_image("~/halves.png", None), np.asarray(HALVES))
    with pytest.raises(FileNotFoundError, match="no picture '~nobody-of-that-name/halves.png'"):
        images.load_image("~nobody-of-that-name/halves.png")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("https://example.org/cat.png", "'https://example.org/cat.png'. An address is not a path"),
        ('"cat.png"', "Leave out the quotation marks"),
        (" cat.png", "Leave out the quotation marks and spaces"),
        ("cat.png", "Give the path of a JPEG or PNG file"),
    ],
)
def test_what_is_no_path_gets_a_hint(source, said):
    with pytest.raises(FileNotFoundError, match=re.escape(said)):
        images.load_image(source)


@pytest.mark.parametrize("source", [io.BytesIO(b"abc"), b"junk that is no picture", io.BytesIO(encoded(HALVES))])
def test_no_message_names_a_place_in_memory(source):
    with pytest.raises(ValueError, match="a BytesIO: give its bytes|not a picture that can be read[.]") as refused:
        images.load_image(source)
    assert not re.search("0x|object at", str(refused.value))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1", "HEIC photograph.*Export it as JPEG"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "video"),
        (b"%PDF-1.7 ...", "PDF document"),
        (b"PK\3\4\x14\0", "ZIP archive"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"some words", "not a picture that can be read. Use a JPEG or PNG"),
    ],
)
def test_what_is_no_picture_is_named_by_what_it_is(data, says):
    with pytest.raises(ValueError, match=says):
        images.load_image(data)
