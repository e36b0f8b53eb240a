"""The files around the code agree with each other."""

import ast
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def plain(requirement: str) -> str:
    return re.sub(r"\s+", "", requirement).replace("'", '"')


def test_the_conda_environment_and_the_package_ask_for_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"][0] == "conda-forge"
    python = next(d for d in environment["dependencies"] if isinstance(d, str) and d.startswith("python="))
    assert tuple(map(int, python.split("=")[1].split("."))) >= tuple(
        map(int, PROJECT["requires-python"].removeprefix(">=").split("."))
    )
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip[-1] == "--editable ."
    assert sorted(map(plain, pip[:-1])) == sorted(map(plain, PROJECT["dependencies"]))


def test_every_package_has_a_lower_bound():
    extras = [r for group in PROJECT["optional-dependencies"].values() for r in group]
    assert [r for r in [*PROJECT["dependencies"], *extras] if ">=" not in r] == []


def test_every_imported_package_is_asked_for():
    asked_for = {re.split(r"[>=;\s]", requirement)[0] for requirement in PROJECT["dependencies"]}
    imported = set()
    for path in [*ROOT.glob("helpers/*.py"), *ROOT.glob("data/*/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    foreign = {DISTRIBUTIONS.get(name, name) for name in imported - set(sys.stdlib_module_names) - {"helpers"}}
    assert foreign - asked_for == set()


DISTRIBUTIONS = {  # of modules named otherwise, or belonging to what one of our requirements needs itself
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "PIL": "pillow",
    "IPython": "ipykernel",
    "nbclient": "nbconvert",
    "jupyter_core": "jupyterlab",
    "urllib3": "requests",
}


def test_importing_the_package_does_not_import_tensorflow():
    code = "import helpers, helpers.download, helpers.check, helpers.images, sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_tensorflow_starts_without_a_word():
    code = "from helpers.backend import set_seeds, tf; set_seeds(1); print(float(tf.reduce_sum(tf.ones((2, 2)))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("4.0", "")


def test_seeds_make_runs_repeat():
    import numpy as np

    from helpers.backend import keras, set_seeds, tf

    drawn = []
    for _ in range(2):
        set_seeds(5)
        layer = keras.layers.Dense(1)
        layer.build((None, 1))
        drawn.append((np.random.rand(), float(layer.kernel[0, 0]), float(tf.random.normal(()))))
    assert drawn[0] == drawn[1]
    with pytest.raises(ValueError, match="seed"):
        set_seeds(-1)


def layer_of(module: str) -> int:
    """Number of the row in CONTRIBUTING.md's table of layers that names the module."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = text[text.index("| layer | modules |") :].split("\n\n")[0].splitlines()[2:]
    found = [n for n, row in enumerate(rows) if any(fnmatch(module, name) for name in re.findall(r"`(.*?)`", row))]
    assert len(found) == 1, f"CONTRIBUTING.md must name {module} in one layer"
    return found[0]


def test_modules_import_in_one_direction():
    """data -> models -> methods -> figures -> widgets: no module imports one of a later layer."""
    modules = {path.stem for path in ROOT.glob("helpers/*.py")} - {"__init__"}
    for name in sorted(modules):
        text = (ROOT / f"helpers/{name}.py").read_text()
        imports = set(re.findall(r"^\s*from helpers\.(\w+) import", text, re.M))
        for line in re.findall(r"^\s*from helpers import ([\w, ]+)", text, re.M):
            imports |= {part.split(" as ")[0].strip() for part in line.split(",")}
        assert [i for i in sorted(imports) if layer_of(i) > layer_of(name)] == [], name


def test_no_file_of_the_repository_is_forgotten_in_the_data_card():
    card = (ROOT / "data" / "README.md").read_text()
    for path in sorted((ROOT / "data").rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and path != ROOT / "data" / "README.md":
            name = path.relative_to(ROOT / "data").as_posix()
            assert f"`{name}`" in card or any(f"`{parent.as_posix()}/`" in card for parent in Path(name).parents), name


PAGES = [*ROOT.glob("*.md"), ROOT / "data" / "README.md", *(ROOT / "binder" / "hub").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_and_headings_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, heading = target.partition("#")
        if re.match(r"[a-z]+:", place):
            continue  # out of the repository: nothing here reaches it
        linked = page if not place else page.parent / place
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:`|^)(?:sudo )?make ([a-z-]+)", text, re.M)) <= targets
    for script in re.findall(r"python ([\w/]+\.py)", text):
        assert (ROOT / script).exists() or (page.parent / script).exists(), script
    for module in re.findall(r"python -m (helpers\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
