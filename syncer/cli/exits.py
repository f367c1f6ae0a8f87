"""The exit code of a pass: one table for all commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.model.outcome import Status
from syncer.model.planned import GUARDS, QUIET_RULES, Cause, Rule

if TYPE_CHECKING:
    from syncer.model.outcome import SyncReport
    from syncer.model.planned import AppPlan, Decision, Hold

DONE, FAILED, COMMITS, DRIFT, HELD, INVALID = 0, 1, 2, 3, 4, 65


def of_plan(decision: Decision, *, with_code: bool) -> int:
    """What `plan` ends with; `with_code` is --exit-code. 1 > 4 > 2 > 3 > 0 when several apply."""
    if decision.plan.unreadable or _broken(decision):
        return FAILED
    if not with_code:
        return DONE
    if _guarded(decision):
        return HELD
    return _waiting(decision)


def of_pass(report: SyncReport, *, invalid: bool = False) -> int:
    """What `sync` and `run --once` end with."""
    decision = report.decision
    if invalid or decision.plan.unreadable or _broken(decision) or _unwritten(report):
        return FAILED
    return HELD if _guarded(decision) else DONE


def _unwritten(report: SyncReport) -> bool:
    """Whether anything that could have been written was not: a failure, or a journal that takes no intents."""
    applied = sum(outcome.status is Status.APPLIED for outcome in report.outcomes)
    return report.writes and applied < len(report.decision.approved)


def counted(decision: Decision) -> tuple[AppPlan, ...]:
    """Steps that count: those that no policy of their app keeps out entirely."""
    return tuple(step for step in decision.plan.steps if not _quiet(step, decision))


def _quiet(step: AppPlan, decision: Decision) -> bool:
    """Suspended, ignored or outside its window, wholly or for every field that changed."""
    quiet = [hold for hold in decision.holds_of(step.ref) if hold.rule in QUIET_RULES]
    if any(not hold.fields for hold in quiet):
        return True
    held = {name for hold in quiet for name in hold.fields}
    return all(change.field in held for change in step.changes)


def _waiting(decision: Decision) -> int:
    causes = {cause for step in counted(decision) for cause in step.causes}
    if not causes:
        return DONE
    return DRIFT if causes == {Cause.DRIFT} else COMMITS


def _guarded(decision: Decision) -> bool:
    if any(hold.rule is Rule.PIN_LOST for hold in decision.holds):  # also where nothing differs
        return True
    return any(_waits(hold, step) for step in counted(decision) for hold in decision.holds_of(step.ref))


def _waits(hold: Hold, step: AppPlan) -> bool:
    """Whether a person's word is needed; reported drift needs none, but a first write of a report-only app does."""
    if hold.rule is Rule.DRIFT_REPORTED:
        return any(change.cause is not Cause.DRIFT for change in step.changes if change.field in hold.fields)
    return hold.rule in GUARDS and hold.ref is not None


def _broken(decision: Decision) -> bool:
    return any(hold.rule in {Rule.OPEN_INTENT, Rule.REFUSED} for hold in decision.holds)
