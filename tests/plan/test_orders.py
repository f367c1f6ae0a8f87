"""What orders mean for a plan: they hold every change, whatever was approved, and a way back is in no wave."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncer.model.desired import AppRef, Suspend
from syncer.model.orders import Pin, Suspension
from syncer.model.outcome import Attempt, State, Verdict
from syncer.model.planned import APPROVABLE, GUARDS, QUIET_RULES, Rule
from syncer.plan import orders, states
from syncer.plan.rollout import Rollout, Stage, Wave
from tests.support.builders import NOW, a_live, a_plan, an_app, an_approval, decide, live_settings

END = NOW + timedelta(hours=4)
PIN = Pin(an_app().ref, "1a2b3c4" + "0" * 33, "00", "ff", "cli:asha", "INC-9", NOW, END)
ALONE = Suspension(an_app().ref, "cli:asha", "INC-7", NOW, END)
FLEET = replace(ALONE, ref=None)
WAVES = Rollout((Wave(0.1), Wave(1.0)))


def test_an_order_reads_as_a_sentence() -> None:
    fixed = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert orders.told(replace(ALONE, until=fixed)) == "suspended by cli:asha until 2026-11-24 10:00 UTC: INC-7"
    assert orders.told(replace(FLEET, until=fixed)).startswith("suspended with the whole fleet by cli:asha until ")
    assert orders.told(replace(PIN, until=fixed)) == "pinned to 1a2b3c4 by cli:asha until 2026-11-24 10:00 UTC: INC-9"


@pytest.mark.parametrize(
    ("order", "release"),
    [(ALONE, "syncer resume acme/app_desk --reason '…'"), (FLEET, "syncer resume --all --reason '…'")],
)
def test_a_suspension_holds_even_what_is_approved_and_names_the_way_out(order: Suspension, release: str) -> None:
    plan = a_plan((replace(an_app(), suspensions=(order,)), a_live()))
    decision = decide(plan, an_approval(plan.steps[0]))
    assert decision.approved == ()
    [hold] = decision.holds
    assert (hold.rule, hold.fields, hold.release.removeprefix("wait for its end, or: ")) == (
        Rule.SUSPENDED,
        (),
        release,
    )


def test_suspensions_of_git_and_of_people_stand_side_by_side() -> None:
    app = replace(an_app(suspend=Suspend("moving house")), suspensions=(ALONE, FLEET))
    plan = a_plan((app, a_live()))
    assert [hold.rule for hold in decide(plan).holds] == [Rule.SUSPENDED] * 3
    assert orders.pause(app, NOW).startswith("moving house; suspended by cli:asha")


def test_a_suspension_that_is_over_holds_nothing() -> None:
    over = replace(ALONE, until=NOW)
    plan = a_plan((replace(an_app(), suspensions=(over,)), a_live()))
    assert len(decide(plan).approved) == 1
    assert orders.pause(replace(an_app(), suspensions=(over,)), NOW) == ""


def test_a_lost_pin_holds_everything_and_no_approval_releases_it() -> None:
    app = replace(an_app(), pin=PIN, unpinnable="pinned to 1a2b3c4, which can't be had")
    plan = a_plan((app, a_live()))
    decision = decide(plan, an_approval(plan.steps[0]))
    assert decision.approved == ()
    assert [(hold.rule, hold.release) for hold in decision.holds] == [
        (Rule.PIN_LOST, "syncer rollback acme/app_desk --undo --reason '…'")
    ]
    assert Rule.PIN_LOST in GUARDS - APPROVABLE - QUIET_RULES


def test_a_lost_pin_is_held_also_where_nothing_differs() -> None:
    app = replace(an_app(), pin=PIN, unpinnable="gone")
    plan = a_plan((app, a_live("desk", app.settings.over(live_settings()))))
    decision = decide(plan, lost=(app,))
    assert [hold.rule for hold in decision.holds] == [Rule.PIN_LOST]
    [status] = states.after([app], states.Observed(decision, NOW))
    assert (status.state, status.reason, status.pin) == (State.HELD, "gone", PIN)


def test_an_app_in_sync_with_its_pin_says_so() -> None:
    app = replace(an_app(), pin=PIN)
    plan = a_plan((app, a_live("desk", app.settings.over(live_settings()))))
    [status] = states.after([app], states.Observed(decide(plan), NOW))
    assert status.state is State.IN_SYNC
    assert status.reason.startswith("live settings are as 1a2b3c4 declares them; pinned to 1a2b3c4 by cli:asha")


def pinned(name: str) -> Pin:
    return replace(PIN, ref=an_app(name).ref)


def test_the_way_back_waits_for_no_wave() -> None:
    names = [f"n{number}" for number in range(10)]
    back = [replace(an_app(name), pin=pinned(name)) for name in names]
    plan = a_plan(*((app, a_live(app.name)) for app in back))
    tried = {app.ref: Attempt(NOW, Verdict.APPLIED) for app in back}
    decision = decide(plan, stage=Stage(WAVES, "r1", tried, tuple(back)))
    assert (len(decision.approved), decision.holds) == (10, ())


@pytest.mark.parametrize("verdict", [Verdict.APPLIED, Verdict.NOT_APPLIED])
def test_a_canary_that_was_taken_back_opens_no_wave(verdict: Verdict) -> None:
    canary = replace(an_app("canary"), pin=pinned("canary"))
    others = [an_app(f"n{number}") for number in range(9)]
    synced = a_live("canary", canary.settings.over(live_settings()))
    plan = a_plan((canary, synced), *((app, a_live(app.name)) for app in others))
    attempts = {canary.ref: Attempt(NOW - timedelta(days=1), verdict)}
    decision = decide(plan, stage=Stage(WAVES, "r1", attempts, (canary,)))
    assert decision.approved == ()
    assert {hold.rule for hold in decision.holds} == {Rule.ROLLOUT_WAVE}
    unpinned = decide(plan, stage=Stage(WAVES, "r1", attempts, (an_app("canary"),)))
    assert len(unpinned.approved) == 9


def test_an_app_that_was_pinned_before_the_commit_reached_it_keeps_nobody_waiting() -> None:
    kept = replace(an_app("kept"), pin=pinned("kept"))
    plan = a_plan((kept, a_live("kept", kept.settings.over(live_settings()))), (an_app("other"), a_live("other")))
    decision = decide(plan, stage=Stage(WAVES, "r1"))
    assert [step.ref for step in decision.approved] == [AppRef("acme", "app_other")]
