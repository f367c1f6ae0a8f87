"""How fast requests may follow each other: per customer, lowered when the vendor asks for it, recovering slowly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from syncer.errors import VendorError, VendorKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from syncer.clock import Clock
    from syncer.model.desired import AppRef

BURST: Final = 0.2  # seconds' worth of requests that may go at once after a pause
RECOVERY: Final = 30.0  # seconds from standstill back to the full rate
CUT_EVERY: Final = 1.0  # seconds: the failures of one moment are one signal, however many requests were in flight
CUTS: Final = {VendorKind.RATE_LIMITED: 0.5, VendorKind.SERVER: 0.9}  # what is left of the rate
FLOOR: Final = 0.05  # of the full rate: the vendor is always asked again


@dataclass(frozen=True, slots=True)
class Pace:
    """One customer's pace: rates in requests per second, instants in monotonic seconds.

    `due` is when the next request would go at an even rate (a token bucket written as one instant), `rate` the rate
    as it was at `rated_at`. `asked_by` is the app whose answer asked for a pause until `asked_until`; `quiet_until` is
    the pause of the whole customer.
    """

    ceiling: float
    rate: float
    rated_at: float
    due: float
    cut_at: float
    quiet_until: float
    asked_until: float
    asked_by: str = ""

    @classmethod
    def start(cls, ceiling: float, now: float) -> Pace:
        """A pace at its full rate that has been idle."""
        return cls(ceiling, ceiling, now, now, now - CUT_EVERY, now, now)


def rate_at(pace: Pace, now: float) -> float:
    """The rate after the recovery since it was last cut."""
    return min(pace.ceiling, pace.rate + (now - pace.rated_at) * pace.ceiling / RECOVERY)


def reserve(pace: Pace, now: float) -> tuple[Pace, float]:
    """Take the next free slot: the new pace, and the seconds to wait for the slot."""
    earliest = max(pace.due, now - BURST, pace.quiet_until)
    return replace(pace, due=earliest + 1 / rate_at(pace, now)), max(0.0, earliest - now)


def slowed(pace: Pace, now: float, kind: VendorKind) -> Pace:
    """The pace after the vendor said 429 or failed; other kinds change nothing."""
    if kind not in CUTS or now - pace.cut_at < CUT_EVERY:
        return pace
    rate = max(pace.ceiling * FLOOR, rate_at(pace, now) * CUTS[kind])
    return replace(pace, rate=rate, rated_at=now, cut_at=now)


def paused(pace: Pace, now: float, app_id: str, seconds: float) -> Pace:
    """The pace after one app's answer asked for a pause.

    A pause of the whole customer takes a second app that asks for one without an answer in between: the vendor may
    mean the customer, or one app of it may be broken, and a broken app must not hold up the others.
    """
    until = now + seconds
    if pace.asked_by != app_id and pace.asked_until > now:
        pace = replace(pace, quiet_until=max(pace.quiet_until, min(until, pace.asked_until)))
    return replace(pace, asked_by=app_id, asked_until=until) if until > pace.asked_until else pace


def answered(pace: Pace, now: float) -> Pace:
    """The pace after an app was answered: what another app asked for was not meant for all."""
    return replace(pace, asked_until=now)


class Pacer:
    """Lets requests through at each customer's pace, in the order in which they asked."""

    def __init__(self, rate: float, patience: float, clock: Clock, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._rate = rate
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._paces: dict[str, Pace] = {}
        self._quiet: dict[AppRef, float] = {}

    async def turn(self, ref: AppRef) -> None:
        """Return when a request may go; VendorError at once if the vendor asked for a longer pause than patience."""
        wait = self._wait(ref)
        while wait > 0:
            await self._sleep(wait)
            # A pause that was asked for meanwhile holds for the ones who were already waiting.
            wait = self._wait(ref) if self._pause(ref) > 0 else 0.0

    def claim(self, ref: AppRef) -> None:
        """Take a slot without waiting for it; VendorError at once if the vendor asked for a pause.

        For a PUT: it follows a read of the same app, which waited its turn, and what was read goes stale while the PUT
        waits (hazard C10). The requests after it wait longer, so that the rate holds.
        """
        if (pause := self._pause(ref)) > 0:
            raise VendorError(
                VendorKind.RATE_LIMITED,
                f"the vendor asked for a pause of {pause:.0f} s more",
                hint="nothing to do: the app is read again first, and then written",
                retryable=True,
                retry_after=pause,
                sent=False,
            )
        self._paces[ref.customer_id], _ = reserve(self._pace(ref), self._clock.monotonic())

    def failed(self, ref: AppRef, error: VendorError) -> None:
        """Slow the customer down, or the app, where the failure asks for it."""
        now = self._clock.monotonic()
        pace = slowed(self._pace(ref), now, error.kind)
        if error.retry_after:
            self._quiet[ref] = now + error.retry_after
            pace = paused(pace, now, ref.app_id, error.retry_after)
        self._paces[ref.customer_id] = pace

    def answered(self, ref: AppRef) -> None:
        """Take note that an app was answered."""
        self._quiet.pop(ref, None)
        self._paces[ref.customer_id] = answered(self._pace(ref), self._clock.monotonic())

    def slowed(self) -> Mapping[str, tuple[float, float]]:
        """Customers below their full rate or asked to pause: the rate now, and the seconds of pause left."""
        now = self._clock.monotonic()
        paces = tuple(self._paces.items())  # a page asks in a thread, and passes meet new customers meanwhile
        found = {name: (rate_at(pace, now), max(0.0, pace.quiet_until - now)) for name, pace in paces}
        return {name: (rate, pause) for name, (rate, pause) in found.items() if rate < self._rate or pause}

    def _pace(self, ref: AppRef) -> Pace:
        return self._paces.get(ref.customer_id) or Pace.start(self._rate, self._clock.monotonic())

    def _pause(self, ref: AppRef) -> float:
        pace, now = self._pace(ref), self._clock.monotonic()
        return max(pace.quiet_until - now, self._quiet.get(ref, now) - now, 0.0)

    def _wait(self, ref: AppRef) -> float:
        pause = self._pause(ref)
        if pause > self._patience:
            raise VendorError(
                VendorKind.RATE_LIMITED,
                f"the vendor asked for a pause of {pause:.0f} s more",
                hint="nothing to do: the app is read again in a later pass",
                retry_after=pause,
                sent=False,
            )
        self._paces[ref.customer_id], slot = reserve(self._pace(ref), self._clock.monotonic())
        return max(slot, pause)
