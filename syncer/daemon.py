"""The long-running process: APScheduler asks, signals ask, one worker runs passes one at a time.

Scheduler jobs and signals only leave a request; the worker takes all requests that have come in and answers them
with one pass, so that passes never overlap and none is lost (a job that ran the pass itself would be skipped while
another runs).
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Final, Protocol

from syncer import schedule
from syncer.errors import StoppedError, SyncerError
from syncer.log import Event
from syncer.model.outcome import Trigger
from syncer.parts import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from syncer.model.outcome import SyncReport
    from syncer.schedule import Schedule

PRECEDENCE: Final = (
    Trigger.START,
    Trigger.SIGNAL,
    Trigger.PUSH,
    Trigger.COMMIT,
    Trigger.SCHEDULE,
    Trigger.DETECT,
)
"""The name a pass gets when several things asked for it: the first of these."""
LOOKING: Final = frozenset({Trigger.DETECT, Trigger.POLL})
"""Requests that never write."""


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

    `poll` looks at the source in a thread and says whether it moved; `on_report` is called after each pass.
    """

    def __init__(
        self,
        passes: Passes,
        plan: Schedule,
        poll: Callable[[], bool],
        on_report: Callable[[SyncReport], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._passes = passes
        self._schedule = plan
        self._poll = poll
        self._on_report = on_report
        self._log = log
        self._requests = Requests()
        self._stopping = False
        self._revision = ""

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
        self._log.info(Event.DAEMON_STARTED)
        self.ask(Trigger.START)
        try:
            while not self._stopping:
                await self._answer(await self._requests.take())
        finally:
            scheduler.shutdown(wait=False)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)
            self._log.info(Event.DAEMON_STOPPED)

    async def _answer(self, asked: frozenset[Trigger]) -> None:
        """One pass for all that was asked for; a poll alone asks for one only if the source moved."""
        if asked == {Trigger.POLL}:
            asked = frozenset({Trigger.COMMIT}) if await self._moved() else frozenset()
        if asked and not self._stopping:
            trigger = next((each for each in PRECEDENCE if each in asked), Trigger.SCHEDULE)
            await self._pass(Ask(trigger, write=not asked <= LOOKING))

    async def _moved(self) -> bool:
        try:
            return await asyncio.to_thread(self._poll)
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
            self._log.error(Event.PASS_FAILED, trigger=ask.trigger.value, error=error.message, hint=error.hint)
        except Exception as error:  # noqa: BLE001 -- a daemon outlives its own faults; the traceback goes to the log
            self._log.error(Event.PASS_FAILED, trigger=ask.trigger.value, error=type(error).__name__, exc_info=error)
