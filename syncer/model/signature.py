"""The signature of Standard Webhooks, for what is sent and what is received; https://www.standardwebhooks.com. Pure."""

from __future__ import annotations

import base64
import binascii
import hmac


def standard(message_id: bytes, stamp: bytes, body: bytes, secret: bytes) -> bytes:
    """`v1,BASE64` of the HMAC-SHA256 over id, time (Unix seconds) and body."""
    digest = hmac.digest(_key(secret), b".".join((message_id, stamp, body)), "sha256")
    return b"v1," + base64.b64encode(digest)


def _key(secret: bytes) -> bytes:
    """What stands behind `whsec_` is base64; any other secret is the key as it is."""
    if not secret.startswith(b"whsec_"):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True) or secret
    except binascii.Error:
        return secret
