"""The machine-readable forms of plans and reports: `syncer.plan/v1` and `syncer.report/v1`, additive within v1."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from syncer.model.fields import shown
from syncer.model.outcome import State, Status
from syncer.plan import states

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from syncer.model.desired import AppRef, DesiredApp, Revision
    from syncer.model.live import Unmanaged
    from syncer.model.orders import Pin
    from syncer.model.outcome import AppStatus, Outcome, SyncReport
    from syncer.model.planned import AppPlan, Decision, FieldChange, Hold
    from syncer.model.problems import Problem

JSON = dict[str, Any]

PLAN_SCHEMA: Final = "syncer.plan/v1"
REPORT_SCHEMA: Final = "syncer.report/v1"


def of_plan(apps: Iterable[DesiredApp], decision: Decision, now: datetime, unmanaged: Unmanaged | None = None) -> JSON:
    """A plan with the gate's answer; every app appears, those in sync without changes."""
    statuses = states.after(apps_tuple := tuple(apps), states.Observed(decision, now))
    steps = {step.ref: step for step in decision.plan.steps}
    return {
        "schema": PLAN_SCHEMA,
        "id": decision.plan.id,
        "revision": of_revision(decision.plan.revision),
        "summary": counts(statuses),
        "apps": [
            _planned_app(app, status, steps.get(app.ref), decision)
            for app, status in zip(apps_tuple, statuses, strict=True)
        ],
        "holds": [_hold(hold) for hold in decision.holds if hold.ref is None],
        "unmanaged": of_unmanaged(unmanaged),
    }


def of_report(report: SyncReport) -> JSON:
    """One pass, whole."""
    outcomes = {outcome.ref: outcome for outcome in report.outcomes}
    return {
        "schema": REPORT_SCHEMA,
        "run_id": report.run_id,
        "trigger": report.trigger.value,
        "plan_id": report.decision.plan.id,
        "revision": of_revision(report.revision),
        "started": instant(report.started),
        "elapsed": round(report.elapsed, 6),
        "writes": report.writes,
        "counts": outcome_counts(report),
        "states": counts(report.apps),
        "apps": [_reported_app(status, outcomes.get(status.ref), report.decision) for status in report.apps],
        "problems": [of_problem(problem) for problem in report.problems],
        "unmanaged": of_unmanaged(report.unmanaged),
    }


def of_unmanaged(found: Unmanaged | None) -> JSON | None:
    """Apps that the vendor lists and git does not declare; null where nobody asked."""
    if found is None:
        return None
    return {
        "apps": [{**_identity(app.ref, app.name), "active": app.active} for app in found.apps],
        "unlisted": [
            {"customer_id": one.customer_id, "message": one.message, "hint": one.hint} for one in found.unlisted
        ],
    }


def counts(statuses: Iterable[AppStatus]) -> dict[str, int]:
    """Apps per state; states without apps are left out."""
    found = Counter(status.state for status in statuses)
    return {state.value: found[state] for state in State if found[state]}


def outcome_counts(report: SyncReport) -> dict[str, int]:
    """The numbers of the summary line: every app is in exactly one of them."""
    by_status = Counter(outcome.status for outcome in report.outcomes)
    plan = report.decision.plan
    return {
        "apps": len(report.apps),
        "applied": by_status[Status.APPLIED],
        "unchanged": len(plan.in_sync),
        "failed": by_status[Status.FAILED] + by_status[Status.OPEN],
        "moved": by_status[Status.MOVED],
        "stopped": by_status[Status.STOPPED],
        "held": len(plan.steps) - len(report.decision.approved),
        "waiting": len(report.decision.approved) - len(report.outcomes),
        "unreadable": len(plan.unreadable),
    }


def of_revision(revision: Revision) -> JSON:
    """A revision with its commit, null for a plain folder."""
    commit = revision.commit
    return {
        "id": revision.id,
        "source": revision.source,
        "commit": commit
        and {
            "sha": commit.sha,
            "author": commit.author,
            "at": instant(commit.at),
            "subject": commit.subject,
            "signer": commit.signer,
        },
    }


def instant(at: datetime) -> str:
    """RFC 3339, UTC offset spelled Z where it is zero."""
    return at.isoformat().replace("+00:00", "Z")


def _identity(ref: AppRef, name: str) -> JSON:
    return {"customer_id": ref.customer_id, "app_id": ref.app_id, "name": name}


def _planned_app(app: DesiredApp, status: AppStatus, step: AppPlan | None, decision: Decision) -> JSON:
    declared = sum(1 for _ in app.settings.declared())
    changes = step.changes if step else ()
    return {
        **_identity(app.ref, app.name),
        "labels": dict(app.labels),
        "state": status.state.value,
        "reason": status.reason,
        "place": {"path": app.at.path, "line": app.at.line},
        "changes": [_change(change) for change in changes],
        "unchanged": declared - len(changes),
        "digest": step.digest if step else None,
        "pin": _pin(app.pin),
        "moved": step and step.moved_after and _window(step.moved_after, step.moved_before),
        "holds": [_hold(hold) for hold in decision.holds_of(app.ref) if hold.ref is not None],
    }


def _pin(pin: Pin | None) -> JSON | None:
    if pin is None:
        return None
    return {"commit": pin.commit, "by": pin.by, "reason": pin.reason, "until": instant(pin.until)}


def _window(after: datetime, before: datetime) -> JSON:
    return {"after": instant(after), "before": instant(before)}


def _change(change: FieldChange) -> JSON:
    return {
        "field": change.field.value,
        "live": shown(change.live),
        "desired": shown(change.desired),
        "cause": change.cause.value,
        "danger": change.danger.value if change.danger else None,
        "path": change.origin.path,
        "line": change.origin.line,
        "layer": change.origin.layer.value,
    }


def _hold(hold: Hold) -> JSON:
    fields = [field.value for field in hold.fields]
    return {"rule": hold.rule.value, "detail": hold.detail, "fields": fields, "release": hold.release}


def _reported_app(status: AppStatus, outcome: Outcome | None, decision: Decision) -> JSON:
    return {
        **_identity(status.ref, status.name),
        "labels": dict(status.labels),
        "state": status.state.value,
        "reason": status.reason,
        "pin": _pin(status.pin),
        "since": instant(status.since),
        "checked": instant(status.checked),
        "put_back": status.put_back,
        "token_ends": status.token and instant(status.token.at),
        "token_due": status.token and instant(status.token.due),
        "holds": [_hold(hold) for hold in decision.holds_of(status.ref) if hold.ref is not None],
        "outcome": outcome
        and {
            "status": outcome.status.value,
            "verdict": outcome.verdict.value if outcome.verdict else None,
            "attempts": outcome.attempts,
            "elapsed": round(outcome.elapsed, 6),
            "failure": outcome.failure,
            "hint": outcome.hint,
        },
    }


def of_problem(problem: Problem) -> JSON:
    """One problem with its place."""
    return {
        "rule": problem.rule,
        "severity": problem.severity.value,
        "message": problem.message,
        "path": problem.at.path,
        "line": problem.at.line,
        "column": problem.at.column,
        "help": problem.help,
    }
