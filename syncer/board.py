"""What the daemon can tell about itself between two passes: the last report, the last plan, and how it fares."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from syncer import report as documents
from syncer import statefile
from syncer.model.desired import AppRef
from syncer.model.outcome import State
from syncer.serve.ports import Check
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from syncer.clock import Clock
    from syncer.desired.tracker import Tracker
    from syncer.metrics import Metrics
    from syncer.model.desired import DesiredApp
    from syncer.model.outcome import SyncReport

APP_SCHEMA: Final = "syncer.app/v1"
PASSES: Final = 20
"""Passes that are looked back at."""


class Board:
    """Keeps what the last pass found, for the server and the metrics.

    `document` is the report that an earlier process left, if any; `interval` the time between two looks; `leader` says
    who may write, where there is an election.
    """

    def __init__(self, clock: Clock, interval: timedelta, document: Mapping[str, Any] | None, metrics: Metrics) -> None:
        self._clock = clock
        self._interval = interval
        self._document = document
        self._metrics = metrics
        self._last: tuple[SyncReport, tuple[DesiredApp, ...]] | None = None
        self._plan: dict[str, Any] | None = None
        self._ended = 0.0
        self._failed = 0
        self.leader: Callable[[], dict[str, Any] | None] = lambda: None
        self.passes: deque[dict[str, Any]] = deque(maxlen=PASSES)
        metrics.standing.states = self

    def publish(self, report: SyncReport, apps: tuple[DesiredApp, ...], document: Mapping[str, Any]) -> None:
        """A pass over the fleet `apps` that ended with a result."""
        self._last, self._plan, self._document = (report, apps), None, document
        self._ended, self._failed = self._clock.monotonic(), 0
        self._metrics.finished(report)
        self.passes.appendleft(_summed(report))

    def failed(self) -> None:
        """A pass that ended without a result."""
        self._failed += 1
        self._metrics.failed()
        self.passes.appendleft({"at": documents.instant(self._clock.now()), "result": False})

    @property
    def judged(self) -> bool:
        """Whether a pass of this process has ended with a result."""
        return self._last is not None

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The last report as it was made, its verdicts not aged."""
        return self._document

    @property
    def report(self) -> SyncReport | None:
        """The last pass of this process that had a result."""
        return self._last[0] if self._last else None

    @property
    def apps(self) -> tuple[DesiredApp, ...]:
        """The fleet of that pass."""
        return self._last[1] if self._last else ()

    def status(self) -> dict[str, Any] | None:
        """The last report, with the state Stale where a verdict is too old to be one."""
        if self._document is None:
            return None
        gone = statefile.stale(self._document, self._clock.now(), self._interval)
        return statefile.led(statefile.aged(self._document, gone), self.leader())

    def states(self) -> Mapping[AppRef, State]:
        """The state of each app, as `status` has it."""
        report = self.status()
        rows = report["apps"] if report else ()
        return {AppRef(row["customer_id"], row["app_id"]): State(row["state"]) for row in rows}

    def app(self, customer: str, app: str) -> dict[str, Any] | None:
        """One app: its row of the report, and of the plan (null until a pass of this process has ended)."""
        report = self.status()
        found = (
            [row for row in report["apps"] if (row["customer_id"], row["app_id"]) == (customer, app)] if report else []
        )
        if report is None or not found:
            return None
        told = {"schema": APP_SCHEMA, "run_id": report["run_id"], "revision": report["revision"]}
        return {**told, "app": found[0], "plan": self._planned(AppRef(customer, app))}

    def _planned(self, ref: AppRef) -> dict[str, Any] | None:
        if self._last is None:
            return None
        report, apps = self._last
        rows = documents.of_plan((app for app in apps if app.ref == ref), report.decision, report.started)["apps"]
        return rows[0] if rows else None

    async def plan(self) -> dict[str, Any] | None:
        """The decision of the last pass, from before it wrote anything; made when it is first asked for."""
        if self._last is not None and self._plan is None:
            report, apps = last = self._last
            made = await in_thread(documents.of_plan, apps, report.decision, report.started, report.unmanaged)
            if self._last is not last:
                return made  # another pass has ended meanwhile
            self._plan = made
        return self._plan

    def last_pass(self) -> Check:
        """When a pass last had a result, and how many have had none since."""
        if self._last is None:
            return Check("last-pass", self._failed == 0, f"none has ended yet, {self._failed} had no result")
        age = self._clock.monotonic() - self._ended
        return Check("last-pass", self._failed == 0, f"ended {age:.0f} s ago, {self._failed} have had no result since")


def _summed(report: SyncReport) -> dict[str, Any]:
    """A pass in one line."""
    return {
        "at": documents.instant(report.started),
        "result": True,
        "run_id": report.run_id,
        "trigger": report.trigger.value,
        "elapsed": round(report.elapsed, 4),
        "writes": report.writes,
        "revision": report.revision.id,
        "counts": documents.outcome_counts(report),
    }


def source(tracker: Tracker) -> Check:
    """Whether the newest desired state is in force. What is wrong stands in the log: it may be anybody's text."""
    revision = tracker.in_force.revision.short if tracker.in_force else "nothing"
    failure = tracker.failure
    trouble = f", and the last look ended in {type(failure).__name__}" if failure else ""
    return Check("source", failure is None, f"{revision} is in force{trouble}")
