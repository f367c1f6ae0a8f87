from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.desired import windows
from syncer.desired.windows import WindowState
from tests.support.desired_apps import allow, at, deny

if TYPE_CHECKING:
    from syncer.model.desired import Window

OFFICE = allow("0 8 * * mon-fri", 10, "Asia/Kolkata")  # 02:30 to 12:30 UTC


def test_no_windows_are_always_open() -> None:
    assert windows.state((), at("2025-03-01T00:00")) == WindowState(open=True)


@pytest.mark.parametrize(
    ("now", "is_open", "changes_at"),
    [
        ("2025-03-03T02:29:59", False, "2025-03-03T02:30"),
        ("2025-03-03T02:30", True, "2025-03-03T12:30"),
        ("2025-03-03T12:29:59.999999", True, "2025-03-03T12:30"),
        ("2025-03-03T12:30", False, "2025-03-04T02:30"),
        ("2025-03-07T13:00", False, "2025-03-10T02:30"),
        ("2025-03-08T05:00", False, "2025-03-10T02:30"),
    ],
)
def test_an_allow_window_opens_at_its_instant_and_closes_after_its_length(
    now: str, is_open: bool, changes_at: str
) -> None:
    assert windows.state((OFFICE,), at(now)) == WindowState(is_open, at(changes_at))


def test_deny_wins_over_allow_and_the_change_is_that_of_the_whole() -> None:
    lunch = deny("0 12 * * *", 1, "Asia/Kolkata")  # 06:30 to 07:30 UTC
    assert windows.state((OFFICE, lunch), at("2025-03-03T06:00")) == WindowState(True, at("2025-03-03T06:30"))
    assert windows.state((OFFICE, lunch), at("2025-03-03T07:00")) == WindowState(False, at("2025-03-03T07:30"))
    assert windows.state((OFFICE, lunch), at("2025-03-08T06:00")) == WindowState(False, at("2025-03-10T02:30"))


def test_a_turn_that_comes_late_is_told_of_a_window_that_closed() -> None:
    window = allow("0 9 * * *", hours=1)
    assert windows.closed((window,), at("2025-06-02 09:59:59")) == ""
    assert "closed before its turn" in windows.closed((window,), at("2025-06-02 10:00"))


def test_deny_alone_leaves_the_rest_open() -> None:
    freeze = deny("0 0 24 12 *", 48)
    assert windows.state((freeze,), at("2025-12-23T12:00")) == WindowState(True, at("2025-12-24T00:00"))
    assert windows.state((freeze,), at("2025-12-25T12:00")) == WindowState(False, at("2025-12-26T00:00"))


def test_two_allow_windows_are_a_union() -> None:
    morning, late = allow("0 6 * * *", 4), allow("0 9 * * *", 2)
    assert windows.state((morning, late), at("2025-03-03T07:00")) == WindowState(True, at("2025-03-03T11:00"))


def test_openings_that_touch_are_one_stretch() -> None:
    assert windows.state((allow("0 8,9,10 * * *", 1),), at("2025-03-03T08:30")) == WindowState(
        True, at("2025-03-03T11:00")
    )


def test_a_window_that_never_closes_has_no_change() -> None:
    assert windows.state((allow("0 * * * *", 1),), at("2025-03-03T08:30")) == WindowState(open=True)


def test_a_window_whose_opening_is_further_than_a_year_has_no_change_in_sight() -> None:
    assert windows.state((allow("0 0 29 2 *", 1),), at("2025-03-03T08:30")) == WindowState(open=False)


def test_minutes_in_a_row_are_one_stretch() -> None:
    assert windows.state((allow("* 8-17 * * *", 1 / 60),), at("2025-03-03T08:30")) == WindowState(
        True, at("2025-03-03T18:00")
    )


def test_a_deny_that_never_ends_closes_for_good_however_often_others_open() -> None:
    always = deny("*/30 * * * *", 0.5)
    assert windows.state((allow("*/2 * * * *", 1 / 60), always), at("2025-03-03T08:30")) == WindowState(open=False)


def test_a_state_is_the_same_in_every_zone_of_the_asker() -> None:
    assert windows.state((OFFICE,), at("2025-03-03T08:00+05:30")) == windows.state((OFFICE,), at("2025-03-03T02:30"))


def test_an_opening_in_the_hour_that_spring_skips_comes_when_the_clock_jumps() -> None:
    night = allow("30 2 * * *", 1, "Europe/Berlin")  # 02:30 does not exist on 30 March 2025; 03:00 CEST is 01:00 UTC
    assert windows.state((night,), at("2025-03-30T00:59:59")) == WindowState(False, at("2025-03-30T01:00"))
    assert windows.state((night,), at("2025-03-30T01:00")) == WindowState(True, at("2025-03-30T02:00"))
    assert windows.state((night,), at("2025-03-30T01:59")) == WindowState(True, at("2025-03-30T02:00"))
    assert windows.state((night,), at("2025-03-30T02:00")) == WindowState(False, at("2025-03-31T00:30"))


def test_an_opening_in_the_hour_that_autumn_repeats_comes_once() -> None:
    night = allow("45 2 * * *", 1, "Europe/Berlin")  # first 02:45 on 26 October 2025 is 00:45 UTC
    assert windows.state((night,), at("2025-10-26T00:44")) == WindowState(False, at("2025-10-26T00:45"))
    assert windows.state((night,), at("2025-10-26T01:30")) == WindowState(True, at("2025-10-26T01:45"))
    assert windows.state((night,), at("2025-10-26T01:45")) == WindowState(False, at("2025-10-27T01:45"))


def test_a_length_is_real_time_across_both_changes_of_the_clock() -> None:
    night = allow("0 0 * * *", 6, "Europe/Berlin")
    assert windows.state((night,), at("2025-03-29T23:30")).changes_at == at("2025-03-30T05:00")
    assert windows.state((night,), at("2025-10-25T22:30")).changes_at == at("2025-10-26T04:00")


@given(
    minutes=st.integers(0, 60 * 24 * 400),
    window=st.sampled_from(
        (
            OFFICE,
            allow("30 2 * * *", 1, "Europe/Berlin"),
            deny("45 1 * * *", 2, "America/New_York"),
            allow("15 */6 * * *", 2.5, "Australia/Lord_Howe"),
            deny("0 0 1 * *", 100, "Asia/Kolkata"),
        )
    ),
)
@settings(max_examples=300, deadline=None)
def test_the_state_changes_exactly_at_changes_at(minutes: int, window: Window) -> None:
    now = at("2025-01-01T00:00:30") + timedelta(minutes=minutes)
    found = windows.state((window,), now)
    assert found.changes_at is not None
    assert found.changes_at > now
    assert windows.state((window,), found.changes_at).open is not found.open
    assert windows.state((window,), found.changes_at - timedelta(seconds=1)).open is found.open
    halfway = now + (found.changes_at - now) / 2
    assert windows.state((window,), halfway) == found
