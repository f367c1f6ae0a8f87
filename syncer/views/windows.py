"""When a live value moved: the plan knows it up to its last look, the journal up to the first look that saw it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from syncer.errors import JournalError

if TYPE_CHECKING:
    from syncer.report import JSON
    from syncer.views.rows import Row
    from syncer.views.trail import Trail

MOVED: Final = frozenset({"drift", "both"})


def exact(trail: Trail, row: Row) -> Row:
    """The row with the narrower time, where the journal has a record of exactly these changes. Blocks."""
    if not row.digest or not MOVED.intersection(row.causes):
        return row
    seen = trail.ask(
        "SELECT * FROM record WHERE customer = ? AND app = ? AND type = 'syncer.drift.seen.v1'"
        " ORDER BY seq DESC LIMIT 1",
        (row.ref.customer_id, row.ref.app_id),
    )
    try:
        data: JSON = trail.event(seen[0])["data"] if seen else {}
    except JournalError:
        return row
    if data.get("digest") != row.digest or not isinstance(data.get("movedafter"), str):
        return row
    return replace(row, moved={"after": data["movedafter"], "before": data["movedbefore"]})
