"""What of a plan may be written now: every reason against the rest, all at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncer.model.desired import OnCommit, OnDrift
from syncer.model.fields import shown
from syncer.model.outcome import Verdict
from syncer.model.planned import OWN_RULES, Cause, Decision, Hold, Rule
from syncer.plan import build, digests, limits, orders, rollout
from syncer.plan.limits import Fleet, Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.fields import Field
    from syncer.model.planned import AppPlan, Approval, Plan
    from syncer.plan.rollout import Stage

MAX_UNCONFIRMED = 3
"""PUTs for one target without a matching read-back before syncer stops trying (hazard C7)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gate needs from outside, as values.

    `closed` maps apps outside their windows to the time they open (None: unknown); `unconfirmed` counts consecutive
    PUTs for an app's present target whose read-back did not match; `refused` are apps whose present target the
    vendor refused with a 400; `open_intents` apps with a PUT whose fate is not known yet. Without `limits` a pass may
    change everything, without a `stage` all at once. `lost` are apps whose pin can't be followed: they are held also
    where nothing differs, for what is live may be what was refused.
    """

    now: datetime
    writes: bool = True
    closed: Mapping[AppRef, datetime | None] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    unconfirmed: Mapping[AppRef, int] = field(default_factory=dict)
    refused: frozenset[AppRef] = frozenset()
    open_intents: frozenset[AppRef] = frozenset()
    limits: Limits | None = None
    fleet: Fleet = field(default_factory=Fleet)
    stage: Stage | None = None
    lost: tuple[DesiredApp, ...] = ()

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
    settled = frozenset(plan.in_sync)
    holds.extend(hold for app in facts.lost if app.ref in settled for hold in orders.holds(app, facts.now))
    waiting = tuple(_staged(plan, approved, holds, facts))
    begun = _without(approved, waiting)
    limited = tuple(_limited(plan, begun, facts))
    stopped = any(hold.ref is None for hold in limited)
    return Decision(plan, () if stopped else tuple(_without(begun, limited)), (*holds, *waiting, *limited))


def _staged(plan: Plan, passed: Sequence[AppPlan], holds: Sequence[Hold], facts: Facts) -> Iterator[Hold]:
    """What waits for its wave; counted before the limits, which are about what is written in this pass.

    An app that was taken back from this commit has not verified it, so that the waves after it do not begin.
    """
    if facts.stage is not None:
        refused = {app.ref for app in facts.stage.tried if app.pin is not None}
        settled = frozenset((*plan.in_sync, *_kept_out(plan, holds, facts.stage))) - refused
        approved = frozenset(step.ref for step in passed if rollout.committed(step) and facts.approval(step))
        stage = replace(facts.stage, settled=settled, approved=approved)
        yield from rollout.of_steps(passed, stage, facts.now, _approve(plan))


def _kept_out(plan: Plan, holds: Sequence[Hold], stage: Stage) -> Iterator[AppRef]:
    """Apps that were written for this revision and differ only in what their own policy holds back."""
    for step in plan.steps:
        put = stage.attempts.get(step.ref)
        own = tuple(hold for hold in holds if hold.ref == step.ref and hold.rule in OWN_RULES)
        if put is not None and put.verdict is Verdict.APPLIED and own and _remaining(step, own) is None:
            yield step.ref


def _without(passed: Sequence[AppPlan], held: Sequence[Hold]) -> list[AppPlan]:
    """The steps less the fields that holds name."""
    against: dict[AppRef | None, tuple[Hold, ...]] = {}
    for hold in held:
        against[hold.ref] = (*against.get(hold.ref, ()), hold)
    left = (_remaining(step, against.get(step.ref, ())) for step in passed)
    return [step for step in left if step is not None]


def _limited(plan: Plan, passed: Sequence[AppPlan], facts: Facts) -> Iterator[Hold]:
    """The limits of a whole pass, after each step has passed its own checks.

    All of them look at the same steps: what one limit holds is no room for another to write more.
    """
    if facts.limits is None:
        return
    yield from limits.of_pass(plan, facts.limits)
    unattended = [step for step in passed if facts.approval(step) is None]
    yield from limits.of_transitions(unattended, facts.limits, facts.fleet, facts.now, _approve(plan))
    yield from limits.of_steps(unattended, facts.limits, facts.fleet, facts.now, _approve(plan))


def _remaining(step: AppPlan, against: tuple[Hold, ...]) -> AppPlan | None:
    """What is left of a step: all of it, the fields that no hold names, or nothing."""
    if not against:
        return step
    if any(not hold.fields for hold in against):
        return None
    held = {name for hold in against for name in hold.fields}
    return build.narrowed(step, lambda name: name not in held)


def _ordered(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    """Suspensions, in git and by a person's order, and a pin that can't be followed."""
    del plan
    yield from orders.holds(step.app, facts.now)


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
            release=f"change its settings at {step.app.at} in git; an approval does not release it",
        )


def _not_converging(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    count = facts.unconfirmed.get(step.ref, 0)
    if count >= MAX_UNCONFIRMED and facts.approval(step) is None:
        both = ", ".join(f"{c.field}: wrote {shown(c.desired)}, reads {shown(c.live)}" for c in step.changes)
        yield Hold(
            Rule.NOT_CONVERGING,
            f"{count} PUTs and the vendor does not show them ({both}); write in git what the vendor returns",
            step.ref,
            release=_approve(plan),
        )


def _fighting(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    if Cause.DRIFT not in step.causes or facts.approval(step) is not None:
        return
    week = (put for put in facts.fleet.recent if facts.now - put.at < limits.WARM)  # the budget may look back further
    if (heat := limits.heat(step.ref, week)) > limits.HOT:
        names = _fields(step, {Cause.DRIFT})
        detail = f"put back about {heat:.0f} times lately, and somebody changes {', '.join(names)} again each time"
        yield Hold(Rule.FIGHTING, detail, step.ref, names, _approve(plan))


def _by_cause(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    """The app's own policy per field. Unknown and both fall under the stricter of the two keys.

    An approval lifts all of it but one: what drifted and nothing else stays ignored, because approving a commit of
    the same app says nothing about it.
    """
    policy, approved = step.app.policy, facts.approval(step) is not None
    by_git = {Cause.GIT, Cause.BOTH, Cause.UNKNOWN}
    by_drift = {Cause.DRIFT, Cause.BOTH, Cause.UNKNOWN}
    if policy.on_commit is OnCommit.HOLD and not approved and (names := _fields(step, by_git)):
        yield Hold(Rule.COMMIT_HELD, "on_commit: hold", step.ref, names, _approve(plan))
    if policy.on_drift is OnDrift.REPORT and not approved and (names := _fields(step, by_drift)):
        yield Hold(Rule.DRIFT_REPORTED, "on_drift: report", step.ref, names, _approve(plan))
    if policy.on_drift is OnDrift.IGNORE:
        if names := _fields(step, {Cause.DRIFT}):
            release = f"change on_drift of {step.app.name} in git"
            yield Hold(Rule.DRIFT_IGNORED, "on_drift: ignore", step.ref, names, release)
        if not approved and (names := _fields(step, by_drift & by_git)):
            yield Hold(Rule.DRIFT_IGNORED, "on_drift: ignore", step.ref, names, _approve(plan))


def _protected(step: AppPlan, plan: Plan, facts: Facts) -> Iterator[Hold]:
    """A change of these fields needs a person's word, whoever made it (invariant I4)."""
    changed = {change.field for change in step.changes}
    names = tuple(name for name in step.app.policy.protected if name in changed)
    if names and facts.approval(step) is None:
        yield Hold(Rule.PROTECTED, f"protected: {', '.join(names)}", step.ref, names, _approve(plan))


def _fields(step: AppPlan, causes: Collection[Cause]) -> tuple[Field, ...]:
    return tuple(change.field for change in step.changes if change.cause in causes)


def written(decision: Decision, applied: Collection[AppRef]) -> Decision:
    """The decision once steps of its plan were applied: its holds name the id of the plan that is left.

    The old id stood for the live values of before, so that nobody could approve it any more.
    """
    done = {step.ref: step for step in decision.approved if step.ref in applied}
    left = (_left(step, done.get(step.ref)) for step in decision.plan.steps)
    plan_id = digests.plan_id(decision.plan.revision.id, [step for step in left if step is not None])
    void, now = _approve(decision.plan), _approve(replace(decision.plan, id=plan_id))
    holds = tuple(replace(hold, release=now) if hold.release == void else hold for hold in decision.holds)
    return replace(decision, holds=holds)


def _left(step: AppPlan, done: AppPlan | None) -> AppPlan | None:
    """What a next plan would say of a step: all of it, or what was not applied of it, or nothing."""
    if done is None:
        return step
    changes = tuple(change for change in step.changes if change.field in done.held)
    if not changes:
        return None
    return replace(step, base=digests.base(done.body), digest=digests.change(step.ref, changes))


def _approve(plan: Plan) -> str:
    return f"syncer approve {plan.id[:12]} --reason '…'"


CHECKS = (_ordered, _window, _open_intent, _refused, _not_converging, _fighting, _by_cause, _protected)
