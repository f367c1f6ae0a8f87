"""The one home of time: everything else takes a clock as an argument."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
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


class BootClock(Protocol):
    """Order that no clock change can disturb: which boot of which machine, and how long it has been up."""

    def boot_id(self) -> str:
        """Names the current boot of this machine."""

    def boottime_ns(self) -> int:
        """Nanoseconds since that boot, suspended time included; never runs backwards."""


class SystemBootClock:
    """The kernel's boot id and CLOCK_BOOTTIME; elsewhere a name for this process and its monotonic clock."""

    def __init__(self, boot_id_file: Path = Path("/proc/sys/kernel/random/boot_id")) -> None:
        try:
            self._boot_id = boot_id_file.read_text(encoding="ascii").strip()
        except OSError:
            self._boot_id = str(uuid.uuid4())
        self._source: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def boot_id(self) -> str:
        """Names the current boot of this machine."""
        return self._boot_id

    def boottime_ns(self) -> int:
        """Nanoseconds since that boot."""
        return time.clock_gettime_ns(self._source)


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment twice: aware wall time, and nanoseconds since a boot, which no clock change can move."""

    at: datetime
    boot: str = ""
    up: int = 0


def instant(clock: Clock, boot: BootClock) -> Instant:
    """This moment."""
    return Instant(clock.now(), boot.boot_id(), boot.boottime_ns())
