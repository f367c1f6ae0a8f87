"""Ids that sort by time (the ULID layout: 48 bits of milliseconds, 80 random bits, Crockford's base 32)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.clock import Clock

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ulids:
    """Makes ids of 26 characters; `random` gives that many random bytes."""

    def __init__(self, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random = random

    def __call__(self) -> str:
        """A new id."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(self._random(10), "big")
        return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
