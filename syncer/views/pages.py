"""Every page as a document, made when it is asked for from what the last pass left; nobody else is asked anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from syncer import statefile
from syncer.model.desired import AppRef
from syncer.model.outcome import Trigger
from syncer.report import instant
from syncer.threads import in_thread
from syncer.views import app, audit, drift, fleet, revisions, rows, system, windows
from syncer.views.sentences import Appointments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from syncer.clock import Clock
    from syncer.errors import SyncerError
    from syncer.model.desired import DesiredApp
    from syncer.model.outcome import SyncReport
    from syncer.report import JSON
    from syncer.views.fleet import Fleet
    from syncer.views.gauges import Gauges
    from syncer.views.rows import Row
    from syncer.views.trail import Trail

WRITES: Final = Trigger.SCHEDULE
RECENT: Final = 900.0
"""Seconds for which somebody who looked at a page counts as still there."""
LOOKS: Final = (Trigger.SCHEDULE, Trigger.DETECT)


class Known(Protocol):
    """What the last pass left; the board."""

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The last report, of this process or an earlier one."""

    @property
    def report(self) -> SyncReport | None:
        """The last pass of this process."""

    @property
    def apps(self) -> tuple[DesiredApp, ...]:
        """Its fleet."""

    @property
    def passes(self) -> Sequence[JSON]:
        """The last passes, latest first."""

    async def plan(self) -> JSON | None:
        """Its decision."""


@dataclass(frozen=True, slots=True)
class Around:
    """What else pages tell: each is looked at when it is asked for.

    `interval` is the time between two looks, `failure` why the newest commit is not in force, `slowed` the customers
    that are asked less often, `origins` the configuration as it may be shown, `facts` whatever is fixed, `leader` who
    may write where there is an election.
    """

    clock: Clock
    interval: timedelta
    appointments: Callable[[], Mapping[Trigger, datetime]]
    failure: Callable[[], SyncerError | None]
    slowed: Callable[[], Mapping[str, tuple[float, float]]]
    unsealed: Callable[[], int]
    gauges: Gauges
    origins: Mapping[str, tuple[str, str]]
    facts: JSON = field(default_factory=dict)
    leader: Callable[[], JSON | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of one report and plan, good until the first verdict in it is too old."""

    document: object
    plan: object
    until: datetime
    fleet: Fleet
    by_ref: Mapping[AppRef, Row]


class Views:
    """The documents of all pages."""

    def __init__(self, known: Known, trail: Trail, around: Around) -> None:
        self._known = known
        self._trail = trail
        self._around = around
        self._one_at_a_time = asyncio.Lock()
        self._snapshot: Snapshot | None = None
        self._asked = -RECENT

    async def page(self, name: str, asked: Mapping[str, str]) -> JSON | None:
        """A page by its name; None for an app that nobody knows."""
        self._asked = self._around.clock.monotonic()
        snapshot = await self._rows()
        made = await in_thread(self._made, name, asked, snapshot)
        common = {"pass": self._last(), "leader": self._around.leader()}
        return made and {"at": instant(self._around.clock.now()), **made, **common}

    async def keep_ready(self) -> None:
        """Makes the rows of each new pass before somebody asks for them, as long as somebody does; until cancelled."""
        while True:
            await asyncio.sleep(1)
            await self.be_ready()

    async def be_ready(self) -> None:
        """Once."""
        if self._around.clock.monotonic() - self._asked < RECENT:
            await self._rows()

    async def export(self, asked: Mapping[str, str], form: str) -> bytes:
        """The records of a search; UsageError where they are too many, or it can't be meant."""
        return await in_thread(audit.exported, self._trail, audit.Asked.of(asked), form)

    def _made(self, name: str, asked: Mapping[str, str], snapshot: Snapshot) -> JSON | None:
        around, rows_, now = self._around, snapshot.fleet.rows, self._around.clock.now()
        match name:
            case "fleet":
                exact = partial(windows.exact, self._trail)
                page = fleet.page(snapshot.fleet, fleet.Asked.of(asked), now, self._at(), exact)
                return {**page, "unmanaged": fleet.unmanaged(self._known.document)}
            case "app":
                return self._app(AppRef(asked["customer"], asked["app"]), snapshot, now)
            case "revisions":
                return revisions.page(self._trail, rows_, self._known.report, around.failure())
            case "drift":
                return drift.page(self._trail, rows_, now, self._at())
            case "audit":
                return audit.page(self._trail, audit.Asked.of(asked))
            case _:
                return system.page(rows_, self._known.passes, self._trail.progress, around)

    def _app(self, ref: AppRef, snapshot: Snapshot, now: datetime) -> JSON | None:
        row = snapshot.by_ref.get(ref)
        if row is None:
            return None
        wanted = next((each for each in self._known.apps if each.ref == ref), None)
        return app.page(windows.exact(self._trail, row), wanted, self._trail, now, self._at())

    def _at(self) -> Appointments:
        found = self._around.appointments()
        looks = [found[each] for each in LOOKS if each in found]
        return Appointments(look=min(looks, default=None), write=found.get(WRITES))

    def _last(self) -> JSON | None:
        """The pass that the page tells of, and when the next ones are."""
        document = self._known.document
        if document is None:
            return None
        at = self._at()
        return {
            **{key: document.get(key) for key in ("started", "elapsed", "trigger", "plan_id", "revision", "writes")},
            "next_look": at.look and instant(at.look),
            "next_write": at.write and instant(at.write),
        }

    async def _rows(self) -> Snapshot:
        async with self._one_at_a_time:
            document, plan = self._known.document, await self._known.plan()
            kept, now = self._snapshot, self._around.clock.now()
            if kept is None or kept.document is not document or kept.plan is not plan or now >= kept.until:
                kept = self._snapshot = await in_thread(_snapshot, document, plan, now, self._around.interval)
            return kept


def _snapshot(document: Mapping[str, Any] | None, plan: JSON | None, now: datetime, interval: timedelta) -> Snapshot:
    if document is None:
        return Snapshot(None, plan, rows.NEVER, fleet.of(()), {})
    gone = statefile.stale(document, now, interval)
    made = rows.of(dict(document), plan, gone)
    patience = statefile.STALE_INTERVALS * interval
    ends = (row.checked + patience for row in made if row.ref not in gone)
    until = min(ends, default=rows.NEVER - timedelta(days=1)) + timedelta(microseconds=1)
    return Snapshot(document, plan, until, fleet.of(made), {row.ref: row for row in made})
