"""The course's files: which there are, in which folders they are looked for, and whether a copy is the real one.

Every file is looked for, under the same relative path, in these folders (:func:`folders`); the first that has it wins:

1. the folder named by the environment variable ``COURSE_DATA_DIR`` (a class's shared folder; read-only is fine);
2. ``sys.prefix/share/understanding-networks`` (an image built for a hub);
3. the repository's ``data/``;
4. the user's cache, the only folder that is ever written to. ``COURSE_CACHE_DIR`` moves it, for small home folders.

A file counts only when its size and hash are right. A damaged copy is an error that names it, never skipped in favour
of another: whoever put it there wants to know. What is nowhere to be found, pooch downloads: into a file of its own,
which is moved into place when it is complete and its hash is right, so that a reader never sees half a file.
``python -m helpers.download`` is the command line.
"""

import contextlib
import difflib
import errno
import fnmatch
import functools
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch
import requests
from tqdm.auto import tqdm

COURSE = "understanding-networks"
RETRIES = 2  # after the first attempt
TIMEOUT = 30  # seconds, to connect and to wait for the next piece
CHUNK = 1 << 16  # bytes

pooch.get_logger().setLevel("WARNING")  # it notes every download on stderr, which a notebook would store


@dataclass(frozen=True)
class CourseFile:
    """A file of the course: ``path`` inside a data folder, what it is in ``words``, its licence, how to check it.

    ``size`` in bytes and ``hash`` ("md5:...", "sha1:...", "sha256:...") are None where only the presence is checked.
    ``url`` is None for what comes with the repository.
    """

    path: str
    words: str
    licence: str
    size: int | None = None
    hash: str | None = None
    url: str | None = None

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


VGG16_LICENCE = "CC BY 4.0, Visual Geometry Group, University of Oxford"
VADER_LICENCE = "MIT, C.J. Hutto (vaderSentiment 3.3.2)"
ATLAS_LICENCE = "CC0, ATLAS collaboration, doi:10.7483/OPENDATA.ATLAS.ZBP2.M5T8"
FILES = {
    file.path: file
    for file in (
        CourseFile(
            path="vgg16/vgg16_conv_float16.npz",
            words="the convolutions of VGG16 in half precision",
            licence=VGG16_LICENCE,
            size=27_214_952,
            hash="sha256:73d317e221b97b71829f083f18d3c3b1d36d0acfb50b96445453f626f6756f03",
        ),
        CourseFile(
            path="vgg16/vgg16_gap_head.npz",
            words="the head of VGG16-GAP",
            licence="CC BY 4.0, this course",
            size=123_251,
            hash="sha256:10c1397eaf04e03ce40d80407ea0eb1ed94a2047809b588e84e2b06ac41502c9",
        ),
        CourseFile(
            path="imagenet_class_index.json",
            words="the names of the 1,000 ImageNet classes",
            licence="Apache-2.0, as distributed with Keras; names from WordNet",
            size=35_363,
            hash="md5:c2c37ea517e94d9795004a39431a14cb",
        ),
        CourseFile(
            path="atlas-higgs/atlas-higgs-challenge-2014-v2-first-22800.csv.gz",
            words="the first 22,800 events of the ATLAS Higgs challenge",
            licence=ATLAS_LICENCE,
            size=1_824_732,
            hash="sha256:846b3e13bd280c73cfc59ad6546fa05c36113bdebf83cd38baee55328fe96654",
        ),
        CourseFile(
            path="digits/mnist_5000.npz",
            words="5,000 handwritten digits of MNIST",
            licence="CC BY-SA 3.0, Y. LeCun, C. Cortes and C. J. C. Burges",
            size=821_722,
            hash="sha256:246e0c30eeea57c8d0037d3f38c8e00651ec204cc61b8022563e9aeeb9d756f4",
        ),
        CourseFile(
            path="movie-reviews/movie_review_sentences.tsv.gz",
            words="10,605 sentences of film reviews, rated by people",
            licence=VADER_LICENCE,
            size=558_045,
            hash="sha256:9b9182bb2953cfdd8961811b86a9c2504534e74a821a4f739597656d64f123f6",
        ),
        CourseFile(
            path="movie-reviews/product_review_sentences.tsv.gz",
            words="3,707 sentences of product reviews, rated by people",
            licence=VADER_LICENCE,
            size=132_144,
            hash="sha256:7342f682bba44daae58b7224312f83e29dbe5a8df2cbb64f5c01f1631017b9ed",
        ),
        CourseFile(
            path="movie-reviews/word_valence.tsv.gz",
            words="7,224 single words, rated by people",
            licence=VADER_LICENCE,
            size=40_312,
            hash="sha256:b83ad5a7183736208e22e1e92e5c3a7f373660a571e605c19088519be632f78c",
        ),
        *(
            CourseFile(
                path=f"toyworld/{name}.npz",
                words=f"the weights of the toy world's network {name.replace('_', ' ')!r}",
                licence="GPL-2.0-or-later, this course",
                size=size,
                hash=f"sha256:{digest}",
            )
            for name, size, digest in (
                ("coats", 166_224, "ac81d4402cc6e98ed3beb59b4dece6c7ffc75547ced065ab9bc6094d33f1c966"),
                ("outlines", 167_001, "abbac4f6ee8e4e084181fd5ce924b3e4f4a59c89b63547fad5b6cf45c01bf2c4"),
                ("outlines_watermark_0.3", 166_935, "5bcc945a539a1439725cb03b573cd7e81b6bcb4c35c24c0184fa762b53ac290b"),
                ("outlines_watermark_0.6", 167_014, "d77178a06fba8d68ce5d4b3da4ef1eca2ceaa776f7060d3c4dbef4c89d8c9714"),
                ("outlines_watermark_1.0", 167_000, "579f010fc340c20d6512892adfe4350ea4b819f2b6109d3cfa52740513923d4a"),
            )
        ),
        CourseFile(
            path="questions/film.npz",
            words="the weights of the network that answers questions about scenes",
            licence="GPL-2.0-or-later, this course",
            size=653_119,
            hash="sha256:73e66e641dbdbb71d269098a604aab7006f76ada5348fd6340ba3fccb02aece4",
        ),
        # Hash and address stand in Keras (keras/src/applications/vgg16.py); the size is what its progress bar shows.
        CourseFile(
            path="vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
            words="the official weights of VGG16, dense layers included",
            licence=VGG16_LICENCE,
            size=553_467_096,
            hash="md5:64373286793e3c8b2b4e3219cbf3544b",
            url="https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
            "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        ),
        # Size and hash stand in the portal's own record, atlas-higgs-challenge-2014.json in the repository
        # cernopendata/opendata.cern.ch: sha1 until 2018, adler32 e4717bbe since, the size the same in both.
        CourseFile(
            path="atlas-higgs/atlas-higgs-challenge-2014-v2.csv.gz",
            words="all 818,238 events of the ATLAS Higgs challenge (CERN Open Data record 328)",
            licence=ATLAS_LICENCE,
            size=65_630_848,
            hash="sha1:639b1dbd97a709a739122a9a5dcd99b49d55d86c",
            url="https://opendata.cern.ch/record/328/files/atlas-higgs-challenge-2014-v2.csv.gz",
        ),
    )
}
# Bundled too, but not listed one by one: text, and pictures, which carry check sums of their own.
UNLISTED = (
    *("README.md", "vgg16/*.md", "vgg16/*.json", "cutouts/*", "scores/*.json"),
    *("questions/*.md", "questions/*.json"),
    *(f"toyworld/{kind}" for kind in ("*.png", "*.tsv", "*.md", "*.json", "COPYING")),
)


class DamagedFileError(ValueError):
    """A file whose size or hash is not what it must be."""


def cache_folder() -> Path:
    """The user's cache, the only folder that is written to. It need not exist yet."""
    moved = os.environ.get("COURSE_CACHE_DIR")
    return (Path(os.path.expanduser(moved)) if moved else Path(pooch.os_cache(COURSE))).absolute()


def folders() -> list[Path]:
    """The folders searched, in order. Those that do not exist are listed too, except a repository's."""
    named = os.environ.get("COURSE_DATA_DIR")
    first = [Path(os.path.expanduser(named))] if named else []
    searched = [*first, Path(sys.prefix) / "share" / COURSE, *_repository_data(), cache_folder()]
    return list(dict.fromkeys(path.absolute() for path in searched))


def locate(name: str) -> Path | None:
    """The checked file, or None where no folder has it. Looks in :func:`folders`; never downloads.

    ``name`` is a path in ``FILES`` such as ``"vgg16/vgg16_conv_float16.npz"``, the file name alone, or what
    ``UNLISTED`` covers. The hash is computed once per process and file; that takes little longer than reading the
    file, which whoever asks for it is going to do anyway (the largest, half a gigabyte: about a second).

    Raises
    ------
    DamagedFileError (a ValueError)
        If the first copy found is not the file: wrong size or hash.
    OSError
        If it cannot be read, or is not a file.
    ValueError
        If the course has no file of that name.
    """
    return find(course_file(name), folders())


def unlisted() -> list[str]:
    """The bundled files that ``FILES`` does not list, as far as one of the folders has them."""
    found = [(folder, path) for folder in folders() for glob in UNLISTED for path in folder.glob(glob)]
    wanted = [
        (folder, path)
        for folder, path in found
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".py"
    ]
    return sorted({path.relative_to(folder).as_posix() for folder, path in wanted})


def verify(path: Path, file: CourseFile) -> None:
    """Raise unless ``path`` holds the file: the errors of :func:`locate`."""
    problem = None
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "a file was expected here, not a folder or device")
        if file.size is not None and status.st_size != file.size:
            problem = f"{path} has {status.st_size:,} bytes instead of {file.size:,}"
        elif file.hash is not None:
            algorithm, _, wanted = file.hash.partition(":")
            got = _digest(path, status.st_size, status.st_mtime_ns, algorithm)
            if got != wanted:
                problem = f"{path} has the right size, but its {algorithm} is {got} instead of {wanted}"
    except OSError as error:
        text = explanation(file, path, f"{path} cannot be read: {error.strerror or error}", damaged=True)
        raise OSError(error.errno, text) from error
    if problem:
        raise DamagedFileError(explanation(file, path, problem, damaged=True))


def size_in_words(size: int | None) -> str:
    """35_363 -> "35 kB"."""
    if size is None:
        return "size not recorded"
    return f"{size / 1e6:,.0f} MB" if size >= 999_500 else f"{size / 1e3:,.0f} kB"


def course_file(name: str) -> CourseFile:
    """The entry of that name; the errors of :func:`locate`."""
    by_name = {file.name: file for file in FILES.values()}
    if name in FILES or name in by_name:
        return FILES.get(name) or by_name[name]
    if any(fnmatch.fnmatchcase(name, glob) for glob in UNLISTED) and ".." not in PurePosixPath(name).parts:
        return CourseFile(name, "part of the course", "see data/README.md")
    near = difflib.get_close_matches(name, [*FILES, *by_name], n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"The course has no file {name!r}.{meant} It has: {', '.join([*FILES, *UNLISTED])}.")


def find(file: CourseFile, places: list[Path], replaceable: Path | None = None) -> Path | None:
    """The first copy in these folders, verified; None if there is none. A damaged one at ``replaceable`` is no copy."""
    for path in (folder / file.path for folder in places):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # a folder that this user may not enter: verify says so
            pass
        try:
            verify(path, file)
            return path
        except DamagedFileError:
            if path != replaceable:
                raise
    return None


@functools.lru_cache(maxsize=256)
def _digest(path: Path, size: int, modified: int, algorithm: str) -> str:
    """The file's hash. ``size`` and ``modified`` make sure that a changed file is read again."""
    return pooch.file_hash(str(path), alg=algorithm)


def explanation(file: CourseFile, path: Path, problem: str, damaged: bool = False) -> str:
    """The text of every error: what is wrong, and all that is needed to put it right by hand."""
    size = f"{file.size:,} bytes ({size_in_words(file.size)})" if file.size else size_in_words(None)
    if file.url:
        by_hand = f"open the address in a browser and save the file as {path}"
        elsewhere = f"or put it into any folder as {file.path} and set COURSE_DATA_DIR to that folder"
    else:
        by_hand = f"copy data/{file.path} from a fresh copy of the course's repository to {path}"
        elsewhere = "or set COURSE_DATA_DIR to the data folder of such a copy"
    if damaged:
        by_hand = f"delete {path}, then run: python -m helpers.download {file.name}" if file.url else by_hand
        elsewhere = "if that copy is not yours to delete, tell its owner, and set COURSE_DATA_DIR to another folder"
    return (
        f"{file.name}: {problem}.\n"
        f"  what     {file.words}, {size}\n"
        f"  address  {file.url or 'none: it comes with the course'}\n"
        f"  folder   {path.parent}\n"
        f"  by hand  {by_hand};\n"
        f"           {elsewhere}."
    )


def _repository_data() -> list[Path]:
    """``data/`` beside this package, and, for an installed package, in or above the working directory."""
    root = Path(__file__).absolute().parents[1]
    found = [root / "data"] if (root / "notebooks").is_dir() and (root / "data").is_dir() else []
    with contextlib.suppress(OSError):  # a working directory that has been deleted
        for place in (Path.cwd(), *Path.cwd().parents):
            if (place / "notebooks").is_dir() and (place / "data" / "README.md").is_file():
                return [*found, place / "data"]
    return found


def fetch(name: str, dest: str | Path | None = None, progress: bool = True) -> Path:
    """The checked file; downloaded into the cache where no folder has it.

    With ``dest`` a copy is made, or downloaded, inside that folder instead. ``progress`` shows a bar while downloading.

    Raises
    ------
    FileNotFoundError
        If a bundled file is nowhere, the address no longer has the file, or ``COURSE_DATA_DIR`` is no folder.
    ConnectionError
        If there is no network, or the server fails or stops again and again.
    DamagedFileError (a ValueError)
        If what arrived is not the file.
    OSError
        If the folder is full, or may not be written to (PermissionError).

    And those of :func:`locate`.
    """
    file = course_file(name)
    base = cache_folder() if dest is None else Path(dest).expanduser().absolute()
    target = base / file.path
    found = find(file, folders() if dest is None else [base, *folders()], replaceable=target)
    if found is not None and (dest is None or found == target):
        return found
    if found is None:
        _require_downloadable(file, target, into_cache=dest is None)
    bring = functools.partial(_copy, found) if found else functools.partial(_download, file=file, progress=progress)
    store = pooch.create(
        base, "", registry={file.path: file.hash}, urls={file.path: file.url or ""}, retry_if_failed=RETRIES
    )
    with _explained(file, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        store.fetch(file.path, downloader=bring)
    return target


def _copy(source: Path, url: str, output: str, store: pooch.Pooch) -> None:
    """A "downloader" for pooch that copies. A temporary file is its owner's alone; a class must be able to read this one."""
    shutil.copyfile(source, output)
    os.chmod(output, 0o644)


def _download(url: str, output: str, store: pooch.Pooch, file: CourseFile, progress: bool) -> None:
    """A downloader for pooch that takes the bytes as they are stored, and no more of them than the file has.

    A server that compresses on the way, or calls the file compressed, would otherwise have it unpacked.
    """
    headers = {"Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        response.raw.headers.pop("Content-Encoding", None)
        with (
            open(output, "wb") as arrived,
            tqdm(desc=file.name, total=file.size, unit="B", unit_scale=True, disable=not progress) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                bar.update(arrived.write(chunk))
                if arrived.tell() > file.size:
                    raise ValueError(f"more than {file.size:,} bytes arrived")
    os.chmod(output, 0o644)


@contextlib.contextmanager
def _explained(file: CourseFile, target: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is being written to ``target`` into errors that say what to do."""
    try:
        yield
    except requests.RequestException as error:  # before OSError, which it is too
        status = getattr(error.response, "status_code", None)
        text = explanation(file, target, f"the download failed: {_in_words(error, status)}")
        raise (FileNotFoundError if status in (404, 410) else ConnectionError)(text) from error
    except ValueError as error:  # pooch found another hash
        problem = "what the address sends is not the file; a page that asks for a login may stand in between"
        raise DamagedFileError(explanation(file, target, f"{problem} ({error})")) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = "there is no room for it. Make some, or set COURSE_CACHE_DIR to a folder on a larger disk"
        else:
            problem = f"{error.filename or target.parent} cannot be written to: {error.strerror or 'Permission denied'}"
        # where the cache is read-only, pooch raises an error of its own, without a number
        raise OSError(error.errno or errno.EACCES, explanation(file, target, problem)) from error


def _in_words(error: requests.RequestException, status: int | None) -> str:
    if status:
        return f"the server answers with status {status}"
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return f"no secure connection, or a proxy in between ({error})"
    if isinstance(error, requests.Timeout):
        return f"the server does not answer within {TIMEOUT} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"the connection broke off {1 + RETRIES} times ({error})"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server (is there a network?)"
    return str(error)


def _require_downloadable(file: CourseFile, target: Path, into_cache: bool) -> None:
    named = os.environ.get("COURSE_DATA_DIR")
    if file.url is None:
        searched = ", ".join(str(folder) for folder in folders())
        problem = f"it is in none of the folders searched ({searched})"
    elif into_cache and named and not Path(os.path.expanduser(named)).is_dir():
        # It was set so that nobody need download: a missing mount must not end in thirty downloads.
        problem = f"COURSE_DATA_DIR names {named}, which is not a folder. Correct it, or unset it to download"
    else:
        return
    raise FileNotFoundError(explanation(file, target, problem))
