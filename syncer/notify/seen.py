"""What a pass found out, as far as anybody could want to be told of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from syncer.errors import DesiredStateError, RefusedCommitError
from syncer.model.outcome import State
from syncer.model.problems import Severity, counted
from syncer.model.text import sanitize
from syncer.notify.notice import What, cut

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from syncer.errors import SyncerError
    from syncer.model.desired import AppRef, DesiredApp
    from syncer.model.outcome import AppStatus, SyncReport

APP_TODO: Final = {
    State.AUTH_FAILED: "syncer doctor",
    State.UNREADABLE: "syncer doctor",
    State.INVALID: "syncer validate",
}
"""What to do about an app in a state; `syncer explain APP` in any other."""
SOURCE_TODO: Final = "syncer doctor"
WELL: Final = "the source is read and in force"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an app, the source or the fleet stands: `since` None where the pass does not know."""

    what: What
    state: State
    reason: str
    since: datetime | None = None
    ref: AppRef | None = None
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    todo: str = ""

    @property
    def key(self) -> str:
        """Names the subject among all of a receiver."""
        return self.what.value if self.ref is None else app_key(self.ref)


@dataclass(frozen=True, slots=True)
class Happened:
    """A pass that ended, as the process has it; `report` None for one without a result.

    `failure` is why the source brought nothing new, `trouble` why the journal takes no intents; `error` why there is no
    result.
    """

    at: datetime
    report: SyncReport | None
    apps: tuple[DesiredApp, ...] = ()
    failure: SyncerError | None = None
    trouble: str = ""
    error: SyncerError | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """How everything stands; None for what there is no verdict on."""

    at: datetime
    source: Standing | None
    fleet: Standing | None
    apps: tuple[Standing, ...] | None = None
    revision: str = ""

    def all(self) -> tuple[Standing, ...]:
        """Every subject that there is a verdict on."""
        found = (self.source, self.fleet, *(self.apps or ()))
        return tuple(each for each in found if each is not None)


def app_key(ref: AppRef) -> str:
    """The key of an app; ids have no slash."""
    return f"app {ref.customer_id}/{ref.app_id}"


def of(happened: Happened) -> Seen:
    """How everything stands after a pass."""
    report = happened.report
    if report is None:
        return Seen(happened.at, _source(happened), _fleet(happened))
    labels = {app.ref: app.labels for app in happened.apps}
    apps = tuple(_app(status, labels.get(status.ref, ()), report) for status in report.apps)
    return Seen(happened.at, _source(happened), _fleet(happened), apps, report.revision.id)


def stale(now: datetime, since: timedelta) -> Standing:
    """The fleet where no pass has had a result for so long that nobody knows how things are."""
    reason = f"no pass has had a result for {int(since.total_seconds()) // 60} min"
    return Standing(What.FLEET, State.STALE, reason, now - since, todo="syncer doctor")


def link(public_url: str, standing: Standing) -> str:
    """Where people see it; empty where the server has no address for people."""
    if not public_url or standing.ref is None:
        return public_url
    ref = standing.ref
    return f"{public_url}/apps/{quote(ref.customer_id, safe='')}/{quote(ref.app_id, safe='')}"


def _app(status: AppStatus, labels: tuple[tuple[str, str], ...], report: SyncReport) -> Standing:
    return Standing(
        What.APP,
        status.state,
        plain(status.reason),
        status.since,
        status.ref,
        plain(status.name),
        labels,
        _todo(status, report),
    )


def _todo(status: AppStatus, report: SyncReport) -> str:
    if status.state is State.HELD:
        releases = [hold.release for hold in report.decision.holds_of(status.ref) if hold.release]
        if releases:
            return plain(releases[0])
    if status.state is State.IN_SYNC:
        return ""
    return APP_TODO.get(status.state, f"syncer explain {status.ref}")


def _source(happened: Happened) -> Standing:
    failure, report = happened.failure, happened.report
    if failure is not None:
        state = _failed(failure)
        return Standing(What.SOURCE, state, plain(failure.message), todo=plain(failure.hint) or SOURCE_TODO)
    if report is not None and report.rejected:
        broken = [problem for problem in report.problems if problem.severity is Severity.ERROR]
        first = f"; the first: {broken[0].message} ({broken[0].at.path}:{broken[0].at.line})" if broken else ""
        reason = f"{counted(report.problems)} in {_files(report.rejected)}{first}"
        return Standing(What.SOURCE, State.INVALID, plain(reason), todo="syncer validate")
    return Standing(What.SOURCE, State.IN_SYNC, WELL)


def _failed(failure: SyncerError) -> State:
    if isinstance(failure, RefusedCommitError):
        return State.HELD
    return State.INVALID if isinstance(failure, DesiredStateError) else State.UNREADABLE


def _files(paths: Iterable[str]) -> str:
    count = len(tuple(paths))
    return f"{count} file" if count == 1 else f"{count} files"


def _fleet(happened: Happened) -> Standing:
    if happened.report is None:
        said = happened.error.message if happened.error else "its log line is `pass.failed`"
        return Standing(What.FLEET, State.FAILING, plain(f"a pass had no result: {said}"), todo="syncer doctor")
    if happened.trouble:
        reason = f"nothing is written to the vendor: {happened.trouble}"
        return Standing(What.FLEET, State.FAILING, plain(reason), todo="syncer doctor")
    return Standing(What.FLEET, State.IN_SYNC, "passes end with a result")


def plain(text: str) -> str:
    """A text as it may go into any notice: one line, nothing that hides or moves, not too long."""
    return cut(sanitize(text))
