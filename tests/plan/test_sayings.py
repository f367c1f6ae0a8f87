"""Which of several things that people said counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from syncer.model.desired import AppRef
from syncer.model.orders import Saying
from syncer.plan import sayings
from tests.support.builders import NOW

HOUR = timedelta(hours=1)
ORDER = Saying(AppRef("acme", "one"), False, NOW, "asha", "INC-7", NOW + 4 * HOUR, log="0a" * 16, record=7)
END = replace(ORDER, at=NOW + HOUR, until=None, reason="over")

said = st.builds(
    Saying,
    ref=st.sampled_from([None, AppRef("acme", "one"), AppRef("acme", "two")]),
    pins=st.booleans(),
    at=st.integers(0, 3).map(lambda hours: NOW + hours * HOUR),
    by=st.sampled_from(["asha", "ravi"]),
    reason=st.just("INC-7"),
    until=st.none() | st.integers(4, 6).map(lambda hours: NOW + hours * HOUR),
    log=st.sampled_from(["0a" * 16, "0b" * 16]),
    record=st.integers(0, 2),
)
side = st.lists(said, max_size=6)


@given(side, side, side)
def test_merging_is_the_same_in_any_order_and_however_often(a: list[Saying], b: list[Saying], c: list[Saying]) -> None:
    once = sayings.merged(a, b, c)
    assert once == sayings.merged(c, a, b) == sayings.merged(sayings.merged(b, c), a)
    assert once == sayings.merged(once, once, a)


@given(side, side)
def test_no_order_is_lost_that_nobody_ended_since(a: list[Saying], b: list[Saying]) -> None:
    found = {each.about: each for each in sayings.merged(a, b)}
    for order in (each for each in (*a, *b) if each.until is not None):
        ended = any(each.about == order.about and each.until is None and each.at > order.at for each in (*a, *b))
        assert ended or found[order.about].until is not None


@given(side, side)
def test_whoever_takes_in_what_is_news_knows_as_much_as_both(a: list[Saying], b: list[Saying]) -> None:
    own = sayings.merged(a)
    assert sayings.merged(own, sayings.news(sayings.merged(b), own)) == sayings.merged(a, b)
    assert not sayings.behind(sayings.merged(a, b), own)


def test_the_later_one_counts_and_of_two_at_once_the_one_that_holds_more_back() -> None:
    assert sayings.merged([ORDER], [END]) == (END,)
    assert sayings.merged([replace(ORDER, at=NOW + HOUR)], [END]) == (replace(ORDER, at=NOW + HOUR),)
    longer = replace(ORDER, until=NOW + 5 * HOUR)
    assert sayings.merged([longer], [ORDER]) == (longer,)


def test_others_are_behind_who_lack_an_order_or_the_end_of_one_that_they_know() -> None:
    assert sayings.behind([], [ORDER])
    assert sayings.behind([ORDER], [END])
    assert not sayings.behind([], [END])
    assert not sayings.behind([END], [ORDER])


def test_an_app_and_the_whole_fleet_a_suspension_and_a_pin_are_said_apart() -> None:
    several = [ORDER, replace(ORDER, ref=None), replace(ORDER, pins=True)]
    assert len(sayings.merged(several)) == 3
