"""Cron expressions mean what cron means by them, in their zone, and jitter stays within bounds."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from syncer import schedule
from syncer.model.outcome import Trigger
from syncer.schedule import Schedule, cron_trigger
from tests.support.emulated import until

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)


def fires(expression: str, zone: str = "UTC", *, start: datetime = SUNDAY, days: int = 7) -> list[datetime]:
    """Every firing within some days, in the expression's zone."""
    trigger = cron_trigger(expression, zone)
    found: list[datetime] = []
    at = trigger.get_next_fire_time(None, start.astimezone(ZoneInfo(zone)))
    while at < start + timedelta(days=days):
        found.append(at)
        at = trigger.get_next_fire_time(None, at + timedelta(seconds=1))
    return found


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("1", "Mon"),
        ("0", "Sun"),
        ("7", "Sun"),
        ("6", "Sat"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("0-2", "Sun Mon Tue"),
        ("5-7", "Sun Fri Sat"),
        ("0-7", "Sun Mon Tue Wed Thu Fri Sat"),
        ("1,3,5", "Mon Wed Fri"),
        ("1-2,6", "Mon Tue Sat"),
        ("*", "Sun Mon Tue Wed Thu Fri Sat"),
        ("*/2", "Sun Tue Thu Sat"),
        ("*/9", "Sun"),
        ("1-5/2", "Mon Wed Fri"),
        ("1/2", "Mon Wed Fri"),
        ("mon", "Mon"),
        ("MON", "Mon"),
        ("mon-fri", "Mon Tue Wed Thu Fri"),
        ("mon-fri/2", "Mon Wed Fri"),
        ("mon-sun", "Sun Mon Tue Wed Thu Fri Sat"),
        ("sun-tue", "Sun Mon Tue"),
        ("sun,wed", "Sun Wed"),
        ("mon-3", "Mon Tue Wed"),
    ],
)
def test_weekdays_are_those_of_cron(field: str, days: str) -> None:
    assert [f"{at:%a}" for at in fires(f"0 9 * * {field}")] == days.split()


@pytest.mark.parametrize(
    "expression",
    [
        "0 9 * * 8",
        "0 9 * * 5-1",
        "0 9 * * fri-mon",
        "0 9 * * */0",
        "0 9 * * monday",
        "0 9 * * *-3",
        "0 9 * * ",
        "0 9 * * 1,",
        "0 9 * * -1",
        "0 9 * *",
        "0 9 * * * *",
        "60 9 * * *",
        "x 9 * * *",
        "0 0 31 2 *",
    ],
)
def test_what_is_no_expression_or_never_fires_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the texts are those of three parsers
        cron_trigger(expression, "UTC")


def test_hours_are_those_of_the_zone() -> None:
    (at,) = fires("30 9 * * 1", "Asia/Kolkata")
    assert at.astimezone(UTC) == datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("start", [datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)])
def test_a_daily_run_survives_the_change_of_clocks(start: datetime) -> None:
    found = fires("0 9 * * *", "Europe/Berlin", start=start, days=5)
    assert [f"{at:%H:%M}" for at in found] == ["09:00"] * 5
    gaps = {later.astimezone(UTC) - earlier.astimezone(UTC) for earlier, later in pairwise(found)}
    assert timedelta(hours=24) in gaps
    assert gaps <= {timedelta(hours=23), timedelta(hours=24), timedelta(hours=25)}


def test_an_hour_that_does_not_exist_neither_hangs_nor_runs_twice() -> None:
    found = fires("30 2 * * *", "Europe/Berlin", start=datetime(2026, 3, 27, tzinfo=UTC), days=5)
    assert len(found) in {4, 5}
    assert len({at.date() for at in found}) == len(found)


def test_every_five_minutes_means_it_through_the_change_of_clocks() -> None:
    found = fires("*/5 * * * *", "Europe/Berlin", start=datetime(2026, 3, 28, 23, tzinfo=UTC), days=1)
    gaps = {later.astimezone(UTC) - earlier.astimezone(UTC) for earlier, later in pairwise(found)}
    assert gaps == {timedelta(minutes=5)}


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("*/5 * * * *", 30), ("0 9 * * *", 8640), ("0 0,23 * * *", 360), ("0 9 * * 1-5", 8640), ("0 0 29 2 *", 12623040)],
)
def test_jitter_is_a_share_of_the_shortest_gap(expression: str, seconds: int) -> None:
    trigger = cron_trigger(expression, "UTC", 0.1)
    assert trigger.jitter == pytest.approx(seconds)


def test_a_jittered_run_comes_late_but_never_as_late_as_the_next() -> None:
    trigger = cron_trigger("*/5 * * * *", "UTC", 0.1)
    for _ in range(50):
        at = trigger.get_next_fire_time(None, SUNDAY + timedelta(seconds=1))
        assert timedelta(minutes=5) <= at - SUNDAY <= timedelta(minutes=5, seconds=30)


def test_without_jitter_a_run_is_on_time() -> None:
    assert cron_trigger("*/5 * * * *", "UTC").jitter is None


def plan(apply: str | timedelta, jitter: float = 0.0) -> Schedule:
    return Schedule(timedelta(seconds=60), timedelta(minutes=5), apply, "Asia/Kolkata", jitter)


def silent(trigger: Trigger) -> None:
    """Takes no notice."""


@pytest.mark.parametrize("apply", ["*/5 * * * *", timedelta(minutes=5)])
async def test_one_job_per_purpose_asks_and_does_nothing_else(apply: str | timedelta) -> None:
    asked: list[Trigger] = []
    made = schedule.scheduler(plan(apply), asked.append)
    for job in made.get_jobs():
        await job.func(*job.args)
    assert sorted(asked) == [Trigger.DETECT, Trigger.POLL, Trigger.SCHEDULE]
    assert {job.id for job in made.get_jobs()} == {"detect", "poll", "schedule"}


def test_intervals_come_at_their_pace_within_the_jitter() -> None:
    made = schedule.scheduler(plan(timedelta(minutes=10), 0.1), silent)
    triggers = {job.id: job.trigger for job in made.get_jobs()}
    assert {name: (t.interval_length, t.jitter) for name, t in triggers.items()} == {
        "poll": (60, 6),
        "detect": (300, 30),
        "schedule": (600, 60),
    }


def test_a_cron_schedule_fires_in_its_zone() -> None:
    made = schedule.scheduler(plan("0 9 * * 1"), silent)
    trigger = next(job.trigger for job in made.get_jobs() if job.id == "schedule")
    assert trigger.get_next_fire_time(None, SUNDAY).isoformat() == "2026-03-02T09:00:00+05:30"


async def test_a_started_scheduler_asks_when_the_time_comes() -> None:
    """In the loop: requests are not made for threads, and in one of its own a request could be lost."""
    asked, short = asyncio.Event(), timedelta(milliseconds=20)
    threads: set[int] = set()

    def ask(_purpose: Trigger) -> None:
        threads.add(threading.get_ident())
        asked.set()

    made = schedule.scheduler(Schedule(short, short, short), ask)
    made.start()
    try:
        await asyncio.wait_for(asked.wait(), 10)
    finally:
        made.shutdown(wait=False)
    assert threads == {threading.get_ident()}


class SetClock:
    """A clock that shows what it is told."""

    def __init__(self, now: datetime) -> None:
        self.shown = now

    def now(self) -> datetime:
        return self.shown

    def monotonic(self) -> float:
        return 0.0


NOW = datetime(2026, 3, 2, 10, 0, 1, tzinfo=UTC)
JUMPS = [timedelta(days=-365), timedelta(hours=-1), timedelta(seconds=-90), timedelta(hours=1), timedelta(days=20_000)]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("apply", ["*/5 * * * *", timedelta(minutes=5)])
async def test_after_a_jump_of_the_clock_nothing_is_further_away_than_its_interval(
    apply: str | timedelta, jump: timedelta
) -> None:
    made = schedule.scheduler(plan(apply, 0.1), silent)
    made.start(paused=True)
    now = datetime.now(UTC) + jump
    schedule.set_right(made, now)
    for job in made.get_jobs():
        assert job.next_run_time - now <= timedelta(minutes=5, seconds=32)
    made.shutdown(wait=False)


async def test_an_undisturbed_appointment_stays() -> None:
    made = schedule.scheduler(plan("0 9 * * 1", 0.1), silent)
    made.start(paused=True)
    before = {job.id: job.next_run_time for job in made.get_jobs()}
    for seconds in range(0, 50, 5):
        schedule.set_right(made, datetime.now(UTC) + timedelta(seconds=seconds))
    assert {job.id: job.next_run_time for job in made.get_jobs()} == before
    made.shutdown(wait=False)


@pytest.mark.parametrize(
    "trigger", [cron_trigger("* * * * *", "UTC"), schedule._trigger(timedelta(minutes=1), plan("* * * * *"))]
)
def test_what_half_a_century_missed_is_one_appointment(trigger: BaseTrigger) -> None:
    began = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert timedelta(0) < trigger.get_next_fire_time(began, NOW) - NOW <= timedelta(minutes=1)


async def test_the_appointments_are_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "LOOK", 0.001)
    clock = SetClock(datetime.now(UTC))
    made = schedule.scheduler(plan(timedelta(minutes=5)), silent)
    made.start(paused=True)
    watch = asyncio.create_task(schedule.keep_right(made, clock))
    clock.shown -= timedelta(days=365)
    await until(lambda: all(job.next_run_time <= clock.shown + timedelta(minutes=6) for job in made.get_jobs()))
    watch.cancel()
    made.shutdown(wait=False)
