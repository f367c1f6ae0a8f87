"""Answers with status 200 and the wrong body. A PUT is stored unless said otherwise."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from syncer.emulator.faults.fault import Fault, Picked, Run
from syncer.emulator.fields import UNSET
from syncer.emulator.records import Snapshot
from syncer.emulator.replies import Reply, failure, success

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.emulator.exchange import Exchange, Proceed

GZIP = 31
BLOCK = b" " * (1 << 20)
DUPLICATE = b',"popup_url":"https://duplicate.example/popup"}}}'
HTML = b"<!doctype html><title>Sign in</title><h1>Sign in to the network</h1>"


def instead(make: Callable[[Exchange], Reply]) -> Run:
    """Answer something else, before the request was looked at or after it was carried out."""

    async def run(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
        if picked.word() == "after":
            await proceed()
        return make(exchange)

    return run


def edited(edit: Callable[[Picked, Reply], Reply]) -> Run:
    """Change the bytes of a successful answer."""

    async def run(_exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
        reply = await proceed()
        return edit(picked, reply) if reply.status == 200 else reply

    return run


def in_data(edit: Callable[[Picked, dict[str, Any]], None]) -> Run:
    """Change the `data` of a successful answer about an app."""

    def apply(picked: Picked, reply: Reply) -> Reply:
        document = reply.document()
        data = document.get("data")
        if not isinstance(data, dict):
            return reply
        edit(picked, data)
        return reply.with_document(document)

    return edited(apply)


def _error(_exchange: Exchange) -> Reply:
    return replace(failure(500, "internal_error", "something went wrong"), status=200)


def _truncate(_picked: Picked, reply: Reply) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _duplicate_key(_picked: Picked, reply: Reply) -> Reply:
    return replace(reply, body=reply.body.removesuffix(b"}}}") + DUPLICATE) if reply.body.endswith(b"}}}") else reply


def _wrong_type(_picked: Picked, reply: Reply) -> Reply:
    return replace(reply, media_type="text/html; charset=utf-8")


def _huge(picked: Picked, reply: Reply) -> Reply:
    return reply.with_document({**reply.document(), "padding": "x" * int(picked.number())})


def _other_id(picked: Picked, data: dict[str, Any]) -> None:
    data["app_id"] = picked.word()


def _drop(picked: Picked, data: dict[str, Any]) -> None:
    data["settings"].pop(picked.word(), None)


def _retype(picked: Picked, data: dict[str, Any]) -> None:
    value = data["settings"].get(picked.word())
    data["settings"][picked.word()] = str(value).lower() if isinstance(value, bool) else 7


def _add(picked: Picked, data: dict[str, Any]) -> None:
    data["settings"][picked.word()] = "https://extra.example/field"


async def gzip_bomb(_exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """The right JSON and then blanks, compressed a thousandfold, whatever the client accepts."""
    reply = await proceed()
    body = await asyncio.to_thread(_inflate_later, reply.body, int(picked.number()))  # noqa: TID251 -- it uses nothing else
    return replace(reply, body=body, headers=(*reply.headers, ("Content-Encoding", "gzip")))


def _inflate_later(body: bytes, size: int) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, GZIP)
    parts = [squeeze.compress(body)]
    parts += [squeeze.compress(BLOCK) for _ in range(size // len(BLOCK) + 1)]
    return b"".join([*parts, squeeze.flush()])


async def swap_apps(exchange: Exchange, _picked: Picked, proceed: Proceed) -> Reply:
    """Another app's id and settings; a PUT is stored where it belongs."""
    reply = await proceed()
    if reply.status != 200 or "data" not in reply.document():
        return reply
    other = exchange.store.neighbour(exchange.request.key)
    if other is None:
        return success("app_somebody_else", Snapshot(dict(UNSET), exchange.store.clock.now()))
    created = other.created if exchange.request.method == "GET" else None
    return success(other.key.app_id, other.current, created=created)


WHEN = {"when": "before"}
BODIES = {
    "error_in_200": Fault(instead(_error), "status 200, success is false; a PUT is lost, stored with after", WHEN),
    "html_200": Fault(
        instead(lambda _: Reply(200, HTML, "text/html; charset=utf-8")),
        "status 200 with a sign-in page; a PUT is lost, stored with after",
        WHEN,
    ),
    "empty_200": Fault(
        instead(lambda _: Reply(200)), "status 200 with no body; a PUT is stored, lost with before", {"when": "after"}
    ),
    "truncated_json": Fault(edited(_truncate), "the first half of the JSON, with a matching length"),
    "dup_key_json": Fault(edited(_duplicate_key), "popup_url twice; the last one is wrong"),
    "wrong_ctype": Fault(edited(_wrong_type), "the right JSON called text/html"),
    "huge_body": Fault(edited(_huge), "that many bytes of padding in the JSON", {"bytes": "8388608"}),
    "gzip_bomb": Fault(gzip_bomb, "a small gzip body that grows to that many bytes", {"bytes": "209715200"}),
    "swap_apps": Fault(swap_apps, "another app's id and settings"),
    "wrong_app_id": Fault(in_data(_other_id), "the app's settings under another id", {"app_id": "app_somebody_else"}),
    "missing_field": Fault(in_data(_drop), "a setting is not in the answer", {"field": "recording_enabled"}),
    "wrong_type": Fault(
        in_data(_retype), "a flag comes as a string, a URL as a number", {"field": "recording_enabled"}
    ),
    "extra_field": Fault(in_data(_add), "a setting that nobody documented", {"field": "escalation_url"}),
}
