"""One notice: what changed, why, since when, whom it concerns and what to do; the same value for every receiver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from syncer.model.desired import AppRef

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "syncer.notice/v1"
UNMANAGED: Final = "Unmanaged"
"""Where an app ends that was taken out of git while a receiver knew of trouble with it."""
LONGEST: Final = 1000
"""Characters of a text in a notice."""
FIRST: Final = 10
"""How many apps of many are named."""


class What(StrEnum):
    """What a notice is about."""

    APP = "app"
    SOURCE = "source"
    FLEET = "fleet"
    COMMIT = "commit"


class Change(StrEnum):
    """Which way it went."""

    PROBLEM = "problem"
    RECOVERY = "recovery"
    PROGRESS = "progress"  # of a commit
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """One transition as one receiver is told of it.

    `id` stays the same over every attempt to deliver it. `ref` and `name` are empty unless one app is meant; `apps` is
    how many it is about, `first` names some of many. `told_before` counts how often the same was told within the last
    hours. `revision` is what was in force; for a commit it is the commit. `todo` is what to do next, `link` the page.
    """

    at: datetime
    change: Change
    what: What
    was: str
    state: str
    reason: str
    since: datetime
    revision: str = ""
    ref: AppRef | None = None
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    apps: int = 0
    first: tuple[str, ...] = ()
    told_before: int = 0
    todo: str = ""
    link: str = ""
    id: str = ""

    @property
    def subject(self) -> str:
        """What it is about, for machines: the CloudEvents subject."""
        if self.ref is not None:
            return f"customers/{quote(self.ref.customer_id, safe='')}/apps/{quote(self.ref.app_id, safe='')}"
        return f"commits/{quote(self.revision, safe='')}" if self.what is What.COMMIT else self.what.value

    @property
    def headline(self) -> str:
        """The whole notice in a few words."""
        if self.change is Change.TEST:
            return "A test notice of syncer"
        who = self.name or (f"{self.apps} apps" if self.apps > 1 else f"The {self.what}")
        verb = "are" if self.apps > 1 else "is"
        if self.change is not Change.RECOVERY:
            return f"{who} {verb} {self.state}"
        if self.state == UNMANAGED:
            return f"{who} {verb} no longer managed (was {self.was})"
        return f"{who} {verb} {self.state} again (was {self.was})"

    def document(self) -> dict[str, Any]:
        """The notice for machines, as schemas/notice.schema.json has it."""
        app = self.ref and {"customer_id": self.ref.customer_id, "app_id": self.ref.app_id, "name": self.name}
        return {
            "schema": SCHEMA,
            "id": self.id,
            "time": instant(self.at),
            "change": self.change.value,
            "what": self.what.value,
            "headline": self.headline,
            "app": app,
            "from": self.was or None,
            "to": self.state,
            "reason": self.reason,
            "since": instant(self.since),
            "revision": self.revision or None,
            "labels": dict(self.labels),
            "apps": self.apps,
            "first": list(self.first),
            "told_before": self.told_before,
            "todo": self.todo or None,
            "link": self.link or None,
        }


def of_document(document: Mapping[str, Any]) -> Notice:
    """The notice that a document is; KeyError, TypeError or ValueError for any other document."""
    app = document["app"]
    return Notice(
        id=document["id"],
        at=datetime.fromisoformat(document["time"]),
        change=Change(document["change"]),
        what=What(document["what"]),
        was=document["from"] or "",
        state=document["to"],
        reason=document["reason"],
        since=datetime.fromisoformat(document["since"]),
        revision=document["revision"] or "",
        ref=AppRef(app["customer_id"], app["app_id"]) if app else None,
        name=app["name"] if app else "",
        labels=tuple(document["labels"].items()),
        apps=document["apps"],
        first=tuple(document["first"]),
        told_before=document["told_before"],
        todo=document["todo"] or "",
        link=document["link"] or "",
    )


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def cut(text: str, longest: int = LONGEST) -> str:
    """The text, its end replaced by an ellipsis where it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def told(length: timedelta) -> str:
    """A length of time for people, in its two largest units."""
    minutes = max(0, int(length.total_seconds())) // 60
    days, hours, left = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {left} min" if hours else f"{left} min"
