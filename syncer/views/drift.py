"""Drift over the last month: which fields and apps, how often, when, and whose they are."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from syncer.audit import payloads
from syncer.views import fleet, windows
from syncer.views.digest import INTENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncer.report import JSON
    from syncer.views.rows import Row
    from syncer.views.sentences import Appointments
    from syncer.views.trail import Trail

SCHEMA: Final = "syncer.drift-page/v1"
DAYS: Final = 30
MOST: Final = 20
SEEN: Final = "syncer.drift.seen.v1"
DRIFT: Final = frozenset({"drift", "both"})
OWNERS: Final = ("owner", "team", "squad", "group")
"""Labels that say whose an app is; the first that it has."""


def page(trail: Trail, rows: Sequence[Row], now: datetime, at: Appointments) -> JSON:
    """What the page shows. Blocks: reads the journal."""
    since = payloads.instant((now - timedelta(days=DAYS)).astimezone(UTC))
    seen = trail.ask("SELECT customer, app, name, fields, time FROM record WHERE type = ? AND time >= ?", (SEEN, since))
    [back] = trail.ask(
        "SELECT count(*) AS often FROM record WHERE type = ? AND time >= ? AND outcome = 'applied' AND NOT of_git",
        (INTENT, since),
    )
    drifted = [row for row in rows if DRIFT.intersection(row.causes)]
    known = {(row.ref.customer_id, row.ref.app_id): row for row in rows}
    return {
        "schema": SCHEMA,
        "days": DAYS,
        "seen": len(seen),
        "put_back": back["often"],
        "now": [fleet.document(windows.exact(trail, row), now, at) for row in drifted[:MOST]],
        "drifted": len(drifted),
        "flapping": [fleet.document(row, now, at) for row in rows if row.put_back][:MOST],
        "by_day": _by_day(seen, now),
        "by_field": _by_field(seen),
        "by_app": [
            {**each, "owner": owner(known.get((each["customer_id"], each["app_id"])))} for each in _by_app(seen)
        ],
    }


def owner(row: Row | None) -> str:
    """Whose an app is, as its labels say; empty where they don't."""
    return next((row.labels[key] for key in OWNERS if key in row.labels), "") if row else ""


def _by_day(seen: Iterable[Any], now: datetime) -> list[JSON]:
    found = Counter(row["time"][:10] for row in seen)
    days = [f"{now.astimezone(UTC) - timedelta(days=ago):%Y-%m-%d}" for ago in range(DAYS - 1, -1, -1)]
    return [{"day": day, "count": found[day]} for day in days]


def _by_field(seen: Sequence[Any]) -> list[JSON]:
    found = Counter(name for row in seen for name in row["fields"].split())
    last = {name: row["time"] for row in seen for name in row["fields"].split()}
    return [{"field": name, "count": number, "last": last[name]} for name, number in found.most_common()]


def _by_app(seen: Sequence[Any]) -> list[JSON]:
    found = Counter((row["customer"], row["app"]) for row in seen)
    last = {(row["customer"], row["app"]): row for row in seen}
    fields: dict[tuple[str, str], Counter[str]] = {}
    for row in seen:
        fields.setdefault((row["customer"], row["app"]), Counter()).update(row["fields"].split())
    return [
        {
            "customer_id": key[0],
            "app_id": key[1],
            "name": last[key]["name"],
            "count": number,
            "last": last[key]["time"],
            "fields": [name for name, _ in fields[key].most_common()],
        }
        for key, number in found.most_common(MOST)
    ]
