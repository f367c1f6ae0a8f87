"""syncer itself: its source, the vendor, the tokens, the journal, the last passes, the configuration."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from syncer.report import instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncer.report import JSON
    from syncer.views.pages import Around
    from syncer.views.rows import Row
    from syncer.views.trail import Progress

SCHEMA: Final = "syncer.system-page/v1"
TOKENS: Final = 20
SLOWED: Final = 20


def page(rows: Sequence[Row], passes: Sequence[JSON], progress: Progress, around: Around) -> JSON:
    """What the page shows."""
    failure = around.failure()
    return {
        "schema": SCHEMA,
        **around.facts,
        "source": {
            **around.gauges.source(),
            "failure": failure and {"message": failure.message, "hint": failure.hint},
        },
        "vendor": {**around.gauges.vendor(), "slowed": _slowed(around)},
        "tokens": _tokens(rows),
        "appointments": {trigger.value: instant(at) for trigger, at in around.appointments().items()},
        "journal": {
            "records": progress.records,
            "sealed": progress.sealed,
            "oldest": progress.oldest,
            "caught_up": progress.caught_up,
            "trouble": progress.trouble,
            "unsealed": around.unsealed(),
        },
        "passes": list(passes),
        "configuration": [
            {"key": key, "value": value, "origin": origin} for key, (value, origin) in around.origins.items()
        ],
    }


def _slowed(around: Around) -> list[JSON]:
    found = sorted(around.slowed().items(), key=lambda each: each[1][0])[:SLOWED]
    return [{"customer_id": name, "rate": round(rate, 2), "pause": round(pause)} for name, (rate, pause) in found]


def _tokens(rows: Sequence[Row]) -> JSON:
    """Tokens that say when they end, soonest first."""
    known = [(datetime.fromisoformat(row.token_ends), row) for row in rows if row.token_ends]
    known.sort(key=lambda pair: (pair[0], pair[1].ref))
    return {
        "known": len(known),
        "silent": len(rows) - len(known),
        "soonest": [
            {"customer_id": row.ref.customer_id, "app_id": row.ref.app_id, "name": row.name, "ends": instant(ends)}
            for ends, row in known[:TOKENS]
        ],
    }
