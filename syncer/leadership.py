"""Whether this process may write: alone with its state folder, or elected by a Lease; one interface for both."""

from __future__ import annotations

import asyncio
import random
import uuid
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from syncer import environment
from syncer.clock import SystemBootClock, SystemClock
from syncer.cluster import account, lease
from syncer.cluster.election import Elector
from syncer.cluster.kubernetes import Leases
from syncer.cluster.ports import Around
from syncer.cluster.terms import Terms
from syncer.model.desired import EnvToken
from syncer.settings import Mode
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from structlog.typing import FilteringBoundLogger

    from syncer.leaseorders import Carriage, LeaseOrders
    from syncer.model.orders import Order
    from syncer.model.secret import Secret
    from syncer.settings import Settings
    from syncer.settings.tree import Leader, SecretRef

ALONE: Final = (
    "it stands in this journal; other replicas know of it once a process with this journal has led. The leader's "
    "server tells them at once"
)
UNTOLD: Final = (
    "it is recorded here, and the lease could not be told yet: it goes with the next renewal. Until then a replica "
    "that comes to lead goes by what it knows"
)


class Leadership(Protocol):
    """Whether this process may write, and how it comes to that."""

    @property
    def epoch(self) -> int | None:
        """The number of this leadership; None where nobody counts them, or somebody else leads."""

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""

    @property
    def healthy(self) -> bool:
        """Whether it is known who leads."""

    def closed(self) -> str:
        """Why no PUT may be sent now, or an empty text: to be asked immediately before each."""

    def told(self) -> dict[str, Any] | None:
        """Who leads, for the status; None where there is no election."""

    def stand(self, opened: Callable[[], None]) -> None:
        """Stand for election from now on; `opened` is called whenever writing becomes possible."""

    async def acquire(self) -> None:
        """Wait until writing is possible; LockedError when another process has the lead."""

    def room(self, orders: Iterable[Order]) -> None:
        """UsageError where these orders could not be told to those that may lead next."""

    async def spread(self) -> str:
        """Tell what people said here to those that may lead next; what is to be said of it where that failed."""


class Alone:
    """Nobody to share with: the lock of the state folder, which every writer holds, is the whole of it."""

    epoch: int | None = None
    leads = True
    healthy = True

    def closed(self) -> str:
        """Never."""
        return ""

    def told(self) -> dict[str, Any] | None:
        """There is no election."""
        return None

    def stand(self, opened: Callable[[], None]) -> None:
        """Nothing to stand for."""

    async def acquire(self) -> None:
        """At once."""

    def room(self, orders: Iterable[Order]) -> None:
        """All there is."""

    async def spread(self) -> str:
        """There is nobody to tell."""
        return ""


class Elected:
    """One candidate for a Lease. `begin` renews in a task of its own, in the loop that the PUTs are sent from."""

    def __init__(self, elector: Elector, orders: LeaseOrders, name: str, identity: str) -> None:
        self._elector = elector
        self._orders = orders
        self._name = name
        self._identity = identity
        self._task: asyncio.Task[None] | None = None

    @property
    def epoch(self) -> int | None:
        """The number of this leadership."""
        return self._elector.epoch

    @property
    def leads(self) -> bool:
        """Whether the lease is ours."""
        return self._elector.leads

    @property
    def healthy(self) -> bool:
        """Whether the API server was asked with success last time, and nothing speaks against this process."""
        return not (self._elector.trouble or self._elector.objection)

    def closed(self) -> str:
        """As the elector has it."""
        return self._elector.closed()

    def told(self) -> dict[str, Any] | None:
        """Names as they are known, for people and machines."""
        holder, leads = self._elector.holder, self.leads
        return {
            "lease": self._name,
            "identity": self._identity,
            "holder": holder if leads or holder != self._identity else "",
            "leads": leads,
            "epoch": self.epoch,
        }

    def stand(self, opened: Callable[[], None]) -> None:
        """Begin to look and to renew."""
        self._task = asyncio.create_task(self._elector.run(opened))

    async def acquire(self) -> None:
        """Wait for the lead, then keep it."""
        await self._elector.acquire()
        self.stand(lambda: None)

    def room(self, orders: Iterable[Order]) -> None:
        """As much as the lease can carry."""
        self._orders.room(orders)

    async def spread(self) -> str:
        """With a renewal now, where this process leads."""
        if self._task is None:
            return ALONE
        if self.leads:
            await self._elector.step()
        return UNTOLD if not self.leads or await in_thread(self._orders.behind) else ""

    async def end(self) -> None:
        """Stop renewing and let go: the caller's work has ended."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._elector.release()


class Onlooker(Alone):
    """A process that does not stand for the lease that there is: it writes nothing."""

    leads = False

    def closed(self) -> str:
        """Always."""
        return "this command does not stand for the lease"


@asynccontextmanager
async def opened(
    settings: Settings, log: FilteringBoundLogger, pod: str, carried: Carriage, *, stands: bool
) -> AsyncIterator[Leadership]:
    """What the settings ask for. A candidate lets go of the lease when this is left: after all work has ended.

    `stands`: be a candidate where there is an election. UsageError where the API server is unknown.
    """
    if settings.leader.kind == "none" or settings.mode is Mode.OBSERVE:
        yield Alone()
    elif not stands:
        yield Onlooker()
    else:
        reach, terms = account.reach(named(settings.leader), environment.read()), terms_of(settings)
        name, identity = f"{reach.namespace}/{reach.name}", f"{lease.shown(pod)[:253]}_{uuid.uuid4()}"
        around = Around(name, identity, SystemClock(), SystemBootClock(), random.SystemRandom(), log)
        at = Leases(reach, terms.request)
        elected = Elected(Elector(at, terms, around, carried), carried.orders, name, identity)
        try:
            yield elected
        finally:
            await elected.end()
            await at.aclose()


async def examine(settings: Settings) -> str:
    """Who holds the lease, for a person; SyncerError where that can't be asked. Nothing is changed."""
    reach = account.reach(named(settings.leader), environment.read())
    at = Leases(reach, terms_of(settings).request)
    try:
        found = await at.read()
    finally:
        await at.aclose()
    who = "there is none yet" if found is None else f"held by {found.spec.holder}" if found.spec.holder else "free"
    return f"{reach.namespace}/{reach.name}: {who}"


def terms_of(settings: Settings) -> Terms:
    """The election's times; a PUT may last as long as any request to the vendor."""
    wanted = settings.leader
    return Terms(
        lease=wanted.lease_duration.total_seconds(),
        renew=wanted.renew_deadline.total_seconds(),
        retry=wanted.retry_period.total_seconds(),
        put=settings.vendor.deadline.total_seconds(),
    )


def named(wanted: Leader) -> account.Named:
    """What the settings say of server and account."""
    kept = wanted.token
    return account.Named(
        name=wanted.name,
        namespace=wanted.namespace,
        server=wanted.server,
        ca_file=str(wanted.ca_file or ""),
        token=None if kept is None else lambda: _token(kept),
    )


def _token(kept: SecretRef) -> Secret:
    if not isinstance(kept, EnvToken):
        return account.file_token(Path(kept.path))
    return account.checked(environment.read().get(kept.name, "").strip(), f"${kept.name}")
