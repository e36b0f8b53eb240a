"""A student's own pictures: everything readable in a folder, at one size, with a word about the rest.

What is read is bounded: the number of pictures, their size, and (by :mod:`helpers.photos.images`) the size of every
file. The folder alone is read, nothing below it. Links to picture files are followed; nothing else is opened.
"""

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.course.arguments import shown, whole_number
from helpers.photos.images import load_image

# what a camera, a telephone or a browser saves; those that cannot be read here (HEIC, AVIF) are then reported by name
PICTURE_NAMES = frozenset(".avif .bmp .gif .heic .heif .jfif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())
LARGEST_SET = 512 * 2**20  # bytes of all pictures together


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """Pictures of one folder.

    Attributes
    ----------
    path : the folder
    pictures : (n, size, size, 3), uint8 RGB
    names : file name of each picture
    problems : for each picture file that could not be used, its name and why
    ignored : number of entries that are no pictures: other and hidden files, folders
    left_out : number of picture files beyond the limit
    """

    path: Path
    pictures: np.ndarray
    names: tuple[str, ...]
    problems: dict[str, str]
    ignored: int
    left_out: int

    def __len__(self) -> int:
        return len(self.pictures)

    def __str__(self) -> str:
        size = self.pictures.shape[1]
        parts = [f"{len(self)} pictures of {size} x {size} pixels from {self.path.name!r}"]
        if self.problems:
            parts.append(f"{len(self.problems)} not used: " + "; ".join(self.problems.values()))
        if self.left_out:
            parts.append(f"{self.left_out} beyond the limit left out")
        if self.ignored:
            parts.append(f"{self.ignored} other files or folders ignored")
        return ". ".join(part.rstrip(".") for part in parts) + "."


def image_folder(path, size: int = 224, limit: int = 200) -> ImageFolder:
    """Read the pictures of a folder, in the order of their names.

    Parameters
    ----------
    path : the folder; what lies in folders below it is not read
    size : of each picture the middle square is taken, ``size`` pixels wide (:func:`helpers.photos.images.load_image`)
    limit : pictures read at most, the first by name

    A file is a picture if its name ends like one. Hidden files (their names begin with a dot) and all others are
    counted, not opened. A file that is damaged, empty, too large or a copy of an earlier picture is not fatal: its name
    stands in ``problems``. Copies are left out because a classifier would be tested on what it was trained on.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is no folder, cannot be opened, or holds no picture that can be read, or ``size`` and ``limit`` ask for
        more than 512 MiB.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"path is that of a folder of pictures; got {shown(path)}.")
    folder = Path(path)
    with contextlib.suppress(RuntimeError):  # "~name" of nobody is a name like others
        folder = folder.expanduser()
    size, limit = whole_number("size", size), whole_number("limit", limit)
    if limit < 1 or size < 1 or limit * size * size * 3 > LARGEST_SET:
        raise ValueError(
            f"size and limit are at least 1, and limit pictures take at most {LARGEST_SET >> 20} MiB; got size={size}, "
            f"limit={limit}."
        )
    files, ignored = _picture_files(folder)
    pictures, names, problems, seen = [], [], {}, {}
    tried = 0
    for file in files:
        if len(pictures) == limit:
            break
        tried += 1
        try:
            picture = load_image(file, size)
        except (ValueError, OSError) as error:
            problems[file.name] = _named(file.name, error)
            continue
        digest = hashlib.sha256(picture.tobytes()).digest()
        if digest in seen:
            problems[file.name] = f"{file.name} is the same picture as {seen[digest]}"
            continue
        seen[digest] = file.name
        pictures.append(picture)
        names.append(file.name)
    if not pictures:
        found = f"{ignored} other files or folders" if ignored else "nothing at all"
        why = (
            f"none of its {len(files)} can be read: " + "; ".join(list(problems.values())[:3])
            if files
            else f"it holds {found}"
        )
        raise ValueError(f"There is no picture to use in {folder.name!r}: {why}. Put JPEG or PNG files into it.")
    return ImageFolder(folder, np.array(pictures), tuple(names), problems, ignored, len(files) - tried)


def _picture_files(folder: Path) -> tuple[list[Path], int]:
    """Files that are pictures by their names, sorted, and the number of other entries."""
    try:
        found = folder.exists()
    except (OSError, ValueError):  # a name that no folder can have
        found = False
    if not found:
        raise FileNotFoundError(f"There is no folder {str(folder)[:200]!r}. Make it, and put pictures into it.")
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file. Give the folder that holds the pictures: {str(folder.parent)!r}.")
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: (entry.name.casefold(), entry.name))
    except OSError as error:
        raise ValueError(f"The folder {folder.name!r} cannot be opened ({error.strerror}).") from None
    # a link to nowhere is kept: it is reported by name when it is read. Pipes and devices would hang, and are not
    chosen = [
        entry
        for entry in entries
        if entry.suffix.lower() in PICTURE_NAMES and not entry.name.startswith(".") and _is_file(entry)
    ]
    return chosen, len(entries) - len(chosen)


def _is_file(entry: Path) -> bool:
    return entry.is_file() or (entry.is_symlink() and not entry.exists())


def _named(name: str, error: Exception) -> str:
    """One line about a file, which begins with its name."""
    text = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).split("\n")[0].rstrip(".")
    if isinstance(error, FileNotFoundError):
        text = "is a link to nothing"
    return text if name in text else f"{name}: {text}" if not text.startswith("is ") else f"{name} {text}"
