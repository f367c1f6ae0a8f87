"""A plan is a function of its arguments alone, carries what nobody declares, and is empty once applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import settings as within
from hypothesis import strategies as st

from syncer.model.fields import UNDECLARED, Field
from syncer.plan import build, digests
from tests.support.builders import (
    REVISION,
    a_last,
    a_live,
    a_plan,
    a_ref,
    a_step,
    an_app,
    digest,
    live_settings,
    settings,
    unreadable,
)
from tests.support.strategies import DECLARED_SETTINGS, LIVE_SETTINGS, pairs

if TYPE_CHECKING:
    from syncer.model.desired import DesiredApp
    from syncer.model.fields import AppSettings
    from syncer.model.live import LiveApp

    Pairs = list[tuple[DesiredApp, LiveApp]]


@within(max_examples=60)
@given(pairs(), st.randoms())
def test_the_order_of_the_input_does_not_matter(found: Pairs, random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands in a random.Random
    assert a_plan(*shuffled) == a_plan(*found)


@within(max_examples=60)
@given(pairs())
def test_the_body_is_the_live_settings_with_the_declared_ones_laid_over(found: Pairs) -> None:
    for step in a_plan(*found).steps:
        assert step.body.complete
        for name in Field:
            declared = step.app.settings.get(name)
            assert step.body.get(name) == (step.live.settings.get(name) if declared is UNDECLARED else declared)


@within(max_examples=60)
@given(pairs())
def test_a_plan_is_empty_exactly_where_declared_and_live_agree(found: Pairs) -> None:
    agree = {app.ref for app, live in found if app.settings.over(live.settings) == live.settings}
    plan = a_plan(*found)
    assert set(plan.in_sync) == agree
    assert {step.ref for step in plan.steps} == {app.ref for app, _ in found} - agree


@within(max_examples=60)
@given(pairs())
def test_the_plan_of_what_was_applied_is_empty(found: Pairs) -> None:
    applied = {step.ref: step.body for step in a_plan(*found).steps}
    after = [(app, replace(live, settings=applied.get(app.ref, live.settings))) for app, live in found]
    assert a_plan(*after).steps == ()


@within(max_examples=60)
@given(DECLARED_SETTINGS, LIVE_SETTINGS, LIVE_SETTINGS)
def test_what_an_approval_binds_to_ignores_other_apps_and_undeclared_fields(
    declared: AppSettings, live: AppSettings, other: AppSettings
) -> None:
    app = an_app(declared=declared)
    alone = a_plan((app, a_live(shows=live))).steps
    elsewhere = declared.over(other)
    moved = replace(live, **{f.value: elsewhere.get(f) for f in Field if declared.get(f) is UNDECLARED})
    crowded = a_plan((an_app("sales"), a_live("sales")), (app, a_live(shows=moved))).steps
    assert [s.digest for s in alone] == [s.digest for s in crowded if s.ref == app.ref]


def test_what_an_approval_binds_to_changes_with_live_desired_and_app() -> None:
    step = a_step()
    others = [
        a_step(live=a_live(shows=live_settings(popup_url="https://older.example/"))),
        a_step(an_app(declared=settings(popup_url="https://newer.example/"))),
        a_step(an_app("sales"), a_live("sales")),
        a_step(an_app(declared=settings(popup_url="https://new.example/popup", recording_enabled=True))),
    ]
    assert step.digest not in {other.digest for other in others}


def test_the_base_tells_live_settings_apart_to_the_letter() -> None:
    written = live_settings(popup_url="https://a.example/")
    assert digests.base(written) == digests.base(live_settings(popup_url="https://a.example/"))
    assert digests.base(written) != digests.base(live_settings(popup_url="HTTPS://A.example"))
    assert digests.base(written) != digests.base(live_settings(popup_url="https://a.example/", callback_url="x"))


def test_a_target_is_what_git_declares_to_the_letter() -> None:
    one, respelled = settings(popup_url="https://a.example/"), settings(popup_url="https://a.example")
    assert digests.target(a_ref(), one) == digests.target(a_ref(), settings(popup_url="https://a.example/"))
    assert digests.target(a_ref(), one) != digests.target(a_ref(), respelled)
    assert digests.target(a_ref(), one) != digests.target(a_ref("sales"), one)
    assert digests.target(a_ref(), settings(popup_url=None)) != digests.target(a_ref(), settings())


def test_the_plan_id_binds_the_revision_and_every_step() -> None:
    pair = (an_app(), a_live())
    plan = a_plan(pair)
    assert plan.id != build.build(replace(REVISION, id="d" * 40), [pair], {}, digest).id
    assert plan.id != a_plan(pair, (an_app("sales"), a_live("sales"))).id
    assert plan.id != a_plan((an_app(), a_live(shows=live_settings(callback_url="https://c.example/")))).id


def test_nothing_is_concluded_from_silence() -> None:
    plan = a_plan((an_app(), unreadable()))
    assert (plan.steps, plan.in_sync, plan.unreadable) == ((), (), (unreadable(),))


def test_the_time_in_which_a_value_moved_is_given_for_drift_only() -> None:
    wanted = settings(popup_url="https://old.example/popup")
    drifted = a_step(an_app(declared=wanted), a_live(shows=live_settings(popup_url=None)), a_last())
    assert drifted.moved_after == a_last().seen_at
    assert a_step(last=a_last()).moved_after is None
    assert a_step().moved_after is None


@within(max_examples=60)
@given(pairs(), st.sets(st.sampled_from(Field)))
def test_a_narrowed_step_changes_only_what_it_keeps(found: Pairs, keep: set[Field]) -> None:
    for step in a_plan(*found).steps:
        left = build.narrowed(step, keep.__contains__)
        kept = [change for change in step.changes if change.field in keep]
        if left is None:
            assert kept == []
            continue
        assert list(left.changes) == kept
        assert set(left.held) == {change.field for change in step.changes} - {change.field for change in kept}
        assert (left.digest, left.base, left.target) == (step.digest, step.base, step.target)
        for name in Field:
            unchanged = name not in {change.field for change in kept}
            assert left.body.get(name) == (step.live if unchanged else step.app).settings.get(name)
