"""Real HTTP servers that receive notices: they keep what they were sent, and answer as a test says."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

import trustme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEADLINE = 20.0


@dataclass(frozen=True)
class Received:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


Answer: TypeAlias = "tuple[int, dict[str, str], bytes]"
OK: Answer = (200, {}, b"ok")


@dataclass
class Receiver:
    """The server; `answer` may be exchanged at any time, and requests hang while `open` is not set."""

    answer: Callable[[Received], Answer] = lambda _request: OK
    got: list[Received] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)
    open: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    def url(self, path: str = "/hook") -> str:
        return f"{self.scheme}://localhost:{self.port}{path}"

    def take(self, request: Received) -> Answer:
        with self.more:
            self.got.append(request)
            self.more.notify_all()
        self.open.wait(DEADLINE)
        return self.answer(request)

    def wait_for(self, count: int) -> list[Received]:
        """The first so many requests; AssertionError when they don't come in time."""
        with self.more:
            self.more.wait_for(lambda: len(self.got) >= count, DEADLINE)
            assert len(self.got) >= count, self.told()
            return self.got[:count]

    def told(self) -> list[tuple[str, str, str]]:
        """What was told, in order: change, name of the app or what else, state."""
        rows = [each.document for each in self.got]
        rows = [row.get("data", row) for row in rows]
        return [(row["change"], row["app"]["name"] if row["app"] else row["what"], row["to"]) for row in rows]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]  # set below
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more, answer = receiver.take(Received("POST", self.path, headers, body))
        try:
            self.send_response(status)
            for name, value in {"content-length": str(len(answer)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True  # who asked has gone

    def do_CONNECT(self) -> None:
        self.send_error(407)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the standard library
        """Nothing: requests are kept, not printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that breaks off is what some tests are about."""


@contextmanager
def receiving(context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """A receiver on loopback until left, answering 200."""
    server = _Server(("127.0.0.1", port), _Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(port=server.server_port, scheme="https" if context else "http")
    receiver.open.set()
    server.receiver = receiver  # type: ignore[attr-defined]  # read above
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


def tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for localhost, and the file with the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return context, folder / "ca.pem"
