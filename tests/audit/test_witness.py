"""What passes see is recorded once, and again when it has been gone in between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from syncer.audit.digests import Digests
from syncer.audit.witness import Witness
from syncer.errors import JournalError, VendorKind
from syncer.model.desired import DesiredState
from syncer.model.live import Unreadable
from syncer.model.planned import Cause, Decision, Hold, LastApplied, Plan, Rule
from tests.support.recording import REVISION, START, a_step, an_app, live_app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.audit.events import Adoption, Note
    from syncer.model.desired import AppRef
    from syncer.model.orders import Lift
    from syncer.model.planned import AppPlan

DIGESTS = Digests(b"k" * 32)


@dataclass
class Recorder:
    adopted: list[AppRef] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lifted: list[Lift] = field(default_factory=list)
    full: bool = False

    def adopt(self, adoptions: Iterable[Adoption]) -> None:
        self.adopted += [adoption.live.ref for adoption in adoptions]

    def lift(self, lifts: Iterable[Lift]) -> None:
        self.lifted += lifts

    def note_many(self, notes: Iterable[Note]) -> None:
        if self.full:
            raise JournalError("the disk is full")
        self.notes += [note.event.value.removeprefix("syncer.").removesuffix(".v1") for note in notes]


def drifted(step: AppPlan) -> AppPlan:
    return replace(step, changes=tuple(replace(change, cause=Cause.DRIFT) for change in step.changes))


def decided(*steps: AppPlan, in_sync: tuple[AppRef, ...] = (), holds: tuple[Hold, ...] = ()) -> Decision:
    return Decision(Plan("id", REVISION, steps, in_sync, ()), (), holds)


def test_a_drift_is_recorded_once_and_again_when_it_comes_back() -> None:
    recorder = Recorder()
    witness = Witness(recorder, dict, DIGESTS)
    state = DesiredState(REVISION, ())
    seen = decided(drifted(a_step(an_app())))
    for decision in (seen, seen, decided(), seen):
        witness.record(state, decision, ())
    assert recorder.notes == ["source.changed", "drift.seen", "drift.seen"]


def test_an_app_that_git_stops_declaring_is_recorded_once() -> None:
    recorder = Recorder()
    known = {an_app(): LastApplied(an_app(), (), "rev", START, START)}
    witness = Witness(recorder, lambda: known, DIGESTS)
    witness.record(DesiredState(REVISION, (), rejected=("apps.yaml",)), decided(), ())
    assert recorder.notes == ["source.changed"]
    witness.record(DesiredState(REVISION, ()), decided(), ())
    known[an_app()] = replace(known[an_app()], left=True)
    witness.record(DesiredState(REVISION, ()), decided(), ())
    assert recorder.notes == ["source.changed", "app.left"]


def test_a_commit_s_change_is_no_drift() -> None:
    recorder = Recorder()
    Witness(recorder, dict, DIGESTS).record(DesiredState(REVISION, ()), decided(a_step(an_app())), ())
    assert recorder.notes == ["source.changed"]


def test_a_hold_is_recorded_once_for_an_app_and_for_the_pass() -> None:
    recorder = Recorder()
    witness = Witness(recorder, dict, DIGESTS)
    held = decided(a_step(an_app()), holds=(Hold(Rule.PROTECTED, "protected", an_app()), Hold(Rule.OBSERVE, "observe")))
    for _ in range(2):
        witness.record(DesiredState(REVISION, ()), held, ())
    assert recorder.notes == ["source.changed", "hold", "hold"]


def test_a_new_revision_is_recorded() -> None:
    recorder = Recorder()
    witness = Witness(recorder, dict, DIGESTS)
    for name in ("one", "one", "two"):
        witness.record(DesiredState(replace(REVISION, id=name), ()), decided(), ())
    assert recorder.notes == ["source.changed", "source.changed"]


def test_a_revision_that_could_not_be_recorded_is_recorded_next_time() -> None:
    recorder = Recorder(full=True)
    witness = Witness(recorder, dict, DIGESTS)
    with pytest.raises(JournalError):
        witness.record(DesiredState(REVISION, ()), decided(), ())
    recorder.full = False
    witness.record(DesiredState(REVISION, ()), decided(), ())
    assert recorder.notes == ["source.changed"]


def test_an_app_in_agreement_is_adopted_until_the_journal_says_the_same() -> None:
    recorder, known = Recorder(), {}  # type: tuple[Recorder, dict[AppRef, LastApplied]]
    witness = Witness(recorder, lambda: known, DIGESTS)
    app = a_step(an_app()).app
    live = live_app(app.ref, app.settings)
    decision = decided(in_sync=(app.ref,))
    witness.record(DesiredState(REVISION, (app,)), decision, [(app, live)])
    assert recorder.adopted == [app.ref]
    digests = tuple((name, DIGESTS.of(name, value)) for name, value in app.settings.declared())
    known[app.ref] = LastApplied(app.ref, digests, "rev", START, START)
    witness.record(DesiredState(REVISION, (app,)), decision, [(app, live)])
    assert recorder.adopted == [app.ref]
    known[app.ref] = LastApplied(app.ref, digests[1:], "rev", START, START)
    witness.record(DesiredState(REVISION, (app,)), decision, [(app, live)])
    assert recorder.adopted == [app.ref, app.ref]


def test_an_app_that_can_not_be_read_or_differs_is_not_adopted() -> None:
    recorder = Recorder()
    app = a_step(an_app()).app
    unread = Unreadable(app.ref, VendorKind.TIMEOUT, "no answer")
    witness = Witness(recorder, dict, DIGESTS)
    witness.record(DesiredState(REVISION, (app,)), decided(in_sync=(app.ref,)), [(app, unread)])
    witness.record(DesiredState(REVISION, (app,)), decided(), [(app, live_app(app.ref))])
    assert recorder.adopted == []
