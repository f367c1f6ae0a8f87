from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncer.cli.render import report
from syncer.cli.render.style import Style
from syncer.errors import VendorKind
from syncer.model.desired import OnDrift, Policy, Suspend
from syncer.model.live import Unreadable
from syncer.model.outcome import Outcome, Status, Verdict
from syncer.plan import gate
from tests.support import shown_plans
from tests.support.shown_plans import NOW, app, last, live, view, with_policy

if TYPE_CHECKING:
    from syncer.cli.render.view import PlanView

PLAIN = Style()
UNTIL = datetime(2026, 5, 6, 8, tzinfo=UTC)
APPLIED, REFUSED = app("applied", line=20), app("refused", line=30)
HELD = with_policy(app("held", line=40), Policy(on_drift=OnDrift.REPORT))
PAUSED = with_policy(app("paused", line=50), Policy(suspend=Suspend("provider migration", UNTIL)))
LOST, CALM = app("lost", line=60), app("calm", line=70)


def fleet() -> PlanView:
    moved = [(one, live(one, recording_enabled=False)) for one in (APPLIED, REFUSED, HELD, PAUSED)]
    unread = Unreadable(LOST.ref, VendorKind.AUTH, "401: the token expired", "renew /secrets/lost")
    return view([*moved, (LOST, unread), (CALM, live(CALM))], map(last, (APPLIED, HELD, PAUSED)))


def outcome(status: Status, failure: str = "", hint: str = "", attempts: int = 1) -> Outcome:
    return Outcome(APPLIED.ref, APPLIED.name, status, attempts, 0.2, None, failure, hint)


REFUSAL = Outcome(
    REFUSED.ref, REFUSED.name, Status.FAILED, 1, 0.3, Verdict.REJECTED, "400: popup_url is not allowed", "change it"
)


def test_a_pass_in_text() -> None:
    shown = fleet()
    plan_id = shown.decision.plan.id[:12]
    expected = f"""\
+ cust_acme/app_applied (applied)  applied
! cust_acme/app_refused (refused)  failed: 400: popup_url is not allowed (change it)
? cust_acme/app_lost (lost)  unreadable: 401: the token expired (renew /secrets/lost)
- cust_acme/app_held (held)
    held: on_drift: report (recording_enabled)
    to release: syncer approve {plan_id} --reason '…'
- cust_acme/app_paused (paused)
    left as it is: suspended until 2026-05-06 08:00 UTC: provider migration
    to release: remove suspend of paused in git
6 apps: 1 applied, 1 unchanged, 1 failed, 2 held (1 not counted), 1 unreadable in 1.2 s
plan {plan_id} · commit 1a2b3c4
"""
    done = shown_plans.report(shown, (outcome(Status.APPLIED), REFUSAL))
    assert expected == report.text(done, PLAIN)


def test_a_pass_with_nothing_to_do_is_its_summary() -> None:
    shown = view([(CALM, live(CALM))])
    expected = f"""\
1 app: 0 applied, 1 unchanged, 0 failed, 0 held, 0 unreadable in 1.2 s
plan {shown.decision.plan.id[:12]} · commit 1a2b3c4
"""
    assert expected == report.text(shown_plans.report(shown), PLAIN)


def test_other_outcomes_say_what_they_mean_for_the_app() -> None:
    shown = view([(APPLIED, live(APPLIED, recording_enabled=False))])
    told = {
        status: report.text(shown_plans.report(shown, (outcome(status),)), PLAIN)
        for status in (Status.MOVED, Status.OPEN, Status.STOPPED)
    }
    assert "    moved: the live value changed between plan and write; nothing written" in told[Status.MOVED]
    assert ", 1 moved in 1.2 s" in told[Status.MOVED]
    assert told[Status.OPEN].startswith("! ")
    assert ", 1 failed, " in told[Status.OPEN]
    assert "(applied)  stopped before its turn; nothing written\n" in told[Status.STOPPED]


def test_repeated_attempts_are_told() -> None:
    shown = view([(APPLIED, live(APPLIED, recording_enabled=False))])
    done = shown_plans.report(shown, (outcome(Status.APPLIED, attempts=3),))
    assert "applied in 3 attempts\n" in report.text(done, PLAIN)


def test_a_held_pass_is_named_and_waiting_apps_are_counted() -> None:
    pair = (APPLIED, live(APPLIED, recording_enabled=False))
    observed = view([pair], facts=gate.Facts(NOW, writes=False))
    expected = "- the whole pass  held: mode is observe: nothing is written (to release: set mode: apply)\n"
    assert report.text(shown_plans.report(observed), PLAIN).startswith(expected)
    assert ", 1 waiting in " in report.text(shown_plans.report(view([pair])), PLAIN)


def test_brief_has_one_line_per_app() -> None:
    done = shown_plans.report(fleet(), (outcome(Status.APPLIED), REFUSAL))
    lines = report.brief(done).splitlines()
    assert [line[0] for line in lines] == ["+", "!", "?", "-", "-", "6", "p"]


def test_markdown_has_failures_first() -> None:
    done = shown_plans.report(fleet(), (outcome(Status.APPLIED), REFUSAL))
    rows = [line for line in report.markdown(done).splitlines() if line.startswith("| `")]
    assert rows[0] == "| `cust_acme/app_refused (refused)` | failed: 400: popup_url is not allowed (change it) |"
    assert "app_lost" in rows[1]


def test_markdown_of_a_quiet_pass_has_no_table() -> None:
    assert "| App |" not in report.markdown(shown_plans.report(view([(CALM, live(CALM))])))


def test_markdown_stays_under_its_limit() -> None:
    done = shown_plans.report(fleet(), (outcome(Status.APPLIED), REFUSAL))
    text = report.markdown(done, 700)
    assert len(text) < 700
    assert "lines more left out" in text
