"""Live state: what the vendor says an app is, or why it could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.errors import VendorKind
    from syncer.model.desired import AppRef
    from syncer.model.fields import AppSettings


@dataclass(frozen=True, slots=True)
class LiveApp:
    """One app as the vendor returned it: all seven fields have values.

    `updated_at` is the vendor's own text, kept for people and never compared. `read_at` is aware UTC. `extra` names
    fields that the contract does not know.
    """

    ref: AppRef
    settings: AppSettings
    read_at: datetime
    updated_at: str = ""
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An app without a verdict, and why. Never the same as absent or empty."""

    ref: AppRef
    kind: VendorKind
    message: str
    hint: str = ""


Live: TypeAlias = LiveApp | Unreadable
