"""Every app of the last pass as one row: what the report and the plan say of it together. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncer import turns
from syncer.model.desired import AppRef
from syncer.model.outcome import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from syncer.report import JSON
    from syncer.turns import Turn

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """One app. `changes` and `holds` are those of the plan and report, less what the last pass wrote.

    `moved` bounds the time in which a drifted value moved; `digest` stands for exactly these changes.
    """

    ref: AppRef
    name: str
    state: State
    turn: Turn | None
    reason: str
    since: datetime
    checked: datetime
    changes: tuple[JSON, ...] = ()
    holds: tuple[JSON, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    moved: JSON | None = None
    digest: str = ""
    put_back: int = 0
    token_ends: str | None = None
    hint: str = ""
    searched: str = ""

    @property
    def causes(self) -> tuple[str, ...]:
        """Why its fields differ, each cause once."""
        return tuple(dict.fromkeys(change["cause"] for change in self.changes))

    @property
    def way_out(self) -> tuple[str, ...]:
        """The commands or events that release it, each once."""
        return tuple(dict.fromkeys(hold["release"] for hold in self.holds if hold["release"]))


def of(report: JSON, plan: JSON | None, gone: Collection[AppRef]) -> tuple[Row, ...]:
    """A row for each app of the report; `gone` have no verdict any more. `plan` is of the same pass, or None."""
    planned = {(app["customer_id"], app["app_id"]): app for app in plan["apps"]} if plan else {}
    return tuple(_row(app, planned.get((app["customer_id"], app["app_id"])), gone) for app in report["apps"])


def _row(app: JSON, plan: JSON | None, gone: Collection[AppRef]) -> Row:
    ref = AppRef(app["customer_id"], app["app_id"])
    stale = ref in gone
    state = State.STALE if stale else State(app["state"])
    labels = plan["labels"] if plan else {}
    checked = datetime.fromisoformat(app["checked"])
    return Row(
        ref=ref,
        name=app["name"],
        state=state,
        turn=turns.of(state, app),
        reason=turns.STALE_REASON if stale else app["reason"],
        since=checked if stale else datetime.fromisoformat(app["since"]),
        checked=checked,
        changes=() if stale or plan is None else _left(app, plan["changes"]),
        holds=() if stale else tuple(app["holds"]),
        labels=labels,
        moved=plan["moved"] if plan else None,
        digest=(plan["digest"] or "") if plan else "",
        put_back=app.get("put_back", 0),
        token_ends=app.get("token_ends"),
        hint=(app.get("outcome") or {}).get("hint") or "",
        searched=" ".join((app["customer_id"], app["app_id"], app["name"], *labels.values())).casefold(),
    )


def _left(app: JSON, changes: Iterable[Any]) -> tuple[JSON, ...]:
    """The changes that the pass did not write itself: a plan is from before its pass wrote."""
    outcome = app.get("outcome")
    if not outcome or outcome["status"] != "applied":
        return tuple(changes)
    held = {name for hold in app["holds"] for name in hold["fields"]}
    return tuple(change for change in changes if change["field"] in held)
