"""Metrics: what is counted, and that nobody outside can make series."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from syncer.errors import Refusal, RefusedCommitError, SourceError
from syncer.metrics import Metrics
from syncer.model.desired import AppRef
from syncer.model.outcome import Outcome, Status, SyncReport, Verdict
from syncer.plan import gate
from tests.docs import pages
from tests.support.builders import NOW, AClock
from tests.support.shown_plans import app, last, live, report, view


def metrics() -> Metrics:
    return Metrics(AClock(), "1.2.3", "syncer")


def values(found: Metrics) -> dict[str, float]:
    lines = found.exposition().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def drifted() -> SyncReport:
    one, two = app("one"), app("two")
    return report(view([(one, live(one, popup_url="https://x.example/")), (two, live(two))], [last(one), last(two)]))


def outcome(status: Status, verdict: Verdict | None = None) -> Outcome:
    return Outcome(app("one").ref, "one", status, verdict=verdict)


def test_a_pass_is_counted_by_its_result() -> None:
    found = metrics()
    found.finished(drifted(), None)
    found.finished(replace(drifted(), outcomes=(outcome(Status.FAILED),)), None)
    held = drifted()
    found.finished(replace(held, decision=replace(held.decision, approved=())), None)
    found.failed()
    seen = values(found)
    assert [seen[f'syncer_reconcile_total{{result="{r}"}}'] for r in ("ok", "held", "incomplete", "failed")] == [1] * 4
    assert seen["syncer_reconcile_duration_seconds_count"] == 3


def test_drift_is_counted_by_field() -> None:
    found = metrics()
    found.finished(drifted(), None)
    seen = values(found)
    assert seen['syncer_drift_fields{field="popup_url"}'] == 1
    assert seen['syncer_drift_fields{field="recording_url"}'] == 0


@pytest.mark.parametrize(
    ("made", "label"),
    [
        (outcome(Status.APPLIED, Verdict.APPLIED), "applied"),
        (outcome(Status.FAILED, Verdict.REJECTED), "rejected"),
        (outcome(Status.OPEN), "open"),
        (outcome(Status.MOVED), None),
    ],
)
def test_puts_are_counted_by_what_became_of_them(made: Outcome, label: str | None) -> None:
    found = metrics()
    found.finished(replace(drifted(), outcomes=(made,)), None)
    counted = {name: value for name, value in values(found).items() if name.startswith("syncer_puts") and value}
    assert counted == ({f'syncer_puts_total{{result="{label}"}}': 1} if label else {})


def test_holds_are_counted_by_rule_and_a_hold_of_all_counts_every_step() -> None:
    one, two = app("one"), app("two")
    pairs = [(one, live(one, popup_url="https://x.example/")), (two, live(two, popup_url="https://x.example/"))]
    found = metrics()
    found.finished(report(view(pairs, [last(one), last(two)], gate.Facts(NOW, writes=False))), None)
    assert values(found)['syncer_held{rule="observe-mode"}'] == 2
    found.finished(report(view(pairs, [], gate.Facts(NOW, open_intents=frozenset({one.ref})))), None)
    seen = values(found)
    assert (seen['syncer_held{rule="observe-mode"}'], seen['syncer_held{rule="open-intent"}']) == (0, 1)


def test_requests_are_counted_with_statuses_from_a_closed_set() -> None:
    found = metrics()
    for status in range(100, 1000):
        found.on_request("GET", status, 0.01, AppRef("c", f"a{status}"))
    found.on_request("PUT", None, 0.01, AppRef("c", "a"))
    seen = values(found)
    assert seen['syncer_vendor_requests_total{method="GET",status="200"}'] == 1
    assert seen['syncer_vendor_requests_total{method="GET",status="other"}'] == 400
    assert seen['syncer_vendor_requests_total{method="PUT",status="none"}'] == 1
    assert len([name for name in seen if name.startswith("syncer_vendor_requests")]) < 25


def test_100_000_apps_make_no_more_series_than_one() -> None:
    few, many = metrics(), metrics()
    few.on_request("GET", 200, 0.01, AppRef("c", "a"))
    for number in range(100_000):
        many.on_request("GET", 200, 0.01, AppRef("c", f"a{number}"))
    assert values(few).keys() == values(many).keys()


def test_looks_at_the_source_are_counted_and_its_age_is_known_once_it_was_read() -> None:
    found = metrics()
    found.on_look(SourceError("down"))
    assert "syncer_source_age_seconds" not in values(found)
    found.on_look(None)
    found.on_look(RefusedCommitError(Refusal.REWRITTEN, "m", commit="c"))
    seen = values(found)
    assert seen["syncer_source_age_seconds"] >= 0
    looks = [seen[f'syncer_git_requests_total{{op="fetch",result="{r}"}}'] for r in ("ok", "failed", "refused")]
    assert looks == [1, 1, 1]


def test_what_is_not_known_has_no_sample() -> None:
    found = metrics()
    unknown = {"syncer_last_success_timestamp_seconds", "syncer_token_expiry_seconds", "syncer_source_age_seconds"}
    assert not unknown & values(found).keys()
    found.finished(drifted(), NOW.timestamp() + 3600)
    assert unknown & values(found).keys() == unknown - {"syncer_source_age_seconds"}


def test_states_and_records_are_asked_for_when_it_is_scraped() -> None:
    found = metrics()
    found.standing.states = lambda: {"InSync": 3}
    found.standing.unsealed = lambda: 7
    seen = values(found)
    assert (seen['syncer_apps{state="InSync"}'], seen['syncer_apps{state="Stale"}']) == (3, 0)
    assert seen["syncer_audit_unsealed_records"] == 7


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    found = metrics()
    found.on_request("GET", 200, 0.01, AppRef("c", "a"))
    text = found.exposition().decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    rows = [row for row in pages.rows((pages.DOCS / "metrics.md").read_text("utf-8")) if row[0].startswith("`")]
    assert {row[0].strip("`"): row[1] for row in rows} == kinds
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows}
    found.finished(drifted(), NOW.timestamp())
    found.on_look(None)
    for name, labels in re.findall(
        r"^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? ", found.exposition().decode(), re.MULTILINE
    ):
        assert {part.split("=")[0] for part in re.findall(r"\w+=", labels)} - {"le"} <= {
            f"{each}" for each in told[name]
        }


def test_nothing_counts_when_it_was_made() -> None:
    assert b"_created" not in metrics().exposition()
