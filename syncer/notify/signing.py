"""Signatures over what is sent, as Standard Webhooks has them (https://www.standardwebhooks.com). Pure."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncer.model.secret import Secret


def headers(message_id: str, at: datetime, body: bytes, secret: Secret | None) -> Mapping[str, str]:
    """Id, time and (with a secret) signature of one attempt: `at` is now, so that receivers can refuse old ones."""
    stamp = str(int(at.timestamp()))
    found = {"webhook-id": message_id, "webhook-timestamp": stamp}
    if secret is None:
        return found
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    digest = hmac.digest(_key(secret.reveal().encode()), signed, "sha256")
    return {**found, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def _key(secret: bytes) -> bytes:
    """What stands behind `whsec_` is base64; any other secret is the key as it is."""
    if not secret.startswith(b"whsec_"):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True) or secret
    except binascii.Error:
        return secret
