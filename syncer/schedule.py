"""When to look and when to write: the one home of APScheduler, whose jobs only leave requests."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from syncer.clock import SystemClock
from syncer.model.outcome import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from apscheduler.triggers.base import BaseTrigger

    from syncer.clock import Clock

CLOCK: Final = SystemClock()
LOOK: Final = 5.0
"""Seconds between looks at the appointments."""
SLACK: Final = 1.0
"""Seconds that an appointment may be off without the clock having been set back."""
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY: Final = "[0-7]|sun|mon|tue|wed|thu|fri|sat"
_WEEKDAY_PART: Final = re.compile(rf"(?:\*|(?P<first>{_WEEKDAY})(?:-(?P<last>{_WEEKDAY}))?)(?:/(?P<step>[1-9]))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to look and when to write: `apply` is a cron string or an interval, `jitter` a share of the period."""

    poll: timedelta
    detect: timedelta
    apply: str | timedelta
    zone: str = "UTC"
    jitter: float = 0.0


def scheduler(plan: Schedule, ask: Callable[[Trigger], None]) -> AsyncIOScheduler:
    """A scheduler, not yet started, with one job per purpose; each run calls `ask` in the event loop, nothing else."""

    async def leave(purpose: Trigger) -> None:  # APScheduler runs what is no coroutine in a thread
        ask(purpose)

    made = AsyncIOScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    for purpose, when in ((Trigger.POLL, plan.poll), (Trigger.DETECT, plan.detect), (Trigger.SCHEDULE, plan.apply)):
        made.add_job(leave, _trigger(when, plan), args=[purpose], id=purpose.value)
    return made


def next_apply(plan: Schedule, now: datetime) -> datetime | None:
    """When a pass that writes is due by the cron expression, its jitter left out; None for an interval."""
    if isinstance(plan.apply, timedelta):
        return None
    found: datetime | None = cron_trigger(plan.apply, plan.zone).get_next_fire_time(None, now)
    return found


def appointments(jobs: AsyncIOScheduler) -> Mapping[Trigger, datetime]:
    """When each purpose comes next."""
    return {Trigger(job.id): job.next_run_time for job in jobs.get_jobs() if job.next_run_time}


async def keep_right(jobs: AsyncIOScheduler, clock: Clock = CLOCK) -> None:
    """Looks at the appointments every LOOK seconds, for ever.

    APScheduler works out a wait from the wall clock and then sleeps through it: set back by an
    hour, it sleeps an hour too long (its issue 339).
    """
    while True:
        await asyncio.sleep(LOOK)
        set_right(jobs, clock.now())


def set_right(jobs: AsyncIOScheduler, now: datetime) -> None:
    """Moves appointments that are later than they could be, had they been made now."""
    for job in jobs.get_jobs():
        soonest = job.trigger.get_next_fire_time(None, now)
        if job.next_run_time > soonest + timedelta(seconds=(job.trigger.jitter or 0.0) + SLACK):
            job.modify(next_run_time=soonest)


class _Every(IntervalTrigger):  # type: ignore[misc]  # APScheduler has no types
    """An interval. What was missed is one appointment, however far the clock was set forward (issue 35: it counts)."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """As of the base class, but never before `now` and never later than an interval from it."""
        due: datetime = (previous_fire_time or now) + self.interval
        if not now < due <= now + self.interval:
            due = now + self.interval
        return due + timedelta(seconds=random.uniform(0.0, self.jitter or 0.0))  # noqa: S311 -- spreads load


class _Cron(CronTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A cron expression, likewise."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """As of the base class, but never before `now`."""
        after = now if previous_fire_time is None else max(now, previous_fire_time + timedelta(microseconds=1))
        found: datetime | None = super().get_next_fire_time(None, after)
        return found


def _trigger(when: str | timedelta, schedule: Schedule) -> BaseTrigger:
    if isinstance(when, timedelta):
        seconds = when.total_seconds()
        return _Every(seconds=seconds, timezone=UTC, jitter=seconds * schedule.jitter or None)
    return cron_trigger(when, schedule.zone, schedule.jitter)


def cron_trigger(expression: str, zone: str, jitter: float = 0.0) -> CronTrigger:
    """A five-field cron expression in an IANA zone, with Sunday as 0 or 7 as cron has it; ValueError if it is none.

    APScheduler counts weekdays from Monday and reads `mon-fri/2` as `mon-fri`, so weekdays are given to it as single
    names. It would also demand that day-of-month AND weekday match where cron says OR, so settings refuse an
    expression that restricts both. `jitter` is a share of the shortest of the gaps to come.
    """
    minute, hour, day, month, weekday = expression.split()
    trigger = _Cron(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=_weekday_names(weekday),
        timezone=ZoneInfo(zone),
    )
    gap = _shortest_gap(trigger, datetime(2024, 1, 1, tzinfo=ZoneInfo(zone)))
    if gap is None:
        raise ValueError(f"{expression!r} never fires")
    trigger.jitter = gap.total_seconds() * jitter or None
    return trigger


def _shortest_gap(trigger: CronTrigger, start: datetime) -> timedelta | None:
    """The shortest of a month's worth of daily gaps; a jitter of that can't run into the next firing."""
    times: list[datetime] = []
    after = start
    for _ in range(32):
        fires: datetime | None = trigger.get_next_fire_time(None, after)
        if fires is None:
            return None
        times.append(fires.astimezone(UTC))
        after = fires + timedelta(seconds=1)
    return min(later - earlier for earlier, later in pairwise(times))


def _weekday_names(field: str) -> str:
    """`1-5` as `mon,tue,wed,thu,fri`, `*/2` spelled out; only a plain `*` stays."""
    return "*" if field == "*" else ",".join(_weekday_part(part) for part in field.split(","))


def _weekday_part(part: str) -> str:
    found = _WEEKDAY_PART.fullmatch(part.lower())
    if found is None:
        raise ValueError(f"{part!r} is no weekday, range or step")
    first, last, step = found["first"], found["last"], found["step"]
    low = 0 if first is None else _weekday(first)
    high = 6 if first is None or (step and not last) else _weekday(last or first)
    if last == "sun" and low > 0:
        high = 7  # mon-sun
    days = range(low, high + 1, int(step or 1))
    if not days:
        raise ValueError(f"{part!r} runs backwards")
    return ",".join(WEEKDAYS[day] for day in days)


def _weekday(text: str) -> int:
    return int(text) if text.isdigit() else WEEKDAYS.index(text)
