"""The state of each app after a pass, and the sentence that says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer.errors import VendorKind
from syncer.model.desired import OnCommit, OnDrift, Suspend
from syncer.model.outcome import AppStatus, Outcome, State, Status
from syncer.plan import states
from tests.support.builders import (
    NOW,
    a_last,
    a_live,
    a_plan,
    a_ref,
    an_app,
    decide,
    live_settings,
    settings,
    unreadable,
)

if TYPE_CHECKING:
    from syncer.model.desired import DesiredApp
    from syncer.model.live import Live
    from syncer.model.planned import LastApplied

REF = a_ref()
WANTED = "https://new.example/popup"
IN_SYNC = a_live(shows=live_settings(popup_url=WANTED))
DRIFT = a_last(applied=settings(popup_url=WANTED))


def outcome(status: Status, failure: str = "") -> Outcome:
    return Outcome(REF, "desk", status, failure=failure)


def state_of(
    app: DesiredApp | None = None,
    live: Live | None = None,
    last: LastApplied | None = None,
    ended: Outcome | None = None,
    **found: Any,
) -> tuple[State, str]:
    app = app or an_app()
    decision = decide(a_plan((app, live or a_live()), last=[last] if last else []), **found)
    (status,) = states.after([app], states.Observed(decision, NOW, {REF: ended} if ended else {}))
    return status.state, status.reason


def test_settings_that_agree_are_in_sync() -> None:
    assert state_of(live=IN_SYNC) == (State.IN_SYNC, "live settings are as git declares them")


def test_a_verified_write_is_in_sync() -> None:
    assert state_of(ended=outcome(Status.APPLIED)) == (State.IN_SYNC, "applied and read back")


@pytest.mark.parametrize("last", [a_last(), None])
def test_a_commit_that_waits_is_pending(last: LastApplied | None) -> None:
    assert state_of(last=last) == (State.PENDING, "waiting to be applied: popup_url")


@pytest.mark.parametrize("status", [Status.MOVED, Status.STOPPED])
def test_an_app_that_was_not_reached_is_pending_still(status: Status) -> None:
    assert state_of(last=a_last(), ended=outcome(status))[0] is State.PENDING


def test_a_change_at_the_vendor_is_drift() -> None:
    assert state_of(last=DRIFT) == (State.DRIFTED, "changed at the vendor: popup_url")


def test_drift_that_is_only_reported_says_so() -> None:
    app = an_app(on_drift=OnDrift.REPORT)
    assert state_of(app, last=DRIFT) == (State.DRIFTED, "changed at the vendor: popup_url (on_drift: report)")


def test_one_field_moved_on_both_sides_is_a_conflict() -> None:
    last = a_last(applied=settings(popup_url="https://third.example/"))
    assert state_of(last=last) == (State.CONFLICT, "git and the vendor both changed: popup_url")


def two_causes(**policy: Any) -> DesiredApp:
    return an_app(declared=settings(popup_url=WANTED, recording_enabled=False), **policy)


TWO_LIVE = a_live(shows=live_settings(popup_url="https://old.example/popup", recording_enabled=True))


def test_one_field_moved_in_git_and_another_at_the_vendor_is_a_conflict() -> None:
    assert state_of(two_causes(), TWO_LIVE, a_last())[0] is State.CONFLICT


def test_after_a_partial_write_only_what_was_held_is_told() -> None:
    app = two_causes(on_drift=OnDrift.REPORT)
    assert state_of(app, TWO_LIVE, a_last(), outcome(Status.APPLIED)) == (
        State.DRIFTED,
        "changed at the vendor: recording_enabled (on_drift: report)",
    )


def test_a_commit_that_needs_a_word_is_held() -> None:
    assert state_of(an_app(on_commit=OnCommit.HOLD), last=a_last()) == (State.HELD, "on_commit: hold")


def test_puts_that_do_not_show_are_not_converging() -> None:
    assert state_of(unconfirmed={REF: 3})[0] is State.NOT_CONVERGING


@pytest.mark.parametrize("found", [{"refused": frozenset({REF})}, {"open_intents": frozenset({REF})}])
def test_a_refused_or_unresolved_put_is_failing(found: dict[str, Any]) -> None:
    assert state_of(**found)[0] is State.FAILING


@pytest.mark.parametrize("status", [Status.FAILED, Status.OPEN])
def test_a_put_that_failed_is_failing_and_says_why(status: Status) -> None:
    assert state_of(ended=outcome(status, "the vendor failed")) == (State.FAILING, "the vendor failed")


def test_a_suspended_app_is_suspended_with_its_reason() -> None:
    assert state_of(an_app(suspend=Suspend("moving house"))) == (State.SUSPENDED, "moving house")
    assert state_of(an_app(suspend=Suspend("moving house")), IN_SYNC)[0] is State.SUSPENDED


def test_a_suspension_that_is_over_is_over() -> None:
    assert state_of(an_app(suspend=Suspend("moving house", NOW)), IN_SYNC)[0] is State.IN_SYNC


def test_an_app_whose_file_is_broken_is_invalid() -> None:
    app = replace(an_app(), invalid="apps/desk.yaml:4:3: unknown key")
    assert state_of(app, IN_SYNC) == (State.INVALID, "apps/desk.yaml:4:3: unknown key")


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (VendorKind.AUTH, State.AUTH_FAILED),
        (VendorKind.TOKEN, State.AUTH_FAILED),
        (VendorKind.SERVER, State.UNREADABLE),
        (VendorKind.NOT_FOUND, State.UNREADABLE),
    ],
)
def test_an_app_without_a_reading_is_never_called_in_sync(kind: VendorKind, state: State) -> None:
    assert state_of(live=unreadable(kind=kind)) == (state, f"the vendor answered {kind}")


def test_outside_its_window_an_app_keeps_the_state_of_its_changes() -> None:
    state, reason = state_of(last=a_last(), closed={REF: None})
    assert (state, reason) == (
        State.PENDING,
        "waiting to be applied: popup_url (outside its window: no opening known)",
    )


def test_every_state_of_today_is_reached() -> None:
    later = {State.APPLYING, State.FIGHTING, State.STALE}
    told = set(states.HELD_STATES.values()) | {
        State.IN_SYNC,
        State.PENDING,
        State.DRIFTED,
        State.CONFLICT,
        State.SUSPENDED,
        State.INVALID,
        State.AUTH_FAILED,
        State.UNREADABLE,
    }
    assert told | later == set(State)


def test_statuses_keep_the_order_of_the_apps() -> None:
    apps = [an_app("sales"), an_app("desk")]
    decision = decide(a_plan(*((app, a_live(app.name)) for app in apps)))
    assert [s.name for s in states.after(apps, states.Observed(decision, NOW))] == ["sales", "desk"]


@pytest.mark.parametrize(("before", "kept"), [(State.PENDING, True), (State.DRIFTED, False)])
def test_since_survives_while_the_state_does(before: State, kept: bool) -> None:
    earlier = NOW - timedelta(hours=3)
    previous = {REF: AppStatus(REF, "desk", before, "then", earlier, earlier)}
    app = an_app()
    (status,) = states.after([app], states.Observed(decide(a_plan((app, a_live()))), NOW, previous=previous))
    assert (status.since, status.checked) == (earlier if kept else NOW, NOW)
