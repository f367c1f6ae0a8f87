"""One thing that happened to an app, as people ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncer.model.fields import Field
from syncer.model.outcome import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.audit.chain import Event


@dataclass(frozen=True, slots=True)
class Move:
    """One field of an entry: the live value before and the value from git (masked as in the journal), and the cause.

    `place` is file and line of the value from git, empty where the record has none.
    """

    field: Field
    live: str | bool | None
    git: str | bool | None
    cause: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A record about an app; a PUT carries its verdict once it has one.

    `by` is the commit's author or, for a person's word, that person; `actor` is who wrote the record; `message` the
    result's, the hold's or the reason given; `approved` is who approved a PUT and why, `pinned` whose order it carried
    out; `moved` the time in which a live value moved; `until` is when a person's word ends; `fleet` says that it was
    for the whole fleet. What a record does not have is empty or None. Times are aware UTC.
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
    actor: str = ""
    approved: str = ""
    pinned: str = ""
    moved: tuple[datetime | None, datetime] | None = None
    until: datetime | None = None
    rule: str = ""
    fleet: bool = False


def entry_of(event: Event, verdict: str | None, ended: str | None, message: str | None) -> HistoryEntry:
    """The entry of a record, with how it ended where it is an intent."""
    data = event["data"]
    git = data.get("git") or {}
    places = git.get("lines") or {}
    return HistoryEntry(
        seq=int(event["seq"]),
        at=datetime.fromisoformat(event["time"]),
        event=event["type"],
        moves=tuple(
            Move(Field(name), change["live"], change["git"], change["cause"], places.get(name, ""))
            for name, change in data.get("changes", {}).items()
        ),
        revision=git.get("commit", "") or data.get("commit", ""),
        by=data.get("by") or git.get("author", ""),
        trigger=(data.get("reason") or {}).get("trigger", "") if "reqid" in data else "",
        verdict=None if verdict is None else Verdict(verdict),
        ended=None if ended is None else datetime.fromisoformat(ended),
        message=message or data.get("detail") or _reason(data),
        actor=(data.get("actor") or {}).get("principal", ""),
        approved=_word(data.get("approval")),
        pinned=_word(data.get("pin")),
        moved=_moved(data),
        until=_instant(data.get("until") or data.get("expires")),
        rule=data.get("rule", ""),
        fleet="subject" not in event,
    )


def _word(said: Mapping[str, Any] | None) -> str:
    return f"{said['by']}: {said['reason']}" if said else ""


def _moved(data: Event) -> tuple[datetime | None, datetime] | None:
    before = _instant(data.get("movedbefore"))
    return (_instant(data.get("movedafter")), before) if before else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _reason(data: Event) -> str:
    reason = data.get("reason", "")
    return reason if isinstance(reason, str) else ""
