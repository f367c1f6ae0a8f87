"""People's orders, given and lifted: the same for the command and for the server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from syncer.approvals import Word
from syncer.desired import selection, steering
from syncer.documents import formats
from syncer.errors import DesiredStateError, HeldError, SourceError, UsageError
from syncer.model.orders import Lift, Pin, Suspension
from syncer.plan import digests
from syncer.report import instant
from syncer.threads import interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from syncer.audit.journal import Journal
    from syncer.clock import Clock
    from syncer.desired.steering import Orders, Past
    from syncer.desired.tracker import Tracker
    from syncer.model.desired import AppRef, DesiredApp, DesiredState
    from syncer.model.orders import Order

LONGEST_REASON: Final = 500
_ONE_JOURNAL: Final = (
    "it stands in this journal alone: a replica with a journal of its own that comes to lead goes by git. "
    "Say it there, too"
)


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom an order is for: the apps that names and labels choose, or everybody, also those to come.

    UsageError for neither and for both.
    """

    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    everybody: bool = False

    def __post_init__(self) -> None:
        if self.everybody == bool(self.names or self.labels):
            raise UsageError("whom is it for?", hint="name apps, select them by label, or give --all")


@dataclass(frozen=True, slots=True)
class Given:
    """What an order came to: for whom (nobody in particular where it is for everybody), and what there is to know."""

    apps: tuple[tuple[AppRef, str], ...] = ()
    everybody: bool = False
    commit: str = ""
    until: datetime | None = None
    notes: tuple[str, ...] = ()


def document(given: Given) -> dict[str, Any]:
    """What an order came to, as JSON."""
    names = [{"customer_id": ref.customer_id, "app_id": ref.app_id, "name": name} for ref, name in given.apps]
    return {
        "apps": names,
        "all": given.everybody,
        "commit": given.commit or None,
        "until": given.until and instant(given.until),
        "notes": list(given.notes),
    }


def end(text: str, now: datetime) -> datetime:
    """When an order ends: `4h`, a date, or a time with its zone; UsageError for what is none or is over."""
    for read in (formats.read_until, lambda text: now + formats.read_duration(text)):
        try:
            found = read(text)
        except ValueError:
            continue
        if found <= now:
            raise UsageError(f"{text} is over", hint="give an end that is still to come")
        return found
    raise UsageError(
        f"{text!r} is no end", hint="write a length such as 4h or 7d (31d at most), a date, or 2026-11-24T10:00:00Z"
    )


def worded(by: str, reason: str) -> Word:
    """Who orders it, and why: short enough to be shown with every state. UsageError for no reason and a long one."""
    if len(reason) > LONGEST_REASON:
        raise UsageError(f"the reason is longer than {LONGEST_REASON} characters", hint="name the ticket that says it")
    return Word(by, reason)


@dataclass(frozen=True, slots=True)
class Helm:
    """Records orders in the journal of this process. No pass may run meanwhile.

    `elected`: a process with another journal may come to lead, and whoever orders something is told.
    """

    tracker: Tracker
    past: Past
    known: Orders
    journal: Journal
    clock: Clock
    elected: bool = False

    async def suspend(self, whom: Whom, word: Word, until: str) -> Given:
        """Leaves apps alone for a while; who is suspended already is suspended anew."""
        now = self.clock.now()
        last = end(until, now)
        if whom.everybody:
            self.journal.order([Suspension(None, word.by, word.reason, now, last)])
            return Given(everybody=True, until=last, notes=self._reach)
        apps = self._chosen(await self._state(fresh=False), whom)
        self.journal.order(Suspension(app.ref, word.by, word.reason, now, last) for app in apps)
        return Given(_named(apps), until=last, notes=self._reach)

    async def resume(self, whom: Whom, word: Word) -> Given:
        """Ends suspensions by order, and nothing else: what git suspends and what is pinned stays so.

        For everybody it ends the one of the whole fleet; those of single apps stay. HeldError where only that of the
        whole fleet could be meant.
        """
        orders = [order for order in self.known.orders() if isinstance(order, Suspension)]
        fleet = [order for order in orders if order.ref is None]
        if whom.everybody:
            self.journal.lift(Lift(order, word.by, word.reason) for order in fleet)
            alone = tuple(f"still suspended: {order.ref}" for order in orders if order.ref)
            return Given(everybody=bool(fleet), notes=alone)
        apps, lifts = await self._lifted(whom, orders, word)
        if fleet and not lifts:
            raise HeldError("the whole fleet is suspended", hint="lift that with `syncer resume --all --reason '…'`")
        self.journal.lift(lifts)
        still = tuple(f"the whole fleet is still suspended: {order.reason}" for order in fleet)
        pins = {order.ref for order in self.known.orders() if isinstance(order, Pin)}
        return Given(apps, notes=(*still, *(f"still pinned: {ref}" for ref, _ in apps if ref in pins)))

    async def pin(self, whom: Whom, revision: str, word: Word, until: str) -> Given:
        """Takes apps back to what an earlier commit declares for them: all of the chosen, or none.

        The commit has to be part of the history of the one in force: nobody's unreviewed branch. UsageError where it
        is not, where an app is not declared there, or where its values are not allowed today; SourceError where there
        is no such commit.
        """
        if whom.everybody:
            raise UsageError("apps to come can't be taken back", hint="name the apps; quote '*' for all there are")
        now = self.clock.now()
        last = end(until, now)
        state = await self._state(fresh=True)
        apps = self._chosen(state, whom)
        past = await interruptible(self.tracker.interrupt, partial(self.past.at, revision))
        commit = past.revision.id
        follows = partial(self.past.follows, commit, state.revision.id)
        if not await interruptible(self.tracker.interrupt, follows):
            raise UsageError(
                f"{commit[:12]} is not in the history of {state.revision.short}, which is in force",
                hint="name a commit that was on the branch; `git log` shows them",
            )
        if commit == state.revision.id:
            raise UsageError(f"{commit[:12]} is the commit in force", hint="name an earlier one")
        before = [(app, steering.declared_at(app, past)) for app in apps]
        self.journal.order(Pin(app.ref, commit, *_refused(app, state), word.by, word.reason, now, last) for app in apps)
        notes = tuple(note for app, then in before for note in _notes(app, then))
        return Given(_named(apps), commit=commit, until=last, notes=(*notes, *self._reach))

    async def unpin(self, whom: Whom, word: Word) -> Given:
        """Ends pins: from the next pass on, what git declares now counts again."""
        orders = [order for order in self.known.orders() if isinstance(order, Pin)]
        if whom.everybody:
            self.journal.lift(Lift(order, word.by, word.reason) for order in orders)
            return Given(tuple((order.ref, order.ref.app_id) for order in orders))
        apps, lifts = await self._lifted(whom, orders, word)
        self.journal.lift(lifts)
        return Given(apps)

    @property
    def _reach(self) -> tuple[str, ...]:
        return (_ONE_JOURNAL,) if self.elected else ()

    async def _lifted(
        self, whom: Whom, orders: list[Suspension] | list[Pin], word: Word
    ) -> tuple[tuple[tuple[AppRef, str], ...], list[Lift]]:
        """Those of the orders that are about the chosen apps; an app that git no longer knows goes by its ids."""
        by_ids = {str(order.ref): order for order in orders if order.ref}
        if whom.names and not whom.labels and set(whom.names) <= by_ids.keys():
            found: list[tuple[Order, str]] = [(by_ids[name], "") for name in whom.names]
        else:
            apps = self._chosen(await self._state(fresh=False), whom)
            found = [(by_ids[str(app.ref)], app.name) for app in apps if str(app.ref) in by_ids]
        named = tuple((order.ref, name or order.ref.app_id) for order, name in found if order.ref)
        return named, [Lift(order, word.by, word.reason) for order, _ in found]

    async def _state(self, *, fresh: bool) -> DesiredState:
        """What is in force: good enough where the source can't be read, for that is when people need this."""
        if fresh or self.tracker.in_force is None:
            try:
                return await interruptible(self.tracker.interrupt, self.tracker.refresh)
            except (SourceError, DesiredStateError):
                if self.tracker.in_force is None:
                    raise
        return self.tracker.in_force

    def _chosen(self, state: DesiredState, whom: Whom) -> tuple[DesiredApp, ...]:
        return selection.select(state.apps, whom.names, whom.labels)


def _named(apps: tuple[DesiredApp, ...]) -> tuple[tuple[AppRef, str], ...]:
    return tuple((app.ref, app.name) for app in apps)


def _notes(app: DesiredApp, then: DesiredApp) -> Iterator[str]:
    """What a way back does not do, which somebody may expect of it."""
    if fields := steering.left_alone(app, then):
        yield f"{app.ref}: {', '.join(fields)} was not declared then, and stays as it is at the vendor"
    if app.pin is None and app.settings == then.settings:
        yield f"{app.ref}: git declares the same now, so nothing is refused; `syncer suspend` keeps later commits out"


def _refused(app: DesiredApp, state: DesiredState) -> tuple[str, str]:
    """What git declares for an app, and at which commit; of a pinned app that is known from its pin alone."""
    if app.pin is not None:
        return app.pin.refused, app.pin.passing
    return digests.target(app.ref, app.settings), state.revision.id
