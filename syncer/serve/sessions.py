"""Who is signed in with a browser: a random cookie that stands for a token, for as long as the token is one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.clock import Clock
    from syncer.serve.keys import Key, Keyring

LASTS: Final = 8 * 3600.0
"""Seconds: a working day."""
MOST: Final = 64
COOKIE: Final = "syncer_session"


@dataclass(frozen=True, slots=True)
class Session:
    """Whose it is, the text that its forms carry, the fingerprint of the token, and when it ends (monotonic)."""

    name: str
    form: str
    fingerprint: bytes
    ends: float

    @property
    def principal(self) -> str:
        """As the journal names who asked."""
        return f"api:{self.name}"

    def owns(self, given: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.form.encode(), given.encode("utf-8", "replace"))


class Sessions:
    """The sessions of one process; a restart ends all of them. Everything here but `close` reads the keys: blocks."""

    def __init__(self, keys: Keyring, clock: Clock, new: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> None:
        self._keys = keys
        self._clock = clock
        self._new = new
        self._open: dict[bytes, Session] = {}

    def open(self, token: str) -> str:
        """The cookie of a new session; empty where the token is none."""
        given = token.strip().encode("utf-8", "replace")
        fitting = [key for key in self._keys.all() if key.is_bytes(given)]
        if not fitting:
            return ""
        cookie = self._new()
        while len(self._open) >= MOST:
            self._open.pop(next(iter(self._open)))
        ends = self._clock.monotonic() + LASTS
        self._open[_hash(cookie)] = Session(fitting[0].name, self._new(), _fingerprint(fitting[0]), ends)
        return cookie

    def of(self, cookie: str) -> Session | None:
        """The session of a cookie: not over, and its token not taken away since."""
        found = self._open.get(_hash(cookie))
        if found is None:
            return None
        known = any(hmac.compare_digest(_fingerprint(key), found.fingerprint) for key in self._keys.all())
        if known and self._clock.monotonic() < found.ends:
            return found
        self.close(cookie)
        return None

    def close(self, cookie: str) -> None:
        """Ends a session."""
        self._open.pop(_hash(cookie), None)


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()


def _fingerprint(key: Key) -> bytes:
    return hashlib.sha256(f"{key.name}\0{key.secret.reveal()}".encode()).digest()
