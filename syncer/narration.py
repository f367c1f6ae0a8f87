"""What a pass says in the log, each thing once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.log import Event
from syncer.model.live import LiveApp
from syncer.model.orders import Pin
from syncer.model.outcome import CALM, State, Status
from syncer.model.problems import Severity
from syncer.report import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from structlog.typing import FilteringBoundLogger

    from syncer.model.desired import AppRef, DesiredState
    from syncer.model.live import Live
    from syncer.model.outcome import AppStatus, Outcome, TokenEnd
    from syncer.model.problems import Problem

PROBLEMS_LOGGED: Final = 20
"""Of one revision; `syncer validate` and the status file have all of them."""
FIELDS_LOGGED: Final = 100
OUTCOMES: Final = {
    Status.APPLIED: Event.APP_APPLIED,
    Status.MOVED: Event.APP_MOVED,
    Status.FAILED: Event.APP_FAILED,
    Status.OPEN: Event.APP_FAILED,
    Status.STOPPED: Event.APP_STOPPED,
}


class Narrator:
    """Remembers what it has said from pass to pass."""

    def __init__(self) -> None:
        self._revision = ""
        self._broken: frozenset[Problem] = frozenset()
        self._unknown_fields: set[str] = set()
        self._due: dict[AppRef, TokenEnd] = {}

    def source(self, desired: DesiredState, log: FilteringBoundLogger) -> None:
        """A new revision, one line for each error that was not there before, and orders that have ended."""
        broken = frozenset(problem for problem in desired.problems if problem.severity is Severity.ERROR)
        for problem in sorted(broken - self._broken, key=lambda each: (each.at, each.rule))[:PROBLEMS_LOGGED]:
            invalid(problem, log)
        self._broken = broken
        if desired.revision.id != self._revision:
            signer = desired.revision.commit.signer if desired.revision.commit else ""
            told = {"revision": desired.revision.short, "was": self._revision, "apps": len(desired.apps)}
            log.info(Event.SOURCE_CHANGED, **told, signer=signer)
            self._revision = desired.revision.id
        for lift in desired.lifted:
            pinned = isinstance(lift.order, Pin)
            whose = str(lift.order.ref) if lift.order.ref else "all"
            log.warning(Event.ORDER_ENDED, order="pin" if pinned else "suspension", app=whose, why=lift.reason)

    def tokens(self, ends: Mapping[AppRef, TokenEnd], now: datetime, log: FilteringBoundLogger) -> None:
        """Tokens whose next one is due, once for each end. A pass over some apps says nothing about the others."""
        for ref, end in sorted(ends.items()):
            if end.due > now:
                self._due.pop(ref, None)
            elif self._due.get(ref) != end:
                self._due[ref] = end
                log.warning(Event.ACCESS_EXPIRING, app=str(ref), ends=instant(end.at))

    def unknown_fields(self, live: Iterable[Live], log: FilteringBoundLogger) -> None:
        """Fields that the vendor's documentation does not name, once for each name."""
        for app in live:
            for name in app.extra if isinstance(app, LiveApp) else ():
                if name not in self._unknown_fields and len(self._unknown_fields) < FIELDS_LOGGED:
                    self._unknown_fields.add(name)
                    log.warning(Event.VENDOR_UNKNOWN_FIELD, field=name, app=str(app.ref))


def invalid(problem: Problem, log: FilteringBoundLogger) -> None:
    """One error in the source."""
    at = problem.at
    told = {"path": at.path, "line": at.line, "column": at.column, "error": problem.message}
    log.error(Event.SOURCE_INVALID, rule=problem.rule, **told, help=problem.help)


def outcome(ended: Outcome, log: FilteringBoundLogger) -> None:
    """How one app's apply went."""
    event = OUTCOMES[ended.status]
    told = {"app": str(ended.ref), "name": ended.name, "attempts": ended.attempts}
    if ended.status is Status.APPLIED:
        log.info(event, **told, elapsed=round(ended.elapsed, 4))
    else:
        log.warning(event, **told, error=ended.failure, hint=ended.hint, exc_info=ended.fault)


def flapping(apps: Iterable[tuple[AppRef, str, int]], log: FilteringBoundLogger) -> None:
    """Apps (ref, name, how often) whose drift comes back again and again."""
    for ref, name, often in apps:
        log.warning(Event.APP_FLAPPING, app=str(ref), name=name, put_back=often)


def transition(before: AppStatus | None, status: AppStatus, log: FilteringBoundLogger) -> None:
    """One line when an app's state changes; a fleet that is simply in sync at start says nothing per app."""
    if (before.state if before else State.IN_SYNC) is status.state:
        return
    level = log.info if status.state in CALM else log.warning
    was = before.state.value if before else None
    level(Event.APP_STATE, app=str(status.ref), name=status.name, state=status.state.value, was=was, why=status.reason)
