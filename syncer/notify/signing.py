"""Signatures over what is sent, as Standard Webhooks has them (https://www.standardwebhooks.com). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.model import signature

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
    signed = signature.standard(message_id.encode(), stamp.encode(), body, secret.reveal().encode())
    return {**found, "webhook-signature": signed.decode()}
