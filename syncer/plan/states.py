"""The state of each app after a pass, with one sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from syncer.errors import VendorKind
from syncer.model.outcome import AppStatus, State, Status
from syncer.model.planned import Cause, Rule
from syncer.plan import build, orders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.live import Unreadable
    from syncer.model.outcome import Outcome, TokenEnd
    from syncer.model.planned import AppPlan, Decision, Hold

HELD_STATES: Final = {
    Rule.OPEN_INTENT: State.FAILING,
    Rule.REFUSED: State.FAILING,
    Rule.NOT_CONVERGING: State.NOT_CONVERGING,
    Rule.COMMIT_HELD: State.HELD,
    Rule.PROTECTED: State.HELD,
    Rule.BUDGET: State.HELD,
    Rule.TRANSITION: State.HELD,
    Rule.MASS_DRIFT: State.HELD,
    Rule.FIGHTING: State.FIGHTING,
    Rule.ROLLOUT_STOPPED: State.HELD,
    Rule.PIN_LOST: State.HELD,
}
"""The state that a hold gives its app; rules not listed leave it with the state its changes have."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a pass found, as far as states depend on it. `previous` are the states of the pass before.

    `flapping` says how often apps' drift was put back within a week, where that is often; `tokens` when they end.
    """

    decision: Decision
    now: datetime
    outcomes: Mapping[AppRef, Outcome] = field(default_factory=dict)
    previous: Mapping[AppRef, AppStatus] = field(default_factory=dict)
    flapping: Mapping[AppRef, int] = field(default_factory=dict)
    tokens: Mapping[AppRef, TokenEnd] = field(default_factory=dict)


def after(apps: Iterable[DesiredApp], observed: Observed) -> tuple[AppStatus, ...]:
    """One status per desired app, in the order given. `since` survives from pass to pass while the state does."""
    steps = {step.ref: step for step in observed.decision.plan.steps}
    silent = {app.ref: app for app in observed.decision.plan.unreadable}
    statuses = []
    for app in apps:
        state, reason = _state(app, steps.get(app.ref), silent.get(app.ref), observed)
        if app.pin is not None and not app.unpinnable:
            reason = f"{reason}; {orders.told(app.pin)}"
        if often := observed.flapping.get(app.ref, 0):
            reason = f"{reason}; put back {often} times within a week"
        before = observed.previous.get(app.ref)
        since = before.since if before and before.state is state else observed.now
        ends = observed.tokens.get(app.ref)
        statuses.append(
            AppStatus(app.ref, app.name, state, reason, since, observed.now, often, ends, app.labels, app.pin)
        )
    return tuple(statuses)


def _state(app: DesiredApp, step: AppPlan | None, silent: Unreadable | None, observed: Observed) -> tuple[State, str]:
    """The first thing that is true of the app, most urgent first."""
    outcome = observed.outcomes.get(app.ref)
    if silent is not None:
        lost = silent.kind in {VendorKind.AUTH, VendorKind.TOKEN}
        return (State.AUTH_FAILED if lost else State.UNREADABLE), silent.message
    if outcome is not None and outcome.status in {Status.FAILED, Status.OPEN}:
        return State.FAILING, outcome.failure
    if app.invalid:
        return State.INVALID, app.invalid
    return _ordered(app, observed.now) or _settled(app, step, outcome, observed)


def _ordered(app: DesiredApp, now: datetime) -> tuple[State, str] | None:
    """What people's orders make of it; also where nothing differs, for what git declares now was refused."""
    if pause := orders.pause(app, now):
        return State.SUSPENDED, pause
    return (State.HELD, app.unpinnable) if app.unpinnable else None


def _settled(app: DesiredApp, step: AppPlan | None, outcome: Outcome | None, observed: Observed) -> tuple[State, str]:
    if step is None:
        return State.IN_SYNC, f"live settings are as {app.pin.short if app.pin else 'git'} declares them"
    return _compared(step, outcome, observed.decision.holds_of(app.ref))


def _compared(step: AppPlan, outcome: Outcome | None, holds: tuple[Hold, ...]) -> tuple[State, str]:
    if outcome is None or outcome.status is not Status.APPLIED:
        return _differing(step, holds)
    held = {name for hold in holds for name in hold.fields}
    left = build.narrowed(step, held.__contains__)
    return _differing(left, holds) if left else (State.IN_SYNC, "applied and read back")


def _differing(step: AppPlan, holds: tuple[Hold, ...]) -> tuple[State, str]:
    for hold in holds:
        if hold.rule in HELD_STATES:
            return HELD_STATES[hold.rule], hold.detail
    names = ", ".join(change.field for change in step.changes)
    why = f" ({'; '.join(hold.detail for hold in holds)})" if holds else ""
    if Cause.BOTH in step.causes or {Cause.GIT, Cause.DRIFT} <= step.causes:
        return State.CONFLICT, f"git and the vendor both changed: {names}{why}"
    if Cause.DRIFT in step.causes:
        return State.DRIFTED, f"changed at the vendor: {names}{why}"
    return State.PENDING, f"waiting to be applied: {names}{why}"
