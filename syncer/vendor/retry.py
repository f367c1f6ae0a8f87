"""Whether and when a request that failed may be made again."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from syncer.errors import VendorKind

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from syncer.errors import VendorError

LONGEST_RETRY_AFTER: Final = 600.0  # seconds; a vendor that asks for hours is asked again after ten minutes
LONGEST_BACKOFF: Final = 8.0  # seconds
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def retry_after(header: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, capped; None for nonsense (RFC 9110 section 10.2.3)."""
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        wait = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, a date without a zone, a year out of range
        return None
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER)


def delay(attempt: int, error: VendorError, backoff: float, rng: Random) -> float:
    """Seconds to wait after attempt number `attempt` (from 1): full jitter, on top of what the vendor asked for.

    A token that was replaced needs no wait: the answer to the new one does not depend on time.
    """
    if error.kind is VendorKind.AUTH:
        return 0.0
    jitter = rng.uniform(0.0, min(LONGEST_BACKOFF, backoff * 2 ** (attempt - 1)))
    return jitter + (error.retry_after or 0.0)


class RetryBudget:
    """What one sweep may spend on retries: a start, and a tenth for every first attempt and every success.

    In a storm where everything fails the vendor sees at most a tenth more requests than without retries (and the
    start); where a few fail, every one of them gets its attempts.
    """

    START: Final = 3.0
    EARN: Final = 0.1
    MOST: Final = 50.0

    def __init__(self) -> None:
        self._left = self.START

    def reset(self) -> None:
        """A new sweep begins."""
        self._left = self.START

    def earn(self) -> None:
        """A first attempt was made, or an attempt succeeded."""
        self._left = min(self.MOST, self._left + self.EARN)

    def take(self) -> bool:
        """Spend one retry, if there is one."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
