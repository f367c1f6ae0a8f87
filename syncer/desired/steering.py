"""People's orders laid over desired state: apps left alone for a while, apps kept at an earlier commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from syncer.desired import urls
from syncer.errors import DesiredStateError, SourceError, SyncerError, UsageError
from syncer.model.fields import UNDECLARED
from syncer.model.orders import Lift, Pin, Suspension
from syncer.model.url import Url
from syncer.plan import digests

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from syncer.clock import Clock
    from syncer.desired.admission import Admission
    from syncer.desired.loader import Loader
    from syncer.desired.snapshot import Source
    from syncer.model.desired import AppRef, DesiredApp, DesiredState, Origin
    from syncer.model.orders import Order

SYSTEM = "system"
PASSED = "git declares something else for it now"
ENDED = "its time is over"


class Orders(Protocol):
    """Where people's orders are kept."""

    def orders(self) -> tuple[Order, ...]:
        """Those that nobody has lifted, whatever the time is."""


class Past:
    """Desired state at earlier commits, read under today's rules, limits on hosts and signatures."""

    def __init__(
        self, source: Source, loader: Loader, admission: Admission | None, follows: Callable[[str, str], bool]
    ) -> None:
        """`follows` says whether the second of two commits only adds to the first.

        The loader should be nobody else's: it keeps what it read last.
        """
        self._source = source
        self._loader = loader
        self._admission = admission
        self._follows = follows
        self._known: dict[str, DesiredState] = {}

    def at(self, revision: str) -> DesiredState:
        """The state at a commit, branch or tag.

        SourceError where it can't be had or is not signed as asked, DesiredStateError where it is empty, UsageError
        for a plain folder.
        """
        if revision in self._known:
            return self._known[revision]
        snapshot = self._source.at(revision)
        state = self._loader.load(self._source, self._admission.signed(snapshot) if self._admission else snapshot)
        self._known[state.revision.id] = state
        return state

    def follows(self, old: str, new: str) -> bool:
        """Whether one commit only adds to another; False where that can't be told."""
        try:
            return self._follows(old, new)
        except SyncerError:
            return False

    def keep(self, revisions: Collection[str]) -> None:
        """Forget all others."""
        self._known = {revision: state for revision, state in self._known.items() if revision in revisions}


@dataclass(frozen=True, slots=True)
class Steering:
    """Steers each state that a source gives by the orders of that moment."""

    orders: Orders
    past: Past
    clock: Clock

    def __call__(self, state: DesiredState) -> DesiredState:
        """The state with every app as its orders want it; `lifted` are those that have ended by themselves.

        Raises JournalError where the orders can't be read.
        """
        known = self.orders.orders()
        if not known:
            self.past.keep(())
            return state
        now, current = self.clock.now(), {app.ref: app for app in state.apps}
        ended = tuple(
            Lift(order, SYSTEM, why)
            for order in known
            if (why := self._over(order, state, current.get(order.ref) if order.ref else None, now))
        )
        over = {lift.order for lift in ended}
        left = [order for order in known if order not in over]
        pins = {order.ref: order for order in left if isinstance(order, Pin)}
        self.past.keep({pin.commit for pin in pins.values()})
        strange = self._strange(pins.values(), state)
        apps = tuple(self._steered(app, left, pins, strange) for app in state.apps)
        return replace(state, apps=apps, lifted=ended)

    def _over(self, order: Order, state: DesiredState, app: DesiredApp | None, now: datetime) -> str:
        """Why an order has ended by itself, empty where it has not.

        Only a newer commit can lift a pin: after a restart, or with another ref, an older one may be in force.
        """
        if order.until <= now:
            return ENDED
        if isinstance(order, Suspension) or app is None or app.invalid:
            return ""
        changed = digests.target(app.ref, app.settings) != order.refused
        return PASSED if changed and self.past.follows(order.passing, state.revision.id) else ""

    def _strange(self, pins: Iterable[Pin], state: DesiredState) -> frozenset[str]:
        """Commits outside of the history of the one in force, in orders that this process only heard of.

        It was asked when the order was given. A lease can be edited, and nobody's branch may come in force that way.
        """
        heard = {pin.commit for pin in pins if pin.carried}
        return frozenset(commit for commit in heard if not self.past.follows(commit, state.revision.id))

    def _steered(
        self, app: DesiredApp, orders: Iterable[Order], pins: Mapping[AppRef, Pin], strange: frozenset[str]
    ) -> DesiredApp:
        pauses = (order for order in orders if isinstance(order, Suspension) and order.ref in {None, app.ref})
        steered = replace(app, suspensions=tuple(pauses))
        pin = pins.get(app.ref)
        if pin is None:
            return steered
        if pin.carried and pin.commit in strange:
            why = f"pinned to {pin.short} by the lease, and that is not in the history of the commit in force"
            return replace(steered, pin=pin, unpinnable=why)
        try:
            return pinned(steered, pin, self.past.at(pin.commit))
        except (SourceError, DesiredStateError, UsageError) as error:
            return replace(steered, pin=pin, unpinnable=f"pinned to {pin.short}, which can't be had: {error.message}")


def pinned(app: DesiredApp, pin: Pin, past: DesiredState) -> DesiredApp:
    """An app as an earlier commit declares its settings, or marked as one that can't be followed there."""
    try:
        then = declared_at(app, past)
    except SyncerError as error:
        return replace(app, pin=pin, unpinnable=f"pinned to {pin.short}, and {error.message}")
    origins = tuple((field, _dated(origin, pin)) for field, origin in then.origins)
    return replace(app, settings=then.settings, origins=origins, revision=past.revision, pin=pin)


def declared_at(app: DesiredApp, past: DesiredState) -> DesiredApp:
    """The same app at an earlier commit; UsageError where it has none there that may be written today.

    Today's limits hold for what was written then: the operator's through the reading itself, git's own here.
    """
    then = next((each for each in past.apps if each.ref == app.ref), None)
    if then is None:
        why = "its file there is invalid today" if past.rejected else "there was no such app"
        raise UsageError(f"{app.ref} is not declared at {past.revision.short}: {why}")
    allowed = {entry.field: frozenset(entry.hosts) for entry in app.policy.allowed_hosts}
    for field, value in then.settings.declared():
        if isinstance(value, Url) and (wrong := list(urls.faults(field, value.text, allowed.get(field)))):
            raise UsageError(f"{field} of {app.ref} at {past.revision.short} is not allowed today: {wrong[0].message}")
    return then


def left_alone(app: DesiredApp, then: DesiredApp) -> tuple[str, ...]:
    """Fields that git declares now and did not declare then: at the vendor they stay as they are."""
    return tuple(field.value for field, _ in app.settings.declared() if then.settings.get(field) is UNDECLARED)


def _dated(origin: Origin, pin: Pin) -> Origin:
    """The place with its commit, as `git show` takes it: the same line says something else today."""
    return replace(origin, path=f"{pin.short}:{origin.path}")
