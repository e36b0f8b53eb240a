"""The files around the code agree with each other."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import nbformat
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
    for path in [*ROOT.glob("helpers/**/*.py"), *ROOT.glob("data/*/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    foreign = {
        DISTRIBUTIONS.get(name, name)
        for name in imported - set(sys.stdlib_module_names) - {"helpers", "flipping", "tables"}
    }
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
    code = "import helpers, helpers.files, helpers.download, helpers.check, sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_seeds_make_runs_repeat():
    import numpy as np

    from helpers.course.backend import keras, set_seeds, tf

    drawn = []
    for _ in range(2):
        set_seeds(5)
        layer = keras.layers.Dense(1)
        layer.build((None, 1))
        drawn.append((np.random.rand(), float(layer.kernel[0, 0]), float(tf.random.normal(()))))
    assert drawn[0] == drawn[1]
    with pytest.raises(ValueError, match="seed"):
        set_seeds(-1)


def imports(path: Path) -> list[tuple[str, str]]:
    """(module, name) of everything that a file imports from the course, at its top or inside a function."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
    return [(module, name) for module, name in found if module.split(".")[0] == "helpers"]


def module_of(path: Path, root: Path = ROOT) -> str:
    """helpers/lrp/rules.py -> "helpers.lrp.rules"; a face is called by its folder."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


HELPERS = {module_of(path): path for path in sorted(ROOT.glob("helpers/**/*.py"))}
FACES = {path.parent.name: path for path in ROOT.glob("helpers/*/__init__.py")}
MODULES = {module for module, path in HELPERS.items() if path.stem != "__init__"}


def floors() -> dict[str, int]:
    """The number of each folder's floor, as CONTRIBUTING.md's line of dependencies has it."""
    (line,) = re.findall(r"^`(course, files, .* < .*)`$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    return {name.strip(): floor for floor, names in enumerate(line.split("<")) for name in names.split(",")}


def topic(module: str) -> str:
    """The folder of ``helpers`` that a module lies in; for a module beside the folders its own name."""
    return module.split(".")[1] if "." in module else ""


def test_folders_depend_downwards_only():
    floor = floors()
    assert floor.keys() == {*FACES, "files", "data/"}
    sources = [(topic(module), path) for module, path in HELPERS.items() if topic(module) in floor]
    for own, path in [*sources, *(("data/", path) for path in ROOT.glob("data/*/*.py"))]:
        for module, name in imports(path):
            used = topic(module if module in MODULES else f"{module}.{name}")
            assert used == own or floor[used] < floor[own], f"{path.name} imports {module}"


def test_modules_import_modules_and_never_faces():
    """So that importing a topic does not import all, and a face can change without the package."""
    for path in HELPERS.values():
        for module, name in imports(path):
            assert module in MODULES or f"{module}.{name}" in MODULES, f"{path.name}: from {module} import {name}"


def code_of(book: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(book, as_version=4).cells if cell.cell_type == "code"]


BOOKS = [*sorted(ROOT.glob("notebooks/[0-9]*.ipynb")), *sorted(ROOT.glob("notebooks/further/*.ipynb"))]
MOST_STATEMENTS = {"3": 10, "y": 4}  # in which a notebook names the course's folders; 3 elsewhere


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_names_the_course_s_folders_once_and_hides_none_of_them(book):
    cells = code_of(book)
    nodes = [node for source in cells for node in ast.walk(ast.parse(source))]
    statements = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module.startswith("helpers")]
    assert len(statements) <= MOST_STATEMENTS.get(book.name[0], 3)
    assert len(cells[0].splitlines()) <= 12
    assert {s.module.partition(".")[2] for s in statements} <= {"", *FACES}
    names = [alias for statement in statements for alias in statement.names]
    assert [alias.name for alias in names if alias.asname] == []
    assert len(names) == len({alias.name for alias in names})
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.arg for n in nodes if isinstance(n, ast.arg)} | {
        n.name for n in nodes if isinstance(n, ast.FunctionDef)
    }
    assert bound & {alias.name for alias in names} == set()


def test_faces_hand_on_what_the_notebooks_use_and_nothing_else():
    used = {name: set() for name in FACES}
    for text in (cell.source for book in BOOKS for cell in nbformat.read(book, as_version=4).cells):
        for quoted in re.findall(r"`+[^`]*`+", text):  # code in the text counts too
            for name, attribute in re.findall(r"\b([a-z]\w*)\.([a-z]\w*)", quoted):
                used.get(name, set()).add(attribute)
    for node in (node for book in BOOKS for source in code_of(book) for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in used:
            used[node.value.id].add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("helpers."):
            used[topic(node.module)] |= {alias.name for alias in node.names}
    handed_on = {name: {given for _, given in imports(path)} for name, path in FACES.items()}
    assert handed_on == used
    # a name that is a module's too would hide that module
    assert [name for face in FACES for name in handed_on[face] if f"helpers.{face}.{name}" in MODULES] == []


def test_an_installed_wheel_has_every_module(tmp_path):
    """As Binder has it: built from the sources alone, in an environment that lies elsewhere."""
    source, wheels, environment = (tmp_path / name for name in ("source", "wheels", "environment"))
    shutil.copytree(ROOT / "helpers", source / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    offline = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", wheels, source], check=True)
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    subprocess.run([*pip, "--python", environment / "bin/python", "install", *offline, *wheels.iterdir()], check=True)
    # what the course itself needs; the course's own editable install is not among it
    (packages / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")) + "\n")
    assert {module_of(path, packages) for path in packages.glob("helpers/**/*.py")} == {*HELPERS}
    code = f"import helpers, importlib\n[importlib.import_module(f'helpers.{{face}}') for face in {sorted(FACES)}]"
    code += "\nprint(helpers.__file__)"
    done = subprocess.run([environment / "bin/python", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(packages))


def test_no_file_of_the_repository_is_forgotten_in_the_data_card():
    card = (ROOT / "data" / "README.md").read_text()
    for path in sorted((ROOT / "data").rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and path != ROOT / "data" / "README.md":
            name = path.relative_to(ROOT / "data").as_posix()
            assert f"`{name}`" in card or any(f"`{parent.as_posix()}/`" in card for parent in Path(name).parents), name


PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    ROOT / "data" / "README.md",
    *(ROOT / "binder" / "hub").glob("*.md"),
]


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
