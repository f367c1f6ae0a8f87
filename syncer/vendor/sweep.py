"""One pass over all apps: a few workers, memory that does not grow with the fleet, and no app in another's way."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncer.model.desired import DesiredApp
    from syncer.model.live import Live


class Reader(Protocol):
    """What a sweep reads with."""

    def begin_sweep(self) -> None:
        """A new pass begins."""

    async def read(self, app: DesiredApp) -> Live:
        """One app, or why it could not be read."""


async def sweep(
    reader: Reader, apps: Sequence[DesiredApp], concurrency: int, on_read: Callable[[Live], None] | None = None
) -> tuple[Live, ...]:
    """Read every app with at most `concurrency` at once; the answers stand in the order of `apps`.

    Customers take turns, so that one whose pace was lowered does not hold up the others.
    """
    reader.begin_sweep()
    found: dict[int, Live] = {}
    turns = iter(_in_turns(apps))

    async def work() -> None:
        for position in turns:
            live = found[position] = await reader.read(apps[position])
            if on_read is not None:
                on_read(live)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(apps))):
            group.create_task(work())
    return tuple(found[position] for position in range(len(apps)))


def _in_turns(apps: Sequence[DesiredApp]) -> list[int]:
    """Positions, every customer's first app before any customer's second one."""
    return sorted(range(len(apps)), key=list(_ranks(apps)).__getitem__)


def _ranks(apps: Sequence[DesiredApp]) -> Iterator[int]:
    seen: Counter[str] = Counter()
    for app in apps:
        yield seen[app.ref.customer_id]
        seen[app.ref.customer_id] += 1
