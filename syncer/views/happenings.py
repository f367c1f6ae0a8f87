"""Records of the journal as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from syncer.audit.events import EventType
from syncer.errors import JournalError
from syncer.views import digest
from syncer.views.digest import INTENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncer.report import JSON
    from syncer.views.trail import Trail

FOLDED: Final = tuple(sorted(digest.FOLDED))
HOUSEKEEPING: Final = (
    EventType.CHECKPOINT.value,
    EventType.SEGMENT_CLOSED.value,
    EventType.SEGMENT_OPENED.value,
)
"""What the log says of itself."""

VERDICTS: Final = {
    "applied": "Applied",
    "not-applied": "Sent, and the vendor does not show it",
    "superseded": "Sent, and overtaken by somebody else",
    "rejected": "Refused by the vendor",
    "": "Sent, the result is open",
}
WORDS: Final = {
    EventType.LOG_GENESIS.value: "The journal begins",
    EventType.START.value: "syncer started",
    EventType.STOP.value: "syncer stopped",
    EventType.REPAIRED.value: "A half-written last line was set aside",
    EventType.PUT_ACCEPTED.value: "The vendor took it, and it could not be read since",
    EventType.PUT_RESULT.value: "Result of a write",
    EventType.PUT_RECOVERED.value: "Result of a write, found out later",
    EventType.APP_ADOPTED.value: "Seen in agreement with git",
    EventType.APP_LEFT.value: "No longer declared in git",
    EventType.DRIFT_SEEN.value: "Drift seen",
    EventType.DRIFT_REPEATED.value: "Put back again and again",
    EventType.HOLD.value: "Held back",
    EventType.APPROVE.value: "Approved",
    EventType.SUSPEND.value: "Suspended",
    EventType.RESUME.value: "Resumed",
    EventType.PIN.value: "Taken back to an earlier commit",
    EventType.UNPIN.value: "No longer at an earlier commit",
    EventType.SOURCE_APPROVED.value: "A commit was approved",
    EventType.SOURCE_CHANGED.value: "In force",
    EventType.CONFIG_CHANGED.value: "syncer's own configuration changed",
    EventType.CHECKPOINT.value: "Head of the journal",
    EventType.SEGMENT_CLOSED.value: "Segment closed",
    EventType.SEGMENT_OPENED.value: "Segment opened",
}


def of(trail: Trail, row: Mapping[str, Any], *, whole: bool = False) -> JSON:
    """A record: in words, and with what it changed. `whole` adds the record itself. Blocks: reads the disk."""
    try:
        data = trail.event(dict(row))["data"]
    except (JournalError, KeyError):  # moved away by hand since it was checked: its row still tells something
        data = {}
    return {
        "seq": row["seq"],
        "at": row["time"],
        "type": row["type"].removeprefix("syncer.").removesuffix(".v1"),
        "customer_id": row["customer"] or None,
        "app_id": row["app"] or None,
        "name": row["name"],
        "what": what(row, data),
        "told": row["message"] or row["told"],
        "verdict": row["outcome"] or row["verdict"] or None,
        "ended": row["ended"] or None,
        "rule": data.get("rule"),
        "by": row["who"].split("\n")[0 if of_commit(row) or "by" in data else -1],
        "revision": row["revision"],
        "subject": subject(data) if of_commit(row) else "",
        "moves": list(moves(data)),
        **({"record": data} if whole else {}),
    }


def what(row: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """What happened, in a few words."""
    kind, outcome = str(row["type"]), str(row["outcome"])
    if kind != INTENT:
        return WORDS.get(kind, kind.removeprefix("syncer.").removesuffix(".v1"))
    if outcome == "applied" and set(digest.causes(data)) == {"drift"}:
        return "Put back"
    return VERDICTS.get(outcome, outcome)


def of_commit(row: Mapping[str, Any]) -> bool:
    """Whether a commit is what brought it about, and not only what was in force."""
    return row["type"] == EventType.SOURCE_CHANGED or (row["type"] == INTENT and bool(row["of_git"]))


def subject(data: Mapping[str, Any]) -> str:
    """The first line of the commit's message."""
    git = data.get("git")
    found = git.get("subject") if isinstance(git, dict) else None
    return found if isinstance(found, str) else ""


def moves(data: Mapping[str, Any]) -> Iterable[JSON]:
    """What differed, field by field: at the vendor before, and in git."""
    changes = data.get("changes")
    for name, change in changes.items() if isinstance(changes, dict) else ():
        if isinstance(change, dict):
            yield {
                "field": name,
                "live": change.get("live"),
                "git": change.get("git"),
                "cause": change.get("cause"),
                "danger": change.get("danger"),
            }


def marks(values: Iterable[object]) -> str:
    """As many question marks, for a query."""
    return ", ".join("?" for _ in values)
