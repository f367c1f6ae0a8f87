"""The composition root: settings become objects, and nothing else happens here."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import TYPE_CHECKING, Final, Protocol

from syncer import census, environment, leadership, seals, sources, statefile, storage
from syncer.apply.one import READ_BACK_DELAYS
from syncer.audit import digests, files
from syncer.audit.events import Identity
from syncer.audit.index import Index
from syncer.audit.journal import Journal
from syncer.audit.ulid import Ulids
from syncer.audit.witness import Witness
from syncer.census import Census
from syncer.clock import SystemBootClock, SystemClock, instant
from syncer.desired.steering import Steering
from syncer.desired.tracker import Tracker
from syncer.errors import JournalError, SyncerError
from syncer.leadership import Alone
from syncer.leaseorders import Carriage
from syncer.parts import Parts, Tenure
from syncer.reconcile import Reconciler
from syncer.settings import Mode
from syncer.vendor import client
from syncer.vendor.options import VendorOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from structlog.typing import FilteringBoundLogger

    from syncer.audit.digests import Digests
    from syncer.audit.sealing import Sealing
    from syncer.desired.snapshot import Source
    from syncer.desired.steering import Past
    from syncer.errors import SourceError
    from syncer.leadership import Leadership
    from syncer.model.desired import AppRef
    from syncer.model.outcome import AppStatus
    from syncer.seals import Anchored
    from syncer.settings import Settings
    from syncer.vendor.client import ReadClient

CLOCK: Final = SystemClock()
BOOT: Final = SystemBootClock()


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds that are waited for the vendor; only tests have reason to make them shorter.

    `read_back` is the wait before each read after a PUT, `backoff` what lies under the first jitter of a retry.
    """

    read_back: tuple[float, ...] = READ_BACK_DELAYS
    backoff: float = 0.5


WAITS: Final = Waits()


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything of one process, open. `journal` is None for what only looks, `anchored` where heads go nowhere."""

    settings: Settings
    source: Source
    tracker: Tracker
    index: Index
    vendor: ReadClient
    reconciler: Reconciler
    past: Past
    journal: Journal | None = None
    anchored: Anchored | None = None
    leadership: Leadership = field(default_factory=Alone)

    @property
    def writable(self) -> Journal:
        """The journal of what was opened to write; JournalError otherwise."""
        if self.journal is None:
            raise JournalError("opened to look only")
        return self.journal


class Watch(Protocol):
    """Hears of what a process does outside of itself, for metrics."""

    def on_request(self, method: str, status: int | None, elapsed: float, ref: AppRef) -> None:
        """One exchange with the vendor ended, as the vendor's client has it."""

    def on_look(self, error: SourceError | None) -> None:
        """The source was looked at; called in the thread that looked."""


@asynccontextmanager
async def opened(  # noqa: PLR0913 -- what one process is made of, all by keyword
    settings: Settings,
    *,
    write: bool,
    log: FilteringBoundLogger,
    principal: str,
    settle: bool = False,
    stands: bool = True,
    waits: Waits = WAITS,
    watch: Watch | None = None,
) -> AsyncIterator[Opened]:
    """A process's objects.

    With `write` the state folder is locked, the journal opened and, in apply mode, a writer made; without it nothing
    in the process can PUT or append. `settle`: the source is read while somebody may be writing it. `stands`: where
    there is an election the process is a candidate, and writes nothing unless it wins; otherwise it never writes.
    """
    async with AsyncExitStack() as stack:
        records = await _records(stack, settings, log, principal, write=write, stands=stands)
        read_from = sources.source(settings, settle=settle)
        tracker, past = _tracker(settings, read_from, records.index, watch, kept=write)
        vendor = _vendor(settings, waits, watch, records.lead if write and settings.mode is Mode.APPLY else None)
        stack.push_async_callback(vendor.aclose)
        parts = replace(_parts(settings, read_from, tracker, vendor, records, log), read_back_delays=waits.read_back)
        previous = statefile.statuses(_previous(settings))
        yield Opened(
            settings,
            read_from,
            tracker,
            records.index,
            vendor,
            _passes(settings, vendor, tracker, parts, previous),
            past,
            records.journal,
            records.anchored,
            records.lead,
        )


@dataclass(frozen=True, slots=True)
class _Records:
    """Where a process remembers what was done, and records what it does if it may."""

    index: Index
    digests: Digests
    new_id: Ulids
    journal: Journal | None = None
    anchored: Anchored | None = None
    lead: Leadership = field(default_factory=Alone)


async def _records(
    stack: AsyncExitStack, settings: Settings, log: FilteringBoundLogger, principal: str, *, write: bool, stands: bool
) -> _Records:
    """Open until the stack is left; the lead is let go of after the journal was closed."""
    new_id = Ulids(CLOCK, secrets.token_bytes)
    if not write:
        index = stack.enter_context(closing(Index.view(settings.state_dir)))
        return _Records(index, _reader_digests(settings), new_id)
    if stands:
        storage.check(settings, environment.read(), storage.mounts())
    anchor = seals.lease_anchor(settings, log)
    pod, carried = identity(principal).instance, Carriage(settings.leader.name, log, anchor)
    lead = await stack.enter_async_context(leadership.opened(settings, log, pod, carried, stands=stands))
    heads = stack.enter_context(seals.opened(settings, log, anchor))
    journal = stack.enter_context(closing(_journal(settings, new_id, principal, heads.sealing)))
    await asyncio.to_thread(heads.settle)  # noqa: TID251 -- it only waits: nobody who wants to stop has to
    index = stack.enter_context(closing(Index.open(settings.state_dir)))
    carried.orders.attach(index, journal)
    return _Records(index, journal.digests, new_id, journal, heads.anchored, lead)


def _tracker(
    settings: Settings, source: Source, index: Index, watch: Watch | None, *, kept: bool
) -> tuple[Tracker, Past]:
    """Desired state now, under people's orders, and at earlier commits."""
    admission = sources.admission(settings, source, lambda: index.source_approvals(instant(CLOCK, BOOT)))
    past = sources.past(settings, source, admission)
    tracker = Tracker(
        source,
        sources.loader(settings.policy),
        sources.memory(settings, kept=kept),
        admission,
        steer=Steering(index, past, CLOCK),
        **({"on_look": watch.on_look} if watch else {}),
    )
    return tracker, past


def _parts(
    settings: Settings,
    source: Source,
    tracker: Tracker,
    vendor: ReadClient,
    records: _Records,
    log: FilteringBoundLogger,
) -> Parts:
    journal, index = records.journal, records.index
    return Parts(
        desired=tracker,
        reader=vendor,
        memory=index,
        digest=records.digests.of,
        clock=CLOCK,
        boot=BOOT,
        new_id=records.new_id,
        log=log,
        concurrency=settings.vendor.concurrency,
        limits=settings.policy.limits,
        rollout=settings.rollout,
        observe=settings.mode is Mode.OBSERVE,
        interrupt=source.interrupt,
        token_ends=lambda: vendor.token_ends,
        writer=vendor if isinstance(vendor, client.WriteClient) else None,
        journal=journal,
        fence=records.lead,
        witness=Witness(journal, index.last_applied, records.digests) if journal else None,
    )


def _passes(
    settings: Settings, vendor: ReadClient, tracker: Tracker, parts: Parts, previous: Mapping[AppRef, AppStatus]
) -> Reconciler:
    """What runs passes; it asks for lists of apps only where there is a token for them."""
    if not settings.vendor.customer_tokens:
        return Reconciler(parts, previous)
    return Census(
        parts,
        previous,
        lambda: census.listed(vendor, settings),
        lambda: (app.ref for app in tracker.apps),
    )


def reader(settings: Settings) -> ReadClient:
    """A client for the vendor that can't write, for what needs nothing else."""
    return _vendor(settings, WAITS, None, None)


def _reader_digests(settings: Settings) -> Digests:
    return digests.load(settings.state_dir, recorded=files.recorded(settings.state_dir))


def _vendor(settings: Settings, waits: Waits, watch: Watch | None, lead: Leadership | None) -> ReadClient:
    """Without a leadership a client that can't write."""
    around = client.Surroundings(CLOCK, random.SystemRandom(), environment.read(), watch)
    reach = replace(vendor_options(settings), backoff=waits.backoff)
    if lead is None:
        return client.open_reader(reach, around)
    return client.open_writer(reach, replace(around, tenure=lambda: Tenure(lead).closed))


def vendor_options(settings: Settings) -> VendorOptions:
    """The vendor section as the client takes it."""
    wanted = settings.vendor
    return VendorOptions(
        base_url=wanted.base_url,
        rate=wanted.rate,
        concurrency=wanted.concurrency,
        deadline=wanted.deadline.total_seconds(),
        proxy=wanted.proxy or None,
        ca_file=str(wanted.ca_file) if wanted.ca_file else None,
        list_bare=wanted.list_bare,
    )


def identity(principal: str) -> Identity:
    """Who writes: the Pod or machine, the version, and what asked.

    A Pod's host name is the node's with `hostNetwork`, the application's `hostname`, and cut at 63 characters.
    """
    environ = environment.read()
    pod = environ.get("POD_NAME", "")
    instance = pod or environ.get("HOSTNAME") or os.uname().nodename
    return Identity(
        source=f"/syncer/{instance}",
        instance=instance,
        version=metadata.version("exotel-syncer"),
        principal=principal,
        pod=pod,
    )


def _journal(settings: Settings, new_id: Ulids, principal: str, sealing: Sealing) -> Journal:
    return Journal.open(
        settings.state_dir, clock=CLOCK, boot=BOOT, identity=identity(principal), new_id=new_id, sealing=sealing
    )


def _previous(settings: Settings) -> dict[str, object] | None:
    try:
        return statefile.read(settings.state_dir)
    except SyncerError:
        return None  # only `since` times are lost with it; the next pass replaces the file
