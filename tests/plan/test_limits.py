"""Limits on a whole pass: budget, mass drift, unreadable share, heat."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncer.model.fields import Field
from syncer.model.outcome import State
from syncer.model.planned import Danger, Plan, RecentPut, Rule
from syncer.plan import limits, states
from syncer.plan.limits import Fleet, Limits, Transition
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
    live_settings,
    settings,
    unreadable,
)

if TYPE_CHECKING:
    from tests.soak.figures import Recorder

NEW = live_settings(popup_url="https://new.example/popup")
USUAL = Limits(25, 0.3, 3, timedelta(hours=24), 2, 0.2, 0.3)
GENEROUS = replace(USUAL, apps=1000, share=1.0, at_least=1000)


def names(count: int) -> list[str]:
    return [f"n{number:03d}" for number in range(count)]


def changed(count: int, unread: int = 0, calm: int = 0) -> Plan:
    """A plan in which `count` apps differ without a record, `unread` more can't be read, and `calm` are in sync."""
    pairs = [(an_app(name), a_live(name)) for name in names(count)]
    silent = [(an_app(f"u{name}"), unreadable(f"u{name}")) for name in names(unread)]
    same = [(an_app(f"s{name}"), a_live(f"s{name}", NEW)) for name in names(calm)]
    return a_plan(*pairs, *silent, *same)


def drifted(count: int) -> Plan:
    """A plan in which `count` apps were moved at the vendor."""
    apps = [an_app(name) for name in names(count)]
    last = [a_last(app.name, app.settings.over(live_settings())) for app in apps]
    return a_plan(*((app, a_live(app.name)) for app in apps), last=last)


def test_no_fleet_and_no_drift_gets_past_a_limit() -> None:
    for size in range(1, 51):
        for count in range(size + 1):
            decision = decide(drifted(count), limits=USUAL, fleet=Fleet(size))
            most = min(USUAL.drifted(size), USUAL.budget(size))
            assert len(decision.approved) == (count if count <= most else 0)


def test_no_fleet_gets_past_the_budget_with_commits() -> None:
    for size in range(1, 51):
        for count in range(size + 1):
            decision = decide(changed(count), limits=USUAL, fleet=Fleet(size))
            assert len(decision.approved) == (count if count <= USUAL.budget(size) else 0)


@pytest.mark.parametrize(("fleet", "budget"), [(1, 3), (10, 3), (20, 6), (80, 24), (84, 25), (5000, 25)])
def test_the_budget_is_a_share_with_a_floor_and_a_ceiling(fleet: int, budget: int) -> None:
    assert USUAL.budget(fleet) == budget


def test_small_steps_add_up_and_the_same_app_twice_is_one() -> None:
    recent = tuple(RecentPut(a_ref(name), NOW - timedelta(hours=1), drift=False, approved=False) for name in names(3))
    fleet = Fleet(10, recent)
    assert len(decide(changed(3), limits=USUAL, fleet=fleet).approved) == 3
    held = decide(a_plan((an_app("other"), a_live("other"))), limits=USUAL, fleet=fleet)
    assert [hold.rule for hold in held.holds] == [Rule.BUDGET]
    assert held.holds[0].release.startswith("syncer approve ")


def test_old_puts_and_approved_ones_leave_the_budget_alone() -> None:
    old = tuple(RecentPut(a_ref(f"o{n}"), NOW - timedelta(hours=24), drift=False, approved=False) for n in names(9))
    approved = tuple(RecentPut(a_ref(f"a{n}"), NOW, drift=False, approved=True) for n in names(9))
    assert len(decide(changed(3), limits=USUAL, fleet=Fleet(10, old + approved)).approved) == 3


def test_an_approved_step_passes_budget_and_mass_drift_and_the_others_do_not() -> None:
    plan = drifted(30)
    decision = decide(plan, an_approval(plan.steps[0]), limits=USUAL, fleet=Fleet(30))
    assert [step.ref for step in decision.approved] == [plan.steps[0].ref]
    assert {hold.rule for hold in decision.holds} == {Rule.MASS_DRIFT, Rule.BUDGET}


def test_one_unreadable_app_stops_no_other_and_many_stop_all() -> None:
    assert len(decide(changed(2, unread=1), limits=USUAL, fleet=Fleet(3)).approved) == 2
    plan = changed(2, unread=2)
    decision = decide(plan, an_approval(plan.steps[0]), limits=USUAL, fleet=Fleet(4))
    assert decision.approved == ()
    assert [hold.rule for hold in decision.holds if hold.ref is None] == [Rule.TOO_MANY_UNREADABLE]


def test_exactly_the_share_is_not_more_than_the_share() -> None:
    assert len(decide(changed(1, unread=3, calm=6), limits=USUAL, fleet=Fleet(10)).approved) == 1
    assert decide(changed(1, unread=4, calm=5), limits=USUAL, fleet=Fleet(10)).approved == ()


def test_unreadable_apps_of_a_selection_are_a_share_of_the_selection() -> None:
    assert decide(changed(1, unread=3), limits=USUAL, fleet=Fleet(100)).approved == ()


def test_a_share_is_not_one_app_short_because_of_binary_fractions() -> None:
    tight = replace(USUAL, apps=100, share=0.29, drift_share=0.29, unreadable=0.29)
    assert (tight.budget(100), tight.drifted(100), Transition(Danger.BLANKS_URL, 0, 0.29).most(100)) == (29, 29, 29)
    assert len(decide(changed(1, unread=29, calm=70), limits=tight, fleet=Fleet(100)).approved) == 1


def test_a_budget_sees_the_whole_of_its_window_however_long() -> None:
    assert limits.lookback(replace(USUAL, per=timedelta(days=30))) == timedelta(days=30)
    assert limits.lookback(USUAL) == limits.lookback(None) == limits.WARM


def test_the_limits_are_told_in_apps_of_the_fleet() -> None:
    found = replace(USUAL, transitions=(Transition(Danger.BLANKS_URL, 1, 0.1),))
    assert list(limits.told(found, 40)) == [
        "12 of 40 apps may change in 24 h without an approval",
        "blanks-url in 4 of them in 24 h",
        "8 drifted at once are put back",
        "nothing is written while more than 30% of the fleet can't be read",
    ]


BLANKS = Transition(Danger.BLANKS_URL, 1, 0.1)
CAREFUL = replace(GENEROUS, transitions=(BLANKS, Transition(Danger.RECORDING_OFF, 1, 0.1)))
"""One app, or a tenth of the fleet."""


def blanking(count: int, **declared: str | bool | None) -> Plan:
    """A plan that empties a URL that is set in `count` apps, and changes whatever else is declared."""
    wanted = settings(callback_url=None, **declared)
    live = live_settings(callback_url="https://hooks.acme.example/c", recording_enabled=True)
    return a_plan(*((an_app(name, wanted), a_live(name, live)) for name in names(count)))


def test_only_the_dangerous_fields_of_a_step_are_held() -> None:
    decision = decide(blanking(3, popup_url="https://hooks.acme.example/p"), limits=CAREFUL, fleet=Fleet(10))
    assert [[change.field for change in step.changes] for step in decision.approved] == [[Field.POPUP_URL]] * 3
    assert {(hold.rule, hold.fields) for hold in decision.holds} == {(Rule.TRANSITION, (Field.CALLBACK_URL,))}
    assert decision.holds[0].detail == "blanks-url in 3 apps in 24 h, more than 1 of 10"
    assert decision.holds[0].release.startswith("syncer approve ")


def test_each_kind_of_danger_is_counted_by_itself() -> None:
    decision = decide(blanking(2, recording_enabled=False), limits=CAREFUL, fleet=Fleet(10))
    assert decision.approved == ()
    assert {hold.fields for hold in decision.holds} == {(Field.CALLBACK_URL,), (Field.RECORDING_ENABLED,)}
    [status] = states.after((an_app("n000"),), states.Observed(decision, NOW))
    assert status.state is State.HELD


def test_small_dangerous_steps_add_up_within_the_window() -> None:
    def recent(**age: float) -> Fleet:
        put = RecentPut(a_ref("x"), NOW - timedelta(**age), False, False, frozenset({Danger.BLANKS_URL}))
        return Fleet(
            10, (put, replace(put, ref=a_ref("y"), approved=True), replace(put, ref=a_ref("z"), dangers=frozenset()))
        )

    assert decide(blanking(1), limits=CAREFUL, fleet=recent(hours=23)).approved == ()
    assert len(decide(blanking(1), limits=CAREFUL, fleet=recent(hours=24)).approved) == 1


def test_an_approved_dangerous_step_passes_and_does_not_count() -> None:
    plan = blanking(2)
    decision = decide(plan, an_approval(plan.steps[0]), limits=CAREFUL, fleet=Fleet(10))
    assert len(decision.approved) == 2


def put_backs(*hours_ago: float) -> tuple[RecentPut, ...]:
    ordered = sorted(hours_ago, reverse=True)
    return tuple(RecentPut(a_ref(), NOW - timedelta(hours=h), drift=True, approved=False) for h in ordered)


@pytest.mark.parametrize(
    ("recent", "fights"),
    [
        (put_backs(), False),
        (put_backs(0.1, 0.2, 0.3), False),
        (put_backs(0.1, 0.2, 0.3, 0.4), True),
        (put_backs(12, 24, 36, 48, 60), False),
        (put_backs(48, 48.1, 48.2, 48.3), True),
        ((*put_backs(4, 4.1, 4.2, 4.3), replace(put_backs(3)[0], approved=True), *put_backs(2)), False),
        ((*put_backs(4, 4.1), *(replace(put, drift=False) for put in put_backs(3, 3.1, 3.2))), False),
        (put_backs(0, 1, 2, 3, 4, 5), True),
    ],
)
def test_a_fight_is_many_put_backs_in_a_short_time(recent: tuple[RecentPut, ...], *, fights: bool) -> None:
    assert (limits.heat(a_ref(), recent) > limits.HOT) is fights
    app = an_app()
    plan = a_plan((app, a_live()), last=[a_last(app.name, app.settings.over(live_settings()))])
    decision = decide(plan, limits=GENEROUS, fleet=Fleet(10, recent))
    assert [hold.rule for hold in decision.holds] == ([Rule.FIGHTING] if fights else [])
    [status] = states.after([app], states.Observed(decision, NOW))
    assert status.state is (State.FIGHTING if fights else State.DRIFTED)


def test_a_fight_of_more_than_a_week_ago_is_over_however_far_the_budget_looks_back() -> None:
    long_ago = put_backs(*(7 * 24 + h for h in (0.1, 0.2, 0.3, 0.4)))
    plan = a_plan((an_app(), a_live()), last=[a_last("desk", an_app().settings.over(live_settings()))])
    assert decide(plan, limits=replace(GENEROUS, per=timedelta(days=30)), fleet=Fleet(10, long_ago)).holds == ()


def test_drift_that_is_put_back_again_and_again_is_told_however_slow_it_is() -> None:
    slow = put_backs(0, 40, 80, 120)
    assert limits.flapping(slow) == {a_ref(): 4}
    assert limits.flapping(slow[1:]) == {}
    assert limits.flapping([replace(put, approved=True) for put in slow]) == {}
    app = an_app()
    calm = decide(a_plan((app, a_live(shows=app.settings.over(live_settings())))))
    [status] = states.after([app], states.Observed(calm, NOW, flapping=limits.flapping(slow)))
    assert status.reason == "live settings are as git declares them; put back 4 times within a week"


def test_an_approval_ends_a_fight_once_and_a_commit_is_no_fight() -> None:
    hot = Fleet(10, put_backs(0.1, 0.2, 0.3, 0.4))
    plan = drifted(1)
    same = Fleet(10, tuple(replace(put, ref=plan.steps[0].ref) for put in hot.recent))
    assert decide(plan, an_approval(plan.steps[0]), limits=GENEROUS, fleet=same).approved
    assert decide(a_plan((an_app(), a_live())), limits=GENEROUS, fleet=hot).approved
    others = put_backs(0.1, 0.2, 0.3, 0.4)
    assert limits.heat(a_ref("another"), others) == 0
    assert a_step().ref == a_ref()


@pytest.mark.soak
def test_no_fleet_of_one_to_fifty_gets_past_any_limit(figure: Recorder) -> None:
    done = 0
    for size in range(1, 51):
        for count in range(size + 1):
            plans = (changed(count), drifted(count), blanking(count))
            most = (USUAL.budget(size), min(USUAL.drifted(size), USUAL.budget(size)), BLANKS.most(size))
            for plan, limit, allowed in zip(plans, (USUAL, USUAL, CAREFUL), most, strict=True):
                written = decide(plan, limits=limit, fleet=Fleet(size)).approved
                assert len(written) == (count if count <= allowed else 0)
                done += 1
    figure("gate-exhaustive", done, seeds="none", result="0 writes above a limit")
