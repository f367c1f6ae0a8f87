"""One pass over all apps: a few workers, memory that does not grow with the fleet, and no app in another's way."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from syncer.clock import SystemClock
from syncer.errors import VendorKind
from syncer.model.live import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from syncer.clock import Clock
    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.live import Live

SILENT: Final = frozenset({VendorKind.TIMEOUT, VendorKind.CONNECT})
"""Failures that come of silence: only the time spent on these is counted, for a slow answer is an answer."""


class Reader(Protocol):
    """What a sweep reads with."""

    def begin_sweep(self) -> None:
        """A new pass begins."""

    async def read(self, app: DesiredApp) -> Live:
        """One app, or why it could not be read."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What a sweep may spend on silence: `allowance` seconds of every worker (hazard C5, ADR 0036).

    Apps in `last` could not be read the last time. They come after the others, in an order that `salt` (the run's id)
    shuffles, so that those that hang do not keep the same ones behind them unread in every pass.
    """

    clock: Clock
    last: Collection[AppRef] = ()
    salt: str = ""
    allowance: float = 300.0


class _Silence:
    """How much of its patience a sweep has used up."""

    def __init__(self, patience: Patience, workers: int) -> None:
        self._clock = patience.clock
        self._left = patience.allowance * workers

    @property
    def enough(self) -> bool:
        """Whether nobody else is to be asked."""
        return self._left <= 0

    async def read(self, reader: Reader, app: DesiredApp) -> Live:
        """The app, and the time it cost if nothing came of it."""
        begun = self._clock.monotonic()
        live = await reader.read(app)
        if isinstance(live, Unreadable) and live.kind in SILENT:
            self._left -= self._clock.monotonic() - begun
        return live


async def sweep(
    reader: Reader,
    apps: Sequence[DesiredApp],
    concurrency: int,
    on_read: Callable[[Live], None] | None = None,
    patience: Patience | None = None,
) -> tuple[Live, ...]:
    """Read every app with at most `concurrency` at once; the answers stand in the order of `apps`.

    Customers take turns, so that one whose pace was lowered does not hold up the others. Once patience is used up the
    apps that are left are Unreadable without having been asked.
    """
    reader.begin_sweep()
    patience = patience or Patience(SystemClock())
    workers = min(concurrency, len(apps))
    silence = _Silence(patience, workers)
    found: dict[int, Live] = {}
    turns = iter(_in_turns(apps, patience))

    async def work() -> None:
        for position in turns:
            app = apps[position]
            live = found[position] = _unasked(app.ref) if silence.enough else await silence.read(reader, app)
            if on_read is not None:
                on_read(live)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
    return tuple(found[position] for position in range(len(apps)))


def _unasked(ref: AppRef) -> Unreadable:
    return Unreadable(
        ref,
        VendorKind.TIMEOUT,
        "not asked in this pass: the vendor kept silent about too many others",
        "nothing to do: in the next pass it comes before those that were silent, or shares the wait with them",
    )


def _in_turns(apps: Sequence[DesiredApp], patience: Patience) -> list[int]:
    """Positions, every customer's first app before any customer's second one; those to come last shuffled."""
    ranks = list(_ranks(apps))
    late = frozenset(patience.last)

    def turn(position: int) -> tuple[int, int, bytes]:
        ref = apps[position].ref
        if ref not in late:
            return 0, ranks[position], b""
        return 1, 0, hashlib.sha256(f"{patience.salt} {ref}".encode()).digest()

    return sorted(range(len(apps)), key=turn)


def _ranks(apps: Sequence[DesiredApp]) -> Iterator[int]:
    seen: Counter[str] = Counter()
    for app in apps:
        yield seen[app.ref.customer_id]
        seen[app.ref.customer_id] += 1
