"""A browser, a JupyterLab server and a folder for screenshots: what the tests in this folder share.

They run only when this folder is asked for (``make test-browser``): each notebook takes one to five minutes here. Where
there is no browser or no Playwright, every test is skipped with one message.
"""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [  # no word to anybody outside this computer, and no sandbox, which containers do not allow
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
WINDOW = {"width": 1366, "height": 900}  # a laptop's


def pytest_ignore_collect(collection_path, config):
    """Leave these tests out unless an argument names this folder or a file in it."""
    here = Path(__file__).parent
    asked_for = (Path(config.invocation_params.dir, str(argument).split("::")[0]).resolve() for argument in config.args)
    return None if any(path == here or here in path.parents for path in asked_for) else True


def find_browser() -> str | None:
    """Path of a Chromium: the one that BROWSER_PATH names, one of the system's, or the one Playwright has installed."""
    named = os.environ.get("BROWSER_PATH")
    if named:
        return named if Path(named).is_file() else None
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return found
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return next((str(path) for path in sorted(folder.glob("chromium-*/chrome-linux*/chrome"))), None)


def what_is_missing() -> str | None:
    """A sentence that says what to install, or None."""
    if importlib.util.find_spec("playwright") is None:
        return "The browser tests need Playwright: pip install '.[browser]' (make test-browser does it)."
    if find_browser() is None:
        return (
            "The browser tests need Chromium: on Debian and Ubuntu 'apt install chromium', elsewhere "
            "'playwright install chromium', or name one with BROWSER_PATH=/path/to/chrome."
        )
    return None


def pytest_collection_modifyitems(items):
    missing = what_is_missing()
    if missing:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=missing))


def pytest_terminal_summary(terminalreporter):
    if what_is_missing():
        terminalreporter.write_line(what_is_missing())


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A JupyterLab server of its own on this computer, in a temporary folder with copies of the notebooks."""
    from lab import start_server

    folder = tmp_path_factory.mktemp("lab")
    notebooks = folder / "notebooks"
    for path in sorted((ROOT / "notebooks").glob("**/*.ipynb")):
        copy = notebooks / path.relative_to(ROOT / "notebooks")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    with start_server(folder, notebooks, ROOT) as running:
        yield running


@pytest.fixture(scope="module")
def open_page(browser, server):
    """Open a notebook of the server's folder in a fresh browser window: ``open_page(name)`` returns a ``Lab``."""
    from lab import open_notebook

    opened = []

    def opener(name: str):
        opened.append(open_notebook(browser, server, name, WINDOW))
        return opened[-1]

    yield opener
    for lab in opened:
        lab.close()


@pytest.fixture(scope="session")
def pictures():
    """The folder for screenshots; what an earlier run left there is overwritten file by file."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES
