"""The settings' receivers of notices as objects, for as long as a process runs."""

from __future__ import annotations

import asyncio
import random
import secrets
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

from syncer import environment, wiring
from syncer.audit.ulid import Ulids
from syncer.clock import SystemClock
from syncer.errors import SyncerError
from syncer.notify import sinks
from syncer.notify.courier import Courier, Patience, Round, uncounted
from syncer.notify.desk import Desk, Office
from syncer.notify.seen import Happened
from syncer.notify.sinks import Sender
from syncer.notify.spool import Spool
from syncer.notify.transport import LATER, Link
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from structlog.typing import FilteringBoundLogger

    from syncer.model.outcome import SyncReport
    from syncer.settings import Settings
    from syncer.settings.tree import Notify
    from syncer.wiring import Opened

CLOCK: Final = SystemClock()
ONCE: Final = 10.0
"""Seconds that `run --once` waits for notices to be delivered; the rest is spooled for the next run."""
PATIENCE: Final = Patience()
LAST: Final = 2.0
"""Seconds that a daemon gives deliveries under way when it ends."""


@asynccontextmanager
async def opened(
    settings: Settings,
    log: FilteringBoundLogger,
    *,
    last: float = LAST,
    patience: Patience = PATIENCE,
    count: Callable[[str, str], None] | None = None,
    speaks: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Desk]:
    """The desk of a process that holds the state folder's lock, at work until left, and `last` seconds longer.

    `count` is told the kind of a receiver and what became of an attempt or a notice (sent, failed, dropped). `speaks`
    says whether this process leads: of several, one tells.
    """
    async with AsyncExitStack() as stack:
        receivers = tuple([(each, await _link(stack, each, patience)) for each in settings.notify])
        spool = stack.enter_context(closing(await in_thread(_spool, settings, wanted=bool(receivers))))
        shared = Round(
            spool, CLOCK, random.SystemRandom(), environment.read(), sender(), log, patience, count or uncounted
        )
        office = Office(
            Ulids(CLOCK, secrets.token_bytes), settings.serve.public_url, settings.schedule.detect, speaks=speaks
        )
        desk = Desk(receivers, shared, office)
        working = asyncio.create_task(desk.run())
        try:
            yield desk
        finally:
            if last:
                await desk.settle(last)
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


def happened(here: Opened, report: SyncReport | None, error: SyncerError | None = None) -> Happened:
    """A pass that ended just now, with or without a result."""
    trouble = here.journal.poisoned if here.journal is not None else ""
    return Happened(CLOCK.now(), report, here.tracker.apps, here.tracker.failure, trouble, error)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a test notice, in a sentence and a hint."""

    ok: bool
    told: str
    hint: str = ""

    def document(self) -> dict[str, object]:
        """The same for machines."""
        return asdict(self)


async def test(receivers: Sequence[Notify], log: FilteringBoundLogger) -> list[Tried]:
    """Sends a test notice to each receiver, once and at once."""
    async with AsyncExitStack() as stack:
        spool = stack.enter_context(closing(Spool.in_memory()))
        shared = Round(spool, CLOCK, random.SystemRandom(), environment.read(), sender(), log)
        new_id = Ulids(CLOCK, secrets.token_bytes)
        return [await _tried(stack, receiver, shared, new_id()) for receiver in receivers]


async def _tried(stack: AsyncExitStack, receiver: Notify, shared: Round, new_id: str) -> Tried:
    try:
        courier = Courier(receiver, await _link(stack, receiver, shared.patience), shared)
        answer = await courier.attempt(sinks.a_test(CLOCK.now(), new_id))
    except SyncerError as error:
        later = error.hint == LATER  # which a test is not
        return Tried(False, error.message, "is its url right, and is it up?" if later else error.hint)
    ok = sinks.accepted(receiver, answer.status, answer.body)
    return Tried(ok, f"answered {answer.status}", "" if ok else "check its url, secret and ca_file")


def sender() -> Sender:
    """Who sends: this machine or Pod."""
    return Sender(wiring.identity("system").source, f"syncer/{metadata.version('exotel-syncer')}")


async def _link(stack: AsyncExitStack, receiver: Notify, patience: Patience) -> Link:
    link = await in_thread(Link, receiver.proxy, receiver.ca_file, patience.deadline)
    stack.push_async_callback(link.aclose)
    return link


def _spool(settings: Settings, *, wanted: bool) -> Spool:
    return Spool.open(settings.state_dir) if wanted else Spool.in_memory()
