"""The neighbouring pages of the documentation: tokens, and the list of a customer's apps."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import orjson

from syncer.emulator.instants import rfc3339
from syncer.emulator.replies import Reply
from syncer.emulator.tokens import Entity, bare_or_bearer

if TYPE_CHECKING:
    from syncer.emulator.store import App, Store


def envelope(code: int, data: object, error: str = "") -> Reply:
    """The older envelope, in capital letters, of both resources."""
    document = {
        "RequestId": secrets.token_hex(8),
        "Status": "Failed" if error else "Success",
        "Code": code,
        "Error": error,
        "Data": data,
    }
    return Reply(code, orjson.dumps(document))


def issue_token(store: Store, body: bytes) -> Reply:
    """`POST /token`: a token for the app or the customer that knows its secret."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return envelope(400, "", "the body is not JSON")
    if not isinstance(document, dict):
        return envelope(400, "", "the body is not a JSON object")
    for name in ("Id", "Secret", "Entity"):
        if not isinstance(document.get(name), str) or not document[name]:
            return envelope(400, "", f"{name}: must be a string")
    if document["Entity"] not in set(Entity):
        return envelope(400, "", "Entity: must be app or customer")
    token = store.issue(Entity(document["Entity"]), document["Id"], document["Secret"])
    return envelope(401, "", "wrong id or secret") if token is None else envelope(200, token)


def list_apps(store: Store, entity: str, header: str) -> Reply:
    """`GET /app?entity=customer`: the apps of the customer whose token asks."""
    grant = store.tokens.find(bare_or_bearer(header))
    if grant is None or grant.entity is not Entity.CUSTOMER or grant.expires_at <= store.clock.now():
        return envelope(401, [], "invalid or expired token")
    if entity != Entity.CUSTOMER:
        return envelope(400, [], "entity: must be customer")
    with store.lock:
        apps = [_row(app) for app in store.apps.values() if app.key.customer_id == grant.customer_id]
    return envelope(200, apps)


def _row(app: App) -> dict[str, object]:
    return {
        "AppID": app.key.app_id,
        "CustomerID": app.key.customer_id,
        "AppName": app.name,
        "ExotelAccountSid": f"{app.key.customer_id}_sid",
        "ExotelDomain": "mumbai",
        "IsActive": True,
        "CreatedAt": rfc3339(app.created.updated_at),
        "UpdatedAt": rfc3339(app.current.updated_at),
    }
