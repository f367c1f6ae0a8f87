"""The long-running process: APScheduler asks, signals ask, one worker runs passes one at a time.

Scheduler jobs and signals only leave a request; the worker takes all requests that have come in and answers them
with one pass, so that passes never overlap and none is lost (a job that ran the pass itself would be skipped while
another runs).
"""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from syncer import schedule
from syncer.errors import StoppedError, SyncerError
from syncer.log import Event
from syncer.model.outcome import Trigger
from syncer.parts import Ask
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from structlog.typing import FilteringBoundLogger

    from syncer.model.outcome import SyncReport
    from syncer.schedule import Schedule

T = TypeVar("T")

PRECEDENCE: Final = (
    Trigger.START,
    Trigger.SIGNAL,
    Trigger.MANUAL,
    Trigger.PUSH,
    Trigger.COMMIT,
    Trigger.SCHEDULE,
    Trigger.DETECT,
)
"""The name a pass gets when several things asked for it: the first of these."""
FETCHING: Final = frozenset({Trigger.POLL, Trigger.PUSH})
"""Requests to look at the source: a pass follows only if it moved, so that whoever pushes can't ask for more."""
LOOKING: Final = FETCHING | {Trigger.DETECT}
"""Requests that never write by themselves."""


class Passes(Protocol):
    """Runs passes; the reconciler as the daemon sees it."""

    async def run(self, ask: Ask) -> SyncReport:
        """One pass."""

    def stop(self) -> None:
        """Ends the pass under way soon."""


class Requests:
    """What has been asked for and not yet answered. Used in the event loop only."""

    def __init__(self) -> None:
        self._asked: set[Trigger] = set()
        self._event = asyncio.Event()

    def ask(self, trigger: Trigger) -> None:
        """Leaves a request; asking twice before the answer is asking once."""
        self._asked.add(trigger)
        self._event.set()

    async def take(self) -> frozenset[Trigger]:
        """Waits for requests and takes all of them."""
        await self._event.wait()
        self._event.clear()
        taken, self._asked = frozenset(self._asked), set()
        return taken


class Daemon:
    """Runs passes until it is told to stop.

    `poll` looks at the source in a thread and says whether it moved; `on_report` is called after each pass,
    `on_failure` after one without a result.
    """

    def __init__(
        self,
        passes: Passes,
        plan: Schedule,
        poll: Callable[[], bool],
        on_report: Callable[[SyncReport], None],
        log: FilteringBoundLogger,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._passes = passes
        self._schedule = plan
        self._poll = poll
        self._on_report = on_report
        self._on_failure = on_failure
        self._log = log
        self._requests = Requests()
        self._stopping = False
        self._turn = asyncio.Lock()
        self._revision = ""
        self._appointments: Callable[[], Mapping[Trigger, datetime]] = dict

    @property
    def stopping(self) -> bool:
        """Whether stop was called."""
        return self._stopping

    def appointments(self) -> Mapping[Trigger, datetime]:
        """When it looks and writes next; empty before it runs."""
        return self._appointments()

    async def between(self, work: Callable[[], Awaitable[T]]) -> T:
        """Does something while no pass and no look at the source is under way; StoppedError at the end."""
        async with self._turn:
            if self._stopping:
                raise StoppedError("syncer is ending; nothing was done", hint="ask again once it is back")
            return await work()

    def ask(self, trigger: Trigger) -> None:
        """Asks for a pass as soon as the one under way has ended."""
        self._requests.ask(trigger)

    def stop(self) -> None:
        """Finishes the PUT in flight, records it, and ends."""
        if not self._stopping:
            self._log.info(Event.DAEMON_STOPPING)
            self._stopping = True
            self._passes.stop()
            self._requests.ask(Trigger.SIGNAL)

    def _signalled(self) -> None:
        if self._stopping:
            os._exit(1)  # the journal is crash-safe; whoever asks twice wants it now
        self.stop()

    async def run(self) -> None:
        """Starts with a pass and goes on until stopped; never ends because of its inputs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        loop.add_signal_handler(signal.SIGHUP, self.ask, Trigger.SIGNAL)
        scheduler = schedule.scheduler(self._schedule, self._requests.ask)
        scheduler.start()
        self._appointments = partial(schedule.appointments, scheduler)
        watch = asyncio.create_task(schedule.keep_right(scheduler))
        self._log.info(Event.DAEMON_STARTED)
        self.ask(Trigger.START)
        try:
            while not self._stopping:
                asked = await self._requests.take()
                async with self._turn:
                    if not self._stopping:
                        await self._answer(asked)
            async with self._turn:
                pass  # whoever has it still uses the journal
        finally:
            watch.cancel()
            scheduler.shutdown(wait=False)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)
            self._log.info(Event.DAEMON_STOPPED)

    async def _answer(self, asked: frozenset[Trigger]) -> None:
        """One pass for all that was asked for; a look at the source asks for one only if it moved."""
        if not asked <= FETCHING:
            await self._pass(Ask(_named(asked), write=not asked <= LOOKING))
        elif await self._moved() and not self._stopping:
            await self._pass(Ask(Trigger.PUSH if Trigger.PUSH in asked else Trigger.COMMIT, write=True))

    async def _moved(self) -> bool:
        try:
            return await in_thread(self._poll)
        except Exception as error:  # noqa: BLE001 -- as for a pass; the next poll looks again
            self._log.error(Event.SOURCE_FAILED, error=type(error).__name__, exc_info=error)
            return False

    async def _pass(self, ask: Ask) -> None:
        try:
            report = await self._passes.run(ask)
            if not ask.write and self._revision != report.revision.id:
                self.ask(Trigger.COMMIT)  # a look came upon a commit that no pass has written yet
            self._revision = report.revision.id
            self._on_report(report)
        except StoppedError:
            return
        except SyncerError as error:
            self._on_failure()
            self._log.error(Event.PASS_FAILED, trigger=ask.trigger.value, error=error.message, hint=error.hint)
        except Exception as error:  # noqa: BLE001 -- a daemon outlives its own faults; the traceback goes to the log
            self._on_failure()
            self._log.error(Event.PASS_FAILED, trigger=ask.trigger.value, error=type(error).__name__, exc_info=error)


def _named(asked: frozenset[Trigger]) -> Trigger:
    return next((each for each in PRECEDENCE if each in asked), Trigger.SCHEDULE)
