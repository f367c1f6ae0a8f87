"""What of a plan may be written now: every reason against the rest, all at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncer.model.desired import OnCommit, OnDrift
from syncer.model.fields import shown
from syncer.model.planned import Cause, Decision, Hold, Rule
from syncer.plan import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from syncer.model.desired import AppRef, Policy
    from syncer.model.fields import Field
    from syncer.model.planned import AppPlan, Approval, FieldChange, Plan

MAX_UNCONFIRMED = 3
"""PUTs for one target without a matching read-back before syncer stops trying (hazard C7)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gate needs from outside, as values.

    `closed` maps apps outside their windows to the time they open (None: unknown); `unconfirmed` counts consecutive
    PUTs for an app's present target whose read-back did not match; `refused` are apps whose present target the
    vendor refused with a 400; `open_intents` apps with a PUT whose fate is not known yet.
    """

    now: datetime
    writes: bool = True
    closed: Mapping[AppRef, datetime | None] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    unconfirmed: Mapping[AppRef, int] = field(default_factory=dict)
    refused: frozenset[AppRef] = frozenset()
    open_intents: frozenset[AppRef] = frozenset()

    def approval(self, step: AppPlan) -> Approval | None:
        """The approval that binds to exactly this step's changes and has not expired."""
        return next(
            (a for a in self.approvals if a.ref == step.ref and a.digest == step.digest and a.expires > self.now), None
        )


def decide(plan: Plan, facts: Facts) -> Decision:
    """The plan's steps that may be written now, and a hold for each reason against the others."""
    approved: list[AppPlan] = []
    holds: list[Hold] = []
    if not facts.writes and plan.steps:
        holds.append(Hold(Rule.OBSERVE, "mode is observe: nothing is written", release="set mode: apply"))
    for step in plan.steps:
        against = tuple(reason for check in CHECKS for reason in check(step, plan, facts))
        holds.extend(against)
        if facts.writes and (kept := _remaining(step, against)):
            approved.append(kept)
    return Decision(plan, tuple(approved), tuple(holds))


def _remaining(step: AppPlan, against: tuple[Hold, ...]) -> AppPlan | None:
    """What is left of a step: all of it, the fields that no hold names, or nothing."""
    if not against:
        return step
    if any(not hold.fields for hold in against):
        return None
    held = {name for hold in against for name in hold.fields}
    return build.narrowed(step, lambda name: name not in held)


def suspended(policy: Policy, now: datetime) -> bool:
    """Whether a suspension is in force."""
    pause = policy.suspend
    return pause is not None and (pause.until is None or now < pause.until)


def _suspended(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    del plan
    pause = step.app.policy.suspend
    if pause is not None and suspended(step.app.policy, facts.now):
        until = f" until {pause.until:%Y-%m-%d %H:%M %Z}" if pause.until else ""
        yield Hold(
            Rule.SUSPENDED,
            f"suspended{until}: {pause.reason}",
            step.ref,
            release=f"remove suspend of {step.app.name} in git",
        )


def _window(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    del plan
    if step.ref in facts.closed:
        opens = facts.closed[step.ref]
        when = f"opens {opens:%Y-%m-%d %H:%M %Z}" if opens else "no opening known"
        yield Hold(Rule.WINDOW, f"outside its window: {when}", step.ref, release="wait for the window")


def _open_intent(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    del plan
    if step.ref in facts.open_intents:
        yield Hold(
            Rule.OPEN_INTENT,
            "an earlier PUT has no result yet, because the app could not be read since",
            step.ref,
            release="nothing to do: resolved by the next successful read",
        )


def _refused(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    del plan
    if step.ref in facts.refused:
        yield Hold(
            Rule.REFUSED,
            "the vendor refused these settings as invalid (400); they are not sent again",
            step.ref,
            release=f"change {step.app.at} in git",
        )


def _not_converging(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    count = facts.unconfirmed.get(step.ref, 0)
    if count >= MAX_UNCONFIRMED and facts.approval(step) is None:
        shown = ", ".join(f"{c.field}: wrote {shown(c.desired)}, reads {shown(c.live)}" for c in step.changes)
        yield Hold(
            Rule.NOT_CONVERGING,
            f"{count} PUTs and the vendor does not show them ({shown}); write in git what the vendor returns",
            step.ref,
            release=_approve(plan),
        )


def _by_cause(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    """The app's own policy per field. Unknown and both fall under the stricter of the two keys."""
    if facts.approval(step) is not None:
        return
    policy = step.app.policy
    moved_by_git = {Cause.GIT, Cause.BOTH, Cause.UNKNOWN}
    moved_by_drift = {Cause.DRIFT, Cause.BOTH, Cause.UNKNOWN}
    if policy.on_commit is OnCommit.HOLD and (names := _fields(step, lambda c: c.cause in moved_by_git)):
        yield Hold(Rule.COMMIT_HELD, "on_commit: hold", step.ref, names, _approve(plan))
    if policy.on_drift is not OnDrift.CORRECT and (names := _fields(step, lambda c: c.cause in moved_by_drift)):
        rule = Rule.DRIFT_REPORTED if policy.on_drift is OnDrift.REPORT else Rule.DRIFT_IGNORED
        yield Hold(rule, f"on_drift: {policy.on_drift}", step.ref, names, _approve(plan))


def _fields(step: AppPlan, wanted: Callable[[FieldChange], bool]) -> tuple[Field, ...]:
    return tuple(change.field for change in step.changes if wanted(change))


def _approve(plan: Plan) -> str:
    return f"syncer approve {plan.id[:12]} --reason '…'"


CHECKS = (_suspended, _window, _open_intent, _refused, _not_converging, _by_cause)
