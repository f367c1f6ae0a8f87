"""What a PUT makes of an app's settings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.emulator.fields import FIELDS, UNSET, Settings, Value
from syncer.emulator.modes import PutSemantics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.emulator.records import AppKey


@dataclass(frozen=True, slots=True)
class Put:
    """What the handler knows about a PUT that it is about to commit."""

    key: AppKey
    body: Settings
    raw: bytes
    request_id: str
    authorization: str
    started_ns: int
    semantics: PutSemantics
    rewrite: Callable[[Settings, Settings], Settings] | None = None


def digest(value: str | bytes) -> str:
    """Hex SHA-256: how secrets and bodies are named in the ledger."""
    return hashlib.sha256(value.encode("latin-1", "replace") if isinstance(value, str) else value).hexdigest()


def wanted(before: Settings, put: Put) -> Settings:
    """The settings after a PUT: its body over the old ones or over nothing, then whatever the vendor makes of them."""
    base: Mapping[str, Value] = before if put.semantics is PutSemantics.MERGE else UNSET
    after = {**base, **put.body}
    return put.rewrite(before, after) if put.rewrite else after


def changed(before: Settings, after: Settings) -> tuple[str, ...]:
    """The settings that differ, in the documented order."""
    return tuple(name for name in FIELDS if before.get(name) != after.get(name))
