"""Waves: how many apps of a revision may be written, when the next ones may, and what stops them all."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.model.desired import OnCommit, OnDrift
from syncer.model.fields import Field
from syncer.model.outcome import Attempt, State, Verdict
from syncer.model.planned import Rule
from syncer.plan import rollout, states
from syncer.plan.limits import Fleet, Limits
from syncer.plan.rollout import AT_ONCE, Rollout, Stage, Wave
from tests.support.builders import (
    NOW,
    a_last,
    a_live,
    a_plan,
    a_ref,
    a_step,
    an_app,
    an_approval,
    decide,
    digest,
    live_settings,
    settings,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.planned import Decision, Plan

SOAK = timedelta(minutes=10)
THIRDS = Rollout((Wave(0.1, soak=SOAK), Wave(0.5, soak=SOAK), Wave(1.0)))
LONG_AGO = NOW - timedelta(hours=1)


def names(count: int) -> list[str]:
    return [f"n{number:02d}" for number in range(count)]


def pending(name: str) -> tuple[DesiredApp, object]:
    return an_app(name), a_live(name)


def done(name: str) -> tuple[DesiredApp, object]:
    app = an_app(name)
    return app, a_live(name, app.settings.over(live_settings()))


def plan_of(waiting: Iterable[str], written: Iterable[str] = ()) -> Plan:
    return a_plan(*(pending(name) for name in waiting), *(done(name) for name in written))  # type: ignore[arg-type]


def applied(refs: Iterable[AppRef], ago: timedelta = timedelta(hours=1)) -> dict[AppRef, Attempt]:
    return {ref: Attempt(NOW - ago, Verdict.APPLIED) for ref in refs}


def stage(wanted: Rollout = THIRDS, **facts: object) -> Stage:
    return Stage(wanted, "r1", **facts)  # type: ignore[arg-type]


def begun(decision: Decision) -> list[AppRef]:
    return [step.ref for step in decision.approved]


def run_through(fleet: list[str], wanted: Rollout = THIRDS) -> list[int]:
    """Writes what may be written, waits for the soak, and again: how many apps each pass wrote."""
    attempts: dict[AppRef, Attempt] = {}
    sizes: list[int] = []
    while len(attempts) < len(fleet):
        written = [name for name in fleet if a_ref(name) in attempts]
        left = [name for name in fleet if name not in written]
        now = begun(decide(plan_of(left, written), stage=stage(wanted, attempts=attempts)))
        assert now, "a rollout that never ends"
        attempts |= applied(now)
        sizes.append(len(now))
    return sizes


@pytest.mark.parametrize(
    ("fleet", "sizes"), [(1, [1]), (2, [1, 1]), (10, [1, 4, 5]), (20, [2, 8, 10]), (21, [3, 8, 10])]
)
def test_each_wave_takes_in_its_share_and_at_least_one(fleet: int, sizes: list[int]) -> None:
    assert run_through(names(fleet)) == sizes


@given(st.integers(1, 50), st.lists(st.integers(1, 99), max_size=4, unique=True))
def test_no_wave_is_larger_than_it_may_be_and_all_get_there(fleet: int, shares: list[int]) -> None:
    waves = (*(Wave(share / 100) for share in sorted(shares)), Wave(1.0))
    total = 0
    for written in run_through(names(fleet), Rollout(waves)):
        assert any(total + written <= -(-wave.share * fleet // 1) for wave in waves if total < wave.share * fleet)
        total += written
    assert total == fleet


def test_every_app_that_waits_says_for_what() -> None:
    decision = decide(plan_of(names(10)), stage=stage())
    assert {hold.rule for hold in decision.holds} == {Rule.ROLLOUT_WAVE}
    [first] = begun(decision)
    assert {hold.detail for hold in decision.holds} == {
        f"wave 2 of 3 has not begun: 0 of 1 apps before it are verified, not {first}"
    }
    assert decision.holds[0].release == f"syncer approve {decision.plan.id[:12]} --reason '…'"
    waiting = next(step for step in decision.plan.steps if step.ref != first)
    [status] = states.after((waiting.app,), states.Observed(decision, NOW))
    assert status.state is State.PENDING


def test_the_order_of_apps_changes_nothing() -> None:
    wanted = set(begun(decide(plan_of(names(20)), stage=stage())))
    for seed in range(20):
        mixed = random.Random(seed).sample(names(20), 20)
        assert set(begun(decide(plan_of(mixed), stage=stage()))) == wanted


def test_another_revision_begins_with_other_apps() -> None:
    firsts = {tuple(begun(decide(plan_of(names(50)), stage=replace(stage(), revision=f"r{n}")))) for n in range(10)}
    assert len(firsts) == 10


def test_the_soak_is_waited_for_from_the_last_put_on() -> None:
    [first] = begun(decide(plan_of(names(10)), stage=stage()))
    rest = [name for name in names(10) if a_ref(name) != first]
    plan = plan_of(rest, [first.app_id.removeprefix("app_")])
    early = decide(plan, stage=stage(attempts=applied([first], SOAK - timedelta(seconds=1))))
    assert begun(early) == []
    assert (
        early.holds[0].detail
        == f"wave 2 of 3 has not begun: it opens at {NOW + timedelta(seconds=1):%Y-%m-%d %H:%M} UTC"
    )
    assert len(begun(decide(plan, stage=stage(attempts=applied([first], SOAK))))) == 4


def canary() -> tuple[AppRef, str, list[str]]:
    [first] = begun(decide(plan_of(names(10)), stage=stage()))
    name = first.app_id.removeprefix("app_")
    return first, name, [each for each in names(10) if each != name]


def test_an_unreadable_app_keeps_the_next_wave_waiting() -> None:
    first, name, rest = canary()
    plan = a_plan(*(pending(each) for each in rest), (an_app(name), unreadable(name)))  # type: ignore[arg-type]
    assert begun(decide(plan, stage=stage(attempts=applied([first])))) == []


def test_an_app_that_drifts_during_the_soak_keeps_it_waiting_and_is_put_back() -> None:
    first, name, rest = canary()
    app = an_app(name)
    moved = (app, a_live(name))
    last = [a_last(name, app.settings.over(live_settings()))]
    plan = a_plan(*(pending(each) for each in rest), moved, last=last)  # type: ignore[arg-type]
    assert begun(decide(plan, stage=stage(attempts=applied([first])))) == [first]


def test_drift_waits_for_no_wave() -> None:
    apps = [an_app(name) for name in names(10)]
    last = [a_last(app.name, app.settings.over(live_settings())) for app in apps]
    plan = a_plan(*((app, a_live(app.name)) for app in apps), last=last)
    assert len(begun(decide(plan, stage=stage()))) == 10


@pytest.mark.parametrize("policy", [{"on_commit": OnCommit.HOLD}, {"protected": (Field.POPUP_URL,)}])
def test_what_an_apps_own_policy_holds_back_keeps_nobody_waiting(policy: dict[str, object]) -> None:
    apps = [an_app("held", settings(popup_url="https://hooks.acme.example/new"), **policy), an_app("free")]
    decision = decide(a_plan(*((app, a_live(app.name)) for app in apps)), stage=stage())
    assert begun(decision) == [a_ref("free")]
    after = a_plan((apps[0], a_live("held")), done("free"), pending("late"))  # type: ignore[arg-type]
    assert begun(decide(after, stage=stage(attempts=applied([a_ref("free")])))) == [a_ref("late")]


def test_a_written_app_whose_drift_is_ignored_counts_as_verified() -> None:
    app = an_app("free", on_drift=OnDrift.IGNORE)
    last = [a_last("free", app.settings.over(live_settings()))]
    plan = a_plan((app, a_live("free")), pending("late"), last=last)  # type: ignore[arg-type]
    assert begun(decide(plan, stage=stage(attempts=applied([a_ref("free")])))) == [a_ref("late")]
    unverified = {a_ref("free"): Attempt(LONG_AGO, None)}
    assert begun(decide(plan, stage=stage(attempts=unverified))) == []


def test_labels_name_who_goes_first() -> None:
    wanted = Rollout((Wave(labels=(("tier", "canary"),), soak=SOAK), Wave(1.0)))
    apps = [replace(an_app(name), labels=(("tier", "canary"),) if name == "n03" else ()) for name in names(5)]
    decision = decide(a_plan(*((app, a_live(app.name)) for app in apps)), stage=stage(wanted))
    assert begun(decision) == [a_ref("n03")]


def test_labels_that_name_none_of_the_changed_apps_hold_nobody_up() -> None:
    wanted = Rollout((Wave(labels=(("tier", "canary"),), soak=SOAK), Wave(1.0)))
    assert len(begun(decide(plan_of(names(5)), stage=stage(wanted)))) == 5


def test_an_approved_app_passes_every_wave() -> None:
    plan = plan_of(names(10))
    decision = decide(plan, *(an_approval(step) for step in plan.steps), stage=stage())
    assert len(begun(decision)) == 10


def test_apps_that_are_not_looked_at_count_and_stand_for_themselves() -> None:
    apps = [an_app(name) for name in names(10)]
    for app in apps:
        others = tuple(other for other in apps if other is not app)
        alone = decide(a_plan((app, a_live(app.name))), stage=stage(elsewhere=others))
        assert begun(alone) == ([app.ref] if app.ref == canary()[0] else [])


def test_apps_elsewhere_are_those_that_git_declares_otherwise_than_was_applied() -> None:
    apps = [an_app("new"), an_app("same"), an_app("moved"), an_app("read")]
    last = {
        a_ref("same"): a_last("same", apps[1].settings.over(live_settings())),
        a_ref("moved"): a_last("moved", live_settings()),
    }
    found = rollout.elsewhere(apps, {a_ref("read")}, last, digest)
    assert [app.name for app in found] == ["new", "moved"]


def failed(*of: str, verdict: Verdict | None = Verdict.NOT_APPLIED) -> dict[AppRef, Attempt]:
    return {a_ref(name): Attempt(LONG_AGO, verdict) for name in of}


@pytest.mark.parametrize("verdict", [Verdict.NOT_APPLIED, Verdict.REJECTED, Verdict.SUPERSEDED, None])
def test_too_many_failures_stop_all_that_was_not_tried(verdict: Verdict | None) -> None:
    wanted = Rollout((Wave(1.0),), stop_after_failures=2)
    attempts = failed("n00", "n01", verdict=verdict)
    decision = decide(plan_of(names(5)), stage=stage(wanted, attempts=attempts))
    assert begun(decision) == [a_ref("n00"), a_ref("n01")]
    assert {hold.rule for hold in decision.holds} == {Rule.ROLLOUT_STOPPED}
    assert decision.holds[0].detail == f"the rollout is stopped: {a_ref('n00')} and 1 more failed"
    [status] = states.after((an_app("n02"),), states.Observed(decision, NOW))
    assert status.state is State.HELD


def test_fewer_failures_than_that_stop_nothing() -> None:
    wanted = Rollout((Wave(1.0),), stop_after_failures=2)
    assert len(begun(decide(plan_of(names(5)), stage=stage(wanted, attempts=failed("n00"))))) == 5


def test_a_failure_that_has_passed_is_none() -> None:
    wanted = Rollout((Wave(1.0),), stop_after_failures=1)
    plan = plan_of(names(5)[1:], ["n00"])
    assert len(begun(decide(plan, stage=stage(wanted, attempts=failed("n00"))))) == 4


def test_without_waves_everything_goes_at_once() -> None:
    assert len(begun(decide(plan_of(names(5)), stage=stage(AT_ONCE, attempts=failed("n00"))))) == 5


def test_the_budget_is_about_what_is_written_now() -> None:
    tight = Limits(2, 1.0, 0, timedelta(hours=24), 2, 0.2, 0.3)
    plan = plan_of(names(20))
    assert begun(decide(plan, limits=tight, fleet=Fleet(20))) == []
    assert len(begun(decide(plan, limits=tight, fleet=Fleet(20), stage=stage()))) == 2


def test_fields_that_drifted_go_on_while_those_of_a_commit_wait() -> None:
    declared = settings(popup_url="https://hooks.acme.example/new", callback_url="https://hooks.acme.example/c")
    app = an_app("both", declared)
    before = live_settings(popup_url="https://hooks.acme.example/old", callback_url="https://hooks.acme.example/c")
    live = live_settings(popup_url="https://hooks.acme.example/old", callback_url="https://evil.example/")
    last = [a_last("both", before)]
    step = a_step(app, a_live("both", live), last[0])
    wanted = stage(elsewhere=tuple(an_app(name) for name in names(30)))
    plan = a_plan((app, a_live("both", live)), last=last)
    decision = decide(plan, stage=wanted)
    assert [[change.field for change in each.changes] for each in decision.approved] == [[Field.CALLBACK_URL]]
    assert rollout.committed(step) == (Field.POPUP_URL,)
