"""When to look and when to write: the one home of APScheduler, whose jobs only leave requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from syncer.model.outcome import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.triggers.base import BaseTrigger

WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to look and when to write: `apply` is a cron string or an interval, `jitter` a share of the period."""

    poll: timedelta
    detect: timedelta
    apply: str | timedelta
    zone: str = "UTC"
    jitter: float = 0.0


def scheduler(plan: Schedule, ask: Callable[[Trigger], None]) -> AsyncIOScheduler:
    """A scheduler, not yet started, with one job per purpose; each run calls `ask` and nothing else."""
    made = AsyncIOScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    for purpose, when in ((Trigger.POLL, plan.poll), (Trigger.DETECT, plan.detect), (Trigger.SCHEDULE, plan.apply)):
        made.add_job(ask, _trigger(when, plan), args=[purpose], id=purpose.value)
    return made


def _trigger(when: str | timedelta, schedule: Schedule) -> BaseTrigger:
    if isinstance(when, timedelta):
        seconds = when.total_seconds()
        return IntervalTrigger(seconds=seconds, timezone=UTC, jitter=seconds * schedule.jitter or None)
    return cron_trigger(when, schedule.zone, schedule.jitter)


def cron_trigger(expression: str, zone: str, jitter: float = 0.0) -> CronTrigger:
    """A five-field cron expression in an IANA zone, with Sunday as 0 or 7 as cron has it.

    APScheduler counts weekdays from Monday, so numbers are given to it as names; it would also demand that
    day-of-month AND weekday match where cron says OR, so settings refuse an expression that restricts both.
    """
    minute, hour, day, month, weekday = expression.split()
    trigger = CronTrigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=_weekday_names(weekday),
        timezone=ZoneInfo(zone),
    )
    if jitter:
        now = datetime(2024, 1, 1, tzinfo=ZoneInfo(zone))
        first = trigger.get_next_fire_time(None, now)
        second = trigger.get_next_fire_time(first, first + timedelta(microseconds=1))
        trigger.jitter = (second - first).total_seconds() * jitter
    return trigger


def _weekday_names(field: str) -> str:
    """`1-5` as `mon-fri`, `*/2` spelled out; names stay as they are."""
    return ",".join(_weekday_part(part) for part in field.split(","))


def _weekday_part(part: str) -> str:
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    if span == "*" and not slash:
        return "*"
    if not (span == "*" or first.isdigit()):
        return part
    low = 0 if span == "*" else int(first)
    high = 6 if span == "*" or (slash and not dash) else int(last) if dash else low
    days = range(low, high + 1, int(step) if slash else 1)
    return ",".join(WEEKDAYS[day] for day in days)
