"""The daemon behind its HTTP server: what the server shows and asks, joined to what the daemon is made of."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import orjson

from syncer import board, environment, history, orders
from syncer.approvals import Approver, Selection, Word
from syncer.clock import SystemClock
from syncer.desired import selection
from syncer.errors import HeldError
from syncer.log import Event
from syncer.model.desired import AppRef
from syncer.model.outcome import Trigger
from syncer.orders import Helm, Whom
from syncer.serve import app, guard
from syncer.serve.keys import Keyring
from syncer.serve.listening import listening
from syncer.serve.ports import Behind, Check
from syncer.serve.probes import Heartbeat
from syncer.threads import end, in_thread
from syncer.views.gauges import Gauges
from syncer.views.pages import Around, Views
from syncer.views.trail import Trail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from syncer.audit.index import Index
    from syncer.audit.journal import Journal
    from syncer.board import Board
    from syncer.daemon import Daemon
    from syncer.desired.tracker import Tracker
    from syncer.errors import SourceError
    from syncer.exporting import Export
    from syncer.leadership import Leadership
    from syncer.orders import Given
    from syncer.serve.ports import Approval, Order
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
    leadership: Leadership

    @property
    def judged(self) -> bool:
        """Whether a pass of this process has had a result."""
        return self.board.judged

    @property
    def stopping(self) -> bool:
        """Whether the daemon was asked to stop."""
        return self.daemon.stopping

    def checks(self) -> tuple[Check, ...]:
        """The last pass, the source, the journal, and the lease where there is one."""
        trouble = "takes no intents: nothing is written" if self.journal.poisoned else "takes records"
        return (
            self.board.last_pass(),
            board.source(self.tracker),
            Check("journal", not self.journal.poisoned, f"{trouble}, {self.journal.unsealed} without a head"),
            *self._leader(),
        )

    def _leader(self) -> tuple[Check, ...]:
        told = self.leadership.told()
        if told is None:
            return ()
        who = f"this process leads, epoch {told['epoch']}" if told["leads"] else f"{told['holder'] or 'nobody'} leads"
        return (Check("leader", self.leadership.healthy, f"{who}; {self.leadership.closed() or 'PUTs may be sent'}"),)


@dataclass(frozen=True, slots=True)
class Actions:
    """What may be asked of the daemon, one thing at a time."""

    daemon: Daemon
    approver: Approver
    helm: Helm
    leadership: Leadership

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
        self._lead("an approval")
        before = self._revision
        try:
            return await self._approved(wanted, Word(wanted.by, wanted.reason))
        finally:
            if self._revision != before:
                self.daemon.ask(Trigger.COMMIT)

    @property
    def _revision(self) -> str:
        state = self.approver.tracker.in_force  # read once: a look in a thread may take it away
        return state.revision.id if state else ""

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

    async def suspend(self, wanted: Order) -> dict[str, Any]:
        """As `syncer suspend` does it."""
        whom, word = _ordered(wanted)
        return await self._order(partial(self.helm.suspend, whom, word, wanted.until))

    async def resume(self, wanted: Order) -> dict[str, Any]:
        """As `syncer resume` does it."""
        return await self._order(partial(self.helm.resume, *_ordered(wanted)))

    async def rollback(self, wanted: Order) -> dict[str, Any]:
        """As `syncer rollback` does it, with and without --undo."""
        whom, word = _ordered(wanted)
        if wanted.to:
            return await self._order(partial(self.helm.pin, whom, wanted.to, word, wanted.until))
        return await self._order(partial(self.helm.unpin, whom, word))

    async def _order(self, give: Callable[[], Awaitable[Given]]) -> dict[str, Any]:
        """Given by the leader: it may be another one by the time that nothing else runs."""
        self._lead("an order")

        async def given() -> Given:
            self._lead("an order")
            return await give()

        return orders.document(await self.daemon.between(given))

    def _lead(self, what: str) -> None:
        if not self.leadership.leads:
            who = (self.leadership.told() or {}).get("holder")
            raise HeldError(
                f"this process does not lead, and {what} counts in the journal of the one that does",
                hint=f"ask the leader, {who}" if who else "nobody leads now: the log of each replica says why",
            )


def _ordered(wanted: Order) -> tuple[Whom, Word]:
    return Whom(wanted.apps, wanted.labels, wanted.everybody), orders.worded(wanted.by, wanted.reason)


@dataclass(frozen=True, slots=True)
class Past:
    """The journal as it is asked."""

    index: Index

    async def history(self, customer: str, app: str, field: str, limit: int) -> dict[str, Any]:
        """What happened to an app, or to one field; UsageError for what is no field."""
        known = history.checked_field(field) if field else None
        ref = AppRef(customer, app)
        return history.document(ref, await in_thread(self.index.history, ref, known, limit))


class Front:
    """The server in front of what a daemon tells of itself."""

    def __init__(self, export: Export) -> None:
        self._metrics, self._board = export.metrics, export.board
        self._gauges = Gauges(CLOCK)

    def on_request(self, method: str, status: int | None, elapsed: float, ref: AppRef) -> None:
        """One exchange with the vendor ended: for the metrics and the pages."""
        self._metrics.on_request(method, status, elapsed, ref)
        self._gauges.on_request(method, status, elapsed, ref)

    def on_look(self, error: SourceError | None) -> None:
        """The source was looked at: likewise."""
        self._metrics.on_look(error)
        self._gauges.on_look(error)

    @asynccontextmanager
    async def serving(
        self, here: Opened, daemon: Daemon, log: FilteringBoundLogger, origins: Mapping[str, tuple[str, str]]
    ) -> AsyncIterator[None]:
        """Serves in the running loop until left, unless the settings want no server.

        `origins` is the configuration as pages show it. UsageError where the address can't be had.
        """
        if here.journal is None or not here.settings.serve.host:
            yield
            return
        wanted = here.settings.serve
        trail = Trail(here.settings.state_dir)
        views = Views(self._board, trail, self._around(here, here.journal, daemon, origins))
        behind = self._behind(here, here.journal, daemon, log, views)
        heartbeat = Heartbeat(CLOCK)
        served = app.application(behind, heartbeat, guard.hosts(wanted.host, wanted.allowed_hosts))
        # The trail is closed last: answers under way, which listening waits for, ask it.
        with closing(trail):
            async with listening(served, wanted.host, wanted.port) as address:
                log.info(Event.SERVING, address=address, actions=wanted.token is not None)
                working = [
                    asyncio.create_task(each) for each in (heartbeat.beat(), trail.keep_up(), views.keep_ready())
                ]
                try:
                    with _told(here.settings.state_dir / ADDRESS, address):
                        yield
                finally:
                    await end(working)

    def _around(self, here: Opened, journal: Journal, daemon: Daemon, origins: Mapping[str, tuple[str, str]]) -> Around:
        return Around(
            clock=CLOCK,
            interval=here.settings.schedule.detect,
            appointments=daemon.appointments,
            failure=lambda: here.tracker.failure,
            slowed=lambda: here.vendor.slowed,
            unsealed=lambda: journal.unsealed,
            gauges=self._gauges,
            origins=origins,
            leader=here.leadership.told,
            facts={
                "version": metadata.version("exotel-syncer"),
                "mode": here.settings.mode.value,
                "rate": here.settings.vendor.rate,
            },
        )

    def _behind(
        self, here: Opened, journal: Journal, daemon: Daemon, log: FilteringBoundLogger, views: Views
    ) -> Behind:
        wanted, environ = here.settings.serve, environment.read()
        self._board.leader = here.leadership.told
        return Behind(
            view=self._board,
            pages=views,
            health=Health(self._board, daemon, here.tracker, journal, here.leadership),
            past=Past(here.index),
            actions=Actions(
                daemon,
                Approver(here.reconciler, here.tracker, journal, CLOCK),
                Helm(here.tracker, here.past, here.index, journal, CLOCK, here.leadership),
                here.leadership,
            ),
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
