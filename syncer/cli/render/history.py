"""`syncer history`: each record with what it changed, who stands behind it, and why."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from syncer.cli.render import cells, change_lines, columns, words
from syncer.cli.render.plan_markdown import LIMIT, RESERVE
from syncer.model.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.cli.render.style import Style

JSON = dict[str, Any]

WHAT: Final = {
    "put.intent": "sent, no result yet",
    "app.adopted": "seen in agreement with git",
    "app.left": "no longer declared in git",
    "drift.seen": "changed at the vendor",
    "drift.repeated": "put back again and again",
    "hold": "held",
    "approve": "approved",
    "suspend": "suspended",
    "resume": "resumed",
    "pin": "pinned to an earlier commit",
    "unpin": "no longer pinned",
}
"""What a record says, in the words of the other commands; others keep the journal's name."""
SEEN: Final = frozenset({"app.adopted", "drift.seen", "drift.repeated"})
"""What was only looked at."""


def text(document: JSON, now: datetime, style: Style) -> str:
    """Latest first, one block each."""
    lines: list[str] = []
    for entry in document["entries"]:
        at = words.when(datetime.fromisoformat(entry["at"]), now)
        lines += [style.bold(line) for line in columns.spread((at, what(entry), *_source(entry)), 2)]
        for change in entry["changes"]:
            lines += change_lines.arrow(change["field"], *_sides(entry, change), style)
            lines += columns.hanging("", f"{change['cause']}{_place(change)}", change_lines.VALUE)
        for told in _told(entry, now):
            lines += columns.hanging("", told, change_lines.FIELD)
    name = f"{document['customer_id']}/{document['app_id']}"
    return "\n".join(lines or [f"nothing is recorded of {sanitize(name)}"]) + "\n"


def markdown(document: JSON, limit: int = LIMIT) -> str:
    """One table, cut by whole records."""
    name = f"{document['customer_id']}/{document['app_id']}"
    heading = f"### syncer history: {cells.code(sanitize(name))}"
    rows = [_row(entry) for entry in document["entries"]]
    kept = cells.fitting(rows, limit - len(heading) - RESERVE)
    parts = [heading]
    if kept:
        parts.append(cells.table(("Time (UTC)", "What", "Before → after", "From", "Why"), kept))
    if left := len(rows) - len(kept):
        parts.append(cells.left_out(left, "record"))
    return "\n\n".join(parts) + "\n"


def what(entry: JSON) -> str:
    """What happened, in two or three words."""
    if entry["verdict"]:
        return str(entry["verdict"]).replace("-", " ")
    if entry["event"] == "hold":
        return f"held ({sanitize(entry['rule'])})"
    whose = " with the whole fleet" if entry["fleet"] else ""
    return WHAT.get(entry["event"], sanitize(entry["event"])) + whose


def _source(entry: JSON) -> Iterator[str]:
    """Revision and author, and what asked for it."""
    if entry["revision"]:
        named = entry["revision"]
        yield sanitize(f"folder {named[7:19]}" if named.startswith("sha256:") else f"commit {named[:7]}")
    if entry["by"] and not _of_vendor(entry):
        yield f"by {sanitize(entry['by'].partition(' <')[0] or entry['by'])}"
    if entry["trigger"]:
        yield f"({sanitize(entry['trigger'])}, {sanitize(entry['actor'])})"


def _of_vendor(entry: JSON) -> bool:
    """Whether the commit was only in force: whoever wrote it did nothing here, and is not named as if."""
    causes = {change["cause"] for change in entry["changes"]}
    return entry["event"] in SEEN or (entry["event"] == "put.intent" and causes == {"drift"})


def _sides(entry: JSON, change: JSON) -> tuple[Any, Any]:
    """What a field was before, and after: a write takes it to what git declares, a drift away from that."""
    if entry["event"].startswith("drift."):
        return change["git"], change["live"]
    return change["live"], change["git"]


def _place(change: JSON) -> str:
    return f"  {sanitize(change['place'])}" if change["place"] else ""


def _told(entry: JSON, now: datetime) -> Iterator[str]:
    """Whose word it was, in which time it moved, and the reason or message."""
    for label in ("approved", "pinned"):
        if entry[label]:
            yield f"{label} by {sanitize(entry[label])}"
    if moved := entry["moved"]:
        after = moved["after"] and datetime.fromisoformat(moved["after"])
        yield words.moved(after or None, datetime.fromisoformat(moved["before"]), now)
    if entry["message"]:
        yield sanitize(entry["message"])
    if entry["until"]:
        yield f"until {words.when(datetime.fromisoformat(entry['until']), now)}"


def _row(entry: JSON) -> str:
    at = datetime.fromisoformat(entry["at"])
    changes = (
        f"{change['field']}: {words.value(before)} → {words.value(after)}"
        for change in entry["changes"]
        for before, after in (_sides(entry, change),)
    )
    told = "; ".join(_told(entry, at))
    return cells.row(
        [
            f"{at:%Y-%m-%d %H:%M:%S}",
            cells.prose(what(entry)),
            "<br>".join(cells.code(change) for change in changes),
            cells.prose(" ".join(_source(entry))),
            cells.prose(told),
        ]
    )
