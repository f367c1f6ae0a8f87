"""Tokens: a grant for one app or one customer, with an end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

import orjson


class TokenStyle(StrEnum):
    """Both kinds occur: a word without meaning, or three base64 parts with `exp` inside."""

    OPAQUE = "opaque"
    JWT = "jwt"


class Entity(StrEnum):
    """Whom a token stands for: an app token reads and writes settings, a customer token lists apps."""

    APP = "app"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one token allows; `app_id` is empty for a customer token."""

    entity: Entity
    customer_id: str
    app_id: str
    expires_at: datetime


@dataclass(slots=True)
class TokenBook:
    """Every token ever issued or seeded, by its text."""

    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    grants: dict[str, Grant] = field(default_factory=dict)

    def add(self, token: str, grant: Grant) -> None:
        """Make a known text a token."""
        self.grants[token] = grant

    def issue(self, grant: Grant, style: TokenStyle, now: datetime) -> str:
        """A new token for the grant."""
        token = self._jwt(grant, now) if style is TokenStyle.JWT else f"emu_{grant.entity}_{secrets.token_hex(20)}"
        self.grants[token] = grant
        return token

    def find(self, token: str) -> Grant | None:
        """The grant behind a text, expired or not."""
        return self.grants.get(token)

    def expire(self, customer_id: str, app_id: str, now: datetime) -> int:
        """End every token of one app now; how many there were."""
        ended = [
            text for text, grant in self.grants.items() if (grant.customer_id, grant.app_id) == (customer_id, app_id)
        ]
        for text in ended:
            self.grants[text] = replace(self.grants[text], expires_at=now - timedelta(seconds=1))
        return len(ended)

    def _jwt(self, grant: Grant, now: datetime) -> str:
        claims: dict[str, object] = {
            "sub": grant.app_id or grant.customer_id,
            "customer_id": grant.customer_id,
            "entity": grant.entity.value,
            "iat": int(now.timestamp()),
            "exp": int(grant.expires_at.timestamp()),
            "jti": secrets.token_hex(8),
        }
        head = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = hmac.new(self.signing_key, head.encode(), hashlib.sha256).digest()
        return f"{head}.{_base64(signature)}"


def _part(document: dict[str, object]) -> str:
    return _base64(orjson.dumps(document))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bearer(header: str) -> str:
    """The token in `Bearer X`; empty for any other form."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def bare_or_bearer(header: str) -> str:
    """The token in `Bearer X` or in a bare `X`: the older pages of the documentation show the latter."""
    return bearer(header) or ("" if " " in header else header)
