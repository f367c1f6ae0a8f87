"""The vendor's documented API, as an ASGI application below a base path."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from syncer.emulator import directory
from syncer.emulator.exchange import Exchange, Proceed, Request, Route
from syncer.emulator.faults.fault import FaultError, Picked
from syncer.emulator.fields import MAX_BODY
from syncer.emulator.puts import digest
from syncer.emulator.records import AppKey, RequestEntry
from syncer.emulator.replies import GONE, Reply, failure, send_reply
from syncer.emulator.settings_api import handle_settings
from syncer.emulator.wire import wire_of

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Receive, Scope, Send

    from syncer.emulator.faults.board import FaultBoard
    from syncer.emulator.store import Store

NO_APP = AppKey("", "")


class VendorApi:
    """Reads a request, sends it through the faults to its handler, answers, and logs what happened."""

    def __init__(self, store: Store, faults: FaultBoard, base_path: str, stopping: asyncio.Event) -> None:
        self._store = store
        self._faults = faults
        self._base = base_path.rstrip("/")
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = await self._read(scope, receive)
        exchange = Exchange(
            request, self._store, wire_of(scope), self._stopping, semantics=self._store.modes.put_semantics
        )
        picked: tuple[Picked, ...] = ()
        reply = GONE
        try:
            picked = self._faults.pick(request)
            reply = await run(exchange, picked)
        except FaultError as error:
            reply = failure(400, "unknown_fault", str(error))
        finally:
            # Before the answer leaves: whoever has the answer finds the request in the logs.
            self._note(exchange, reply, picked)
        await send_reply(reply, send, exchange.wire)

    async def _read(self, scope: Scope, receive: Receive) -> Request:
        started = self._store.clock.monotonic_ns()
        self._store.note_arrival()
        method, path = scope["method"], scope["path"]
        route, key = resolve(path.removeprefix(self._base) if path.startswith(f"{self._base}/") else "")
        return Request(
            method=method,
            path=path,
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=b"" if method == "GET" else await _read_body(receive),
            route=route,
            key=key,
            started_ns=started,
        )

    def _note(self, exchange: Exchange, reply: Reply, picked: tuple[Picked, ...]) -> None:
        request = exchange.request
        authorization = request.headers.get("authorization", "")
        if exchange.committed is not None:
            self._store.finish(exchange.committed)
        self._store.log_request(
            RequestEntry(
                sequence=0,
                method=request.method,
                path=request.path,
                customer_id=request.key.customer_id,
                app_id=request.key.app_id,
                status=reply.status or None,
                request_id=request.headers.get("x-request-id", ""),
                authorization_sha256=digest(authorization) if authorization else "",
                faults=tuple(one.text for one in picked),
                ledger=exchange.committed,
                started_ns=request.started_ns,
                ended_ns=self._store.clock.monotonic_ns(),
            )
        )


async def _read_body(receive: Receive) -> bytes:
    """The body; of one that is too long only so much that the handler can tell."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if len(body) <= MAX_BODY:
            body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def resolve(path: str) -> tuple[Route, AppKey]:
    """Which resource a path below the base is."""
    match path.split("/"):
        case ["", customer_id, "apps", app_id, "settings"] if customer_id and app_id:
            return Route.SETTINGS, AppKey(customer_id, app_id)
        case ["", "token"]:
            return Route.TOKEN, NO_APP
        case ["", "app"]:
            return Route.APPS, NO_APP
        case _:
            return Route.OTHER, NO_APP


async def run(exchange: Exchange, picked: tuple[Picked, ...]) -> Reply:
    """The handler, wrapped in the faults: the first one named is the outermost."""
    step: Proceed = partial(handle, exchange)
    for one in reversed(picked):
        step = partial(one.fault.run, exchange, one, step)
    return await step()


async def handle(exchange: Exchange) -> Reply:
    """The answer of a vendor in good health."""
    request = exchange.request
    match request.route, request.method:
        case Route.SETTINGS, "GET" | "PUT":
            return handle_settings(exchange)
        case Route.TOKEN, "POST":
            return directory.issue_token(exchange.store, request.body)
        case Route.APPS, "GET":
            entity = parse_qs(request.query).get("entity", [""])[0]
            return directory.list_apps(exchange.store, entity, request.headers.get("authorization", ""))
        case Route.OTHER, _:
            return failure(404, "not_found", "no such resource")
        case _:
            return failure(405, "method_not_allowed", f"{request.method} is not supported here")
