"""Whether a push comes from whoever holds the secret: the ways of GitHub, GitLab and Gitea or Forgejo. Pure.

Only bytes are compared, and whatever is malformed is simply not signed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from syncer.model import signature

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

TOLERANCE: Final = 300
"""Seconds that a signed time may be off, as Standard Webhooks has it."""
_SECONDS: Final = re.compile(rb"[0-9]{1,12}")


def github(headers: Mapping[str, str], body: bytes, secret: bytes, now: datetime) -> bool:
    """`X-Hub-Signature-256: sha256=HEX` over the body; it covers no time."""
    del now
    given = _bytes(headers, "x-hub-signature-256")
    return hmac.compare_digest(b"sha256=" + _hex(secret, body), given)


def gitea(headers: Mapping[str, str], body: bytes, secret: bytes, now: datetime) -> bool:
    """`X-Forgejo-Signature` or `X-Gitea-Signature`: the bare HEX over the body."""
    del now
    given = _bytes(headers, "x-forgejo-signature") or _bytes(headers, "x-gitea-signature")
    return hmac.compare_digest(_hex(secret, body), given)


def gitlab(headers: Mapping[str, str], body: bytes, secret: bytes, now: datetime) -> bool:
    """The Standard Webhooks signature where there is one, else `X-Gitlab-Token`, which is the secret itself."""
    if "webhook-signature" in headers:
        return standard(headers, body, secret, now)
    return hmac.compare_digest(secret, _bytes(headers, "x-gitlab-token"))


def standard(headers: Mapping[str, str], body: bytes, secret: bytes, now: datetime) -> bool:
    """`webhook-signature: v1,BASE64 …` over id, time and body; https://www.standardwebhooks.com."""
    stamp = _bytes(headers, "webhook-timestamp")
    if not _SECONDS.fullmatch(stamp) or abs(int(stamp) - now.timestamp()) > TOLERANCE:
        return False
    right = signature.standard(_bytes(headers, "webhook-id"), stamp, body, secret)
    compared = [hmac.compare_digest(right, given) for given in _bytes(headers, "webhook-signature").split(b" ")]
    return True in compared


def _hex(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


def _bytes(headers: Mapping[str, str], name: str) -> bytes:
    """A header as the bytes that came (HTTP libraries read them as Latin-1)."""
    return headers.get(name, "").encode("latin-1", "replace")
