"""What may be written now: holds only ever take away, and approvals lift only what they are for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as within
from hypothesis import strategies as st

from syncer.model.desired import OnCommit, OnDrift, Suspend
from syncer.model.fields import Field
from syncer.model.planned import QUIET_RULES, Cause, Decision, Rule
from syncer.plan import gate, orders
from tests.support.builders import (
    NOW,
    a_last,
    a_live,
    a_plan,
    a_ref,
    an_app,
    an_approval,
    decide,
    facts,
    live_settings,
    settings,
)
from tests.support.strategies import LIVE_SETTINGS, pairs

if TYPE_CHECKING:
    from syncer.model.desired import DesiredApp
    from syncer.model.live import LiveApp
    from syncer.model.planned import Plan

REF = a_ref()
HELD = Suspend("moving house")


def plan_with(cause: Cause, **policy: Any) -> Plan:
    """A plan of one app whose popup URL differs, for the cause named."""
    recorded = {
        Cause.GIT: a_last(),
        Cause.DRIFT: a_last(applied=settings(popup_url="https://new.example/popup")),
        Cause.BOTH: a_last(applied=settings(popup_url="https://third.example/")),
        Cause.UNKNOWN: None,
    }[cause]
    app = an_app(**policy)
    plan = a_plan((app, a_live()), last=[recorded] if recorded else [])
    assert plan.steps[0].causes == {cause}
    return plan


def rules(decision: Decision) -> list[Rule]:
    return [hold.rule for hold in decision.holds]


def test_without_a_reason_against_it_the_whole_step_is_approved() -> None:
    plan = plan_with(Cause.GIT)
    assert decide(plan) == Decision(plan, plan.steps, ())


@pytest.mark.parametrize(
    ("cause", "policy", "held"),
    [
        (Cause.GIT, {}, []),
        (Cause.DRIFT, {}, []),
        (Cause.BOTH, {}, []),
        (Cause.UNKNOWN, {}, []),
        (Cause.GIT, {"on_commit": OnCommit.HOLD}, [Rule.COMMIT_HELD]),
        (Cause.DRIFT, {"on_commit": OnCommit.HOLD}, []),
        (Cause.BOTH, {"on_commit": OnCommit.HOLD}, [Rule.COMMIT_HELD]),
        (Cause.UNKNOWN, {"on_commit": OnCommit.HOLD}, [Rule.COMMIT_HELD]),
        (Cause.GIT, {"on_drift": OnDrift.REPORT}, []),
        (Cause.DRIFT, {"on_drift": OnDrift.REPORT}, [Rule.DRIFT_REPORTED]),
        (Cause.BOTH, {"on_drift": OnDrift.REPORT}, [Rule.DRIFT_REPORTED]),
        (Cause.UNKNOWN, {"on_drift": OnDrift.REPORT}, [Rule.DRIFT_REPORTED]),
        (Cause.GIT, {"on_drift": OnDrift.IGNORE}, []),
        (Cause.DRIFT, {"on_drift": OnDrift.IGNORE}, [Rule.DRIFT_IGNORED]),
        (Cause.BOTH, {"on_drift": OnDrift.IGNORE}, [Rule.DRIFT_IGNORED]),
        (Cause.UNKNOWN, {"on_drift": OnDrift.IGNORE}, [Rule.DRIFT_IGNORED]),
        (
            Cause.BOTH,
            {"on_commit": OnCommit.HOLD, "on_drift": OnDrift.REPORT},
            [Rule.COMMIT_HELD, Rule.DRIFT_REPORTED],
        ),
    ],
)
def test_the_apps_policy_holds_by_cause(cause: Cause, policy: dict[str, object], held: list[Rule]) -> None:
    decision = decide(plan_with(cause, **policy))
    assert rules(decision) == held
    assert len(decision.approved) == (0 if held else 1)


def two_causes(**policy: Any) -> Plan:
    """A popup URL that a commit changed, and recording that somebody switched on at the vendor."""
    app = an_app(declared=settings(popup_url="https://new.example/popup", recording_enabled=False), **policy)
    live = a_live(shows=live_settings(popup_url="https://old.example/popup", recording_enabled=True))
    return a_plan((app, live), last=[a_last()])


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        ({"on_commit": OnCommit.HOLD}, Field.RECORDING_ENABLED),
        ({"on_drift": OnDrift.REPORT}, Field.POPUP_URL),
        ({"on_drift": OnDrift.IGNORE}, Field.POPUP_URL),
    ],
)
def test_a_hold_on_some_fields_leaves_the_others_to_be_written(policy: dict[str, object], written: Field) -> None:
    plan = two_causes(**policy)
    decision = decide(plan)
    (step,) = decision.approved
    assert [change.field for change in step.changes] == [written]
    (held,) = decision.holds[0].fields
    assert step.body.get(held) == plan.steps[0].live.settings.get(held)


def test_a_protected_field_waits_for_a_word_while_others_are_written() -> None:
    decision = decide(two_causes(protected=(Field.CALLBACK_URL, Field.RECORDING_ENABLED)))
    (hold,) = decision.holds
    assert (hold.rule, hold.detail, hold.fields) == (
        Rule.PROTECTED,
        "protected: recording_enabled",
        (Field.RECORDING_ENABLED,),
    )
    assert [change.field for change in decision.approved[0].changes] == [Field.POPUP_URL]


HARD: list[tuple[Rule, dict[str, object], dict[str, object]]] = [
    (Rule.SUSPENDED, {"suspend": HELD}, {}),
    (Rule.WINDOW, {}, {"closed": {REF: NOW + timedelta(hours=1)}}),
    (Rule.OPEN_INTENT, {}, {"open_intents": frozenset({REF})}),
    (Rule.REFUSED, {}, {"refused": frozenset({REF})}),
    (Rule.OBSERVE, {}, {"writes": False}),
]


@pytest.mark.parametrize(("rule", "policy", "found"), HARD)
@pytest.mark.parametrize("cause", list(Cause))
def test_no_approval_lifts_a_hard_hold(
    rule: Rule, policy: dict[str, object], found: dict[str, object], cause: Cause
) -> None:
    plan = plan_with(cause, **policy)
    decision = decide(plan, an_approval(plan.steps[0]), **found)
    assert rules(decision) == [rule]
    assert decision.approved == ()


SOFT: list[tuple[Cause, dict[str, object], dict[str, object]]] = [
    (Cause.GIT, {"on_commit": OnCommit.HOLD}, {}),
    (Cause.DRIFT, {"on_drift": OnDrift.REPORT}, {}),
    (Cause.BOTH, {"on_commit": OnCommit.HOLD, "on_drift": OnDrift.REPORT}, {}),
    (Cause.BOTH, {"on_drift": OnDrift.IGNORE}, {}),
    (Cause.UNKNOWN, {"on_drift": OnDrift.IGNORE}, {}),
    (Cause.GIT, {}, {"unconfirmed": {REF: 3}}),
    *((cause, dict[str, object](protected=(Field.POPUP_URL,)), dict[str, object]()) for cause in Cause),
]


@pytest.mark.parametrize(("cause", "policy", "found"), SOFT)
def test_an_approval_of_exactly_this_change_lifts_a_soft_hold(
    cause: Cause, policy: dict[str, object], found: dict[str, object]
) -> None:
    plan = plan_with(cause, **policy)
    assert decide(plan, **found).approved == ()
    assert decide(plan, an_approval(plan.steps[0]), **found) == Decision(plan, plan.steps, ())


@pytest.mark.parametrize(("cause", "policy", "found"), SOFT)
def test_a_soft_hold_names_the_command_that_releases_it(
    cause: Cause, policy: dict[str, object], found: dict[str, object]
) -> None:
    plan = plan_with(cause, **policy)
    for hold in decide(plan, **found).holds:
        assert hold.release == f"syncer approve {plan.id[:12]} --reason '…'"


@pytest.mark.parametrize("spoilt", ["expired", "expires now", "another digest", "another app"])
def test_an_approval_that_does_not_fit_lifts_nothing(spoilt: str) -> None:
    plan = plan_with(Cause.GIT, on_commit=OnCommit.HOLD)
    good = an_approval(plan.steps[0])
    approval = {
        "expired": replace(good, expires=NOW - timedelta(seconds=1)),
        "expires now": replace(good, expires=NOW),
        "another digest": replace(good, digest="0" * 64),
        "another app": replace(good, ref=a_ref("sales")),
    }[spoilt]
    assert rules(decide(plan, approval)) == [Rule.COMMIT_HELD]


def test_approving_a_commit_does_not_put_back_ignored_drift() -> None:
    plan = two_causes(on_commit=OnCommit.HOLD, on_drift=OnDrift.IGNORE)
    decision = decide(plan, an_approval(plan.steps[0]))
    assert [(hold.rule, hold.fields, hold.release) for hold in decision.holds] == [
        (Rule.DRIFT_IGNORED, (Field.RECORDING_ENABLED,), "change on_drift of desk in git")
    ]
    assert [change.field for change in decision.approved[0].changes] == [Field.POPUP_URL]


@pytest.mark.parametrize(("count", "held"), [(0, []), (2, []), (3, [Rule.NOT_CONVERGING]), (9, [Rule.NOT_CONVERGING])])
def test_three_puts_that_do_not_show_are_enough(count: int, held: list[Rule]) -> None:
    assert rules(decide(plan_with(Cause.GIT), unconfirmed={REF: count})) == held


def test_what_does_not_converge_is_told_with_both_values_masked() -> None:
    live = a_live(shows=live_settings(popup_url="https://h.example/?key=live-secret"))
    plan = a_plan((an_app(declared=settings(popup_url="https://h.example/?k=git-secret")), live))
    (hold,) = decide(plan, unconfirmed={REF: 3}).holds
    assert "wrote https://h.example/?k=***, reads https://h.example/?key=***" in hold.detail


@pytest.mark.parametrize(
    ("until", "in_force"), [(None, True), (NOW + timedelta(seconds=1), True), (NOW, False), (NOW - timedelta(1), False)]
)
def test_a_suspension_ends_when_it_says(until: object, in_force: bool) -> None:
    plan = plan_with(Cause.GIT, suspend=Suspend("moving house", until))  # type: ignore[arg-type]  # datetime or None
    assert rules(decide(plan)) == ([Rule.SUSPENDED] if in_force else [])
    assert bool(orders.pause(plan.steps[0].app, NOW)) is in_force


def test_a_suspension_is_told_with_its_reason_and_end() -> None:
    plan = plan_with(Cause.GIT, suspend=Suspend("moving house", NOW + timedelta(days=1)))
    (hold,) = decide(plan).holds
    assert hold.detail == "suspended until 2026-03-03 10:00 UTC: moving house"
    assert hold.release == "remove suspend of desk in git"


@pytest.mark.parametrize(
    ("opens", "told"),
    [(NOW, "outside its window: opens 2026-03-02 10:00 UTC"), (None, "outside its window: no opening known")],
)
def test_a_closed_window_says_when_it_opens(opens: object, told: str) -> None:
    (hold,) = decide(plan_with(Cause.GIT), closed={REF: opens}).holds
    assert hold.detail == told


def test_every_reason_is_given_at_once() -> None:
    plan = plan_with(
        Cause.UNKNOWN,
        suspend=HELD,
        on_commit=OnCommit.HOLD,
        on_drift=OnDrift.REPORT,
        protected=(Field.POPUP_URL,),
    )
    everything = {key: value for _, _, found in HARD for key, value in found.items()}
    assert rules(decide(plan, unconfirmed={REF: 3}, **everything)) == [
        Rule.OBSERVE,
        Rule.SUSPENDED,
        Rule.WINDOW,
        Rule.OPEN_INTENT,
        Rule.REFUSED,
        Rule.NOT_CONVERGING,
        Rule.COMMIT_HELD,
        Rule.DRIFT_REPORTED,
        Rule.PROTECTED,
    ]


def test_observing_a_fleet_in_sync_holds_nothing() -> None:
    assert decide(a_plan((an_app(declared=settings()), a_live())), writes=False).holds == ()


def test_what_policy_chose_and_ends_by_itself_is_quiet() -> None:
    assert {Rule.SUSPENDED, Rule.DRIFT_IGNORED, Rule.WINDOW, Rule.ROLLOUT_WAVE} == QUIET_RULES


APPS = st.sets(st.sampled_from(["a", "b", "c", "d", "e"])).map(lambda names: frozenset(map(a_ref, names)))
FACTS = st.builds(
    facts,
    closed=APPS.map(dict.fromkeys),
    unconfirmed=st.dictionaries(st.sampled_from("abcde").map(a_ref), st.integers(0, 5)),
    writes=st.booleans(),
    refused=APPS,
    open_intents=APPS,
)
POLICIES = st.fixed_dictionaries(
    {
        "on_commit": st.sampled_from(OnCommit),
        "on_drift": st.sampled_from(OnDrift),
        "suspend": st.sampled_from([None, HELD, Suspend("over", NOW)]),
        "protected": st.sampled_from([(), (Field.POPUP_URL,), (Field.RECORDING_ENABLED, Field.STREAMING_URL)]),
    }
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans with all policies and causes."""
    found: list[tuple[DesiredApp, LiveApp]] = [
        (replace(app, policy=replace(app.policy, **draw(POLICIES))), live) for app, live in draw(pairs())
    ]
    applied = [a_last(app.name, draw(LIVE_SETTINGS)) for app, _ in found if draw(st.booleans())]
    return a_plan(*found, last=applied)


def written(plan: Plan, these: gate.Facts) -> set[tuple[object, Field]]:
    return {(step.ref, change.field) for step in gate.decide(plan, these).approved for change in step.changes}


@within(max_examples=100, deadline=None)
@given(plans(), FACTS, FACTS)
def test_another_reason_never_adds_a_write(plan: Plan, these: gate.Facts, more: gate.Facts) -> None:
    joined = replace(
        these,
        writes=these.writes and more.writes,
        closed={**these.closed, **more.closed},
        unconfirmed={
            ref: max(these.unconfirmed.get(ref, 0), more.unconfirmed.get(ref, 0))
            for ref in {*these.unconfirmed, *more.unconfirmed}
        },
        refused=these.refused | more.refused,
        open_intents=these.open_intents | more.open_intents,
    )
    assert written(plan, joined) <= written(plan, these)


@within(max_examples=100, deadline=None)
@given(plans(), FACTS)
def test_an_approval_never_takes_a_write_away(plan: Plan, these: gate.Facts) -> None:
    approved = replace(these, approvals=tuple(an_approval(step) for step in plan.steps))
    assert written(plan, these) <= written(plan, approved)


@within(max_examples=100, deadline=None)
@given(plans(), FACTS, st.booleans())
def test_what_is_suspended_closed_refused_open_or_observed_is_never_written(
    plan: Plan, these: gate.Facts, approve: bool
) -> None:
    approvals = tuple(an_approval(step) for step in plan.steps) if approve else ()
    for step in gate.decide(plan, replace(these, approvals=approvals)).approved:
        assert these.writes
        assert step.ref not in {*these.closed, *these.refused, *these.open_intents}
        assert not orders.pause(step.app, NOW)


@within(max_examples=100, deadline=None)
@given(plans(), FACTS)
def test_every_change_is_either_written_or_held_by_name(plan: Plan, these: gate.Facts) -> None:
    decision = gate.decide(plan, these)
    done = written(plan, these)
    for step in plan.steps:
        for change in step.changes:
            against = [h for h in decision.holds_of(step.ref) if not h.fields or change.field in h.fields]
            assert ((step.ref, change.field) in done) == (not against)


def test_once_something_was_written_holds_name_the_id_of_the_plan_that_is_left() -> None:
    held, free = an_app("held", on_commit=OnCommit.HOLD), an_app("free")
    decision = decide(a_plan((held, a_live("held")), (free, a_live("free"))))
    [next_plan] = [a_plan((held, a_live("held")), (free, a_live("free", free.settings.over(live_settings()))))]
    [hold] = gate.written(decision, {free.ref}).holds
    assert next_plan.id != decision.plan.id
    assert hold.release == f"syncer approve {next_plan.id[:12]} --reason '…'"


def test_a_step_that_was_written_in_part_is_left_with_the_rest() -> None:
    wanted = settings(popup_url="https://hooks.acme.example/new", recording_enabled=True)
    app = an_app("desk", wanted, protected=(Field.RECORDING_ENABLED,))
    decision = decide(a_plan((app, a_live("desk"))))
    [part] = decision.approved
    next_plan = a_plan((app, a_live("desk", part.body)))
    [hold] = gate.written(decision, {app.ref}).holds
    assert hold.release == f"syncer approve {next_plan.id[:12]} --reason '…'"


def test_other_ways_out_stay_when_something_was_written() -> None:
    decision = decide(plan_with(Cause.GIT, suspend=HELD))
    assert gate.written(decision, set()) == decision
