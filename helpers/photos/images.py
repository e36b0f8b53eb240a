"""Photographs: read safely, cut to a square, and the pictures that the course uses.

Everything here is 8-bit RGB, shape (height, width, 3), values 0 to 255. What a network wants is the business of its
``preprocess``.
"""

import io
import os
import warnings
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from helpers.course.arguments import choice, finite_array, shown, whole_number

LARGEST_FILE = 20 * 2**20  # bytes: more than any camera's JPEG
LARGEST_PICTURE = 50_000_000  # pixels: a small file can claim to be huge and fill the memory
LARGEST_SIDE = 4096  # pixels: of a picture that is asked for
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")  # others have no business here

_SAMPLES = {  # name: file in the package that carries it
    "cat": "skimage/data/chelsea.png",  # the cat Chelsea, looking at you
    "coffee": "skimage/data/coffee.png",  # a cup of coffee with a spoon on a wooden table
    "officer": "matplotlib/mpl-data/sample_data/grace_hopper.jpg",  # Grace Hopper in the uniform of the US Navy
    "astronaut": "skimage/data/astronaut.png",  # Eileen Collins in an orange suit
    "rocket": "skimage/data/rocket.jpg",  # a rocket on its launch pad at dusk
}


def sample_photo(name: str, size: int | None = 224) -> np.ndarray:
    """One of the photographs that come with scikit-image and Matplotlib, cut to a square of ``size`` pixels."""
    package, _, file = _SAMPLES[choice("A sample photograph", name, _SAMPLES)].partition("/")
    return load_image(resources.files(package) / file, size)


def load_image(source, size: int | None = 224, crop: bool = True) -> np.ndarray:
    """Read a picture as 8-bit RGB.

    Parameters
    ----------
    source
        A path, or the bytes of a file (an upload).
    size
        Side of the square that is returned; None keeps the picture as it is.
    crop
        Cut the middle square before resizing (True), or squeeze the whole picture into it (False).

    The camera's orientation is applied, transparent parts become white, grey and 16-bit pictures are widened or
    narrowed to 8-bit RGB, and of an animation the first picture is taken.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no picture, is damaged or cut short, or is larger than 20 MB or 50 million pixels.
    """
    if size is not None:
        size = whole_number("size", size, 1, LARGEST_SIDE)
    picture = open_image(source)
    if size is None:
        return np.asarray(picture)
    if crop:
        return np.asarray(ImageOps.fit(picture, (size, size), method=Image.Resampling.BICUBIC))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def grey_values(picture: np.ndarray) -> np.ndarray:
    """Brightness of an RGB picture, (height, width), 0 to 1 (ITU-R BT.709 weights)."""
    return finite_array("picture", picture, (None, None, 3)) @ np.array([0.2126, 0.7152, 0.0722]) / 255.0


def texture(name: str, size: int, tint=(1.0, 1.0, 1.0), seed: int = 0) -> np.ndarray:
    """A natural background: a random square of scikit-image's grey ``grass``, ``gravel`` or ``brick``, tinted.

    ``tint`` multiplies the three colours. Name and size may be a student's (see :func:`helpers.photos.collages.collage`),
    who gets a ``ValueError`` where there is no such texture, or none that large.
    """
    choice("A texture", name, ("grass", "gravel", "brick"))
    with Image.open(resources.files("skimage") / "data" / f"{name}.png") as picture:
        grey = np.asarray(picture.convert("L"))
    if size > min(grey.shape):
        raise ValueError(f"Textures are 1 to {min(grey.shape)} pixels wide; got size={size}.")
    top, left = np.random.default_rng(seed).integers(0, np.array(grey.shape) - size + 1)
    cut = grey[top : top + size, left : left + size, np.newaxis] * np.array(tint)
    return np.clip(cut, 0, 255).astype(np.uint8)


def open_image(source, transparent: bool = False) -> Image.Image:
    """The first picture of a file, upright: RGB on white, or RGBA where ``transparent``; errors as in :func:`load_image`."""
    name, data = _bytes_of(source)
    Image.init()
    formats = [form for form in FORMATS if form in Image.OPEN]
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=formats) as picture:
            warnings.simplefilter("ignore")  # Pillow warns of large pictures, and of notes that it cannot read
            width, height = picture.size
            if width * height <= LARGEST_PICTURE:
                with Image.open(io.BytesIO(data), formats=formats) as copy:
                    copy.verify()  # the check sums of a PNG, which load() does not look at; afterwards it is of no use
                picture.seek(0)
                picture.load()
                picture = _upright(picture)
                return picture.convert("RGBA") if transparent else _rgb(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} is not a picture that can be read ({error}). Use a JPEG or PNG file.") from None
    except Exception as error:  # in hostile bytes every decoder stumbles in its own way
        why = str(error).split("\n")[0][:120] or type(error).__name__
        raise ValueError(f"{name} is damaged or cut short ({why}). Copy or save it again.") from None
    raise ValueError(
        f"{name} has {width} x {height} pixels; the limit is {LARGEST_PICTURE // 10**6} million. Make it smaller first."
    )


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # a camera's notes that make no sense are no reason to refuse the picture
        return picture.copy()


def _bytes_of(source) -> tuple[str, bytes]:
    """A name for messages, and the file's content."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        name, size, data = "The uploaded file", memoryview(source).nbytes, source
    elif isinstance(source, (str, os.PathLike)):
        name, size, data = _read(Path(source))
    else:
        raise ValueError(f"A picture is read from a path or from the bytes of a file; got {shown(source)}.")
    if size > LARGEST_FILE:
        raise ValueError(f"{name} has {size / 2**20:.0f} MB; the limit is {LARGEST_FILE >> 20} MB.")
    if size == 0:
        raise ValueError(f"{name} is empty. Copy or save it again.")
    return name, bytes(data)


def _read(path: Path) -> tuple[str, int, bytes]:
    """Name, size and content of a file; what is too large is not read."""
    try:
        if path.is_file():
            size = path.stat().st_size
            return path.name, size, path.read_bytes() if size <= LARGEST_FILE else b""
    except PermissionError as error:
        raise ValueError(f"{path.name} may not be read by you ({error.strerror}). Ask its owner.") from None
    except (OSError, ValueError):  # a name that no file can have
        pass
    raise FileNotFoundError(f"There is no picture {str(path)[:200]!r}. Give the path of a JPEG or PNG file.")


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 or 32 bits a pixel: convert("RGB") would clip
        return Image.fromarray(_narrowed(np.asarray(picture, float), picture)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _narrowed(values: np.ndarray, picture: Image.Image) -> np.ndarray:
    """8-bit grey from 16 bits, which run to 65535, or from 32, of which nobody says how far they run."""
    if not np.isfinite(values).all():
        raise ValueError("some of its pixels are NaN or infinite")
    sixteen = picture.mode.startswith("I;16")
    largest = values.max()
    top = 65535.0 if sixteen or 255 < largest <= 65535 else 255.0 if largest <= 255 else largest
    grey = np.rint(np.clip(values / top, 0, 1) * 255).astype(np.uint8)
    return np.where(values == picture.info["transparency"], 255, grey) if "transparency" in picture.info else grey
