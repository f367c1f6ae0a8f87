"""Carries people's orders from leader to leader, as an annotation of the Lease.

The leader writes there what was last said about each app, with its renewals. Whoever takes the lead first records what
it does not know in its own journal: from then on it is an order like any other.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from syncer import leasetext
from syncer.errors import ClusterError, JournalError, StoppedError, UsageError
from syncer.log import Event
from syncer.model.orders import Pin, Saying
from syncer.plan import sayings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from structlog.typing import FilteringBoundLogger

    from syncer.leaseanchor import LeaseAnchor
    from syncer.model.orders import Order

KEY: Final = "orders.syncer/said"


class Known(Protocol):
    """What this process's own journal says."""

    def sayings(self) -> tuple[Saying, ...]:
        """The latest of each kind about each app."""


class Recorder(Protocol):
    """Where what was said elsewhere is recorded."""

    def carry(self, sayings: Iterable[Saying]) -> None:
        """All of it, durable; JournalError where that can't be."""


class LeaseOrders:
    """What people said, in one lease and in one journal. `attach` comes before everything else."""

    def __init__(self, lease: str, log: FilteringBoundLogger) -> None:
        self._lease = lease
        self._log = log.bind(lease=lease)
        self._known: Known | None = None
        self._journal: Recorder | None = None
        self._own: tuple[Saying, ...] = ()
        self._there: tuple[Saying, ...] = ()
        self._heard: tuple[Saying, ...] = ()
        self._read: tuple[str, tuple[Saying, ...] | ClusterError] = ("", ())
        self._told = ""

    def attach(self, known: Known, journal: Recorder) -> None:
        """From now on by this journal."""
        self._known, self._journal = known, journal

    def objection(self, annotations: Mapping[str, str], *, leads: bool) -> str:
        """Why this process must not lead: it does not know what people ordered. Else it knows when this returns.

        A leader knows, whatever somebody makes of the annotation. Where it was taken out, what was last seen counts.
        """
        text = annotations.get(KEY, "")
        try:
            theirs = self._understood(text) if text else self._heard
        except ClusterError as error:
            self._tell(error.message, error.hint)
            return "" if leads else error.message
        try:
            self._take_in(theirs)
        except JournalError as error:
            self._tell(why := f"what people ordered can't be recorded: {error.message}", error.hint)
            return why
        self._told = ""
        return ""

    def wanted(self, annotations: Mapping[str, str]) -> Mapping[str, str | None]:
        """The annotation as it should be; as it is, where that can't be told."""
        there = annotations.get(KEY, "")
        theirs: tuple[Saying, ...] = ()
        with suppress(ClusterError):
            theirs = self._understood(there)
        try:
            text = leasetext.encoded(sayings.merged(theirs, self._refreshed()))
        except (ClusterError, JournalError) as error:
            self._tell(error.message, error.hint)
            return {}
        return {} if text == there else {KEY: text or None}

    def saw(self, annotations: Mapping[str, str]) -> None:
        """The lease as it stands now, whoever leads."""
        try:
            self._there = self._understood(annotations.get(KEY, ""))
        except ClusterError:
            self._there = ()
        self._heard = self._there or self._heard

    def behind(self) -> bool:
        """Whether the next leader could go by something else than what was said here."""
        try:
            return sayings.behind(self._there, self._refreshed())
        except JournalError:
            return True

    def room(self, orders: Iterable[Order]) -> None:
        """UsageError where the lease could not carry these orders as well; nothing is recorded."""
        records = count(10**6)
        wanted = (_saying(order, next(records)) for order in orders)
        try:
            leasetext.encoded(sayings.merged(self._refreshed(), wanted), leasetext.ADMITTED)
        except ClusterError as error:
            raise UsageError(f"nothing was ordered: {error.message}", hint=error.hint) from error

    def _take_in(self, theirs: tuple[Saying, ...]) -> None:
        fresh = sayings.news(theirs, self._refreshed())
        if fresh and self._journal is not None:
            self._journal.carry(sorted(fresh, key=lambda saying: saying.at))
            orders = sum(saying.until is not None for saying in fresh)
            self._log.info(Event.ORDERS_CARRIED, orders=orders, ends=len(fresh) - orders)
            self._refreshed()

    def _refreshed(self) -> tuple[Saying, ...]:
        """What the journal says now; once it is closed, what it said last."""
        try:
            known = self._known.sayings() if self._known else ()
        except StoppedError:
            return self._own
        self._own = tuple(leasetext.plain(saying) for saying in known)
        return self._own

    def _understood(self, text: str) -> tuple[Saying, ...]:
        """Renewals bring the same text again and again."""
        if text != self._read[0]:
            try:
                self._read = text, leasetext.decoded(text) if text else ()
            except ClusterError as error:
                self._read = text, error
        if isinstance(found := self._read[1], ClusterError):
            raise found
        return found

    def _tell(self, why: str, hint: str) -> None:
        if why != self._told:
            self._log.error(Event.ORDERS_REFUSED, error=why, hint=hint)
        self._told = why


class Carriage:
    """All that a lease carries for syncer: what people ordered, and the journal's head where that is wanted."""

    def __init__(self, lease: str, log: FilteringBoundLogger, anchor: LeaseAnchor | None) -> None:
        self.orders = LeaseOrders(lease, log)
        self._anchor = anchor

    def objection(self, annotations: Mapping[str, str], *, leads: bool) -> str:
        """Why this process must not lead. A journal that is not the one it should be takes nothing in."""
        why = self._anchor.objection(annotations) if self._anchor else ""
        return why or self.orders.objection(annotations, leads=leads)

    def wanted(self, annotations: Mapping[str, str]) -> Mapping[str, str | None]:
        """Annotations to set, or to take out (None)."""
        head = self._anchor.wanted(annotations) if self._anchor else {}
        return {**self.orders.wanted(annotations), **head}

    def saw(self, annotations: Mapping[str, str]) -> None:
        """The lease as it stands now."""
        self.orders.saw(annotations)


def _saying(order: Order, record: int) -> Saying:
    pin = (order.commit, order.refused, order.passing) if isinstance(order, Pin) else ("", "", "")
    return leasetext.plain(
        Saying(order.ref, isinstance(order, Pin), order.at, order.by, order.reason, order.until, *pin, "0" * 32, record)
    )
