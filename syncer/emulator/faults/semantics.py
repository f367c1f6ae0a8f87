"""What is stored and what is shown: the vendor accepts, forgets, rewrites, lags, or is not alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syncer.emulator.faults.fault import Fault, Picked
from syncer.emulator.faults.urls import RULES, rewrite
from syncer.emulator.fields import FLAG_FIELDS, URL_FIELDS, Settings
from syncer.emulator.modes import PutSemantics

if TYPE_CHECKING:
    from syncer.emulator.exchange import Exchange, Proceed
    from syncer.emulator.replies import Reply

PUT = ("PUT",)
GET = ("GET",)


async def accept_no_apply(exchange: Exchange, _picked: Picked, proceed: Proceed) -> Reply:
    """The answer of a success, and nothing stored."""
    exchange.discard = True
    return await proceed()


async def eventual(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """Store, and let the next n reads show the old state."""
    app = exchange.store.apps.get(exchange.request.key)
    before = app.current if app else None
    reply = await proceed()
    if before is not None and exchange.committed is not None:
        exchange.store.hide(exchange.request.key, before, int(picked.number()))
    return reply


async def stale_replica(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """A share of the reads, evenly spread, shows the state before the last change."""
    share = min(picked.number(), 1.0)
    app = exchange.store.apps.get(exchange.request.key)
    if app is not None and int(picked.ordinal * share) > int((picked.ordinal - 1) * share):
        exchange.shown = app.previous
    return await proceed()


async def flapper(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """After a PUT somebody restores the old settings, once n reads have seen the new ones."""
    app = exchange.store.apps.get(exchange.request.key)
    before = app.current.settings if app else {}
    reply = await proceed()
    if exchange.committed is not None:
        exchange.store.write_back(exchange.request.key, before, int(picked.number()))
    return reply


async def concurrent_writer(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """Somebody else writes one setting: ms after a GET was handled, or right before a PUT is."""
    delay, field, ordinal = picked.number(0) / 1000, picked.word(1), picked.ordinal
    if exchange.request.method == "PUT":
        _write(exchange, field, ordinal)
        return await proceed()
    reply = await proceed()
    if delay:
        asyncio.get_running_loop().call_later(delay, _write, exchange, field, ordinal)
    else:
        _write(exchange, field, ordinal)
    return reply


def _write(exchange: Exchange, field: str, ordinal: int) -> None:
    store, key = exchange.store, exchange.request.key
    with store.lock:
        if key in store.apps:
            flag = not store.settings(key)[field]
            value = flag if field in FLAG_FIELDS else f"https://concurrent.example/{ordinal}"
            store.change(key, {field: value}, "concurrent_writer")


async def drop_unknown(exchange: Exchange, _picked: Picked, proceed: Proceed) -> Reply:
    """Settings that nobody documented are ignored instead of refused."""
    exchange.ignore_unknown = True
    return await proceed()


async def drop_field(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """One setting is accepted and keeps its old value."""
    name = picked.word()

    def keep(before: Settings, after: Settings) -> Settings:
        return {**after, name: before[name]}

    exchange.rewrites.append(keep)
    return await proceed()


async def normalise_url(exchange: Exchange, picked: Picked, proceed: Proceed) -> Reply:
    """URLs are stored rewritten; with `GET:` they are stored as sent and shown rewritten."""
    rules = picked.arguments

    def change(_before: Settings, after: Settings) -> Settings:
        return {name: rewrite(value, rules) if name in URL_FIELDS else value for name, value in after.items()}

    exchange.rewrites.append(change)
    reply = await proceed()
    if exchange.request.method != "GET" or reply.status != 200:
        return reply
    document = reply.document()
    data = document.get("data")
    if not isinstance(data, dict):
        return reply
    return reply.with_document({**document, "data": {**data, "settings": change({}, data["settings"])}})


async def put_replaces_all(exchange: Exchange, _picked: Picked, proceed: Proceed) -> Reply:
    """Settings that the body does not name fall to null or false."""
    exchange.semantics = PutSemantics.REPLACE
    return await proceed()


async def put_merges(exchange: Exchange, _picked: Picked, proceed: Proceed) -> Reply:
    """Settings that the body does not name stay."""
    exchange.semantics = PutSemantics.MERGE
    return await proceed()


SETTINGS_FIELD = (*URL_FIELDS, *FLAG_FIELDS)
SEMANTICS = {
    "accept_no_apply": Fault(accept_no_apply, "success, and nothing is stored", methods=PUT),
    "eventual": Fault(eventual, "the next n reads show the state before the PUT", {"n": "1"}, PUT),
    "stale_replica": Fault(stale_replica, "that share of the reads shows an older state", {"share": "0.5"}, GET),
    "flapper": Fault(flapper, "the old settings come back once n reads have seen the new ones", {"n": "1"}, PUT),
    "concurrent_writer": Fault(
        concurrent_writer,
        "somebody writes a setting ms after a GET; with PUT: right before the PUT is stored",
        {"ms": "0", "field": "callback_url"},
        GET,
        choices={"field": SETTINGS_FIELD},
    ),
    "drop_unknown": Fault(drop_unknown, "undocumented settings in a PUT are ignored instead of refused", methods=PUT),
    "drop_field": Fault(
        drop_field,
        "one setting of a PUT is accepted and not stored",
        {"field": "streaming_url"},
        PUT,
        choices={"field": SETTINGS_FIELD},
    ),
    "normalise_url": Fault(
        normalise_url,
        "URLs are stored rewritten by the rules named, or their numbers",
        {"rule": "host_case"},
        PUT,
        choices={"rule": (*RULES, *(str(number) for number in range(1, len(RULES) + 1)))},
    ),
    "put_replaces_all": Fault(put_replaces_all, "what a PUT does not name falls to null or false", methods=PUT),
    "put_merges": Fault(put_merges, "what a PUT does not name stays", methods=PUT),
}
