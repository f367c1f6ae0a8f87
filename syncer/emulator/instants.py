"""The emulator's clock, and times as the vendor writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for what people read, monotonic time for what tests compare."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds from an arbitrary start, the same for every process of one boot."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- the emulator may not import syncer.clock, this is its own home of time

    def monotonic_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns()


def rfc3339(instant: datetime) -> str:
    """UTC with milliseconds and a Z, the form of every time in the vendor's documentation."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
