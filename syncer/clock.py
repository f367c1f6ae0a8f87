"""The one home of time: everything else takes a clock as an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for people and schedules, monotonic seconds for durations."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never runs backwards."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- this is its home

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()
