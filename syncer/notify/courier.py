"""Delivers what waits for one receiver, oldest first, and tries again until it is taken or too old."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from syncer.errors import SyncerError
from syncer.log import Event
from syncer.notify import places, sinks
from syncer.notify.sinks import Secrets
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from structlog.typing import FilteringBoundLogger

    from syncer.clock import Clock
    from syncer.notify.notice import Notice
    from syncer.notify.sinks import Request, Sender
    from syncer.notify.spool import Spool, Waiting
    from syncer.notify.transport import Answer
    from syncer.settings.tree import Notify

UNFIT: Final = frozenset({400, 405, 406, 409, 411, 413, 414, 415, 422})
"""Answers that say that this notice will never be taken. Any other trouble is the receiver's, and may end."""


class Result(StrEnum):
    """What became of an attempt or a notice, for a counter: a closed set."""

    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Patience:
    """How delivery is tried, in seconds: `deadline` of an attempt, waits from `first`, doubled up to `longest`.

    After `give_up` a notice is too old to be of use.
    """

    deadline: float = 10.0
    first: float = 5.0
    longest: float = 600.0
    give_up: timedelta = timedelta(hours=24)


class Post(Protocol):
    """HTTP as a courier needs it."""

    async def post(self, request: Request) -> Answer:
        """One exchange; SyncerError without an answer."""


def uncounted(kind: str, result: str) -> None:
    """Where nobody counts."""
    del kind, result


@dataclass(frozen=True, slots=True)
class Round:
    """What all couriers of a process share. `count` is told the receiver's kind and what became of it."""

    spool: Spool
    clock: Clock
    rng: Random
    environ: Mapping[str, str]
    sender: Sender
    log: FilteringBoundLogger
    patience: Patience = Patience()
    count: Callable[[str, str], None] = uncounted


class Courier:
    """One receiver's deliveries. Used in one event loop; what it does to the spool it does in a thread.

    `idle` is set while there is nothing to do now: nothing waits, or it was tried and comes again later.
    """

    def __init__(self, receiver: Notify, post: Post, shared: Round) -> None:
        self._receiver = receiver
        self._post = post
        self._shared = shared
        self._log = shared.log.bind(receiver=receiver.name, kind=receiver.kind)
        self._more = asyncio.Event()
        self.idle = asyncio.Event()
        self._told = ""

    def wake(self) -> None:
        """Something may have come to wait."""
        self.idle.clear()
        self._more.set()

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        while True:
            try:
                await self._step()
            except Exception as error:  # noqa: BLE001 -- whatever is wrong with this receiver's notices, the other couriers go on
                self._log.error(Event.NOTICE_FAILED, error=type(error).__name__, exc_info=error)
                await asyncio.sleep(self._shared.patience.first)

    async def _step(self) -> None:
        """The oldest notice if it is due, else a wait for it, or for another one."""
        self._more.clear()
        waiting = await in_thread(self._shared.spool.head, self._receiver.name)
        wait = self._wait(waiting) if waiting else None
        if waiting is not None and wait == 0:
            self.idle.clear()
            await self._deliver(waiting)
            return
        if not self._more.is_set():
            self.idle.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._more.wait(), wait)

    def _wait(self, waiting: Waiting) -> float:
        """Seconds until the next attempt; never longer than the longest, whatever the clock did meanwhile."""
        left = waiting.due - self._shared.clock.now().timestamp()
        return left if 0 < left <= self._shared.patience.longest else 0.0

    async def _deliver(self, waiting: Waiting) -> None:
        notice, spool = waiting.notice, self._shared.spool
        if self._shared.clock.now() - notice.at > self._shared.patience.give_up:
            await in_thread(spool.done, waiting.seq)
            self.dropped(1, f"it could not be delivered within {self._shared.patience.give_up}")
            return
        try:
            answer = await self.attempt(notice)
        except SyncerError as error:
            await self._failed(waiting, error)
            return
        if sinks.accepted(self._receiver, answer.status, answer.body):
            await in_thread(spool.done, waiting.seq)
            self._counted(Result.SENT)
            self._told = ""
            self._log.info(Event.NOTICE_SENT, id=notice.id, what=notice.what.value, about=notice.name, to=notice.state)
        elif answer.status in UNFIT:
            await in_thread(spool.done, waiting.seq)
            self.dropped(1, f"the receiver refused it with {answer.status}")
        else:
            hint = "check the receiver's url, secret and token" if answer.status < 500 else ""
            trouble = SyncerError(f"the receiver answered {answer.status}", hint=hint)
            await self._failed(waiting, trouble, answer.retry_after)

    async def attempt(self, notice: Notice) -> Answer:
        """Sends a notice once; SyncerError where a secret can't be read or there is no answer."""
        receiver, shared = self._receiver, self._shared
        found = await in_thread(secrets, receiver, shared.environ)
        request = sinks.request(receiver, notice, found, shared.sender, shared.clock.now())
        return await self._post.post(request)

    async def _failed(self, waiting: Waiting, error: SyncerError, retry_after: float = 0.0) -> None:
        """The next attempt later: at half to all of a wait that doubles, so that receivers don't hear all at once."""
        patience, shared = self._shared.patience, self._shared
        wait = min(patience.first * 2 ** min(waiting.attempts, 20), patience.longest) * shared.rng.uniform(0.5, 1.0)
        due = shared.clock.now().timestamp() + min(max(wait, retry_after), patience.longest)
        await in_thread(shared.spool.later, waiting.seq, due)
        self._counted(Result.FAILED)
        if error.message != self._told:
            count = await in_thread(shared.spool.waiting, self._receiver.name)
            self._log.warning(Event.NOTICE_FAILED, error=error.message, hint=error.hint, waiting=count)
        self._told = error.message

    def dropped(self, count: int, why: str) -> None:
        """Says that notices were given up."""
        self._log.error(Event.NOTICE_DROPPED, notices=count, error=why)
        for _ in range(count):
            self._counted(Result.DROPPED)

    def _counted(self, result: Result) -> None:
        self._shared.count(self._receiver.kind, result.value)


def secrets(receiver: Notify, environ: Mapping[str, str]) -> Secrets:
    """A receiver's secrets as they are now; SyncerError where one can't be read."""
    found = Secrets(places.address(receiver.url, environ))
    if receiver.secret is not None:
        found = replace(found, signing=places.read(receiver.secret, environ))
    if receiver.token is not None:
        found = replace(found, token=places.read(receiver.token, environ))
    return found
