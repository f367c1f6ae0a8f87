"""Builders of desired state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncer.model.desired import AppRef, DesiredApp, Layer, Origin, Policy, Revision, Window, WindowKind
from syncer.model.fields import AppSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

REVISION = Revision("a" * 40, "https://git.example/settings.git")


def app(name: str = "support", customer_id: str = "acme", labels: Mapping[str, str] | None = None) -> DesiredApp:
    """An app whose id is `app_` and its name, and that declares nothing."""
    return DesiredApp(
        ref=AppRef(customer_id, f"app_{name}"),
        name=name,
        settings=AppSettings(),
        token=None,
        at=Origin("apps/all.yaml", 5, 3, Layer.APP),
        revision=REVISION,
        labels=tuple(sorted((labels or {}).items())),
        policy=Policy(),
    )


def allow(cron: str, hours: float, zone: str = "UTC") -> Window:
    """A window in which writes may happen."""
    return Window(WindowKind.ALLOW, cron, timedelta(hours=hours), zone)


def deny(cron: str, hours: float, zone: str = "UTC") -> Window:
    """A window in which they may not."""
    return replace(allow(cron, hours, zone), kind=WindowKind.DENY)


def at(text: str) -> datetime:
    """An instant from ISO text; UTC without an offset."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
