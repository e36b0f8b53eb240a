"""A student as the hub sees one: a browser's requests, made without a browser.

Pages are fetched, forms are sent with their hidden ``_xsrf`` field, cookies are kept, redirections followed, and
a kernel is spoken to through the student's own server with their own cookies: what works here works for a class. Where
the institute's log-in cannot be filled in by a program, a token of the hub stands for it (scopes ``admin:users``,
``admin:servers`` and ``access:servers``). Whatever is waited for has a time limit.
"""

import html
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin

import requests
import websocket

PATIENCE = 1800.0  # seconds, to end what hangs; many students on few processors, and other programs beside, are slow
PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}


class HubError(RuntimeError):
    """The hub or a server answered otherwise than a student needs."""


class KernelDiedError(HubError):
    """The kernel ended while it was computing, or its server did."""


@dataclass
class Student:
    """Somebody at a browser. ``base`` is the hub's address without a slash at the end; ``token`` replaces a password."""

    base: str
    name: str
    password: str = ""
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self):
        if "//127.0.0.1" in self.base:
            self.session.trust_env = False  # a proxy of the institute has no business between us and this machine
        if self.token:
            self.session.headers["Authorization"] = f"token {self.token}"

    @property
    def server(self) -> str:
        return f"{self.base}/user/{self.name}"


@dataclass
class Kernel:
    """A running kernel of a student's server, and the connection to it."""

    student: Student
    session: str
    identity: str
    socket: websocket.WebSocket | None = None


@dataclass(frozen=True)
class Answer:
    """What one cell gave: messages of type stream, display_data, execute_result and error, as nbformat wants them."""

    status: str
    messages: list[dict]

    @property
    def error(self) -> str:
        """In one line what went wrong; empty when nothing did."""
        for message in self.messages:
            content = message["content"]
            if message["msg_type"] == "error":
                return f"{content['ename']}: {content['evalue'].splitlines()[0] if content['evalue'] else ''}"
            if content.get("name") == "stderr" and "rate exceeded" in content["text"]:
                return "the server left output out: IOPub rate exceeded"
        return "" if self.status == "ok" else f"the kernel answered {self.status!r}"

    @property
    def text(self) -> str:
        parts = [m["content"].get("text") or m["content"].get("data", {}).get("text/plain", "") for m in self.messages]
        return "".join(parts)


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Address and hidden fields of a page's login form.

    Raises
    ------
    HubError
        If there is none, or it lacks the field against forged requests.
    """
    form = re.search(r"<form\b[^>]*\baction=\"([^\"]*login[^\"]*)\"[^>]*>(.*?)</form>", page, re.DOTALL)
    if not form:
        raise HubError("the page has no login form")
    hidden = {}
    for tag in re.findall(r"<input\b[^>]*>", form[2]):
        attributes = dict(re.findall(r"([\w-]+)=\"([^\"]*)\"", tag))
        if attributes.get("type") == "hidden":
            hidden[attributes["name"]] = html.unescape(attributes.get("value", ""))
    if not hidden.get("_xsrf"):
        raise HubError("the login form has no _xsrf field")
    return html.unescape(form[1]), hidden


def log_in(student: Student) -> None:
    """Fill in and send the login form; with a token, make the hub know the student.

    Raises
    ------
    HubError
        If the hub does not let the student in.
    """
    if student.token:
        reply = student.session.post(f"{student.base}/hub/api/users/{student.name}", timeout=PATIENCE)
        if reply.status_code not in (201, 409):
            raise HubError(f"{student.name} is not known, and the token may not add them: status {reply.status_code}")
        return
    page = _page(student, f"{student.base}/hub/login")
    action, hidden = form_of(page.text)
    reply = student.session.post(
        urljoin(page.url, action),
        data={**hidden, "username": student.name, "password": student.password},
        headers={**PAGE, "Referer": page.url, "Origin": student.base},
        timeout=PATIENCE,
        allow_redirects=False,
    )
    if reply.status_code != 302:
        words = re.search(r"<p class=\"login_error\">\s*(.*?)\s*</p>", reply.text, re.DOTALL)
        raise HubError(f"{student.name} was not let in: {words[1] if words else f'status {reply.status_code}'}")


def start_server(student: Student, limit: float = PATIENCE) -> float:
    """Ask for the server, follow the page that shows its progress, and open JupyterLab. Returns the seconds it took.

    Raises
    ------
    HubError
        If the server does not start within ``limit`` seconds.
    """
    start = time.monotonic()
    if student.token:
        return _start_with_token(student, start, limit)
    page = _page(student, f"{student.base}/hub/spawn/{student.name}")
    while True:
        stream = re.search(r"new EventSource\(\"([^\"]+)\"\)", page.text)
        if stream:
            address = urljoin(page.url, html.unescape(stream[1]).encode().decode("unicode_escape"))
            _follow_progress(student, address, start + limit)
        page = _page(student, f"{student.server}/lab", fine=(200, 424, 503))
        if page.status_code == 200 and page.url.startswith(f"{student.server}/lab"):
            return time.monotonic() - start
        if time.monotonic() - start > limit:
            raise HubError(f"the server of {student.name} did not start within {limit:.0f} s (now at {page.url})")
        time.sleep(1.0)
        if not page.url.startswith(f"{student.base}/hub/spawn-pending"):
            page = _page(student, f"{student.base}/hub/spawn/{student.name}", fine=(200, 400, 500, 503))


def _start_with_token(student: Student, start: float, limit: float) -> float:
    address = f"{student.base}/hub/api/users/{student.name}"
    reply = student.session.post(f"{address}/server", timeout=PATIENCE)
    if reply.status_code not in (201, 202, 400):  # 400: it is running
        raise HubError(f"the server of {student.name} cannot be started with this token: status {reply.status_code}")
    while time.monotonic() < start + limit:
        _follow_progress(student, f"{address}/server/progress", start + limit)
        if student.session.get(f"{student.server}/api/status", timeout=PATIENCE).status_code == 200:
            return time.monotonic() - start
        time.sleep(1.0)
    raise HubError(f"the server of {student.name} did not start within {limit:.0f} s")


def call(student: Student, method: str, path: str, body: dict | None = None):
    """A request to the student's own server, as JupyterLab makes it; returns the decoded answer.

    Raises
    ------
    HubError
        With the server's own words, if it refuses.
    """
    address = f"{student.server}/api/{path}"
    headers = {**FETCH, "X-XSRFToken": _xsrf(student), "Origin": student.base, "Referer": f"{student.server}/lab"}
    reply = student.session.request(
        method, address, json=body, headers=headers, timeout=PATIENCE, allow_redirects=False
    )
    if reply.status_code >= 300:
        try:
            words = reply.json().get("message") or reply.reason
        except ValueError:
            words = reply.reason
        raise HubError(f"{method} {path}: {reply.status_code} {words}")
    return reply.json() if reply.content else None


def open_notebook(student: Student, path: str) -> dict:
    """The notebook as the contents API gives it."""
    return call(student, "GET", f"contents/{quote(path)}?content=1")["content"]


def save_notebook(student: Student, path: str, content: dict) -> None:
    call(student, "PUT", f"contents/{quote(path)}", {"type": "notebook", "format": "json", "content": content})


def start_kernel(student: Student, path: str) -> Kernel:
    """A kernel session for a notebook; the one that is there already, if it is."""
    body = {"path": path, "name": path.rpartition("/")[2], "type": "notebook", "kernel": {"name": "python3"}}
    answer = call(student, "POST", "sessions", body)
    kernel = Kernel(student, answer["id"], answer["kernel"]["id"])
    connect(kernel)
    return kernel


def connect(kernel: Kernel) -> None:
    """Open the connection (again)."""
    disconnect(kernel)
    student = kernel.student
    address = f"{student.server}/api/kernels/{kernel.identity}/channels?session_id={uuid.uuid4().hex}"
    cookies = requests.cookies.get_cookie_header(student.session.cookies, requests.Request("GET", address))
    kernel.socket = websocket.create_connection(
        address.replace("http", "ws", 1),
        timeout=PATIENCE,
        cookie=cookies,
        header={"Authorization": f"token {student.token}"} if student.token else None,
        origin=student.base,
        http_no_proxy=["*"] if not student.session.trust_env else None,
    )


def disconnect(kernel: Kernel) -> None:
    if kernel.socket is not None:
        kernel.socket.close()
        kernel.socket = None


def stop_kernel(kernel: Kernel) -> None:
    """Close the notebook and shut its kernel down."""
    disconnect(kernel)
    call(kernel.student, "DELETE", f"sessions/{kernel.session}")


def execute(kernel: Kernel, code: str, limit: float = PATIENCE) -> Answer:
    """Run one cell and wait for all it has to say.

    Raises
    ------
    KernelDiedError
        If kernel, server or connection end before the cell does.
    HubError
        If it takes longer than ``limit`` seconds.
    """
    identity = uuid.uuid4().hex
    header = {"msg_id": identity, "msg_type": "execute_request", "username": kernel.student.name, "version": "5.3"}
    header |= {"session": uuid.uuid4().hex, "date": ""}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    content["stop_on_error"] = True
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    deadline, status, idle, kept = time.monotonic() + limit, None, False, []
    try:
        kernel.socket.send(json.dumps({**message, "buffers": []}))
        while status is None or not idle:
            left = deadline - time.monotonic()
            if left <= 0:
                raise HubError(f"a cell of {kernel.student.name} took longer than {limit:.0f} s")
            kernel.socket.settimeout(left)
            received = kernel.socket.recv()
            if not isinstance(received, str):  # figures of widgets come in binary; nobody looks at them here
                if not received:
                    raise KernelDiedError(f"the connection of {kernel.student.name} was closed")
                continue
            answer = json.loads(received)
            kind, content = answer["msg_type"], answer["content"]
            if kind == "status" and content["execution_state"] in ("restarting", "autorestarting", "dead"):
                raise KernelDiedError(f"a kernel of {kernel.student.name} died")
            if answer["parent_header"].get("msg_id") != identity:
                continue
            if kind == "execute_reply":
                status = content["status"]
            elif kind == "status":
                idle = content["execution_state"] == "idle"
            elif kind in ("stream", "display_data", "execute_result", "error"):
                kept.append({"msg_type": kind, "content": content, "header": {"msg_type": kind}})
    except websocket.WebSocketTimeoutException:
        raise HubError(f"a cell of {kernel.student.name} took longer than {limit:.0f} s") from None
    except (websocket.WebSocketException, OSError) as error:
        raise KernelDiedError(f"the connection of {kernel.student.name} broke: {error}") from error
    return Answer(status, kept)


def _page(student: Student, address: str, fine: tuple[int, ...] = (200,)) -> requests.Response:
    reply = student.session.get(address, headers=PAGE, timeout=PATIENCE)
    if reply.status_code not in fine:
        raise HubError(f"{address} answered {student.name} with status {reply.status_code}")
    if "/hub/login" in reply.url and "/hub/login" not in address:
        raise HubError(f"{student.name} is not logged in")
    return reply


def _xsrf(student: Student) -> str:
    """The token of the student's own server, which has a cookie of its own beside the hub's."""
    path = f"/user/{student.name}/"
    return next((c.value for c in student.session.cookies if c.name == "_xsrf" and c.path == path), "")


def _follow_progress(student: Student, address: str, deadline: float) -> None:
    with student.session.get(
        address, headers={**FETCH, "Accept": "text/event-stream"}, timeout=PATIENCE, stream=True
    ) as reply:
        if reply.status_code != 200:
            return  # it is over already; the page that is asked for next tells how
        for line in reply.iter_lines(decode_unicode=True):
            if time.monotonic() > deadline:
                raise HubError(f"the server of {student.name} did not start in time")
            if line.startswith("data:"):
                event = json.loads(line[5:])
                if event.get("failed"):
                    raise HubError(f"the server of {student.name} did not start: {event.get('message')}")
                if event.get("ready"):
                    return
