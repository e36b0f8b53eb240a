"""Photographs: read safely, cut to a square, and the pictures that the course uses.

Everything here is 8-bit RGB, shape (height, width, 3), values 0 to 255. What a network wants is the business of its
``preprocess``.
"""

import contextlib
import io
import os
import warnings
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from helpers.course.arguments import choice, finite_array, shown, whole_number

LARGEST_FILE = 20 * 2**20  # bytes: more than any camera's JPEG
LARGEST_PICTURE = 50_000_000  # pixels: a small file can claim to be huge and fill the memory
LARGEST_SIDE = 4096  # pixels: of a picture that is asked for
LIGHTEST = (1.0, 255.0, 65535.0)  # what white can be in a file of floats; whole numbers begin with the second
_MEANING_OF_ZERO = 262  # the tag PhotometricInterpretation of a TIFF; 0 says that zero is white
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")  # others have no business here

_OTHERS = (  # no pictures for Pillow: from which byte on, how the file begins, what it is and what to do
    (
        4,
        (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1"),
        "a HEIC photograph, as iPhones take them",
        "Export it as JPEG",
    ),
    (4, (b"ftyp",), "a video or a photograph of another kind", "Save one picture of it as JPEG"),
    (0, (b"%PDF",), "a PDF document", "Export the picture in it as JPEG or PNG"),
    (0, (b"PK\x03\x04",), "a ZIP archive, or a document made of one", "Take the picture out of it"),
    (0, (b"<svg", b"<?xml"), "a drawing in lines (SVG), or other XML", "Export it as PNG"),
    (0, (b"<!doc", b"<!DOC", b"<html", b"<HTML"), "a web page", "Save the picture itself, not the page that shows it"),
)

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
        A path, which may begin with ``~``, or the bytes of a file (an upload).
    size
        Side of the square that is returned; None keeps the picture as it is.
    crop
        Cut the middle square before resizing (True), or squeeze the whole picture into it (False).

    The camera's orientation is applied, a colour profile in the file is followed (the result is sRGB), transparent parts
    become white, grey and 16-bit pictures are widened or narrowed to 8-bit RGB, and of an animation the first picture is
    taken. Values of 32 bits run from 0 to the lowest of 1 (floats only), 255 and 65535 that none of them exceeds.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no picture, is damaged or cut short, is larger than 20 MB or 50 million pixels, or has values of 32 bits
        of which it cannot be told how far they run.
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
                negative = getattr(picture, "tag_v2", {}).get(_MEANING_OF_ZERO) == 0  # Pillow sees to 8 bits only
                picture = _in_srgb(_narrowed(_upright(picture), negative))
                return picture.convert("RGBA") if transparent else _on_white(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"  # Pillow names our copy in memory
        what, advice = _kind(data)
        raise ValueError(f"{name} is not a picture that can be read{what or why}. {advice}.") from None
    except _UnknownRange as error:
        raise ValueError(f"{name} cannot be shown: {error}") from None
    except Exception as error:  # in hostile bytes every decoder stumbles in its own way
        why = str(error).split("\n")[0][:120] or type(error).__name__
        raise ValueError(f"{name} is damaged or cut short ({why}). Copy or save it again.") from None
    raise ValueError(
        f"{name} has {width} x {height} pixels; the limit is {LARGEST_PICTURE // 10**6} million. Make it smaller first."
    )


def _kind(data: bytes) -> tuple[str, str]:
    """What a file is that Pillow cannot read, as far as it is known, and what to do with it."""
    for start, beginnings, what, advice in _OTHERS:
        if data[start:].startswith(beginnings):
            return f": it is {what}", advice
    return "", "Use a JPEG or PNG file"


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
        name, size, data = _read(source)
    else:
        got = f"a {type(source).__name__}: give its bytes, .read()" if hasattr(source, "read") else shown(source)
        raise ValueError(f"A picture is read from a path or from the bytes of a file; got {got}.")
    if size > LARGEST_FILE:
        raise ValueError(f"{name} has {size / 2**20:.0f} MB; the limit is {LARGEST_FILE >> 20} MB.")
    if size == 0:
        raise ValueError(f"{name} is empty. Copy or save it again.")
    return name, bytes(data)


def _read(source) -> tuple[str, int, bytes]:
    """Name, size and content of a file; what is too large is not read."""
    path = Path(source)
    with contextlib.suppress(RuntimeError):  # "~name" of nobody is a name like others
        path = path.expanduser()
    try:
        if path.is_file():
            size = path.stat().st_size
            return path.name, size, path.read_bytes() if size <= LARGEST_FILE else b""
    except PermissionError as error:
        raise ValueError(f"{path.name} may not be read by you ({error.strerror}). Ask its owner.") from None
    except (OSError, ValueError):  # a name that no file can have
        pass
    raise FileNotFoundError(f"There is no picture {os.fspath(source)[:200]!r}. {_hint(os.fspath(source))}")


def _hint(path: str) -> str:
    """What to give instead of a path where there is no file."""
    if "://" in path:
        return "An address is not a path: save the picture, and give the path of the file."
    if path.strip().strip("'\"\u201c\u201d") != path:
        return "Leave out the quotation marks and spaces around the path."
    return "Give the path of a JPEG or PNG file."


class _UnknownRange(ValueError):
    """Nobody can say which value of this picture is white."""


def _narrowed(picture: Image.Image, negative: bool) -> Image.Image:
    """8-bit grey from 16 or 32 bits a pixel, which convert("RGB") would clip; ``negative`` where 0 is white.

    16 bits run to 65535. Of 32 nobody says how far they run: of the usual ranges the first that holds all values is
    taken, and a picture that would be dark everywhere is not believed, for then it may be another.
    """
    sixteen = picture.mode.startswith("I;16")
    if not sixteen and picture.mode not in ("I", "F"):
        return picture
    values = np.asarray(picture, float)
    if not np.isfinite(values).all():
        raise ValueError("some of its pixels are NaN or infinite")
    smallest, largest = values.min(), values.max()
    known = LIGHTEST[2:] if sixteen else LIGHTEST[picture.mode == "I" :]
    white = next((top for top in known if largest <= top), 0.0)
    if not (smallest >= 0 and white and (sixteen or white == 1 or largest == 0 or largest > white / 2)):
        raise _UnknownRange(
            f"its values run from {smallest:g} to {largest:g}, and white could be "
            f"{', '.join(f'{top:g}' for top in known)} or another number. Save it with 8 bits a colour, 0 to 255."
        )
    grey = np.rint(values / white * 255).astype(np.uint8)
    grey = 255 - grey if negative else grey
    if "transparency" in picture.info:
        grey[values == picture.info["transparency"]] = 255
    narrowed = Image.fromarray(grey)
    narrowed.info = {key: value for key, value in picture.info.items() if key != "transparency"}
    return narrowed


def _in_srgb(picture: Image.Image) -> Image.Image:
    """RGB, or RGBA where parts can be transparent, in the colours that a screen shows.

    A telephone's numbers are not a screen's: a red of (200, 60, 60) in Display P3 is (217, 42, 52) in sRGB. A profile
    that cannot be read, or that is for other channels than the picture has, counts for nothing.
    """
    opaque = not picture.has_transparency_data
    if picture.mode in ("LA", "La"):
        channels = picture.convert("LA").getchannel("L")
    elif picture.mode in ("L", "RGB", "CMYK"):
        channels = picture
    else:
        channels = picture.convert("RGB" if opaque else "RGBA").convert("RGB")
    colours = channels.convert("RGB")
    if picture.info.get("icc_profile"):
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
            meant = colours if own.profile.xcolor_space.startswith("RGB") and channels.mode == "L" else channels
            colours = ImageCms.profileToProfile(meant, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return colours if opaque else Image.merge("RGBA", (*colours.split(), picture.convert("RGBA").getchannel("A")))


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
