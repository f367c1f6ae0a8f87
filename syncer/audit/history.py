"""One thing that happened to an app, as people ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from syncer.model.fields import Field
from syncer.model.outcome import Verdict

if TYPE_CHECKING:
    from syncer.audit.chain import Event


@dataclass(frozen=True, slots=True)
class Move:
    """One field of an entry: the live value before and the value from git (masked as in the journal), and the cause."""

    field: Field
    live: str | bool | None
    git: str | bool | None
    cause: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A record about an app; a PUT carries its verdict once it has one.

    `by` is the commit's author or, for an approval, the person; `message` the result's, the hold's or the reason
    given; `revision` and `trigger` are empty where the record has none. Times are aware UTC.
    """

    seq: int
    at: datetime
    event: str
    moves: tuple[Move, ...] = ()
    revision: str = ""
    by: str = ""
    trigger: str = ""
    verdict: Verdict | None = None
    ended: datetime | None = None
    message: str = ""


def entry_of(event: Event, verdict: str | None, ended: str | None, message: str | None) -> HistoryEntry:
    """The entry of a record, with how it ended where it is an intent."""
    data = event["data"]
    git = data.get("git") or {}
    return HistoryEntry(
        seq=int(event["seq"]),
        at=datetime.fromisoformat(event["time"]),
        event=event["type"],
        moves=tuple(
            Move(Field(name), change["live"], change["git"], change["cause"])
            for name, change in data.get("changes", {}).items()
        ),
        revision=git.get("commit", ""),
        by=data.get("by") or git.get("author", ""),
        trigger=(data.get("reason") or {}).get("trigger", "") if "reqid" in data else "",
        verdict=None if verdict is None else Verdict(verdict),
        ended=None if ended is None else datetime.fromisoformat(ended),
        message=message or data.get("detail") or _reason(data),
    )


def _reason(data: Event) -> str:
    reason = data.get("reason", "")
    return reason if isinstance(reason, str) else ""
