"""Files for the upload buttons: good pictures, and every kind of bad one that readers have."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.photos.images import LARGEST_FILE


def write_uploads(folder: Path) -> dict[str, Path]:
    """Write them into a folder; name -> path. "good 0" to "good 11" are photographs, the others are bad."""
    rng = np.random.default_rng(0)
    files = {}
    for number in range(12):
        y, x = np.mgrid[:200, :240]
        waves = 127 + 100 * np.sin(x / (4 + number) + 3 * rng.random()) * np.cos(y / (6 + number))
        pixels = np.stack([waves, waves[::-1], np.full_like(waves, 20 * number)], axis=-1).astype(np.uint8)
        files[f"good {number}"] = folder / f"photo_{number}.png"
        Image.fromarray(pixels).save(files[f"good {number}"])
    files["text"] = folder / "letter.png"
    files["text"].write_text("Dear reader, this is no picture.\n" * 20)
    files["cut short"] = folder / "half.png"
    files["cut short"].write_bytes(files["good 0"].read_bytes()[:4000])
    files["empty"] = folder / "empty.png"
    files["empty"].write_bytes(b"")
    for name, size in (("nine megabytes", 9 * 10**6), ("too many bytes", LARGEST_FILE + 2)):
        files[name] = folder / f"{name.replace(' ', '_')}.bmp"
        files[name].write_bytes(b"BM" + bytes(size - 2))
    files["too many pixels"] = folder / "huge.png"
    huge = io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "PNG")
    files["too many pixels"].write_bytes(huge.getvalue())
    return files


# What the message says. A server passes on messages of up to 10 MiB: what is larger never arrives at the kernel.
BAD = {
    "text": "not a picture",
    "cut short": "cut short",
    "empty": "empty",
    "too many pixels": "limit is 50 million",
    "nine megabytes": "damaged",
}
NEVER_ARRIVES = "too many bytes"
