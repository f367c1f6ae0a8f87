"""Records what passes see apart from their writes: drift, holds, apps that come and go, new revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from syncer.audit import payloads
from syncer.audit.events import Adoption
from syncer.model.live import LiveApp
from syncer.model.planned import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncer.audit.digests import Digests
    from syncer.audit.events import Note
    from syncer.errors import RefusedCommitError
    from syncer.model.desired import AppRef, DesiredApp, DesiredState
    from syncer.model.live import Live
    from syncer.model.orders import Lift
    from syncer.model.planned import Decision, LastApplied


class Recorder(Protocol):
    """The part of the journal that is used here."""

    def adopt(self, adoptions: Iterable[Adoption]) -> None:
        """Apps first seen in agreement."""

    def lift(self, lifts: Iterable[Lift]) -> None:
        """Orders that have ended by themselves."""

    def note_many(self, notes: Iterable[Note]) -> None:
        """Anything else."""


class Witness:
    """Says each thing once per process: a drift that lasts a week is one record, not two thousand."""

    def __init__(
        self, journal: Recorder, last_applied: Callable[[], Mapping[AppRef, LastApplied]], digests: Digests
    ) -> None:
        self._journal = journal
        self._last_applied = last_applied
        self._digests = digests
        self._told: set[tuple[str, ...]] = set()
        self._revision = ""
        self._refused = ""

    def refused(self, error: RefusedCommitError) -> None:
        """A commit that is not taken, once for as long as it is the newest; raises JournalError."""
        if error.message != self._refused:
            self._journal.note_many([payloads.source_held(error)])
            self._refused = error.message

    def repeated(self, apps: Iterable[tuple[AppRef, str, int]]) -> None:
        """Apps (ref, name, how often) whose drift was put back again and again; raises JournalError."""
        if notes := [payloads.drift_repeated(*app) for app in apps]:
            self._journal.note_many(notes)

    def record(self, desired: DesiredState, decision: Decision, seen: Iterable[tuple[DesiredApp, Live]]) -> None:
        """Everything new about one pass, durable with three fsyncs at the most; raises JournalError."""
        if desired.lifted:
            self._journal.lift(desired.lifted)
        present: set[tuple[str, ...]] = set()
        last = self._last_applied()
        notes = [*self._of_source(desired), *_left(desired, last), *self._of_decision(decision, present)]
        if notes:
            self._journal.note_many(notes)
        self._revision = desired.revision.id
        self._told = present
        adoptions = list(self._adoptions(decision, seen, last))
        if adoptions:
            self._journal.adopt(adoptions)

    def _of_source(self, desired: DesiredState) -> Iterator[Note]:
        if desired.revision.id != self._revision:
            yield payloads.source_changed(
                self._revision, desired.revision, apps=len(desired.apps), rejected=desired.rejected
            )

    def _of_decision(self, decision: Decision, present: set[tuple[str, ...]]) -> Iterator[Note]:
        plan = decision.plan
        digests = {step.ref: step.digest for step in plan.steps}
        for step in plan.steps:
            key: tuple[str, ...] = ("drift", str(step.ref), step.digest)
            if step.causes & {Cause.DRIFT, Cause.BOTH}:
                present.add(key)
                if key not in self._told:
                    yield payloads.drift_seen(step, self._digests)
        for hold in decision.holds:
            digest = digests.get(hold.ref, "") if hold.ref else ""
            key = ("hold", hold.rule, str(hold.ref), digest)
            present.add(key)
            if key not in self._told:
                yield payloads.held(hold, digest=digest, plan=plan.id)

    def _adoptions(
        self, decision: Decision, seen: Iterable[tuple[DesiredApp, Live]], last: Mapping[AppRef, LastApplied]
    ) -> Iterator[Adoption]:
        """Apps in agreement of which the journal says nothing, or something else in a field that git declares."""
        in_sync = frozenset(decision.plan.in_sync)
        for app, live in seen:
            if app.ref in in_sync and isinstance(live, LiveApp) and self._news(app, last.get(app.ref)):
                yield Adoption(live, app.name, app.revision)

    def _news(self, app: DesiredApp, last: LastApplied | None) -> bool:
        return (last is None or last.left) or any(
            last.digest(field) != self._digests.of(field, value) for field, value in app.settings.declared()
        )


def _left(desired: DesiredState, last: Mapping[AppRef, LastApplied]) -> Iterator[Note]:
    """Apps on record that git stopped declaring. A broken file hides its apps: while there is one, nobody has left."""
    if not desired.rejected:
        declared = frozenset(app.ref for app in desired.apps)
        for ref, known in last.items():
            if ref not in declared and not known.left:
                yield payloads.left(ref, desired.revision)
