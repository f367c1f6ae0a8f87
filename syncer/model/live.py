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


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """One app in the vendor's list of a customer's apps; `name` is the vendor's own text, `active` as it says."""

    ref: AppRef
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Unlisted:
    """A customer whose apps could not be listed, and why."""

    customer_id: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """Apps that the vendor lists and git does not declare, by ref, and the customers of which nobody knows."""

    apps: tuple[Listed, ...] = ()
    unlisted: tuple[Unlisted, ...] = ()
