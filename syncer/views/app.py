"""One app: what is declared where, what was last applied, what is live, why they differ, what comes next."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from syncer.model.fields import UNDECLARED, Field, shown
from syncer.model.outcome import State
from syncer.phrasing import when
from syncer.report import of_revision
from syncer.views import fleet, happenings
from syncer.views.digest import INTENT
from syncer.views.happenings import FOLDED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncer.model.desired import AppRef, DesiredApp
    from syncer.report import JSON
    from syncer.views.rows import Row
    from syncer.views.sentences import Appointments
    from syncer.views.trail import Trail

SCHEMA: Final = "syncer.app-page/v1"
PAST: Final = 30
"""Records of the time line."""
SEARCHED: Final = 100
"""Writes that are looked through for when a field was last applied."""
APPROVE: Final = re.compile(r"syncer approve ([0-9a-f]{8,64}) ")
BLIND: Final = frozenset({State.UNREADABLE, State.AUTH_FAILED, State.STALE})
"""States in which nobody knows what is live."""


def page(row: Row, app: DesiredApp | None, trail: Trail, now: datetime, at: Appointments) -> JSON:
    """What an app's page shows; `app` is None until a pass of this process has read git. Blocks: reads the journal."""
    applied = last_applied(trail, row.ref)
    agreed = agreed_at(trail, row.ref)
    return {
        "schema": SCHEMA,
        "app": fleet.document(row, now, at),
        "declared": app and {"path": app.at.path, "line": app.at.line, "revision": of_revision(app.revision)},
        "fields": [_field(field, row, app, applied.get(field.value), agreed, (now, at)) for field in Field]
        if app
        else [],
        "holds": [dict(hold) for hold in row.holds],
        "past": past(trail, row.ref),
        "commands": commands(row),
        "approvable": approvable(row),
    }


def _field(
    field: Field,
    row: Row,
    app: DesiredApp,
    applied: JSON | None,
    agreed: str | None,
    time: tuple[datetime, Appointments],
) -> JSON:
    wanted = app.settings.get(field)
    declared = wanted is not UNDECLARED
    change = next((each for each in row.changes if each["field"] == field.value), None)
    origin = app.origin(field)
    known = declared and row.state not in BLIND
    return {
        "field": field.value,
        "declared": declared,
        "git": shown(wanted) if declared else None,
        "path": origin.path if declared else None,
        "line": origin.line if declared else None,
        "layer": origin.layer.value if declared else None,
        "applied": applied or ({"value": None, "at": agreed, "agreed": True} if agreed and declared else None),
        "known": known,
        "live": (change["live"] if change else shown(wanted)) if known else None,
        "same": known and change is None,
        "cause": change["cause"] if change else None,
        "danger": change["danger"] if change else None,
        "next": _next(field, change, row, *time) if change else None,
    }


def _next(field: Field, change: Mapping[str, Any], row: Row, now: datetime, at: Appointments) -> str:
    held = next((hold for hold in row.holds if not hold["fields"] or field.value in hold["fields"]), None)
    if held:
        return f"held: {held['detail']}"
    what = "put back" if change["cause"] == "drift" else "applied"
    return f"{what} {when(at.write, now)}" if at.write else f"{what} at the next pass that writes"


def last_applied(trail: Trail, ref: AppRef) -> dict[str, JSON]:
    """For each field the last write that git and the vendor agreed on: its value, when, and of which commit."""
    rows = trail.ask(
        "SELECT * FROM record WHERE customer = ? AND app = ? AND type = ? AND outcome = 'applied'"
        " ORDER BY seq DESC LIMIT ?",
        (ref.customer_id, ref.app_id, INTENT, SEARCHED),
    )
    found: dict[str, JSON] = {}
    for row in rows:
        missing = [name for name in row["fields"].split() if name not in found]
        written = {move["field"]: move for move in happenings.of(trail, row)["moves"]} if missing else {}
        for name in missing:
            if name in written:
                value = written[name]["git"]
                found[name] = {"value": value, "at": row["ended"], "revision": row["revision"], "agreed": False}
        if len(found) == len(Field):
            break
    return found


def agreed_at(trail: Trail, ref: AppRef) -> str | None:
    """When the app was recorded as in agreement without a write."""
    rows = trail.ask(
        "SELECT time FROM record WHERE customer = ? AND app = ? AND type = 'syncer.app.adopted.v1'"
        " ORDER BY seq DESC LIMIT 1",
        (ref.customer_id, ref.app_id),
    )
    return rows[0]["time"] if rows else None


def past(trail: Trail, ref: AppRef) -> list[JSON]:
    """The time line, latest first."""
    rows = trail.ask(
        f"SELECT * FROM record WHERE customer = ? AND app = ? AND type NOT IN ({happenings.marks(FOLDED)})"  # noqa: S608 -- question marks
        " ORDER BY seq DESC LIMIT ?",
        (ref.customer_id, ref.app_id, *FOLDED, PAST),
    )
    return [happenings.of(trail, row) for row in rows]


def approvable(row: Row) -> str:
    """The id of the plan that an approval of this app would name; empty where nothing waits for one."""
    return next((found[1] for release in row.way_out if (found := APPROVE.match(release))), "")


def commands(row: Row) -> list[JSON]:
    """Commands that say more or do something, each with what it does."""
    ref, plan = shlex.quote(str(row.ref)), approvable(row)
    approve = f"syncer approve {plan} {ref} --reason '…'"
    releases = [{"told": "Approve what waits of this app, and of no other", "command": approve}] if plan else []
    return [
        *releases,
        {"told": "Write nothing to it for a while", "command": f"syncer suspend {ref} --until 4h --reason '…'"},
        {"told": "See where every value comes from, with commit and author", "command": f"syncer explain {ref}"},
        {"told": "See what would be written", "command": f"syncer plan {ref}"},
    ]
