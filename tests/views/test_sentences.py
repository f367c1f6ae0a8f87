"""One sentence for each app: what, since when, why, and what next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncer import turns
from syncer.model.desired import AppRef
from syncer.model.outcome import State
from syncer.views import sentences
from syncer.views.rows import Row
from syncer.views.sentences import Appointments
from tests.support.shown_plans import NOW

AT = Appointments(look=NOW + timedelta(minutes=3), write=NOW + timedelta(minutes=8))
APPROVE = "syncer approve 3f2a9c1b7d20 --reason '…'"


def change(field: str, cause: str) -> dict[str, str]:
    return {"field": field, "cause": cause}


def hold(detail: str, release: str, *fields: str, rule: str = "protected") -> dict[str, object]:
    return {"rule": rule, "detail": detail, "release": release, "fields": list(fields)}


def a_row(state: State, reason: str = "", **more: object) -> Row:
    ref = AppRef("cust_acme", "app_one")
    row = Row(ref, "one", state, None, reason, NOW - timedelta(minutes=14), NOW, **more)  # type: ignore[arg-type]  # by name
    document = {"holds": list(row.holds), "put_back": row.put_back}
    return replace(row, turn=turns.of(state, document))


def said(row: Row, at: Appointments = AT) -> str:
    return sentences.of(row, NOW, at).text


def test_a_suspended_app_needs_nobody_whatever_else_holds_it() -> None:
    row = a_row(State.SUSPENDED, holds=(hold("protected: popup_url", "syncer approve 3f2a --reason '…'", "popup_url"),))
    assert row.turn is turns.Turn.CHOSEN


def test_drift_names_fields_window_and_the_pass_that_puts_it_back() -> None:
    moved = {"after": "2026-05-04T09:52:00Z", "before": "2026-05-04T10:07:00Z"}
    row = a_row(State.DRIFTED, changes=(change("recording_enabled", "drift"),), moved=moved)
    assert said(row) == (
        "Drifted for 14 min: someone changed recording_enabled at the vendor between 09:52 and 10:07 UTC. "
        "Put back at the next pass that writes, 10:15 UTC."
    )


def test_drift_without_an_earlier_look_names_no_window() -> None:
    row = a_row(State.DRIFTED, changes=(change("popup_url", "drift"), change("callback_url", "drift")))
    assert "someone changed popup_url and callback_url at the vendor. Put back" in said(row)


def test_a_commit_waits_for_the_next_write() -> None:
    row = a_row(State.PENDING, changes=(change("popup_url", "git"),))
    assert said(row) == "Pending for 14 min: git changed popup_url. Applied at the next pass that writes, 10:15 UTC."


def test_nobody_knows_when_a_command_is_run() -> None:
    row = a_row(State.PENDING, changes=(change("popup_url", "git"),))
    assert said(row, Appointments()).endswith("Applied at the next pass that writes.")


def test_both_sides_are_told() -> None:
    row = a_row(State.CONFLICT, changes=(change("popup_url", "both"), change("callback_url", "git")))
    told = said(row)
    assert "git and someone at the vendor both changed popup_url, and git changed callback_url." in told


def test_a_change_that_nobody_recorded_says_so() -> None:
    row = a_row(State.PENDING, changes=(change("popup_url", "unknown"),))
    assert "popup_url differs from git, and there is no record of who changed it." in said(row)


def test_a_hold_that_a_person_releases() -> None:
    row = a_row(
        State.HELD,
        "protected: popup_url",
        changes=(change("popup_url", "git"),),
        holds=(hold("protected: popup_url", APPROVE, "popup_url"),),
    )
    assert said(row) == (
        "Held back for 14 min: git changed popup_url (protected: popup_url). Waits for a person to approve it."
    )


def test_drift_that_is_only_reported_says_why_it_waits() -> None:
    row = a_row(
        State.DRIFTED,
        changes=(change("popup_url", "drift"),),
        holds=(hold("on_drift: report", APPROVE, "popup_url", rule="on-drift-report"),),
    )
    assert said(row).endswith("Waits for a person to approve it (on_drift: report).")


def test_what_is_free_is_written_and_what_is_held_waits() -> None:
    row = a_row(
        State.PENDING,
        changes=(change("popup_url", "git"), change("recording_url", "git")),
        holds=(hold("protected: recording_url", APPROVE, "recording_url"),),
    )
    assert "Applied (popup_url) at the next pass that writes, 10:15 UTC. Waits for a person" in said(row)


def test_a_window_says_when_it_opens() -> None:
    row = a_row(
        State.PENDING,
        changes=(change("popup_url", "git"),),
        holds=(hold("outside its window: opens 2026-05-05 02:30 UTC", "wait for the window", rule="window"),),
    )
    assert said(row).endswith("Outside its window: opens 2026-05-05 02:30 UTC.")


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (State.INVALID, "The last good version stays in force until the file is mended in git."),
        (State.AUTH_FAILED, "Give it a token that works."),
        (State.UNREADABLE, "Read again at the next pass, 10:10 UTC."),
        (State.STALE, "Nothing is known until a pass ends; look whether the daemon runs."),
        (State.FAILING, "Tried again at the next pass that writes, 10:15 UTC."),
        (State.IN_SYNC, "Looked at again at the next pass, 10:10 UTC."),
    ],
)
def test_other_states_say_their_reason_and_what_follows(state: State, then: str) -> None:
    assert said(a_row(state, "the reason.")) == f"{sentences.HEADS[state]} for 14 min: the reason. {then}"


def test_a_failure_tells_its_hint() -> None:
    assert "Look there. Tried again" in said(a_row(State.FAILING, "it failed", hint="look there"))


def test_a_slow_flapper_is_told() -> None:
    row = a_row(State.DRIFTED, changes=(change("popup_url", "drift"),), put_back=4)
    assert "; it was put back 4 times within a week." in said(row)


def test_every_state_has_a_head() -> None:
    assert set(sentences.HEADS) == set(State)


def test_a_moment_needs_no_number() -> None:
    row = replace(a_row(State.PENDING, "x"), since=NOW)
    assert said(row).startswith("Pending for a moment: ")
