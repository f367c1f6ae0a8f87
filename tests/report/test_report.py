"""The machine-readable forms: stable, masked, and honest in their numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer import report
from syncer.model.desired import Commit, OnCommit, OnDrift
from syncer.model.outcome import Outcome, Status, SyncReport, Trigger, Verdict
from syncer.model.problems import Place, Problem
from syncer.plan import states
from tests.support.builders import (
    NOW,
    REVISION,
    a_last,
    a_live,
    a_plan,
    an_app,
    decide,
    live_settings,
    unreadable,
)
from tests.support.builders import settings as setting

COMMIT = Commit("5f" * 20, "Asha Rao <asha@example.com>", NOW - timedelta(hours=1), "Move popups")
HOLD = replace(an_app("held", on_commit=OnCommit.HOLD), labels=(("team", "desk"),))


def a_report(*outcomes: Outcome, apps: tuple[str, ...] = ("desk",), writes: bool = True) -> SyncReport:
    found = [an_app(name) for name in apps]
    decision = decide(a_plan(*((app, a_live(app.name)) for app in found)))
    statuses = states.after(found, states.Observed(decision, NOW, {o.ref: o for o in outcomes}))
    return SyncReport("run-1", Trigger.MANUAL, REVISION, decision, NOW, 1.23456789, writes, outcomes, statuses)


def outcome(name: str, status: Status) -> Outcome:
    return Outcome(an_app(name).ref, name, status)


def test_a_plan_reads_as_its_schema_says() -> None:
    live = a_live("held", live_settings(popup_url="https://old.example/popup?key=secret"))
    plan = a_plan((HOLD, live), last=[a_last("held", live.settings)])
    (step,) = plan.steps
    assert report.of_plan([HOLD], decide(plan), NOW) == {
        "schema": "syncer.plan/v1",
        "id": plan.id,
        "revision": {"id": REVISION.id, "source": "https://git.example/settings.git", "commit": None},
        "summary": {"Held": 1},
        "apps": [
            {
                "customer_id": "acme",
                "app_id": "app_held",
                "name": "held",
                "labels": {"team": "desk"},
                "state": "Held",
                "reason": "on_commit: hold",
                "place": {"path": "apps/held.yaml", "line": 4},
                "changes": [
                    {
                        "field": "popup_url",
                        "live": "https://old.example/popup?key=***",
                        "desired": "https://new.example/popup",
                        "cause": "git",
                        "danger": "host-change",
                        "path": "apps/held.yaml",
                        "line": 10,
                        "layer": "app",
                    }
                ],
                "unchanged": 0,
                "digest": step.digest,
                "pin": None,
                "moved": None,
                "holds": [
                    {
                        "rule": "on-commit-hold",
                        "detail": "on_commit: hold",
                        "fields": ["popup_url"],
                        "release": f"syncer approve {plan.id[:12]} --reason '…'",
                    }
                ],
            }
        ],
        "holds": [],
        "unmanaged": None,
    }


def test_drift_is_told_with_the_time_in_which_it_happened() -> None:
    app = an_app(on_drift=OnDrift.REPORT)
    plan = a_plan((app, a_live()), last=[a_last(applied=setting(popup_url="https://new.example/popup"))])
    (told,) = report.of_plan([app], decide(plan), NOW)["apps"]
    assert told["moved"] == {"after": "2026-03-02T09:00:00Z", "before": "2026-03-02T09:59:55Z"}


def test_an_app_in_sync_has_no_changes_and_no_digest() -> None:
    app = an_app(declared=setting(recording_enabled=False, popup_url="https://old.example/popup"))
    (told,) = report.of_plan([app], decide(a_plan((app, a_live()))), NOW)["apps"]
    assert (told["state"], told["changes"], told["unchanged"], told["digest"]) == ("InSync", [], 2, None)


def test_holds_of_the_whole_pass_stand_apart_from_those_of_apps() -> None:
    told = report.of_plan([an_app()], decide(a_plan((an_app(), a_live())), writes=False), NOW)
    assert [hold["rule"] for hold in told["holds"]] == ["observe-mode"]
    assert told["apps"][0]["holds"] == []


def test_a_report_reads_as_its_schema_says() -> None:
    done = replace(outcome("desk", Status.APPLIED), attempts=1, elapsed=0.12345678, verdict=Verdict.APPLIED)
    problem = Problem("SY201", "unknown key", Place("apps/a.yaml", 3, 7), help="remove it")
    told = replace(a_report(done), problems=(problem,))
    assert report.of_report(told) == {
        "schema": "syncer.report/v1",
        "run_id": "run-1",
        "trigger": "manual",
        "plan_id": told.decision.plan.id,
        "revision": {"id": REVISION.id, "source": "https://git.example/settings.git", "commit": None},
        "started": "2026-03-02T10:00:00Z",
        "elapsed": 1.234568,
        "writes": True,
        "counts": {
            "apps": 1,
            "applied": 1,
            "unchanged": 0,
            "failed": 0,
            "moved": 0,
            "stopped": 0,
            "held": 0,
            "waiting": 0,
            "unreadable": 0,
        },
        "states": {"InSync": 1},
        "apps": [
            {
                "customer_id": "acme",
                "app_id": "app_desk",
                "name": "desk",
                "labels": {},
                "state": "InSync",
                "reason": "applied and read back",
                "pin": None,
                "since": "2026-03-02T10:00:00Z",
                "checked": "2026-03-02T10:00:00Z",
                "put_back": 0,
                "token_ends": None,
                "token_due": None,
                "holds": [],
                "outcome": {
                    "status": "applied",
                    "verdict": "applied",
                    "attempts": 1,
                    "elapsed": 0.123457,
                    "failure": "",
                    "hint": "",
                },
            }
        ],
        "problems": [
            {
                "rule": "SY201",
                "severity": "error",
                "message": "unknown key",
                "path": "apps/a.yaml",
                "line": 3,
                "column": 7,
                "help": "remove it",
            }
        ],
        "unmanaged": None,
    }


def test_an_app_that_was_not_written_has_no_outcome_and_waits() -> None:
    told = report.of_report(a_report(writes=False))
    assert told["apps"][0]["outcome"] is None
    assert told["counts"]["waiting"] == 1


def test_an_outcome_without_a_verdict_says_null() -> None:
    told = report.of_report(a_report(outcome("desk", Status.MOVED)))
    assert told["apps"][0]["outcome"]["verdict"] is None


def test_a_commit_is_told_with_author_time_and_subject() -> None:
    assert report.of_revision(replace(REVISION, commit=COMMIT))["commit"] == {
        "sha": "5f" * 20,
        "author": "Asha Rao <asha@example.com>",
        "at": "2026-03-02T09:00:00Z",
        "subject": "Move popups",
        "signer": "",
    }


@pytest.mark.parametrize(
    ("zone", "told"), [("UTC", "2026-03-02T10:00:00Z"), ("Asia/Kolkata", "2026-03-02T15:30:00+05:30")]
)
def test_an_instant_is_rfc_3339(zone: str, told: str) -> None:
    assert report.instant(NOW.astimezone(ZoneInfo(zone))) == told
    assert datetime.fromisoformat(told) == NOW


KINDS = st.sampled_from(["in sync", "unreadable", "held", "approved"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(KINDS, st.sampled_from(Status)), max_size=8), st.booleans())
def test_every_app_is_in_exactly_one_count(fleet: list[tuple[str, Status]], applied: bool) -> None:
    found, outcomes = [], []
    for number, (kind, status) in enumerate(fleet):
        app = an_app(f"{number}", on_commit=OnCommit.HOLD if kind == "held" else OnCommit.APPLY)
        same = app.settings.over(live_settings())
        live = unreadable(app.name) if kind == "unreadable" else a_live(app.name, same if kind == "in sync" else None)
        found.append((app, live))
        if kind == "approved" and applied:
            outcomes.append(outcome(app.name, status))
    decision = decide(a_plan(*found))
    apps = [app for app, _ in found]
    statuses = states.after(apps, states.Observed(decision, NOW, {o.ref: o for o in outcomes}))
    made = SyncReport("r", Trigger.START, REVISION, decision, NOW, 0, True, tuple(outcomes), statuses)
    counts = report.outcome_counts(made)
    assert counts.pop("apps") == sum(counts.values()) == len(fleet)
    assert sum(report.of_report(made)["states"].values()) == len(fleet)
    assert json.loads(json.dumps(report.of_report(made))) == report.of_report(made)
    assert json.loads(json.dumps(report.of_plan(apps, decision, NOW))) == report.of_plan(apps, decision, NOW)
