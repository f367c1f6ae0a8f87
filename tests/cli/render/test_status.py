from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncer import report
from syncer.cli.render import status
from syncer.cli.render.style import Style
from syncer.model.desired import OnDrift, Policy, Revision, Suspend
from syncer.model.outcome import Outcome, Status
from tests.support import shown_plans
from tests.support.shown_plans import NOW, app, last, live, view, with_policy

LATER = NOW + timedelta(minutes=14)
CALM, PENDING, LOST = app("calm", line=10), app("pending", line=20), app("failing", line=30)
HELD = with_policy(app("held", line=40), Policy(on_drift=OnDrift.REPORT))
PAUSED = with_policy(app("paused", line=50), Policy(suspend=Suspend("migration")))
LEFT = with_policy(app("left", line=60), Policy(on_drift=OnDrift.IGNORE))
FAILURE = Outcome(LOST.ref, LOST.name, Status.FAILED, failure="500: the vendor failed")


def document() -> report.JSON:
    moved = [(one, live(one, recording_enabled=False)) for one in (PENDING, LOST, HELD, PAUSED, LEFT)]
    shown = view([(CALM, live(CALM)), *moved], map(last, (LOST, HELD, PAUSED, LEFT)))
    return report.of_report(shown_plans.report(shown, (FAILURE,)))


def test_who_is_needed_comes_first() -> None:
    plan_id = document()["plan_id"][:12]
    expected = f"""\
Needs you: 2 apps
  Failing  cust_acme/app_failing (failing)  for 14 min
    500: the vendor failed
  Drifted  cust_acme/app_held (held)  for 14 min
    changed at the vendor: recording_enabled (on_drift: report)
    to release: syncer approve {plan_id} --reason '…'

Goes by itself: 1 app
  Pending  cust_acme/app_pending (pending)  for 14 min
    waiting to be applied: recording_enabled

Left as it is on purpose, not counted: 2 apps
  Suspended  cust_acme/app_paused (paused)  for 14 min
    migration
    to release: remove suspend of paused in git
  Drifted  cust_acme/app_left (left)  for 14 min
    changed at the vendor: recording_enabled (on_drift: ignore)
    to release: change on_drift of left in git

6 apps: 1 InSync, 1 Pending, 2 Drifted, 1 Failing, 1 Suspended
Last pass at 10:07 UTC, 14 min ago (manual), took 1.2 s · plan {plan_id} · commit 1a2b3c4
"""
    assert expected == status.text(document(), frozenset(), LATER, Style())


def test_an_app_that_is_put_back_again_and_again_is_shown_in_sync_or_not() -> None:
    shown = document()
    for row in shown["apps"]:
        row["put_back"] = 5
    text = status.text(shown, frozenset(), LATER, Style())
    assert "In sync, and put back again and again: 1 app\n  InSync  cust_acme/app_calm" in text
    assert "In sync, and put back again and again" in status.markdown(shown, frozenset(), LATER)
    assert text.count("cust_acme/app_failing") == 1


def test_an_app_without_a_recent_verdict_is_never_in_sync() -> None:
    text = status.text(document(), frozenset({CALM.ref}), LATER, Style())
    assert "  Stale  cust_acme/app_calm (calm)  for 14 min\n    no verdict for three intervals" in text
    assert "InSync" not in text


def test_a_fleet_in_sync_is_two_lines() -> None:
    found = report.of_report(shown_plans.report(view([(CALM, live(CALM))])))
    assert status.text(found, frozenset(), LATER, Style()).startswith("1 app: 1 InSync\nLast pass")


def test_a_folder_is_named_as_one() -> None:
    shown = shown_plans.report(view([(CALM, live(CALM))]))
    folder = replace(shown, revision=Revision("sha256:" + "ab" * 32, "config"))
    assert "folder abababababab\n" in status.text(report.of_report(folder), frozenset(), LATER, Style())


def test_no_apps_are_counted_as_none() -> None:
    found = report.of_report(shown_plans.report(view([])))
    assert status.text(found, frozenset(), LATER, Style()).startswith("0 apps\n")


def test_markdown_has_the_same_order() -> None:
    rows = [line for line in status.markdown(document(), frozenset(), LATER).splitlines() if "| `" in line]
    assert [row.split("`")[1].split("_")[-1] for row in rows] == [
        "failing (failing)",
        "held (held)",
        "pending (pending)",
        "paused (paused)",
        "left (left)",
    ]


def test_markdown_stays_under_its_limit() -> None:
    text = status.markdown(document(), frozenset(), LATER, 900)
    assert len(text) < 900
    assert "apps more left out" in text


def test_markdown_of_a_fleet_in_sync_has_no_table() -> None:
    found = report.of_report(shown_plans.report(view([(CALM, live(CALM))])))
    assert "| Turn |" not in status.markdown(found, frozenset(), LATER)
