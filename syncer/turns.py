"""Whose turn it is with an app: what `syncer status` and the pages put first."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from syncer.model.outcome import State
from syncer.model.planned import QUIET_RULES

if TYPE_CHECKING:
    from syncer.report import JSON

NEEDS_YOU: Final = frozenset(
    {State.HELD, State.FAILING, State.NOT_CONVERGING, State.FIGHTING, State.INVALID, State.AUTH_FAILED, State.STALE}
)
STALE_REASON: Final = "no verdict for three intervals: is `syncer run` alive?"
QUIET: Final = frozenset(rule.value for rule in QUIET_RULES)


class Turn(StrEnum):
    """Whose turn it is."""

    YOURS = "Needs you"
    ITS_OWN = "Goes by itself"
    AGAIN = "In sync, and put back again and again"
    BACK = "In sync with an earlier commit, and refuses the one in force"
    CHOSEN = "Left as it is on purpose, not counted"


def of(state: State, app: JSON) -> Turn | None:
    """Whose turn an app of the report is; nobody's when it is simply in sync.

    A hold that somebody must release needs you whatever the state is called, unless the app is suspended: what is held
    besides counts when that is over, as in exit codes.
    """
    if state is State.SUSPENDED:
        return Turn.CHOSEN
    if state is State.IN_SYNC:
        return Turn.BACK if app.get("pin") else Turn.AGAIN if app.get("put_back") else None
    rules = {hold["rule"] for hold in app["holds"]}
    if state in NEEDS_YOU or any(hold["release"].startswith("syncer ") for hold in _loud(app)):
        return Turn.YOURS
    return Turn.CHOSEN if rules and rules <= QUIET else Turn.ITS_OWN


def _loud(app: JSON) -> list[JSON]:
    return [hold for hold in app["holds"] if hold["rule"] not in QUIET]
