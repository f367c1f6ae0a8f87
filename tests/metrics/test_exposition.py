"""What stands in the exposition: counts, gauges of the last pass, and bounds on how many series there can be."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from syncer.errors import Refusal, RefusedCommitError, SourceError
from syncer.metrics import Metrics, standing
from syncer.model.desired import AppRef, OnCommit
from syncer.model.outcome import AppStatus, Outcome, State, Status, SyncReport, TokenEnd, Trigger, Verdict
from syncer.plan import states
from tests.support.builders import (
    NOW,
    REVISION,
    a_last,
    a_live,
    a_plan,
    a_ref,
    an_app,
    decide,
    live_settings,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncer.model.live import Live


@dataclass
class Still:
    """A clock that a test moves."""

    at: datetime = NOW
    seconds: float = 100.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Fleet:
    """The states of apps, as a test says."""

    found: Mapping[AppRef, State] = field(default_factory=dict)

    def states(self) -> Mapping[AppRef, State]:
        return self.found


@dataclass(frozen=True)
class Watched:
    """A journal and its anchors, as a test says."""

    unsealed: int = 0
    poisoned: str = ""
    behind: int = 0
    age: float | None = None


def made(clock: Still | None = None, *, each_app: bool = False) -> Metrics:
    return Metrics(clock or Still(), "1.2.3", "syncer", each_app=each_app)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample, by its name and the values of its labels in the order of their names."""
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def a_report(*pairs: tuple[str, Live], outcomes: tuple[Outcome, ...] = ()) -> SyncReport:
    """A pass over apps that show what is given."""
    apps = [an_app(name) for name, _ in pairs]
    plan = a_plan(*zip(apps, (live for _, live in pairs), strict=True), last=[a_last(name) for name, _ in pairs])
    decision = decide(plan)
    statuses = states.after(apps, states.Observed(decision, NOW))
    return SyncReport("run", Trigger.SCHEDULE, REVISION, decision, NOW, 1.5, True, outcomes, statuses)


GOOD = a_live("good", live_settings(popup_url="https://new.example/popup"))
MOVED = a_live("moved", live_settings(popup_url="https://moved.example/popup"))


def test_before_the_first_pass_what_is_unknown_has_no_sample() -> None:
    found = samples(made())
    names = {name for name, _ in found}
    assert found["syncer_build_info", (platform.python_version(), "1.2.3")] == 1
    assert found["syncer_reconcile_total", ("failed",)] == 0
    assert not names & {
        "syncer_last_success_timestamp_seconds",
        "syncer_source_age_seconds",
        "syncer_token_expiry_seconds",
        "syncer_audit_poisoned",
        "syncer_audit_anchors_behind",
    }


def test_a_good_pass_is_a_success() -> None:
    metrics = made()
    metrics.finished(a_report(("good", GOOD)))
    found = samples(metrics)
    assert found["syncer_reconcile_total", ("ok",)] == 1
    assert found["syncer_reconcile_duration_seconds_sum", ()] == 1.5
    assert found["syncer_last_success_timestamp_seconds", ()] == NOW.timestamp()


@pytest.mark.parametrize(
    "report",
    [
        a_report(("silent", unreadable("silent"))),
        a_report(("good", GOOD), outcomes=(Outcome(a_ref("good"), "good", Status.FAILED),)),
        replace(a_report(("good", GOOD)), rejected=("apps/broken.yaml",)),
    ],
    ids=["unreadable", "failed", "invalid"],
)
def test_a_pass_with_anything_wrong_is_incomplete_and_no_success(report: SyncReport) -> None:
    metrics = made()
    metrics.finished(report)
    metrics.failed()
    found = samples(metrics)
    assert (found["syncer_reconcile_total", ("incomplete",)], found["syncer_reconcile_total", ("failed",)]) == (1, 1)
    assert ("syncer_last_success_timestamp_seconds", ()) not in found
    assert found["syncer_source_rejected_files", ()] == len(report.rejected)


def test_drift_and_holds_are_counted_by_field_and_rule() -> None:
    held = an_app("held", on_commit=OnCommit.HOLD)
    plan = a_plan((held, a_live("held")), (an_app("moved"), MOVED), last=[a_last("held"), a_last("moved")])
    report = replace(a_report(("good", GOOD)), decision=decide(plan))
    metrics = made()
    metrics.finished(report)
    found = samples(metrics)
    assert found["syncer_drift_fields", ("popup_url",)] == 1
    assert found["syncer_held", ("on-commit-hold",)] == 1
    assert found["syncer_reconcile_total", ("held",)] == 1


def test_a_hold_of_the_whole_pass_counts_every_app_that_differs() -> None:
    plan = a_plan((an_app("one"), MOVED), (an_app("two"), a_live("two")), (an_app("good"), GOOD))
    decision = decide(plan, writes=False)
    assert standing.held(decision) == {"observe-mode": 2}


def test_puts_are_counted_by_what_became_of_them() -> None:
    ref = a_ref("good")
    outcomes = (
        Outcome(ref, "a", Status.APPLIED, verdict=Verdict.APPLIED),
        Outcome(ref, "b", Status.OPEN),
        Outcome(ref, "c", Status.MOVED),
        Outcome(ref, "d", Status.FAILED, verdict=Verdict.REJECTED),
    )
    metrics = made()
    metrics.finished(a_report(("good", GOOD), outcomes=outcomes))
    found = samples(metrics)
    assert {verdict[0]: count for (name, verdict), count in found.items() if name == "syncer_puts_total"} == {
        "applied": 1, "not-applied": 0, "superseded": 0, "rejected": 1, "open": 1,
    }  # fmt: skip


def test_the_age_of_the_source_is_right_at_the_moment_of_asking() -> None:
    clock = Still()
    metrics = made(clock)
    metrics.on_look(None)
    clock.seconds += 30
    metrics.on_look(SourceError("gone"))
    found = samples(metrics)
    assert found["syncer_source_age_seconds", ()] == 30
    metrics.on_look(RefusedCommitError(Refusal.NOT_SIGNED, "not signed", commit="b" * 40))
    found = samples(metrics)
    assert found["syncer_source_age_seconds", ()] == 0
    looks = {result: found["syncer_git_requests_total", ("fetch", result)] for result in ("ok", "failed", "refused")}
    assert looks == {"ok": 1, "failed": 1, "refused": 1}


def test_tokens_are_told_by_the_first_end_and_by_how_many_are_due() -> None:
    clock = Still()
    metrics = made(clock)
    soon = TokenEnd(NOW + timedelta(days=3), NOW - timedelta(days=4))
    later = TokenEnd(NOW + timedelta(days=90), NOW + timedelta(days=83))
    apps = tuple(AppStatus(a_ref(n), n, State.IN_SYNC, "", NOW, NOW, 0, end) for n, end in (("a", soon), ("b", later)))
    metrics.finished(replace(a_report(("good", GOOD)), apps=apps))
    assert samples(metrics)["syncer_tokens_due", ()] == 1
    clock.at += timedelta(days=85)
    found = samples(metrics)
    assert found["syncer_tokens_due", ()] == 2
    assert found["syncer_token_expiry_seconds", ()] == timedelta(days=3 - 85).total_seconds()


def test_the_journal_and_its_anchors_are_asked() -> None:
    metrics = made()
    metrics.standing.journal = Watched(unsealed=7, poisoned="the disk is full")
    metrics.standing.anchored = Watched(behind=2, age=61.0)
    found = samples(metrics)
    assert found["syncer_audit_unsealed_records", ()] == 7
    assert found["syncer_audit_poisoned", ()] == 1
    assert found["syncer_audit_anchors_behind", ()] == 2
    assert found["syncer_audit_last_anchor_age_seconds", ()] == 61
    metrics.standing.anchored = Watched()
    assert ("syncer_audit_last_anchor_age_seconds", ()) not in samples(metrics)


def test_every_app_has_a_series_only_where_that_is_wanted() -> None:
    report = a_report(("good", GOOD), ("moved", MOVED), ("old", a_live("old")))
    fleet = Fleet({a_ref("good"): State.IN_SYNC, a_ref("moved"): State.DRIFTED, a_ref("old"): State.PENDING})
    quiet, loud = made(), made(each_app=True)
    for metrics in (quiet, loud):
        metrics.standing.states = fleet
        metrics.finished(report)
    assert samples(quiet)["syncer_apps", ("Drifted",)] == 1
    assert not [name for name, _ in samples(quiet) if name.startswith("syncer_app_info")]
    assert {labels for name, labels in samples(loud) if name == "syncer_app_info"} == {
        ("acme/app_good", "none", "InSync"),
        ("acme/app_moved", "both", "Drifted"),
        ("acme/app_old", "git", "Pending"),
    }


def test_the_cause_of_an_app_is_one_word() -> None:
    unknown = a_plan((an_app("desk"), a_live("desk")))
    report = replace(a_report(("good", GOOD)), decision=decide(unknown))
    assert standing.causes(report) == {a_ref("desk"): "unknown"}
    written = replace(report, outcomes=(Outcome(a_ref("desk"), "desk", Status.APPLIED),))
    assert standing.causes(written) == {}


def test_100_000_ids_and_paths_make_a_bounded_number_of_series() -> None:
    metrics = made(each_app=True)
    refs = [AppRef(f"customer_{n % 977}", f"app_{n}") for n in range(100_000)]
    for n, ref in enumerate(refs):
        metrics.on_request(("GET", "PUT", "POST")[n % 3], n % 1000, 0.1, ref)
    broken = replace(a_report(("good", GOOD)), rejected=tuple(f"apps/{n}.yaml" for n in range(100_000)))
    metrics.finished(broken)
    needy = AppRef("zzz", "zzz")
    metrics.standing.states = Fleet(dict.fromkeys(refs, State.IN_SYNC) | {needy: State.FAILING})
    found = samples(metrics)
    named = [labels for name, labels in found if name == "syncer_app_info"]
    assert len(named) == standing.MOST_APPS
    assert ("zzz/zzz", "none", "Failing") in named
    assert found["syncer_app_info_dropped", ()] == 100_001 - standing.MOST_APPS
    assert len(found) - len(named) < 300


def test_answers_of_the_vendor_are_counted_in_a_closed_set() -> None:
    metrics = made()
    for status in range(100, 1000):
        metrics.on_request("GET", status, 0.01, a_ref())
    found = {
        labels[1]: count
        for (name, labels), count in samples(metrics).items()
        if name.endswith("requests_total") and "vendor" in name
    }
    assert found["200"] == 1
    assert found["other"] == 400
    assert found["5xx"] == 100 - 4
    assert len(found) < 25


def test_what_is_handed_to_another_exposition_leaves_its_process_alone() -> None:
    metrics = made()
    assert b"\nprocess_open_fds " in metrics.exposition()
    assert b"process_" not in metrics.handed()
    assert b"\nsyncer_build_info{" in metrics.handed()


def test_no_sample_says_when_it_was_created() -> None:
    metrics = made()
    metrics.on_request("GET", None, 0.1, a_ref())
    assert b"_created" not in metrics.exposition()
    assert samples(metrics)["syncer_vendor_requests_total", ("GET", "none")] == 1
