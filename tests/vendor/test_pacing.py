"""Pace per customer: an even rate, less of it after 429 and 5xx, and the way back."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import VendorError, VendorKind
from syncer.model.desired import AppRef
from syncer.vendor import pacing
from syncer.vendor.pacing import Pace, Pacer
from tests.vendor.stage import FakeTime

LIMITED = VendorKind.RATE_LIMITED
A, B = AppRef("a", "app"), AppRef("b", "app")


def _slots(pace: Pace, now: float, count: int) -> list[float]:
    slots = []
    for _ in range(count):
        pace, wait = pacing.reserve(pace, now)
        slots.append(now + wait)
    return slots


@given(rate=st.floats(0.5, 500), asked=st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_no_second_sees_more_than_the_rate_and_a_small_burst(rate: float, asked: list[float]) -> None:
    pace = Pace.start(rate, 0.0)
    slots = []
    for now in sorted(asked):
        pace, wait = pacing.reserve(pace, now)
        slots.append(now + wait)
    assert slots == sorted(slots)
    for position, start in enumerate(slots):
        within = sum(1 for slot in slots[position:] if slot < start + 1.0)
        assert within <= rate * (1 + pacing.BURST) + 2


def test_slots_follow_each_other_evenly() -> None:
    slots = _slots(Pace.start(10, 0.0), 0.0, 20)
    assert all(later - earlier == pytest.approx(0.1) for earlier, later in pairwise(slots[2:]))


def test_a_429_halves_the_rate_and_a_5xx_takes_a_tenth() -> None:
    pace = Pace.start(100, 0.0)
    assert pacing.rate_at(pacing.slowed(pace, 0.0, LIMITED), 0.0) == 50
    assert pacing.rate_at(pacing.slowed(pace, 0.0, VendorKind.SERVER), 0.0) == 90


@pytest.mark.parametrize("kind", sorted(set(VendorKind) - {VendorKind.RATE_LIMITED, VendorKind.SERVER}))
def test_other_failures_change_nothing(kind: VendorKind) -> None:
    pace = Pace.start(100, 0.0)
    assert pacing.slowed(pace, 0.0, kind) == pace


def test_many_failures_of_one_moment_are_one_signal() -> None:
    pace = Pace.start(100, 0.0)
    for _ in range(32):
        pace = pacing.slowed(pace, 0.5, LIMITED)
    assert pacing.rate_at(pace, 0.5) == 50


def test_the_rate_never_falls_below_its_floor() -> None:
    pace = Pace.start(100, 0.0)
    for second in range(100):
        pace = pacing.slowed(pace, float(second), LIMITED)
    assert pacing.rate_at(pace, 99.0) >= 100 * pacing.FLOOR


def test_the_rate_recovers_slowly_and_no_further_than_the_ceiling() -> None:
    pace = pacing.slowed(Pace.start(100, 0.0), 0.0, LIMITED)
    assert [pacing.rate_at(pace, now) for now in (0.0, 3.0, 15.0, 1000.0)] == pytest.approx([50, 60, 100, 100])


def test_a_pause_that_two_apps_ask_for_is_everybodys_and_as_long_as_both_agree() -> None:
    pace = pacing.paused(Pace.start(10, 0.0), 0.0, "one", 20.0)
    assert pace.quiet_until == 0.0
    pace = pacing.paused(pace, 0.1, "two", 5.0)
    assert pace.quiet_until == pytest.approx(5.1)
    pace = pacing.paused(pace, 0.2, "three", 2.0)
    assert pace.quiet_until == pytest.approx(5.1)
    assert _slots(pace, 1.0, 1) == [pytest.approx(5.1)]


def test_one_app_alone_pauses_nobody_else_however_often_it_asks() -> None:
    pace = Pace.start(10, 0.0)
    for second in range(5):
        pace = pacing.paused(pace, float(second), "one", 60.0)
    assert (pace.quiet_until, pace.asked_until) == (0.0, 64.0)


def test_an_answer_in_between_shows_that_the_pause_was_not_meant_for_all() -> None:
    pace = pacing.paused(Pace.start(10, 0.0), 0.0, "one", 60.0)
    pace = pacing.paused(pacing.answered(pace, 1.0), 1.0, "two", 60.0)
    assert pace.quiet_until == 0.0


async def test_everyone_goes_in_the_order_of_asking() -> None:
    time, went = FakeTime(), []
    pacer = Pacer(10, 30, time, time.sleep)

    async def go(number: int) -> None:
        await pacer.turn(A)
        went.append(number)

    await asyncio.gather(*(go(number) for number in range(15)))
    assert went == list(range(15))
    assert time.elapsed == pytest.approx(1.4)


async def test_customers_do_not_wait_for_each_other() -> None:
    time = FakeTime()
    pacer = Pacer(1, 30, time, time.sleep)
    await pacer.turn(A)
    await pacer.turn(B)
    assert time.slept == []


async def test_a_pause_asked_for_meanwhile_holds_for_those_who_already_wait() -> None:
    time = FakeTime()
    pacer = Pacer(1, 30, time, time.sleep)
    await pacer.turn(A)
    waiting = asyncio.ensure_future(pacer.turn(A))
    await asyncio.sleep(0)
    pacer.failed(A, VendorError(LIMITED, "x", retry_after=10.0))
    await waiting
    assert 10 <= time.elapsed <= 12


async def test_a_pause_longer_than_patience_is_an_answer_at_once() -> None:
    time = FakeTime()
    pacer = Pacer(1, 30, time, time.sleep)
    pacer.failed(A, VendorError(LIMITED, "x", retry_after=31.0))
    with pytest.raises(VendorError, match="pause of 31 s") as caught:
        await pacer.turn(A)
    assert (caught.value.kind, caught.value.sent, caught.value.retryable) == (LIMITED, False, False)
    assert time.slept == []


async def test_an_answer_ends_an_apps_own_pause() -> None:
    time = FakeTime()
    pacer = Pacer(1, 30, time, time.sleep)
    pacer.failed(A, VendorError(LIMITED, "x", retry_after=31.0))
    pacer.answered(A)
    await pacer.turn(A)
    assert time.slept == []


async def test_a_claim_waits_for_nothing_and_the_turns_after_it_pay() -> None:
    time = FakeTime()
    pacer = Pacer(10, 30, time, time.sleep)
    for _ in range(5):
        pacer.claim(A)
    assert time.elapsed == 0
    await pacer.turn(A)
    assert time.elapsed == pytest.approx(0.5)


def test_a_claim_during_a_pause_is_refused_before_anything_is_sent() -> None:
    time = FakeTime()
    pacer = Pacer(10, 30, time, time.sleep)
    pacer.failed(A, VendorError(LIMITED, "slower", retry_after=5.0))
    with pytest.raises(VendorError, match="a pause of 5 s more") as caught:
        pacer.claim(A)
    assert (caught.value.sent, caught.value.retryable, caught.value.retry_after) == (False, True, 5.0)
    pacer.claim(B)
