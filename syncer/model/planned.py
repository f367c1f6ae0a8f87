"""What would change and what may: plan, holds, decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.model.desired import AppRef, DesiredApp, Origin, Revision
    from syncer.model.fields import AppSettings, Field, Value
    from syncer.model.live import LiveApp, Unreadable


class Cause(StrEnum):
    """Who moved a field since it was last applied."""

    GIT = "git"
    DRIFT = "drift"
    BOTH = "both"
    UNKNOWN = "unknown"


class Danger(StrEnum):
    """A change that deserves a second look."""

    HOST_CHANGE = "host-change"
    BLANKS_URL = "blanks-url"
    RECORDING_OFF = "recording-off"
    STREAMING_OFF = "streaming-off"


@dataclass(frozen=True, slots=True)
class LastApplied:
    """What was last written to (or last seen in agreement at) the vendor for one app.

    `digests` are keyed digests per field, never values; `revision` the revision id; `seen_at` the latest time at
    which the app was seen in agreement, `at` when this was recorded (both aware UTC). `left`: git has stopped declaring
    the app since, so that whoever changed it at the vendor was free to.
    """

    ref: AppRef
    digests: tuple[tuple[Field, str], ...]
    revision: str
    at: datetime
    seen_at: datetime
    left: bool = False

    def digest(self, wanted: Field) -> str | None:
        """The digest of one field, or None where nothing is recorded."""
        return next((digest for field, digest in self.digests if field == wanted), None)


@dataclass(frozen=True, slots=True)
class RecentPut:
    """A PUT of the past that may have changed an app: when, whether it put drift back, whether a person approved it.

    `dangers` are those of its changes.
    """

    ref: AppRef
    at: datetime
    drift: bool
    approved: bool
    dangers: frozenset[Danger] = frozenset()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs: `live` at the vendor, `desired` in git."""

    field: Field
    live: Value
    desired: Value
    cause: Cause
    origin: Origin
    danger: Danger | None = None


@dataclass(frozen=True, slots=True)
class AppPlan:
    """One app's changes: `body` is the exact PUT body, `base` the digest of the live settings planned from.

    `digest` binds an approval to exactly these changes; `target` stands for the desired settings alone, whatever is
    live. `moved_after` and `moved_before` bound the time in which a drifted value moved, as far as it is known.
    `held` are fields that differ from git and are not among `changes`: the body carries what is live.
    """

    app: DesiredApp
    live: LiveApp
    changes: tuple[FieldChange, ...]
    body: AppSettings
    base: str
    digest: str
    target: str
    moved_after: datetime | None = None
    held: tuple[Field, ...] = ()

    @property
    def ref(self) -> AppRef:
        """The app's identity."""
        return self.app.ref

    @property
    def moved_before(self) -> datetime:
        """When the live value was read."""
        return self.live.read_at

    @property
    def causes(self) -> frozenset[Cause]:
        """The causes of all its changes."""
        return frozenset(change.cause for change in self.changes)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that differs, sorted by ref; `id` binds revision, bases and bodies together."""

    id: str
    revision: Revision
    steps: tuple[AppPlan, ...]
    in_sync: tuple[AppRef, ...]
    unreadable: tuple[Unreadable, ...]


class Rule(StrEnum):
    """The guard that holds a change back."""

    SUSPENDED = "suspended"
    DRIFT_IGNORED = "on-drift-ignore"
    DRIFT_REPORTED = "on-drift-report"
    COMMIT_HELD = "on-commit-hold"
    PROTECTED = "protected"
    BUDGET = "budget"
    TRANSITION = "transition"
    MASS_DRIFT = "mass-drift"
    TOO_MANY_UNREADABLE = "max-unreadable"
    FIGHTING = "fighting"
    WINDOW = "window"
    OBSERVE = "observe-mode"
    NOT_CONVERGING = "not-converging"
    REFUSED = "refused-by-vendor"
    OPEN_INTENT = "open-intent"
    ROLLOUT_WAVE = "rollout-wave"
    ROLLOUT_STOPPED = "rollout-stopped"
    PIN_LOST = "pin-lost"


QUIET_RULES: Final = frozenset({Rule.SUSPENDED, Rule.DRIFT_IGNORED, Rule.WINDOW, Rule.ROLLOUT_WAVE})
"""Chosen by policy, and over by itself: shown, and never counted in an exit code."""

OWN_RULES: Final = frozenset(
    {Rule.SUSPENDED, Rule.WINDOW, Rule.COMMIT_HELD, Rule.PROTECTED, Rule.DRIFT_IGNORED, Rule.DRIFT_REPORTED}
)
"""Holds that the app's own policy asks for: no reason for other apps to wait."""


GUARDS: Final = frozenset(Rule) - QUIET_RULES - {Rule.DRIFT_REPORTED, Rule.OBSERVE, Rule.OPEN_INTENT, Rule.REFUSED}
"""Holds that wait for a person, and that an approval releases.

What an app's own policy asked for is no failure; an open intent or a refusal by the vendor is one, and no hold.
"""

APPROVABLE: Final = (GUARDS - {Rule.TOO_MANY_UNREADABLE, Rule.PIN_LOST}) | {
    Rule.DRIFT_REPORTED,
    Rule.DRIFT_IGNORED,
    Rule.ROLLOUT_WAVE,
}
"""All holds that an approval releases."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why something is not written, and the exact command or event that releases it.

    `ref` None means the whole pass; `fields` are the changes it stands against, empty for all of them.
    """

    rule: Rule
    detail: str
    ref: AppRef | None = None
    fields: tuple[Field, ...] = ()
    release: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer to a plan: what may be written now, and every reason against the rest."""

    plan: Plan
    approved: tuple[AppPlan, ...]
    holds: tuple[Hold, ...] = ()
    _numbered: dict[AppRef | None, list[tuple[int, Hold]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A fleet of which every app is held would be searched once for each app: seconds, at 5,000 apps.
        numbered: dict[AppRef | None, list[tuple[int, Hold]]] = {}
        for pair in enumerate(self.holds):
            numbered.setdefault(pair[1].ref, []).append(pair)
        object.__setattr__(self, "_numbered", numbered)

    def holds_of(self, ref: AppRef) -> tuple[Hold, ...]:
        """Every hold that stands against one app, in the order of all."""
        of_all, own = self._numbered.get(None, []), self._numbered.get(ref, [])
        return tuple(hold for _, hold in sorted((*of_all, *own), key=lambda pair: pair[0]))


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word for one app's exact change: bound to its digest, single use, with an end."""

    ref: AppRef
    digest: str
    plan_id: str
    by: str
    reason: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class SourceApproval:
    """A person's word that `commit` may take the place of `was`, which it does not follow; single use, with an end."""

    was: str
    commit: str
    by: str
    reason: str
    expires: datetime
