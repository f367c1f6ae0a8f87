"""What happened to an app, as one document: `syncer.history/v1`, the same for the command and for the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from syncer.errors import UsageError
from syncer.model.fields import Field
from syncer.report import instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.audit.history import HistoryEntry
    from syncer.model.desired import AppRef

SCHEMA: Final = "syncer.history/v1"


def checked_field(name: str) -> Field:
    """A settings field by its name; UsageError where it is none."""
    try:
        return Field(name)
    except ValueError as error:
        raise UsageError(f"{name[:40]!r} is no field", hint=f"fields: {', '.join(Field)}") from error


def document(ref: AppRef, entries: Iterable[HistoryEntry]) -> dict[str, Any]:
    """The entries, latest first."""
    told = [_entry(entry) for entry in entries]
    return {"schema": SCHEMA, "customer_id": ref.customer_id, "app_id": ref.app_id, "entries": told}


def _entry(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": instant(entry.at),
        "event": entry.event.removeprefix("syncer.").removesuffix(".v1"),
        "verdict": entry.verdict and entry.verdict.value,
        "ended": entry.ended and instant(entry.ended),
        "changes": [
            {"field": move.field.value, "live": move.live, "git": move.git, "cause": move.cause, "place": move.place}
            for move in entry.moves
        ],
        "revision": entry.revision,
        "by": entry.by,
        "trigger": entry.trigger,
        "actor": entry.actor,
        "approved": entry.approved,
        "pinned": entry.pinned,
        "rule": entry.rule,
        "message": entry.message,
        "moved": entry.moved
        and {"after": entry.moved[0] and instant(entry.moved[0]), "before": instant(entry.moved[1])},
        "until": entry.until and instant(entry.until),
        "fleet": entry.fleet,
    }
