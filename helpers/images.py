"""Photographs: read safely, cut to a square, and the pictures that the course uses.

Everything here is 8-bit RGB, shape (height, width, 3), values 0 to 255. What a network wants is the business of its
``preprocess``.
"""

import io
import warnings
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

LARGEST_FILE = 20 * 2**20  # bytes: more than any camera's JPEG
LARGEST_PICTURE = 50_000_000  # pixels: a small file can claim to be huge and fill the memory

_SAMPLES = {  # name: (package that carries it, file, what it shows)
    "cat": ("skimage.data", "chelsea.png", "the cat Chelsea, looking at you"),
    "coffee": ("skimage.data", "coffee.png", "a cup of coffee with a spoon on a wooden table"),
    "officer": ("matplotlib", "grace_hopper.jpg", "Grace Hopper in the uniform of the US Navy"),
    "astronaut": ("skimage.data", "astronaut.png", "the astronaut Eileen Collins in an orange suit"),
    "rocket": ("skimage.data", "rocket.jpg", "a rocket on its launch pad at dusk"),
}


def sample_names() -> dict[str, str]:
    """Names of the photographs that come with the packages, and what each shows."""
    return {name: shows for name, (_, _, shows) in _SAMPLES.items()}


def sample_photo(name: str, size: int | None = 224) -> np.ndarray:
    """One of the photographs that come with scikit-image and Matplotlib, cut to a square of ``size`` pixels."""
    if name not in _SAMPLES:
        raise ValueError(f"There is no sample photograph {name!r}. There are: {', '.join(_SAMPLES)}.")
    package, file, _ = _SAMPLES[name]
    if package == "matplotlib":
        from matplotlib import cbook

        return load_image(cbook.get_sample_data(file, asfileobj=False), size)
    return load_image(resources.files("skimage") / "data" / file, size)


def texture(name: str, size: int, tint=(1.0, 1.0, 1.0), seed: int = 0) -> np.ndarray:
    """A natural background: a random square of scikit-image's grey ``grass``, ``gravel`` or ``brick``, tinted.

    ``tint`` multiplies the three colours.
    """
    names = ("grass", "gravel", "brick")
    if name not in names:
        raise ValueError(f"A texture is one of {', '.join(names)}; got {name!r}.")
    with Image.open(resources.files("skimage") / "data" / f"{name}.png") as picture:
        grey = np.asarray(picture.convert("L"))
    if not 1 <= size <= min(grey.shape):
        raise ValueError(f"Textures are 1 to {min(grey.shape)} pixels wide; got size={size}.")
    top, left = np.random.default_rng(seed).integers(0, np.array(grey.shape) - size + 1)
    cut = grey[top : top + size, left : left + size, np.newaxis] * np.asarray(tint, float)
    return np.clip(cut, 0, 255).astype(np.uint8)


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
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1 pixel; got {size}.")
    name, data = _bytes_of(source)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; the limit below refuses them
            if picture.width * picture.height > LARGEST_PICTURE:
                raise ValueError(
                    f"{name} has {picture.width} x {picture.height} pixels; the limit is {LARGEST_PICTURE // 10**6} "
                    "million. Make it smaller first."
                )
            picture.seek(0)
            picture.load()
            picture = _rgb(ImageOps.exif_transpose(picture))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} is not a picture that can be read ({error}). Use a JPEG or PNG file.") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"{name} is damaged or cut short ({error}). Copy or save it again.") from None
    if size is None:
        return np.asarray(picture)
    if crop:
        return np.asarray(ImageOps.fit(picture, (size, size), method=Image.Resampling.BICUBIC))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def _bytes_of(source) -> tuple[str, bytes]:
    """A name for messages, and the file's content."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        name, data = "The uploaded file", bytes(source)
    else:
        path = Path(source)
        name = path.name
        if not path.is_file():
            raise FileNotFoundError(f"There is no picture {str(source)!r}. Give the path of a JPEG or PNG file.")
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{name} has {path.stat().st_size / 2**20:.0f} MB; the limit is {LARGEST_FILE >> 20} MB.")
        data = path.read_bytes()
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{name} has {len(data) / 2**20:.0f} MB; the limit is {LARGEST_FILE >> 20} MB.")
    if not data:
        raise ValueError(f"{name} is empty. Copy or save it again.")
    return name, data


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 or 32 bits a pixel: convert("RGB") would clip
        values = np.asarray(picture, float)
        top = 255.0 if values.max() <= 255 else 65535.0 if values.max() <= 65535 else values.max()
        return Image.fromarray(np.clip(values / top * 255, 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def grey_values(picture: np.ndarray) -> np.ndarray:
    """Brightness of an RGB picture, (height, width), 0 to 1 (ITU-R BT.709 weights)."""
    return np.asarray(picture, float) @ np.array([0.2126, 0.7152, 0.0722]) / 255.0
