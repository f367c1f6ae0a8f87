"""How times and numbers read, in the output of commands and on pages alike."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

SCALES: Final = (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))
"""Units of time with their seconds, each with the smaller one beside it."""


def when(at: datetime, now: datetime) -> str:
    """An instant in UTC, without its date on the same day."""
    there, here = at.astimezone(UTC), now.astimezone(UTC)
    return f"{there:%H:%M} UTC" if there.date() == here.date() else f"{there:%Y-%m-%d %H:%M} UTC"


def moved(after: datetime | None, before: datetime, now: datetime) -> str:
    """The window in which a live value moved: `moved between 09:52 and 10:07 UTC`."""
    if after is None:
        return f"moved before {when(before, now)}"
    first, last = after.astimezone(UTC), before.astimezone(UTC)
    form = "%H:%M:%S" if f"{first:%Y-%m-%d %H:%M}" == f"{last:%Y-%m-%d %H:%M}" else "%H:%M"
    dated = "" if first.date() == last.date() == now.astimezone(UTC).date() else "%Y-%m-%d "
    began, ended = first.strftime(dated + form), last.strftime(dated + form)
    return f"moved at {began} UTC" if began == ended else f"moved between {began} and {ended} UTC"


def lasted(seconds: float) -> str:
    """A length of time in the two units that matter: `1.2 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = int(seconds)
    unit, size, smaller, part = next(scale for scale in SCALES if whole >= scale[1])
    rest = whole % size // part
    return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")


def roughly(seconds: float) -> str:
    """A length of time as a sentence has it: what is under ten seconds needs no number."""
    return "a moment" if seconds < 10 else lasted(seconds)


def count(number: int, noun: str) -> str:
    """`1 app`, `2 apps`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
