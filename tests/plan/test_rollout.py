"""Waves: how many apps of a revision may be written, when the next ones may, and what stops them all."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as limited
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
    from syncer.model.fields import AppSettings
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
    ("fleet", "sizes"), [(1, [1]), (2, [1, 1]), (10, [1, 4, 5]), (20, [2, 8, 10]), (21, [2, 8, 11])]
)
def test_each_wave_takes_in_its_share_and_at_least_one(fleet: int, sizes: list[int]) -> None:
    assert run_through(names(fleet)) == sizes


@given(st.integers(1, 50), st.lists(st.integers(1, 99), max_size=4, unique=True))
def test_no_wave_is_larger_than_it_may_be_and_all_get_there(fleet: int, shares: list[int]) -> None:
    waves = (*(Wave(share / 100) for share in sorted(shares)), Wave(1.0))
    total = 0
    for written in run_through(names(fleet), Rollout(waves)):
        places = [max(1, int(round(wave.share * 100) * fleet / 100)) for wave in waves]
        assert total + written <= next(most for most in places if most > total)
        total += written
    assert total == fleet


def test_every_app_that_waits_says_for_what() -> None:
    decision = decide(plan_of(names(10)), stage=stage())
    assert {hold.rule for hold in decision.holds} == {Rule.ROLLOUT_WAVE}
    [first] = begun(decision)
    assert {hold.detail for hold in decision.holds} == {
        f"wave 2 of 3 has not begun: 0 of 1 apps before it are verified, not {first}"
    }
    assert decision.holds[0].release == rollout.BY_ITSELF
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
        == f"wave 2 of 3 has not begun: it opens at {NOW + timedelta(seconds=1):%Y-%m-%d %H:%M:%S} UTC"
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


def labelled(*others: str) -> tuple[Rollout, DesiredApp, list[DesiredApp]]:
    """A wave of one canary by its label, and then all the others."""
    waves = Rollout((Wave(labels=(("tier", "canary"),), soak=SOAK), Wave(1.0)))
    return waves, replace(an_app("canary"), labels=(("tier", "canary"),)), [an_app(name) for name in others]


def test_a_wave_by_labels_is_watched_after_it_was_written_too() -> None:
    wanted, first, others = labelled("a", "b")
    applied_now = (first, a_live(first.name, first.settings.over(live_settings())))
    plan = a_plan(applied_now, *((app, a_live(app.name)) for app in others))
    for ago, written in ((SOAK - timedelta(seconds=1), 0), (SOAK, 2)):
        facts = stage(wanted, attempts=applied([first.ref], ago), tried=(first,))
        assert len(begun(decide(plan, stage=facts))) == written


def test_a_drifted_or_unreadable_app_of_a_wave_by_labels_keeps_the_next_one_waiting() -> None:
    wanted, first, others = labelled("a", "b")
    facts = stage(wanted, attempts=applied([first.ref]), tried=(first,))
    last = [a_last(first.name, first.settings.over(live_settings()))]
    rest = [(app, a_live(app.name)) for app in others]
    assert begun(decide(a_plan((first, a_live(first.name)), *rest, last=last), stage=facts)) == [first.ref]
    assert begun(decide(a_plan((first, unreadable(first.name)), *rest), stage=facts)) == []


@pytest.mark.parametrize(("share", "fleet", "places"), [(0.07, 100, 7), (0.29, 100, 29), (0.05, 39, 1), (0.01, 5, 1)])
def test_a_share_takes_in_no_app_more_than_it_says_but_one(share: float, fleet: int, places: int) -> None:
    wide = [f"w{number:03d}" for number in range(fleet)]
    assert len(begun(decide(plan_of(wide), stage=stage(Rollout((Wave(share), Wave(1.0))))))) == places


@pytest.mark.parametrize(
    ("boot", "up", "opens"),
    [
        ("b1", 599, False),  # the wall clock was set forward: this machine knows better
        ("b1", 600, True),
        ("b1", -1, False),
        ("b2", 0, True),  # after a reboot only the wall clock is left
    ],
)
def test_a_clock_set_forward_shortens_no_soak(boot: str, up: int, *, opens: bool) -> None:
    first, name, rest = canary()
    put = Attempt(LONG_AGO, Verdict.APPLIED, "b1", 5_000_000_000)
    facts = stage(attempts={first: put}, boot=boot, up=5_000_000_000 + up * 1_000_000_000)
    assert bool(begun(decide(plan_of(rest, [name]), stage=facts))) is opens


def test_a_clock_set_back_shortens_no_soak() -> None:
    first, name, rest = canary()
    put = Attempt(NOW + timedelta(hours=1), Verdict.APPLIED, "b1", 0)
    facts = stage(attempts={first: put}, boot="b1", up=3_600_000_000_000)
    assert begun(decide(plan_of(rest, [name]), stage=facts)) == []


WAVE = st.one_of(
    st.builds(lambda share: Wave(share=share / 100), st.integers(1, 99)),
    st.builds(lambda tier: Wave(labels=(("tier", tier),)), st.sampled_from("abc")),
)


def passes(apps: list[DesiredApp], waves: tuple[Wave, ...], rng: random.Random | None) -> list[frozenset[AppRef]]:
    """After each pass, the apps that were written or might have been; with `rng` each is cut off somewhere."""
    attempts: dict[AppRef, Attempt] = {}
    covers: list[frozenset[AppRef]] = []
    while len(attempts) < len(apps):
        pairs = [(app, a_live(app.name, shows(app) if app.ref in attempts else None)) for app in apps]
        tried = tuple(app for app in apps if app.ref in attempts)
        now = begun(decide(a_plan(*pairs), stage=stage(Rollout(waves), attempts=attempts, tried=tried)))
        assert now, "a rollout that never ends"
        covers.append(frozenset((*attempts, *now)))
        attempts |= applied(rng.sample(now, rng.randint(1, len(now))) if rng else now)
    return covers


def shows(app: DesiredApp) -> AppSettings:
    return app.settings.over(live_settings())


@limited(max_examples=40)
@given(st.integers(1, 12), st.lists(WAVE, max_size=4), st.randoms(use_true_random=False))
def test_a_pass_cut_off_anywhere_goes_on_with_the_same_wave(fleet: int, mixed: list[Wave], rng: random.Random) -> None:
    shares = iter(sorted({wave.share for wave in mixed if wave.share}))
    growing = (wave if wave.labels else Wave(next(shares, 1.0)) for wave in mixed)
    waves = (*growing, Wave(1.0))
    apps = [replace(an_app(name), labels=(("tier", rng.choice("abcd")),)) for name in names(fleet)]
    whole = passes(apps, waves, None)
    assert set(passes(apps, waves, rng)) == set(whole)
    assert whole[-1] == {app.ref for app in apps}


def test_labels_that_name_none_of_the_changed_apps_hold_nobody_up() -> None:
    wanted = Rollout((Wave(labels=(("tier", "canary"),), soak=SOAK), Wave(1.0)))
    assert len(begun(decide(plan_of(names(5)), stage=stage(wanted)))) == 5


def test_an_approved_app_passes_every_wave() -> None:
    plan = plan_of(names(10))
    decision = decide(plan, *(an_approval(step) for step in plan.steps), stage=stage())
    assert len(begun(decision)) == 10


def test_an_approved_app_takes_the_place_of_another() -> None:
    plan = plan_of(names(20))
    chosen = {step.ref for step in plan.steps[:2]}
    decision = decide(plan, *(an_approval(step) for step in plan.steps[:2]), stage=stage())
    assert set(begun(decision)) == chosen
    assert {hold.rule for hold in decision.holds} == {Rule.ROLLOUT_WAVE}


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
