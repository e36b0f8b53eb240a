"""JupyterLab as a reader meets it: a server on this computer, a page with one notebook, "Run All Cells".

The server is started with ``--expose-app-in-browser``, so that the page has ``window.jupyterapp``; it is only asked what
the notebook and its kernel are doing. Everything that is *done* goes through mouse and keyboard.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ADDRESS = "127.0.0.1"
SETTINGS = {  # what a first visit would ask or fetch, and what would disturb a test
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension/plugin.jupyterlab-settings": {"autosave": False},
}
# Messages of the browser's console that are no fault of the course, each with its reason. None is known.
HARMLESS: dict[str, str] = {}

NOTEBOOK_STATE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = panel.content.widgets.map(cell => cell.model.toJSON()).map((cell, index) => ({
    index,
    code: cell.cell_type === 'code' && [].concat(cell.source).join('').trim() !== '',
    count: cell.execution_count ?? null,
    outputs: (cell.outputs ?? []).map(o => ({
      kind: o.output_type,
      name: o.name ?? '',
      text: (o.ename ? o.ename + ': ' + o.evalue : [].concat(o.text ?? '').join('')).slice(0, 500),
      figure: [].concat(o.data?.['text/html'] ?? '').join('').startsWith('<img class="course-figure"')
    }))
  }));
  return {status: panel.sessionContext.session?.kernel?.status ?? 'none', cells};
}"""
PROGRESS = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const code = panel.content.widgets.filter(c => c.model.type === 'code' && c.model.sharedModel.getSource().trim());
  const failed = code.some(c => c.model.outputs.toJSON().some(o => o.output_type === 'error'));
  return {
    status: panel.sessionContext.session?.kernel?.status ?? 'none',
    done: code.filter(c => c.model.executionCount != null && c.model.executionState !== 'running').length,
    all: code.length,
    failed
  };
}"""
PATIENCE = 300  # seconds, to end what hangs; where many programs run, a figure can take a minute
IDLE = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: its address with the token, the folder that it shows, its log."""

    url: str
    token: str
    notebooks: Path
    log: Path

    def request(self, method: str, path: str):
        """The JSON answer of the server's own interface, or None where it has none."""
        call = urllib.request.Request(
            f"{self.url}/{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(call, timeout=PATIENCE) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@contextlib.contextmanager
def start_server(folder: Path, notebooks: Path, root: Path):
    """Start JupyterLab with its own settings, configuration and history under ``folder``; stop it and its kernels after.

    Raises
    ------
    RuntimeError
        If it ends or does not answer; the end of its log is in the message.
    """
    settings = folder / "settings"
    for name, values in SETTINGS.items():
        (settings / name).parent.mkdir(parents=True, exist_ok=True)
        (settings / name).write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        port = free.getsockname()[1]
    token, log = secrets.token_hex(16), folder / "server.log"
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    own |= {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
    command += [f"--ServerApp.ip={ADDRESS}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={notebooks}"]
    command += ["--LabApp.extension_manager=readonly", "--ServerApp.allow_root=True"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=notebooks, env=os.environ | own, stdout=output, stderr=output)
    running = Server(f"http://{ADDRESS}:{port}", token, notebooks, log)
    try:
        _wait_for(running, process)
        yield running
    finally:
        process.terminate()  # it shuts its kernels down
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(server: Server, process: subprocess.Popen) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            server.request("GET", "api/status")
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{server.log.read_text(errors='replace')[-3000:]}")


@dataclass
class Lab:
    """A browser page that shows one notebook, and everything that it said or asked for on the way."""

    page: object
    server: Server
    name: str
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def run_all(self, seconds: float = 3600.0) -> float:
        """Choose "Run All Cells" in the menu, wait for the last cell and return the seconds it took.

        It also ends when a cell fails: :meth:`failures` says which.
        """
        start = time.monotonic()
        self.menu("Run", "Run All Cells")
        while time.monotonic() < start + seconds:
            state = self.page.evaluate(PROGRESS)
            if state["failed"] or (state["done"] == state["all"] and state["status"] == "idle"):
                break
            self.page.wait_for_timeout(300)
        else:
            raise AssertionError(f"{self.name} did not come to its end within {seconds:.0f} s: {state}")
        self.settle()
        return time.monotonic() - start

    def cells(self) -> list[dict]:
        return self.page.evaluate(NOTEBOOK_STATE)["cells"]

    def failures(self) -> list[str]:
        """Cells that ended in an error, did not run, or wrote to stderr, and widgets that did not load."""
        found = []
        for cell in self.cells():
            if cell["code"] and cell["count"] is None:
                found.append(f"cell {cell['index']} did not run")
            for output in cell["outputs"]:
                if output["kind"] == "error" or output["name"] == "stderr":
                    found.append(f"cell {cell['index']}: {output['text']}")
        return found + self.shown_errors()

    def shown_errors(self) -> list[str]:
        """Errors that are to be seen on the page; those inside of widgets stand nowhere else."""
        texts = self.page.locator(
            '.jp-Notebook [data-mime-type="application/vnd.jupyter.error"], '
            '.jp-Notebook [data-mime-type="application/vnd.jupyter.stderr"], '
            ".jp-Notebook .jupyter-widgets-error-widget"
        ).all_text_contents()
        views = self.page.locator('.jp-Notebook [data-mime-type="application/vnd.jupyter.widget-view+json"]')
        texts += [text for text in views.all_text_contents() if re.match(r"Loading widget|Error (creat|display)", text)]
        return texts

    def settle(self) -> None:
        """Wait until the kernel has nothing to do and the page has drawn what came last."""
        self.page.wait_for_timeout(50)
        self.page.wait_for_function(IDLE)
        self.page.wait_for_timeout(100)

    def menu(self, *names: str) -> None:
        """Click through the menu bar."""
        bar, *entries = names
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{re.escape(bar)}$")).click()
        for entry in entries:
            label = self.page.locator(".lm-Menu .lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(entry)}$"))
            label.last.click()

    def theme(self, name: str) -> None:
        """ "JupyterLab Light" or "JupyterLab Dark"."""
        self.menu("Settings", "Theme", name)
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === {json.dumps(name)}")
        self.page.wait_for_timeout(500)  # the style sheet is exchanged, then colours fade

    def screenshot(self, path: Path, locator=None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        (locator or self.page).screenshot(path=path, animations="disabled")

    def close(self) -> None:
        self.page.context.close()
        for session in self.server.request("GET", "api/sessions"):
            if session["path"] == self.name:
                self.server.request("DELETE", f"api/sessions/{session['id']}")


def open_notebook(browser, server: Server, name: str, window: dict) -> Lab:
    """A fresh browser window with nothing but the notebook ``name`` open and its kernel started."""
    context = browser.new_context(viewport=window)
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    lab = Lab(page, server, name)

    def heard(message) -> None:
        if message.type == "error" and message.text not in HARMLESS:
            lab.console.append(f"{message.text} ({message.location.get('url', '')})")

    def asked(url: str) -> None:
        if re.match(r"(https?|wss?):", url) and not re.match(rf"\w+://{re.escape(ADDRESS)}:", url):
            lab.foreign.append(url)

    page.on("console", heard)
    page.on("pageerror", lambda error: lab.console.append(f"uncaught: {error}"))
    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    page.goto(f"{server.url}/lab/workspaces/{secrets.token_hex(4)}/tree/{name}?token={server.token}")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.wait_for_function(IDLE)
    page.keyboard.press("Control+b")  # close the side bar: the notebook gets the whole window
    return lab
