"""A smart-HTTP git server in this process: TLS with its own authority, Basic auth, faults on demand."""

from __future__ import annotations

import base64
import gzip
import os
import socket
import ssl
import struct
import subprocess
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Fault(StrEnum):
    """What goes wrong with every request from now on."""

    NONE = "none"
    STATUS = "status"
    DELAY = "delay"
    RESET = "reset"
    CUT = "cut"  # half of the pack, then closed
    DRIP = "drip"  # a byte every few milliseconds, without end in sight
    REDIRECT = "redirect"
    STALL = "stall"  # half of the pack, then silence
    ENDLESS = "endless"  # objects without end, none of which can be packed any smaller


@dataclass
class Behaviour:
    """What the server does, changed by tests while it runs."""

    username: str = ""
    password: str = ""
    fault: Fault = Fault.NONE
    only_packs: bool = False  # the fault hits the transfer of the pack, not the list of refs
    status: int = 503
    seconds: float = 0.0
    location: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Authorization
    struck: threading.Event = field(default_factory=threading.Event)  # a fault was met
    released: threading.Event = field(default_factory=threading.Event)  # ends delays and drips


@dataclass(frozen=True)
class GitHttps:
    """A running server: `url(name)` of a repository below its root, `ca_file` to trust it by."""

    port: int
    ca_file: Path
    behaviour: Behaviour

    def url(self, name: str) -> str:
        return f"https://localhost:{self.port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the parent's name
        pass

    def _answer(self, body: bytes) -> None:
        behaviour = self.server.behaviour
        given = self.headers.get("Authorization", "")
        behaviour.requests.append((self.command, self.path, given))
        if behaviour.password and given != _basic(behaviour.username, behaviour.password):
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"no\n")
            return
        fault = behaviour.fault
        if behaviour.only_packs and (self.command == "GET" or b"command=ls-refs" in body):
            fault = Fault.NONE
        if fault is not Fault.NONE:
            behaviour.struck.set()
        if fault is Fault.STATUS:
            self._send(behaviour.status, {}, b"trouble\n")
        elif fault is Fault.REDIRECT:
            self._send(302, {"Location": behaviour.location + self.path}, b"")
        elif fault is Fault.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            if fault is Fault.DELAY:
                behaviour.released.wait(behaviour.seconds)
            self._backend(body, fault)

    def _backend(self, body: bytes, fault: Fault) -> None:
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": "/nonexistent",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        out = subprocess.run(["git", "http-backend"], input=body, capture_output=True, check=False, env=env).stdout
        head, _, answer = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._send(status, headers, answer, fault)

    def _send(self, status: int, headers: dict[str, str], answer: bytes, fault: Fault = Fault.NONE) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault is not Fault.ENDLESS:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if fault in {Fault.CUT, Fault.STALL}:
            self.wfile.write(answer[: len(answer) // 2])
            self.server.behaviour.released.wait(600 if fault is Fault.STALL else 0)
        elif fault is Fault.ENDLESS:
            self._send_for_ever(answer)
        elif fault is Fault.DRIP:
            for byte in answer:
                self.wfile.write(bytes([byte]))
                self.server.behaviour.released.wait(0.2)
        else:
            self.wfile.write(answer)

    def _send_for_ever(self, answer: bytes) -> None:
        self.close_connection = True
        for packet in _endless_pack(answer):
            if self.server.behaviour.released.is_set():
                return
            self.wfile.write(packet)


def _endless_pack(answer: bytes) -> Iterator[bytes]:
    """What comes before the pack in an answer, and a pack of 60 GB."""
    yield answer[: answer.index(b"packfile\n") + len(b"packfile\n")] if b"packfile\n" in answer else b""
    yield _band(b"PACK" + struct.pack(">II", 2, 1_000_000))
    size = 60_000
    head = bytes([0x80 | 0x30 | (size & 15), 0x80 | (size >> 4 & 127), size >> 11])  # a blob of that size
    while True:
        yield _band(head + zlib.compress(os.urandom(size), 0))


def _band(data: bytes) -> bytes:
    return b"%04x\x01" % (len(data) + 5) + data


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, root: Path, tls: ssl.SSLContext, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.tls = tls
        self.behaviour = behaviour

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            with self.tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except (OSError, ValueError):  # the client went away, refused our certificate, or a fault closed the connection
            self.behaviour.struck.set()


@contextmanager
def serving(root: Path, scratch: Path, *, username: str = "", password: str = "") -> Iterator[GitHttps]:
    """Serve every repository below `root` at https://localhost:PORT/."""
    authority = trustme.CA()
    ca_file = scratch / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    behaviour = Behaviour(username, password)
    server = _Server(root, tls, behaviour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield GitHttps(server.server_address[1], ca_file, behaviour)
    finally:
        behaviour.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
