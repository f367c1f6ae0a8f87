"""A webhook receiver over HTTPS in a thread of this process, for commands that run in it or beside it."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Receiver:
    """What it answers, changed while it runs, and what it got: method, path, headers, body."""

    ca_file: Path
    status: int = 200
    statuses: dict[str, int] = field(default_factory=dict)
    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"

    @property
    def asked(self) -> set[tuple[str, str]]:
        return {(method, path) for method, path, _, _ in self.got}


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the parent's name
        pass

    def _answer(self, body: bytes) -> None:
        self.receiver.got.append(
            (self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        )
        self.send_response(self.receiver.statuses.get(self.path, self.receiver.status))
        told = f"you asked for {self.path}".encode() if self.command == "POST" else b""
        self.send_header("Location", f"{self.path}#there")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """A receiver on localhost; its `ca_file` is in the folder."""
    authority = trustme.CA()
    one = Receiver(folder / "receivers.pem")
    authority.cert_pem.write_to_path(str(one.ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": one}))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    one.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
