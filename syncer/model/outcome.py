"""What came of it: intents, results, outcomes, the report of a pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.model.desired import AppRef, Revision
    from syncer.model.live import LiveApp, Unmanaged
    from syncer.model.orders import Pin
    from syncer.model.planned import AppPlan, Approval, Decision
    from syncer.model.problems import Problem


class Verdict(StrEnum):
    """The terminal record of an intent: exactly one for each."""

    APPLIED = "applied"  # read back, and it is what was sent
    NOT_APPLIED = "not-applied"  # certain that the vendor does not show it
    SUPERSEDED = "superseded"  # the vendor shows neither the old nor the new value
    REJECTED = "rejected"  # the vendor refused the request


class Trigger(StrEnum):
    """What asked for a pass."""

    START = "start"
    SCHEDULE = "schedule"
    DETECT = "detect"
    POLL = "poll"  # looks at the source; a pass follows only if it moved
    COMMIT = "commit"
    SIGNAL = "signal"
    PUSH = "push"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Intent:
    """One PUT about to be made: recorded durably before it is sent; `epoch` is the number of the leadership, if any."""

    request_id: str
    run_id: str
    trigger: Trigger
    attempt: int
    step: AppPlan
    plan_id: str
    approval: Approval | None = None
    epoch: int | None = None

    @property
    def ref(self) -> AppRef:
        """The app it is about."""
        return self.step.ref


@dataclass(frozen=True, slots=True)
class Result:
    """How an intent ended. `live` is what was read back, None where nothing could be read.

    `status` is the PUT's HTTP status (None: no answer), `elapsed` seconds from intent to verdict, `window` seconds
    between the re-read and the PUT: a third party's write in it can't be seen.
    """

    request_id: str
    ref: AppRef
    verdict: Verdict
    message: str = ""
    status: int | None = None
    body_sha256: str = ""
    elapsed: float = 0.0
    window: float = 0.0
    live: LiveApp | None = None


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An intent without a result, found at start: `before` and `after` as keyed digests per field name."""

    request_id: str
    ref: AppRef
    name: str
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]
    revision: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last PUT of an app for one revision: when it ended (began, while open), and its verdict (None while open).

    `boot` and `up` are the same moment as no clock change can move it: the machine's boot, and nanoseconds since.
    """

    at: datetime
    verdict: Verdict | None
    boot: str = ""
    up: int = 0


class Status(StrEnum):
    """How one app fared in the apply stage of a pass."""

    APPLIED = "applied"
    MOVED = "moved"  # the live value changed between plan and PUT: nothing written, planned again next pass
    FAILED = "failed"
    OPEN = "open"  # a PUT whose fate is unknown: the intent stays open and the app is write-blocked
    STOPPED = "stopped"  # asked to stop before its turn


@dataclass(frozen=True, slots=True)
class Outcome:
    """One app's apply: `elapsed` in seconds, `failure` a sentence for people, empty when it went well.

    `fault` is an exception that nobody expected, for the log's traceback only: its text may hold anything.
    """

    ref: AppRef
    name: str
    status: Status
    attempts: int = 0
    elapsed: float = 0.0
    verdict: Verdict | None = None
    failure: str = ""
    hint: str = ""
    fault: Exception | None = field(default=None, compare=False, repr=False)


class State(StrEnum):
    """An app's state, a closed set; what to do in each stands in the README."""

    IN_SYNC = "InSync"
    PENDING = "Pending"
    DRIFTED = "Drifted"
    CONFLICT = "Conflict"
    APPLYING = "Applying"
    HELD = "Held"
    FAILING = "Failing"
    NOT_CONVERGING = "NotConverging"
    FIGHTING = "Fighting"
    SUSPENDED = "Suspended"
    INVALID = "Invalid"
    AUTH_FAILED = "AuthFailed"
    UNREADABLE = "Unreadable"
    STALE = "Stale"


CALM: Final = frozenset({State.IN_SYNC, State.PENDING, State.SUSPENDED})
"""States in which nobody has to look at an app."""


@dataclass(frozen=True, slots=True)
class TokenEnd:
    """When a token ends, and from when on somebody has to see to the next one (both aware UTC).

    `due` is `at` for a token that syncer mints anew by itself before that.
    """

    at: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One app after a pass: its state, one sentence that says why, and since when.

    `put_back` is how often its drift was put back within a week, where that is often; else 0.
    `token` is None where nobody knows when the app's token ends. `pin` is the order that keeps it at an earlier commit.
    """

    ref: AppRef
    name: str
    state: State
    reason: str
    since: datetime
    checked: datetime
    put_back: int = 0
    token: TokenEnd | None = None
    labels: tuple[tuple[str, str], ...] = ()
    pin: Pin | None = None


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One pass, whole. `writes` False: a detect, plan or observe pass that could not write.

    `rejected` are the paths of invalid files, `problems` everything that is wrong in the source. `unmanaged` is None
    where nobody asked what else the vendor has.
    """

    run_id: str
    trigger: Trigger
    revision: Revision
    decision: Decision
    started: datetime
    elapsed: float
    writes: bool
    outcomes: tuple[Outcome, ...] = ()
    apps: tuple[AppStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
    rejected: tuple[str, ...] = ()
    unmanaged: Unmanaged | None = None
