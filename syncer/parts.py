"""What a pass is made of: the ports it calls, and what it can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from syncer.apply.one import READ_BACK_DELAYS
from syncer.plan.rollout import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from structlog.typing import FilteringBoundLogger

    from syncer.apply.ports import Writer
    from syncer.clock import BootClock, Clock, Instant
    from syncer.errors import RefusedCommitError
    from syncer.model.desired import AppRef, DesiredApp, DesiredState
    from syncer.model.live import Live
    from syncer.model.outcome import Attempt, Intent, OpenIntent, Result, TokenEnd, Trigger
    from syncer.model.planned import Approval, Decision, LastApplied, RecentPut
    from syncer.plan.compare import Digest
    from syncer.plan.limits import Limits
    from syncer.plan.rollout import Rollout
    from syncer.vendor.sweep import Reader


class Desired(Protocol):
    """Where desired state comes from."""

    @property
    def in_force(self) -> DesiredState | None:
        """The last good state."""

    def refresh(self) -> DesiredState:
        """The newest state; raises SourceError or DesiredStateError and keeps the last good one in force."""


class Memory(Protocol):
    """What the audit index remembers."""

    def last_applied(self) -> Mapping[AppRef, LastApplied]:
        """What was last written to, or seen in agreement at, each app."""

    def open_intents(self) -> tuple[OpenIntent, ...]:
        """PUTs without a result."""

    def approvals(self, now: Instant) -> tuple[Approval, ...]:
        """Approvals that are neither used nor over."""

    def failures(self, ref: AppRef, target: str) -> int:
        """Consecutive PUTs for one target whose read-back did not match."""

    def rejected(self, ref: AppRef, target: str) -> bool:
        """Whether the vendor refused this target with a 400."""

    def recent_puts(self, since: datetime) -> tuple[RecentPut, ...]:
        """PUTs since then that may have changed an app."""

    def attempts(self, revision: str) -> Mapping[AppRef, Attempt]:
        """The last PUT of each app that a commit had a part in, since the revision came in force."""

    def record_seen(self, refs: Iterable[AppRef], at: datetime) -> None:
        """Notes that apps were in agreement at this time."""


class Journal(Protocol):
    """The journal as a pass uses it; each call is durable when it returns, or raises JournalError."""

    def heal(self) -> str:
        """Looks whether a full disk has room again; why no intent is taken now, or an empty text."""

    def intend(self, intent: Intent) -> None:
        """A PUT about to be made."""

    def accept(self, request_id: str, ref: AppRef, status: int) -> None:
        """The vendor took it, and nobody could read the app since."""

    def conclude(self, result: Result) -> None:
        """How it ended."""

    def recover(self, result: Result) -> None:
        """What became of one whose fate was open."""


class Witness(Protocol):
    """Records what a pass saw, apart from its writes: each thing once, not once per pass."""

    def record(self, desired: DesiredState, decision: Decision, seen: Iterable[tuple[DesiredApp, Live]]) -> None:
        """Drift, holds, apps first seen in agreement, new revisions; raises JournalError."""

    def repeated(self, apps: Iterable[tuple[AppRef, str, int]]) -> None:
        """Apps (ref, name, how often) whose drift was put back again and again; raises JournalError."""

    def refused(self, error: RefusedCommitError) -> None:
        """A commit of the source that is not taken; raises JournalError."""


class Fence(Protocol):
    """Whether this process may write, seen from all that may run at the same time."""

    @property
    def epoch(self) -> int | None:
        """The number of its leadership; None where nobody counts them, or somebody else leads."""

    def closed(self) -> str:
        """Why no PUT may be begun now, or an empty text."""


class Tenure:
    """The leadership that a pass, or a PUT, began under: one that came later is no licence for an older plan.

    Neither is one whose wait was not over: what was read then may be older than what the leader before wrote last.
    """

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        self.epoch = fence.epoch
        early = fence.closed()
        self._barred = f"it was begun too early: {early}" if early else ""

    def bar(self, why: str) -> None:
        """No PUT is begun under it, whatever comes."""
        self._barred = self._barred or why

    def closed(self) -> str:
        """Why no PUT may be begun now, or an empty text."""
        another = "another leadership has begun since" if self._fence.epoch != self.epoch else ""
        return self._fence.closed() or another or self._barred


class Sight:
    """Whether the source was read since a leadership began: the leader before may have applied a newer commit.

    `lost`: it could not be read just now, and what is in force is older. Whoever has no leader before goes on with it.
    """

    lost = False

    def __init__(self) -> None:
        self._under: int | None = None

    def bars(self, tenure: Tenure) -> bool:
        """Bars the leadership if it is so; whether it is."""
        if not self.lost:
            self._under = tenure.epoch
        elif tenure.epoch != self._under:
            tenure.bar("the source could not be read since this process leads")
            return True
        return False


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pass works with. Without a writer and a journal nothing can be written, whatever is asked.

    `observe` is the operator's word that nothing is to be written at all: the gate then holds everything. `interrupt`
    breaks off a reading of the source that runs in a thread.
    """

    desired: Desired
    reader: Reader
    memory: Memory
    digest: Digest
    clock: Clock
    boot: BootClock
    fence: Fence
    new_id: Callable[[], str]
    log: FilteringBoundLogger
    concurrency: int
    limits: Limits | None = None
    rollout: Rollout = AT_ONCE
    observe: bool = False
    interrupt: Callable[[], None] = lambda: None
    token_ends: Callable[[], Mapping[AppRef, TokenEnd]] = dict
    writer: Writer | None = None
    journal: Journal | None = None
    witness: Witness | None = None
    read_back_delays: tuple[float, ...] = READ_BACK_DELAYS


Progress: TypeAlias = "Callable[[int, int, int], None]"
"""Told how many apps are done, how many of them failed, and of how many."""


class Tally:
    """Counts apps as they are done and tells the progress."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._failed = 0

    def one(self, *, failed: bool) -> None:
        """One more app is done."""
        self._done += 1
        self._failed += failed
        self._progress(self._done, self._failed, self._total)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a pass is asked to do.

    `select` narrows the apps; `strict` refuses a source with any fault. `progress` is told of each app that was read,
    and then of each that was written.
    """

    trigger: Trigger
    write: bool = False
    strict: bool = False
    select: Callable[[tuple[DesiredApp, ...]], tuple[DesiredApp, ...]] = field(default=lambda apps: apps)
    expect_plan: str = ""
    progress: Progress = field(default=lambda _done, _failed, _total: None)
