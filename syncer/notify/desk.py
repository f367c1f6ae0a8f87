"""Takes what passes found, decides who is told, and keeps the couriers busy; a pass only leaves its result here."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from syncer.log import Event
from syncer.notify import commits, deciding, seen
from syncer.notify.courier import Courier
from syncer.notify.deciding import Rules
from syncer.settings.notices import COMMIT_STATUS
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.notify.courier import Post, Round
    from syncer.notify.deciding import Memory, Told
    from syncer.notify.seen import Happened, Seen
    from syncer.settings.tree import Notify

KEPT: Final = 64
"""Passes whose results wait to be looked at. An older one gives way: the next one is compared with what was told."""
TICK: Final = 15.0
"""Seconds between looks at what becomes due without a pass: `after` as a time, a gap that ends, a silence."""
STALE_INTERVALS: Final = 3
"""As for the state Stale of an app."""


@dataclass(frozen=True, slots=True)
class Office:
    """What a desk is told from outside: `interval` is how often a pass is due.

    `speaks` says whether this process is the one of several that tells; what is delivered already is not stopped by it.
    """

    new_id: Callable[[], str]
    public_url: str
    interval: timedelta
    tick: float = TICK
    speaks: Callable[[], bool] = lambda: True


class Desk:
    """The receivers of one process, each with its courier. Without receivers it does nothing at all."""

    def __init__(self, receivers: tuple[tuple[Notify, Post], ...], shared: Round, office: Office) -> None:
        self._shared = shared
        self._office = office
        self._couriers = tuple(Courier(receiver, post, shared) for receiver, post in receivers)
        self._rules = tuple((receiver, rules_of(receiver, office.public_url)) for receiver, _ in receivers)
        self._pending: deque[Happened] = deque(maxlen=KEPT)
        self._arrived = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._hurried = asyncio.Event()
        self._memory: dict[str, Memory] = {}
        self._last: Seen | None = None
        self._result_at = shared.clock.monotonic()
        self._told = ""

    def after(self, happened: Happened) -> None:
        """A pass ended; returns at once."""
        if self._couriers:
            self._pending.append(happened)
            self._settled.clear()
            self._arrived.set()

    async def run(self) -> None:
        """Works until it is cancelled, then so do the couriers."""
        if not self._couriers:
            return
        await in_thread(self._begin)
        async with asyncio.TaskGroup() as group:
            for courier in self._couriers:
                group.create_task(courier.run())
            group.create_task(self._work())

    async def settle(self, seconds: float) -> bool:
        """Waits so long until everything is decided and was tried to deliver once; whether it was."""
        quiet, hurried = asyncio.ensure_future(self._quiet()), asyncio.ensure_future(self._hurried.wait())
        done, _ = await asyncio.wait({quiet, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        quiet.cancel()
        hurried.cancel()
        return quiet in done

    def hurry(self) -> None:
        """Nobody waits any longer: what is left is delivered by the next process."""
        self._hurried.set()

    async def _quiet(self) -> None:
        await self._settled.wait()
        for courier in self._couriers:
            await courier.idle.wait()

    def _begin(self) -> None:
        spool = self._shared.spool
        names = [receiver.name for receiver, _ in self._rules]
        if gone := spool.keep_only(names):
            self._shared.log.error(Event.NOTICE_DROPPED, notices=gone, error="their receiver is configured no longer")
        self._memory = {name: dict(spool.known().get(name, {})) for name in names}
        self._trouble()

    async def _work(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), self._office.tick)
            self._arrived.clear()
            try:
                await in_thread(self._look)
            except Exception as error:  # whatever is wrong with one notice, passes and other notices go on
                self._shared.log.error(Event.NOTICE_FAILED, error=type(error).__name__, exc_info=error)
            for courier in self._couriers:
                courier.wake()
            if not self._pending:
                self._settled.set()

    def _look(self) -> None:
        """At every pass that ended, or once more at the last one."""
        if not self._pending:
            self._look_again()
        while self._pending:
            happened = self._pending.popleft()
            if happened.report is not None:
                self._result_at = self._shared.clock.monotonic()
            found = self._judged(seen.of(happened))
            self._last = replace(found, apps=found.apps or (self._last.apps if self._last else None))
            if not self._office.speaks():
                continue  # remembered as the last pass, in case this process is the one by the next
            progress = commits.of(happened)
            for (receiver, rules), courier in zip(self._rules, self._couriers, strict=True):
                memory = self._memory[receiver.name]
                if receiver.kind == COMMIT_STATUS:
                    told = commits.decide(progress, memory, happened.at, self._office.public_url)
                else:
                    told = deciding.decide(rules, found, memory)
                self._record(receiver.name, told, courier)

    def _look_again(self) -> None:
        if not self._office.speaks():
            return
        now = self._shared.clock.now()
        last = self._last or seen.Seen(now, None, None)
        found = self._judged(replace(last, at=now))
        for (receiver, rules), courier in zip(self._rules, self._couriers, strict=True):
            memory = self._memory[receiver.name]
            # An app that is not remembered is well and nobody was told otherwise: nothing of it becomes due.
            apps = tuple(each for each in found.apps if each.key in memory) if found.apps is not None else None
            if receiver.kind != COMMIT_STATUS:
                told = deciding.decide(rules, replace(found, apps=apps), memory, counted=False)
                self._record(receiver.name, told, courier)

    def _judged(self, found: Seen) -> Seen:
        """With the word Stale for the fleet where no pass has had a result for long."""
        silence = timedelta(seconds=self._shared.clock.monotonic() - self._result_at)
        if silence <= STALE_INTERVALS * self._office.interval:
            return found
        return replace(found, fleet=seen.stale(found.at, silence))

    def _record(self, receiver: str, told: Told, courier: Courier) -> None:
        if not told.notices and not told.memory:
            return
        notices = [replace(each, id=self._office.new_id()) for each in told.notices]
        gone = self._shared.spool.record(receiver, notices, told.memory)
        memory = self._memory[receiver]
        for key, known in told.memory.items():
            if known is None:
                memory.pop(key, None)
            else:
                memory[key] = known
        if gone:
            courier.dropped(gone, "too many wait for this receiver: the oldest gave way")
        self._trouble()

    def _trouble(self) -> None:
        """Said once, and each time that it becomes another."""
        trouble = self._shared.spool.trouble
        if trouble != self._told:
            hint = "make room in the state folder; until a restart notices are kept in memory only"
            self._shared.log.warning(Event.NOTICE_FAILED, error=f"notices can't be kept: {trouble}", hint=hint)
        self._told = trouble


def rules_of(receiver: Notify, public_url: str) -> Rules:
    """What a receiver wants to hear of."""
    after = receiver.after
    return Rules(
        on=frozenset(state.value for state in receiver.on),
        passes=after if isinstance(after, int) else 1,
        length=timedelta(0) if isinstance(after, int) else after,
        digest=receiver.digest,
        labels=receiver.labels,
        public_url=public_url,
    )
