"""Every fleet of 1 to 50 apps against every limit, with every number of changes and of earlier PUTs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import settings as within
from hypothesis import strategies as st

from syncer.model.fields import Field
from syncer.model.planned import Cause, Danger, Plan, RecentPut
from syncer.plan import gate
from syncer.plan.limits import Fleet, Limits, Transition
from tests.support.builders import NOW, a_last, a_live, a_plan, an_app, an_approval, facts, live_settings, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.model.planned import AppPlan, Decision
    from tests.soak.figures import Recorder

LARGEST: Final = 50
DAY: Final = timedelta(hours=24)
TRANSITIONS: Final = (
    Transition(Danger.BLANKS_URL, 1, 0.05),
    Transition(Danger.RECORDING_OFF, 2, 0.1),
    Transition(Danger.STREAMING_OFF, 2, 0.05),
)
USUAL: Final = Limits(25, 0.3, 3, DAY, 2, 0.2, 0.3, TRANSITIONS)
WIDE: Final = Limits(1000, 1.0, 1000, DAY, 1000, 1.0, 1.0)
HOOK: Final = "https://hooks.acme.example/hook"
LIVE: Final = live_settings(
    popup_url=HOOK, recording_enabled=True, recording_url=HOOK, streaming_enabled=True, streaming_url=HOOK
)
DANGEROUS: Final = {
    Danger.BLANKS_URL: (Field.POPUP_URL, None),
    Danger.RECORDING_OFF: (Field.RECORDING_ENABLED, False),
    Danger.STREAMING_OFF: (Field.STREAMING_ENABLED, False),
}


def steps_of(*dangers: Danger, harmless: bool = True, drift: bool = False) -> tuple[AppPlan, ...]:
    """One step for each of 50 apps: it makes these dangerous changes, and a harmless one."""
    wanted = dict(DANGEROUS[danger] for danger in dangers)
    declared = settings(
        **{field.value: value for field, value in wanted.items()}, **({"callback_url": HOOK} if harmless else {})
    )
    apps = [an_app(f"n{number:03d}", declared) for number in range(LARGEST)]
    last = [a_last(app.name, declared.over(LIVE) if drift else LIVE) for app in apps]
    plan = a_plan(*((app, a_live(app.name, LIVE)) for app in apps), last=last)
    assert {cause for step in plan.steps for cause in step.causes} == {Cause.DRIFT if drift else Cause.GIT}
    assert {change.danger for change in plan.steps[0].changes} - {None} == set(dangers)
    return plan.steps


COMMITS: Final = steps_of()
DRIFT: Final = steps_of(drift=True)
EVERYTHING: Final = steps_of(*DANGEROUS)
ALL_DRIFTED: Final = steps_of(*DANGEROUS, drift=True)


def plan_of(*steps: AppPlan) -> Plan:
    return replace(a_plan(), steps=tuple(sorted(steps, key=lambda step: step.ref)))


def decided(plan: Plan, limits: Limits, fleet: Fleet, *approved: AppPlan) -> Decision:
    return gate.decide(plan, facts(tuple(map(an_approval, approved)), limits=limits, fleet=fleet))


def earlier(step: AppPlan, *dangers: Danger, approved: bool = False) -> RecentPut:
    return RecentPut(step.ref, NOW - timedelta(hours=1), False, approved, frozenset(dangers))


def above(decision: Decision, limits: Limits, fleet: Fleet) -> list[str]:
    """The limits that this decision, with the PUTs of the window, writes beyond; approved PUTs don't count."""
    unattended = [put for put in fleet.recent if not put.approved and NOW - put.at < limits.per]
    before = {put.ref for put in unattended}
    refs = {step.ref for step in decision.approved}
    found = []
    if refs and len(refs | before) > limits.budget(fleet.size):
        found.append("budget")
    drifted = {step.ref for step in decision.plan.steps if Cause.DRIFT in step.causes}
    if refs and len(drifted) > limits.drifted(fleet.size):
        found.append("mass drift")
    for each in limits.transitions:
        made = {step.ref for step in decision.approved if any(c.danger is each.danger for c in step.changes)}
        known = {put.ref for put in unattended if each.danger in put.dangers}
        if made and len(made | known) > each.most(fleet.size):
            found.append(each.danger)
    return found


def fleets() -> Iterator[tuple[int, int]]:
    """Every size with every number of apps that change."""
    return ((size, count) for size in range(1, LARGEST + 1) for count in range(size + 1))


KINDS: Final = pytest.mark.parametrize(
    "steps", [COMMITS, DRIFT, EVERYTHING, ALL_DRIFTED], ids=["git", "drift", "dangerous", "dangerous-drift"]
)


@KINDS
def test_no_fleet_of_up_to_50_apps_is_written_above_a_limit(steps: tuple[AppPlan, ...]) -> None:
    for size, count in fleets():
        decision = decided(plan_of(*steps[:count]), USUAL, Fleet(size))
        assert above(decision, USUAL, Fleet(size)) == [], (size, count)


@pytest.mark.parametrize("danger", list(DANGEROUS))
def test_up_to_its_limit_a_transition_is_made_and_beyond_in_no_app(danger: Danger) -> None:
    steps = steps_of(danger, harmless=False)
    [limit] = (each for each in TRANSITIONS if each.danger is danger)
    only = replace(WIDE, transitions=(limit,))
    for size, count in fleets():
        decision = decided(plan_of(*steps[:count]), only, Fleet(size))
        assert len(decision.approved) == (count if count <= max(limit.apps, int(limit.share * size)) else 0)


def spread(steps: tuple[AppPlan, ...], size: int, stride: int) -> Iterator[tuple[Plan, Fleet]]:
    """Every `stride`-th number of apps written before, then of apps that change, overlapping by half."""
    for spent in range(0, size + 1, stride):
        recent = tuple(earlier(step, *DANGEROUS) for step in steps[:spent])
        for count in range(0, size + 1, stride):
            first = max(0, min(size - count, spent - spent // 2))
            yield plan_of(*steps[first : first + count]), Fleet(size, recent)


def added_up(steps: tuple[AppPlan, ...], sizes: range, stride: int) -> int:
    """Checks numbers of earlier PUTs against numbers of changes; how many it tried."""
    tried = 0
    for size in sizes:
        for plan, fleet in spread(steps, size, stride):
            assert above(decided(plan, USUAL, fleet), USUAL, fleet) == [], (size, len(fleet.recent), len(plan.steps))
            tried += 1
    return tried


def test_small_steps_never_add_up_to_more_than_a_limit() -> None:
    assert added_up(EVERYTHING, range(1, LARGEST + 1, 7), 3) > 500


@pytest.mark.soak
@KINDS
def test_no_number_of_small_steps_adds_up_to_more_than_a_limit(
    steps: tuple[AppPlan, ...], figure: Recorder, request: pytest.FixtureRequest
) -> None:
    tried = added_up(steps, range(1, LARGEST + 1), 1)
    figure("gate-exhaustive", tried, seeds="all", result=f"0 writes above a limit ({request.node.callspec.id})")


def test_what_one_limit_holds_is_no_room_for_another_to_write_more() -> None:
    """Fifteen apps drifted at once: that twelve of them would be switched off does not make it three."""
    some, others = steps_of(Danger.RECORDING_OFF, harmless=False, drift=True), DRIFT
    plan = plan_of(*some[:12], *others[12:15])
    decision = decided(plan, replace(WIDE, drift_apps=10, drift_share=0.0, transitions=TRANSITIONS), Fleet(50))
    assert decision.approved == ()
    crowded = plan_of(*steps_of(Danger.BLANKS_URL)[:2], *COMMITS[2:5])
    assert decided(crowded, USUAL, Fleet(10)).approved == ()


POOLS: Final = (
    COMMITS,
    DRIFT,
    EVERYTHING,
    steps_of(Danger.BLANKS_URL, harmless=False),
    steps_of(Danger.RECORDING_OFF, harmless=False, drift=True),
)
SIZES: Final = st.integers(1, 12)
SHARES: Final = st.sampled_from((0.0, 0.0, 0.05, 0.1, 0.3, 1.0))


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    """Limits of every width."""
    few = st.integers(0, 6)
    made = tuple(Transition(danger, draw(few), draw(SHARES)) for danger in DANGEROUS)
    return Limits(draw(few), draw(SHARES), draw(few), DAY, draw(few), draw(SHARES), 1.0, made)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Plan, Fleet]:
    """A fleet some of whose apps change, some of them for the second time in the window."""
    size = draw(SIZES)
    some = draw(st.sets(st.integers(0, size - 1)))
    plan = plan_of(*(draw(st.sampled_from(POOLS))[number] for number in some))
    puts = st.builds(
        earlier,
        st.sampled_from(COMMITS[:size]),
        *(st.sampled_from(list(DANGEROUS)) for _ in range(draw(st.integers(0, 2)))),
        approved=st.booleans(),
    )
    return plan, Fleet(size, tuple(draw(st.lists(puts, max_size=20))))


def written(decision: Decision) -> set[tuple[object, Field]]:
    return {(step.ref, change.field) for step in decision.approved for change in step.changes}


def tighter(one: Limits, other: Limits) -> Limits:
    """The smaller of each pair of numbers."""
    pairs = zip(one.transitions, other.transitions, strict=True)
    return Limits(
        min(one.apps, other.apps),
        min(one.share, other.share),
        min(one.at_least, other.at_least),
        DAY,
        min(one.drift_apps, other.drift_apps),
        min(one.drift_share, other.drift_share),
        min(one.unreadable, other.unreadable),
        tuple(Transition(a.danger, min(a.apps, b.apps), min(a.share, b.share)) for a, b in pairs),
    )


@within(max_examples=150, deadline=None)
@given(situations(), limits())
def test_nothing_is_written_above_a_limit_whatever_the_limits(found: tuple[Plan, Fleet], these: Limits) -> None:
    plan, fleet = found
    assert above(decided(plan, these, fleet), these, fleet) == []


@within(max_examples=150, deadline=None)
@given(situations(), limits(), limits())
def test_a_tighter_limit_never_adds_a_write(found: tuple[Plan, Fleet], these: Limits, those: Limits) -> None:
    plan, fleet = found
    assert written(decided(plan, tighter(these, those), fleet)) <= written(decided(plan, these, fleet))


@within(max_examples=150, deadline=None)
@given(situations(), limits(), st.data())
def test_another_put_in_the_window_or_another_change_never_adds_a_write(
    found: tuple[Plan, Fleet], these: Limits, data: st.DataObject
) -> None:
    plan, fleet = found
    put = earlier(data.draw(st.sampled_from(COMMITS[: fleet.size])), data.draw(st.sampled_from(list(DANGEROUS))))
    more = replace(fleet, recent=(*fleet.recent, put))
    assert written(decided(plan, these, more)) <= written(decided(plan, these, fleet))
    known = {step.ref for step in plan.steps}
    free = [step for step in data.draw(st.sampled_from(POOLS))[: fleet.size] if step.ref not in known]
    larger = plan_of(*plan.steps, *free[:3])
    added = {(step.ref, change.field) for step in free[:3] for change in step.changes}
    assert written(decided(larger, these, fleet)) - added <= written(decided(plan, these, fleet))


@within(max_examples=150, deadline=None)
@given(situations(), limits(), st.data())
def test_an_approval_writes_its_step_whatever_the_limits_and_takes_no_other_away(
    found: tuple[Plan, Fleet], these: Limits, data: st.DataObject
) -> None:
    plan, fleet = found
    if plan.steps:
        chosen = data.draw(st.sampled_from(plan.steps))
        decision = decided(plan, these, fleet, chosen)
        assert chosen in decision.approved
        assert written(decided(plan, these, fleet)) <= written(decision)
