"""The server on loopback with fakes behind it, and raw requests to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from syncer.clock import SystemClock
from syncer.errors import UsageError
from syncer.model.desired import EnvToken
from syncer.serve import app, guard
from syncer.serve.connection import Crowd
from syncer.serve.keys import Keyring
from syncer.serve.listening import listening
from syncer.serve.ports import Behind, Check
from syncer.serve.probes import Heartbeat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from syncer.serve.ports import Approval, Order
    from syncer.serve.ports import Pages as PagesPort

TOKEN = "alice-0123456789abcdef"
SECRET = "push-0123456789abcdef"
JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass
class View:
    """Documents that a test puts there."""

    document: dict[str, Any] | None = None

    def status(self) -> dict[str, Any] | None:
        return self.document

    def app(self, customer: str, app: str) -> dict[str, Any] | None:
        return self.document and {"app": {"customer_id": customer, "app_id": app}}

    async def plan(self) -> dict[str, Any] | None:
        return self.document


@dataclass
class Past:
    """Answers with what it was asked."""

    async def history(self, customer: str, app: str, field: str, limit: int) -> dict[str, Any]:
        return {"customer_id": customer, "app_id": app, "field": field, "limit": limit}


@dataclass
class Pages:
    """Documents of pages that a test puts there, by name; what was asked for."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    async def page(self, name: str, asked: Mapping[str, str]) -> dict[str, Any] | None:
        self.asked.append(dict(asked))
        return self.documents.get(name)

    async def export(self, asked: Mapping[str, str], form: str) -> bytes:
        self.asked.append(dict(asked))
        if asked.get("since") == "never":
            raise UsageError("`since` is no day or time")
        return form.encode()


@dataclass
class Health:
    """A daemon that fares as a test says."""

    judged: bool = True
    stopping: bool = False

    def checks(self) -> tuple[Check, ...]:
        return (Check("source", good=False, detail="a detail"),)


@dataclass
class Actions:
    """Remembers what was asked."""

    passes: int = 0
    looks: int = 0
    approvals: list[Approval] = field(default_factory=list)
    orders: list[tuple[str, Order]] = field(default_factory=list)
    fails_with: Exception | None = None

    def reconcile(self) -> None:
        self.passes += 1

    def fetch(self) -> None:
        self.looks += 1

    async def approve(self, wanted: Approval) -> dict[str, Any]:
        self.approvals.append(wanted)
        if self.fails_with:
            raise self.fails_with
        return {"commit": None, "approved": []}

    async def suspend(self, wanted: Order) -> dict[str, Any]:
        return self._ordered("suspend", wanted)

    async def resume(self, wanted: Order) -> dict[str, Any]:
        return self._ordered("resume", wanted)

    async def rollback(self, wanted: Order) -> dict[str, Any]:
        return self._ordered("rollback", wanted)

    def _ordered(self, what: str, wanted: Order) -> dict[str, Any]:
        self.orders.append((what, wanted))
        if self.fails_with:
            raise self.fails_with
        return {"apps": [], "all": wanted.everybody, "commit": wanted.to or None, "until": None, "notes": []}


@dataclass
class Answer:
    """What came back: headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found


@dataclass
class Served:
    """A server and what is behind it. `environ` holds its token and push secret."""

    view: View = field(default_factory=View)
    pages: PagesPort = field(default_factory=Pages)
    health: Health = field(default_factory=Health)
    actions: Actions = field(default_factory=Actions)
    environ: dict[str, str] = field(default_factory=lambda: {"T": f"alice {TOKEN}\n", "P": SECRET})
    log: list[dict[str, Any]] = field(default_factory=list)
    crowd: Crowd = field(default_factory=Crowd)
    heartbeat: Heartbeat = field(default_factory=lambda: Heartbeat(SystemClock()))
    port: int = 0

    def behind(self) -> Behind:
        def remember(_logger: object, _name: str, event: Any) -> str:
            self.log.append(dict(event))
            raise structlog.DropEvent

        return Behind(
            view=self.view,
            past=Past(),
            pages=self.pages,
            health=self.health,
            actions=self.actions,
            tokens=Keyring(EnvToken("T"), self.environ, "token"),
            secrets=Keyring(EnvToken("P"), self.environ, "push"),
            clock=SystemClock(),
            log=structlog.wrap_logger(structlog.ReturnLogger(), processors=[remember]),
            exposition=lambda: b"metrics\n",
        )

    async def raw(self, request: bytes, timeout: float = 15.0) -> bytes:  # noqa: ASYNC109 -- a bound on the whole of it
        """Sends bytes and reads until the server closes."""
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(request)
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()

    async def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """One request on a connection of its own; headers given overrule Host and Content-Length."""
        all_headers = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(body)), **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in all_headers.items()), "Connection: close"]
        return parsed(await self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body))

    async def post(self, path: str, document: object, **headers: str) -> Answer:
        """JSON with the right token."""
        known = {**JSON_HEADERS, "Authorization": f"Bearer {TOKEN}", **headers}
        return await self.ask("POST", path, known, orjson.dumps(document))


def parsed(answer: bytes) -> Answer:
    """An HTTP/1.1 answer with a body of a known length."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]) if first else 0, headers, body)


@asynccontextmanager
async def served(given: Served | None = None) -> AsyncIterator[Served]:
    """A server in the running loop."""
    made = given or Served()
    names = guard.hosts("127.0.0.1", ["syncer.corp.example"])
    async with listening(app.application(made.behind(), made.heartbeat, names), "127.0.0.1", 0, made.crowd) as address:
        made.port = int(address.rpartition(":")[2])
        beating = asyncio.create_task(made.heartbeat.beat())
        try:
            yield made
        finally:
            beating.cancel()
