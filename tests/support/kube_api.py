"""A Kubernetes API server of one resource: Leases, with resourceVersion, RBAC, and faults on demand.

What it answers was compared with a real one: tests/cluster/transcript.json.
"""

from __future__ import annotations

import copy
import json
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

GROUP = "coordination.k8s.io"
BASE = f"/apis/{GROUP}/v1/namespaces/"
NAMESPACE = "telephony"
TOKEN = "kube-token-5b1d"
ADMIN_TOKEN, ADMIN = "admin-token", "admin"
USER = "system:serviceaccount:telephony:syncer"
FORGET = frozenset({"creationTimestamp", "managedFields", "resourceVersion", "uid", "selfLink", "generation"})
"""What the server alone writes into metadata."""

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"

Answer = tuple[int, dict[str, Any]]


class Fault(StrEnum):
    """What goes wrong with every request from now on."""

    NONE = "none"
    STATUS = "status"
    SLOW = "slow"  # the answer comes after `seconds`, what was asked for is done before
    HUNG = "hung"  # no answer until released
    LOST = "lost"  # what was asked for is done, and the connection breaks before the answer
    GARBLED = "garbled"


@dataclass
class KubeApi:
    """A running server, changed by tests while it runs. `allowed` are the verbs that the one account has;
    `before` is called with each request."""

    port: int = 0
    scheme: str = "http"
    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: USER, ADMIN_TOKEN: ADMIN})
    allowed: set[str] = field(default_factory=lambda: {"get", "create", "update"})
    namespaces: set[str] = field(default_factory=lambda: {NAMESPACE, "default"})
    before: Callable[[], None] = lambda: None
    fault: Fault = Fault.NONE
    status: int = 503
    seconds: float = 0.0
    retry_after: str = ""
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, int]] = field(default_factory=list)  # method, path, status
    released: threading.Event = field(default_factory=threading.Event)
    version: int = 100
    lock: threading.RLock = field(default_factory=threading.RLock)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def lease(self, name: str = "syncer", namespace: str = NAMESPACE) -> dict[str, Any]:
        """The object as it is stored; KeyError where there is none."""
        with self.lock:
            return copy.deepcopy(self.objects[namespace, name])

    def holder(self, name: str = "syncer") -> str:
        with self.lock:
            return str(self.objects.get((NAMESPACE, name), {}).get("spec", {}).get("holderIdentity") or "")

    def edit(self, name: str = "syncer", *, annotations: dict[str, str] | None = None, **spec: object) -> None:
        """As somebody with kubectl does it."""
        with self.lock:
            body = self.objects[NAMESPACE, name]
            body["spec"].update(spec)
            body["metadata"].setdefault("annotations", {}).update(annotations or {})
            self._bump(body)

    def delete(self, name: str = "syncer") -> None:
        with self.lock:
            del self.objects[NAMESPACE, name]

    def wait_until(self, condition: Any, seconds: float = 30.0) -> bool:
        """Until a condition holds, looked at after each request."""
        with self.changed:
            return bool(self.changed.wait_for(condition, seconds))

    def answer(self, method: str, path: str, token: str, body: object) -> Answer:
        """What the real one would do, done."""
        with self.lock:
            self.before()
            user = self.tokens.get(token)
            if user is None:
                return refusal(401, "Unauthorized", "Unauthorized")
            parts = path.removeprefix(BASE).split("/")
            if not path.startswith(BASE) or len(parts) not in {2, 3} or parts[1] != "leases":
                return 404, {}
            namespace, name = parts[0], parts[2] if len(parts) == 3 else ""
            verb = {"GET": "get", "POST": "create", "PUT": "update"}[method]
            if verb not in self.allowed and user != ADMIN:
                return forbidden(user, verb, namespace, name)
            if method == "GET":
                found = self.objects.get((namespace, name))
                return missing(name) if found is None else (200, copy.deepcopy(found))
            assert isinstance(body, dict)
            return self._create(namespace, body) if method == "POST" else self._replace(namespace, name, body)

    def _create(self, namespace: str, body: dict[str, Any]) -> Answer:
        name = body["metadata"]["name"]
        if namespace not in self.namespaces:
            return refusal(404, "NotFound", f'namespaces "{namespace}" not found', name=namespace, kind="namespaces")
        if (namespace, name) in self.objects:
            told = f'leases.{GROUP} "{name}" already exists'
            return refusal(409, "AlreadyExists", told, name=name, kind="leases", group=GROUP)
        made = _cleaned(body, namespace)
        made["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        self.objects[namespace, name] = made
        self._bump(made)
        return 201, copy.deepcopy(made)

    def _replace(self, namespace: str, name: str, body: dict[str, Any]) -> Answer:
        """A PUT of what is not there makes it, unless it names a uid; one of what is there must name its version."""
        found = self.objects.get((namespace, name))
        uid, there = body["metadata"].get("uid"), found["metadata"]["uid"] if found else ""
        if uid and uid != there:
            told = (
                f"StorageError: invalid object, Code: 4, Key: /registry/leases/{namespace}/{name}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {there}"
            )
            return conflict(name, told)
        if found is None:
            return self._create(namespace, body)
        return self._refused(name, body, found) or self._stored(namespace, name, body, found)

    def _refused(self, name: str, body: dict[str, Any], found: dict[str, Any]) -> Answer | None:
        version = body["metadata"].get("resourceVersion", "")
        if not version:
            return invalid(name, "metadata.resourceVersion", "Invalid value: 0x0: must be specified for an update")
        if version != found["metadata"]["resourceVersion"]:
            return conflict(name, MODIFIED)
        if (body.get("spec") or {}).get("leaseDurationSeconds", 1) < 1:
            told = f"Invalid value: {body['spec']['leaseDurationSeconds']}: must be greater than 0"
            return invalid(name, "spec.leaseDurationSeconds", told)
        return None

    def _stored(self, namespace: str, name: str, body: dict[str, Any], found: dict[str, Any]) -> Answer:
        made = _cleaned(body, namespace)
        if made == _cleaned(found, namespace):
            return 200, copy.deepcopy(found)
        made["metadata"] |= {key: found["metadata"][key] for key in ("uid", "creationTimestamp")}
        self.objects[namespace, name] = made
        self._bump(made)
        return 200, copy.deepcopy(made)

    def _bump(self, body: dict[str, Any]) -> None:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)


def _cleaned(body: dict[str, Any], namespace: str) -> dict[str, Any]:
    """An object without what the server alone writes, and empty fields left out as Go leaves them."""
    kept = {key: value for key, value in body["metadata"].items() if key not in FORGET and value}
    spec = {key: value for key, value in (body.get("spec") or {}).items() if value is not None}
    metadata = {**copy.deepcopy(kept), "namespace": namespace}
    return {"kind": "Lease", "apiVersion": f"{GROUP}/v1", "metadata": metadata, "spec": spec}


def refusal(code: int, reason: str, message: str, *, name: str = "", kind: str = "", group: str = "") -> Answer:
    details = {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        **({"details": details} if details else {}),
        "code": code,
    }
    return code, body


def missing(name: str) -> Answer:
    return refusal(404, "NotFound", f'leases.{GROUP} "{name}" not found', name=name, kind="leases", group=GROUP)


def forbidden(user: str, verb: str, namespace: str, name: str) -> Answer:
    which = f'leases.{GROUP} "{name}"' if name else f"leases.{GROUP}"
    told = (
        f'{which} is forbidden: User "{user}" cannot {verb} resource "leases" in API group "{GROUP}" in the namespace '
        f'"{namespace}"'
    )
    return refusal(403, "Forbidden", told, name=name, kind="leases", group=GROUP)


def conflict(name: str, why: str) -> Answer:
    told = f'Operation cannot be fulfilled on leases.{GROUP} "{name}": {why}'
    return refusal(409, "Conflict", told, name=name, kind="leases", group=GROUP)


def invalid(name: str, where: str, why: str) -> Answer:
    """Two layers refuse: storage, in the name of the resource, and validation, in that of the kind."""
    kind = "Lease" if where.startswith("spec") else "leases"
    code, body = refusal(
        422, "Invalid", f'{kind}.{GROUP} "{name}" is invalid: {where}: {why}', name=name, kind=kind, group=GROUP
    )
    body["details"]["causes"] = [{"reason": "FieldValueInvalid", "message": why, "field": where}]
    return code, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the parent's name
        pass

    def _answer(self) -> None:
        api = self.server.api
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        fault = api.fault
        if fault is Fault.HUNG:
            api.released.wait(600)
            self.close_connection = True
            return
        if fault is Fault.STATUS:
            status, body = refusal(api.status, "InternalError", "trouble")
        else:
            status, body = api.answer(self.command, self.path, token, json.loads(raw) if raw else None)
        with api.changed:
            api.requests.append((self.command, self.path, status))
            api.changed.notify_all()
        if fault is Fault.SLOW:
            api.released.wait(api.seconds)
        if fault is Fault.LOST:
            self.close_connection = True
            return
        self._send(status, b"<html>" if fault is Fault.GARBLED else json.dumps(body).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.server.api.retry_after:
            self.send_header("Retry-After", self.server.api.retry_after)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: KubeApi, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", api.port), _Handler)
        self.api = api
        self.tls = tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            if self.tls is None:
                super().finish_request(request, client_address)
                return
            with self.tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:  # the client went away, or does not trust us
            pass


@contextmanager
def kube_api(tls: ssl.SSLContext | None = None) -> Iterator[KubeApi]:
    """An API server on loopback."""
    api = KubeApi(scheme="https" if tls else "http")
    server = _Server(api, tls)
    api.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
