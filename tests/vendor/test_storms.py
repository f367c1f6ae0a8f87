"""Half an hour in which the vendor answers only 500, in simulated time: what it sees of us, and after it (C12)."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncer import schedule
from syncer.model.live import LiveApp, Unreadable
from syncer.model.outcome import Trigger
from syncer.schedule import Schedule
from syncer.vendor.sweep import sweep
from tests.vendor.stage import FakeTime, Seen, desired, fine, http, raw_server, reading, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.vendor.client import ReadClient
    from tests.soak.figures import Recorder

APPS = [desired(f"app{number}") for number in range(200)]
RATE = 20.0
"""Requests per second at which the customer may be asked."""
EVERY = 300.0
HALF_AN_HOUR = 1800.0
WORKERS = 8
WINDOW = 30
"""Seconds: a tenth of five minutes."""


class Books:
    """When each request came, in simulated seconds; everything fails until the storm is over."""

    def __init__(self, time: FakeTime, storm: float) -> None:
        self.time, self.storm = time, storm
        self.came: list[float] = []

    def answer(self, seen: Seen) -> bytes:
        self.came.append(self.time.elapsed)
        return http(500) if self.time.elapsed < self.storm else fine(seen)

    def between(self, begin: float, end: float) -> list[float]:
        return [at for at in self.came if begin <= at < end]


async def swept(client: ReadClient, time: FakeTime, want: type[LiveApp | Unreadable]) -> float:
    """One sweep, and the time until the next one is due; how long it took."""
    begun = time.elapsed
    lives = await sweep(client, APPS, WORKERS)
    assert {type(live) for live in lives} == {want}
    took = time.elapsed - begun
    time.elapsed = max(time.elapsed, begun + EVERY)
    return took


@pytest.mark.parametrize("storm", [HALF_AN_HOUR, pytest.param(8 * HALF_AN_HOUR, marks=pytest.mark.soak)])
async def test_a_storm_costs_a_fifth_more_requests_and_ends_without_a_rush(figure: Recorder, storm: float) -> None:
    time = FakeTime()
    books = Books(time, storm)
    async with (
        raw_server(books.answer) as server,
        reading(server.url, surroundings(time), rate=RATE, backoff=0.5) as client,
    ):
        stormy = []
        while time.elapsed < storm:
            stormy.append(await swept(client, time, Unreadable))
        after = [await swept(client, time, LiveApp) for _ in range(2)]
    baseline = len(APPS) * len(stormy)
    sent = len(books.between(0, storm))
    assert baseline < sent <= 1.2 * baseline
    assert min(stormy) > 1.5 * len(APPS) / RATE, "slower while everything fails"
    assert after[-1] < 1.2 * len(APPS) / RATE, "and as fast as before in the end"
    busiest = max(Counter(int(at) for at in books.came).values())
    assert busiest <= 2 * RATE
    figure(
        "retry-amplification", sent, seeds="none", result=f"{sent / baseline:.3f} times, at most {busiest} in a second"
    )


def hours_asked_for(time: FakeTime, came: Counter[str], seen: Seen) -> bytes:
    came[seen.path] += time.elapsed < HALF_AN_HOUR
    return http(429, headers={"Retry-After": "999999999"})


async def test_a_vendor_that_asks_for_thirty_years_is_asked_again_every_ten_minutes() -> None:
    time, came = FakeTime(), Counter[str]()
    async with (
        raw_server(lambda seen: hours_asked_for(time, came, seen)) as server,
        reading(server.url, surroundings(time), rate=RATE) as client,
    ):
        while time.elapsed < HALF_AN_HOUR:
            await sweep(client, APPS[:20], 1)
            time.elapsed += 60
    assert sum(came.values()) <= 20 * HALF_AN_HOUR / 600
    assert sum(came.values()) >= HALF_AN_HOUR / 600


def first_runs(apply: str | timedelta, now: datetime) -> Iterator[datetime]:
    """When 50 instances that were started in the same millisecond run for the first time on schedule."""
    plan = Schedule(timedelta(minutes=1), timedelta(minutes=5), apply, jitter=0.1)
    for _ in range(50):
        jobs = {job.id: job.trigger for job in schedule.scheduler(plan, lambda _: None).get_jobs()}
        fires = jobs[Trigger.SCHEDULE].get_next_fire_time(None, now)
        assert fires is not None
        yield fires


@pytest.mark.parametrize("apply", ["*/5 * * * *", timedelta(minutes=5)])
def test_instances_started_together_do_not_come_together(apply: str | timedelta) -> None:
    before = random.getstate()
    random.seed(12)  # APScheduler takes its jitter from the module's generator
    try:
        runs = list(first_runs(apply, datetime(2026, 3, 2, 10, 1, tzinfo=UTC)))
    finally:
        random.setstate(before)
    spread = (max(runs) - min(runs)).total_seconds()
    assert 0.8 * WINDOW <= spread <= WINDOW + 1
