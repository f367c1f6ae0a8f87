"""Records for other programs: JSON lines as they stand, or a table that no spreadsheet will run."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

import orjson

from syncer.audit.events import ref_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncer.audit.chain import Event

COLUMNS: Final = (
    "seq",
    "time",
    "type",
    "customer_id",
    "app_id",
    "name",
    "reqid",
    "trigger",
    "fields",
    "verdict",
    "status",
    "commit",
    "author",
    "by",
    "message",
    "data",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def jsonl(events: Iterable[Event]) -> Iterator[str]:
    """One line for each record, without its newline: the very bytes of the journal's own line."""
    return (orjson.dumps(event).decode() for event in events)


def table(events: Iterable[Event]) -> Iterator[str]:
    """CSV (RFC 4180, the line ends left off), headed by COLUMNS; the last column holds the whole `data` as JSON."""
    yield _row(COLUMNS)
    for event in events:
        yield _row(tuple(_cell(cell) for cell in _cells(event)))


def _cells(event: Event) -> tuple[object, ...]:
    data = event["data"]
    ref = ref_of(event.get("subject"))
    git = data.get("git") or {}
    reason = data.get("reason", "")
    return (
        event["seq"],
        event["time"],
        event["type"],
        "" if ref is None else ref.customer_id,
        "" if ref is None else ref.app_id,
        data.get("name"),
        data.get("reqid"),
        reason.get("trigger") if isinstance(reason, dict) else "",
        " ".join(data.get("changes", ())),
        data.get("verdict"),
        data.get("status"),
        git.get("commit"),
        git.get("author"),
        data.get("by"),
        data.get("message") or data.get("detail") or (reason if isinstance(reason, str) else ""),
        orjson.dumps(data).decode(),
    )


def _cell(value: object) -> str:
    """As text; what a spreadsheet would take for a formula gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
