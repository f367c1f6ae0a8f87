"""A progress bar on one line of a terminal."""

from __future__ import annotations

from typing import Final

from syncer.cli.render import words

SMALLEST: Final = 10
"""Columns below which a bar says nothing and is left out."""


def line(done: int, failed: int, total: int, elapsed: float, width: int, noun: str = "app") -> str:
    """`[#####.....] 120 of 240 apps, 2 failed, 40/s, 3.0 s left`, at most `width` columns.

    `done` counts all finished apps (or what `noun` calls them), the failed ones among them; `elapsed` is in seconds.
    What does not fit is left out from the right, the bar first.
    """
    parts = [f"{done:,} of {words.count(total, noun)}"]
    if failed:
        parts.append(f"{failed:,} failed")
    parts += _speed(done, total, elapsed)
    while len(parts) > 1 and len(", ".join(parts)) > width:
        parts.pop()
    told = ", ".join(parts)[:width]
    room = min(30, width - len(told) - 3)
    if room < SMALLEST or not total:
        return told
    full = room * min(done, total) // total
    return f"[{'#' * full}{'.' * (room - full)}] {told}"


def _speed(done: int, total: int, elapsed: float) -> list[str]:
    """How many a second and the time left; nothing before there is something to measure."""
    if done <= 0 or elapsed <= 0:
        return []
    rate = done / elapsed
    told = [f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"]
    return [*told, f"{words.lasted((total - done) / rate)} left"] if done < total else told
