"""How long a person's word holds, whatever is done to the clock."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.audit import lasting
from syncer.audit.index import Index
from syncer.clock import Instant, SystemBootClock, SystemClock, instant
from tests.support.recording import START, Boot, Ticks, a_source_approval, an_app, an_approval, open_journal

if TYPE_CHECKING:
    from pathlib import Path

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
EXPIRES = START + DAY
GIVEN = Instant(START, "first", 1_000)


def later(wall: timedelta, up: timedelta, boot: str = "first") -> Instant:
    """So much later by the wall clock, and by the time the machine is up."""
    return Instant(START + wall, boot, 1_000 + round(up / timedelta(microseconds=1)) * 1_000)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (later(timedelta(), timedelta()), True),
        (later(DAY - SECOND, DAY - SECOND), True),
        (later(DAY, DAY), False),
        (later(DAY, HOUR), False),  # set forward: over at once
        (later(-HOUR, HOUR), True),  # set back within one boot: not younger by that
        (later(-HOUR, DAY - SECOND), True),
        (later(-HOUR, DAY), False),
        (later(timedelta(days=-20_000), DAY), False),
        (later(HOUR, HOUR, "second"), True),
        (later(DAY, HOUR, "second"), False),
        (later(timedelta(minutes=-4), HOUR, "second"), True),  # another machine, whose clock is a little behind
        (later(timedelta(minutes=-5), HOUR, "second"), False),  # before it was given: the clock is wrong
        (later(timedelta(days=-20_000), HOUR, "second"), False),
    ],
)
def test_a_word_ends_by_the_clock_and_by_its_age(now: Instant, expected: bool) -> None:
    assert lasting.holds(EXPIRES, GIVEN, now) is expected


@given(st.timedeltas(-100 * 365 * DAY, 70 * 365 * DAY), st.timedeltas(DAY, 100 * DAY))
def test_no_setting_of_the_clock_makes_it_older_than_it_was_meant_to_get(wall: timedelta, up: timedelta) -> None:
    assert not lasting.holds(EXPIRES, GIVEN, later(wall, up))


@given(st.timedeltas(-100 * 365 * DAY, 70 * 365 * DAY))
def test_after_another_boot_it_holds_between_its_giving_and_its_end_only(wall: timedelta) -> None:
    held = lasting.holds(EXPIRES, GIVEN, later(wall, HOUR, "second"))
    assert held is (-lasting.SKEW < wall < DAY)


def test_a_record_of_the_far_future_ends_nobody_elses_word(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path, boot=Boot("first"))) as journal:
        journal.approve(an_approval(an_app(1)))
    future = datetime.fromisoformat("2099-01-01T00:00:00+00:00")
    with closing(open_journal(tmp_path, boot=Boot("first", 2_000), clock=Ticks(future))) as journal:
        journal.approve(an_approval(an_app(2)))
    with closing(Index.view(tmp_path)) as index:
        held = index.approvals(Instant(START + HOUR, "first", 3_000))
        assert [approval.ref for approval in held] == [an_app(1)]


def test_the_index_asks_for_the_age_of_both_kinds_of_approval(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path, boot=Boot("first"))) as journal:
        journal.approve(an_approval(an_app()))
        journal.approve_source(a_source_approval())
    fresh, old = (Instant(START, "first", 10_000 + days * 86_400 * 10**9) for days in (0, 2))
    with closing(Index.view(tmp_path)) as index:
        assert (len(index.approvals(fresh)), len(index.source_approvals(fresh))) == (1, 1)
        assert (index.approvals(old), index.source_approvals(old)) == ((), ())


def test_an_instant_is_told_by_both_clocks() -> None:
    clock, boot = SystemClock(), SystemBootClock()
    before, after = (instant(clock, boot) for _ in range(2))
    assert before.boot == after.boot == boot.boot_id()
    assert before.up <= after.up
