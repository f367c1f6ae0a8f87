"""Whether a person's word still holds, whatever the wall clock has done since."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.clock import Instant

SKEW: Final = timedelta(minutes=5)
"""By so much may the clock of another machine be behind that of the one where the word was given."""


def holds(expires: datetime, given: Instant, now: Instant) -> bool:
    """Neither past its end by the wall clock, nor older than it was meant to get.

    Within one boot its age is what the machine has been up since. After another boot the wall clock alone can tell;
    one that shows a time before the word was given is wrong, and opens nothing.
    """
    if now.at >= expires:
        return False
    if now.boot == given.boot:
        return timedelta(microseconds=(now.up - given.up) // 1000) < expires - given.at
    return now.at > given.at - SKEW
