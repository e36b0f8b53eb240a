"""The course on a computer of your own, on Linux, macOS and Windows. Needs nothing but Python.

    python course.py lab                  set the course up where that is still to be done, and open it in JupyterLab
    python course.py test                 every test: style, unit tests, all notebooks from top to bottom
    python course.py check                one line: is everything here? "check --all" says it item by item
    python course.py pack FOLDER          for a class without a network: everything to install, as files in FOLDER

--locked installs exactly the versions of requirements.lock; --offline FOLDER installs from a packed folder. Whatever
else is given goes on to the program that is started: python course.py lab --no-browser --port 8899

Everything is installed into .venv in this folder, the first time only, and again where pyproject.toml asks for more.
Where uv is there, it does that, and fetches a fitting Python; else venv and pip do. ("install test,hub" is for make.)
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
PYTHONS = ("3.12", "3.13", "3.11")  # those that TensorFlow has wheels for, the first one preferred
NO_WHEELS = {("Darwin", "x86_64"): "Macs with an Intel processor", ("Windows", "ARM64"): "Windows on ARM"}
FITS = "import sys; sys.exit('%d.%d' % sys.version_info[:2] not in sys.argv[1:] or sys.maxsize < 2**32)"
PHASES = (  # what a line of progress says, and the packages it stands for; what no phase names comes with the last one
    ("TensorFlow and Keras, 290 MB", r"tensorflow|keras|numpy|h5py"),
    ("scikit-learn, scikit-image, Matplotlib, 90 MB", r"sci|matplotlib|pillow|pooch|requests|tqdm|threadpoolctl"),
    ("JupyterLab and widgets, 50 MB", r""),
)
DISK = 2.5  # GB that the course takes
WIDTH = 58  # letters of a line of progress
# A line in .venv that leads from there to this folder: it holds where both are moved or copied together.
OWN_FOLDER = (
    'import os, sysconfig as s; p = s.get_path("purelib"); '
    'open(os.path.join(p, "course.pth"), "w").write(os.path.relpath(".", p))'
)
READ = "import json, sys, tomllib; print(json.dumps(tomllib.load(open('pyproject.toml', 'rb'))['project']))"


class SetUpError(Exception):
    """What keeps the course from being set up, and what to do about it."""


def inside(folder=None):
    """The Python of the course's environment."""
    place = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(folder or os.path.join(ROOT, ".venv"), *place)


def works(python, code=FITS, arguments=PYTHONS):
    """Whether this command runs a Python, and one that TensorFlow has wheels for."""
    try:
        return subprocess.run([*python, "-c", code, *arguments], capture_output=True).returncode == 0
    except OSError:
        return False


def fitting():
    """The command of a Python that TensorFlow has wheels for: the one that runs this, else the first one found."""
    names = [["python" + version] for version in PYTHONS] + [["python3"], ["python"]]
    if os.name == "nt":
        names = [["py", "-" + version] for version in PYTHONS] + names
    for command in [[sys.executable], *names]:
        found = shutil.which(command[0])
        if found and works([found, *command[1:]]):
            return [found, *command[1:]]
    return None


def run(command, remedy):
    """A command without its many lines; they are shown where it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise SetUpError("\n".join(["", *last, "", remedy]))
    return done.stdout


def create(uv):
    """A new environment in .venv."""
    machine = (platform.system(), platform.machine())
    if machine in NO_WHEELS:
        raise SetUpError(f"TensorFlow has no wheels for {NO_WHEELS[machine]}. Use Binder or a hub (see README.md).")
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < DISK:
        raise SetUpError(f"{free:.1f} GB are free on this disk, {DISK} are needed: make room, or move the folder.")
    python = fitting()
    if python is None and not uv:
        raise SetUpError(
            f"No Python was found that TensorFlow has wheels for ({', '.join(sorted(PYTHONS))}). Install one and run this "
            "file with it: /path/to/python3.12 course.py lab (make lab PYTHON=/path/to/python3.12). Or install uv, which "
            "fetches one."
        )
    print(f"Creating .venv with {' '.join(python) if python else f'Python {PYTHONS[0]}, which uv fetches'}", flush=True)
    target = os.path.join(ROOT, ".venv")
    shutil.rmtree(target, ignore_errors=True)
    if uv:
        wanted = run([*python, "-c", "import sys; print(sys.executable)"], "").strip() if python else PYTHONS[0]
        command = [uv, "venv", "--quiet", "--no-project", "--python", wanted, target]
    else:
        command = [*python, "-m", "venv", target]
    try:
        run(command, "Python could not create a virtual environment. On Debian and Ubuntu: apt install python3-venv")
    except SetUpError:
        shutil.rmtree(target, ignore_errors=True)
        raise
    run([inside(), "-c", OWN_FOLDER], "")
    if not works([inside()], "import pip", ()):
        run([inside(), "-m", "ensurepip"], "This Python comes without pip; another one has it.")


def phases(lines):
    """(words, packages) of each phase: what is asked for, divided as in PHASES."""
    left, found = list(lines), []
    for words, pattern in PHASES:
        own = [line for line in left if re.match(pattern, line)]
        left = [line for line in left if line not in own]
        found.append((words, own))
    return [(words, own) for words, own in found if own]


def installer(uv, options):
    """The command that installs what is named behind it."""
    command = [uv, "pip", "install", "--quiet", "--python", inside()] if uv else [inside(), "-m", "pip", "install"]
    command += [] if uv else ["--quiet", "--disable-pip-version-check"]
    if options.locked:
        command += ["--constraint", os.path.join(ROOT, "requirements.lock")]
    if options.offline:
        command += ["--no-index", "--find-links", os.path.abspath(options.offline)]
    return command


def hash_of_pins():
    with open(os.path.join(ROOT, "requirements.lock"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def set_up(extras, options):
    """Install what the course asks for, with these extras of pyproject.toml, unless it is there; returns the packages."""
    if options.offline and not os.path.isdir(options.offline):
        raise SetUpError(f"There is no folder {options.offline}; python course.py pack FOLDER writes one.")
    uv = shutil.which("uv")
    if not works([inside()], "import sys", ()):
        if os.path.exists(os.path.join(ROOT, ".venv")):
            print("The Python of .venv is gone or was never complete.")
        create(uv)
    note = os.path.join(ROOT, ".venv", "installed.json")
    before = {"lines": [], "pins": None}
    if os.path.exists(note):
        with open(note, encoding="utf-8") as file:
            before = json.load(file)
    project = json.loads(run([inside(), "-c", READ], "The course's folder is not complete: pyproject.toml is missing."))
    course = project["dependencies"]
    tools = [line for extra in extras for line in project["optional-dependencies"][extra]]
    pins = hash_of_pins() if options.locked else None
    there = set(before["lines"]) if pins in (None, before["pins"]) else set()
    if set(course + tools) <= there:
        return course + tools
    print(
        f"Installing into .venv ({'about 2 GB on the disk, some minutes' if not there else 'what is new'})", flush=True
    )
    asked, steps = [], phases(course) + ([(f"tools for {', '.join(extras)}", tools)] if tools else [])
    remedy = (
        "Packages could not be installed. Is there a network? Without one: --offline FOLDER (course.py pack wrote it)"
    )
    if options.offline:
        remedy = f"{options.offline} lacks something: pack it on a computer of this kind, with this Python."
    for number, (words, packages) in enumerate(steps, 1):
        asked += packages  # all so far, so that none moves another one out of its bounds
        if set(packages) <= there:
            continue
        print(f"  {number}/{len(steps)}  {words}".ljust(WIDTH), end="", flush=True)
        began = time.time()
        run([*installer(uv, options), *asked], remedy)
        print(f" {time.time() - began:4.0f} s", flush=True)
    with open(note, "w", encoding="utf-8") as file:
        json.dump({"lines": sorted({*asked, *there}), "pins": pins}, file, indent=1)
    return asked


def pack(options, rest):
    """Everything that lab and test install, as wheels of the locked versions for computers like this one."""
    if len(rest) != 1:
        raise SetUpError("Name one folder: python course.py pack FOLDER")
    options.locked, folder = True, os.path.abspath(rest[0])
    lines = set_up(["test"], options)
    print(f"Packing {folder}", flush=True)
    command = [inside(), "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--wheel-dir", folder]
    pins = ["--constraint", os.path.join(ROOT, "requirements.lock")]
    run([*command, *pins, *lines], "Packages could not be fetched. Is there a network?")
    sizes = [os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)]
    version = run([inside(), "-c", "import platform; print('.'.join(platform.python_version_tuple()[:2]))"], "").strip()
    kind = f"{platform.system()} on {platform.machine()} with Python {version}"
    print(f"{len(sizes)} packages, {sum(sizes) / 1e6:.0f} MB, for {kind}; pack into the same folder on other kinds.")
    print("Copy it and the course to each computer, then: python course.py lab --offline FOLDER")


def start(arguments, folder="."):
    """Run the environment's Python until it ends, and return its status; Ctrl-C is for that program alone."""
    process = subprocess.Popen([inside(), *arguments], cwd=os.path.join(ROOT, folder))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python course.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("task", nargs="?", choices=("lab", "test", "check", "pack", "install"))
    parser.add_argument("--locked", action="store_true")
    parser.add_argument("--offline", metavar="FOLDER")
    options, rest = parser.parse_known_args(arguments)
    if options.task is None:
        print(__doc__)
        return 0
    try:
        if options.task == "check":
            if not works([inside()], "import sys", ()):
                raise SetUpError("NOT READY: the course is not set up yet; python course.py lab does it.")
            shown = [word for word in rest if word != "--all"]
            return start(["-m", "helpers.check", *(["--line"] if shown == rest else []), *shown])
        if options.task == "pack":
            pack(options, rest)
        elif options.task == "install":
            set_up(rest[0].split(",") if rest else [], options)
        elif options.task == "test":
            set_up(["test"], options)
            return start([os.path.join(".ci", "run_tests.py"), *rest])
        else:
            set_up([], options)
            # Jupyter refuses to run as root unless told; inside a container that is the usual case
            root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
            return start(["-m", "jupyterlab", *root, *rest], "notebooks")
    except SetUpError as error:
        print(str(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the next call goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
