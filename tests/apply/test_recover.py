"""Intents that a crash left open are resolved by reading, and block their app until then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncer.apply import recover
from syncer.model.live import LiveApp
from syncer.model.outcome import Verdict
from tests.support.builders import NOW, ListJournal, a_ref, an_open_intent, digest, live_settings, unreadable

BEFORE = live_settings(popup_url="https://old.example/")
AFTER = live_settings(popup_url="https://new.example/")


@pytest.mark.parametrize(
    ("shows", "verdict"),
    [
        (AFTER, Verdict.APPLIED),
        (live_settings(popup_url="HTTPS://new.example:443"), Verdict.APPLIED),
        (BEFORE, Verdict.NOT_APPLIED),
        (live_settings(popup_url="https://third.example/"), Verdict.SUPERSEDED),
        (replace(AFTER, recording_enabled=True), Verdict.SUPERSEDED),
    ],
)
def test_what_the_app_shows_now_decides(shows: object, verdict: Verdict) -> None:
    journal, live = ListJournal(), LiveApp(a_ref(), shows, NOW)  # type: ignore[arg-type]  # settings
    blocked = recover.resolve([an_open_intent(BEFORE, AFTER)], {a_ref(): live}, journal, digest)
    assert blocked == frozenset()
    (result,) = journal.results
    assert (result.request_id, result.ref, result.verdict, result.live) == ("id1", a_ref(), verdict, live)
    assert result.message.startswith("found by a later read")


@pytest.mark.parametrize("live", [{}, {a_ref(): unreadable()}])
def test_an_app_that_cannot_be_read_stays_blocked(live: dict[object, object]) -> None:
    journal = ListJournal()
    blocked = recover.resolve([an_open_intent(BEFORE, AFTER)], live, journal, digest)  # type: ignore[arg-type]  # reads by app
    assert (blocked, journal.results) == (frozenset({a_ref()}), [])


def test_one_app_that_stays_blocked_does_not_keep_others_from_being_resolved() -> None:
    journal = ListJournal()
    intents = [an_open_intent(BEFORE, AFTER), an_open_intent(BEFORE, AFTER, "sales")]
    blocked = recover.resolve(intents, {a_ref("sales"): LiveApp(a_ref("sales"), AFTER, NOW)}, journal, digest)
    assert blocked == {a_ref("desk")}
    assert [result.ref for result in journal.results] == [a_ref("sales")]
