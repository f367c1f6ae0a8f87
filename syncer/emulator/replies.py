"""Answers as values: a fault edits them, one place sends them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from syncer.emulator.fields import FIELDS
from syncer.emulator.instants import rfc3339

if TYPE_CHECKING:
    from starlette.types import Send

    from syncer.emulator.records import Snapshot
    from syncer.emulator.wire import Wire

JSON = "application/json"
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. Status 0 means that the connection was dealt with and nothing is to be sent.

    `drip` is the pause in seconds after each byte of the body.
    """

    status: int
    body: bytes = b""
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    drip: float = 0.0

    def document(self) -> dict[str, Any]:
        """The body as JSON, an empty object when it is none."""
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return document if isinstance(document, dict) else {}

    def with_document(self, document: object) -> Reply:
        """The same answer with another JSON body."""
        return replace(self, body=orjson.dumps(document))


GONE = Reply(0)


def success(app_id: str, snapshot: Snapshot, *, created: Snapshot | None = None) -> Reply:
    """The documented answer about an app; a GET adds when it was created."""
    settings: dict[str, object] = {name: snapshot.settings[name] for name in FIELDS}
    if created is not None:
        settings["created_at"] = rfc3339(created.updated_at)
    settings["updated_at"] = rfc3339(snapshot.updated_at)
    return Reply(200, orjson.dumps({"success": True, "data": {"app_id": app_id, "settings": settings}}))


def failure(status: int, code: str, message: str, field: str = "") -> Reply:
    """An error of the settings API: `{"success": false, "error": {"code", "message", "field"}}`."""
    error = {"code": code, "message": message, "field": field or None}
    return Reply(status, orjson.dumps({"success": False, "error": error}))


async def send_reply(reply: Reply, send: Send, wire: Wire) -> None:
    """Put an answer on the wire; stops early when the client is gone."""
    if not reply.status:
        return
    headers = [(b"content-type", reply.media_type.encode()), (b"content-length", b"%d" % len(reply.body))]
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    step = 1 if reply.drip else CHUNK
    for start in range(0, len(reply.body), step):
        more = start + step < len(reply.body)
        await send({"type": "http.response.body", "body": reply.body[start : start + step], "more_body": more})
        if reply.drip and more and await gone(wire, reply.drip):
            return
    if not reply.body:
        await send({"type": "http.response.body", "body": b""})


async def gone(wire: Wire, seconds: float) -> bool:
    """Wait; True as soon as the client left."""
    try:
        await asyncio.wait_for(wire.closed.wait(), seconds)
    except TimeoutError:
        return False
    return True
