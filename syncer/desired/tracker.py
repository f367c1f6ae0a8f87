"""Desired state over time: the newest reading, with the last good one in force for whatever is broken now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncer.desired import remembering
from syncer.desired.carry import carry_over, sorted_apps
from syncer.desired.remembering import Remembered
from syncer.errors import DesiredStateError, SourceError, SyncerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncer.desired.admission import Admission
    from syncer.desired.loader import Loader
    from syncer.desired.snapshot import Snapshot, Source
    from syncer.model.desired import DesiredApp, DesiredState


@dataclass(frozen=True, slots=True)
class Memory:
    """The file that outlives the process and remembers several origins; `origin` is the repository and ref followed.

    A process that only looks (not `kept`) reads it and leaves it as it is.
    """

    path: Path
    origin: str = ""
    kept: bool = True


class Tracker:
    """Follows one source, and takes of it what `admission` admits (None: everything).

    `on_look` is told how each look at the source went, in the thread that looked (None: it was read).
    `steer` lays people's orders over each state that is in force.
    `memory` lets a restart find what was in force; None remembers nothing.
    A plain folder has no history: after a restart, apps of its broken files have no desired state, so nothing of
    theirs is written until the file is mended.
    """

    def __init__(
        self,
        source: Source,
        loader: Loader,
        memory: Memory | None = None,
        admission: Admission | None = None,
        on_look: Callable[[SourceError | None], None] = lambda _error: None,
        steer: Callable[[DesiredState], DesiredState] = lambda state: state,
    ) -> None:
        self._source = source
        self._loader = loader
        self._memory = memory
        self._admission = admission
        self._on_look = on_look
        self._steer = steer
        self._steered: DesiredState | None = None
        self._written: Remembered | None = None
        self._started = False
        self._accepted = ""
        self._in_force: DesiredState | None = None
        self._failure: SyncerError | None = None

    @property
    def in_force(self) -> DesiredState | None:
        """The state to act on; None until a first reading, or a restart's last good one, was there."""
        return self._steered

    @property
    def apps(self) -> tuple[DesiredApp, ...]:
        """The apps of the state in force."""
        steered = self._steered  # read once: a refresh in a thread may take it away
        return steered.apps if steered else ()

    @property
    def failure(self) -> SyncerError | None:
        """Why the last refresh brought nothing new, or could not be remembered; None when all went well."""
        return self._failure

    def interrupt(self) -> None:
        """Break off a refresh under way, from another thread; every later one is a SourceError."""
        self._source.interrupt()

    def refresh(self) -> DesiredState:
        """Read the newest revision and take it in force, broken files at their last good reading.

        SourceError when the source can't be read (RefusedCommitError when its newest commit is not admitted) and
        DesiredStateError when it is empty; what was in force stays so, under the orders of now.
        JournalError when the orders can't be read.
        """
        self._start()
        try:
            self._in_force = self._read()
        except SyncerError:
            if self._in_force is not None:
                self._steered = self._under_orders(self._in_force)
            raise
        steered = self._steered = self._under_orders(self._in_force)
        return steered

    def _under_orders(self, state: DesiredState) -> DesiredState:
        try:
            return self._steer(state)
        except SyncerError:
            self._steered = None  # rather nothing than a state without the orders of now
            raise

    def _read(self) -> DesiredState:
        try:
            current = self._loader.load(self._source, self._admitted(self._source.fetch()))
        except (SourceError, DesiredStateError) as error:
            self._failure = error
            self._on_look(error if isinstance(error, SourceError) else None)
            raise
        self._on_look(None)
        self._started = True
        self._accepted = current.revision.id
        in_force = carry_over(self._in_force, current)
        self._failure = self._remember(in_force)
        return in_force

    def _admitted(self, snapshot: Snapshot) -> Snapshot:
        return self._admission.admitted(snapshot, self._accepted) if self._admission else snapshot

    def _start(self) -> None:
        """Until one refresh went well: what was in force before the restart, as far as the source still has it."""
        if self._started:
            return
        remembered = self._remembered()
        if remembered is not None:
            self._accepted = remembered.good  # also where it can't be restored: what comes next must follow it
            self._in_force = self._restored(remembered)
            self._written = remembered
            self._started = self._in_force is not None

    def _remembered(self) -> Remembered | None:
        return remembering.read(self._memory.path, self._memory.origin) if self._memory else None

    def _restored(self, remembered: Remembered) -> DesiredState | None:
        kept: list[DesiredApp] = []
        for revision in sorted({revision for _, revision in remembered.files}):
            paths = {path for path, last_good in remembered.files if last_good == revision}
            state = self._load(revision)
            kept += [app for app in (state.apps if state else ()) if app.at.path in paths]
        good = self._load(remembered.good)
        return carry_over(replace(good, apps=sorted_apps(kept)), good) if good else None

    def _load(self, revision: str) -> DesiredState | None:
        """A revision of the past; None where the source has it no longer, never had a past, or its signer is gone."""
        try:
            snapshot = self._source.at(revision)
            return self._loader.load(self._source, self._admission.signed(snapshot) if self._admission else snapshot)
        except (SourceError, DesiredStateError, UsageError):
            return None

    def _remember(self, state: DesiredState) -> SourceError | None:
        broken = {app.at.path: app.revision.id for app in state.apps if app.invalid}
        if self._memory is None or not self._memory.kept:
            return None
        remembered = Remembered(state.revision.id, tuple(sorted(broken.items())))
        if remembered == self._written:
            return None
        try:
            remembering.write(self._memory.path, self._memory.origin, remembered)
        except OSError as error:
            hint = "until this is mended, a restart forgets the last good state of broken files"
            return SourceError(f"can't write {self._memory.path}: {error.strerror}", hint=hint, retryable=True)
        self._written = remembered
        return None
