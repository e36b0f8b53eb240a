import io

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
