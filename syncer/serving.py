"""The daemon behind its HTTP server: what the server shows and asks, joined to what the daemon is made of."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from syncer import board, environment
from syncer.approvals import Approver, Selection, Word
from syncer.clock import SystemClock
from syncer.desired import selection
from syncer.log import Event
from syncer.model.outcome import Trigger
from syncer.serve import app, guard
from syncer.serve.keys import Keyring
from syncer.serve.listening import listening
from syncer.serve.ports import Behind, Check
from syncer.serve.probes import Heartbeat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from syncer.audit.journal import Journal
    from syncer.board import Board
    from syncer.daemon import Daemon
    from syncer.desired.tracker import Tracker
    from syncer.exporting import Export
    from syncer.serve.ports import Approval
    from syncer.wiring import Opened

CLOCK: Final = SystemClock()
ADDRESS: Final = "serve.json"
"""In the state folder while a daemon serves: where it can be asked."""


@dataclass(frozen=True, slots=True)
class Health:
    """The daemon as probes see it."""

    board: Board
    daemon: Daemon
    tracker: Tracker
    journal: Journal

    @property
    def judged(self) -> bool:
        """Whether a pass of this process has had a result."""
        return self.board.judged

    @property
    def stopping(self) -> bool:
        """Whether the daemon was asked to stop."""
        return self.daemon.stopping

    def checks(self) -> tuple[Check, ...]:
        """The last pass, the source, the journal."""
        trouble = "takes no intents: nothing is written" if self.journal.poisoned else "takes records"
        return (
            self.board.last_pass(),
            board.source(self.tracker),
            Check("journal", not self.journal.poisoned, f"{trouble}, {self.journal.unsealed} without a head"),
        )


@dataclass(frozen=True, slots=True)
class Actions:
    """What may be asked of the daemon, one thing at a time."""

    daemon: Daemon
    approver: Approver

    def reconcile(self) -> None:
        """A pass that writes what may be written."""
        self.daemon.ask(Trigger.MANUAL)

    def fetch(self) -> None:
        """A look at the source."""
        self.daemon.ask(Trigger.PUSH)

    async def approve(self, wanted: Approval) -> dict[str, Any]:
        """As `syncer approve` does it, once nothing else runs.

        It looks at the source itself. A commit that this takes in force is no news to the next poll, so that the pass
        for it is asked for here.
        """
        before = self._revision
        try:
            return await self._approved(wanted, Word(wanted.by, wanted.reason))
        finally:
            if self._revision != before:
                self.daemon.ask(Trigger.COMMIT)

    @property
    def _revision(self) -> str:
        return self.approver.tracker.in_force.revision.id if self.approver.tracker.in_force else ""

    async def _approved(self, wanted: Approval, word: Word) -> dict[str, Any]:
        if wanted.commit:
            commit = await self.daemon.between(partial(self.approver.commit, wanted.commit, word))
            return {"commit": commit or None, "approved": []}
        select = partial(selection.select, patterns=wanted.apps, labels=wanted.labels)
        chosen = Selection(select, narrowed=bool(wanted.apps or wanted.labels), named=bool(wanted.apps))
        steps = await self.daemon.between(partial(self.approver.plan, wanted.plan, chosen, word))
        names = [
            {"customer_id": step.ref.customer_id, "app_id": step.ref.app_id, "name": step.app.name} for step in steps
        ]
        return {"commit": None, "approved": names}


class Front:
    """The server in front of what a daemon tells of itself."""

    def __init__(self, export: Export) -> None:
        self._metrics, self._board = export.metrics, export.board

    @asynccontextmanager
    async def serving(self, here: Opened, daemon: Daemon, log: FilteringBoundLogger) -> AsyncIterator[None]:
        """Serves in the running loop until left, unless the settings want no server.

        UsageError where the address can't be had.
        """
        if here.journal is None or not here.settings.serve.host:
            yield
            return
        behind, wanted = self._behind(here, here.journal, daemon, log), here.settings.serve
        heartbeat = Heartbeat(CLOCK)
        served = app.application(behind, heartbeat, guard.hosts(wanted.host, wanted.allowed_hosts))
        async with listening(served, wanted.host, wanted.port) as address:
            log.info(Event.SERVING, address=address, actions=wanted.token is not None)
            beating = asyncio.create_task(heartbeat.beat())
            try:
                with _told(here.settings.state_dir / ADDRESS, address):
                    yield
            finally:
                beating.cancel()

    def _behind(self, here: Opened, journal: Journal, daemon: Daemon, log: FilteringBoundLogger) -> Behind:
        wanted, environ = here.settings.serve, environment.read()
        return Behind(
            view=self._board,
            health=Health(self._board, daemon, here.tracker, journal),
            actions=Actions(daemon, Approver(here.reconciler, here.tracker, journal, CLOCK)),
            tokens=Keyring(wanted.token, environ, "token"),
            secrets=Keyring(wanted.push_secret, environ, "push"),
            clock=CLOCK,
            log=log,
            exposition=self._metrics.exposition,
        )


@contextmanager
def _told(path: Path, address: str) -> Iterator[None]:
    """The address in a file, for commands that find the state locked; only a hint, so it may fail."""
    with suppress(OSError):
        path.write_bytes(orjson.dumps({"address": address}))
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
