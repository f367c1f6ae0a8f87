"""How things stand, worked out when somebody asks: gauges of the last pass, the source, tokens and the journal."""

from __future__ import annotations

from collections import Counter as Count
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from syncer.model.fields import Field
from syncer.model.outcome import CALM, State, Status
from syncer.model.planned import Cause, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from syncer.clock import Clock
    from syncer.model.desired import AppRef
    from syncer.model.outcome import SyncReport, TokenEnd
    from syncer.model.planned import AppPlan, Decision

    Rows = Iterable[tuple[tuple[str, ...], float]]

MOST_APPS: Final = 5000
"""Series of `syncer_app_info`; apps beyond it are counted in `syncer_app_info_dropped`."""


class Journal(Protocol):
    """The journal as it is watched."""

    @property
    def unsealed(self) -> int:
        """Records that no head covers yet."""

    @property
    def poisoned(self) -> str:
        """Why no intent is taken, or nothing."""


class Anchored(Protocol):
    """The places outside of the state folder that heads go to."""

    @property
    def behind(self) -> int:
        """How many places do not have the newest head."""

    @property
    def age(self) -> float | None:
        """Seconds since the place that has waited longest was last given a head; None where none ever was."""


class States(Protocol):
    """The states of all apps, those aged whose verdict is too old to be one."""

    def states(self) -> Mapping[AppRef, State]:
        """The state of each app."""


class Standing(Collector):
    """The gauges. What is not known has no sample.

    `states`, `journal` and `anchored` are set once they are there. With `each_app` every app has a series.
    """

    def __init__(self, clock: Clock, build: Mapping[str, str], leader: str, *, each_app: bool) -> None:
        self._clock = clock
        self._build = dict(build)
        self._leader = leader
        self._each_app = each_app
        self.states: States | None = None
        self.journal: Journal | None = None
        self.anchored: Anchored | None = None
        self.source_read: float | None = None
        self.leads: Callable[[], bool | None] = lambda: None
        self._succeeded: float | None = None
        self._rejected = 0
        self._token_ends: tuple[TokenEnd, ...] = ()
        self._drift: Mapping[str, int] = {}
        self._held: Mapping[str, int] = {}
        self._causes: Mapping[AppRef, str] = {}

    def after(self, report: SyncReport, *, succeeded: bool) -> None:
        """A pass ended with a result."""
        self._token_ends = tuple(app.token for app in report.apps if app.token)
        self._drift, self._held = drifted(report.decision), held(report.decision)
        self._rejected = len(report.rejected)
        self._causes = causes(report) if self._each_app else {}
        if succeeded:
            self._succeeded = self._clock.now().timestamp()

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield gauge("syncer_build_info", "The version that runs.", [(tuple(self._build.values()), 1)], *self._build)
        yield from self._apps()
        rows = [((field.value,), self._drift.get(field.value, 0)) for field in Field]
        yield gauge("syncer_drift_fields", "Apps in which the field was changed at the vendor.", rows, "field")
        rows = [((rule.value,), self._held.get(rule.value, 0)) for rule in Rule]
        yield gauge("syncer_held", "Apps that a rule holds back.", rows, "rule")
        age = None if self.source_read is None else self._clock.monotonic() - self.source_read
        yield gauge("syncer_source_age_seconds", "Since the source was last read.", _known(age))
        yield gauge("syncer_source_rejected_files", "Files of the source that are invalid.", _known(self._rejected))
        succeeded = _known(self._succeeded)
        yield gauge("syncer_last_success_timestamp_seconds", "When a pass last ended without a failure.", succeeded)
        yield from self._tokens()
        yield from self._audit()
        leads = self.leads()
        rows = [] if leads is None else [((self._leader,), leads)]
        yield gauge("leader_election_master_status", "Whether this process may write.", rows, "name")

    def _apps(self) -> Iterator[Metric]:
        found = self.states.states() if self.states is not None else {}
        counts = Count(found.values())
        rows: Rows = [((state.value,), counts[state]) for state in State]
        yield gauge("syncer_apps", "Apps by state.", rows, "state")
        if not self._each_app:
            return
        first = sorted(found.items(), key=lambda pair: (pair[1] in CALM, pair[0]))[:MOST_APPS]
        rows = [((str(ref), state.value, self._causes.get(ref, "none")), 1) for ref, state in first]
        yield gauge("syncer_app_info", "State and cause of each app.", rows, "app", "state", "cause")
        dropped = len(found) - len(first)
        yield gauge("syncer_app_info_dropped", "Apps that syncer_app_info leaves out.", [((), dropped)])

    def _tokens(self) -> Iterator[Metric]:
        now = self._clock.now()
        left = min(((end.at - now).total_seconds() for end in self._token_ends), default=None)
        yield gauge("syncer_token_expiry_seconds", "Until the first of the apps' tokens ends.", _known(left))
        due = sum(end.due <= now for end in self._token_ends)
        yield gauge("syncer_tokens_due", "Apps whose token has to be replaced by somebody.", [((), due)])

    def _audit(self) -> Iterator[Metric]:
        if self.journal is not None:
            unsealed, poisoned = self.journal.unsealed, bool(self.journal.poisoned)
            yield gauge("syncer_audit_unsealed_records", "Records that no head covers yet.", [((), unsealed)])
            yield gauge("syncer_audit_poisoned", "Whether the journal takes no records.", [((), poisoned)])
        if self.anchored is not None:
            behind = self.anchored.behind
            yield gauge("syncer_audit_anchors_behind", "Anchors without the newest head.", [((), behind)])
            age = _known(self.anchored.age)
            yield gauge("syncer_audit_last_anchor_age_seconds", "Since the slowest anchor was given a head.", age)


def gauge(name: str, told: str, rows: Rows, *labels: str) -> Metric:
    """A gauge's family: each row is the values of the labels, and the value."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _known(value: float | None) -> Rows:
    return [] if value is None else [((), value)]


def drifted(decision: Decision) -> Mapping[str, int]:
    """Fields that were changed at the vendor, and in how many apps."""
    changes = (change for step in decision.plan.steps for change in step.changes)
    return Count(change.field.value for change in changes if change.cause in {Cause.DRIFT, Cause.BOTH})


def held(decision: Decision) -> Mapping[str, int]:
    """Rules that hold something back, and in how many apps; a hold of the whole pass counts for every step."""
    pairs = {(hold.rule.value, hold.ref) for hold in decision.holds}
    everything = len(decision.plan.steps)
    found = Count(rule for rule, ref in pairs if ref is not None)
    return {**found, **{rule: everything for rule, ref in pairs if ref is None}}


def causes(report: SyncReport) -> Mapping[AppRef, str]:
    """Who moved the apps that differ; those that were written differ no more."""
    written = {outcome.ref for outcome in report.outcomes if outcome.status is Status.APPLIED}
    return {step.ref: _cause(step) for step in report.decision.plan.steps if step.ref not in written}


def _cause(step: AppPlan) -> str:
    """In one word: somebody who has to look wants to know of the vendor's side first."""
    if Cause.UNKNOWN in step.causes:
        return Cause.UNKNOWN.value
    return next(iter(step.causes)).value if len(step.causes) == 1 else Cause.BOTH.value
