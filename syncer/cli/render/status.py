"""`syncer status`: who needs you, what goes by itself, and the counts, from the report that the last pass left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from syncer import statefile, turns
from syncer.cli.render import cells, columns, thinning, unmanaged, words
from syncer.cli.render.plan_markdown import LIMIT, RESERVE
from syncer.cli.render.view import SHORT_ID
from syncer.model.desired import AppRef
from syncer.model.outcome import State
from syncer.model.text import sanitize
from syncer.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from syncer.cli.render.style import Style
    from syncer.report import JSON

TOKENS_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One app, its strings sanitized. `way_out` are the commands or events that release it.

    An app that is simply in sync is nobody's turn.
    """

    turn: Turn | None
    state: State
    app: str
    reason: str
    since: datetime
    way_out: tuple[str, ...]


def text(document: JSON, stale: AbstractSet[AppRef], now: datetime, style: Style) -> str:
    """The report as text; apps in `stale` have no verdict whatever the report says."""
    rows = [_row(app, stale) for app in document["apps"]]
    lines: list[str] = []
    for turn in Turn:
        if mine := [row for row in rows if row.turn is turn]:
            lines.append(style.bold(f"{turn}: {words.count(len(mine), 'app')}"))
            for row, left_out in thinning.thinned(mine, lambda row: (row.state, row.reason, row.way_out)):
                lines += _entry(row, now, style)
                if left_out:
                    lines.append(style.dim(f"  {row.state.value}  {thinning.more(left_out)}"))
            lines.append("")
    lines += [style.warn(line) for line in _tokens(document, now)]
    if others := unmanaged.lines(document.get("unmanaged")):
        lines += [*others, ""]
    lines += [style.bold(line) for line in columns.wrapped(_counts(rows), columns.LINE)]
    lines += [style.dim(line) for line in columns.summed(*_pass(document, now))]
    lines += [style.dim(line) for line in _leader(document)]
    return "\n".join(lines) + "\n"


def markdown(document: JSON, stale: AbstractSet[AppRef], now: datetime, limit: int = LIMIT) -> str:
    """The same as one table, in the same order, cut by whole apps."""
    rows = [_row(app, stale) for app in document["apps"]]
    heading = f"### syncer status: {cells.prose(_counts(rows))}\n\n{cells.prose(' · '.join(_pass(document, now)))}"
    told = [_cells(row, turn, now) for turn in Turn for row in rows if row.turn is turn]
    kept = cells.fitting(told, limit - len(heading) - RESERVE)
    heading += "".join(f"\n\n{cells.prose(line)}" for line in _leader(document))
    parts = [heading, *([cells.table(("Turn", "App", "State", "Why", "To release"), kept)] if kept else [])]
    if left := len(told) - len(kept):
        parts.append(cells.left_out(left, "app"))
    if due := _due(document, now):
        parts.append(
            cells.prose(f"Tokens that end soon: {words.count(len(due), 'app')}, the first {_ending(due[0], now)}")
        )
    parts += [cells.prose(told) for told in unmanaged.summed(document.get("unmanaged"))]
    return "\n\n".join(parts) + "\n"


def _leader(document: JSON) -> list[str]:
    """Who writes, where that is decided by election."""
    leader = document.get("leader")
    if not leader:
        return []
    if leader["leads"]:
        return [sanitize(f"Leads by the lease {leader['lease']}, epoch {leader['epoch']}")]
    return [sanitize(f"Stands by: {leader['holder'] or 'nobody'} leads by the lease {leader['lease']}")]


def _tokens(document: JSON, now: datetime) -> list[str]:
    """Tokens whose next one is due, the first to end first, a few by name."""
    soon = _due(document, now)
    if not soon:
        return []
    lines = [f"Tokens that end soon: {words.count(len(soon), 'app')}"]
    for each in soon[:TOKENS_NAMED]:
        lines += columns.hanging("", _ending(each, now), 2)
    if len(soon) > TOKENS_NAMED:
        lines.append(f"  {thinning.more(len(soon) - TOKENS_NAMED)}")
    return [*lines, ""]


def _due(document: JSON, now: datetime) -> list[tuple[datetime, str]]:
    """Ends of tokens whose next one is due, the first to end first, each with its app."""
    found = []
    for app in document["apps"]:
        end = statefile.token(app)
        if end is not None and end.due <= now:
            found.append((end.at, words.app(AppRef(app["customer_id"], app["app_id"]), app["name"])))
    return sorted(found)


def _ending(due: tuple[datetime, str], now: datetime) -> str:
    at, app = due
    return f"{app}  {'ended' if at <= now else 'ends'} {at:%Y-%m-%d %H:%M} UTC"


def _row(app: JSON, stale: AbstractSet[AppRef]) -> Row:
    ref = AppRef(app["customer_id"], app["app_id"])
    since = datetime.fromisoformat(app["since"])
    if ref in stale:
        checked = datetime.fromisoformat(app["checked"])
        return Row(Turn.YOURS, State.STALE, words.app(ref, app["name"]), turns.STALE_REASON, checked, ())
    state = State(app["state"])
    way_out = tuple(dict.fromkeys(sanitize(hold["release"]) for hold in app["holds"] if hold["release"]))
    return Row(turns.of(state, app), state, words.app(ref, app["name"]), sanitize(app["reason"]), since, way_out)


def _entry(row: Row, now: datetime, style: Style) -> list[str]:
    head = (row.state.value, row.app, f"for {_age(row.since, now)}")
    paint = style.error if row.turn is Turn.YOURS else style.warn if row.turn is Turn.ITS_OWN else style.dim
    lines = [paint(f"  {line}") for line in columns.spread(head, 4, columns.LINE - 2)]
    lines += columns.hanging("", row.reason, 4)
    for release in row.way_out:
        lines += columns.hanging(columns.WAY_OUT, release, 4)
    return lines


def _cells(row: Row, turn: Turn, now: datetime) -> str:
    why = f"{cells.prose(row.reason)} (for {_age(row.since, now)})"
    return cells.row(
        [turn.value, cells.code(row.app), row.state.value, why, "<br>".join(cells.code(w) for w in row.way_out)]
    )


def _age(since: datetime, now: datetime) -> str:
    return words.lasted(max(0.0, (now - since).total_seconds()))


def _counts(rows: list[Row]) -> str:
    """`12 apps: 9 InSync, 2 Pending, 1 Failing`."""
    found = Counter(row.state for row in rows)
    told = ", ".join(f"{found[state]:,} {state}" for state in State if found[state])
    return f"{words.count(len(rows), 'app')}{': ' if told else ''}{told}"


def _pass(document: JSON, now: datetime) -> tuple[str, str]:
    """When the last pass was and how long it took; what it was made from."""
    started = datetime.fromisoformat(document["started"])
    made = f"plan {sanitize(document['plan_id'][:SHORT_ID])}"
    revision = document["revision"]["id"]
    source = f"folder {revision[7:19]}" if revision.startswith("sha256:") else f"commit {revision[:7]}"
    took = words.lasted(document["elapsed"])
    told = f"Last pass at {words.when(started, now)}, {_age(started, now)} ago ({sanitize(document['trigger'])})"
    return f"{told}, took {took}", f"{made} · {sanitize(source)}"
