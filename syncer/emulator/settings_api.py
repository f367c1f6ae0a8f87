"""GET and PUT of an app's settings, as documented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.emulator.fields import InvalidError, Settings, parse_put
from syncer.emulator.puts import Put, wanted
from syncer.emulator.records import AppKey, Snapshot
from syncer.emulator.replies import Reply, failure, success
from syncer.emulator.tokens import Entity, bearer

if TYPE_CHECKING:
    from syncer.emulator.exchange import Exchange
    from syncer.emulator.store import Store


def handle_settings(exchange: Exchange) -> Reply:
    """Check the token, then the app, then read or write; runs to its end without a pause, so a PUT is atomic."""
    request, store = exchange.request, exchange.store
    refusal = authorise(store, request.key, request.headers.get("authorization", ""))
    if refusal is not None:
        return refusal
    if request.method == "PUT":
        return _put(exchange)
    shown = exchange.shown or store.observe(request.key)
    return success(request.key.app_id, shown, created=store.apps[request.key].created)


def authorise(store: Store, key: AppKey, header: str) -> Reply | None:
    """None when the token may touch the app: it must be known, not expired, and issued for exactly that app.

    A good token that asks for an app which does not exist gets 404, one for another app 401.
    """
    grant = store.tokens.find(bearer(header))
    if grant is None or grant.entity is not Entity.APP:
        return failure(401, "unauthorized", "invalid token")
    if grant.expires_at <= store.clock.now():
        return failure(401, "token_expired", "expired token")
    if key not in store.apps:
        return failure(404, "not_found", "app doesn't exist")
    if (grant.customer_id, grant.app_id) != key:
        return failure(401, "unauthorized", "the token belongs to another app")
    return None


def _put(exchange: Exchange) -> Reply:
    request, store = exchange.request, exchange.store
    try:
        body = parse_put(request.body, ignore_unknown=exchange.ignore_unknown)
    except InvalidError as error:
        return failure(400, "invalid_parameter", error.message, error.field)
    if "json" not in request.headers.get("content-type", ""):
        return failure(400, "invalid_parameter", "the content type must be application/json")
    put = _describe(exchange, body)
    if exchange.discard:
        lie = wanted(store.settings(request.key), put)
        return success(request.key.app_id, Snapshot(lie, store.clock.now()))
    entry = store.commit(put)
    exchange.committed = entry.sequence
    return success(request.key.app_id, Snapshot(entry.after, entry.at))


def _describe(exchange: Exchange, body: Settings) -> Put:
    request = exchange.request
    return Put(
        key=request.key,
        body=body,
        raw=request.body,
        request_id=request.headers.get("x-request-id", ""),
        authorization=request.headers.get("authorization", ""),
        started_ns=request.started_ns,
        semantics=exchange.semantics,
        rewrite=exchange.rewrite if exchange.rewrites else None,
    )
