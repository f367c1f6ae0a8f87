"""When writes are allowed: windows evaluated at an instant, with daylight saving right. Pure.

A window opens at each instant of its cron expression, read in its own zone, and lasts a stretch of real time. With
any `allow` window writes are closed unless one of them is open; an open `deny` window closes them whatever else says.
Cron expressions and zones were checked when their file was read (`documents/formats.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

from syncer.model.desired import Window, WindowKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HORIZON: Final = timedelta(days=366)
_WIDEST_SHIFT: Final = timedelta(hours=3)  # more than any zone's clock is ever put back
_MOST_CHANGES: Final = 1000  # of single windows looked through for a change of the whole
_MOST_OPENINGS: Final = 1500  # in one stretch, a day of minutes; one that goes on after that is taken for endless


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether writes are allowed, and the next instant at which that changes (None: not within a year)."""

    open: bool
    changes_at: datetime | None = None


def state(windows: Sequence[Window], now: datetime) -> WindowState:
    """The state at `now` (aware); `changes_at` is aware UTC. Remembered, since many apps share their windows."""
    return _state(tuple(windows), now)


def closed(windows: Sequence[Window], now: datetime) -> str:
    """Why nothing may be written at `now`, for an app whose turn comes late; empty while it may."""
    return "" if state(windows, now).open else "its window closed before its turn; nothing written"


@lru_cache(maxsize=1024)
def _state(windows: tuple[Window, ...], now: datetime) -> WindowState:
    at = now.astimezone(UTC)
    horizon = at + HORIZON
    stretches = [_stretch(window, at) for window in windows]
    is_open = _combined(windows, stretches)
    for _ in range(_MOST_CHANGES):
        at = min((stretch.until for stretch in stretches if stretch.until is not None), default=horizon)
        if at >= horizon:
            break
        stretches = [
            _stretch(window, at) if stretch.until is not None and stretch.until <= at else stretch
            for window, stretch in zip(windows, stretches, strict=True)
        ]
        if _combined(windows, stretches) != is_open:
            return WindowState(is_open, at)
    return WindowState(is_open)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One window on its own: open or not, and until when it stays so."""

    open: bool
    until: datetime | None


def _combined(windows: Sequence[Window], stretches: Sequence[_Stretch]) -> bool:
    pairs = list(zip(windows, stretches, strict=True))
    allows = [stretch.open for window, stretch in pairs if window.kind is WindowKind.ALLOW]
    denied = any(stretch.open for window, stretch in pairs if window.kind is WindowKind.DENY)
    return (any(allows) if allows else True) and not denied


def _stretch(window: Window, at: datetime) -> _Stretch:
    opened = next((opening for opening in _openings_before(window, at) if opening <= at), None)
    coming = _openings_after(window, at)
    if opened is None or at >= opened + window.duration:
        return _Stretch(open=False, until=next(coming, None))
    closes = opened + window.duration
    for opening in islice(coming, _MOST_OPENINGS):  # openings that overlap or touch make one stretch
        if opening > closes:
            return _Stretch(open=True, until=closes)
        closes = opening + window.duration
    return _Stretch(open=True, until=None)


def _openings_before(window: Window, at: datetime) -> Iterator[datetime]:
    """Openings backwards, from `at` or a little after."""
    local = (at + _slack(window, at) + timedelta(seconds=1)).astimezone(_zone(window.zone))
    for opening in CronSim(window.cron, local, reverse=True):
        yield opening.astimezone(UTC)


def _openings_after(window: Window, at: datetime) -> Iterator[datetime]:
    """Openings forwards, all strictly after `at`."""
    local = (at - _slack(window, at)).astimezone(_zone(window.zone))
    for opening in CronSim(window.cron, local):
        instant = opening.astimezone(UTC)
        if instant > at:
            yield instant


def _slack(window: Window, at: datetime) -> timedelta:
    """Near a change of the clock local times are skipped or come twice: start the search on the far side of it."""
    zone = _zone(window.zone)
    before, after = (instant.astimezone(zone).utcoffset() for instant in (at - _WIDEST_SHIFT, at + _WIDEST_SHIFT))
    return timedelta() if before == after else _WIDEST_SHIFT
