"""The metrics of one process and the board behind them: fed by its passes, handed out in files and by pushes."""

from __future__ import annotations

from contextlib import suppress
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from syncer import statefile
from syncer.board import Board
from syncer.clock import SystemClock
from syncer.errors import SyncerError
from syncer.log import Event
from syncer.metrics import Metrics, handing
from syncer.settings import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from structlog.typing import FilteringBoundLogger

    from syncer.model.outcome import SyncReport
    from syncer.settings import Settings
    from syncer.wiring import Opened

CLOCK: Final = SystemClock()


class Export:
    """What a process tells of itself. Metrics that can't be handed out are a line in the log, and nothing else."""

    def __init__(self, settings: Settings, log: FilteringBoundLogger) -> None:
        self._wanted = settings.metrics
        self._writes = settings.mode is not Mode.OBSERVE
        self._log = log
        version, leader = metadata.version("exotel-syncer"), settings.leader.name
        self.metrics = Metrics(CLOCK, version, leader, each_app=self._wanted.apps)
        document = None
        with suppress(SyncerError):  # a damaged one is replaced by the first pass
            document = statefile.read(settings.state_dir)
        self.board = Board(CLOCK, settings.schedule.detect, document, self.metrics)

    def watch(self, here: Opened) -> None:
        """The journal, its anchors and the lead are there now."""
        self.metrics.standing.journal = here.journal
        self.metrics.standing.anchored = here.anchored
        self._lead(lambda: here.leadership.leads)

    def finished(self, here: Opened, report: SyncReport, document: Mapping[str, Any]) -> None:
        """A pass of a daemon ended with a result; `document` is the report on the whole fleet."""
        self.board.publish(report, here.tracker.apps, document)
        self._write()

    def failed(self) -> None:
        """A pass of a daemon ended without a result."""
        self.board.failed()
        self._write()

    async def push(self) -> None:
        """Tell the Pushgateway, if there is one: nobody can scrape a process that ends now."""
        if not self._wanted.push:
            return
        try:
            await handing.push(self._wanted.push, self._wanted.job, self.metrics.handed())
        except SyncerError as error:
            self._log.warning(Event.METRICS_FAILED, error=error.message, hint=error.hint)

    def closed(self) -> None:
        """The journal is closed: its last head is made, and this process writes no more."""
        self._lead(lambda: False)
        self._write()

    def _lead(self, leads: Callable[[], bool]) -> None:
        """Who only observes says nothing of it: three that observe are not three that may write."""
        if self._writes:
            self.metrics.standing.leads = leads

    def _write(self) -> None:
        if self._wanted.file is None:
            return
        try:
            handing.write(self._wanted.file, self.metrics.handed())
        except SyncerError as error:
            self._log.warning(Event.METRICS_FAILED, error=error.message, hint=error.hint)
