"""A small file server on the loopback interface, with the faults that servers have.

The part of the address before the file name chooses the behaviour; see :func:`_answer`. ``Loopback.requests`` lists
the paths that were asked for.
"""

import contextlib
import gzip
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Loopback:
    """A running server: ``address``, the ``content`` it serves, and the ``requests`` it got."""

    address: str
    content: bytes
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serve(content: bytes) -> Iterator[Loopback]:
    """Serve ``content`` under every path until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            loopback.requests.append(self.path)
            with contextlib.suppress(ConnectionError):  # the client gave up, as it should
                _answer(self, loopback)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    loopback = Loopback(f"http://127.0.0.1:{server.server_port}", content)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, loopback: Loopback) -> None:
    behaviour = handler.path.split("/")[1]
    content, attempt = loopback.content, len(loopback.requests)
    match behaviour:
        case "good":
            _send(handler, content)
        case "drops-once":  # stops in the middle of the first answer
            _send(handler, content, stop_at=len(content) // 2 if attempt == 1 else None)
        case "drops-always":
            _send(handler, content, stop_at=len(content) // 3)
        case "wrong":  # right size, other bytes
            _send(handler, bytes(len(content)))
        case "short":  # another size, and says so
            _send(handler, content[: len(content) // 2])
        case "long":  # says nothing about the size, and does not end in time
            _send(handler, content * 3, length=None)
        case "cut":  # says nothing about the size, and ends early
            _send(handler, content[: len(content) // 2], length=None)
        case "busy-once":
            handler.send_error(503) if attempt == 1 else _send(handler, content)
        case "compresses":  # on the way, for clients that allow it
            if "gzip" in handler.headers.get("Accept-Encoding", ""):
                content = gzip.compress(content)
                handler.extra = {"Content-Encoding": "gzip"}
            _send(handler, content)
        case "labels":  # calls the file compressed for the transfer, as some do with every .gz
            handler.extra = {"Content-Encoding": "gzip"}
            _send(handler, content)
        case "slow":
            time.sleep(1.5)
            _send(handler, content)
        case "elsewhere":
            handler.send_response(302)
            handler.send_header("Location", "file:///etc/hostname")
            handler.end_headers()
        case "moved":
            handler.send_response(302)
            handler.send_header("Location", "/good/" + handler.path.rpartition("/")[2])
            handler.end_headers()
        case _:
            handler.send_error(int(behaviour))


def _send(handler, content, stop_at=None, length=True):
    """Send it all, or break off at ``stop_at`` although the whole length was announced."""
    handler.send_response(200)
    if length:
        handler.send_header("Content-Length", str(len(content)))
    for name, value in getattr(handler, "extra", {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content[:stop_at])
