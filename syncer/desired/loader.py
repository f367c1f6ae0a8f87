"""Snapshot to DesiredState: what changed is read and resolved again, everything else comes from the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.desired import policies
from syncer.desired.folders import Base
from syncer.desired.reading import Memory, Reading
from syncer.model.desired import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncer.clock import Clock
    from syncer.desired.snapshot import Contents, Snapshot
    from syncer.model.desired import DesiredState


class Loader:
    """Loads snapshots under the operator's policy, and keeps what it read of the last one.

    `locked` are the settings fields and policy keys that no file may change.
    """

    def __init__(self, clock: Clock, policy: Policy | None = None, locked: Sequence[str] = ()) -> None:
        self._clock = clock
        self._bottom = Base(policies.bottom(policy or Policy(), locked))
        self._memory = Memory()

    def load(self, source: Contents, snapshot: Snapshot) -> DesiredState:
        """Every app of every file that has no error, and every problem of all files.

        DesiredStateError when the source holds no apps at all, SourceError when it can't be read.
        """
        reading = Reading(self._bottom, self._memory, snapshot)
        reading.read(source)
        reading.resolve()
        self._memory = reading.fresh
        return reading.state(self._clock.now())
