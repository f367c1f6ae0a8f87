"""What Prometheus is told: counts of what happened, and how things stand when it asks. The home of prometheus-client.

Every label is from a closed set, so that nobody outside can make series; docs/metrics.md lists all of them.
"""

from __future__ import annotations

import platform
from collections import Counter as Count
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from syncer.errors import RefusedCommitError
from syncer.model.fields import Field
from syncer.model.outcome import State, Status, Verdict
from syncer.model.planned import Cause, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from syncer.clock import Clock
    from syncer.errors import SourceError
    from syncer.model.desired import AppRef
    from syncer.model.outcome import Outcome, SyncReport
    from syncer.model.planned import Decision

STATUSES: Final = frozenset({200, 202, 204, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504})
"""Answers of the vendor that have a series of their own; others are counted as `2xx`, `5xx` and so on."""
METHODS: Final = ("GET", "PUT", "POST")
RESULTS: Final = ("ok", "held", "incomplete", "failed")
PUTS: Final = (*(verdict.value for verdict in Verdict), "open")
LOOKS: Final = ("ok", "failed", "refused")
PASS_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
REQUEST_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


class Metrics:
    """The metrics of one process, on a registry of their own."""

    def __init__(self, clock: Clock, version: str, leader: str) -> None:
        self._clock = clock
        self._registry = CollectorRegistry()
        registry = self._registry
        self._passes = Counter("syncer_reconcile", "Passes that ended, by result.", ["result"], registry=registry)
        self._pass_seconds = Histogram(
            "syncer_reconcile_duration_seconds",
            "How long passes with a result took.",
            buckets=PASS_BUCKETS,
            registry=registry,
        )
        self._puts = Counter(
            "syncer_puts", "Apps that a PUT was made for, by what became of it.", ["result"], registry=registry
        )
        self._requests = Counter(
            "syncer_vendor_requests",
            "Requests to the vendor; status none: no answer.",
            ["method", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "syncer_vendor_request_duration_seconds",
            "How long requests to the vendor took.",
            ["method"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self._looks = Counter("syncer_git_requests", "Looks at the source.", ["op", "result"], registry=registry)
        for result in RESULTS:
            self._passes.labels(result)
        for result in PUTS:
            self._puts.labels(result)
        for result in LOOKS:
            self._looks.labels("fetch", result)
        for method in METHODS:
            self._request_seconds.labels(method)
        self.standing = Standing(clock, {"version": version, "python": platform.python_version()}, leader)
        self._registry.register(self.standing)

    def on_request(self, method: str, status: int | None, elapsed: float, ref: AppRef) -> None:
        """One exchange with the vendor ended."""
        del ref  # never a label: there are as many as a customer likes
        self._requests.labels(method, _status(status)).inc()
        self._request_seconds.labels(method).observe(elapsed)

    def on_look(self, error: SourceError | None) -> None:
        """The source was looked at. A commit that is not taken was read all the same."""
        result = "ok" if error is None else "refused" if isinstance(error, RefusedCommitError) else "failed"
        self._looks.labels("fetch", result).inc()
        if result != "failed":
            self.standing.source_read = self._clock.monotonic()

    def finished(self, report: SyncReport, token_end: float | None) -> None:
        """A pass ended with a result; `token_end` is when the first token ends, in POSIX seconds."""
        self._passes.labels(_result(report)).inc()
        self._pass_seconds.observe(report.elapsed)
        for outcome in report.outcomes:
            if result := _put(outcome):
                self._puts.labels(result).inc()
        self.standing.after(report, token_end, self._clock.now().timestamp())

    def failed(self) -> None:
        """A pass ended without a result."""
        self._passes.labels("failed").inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format, version 0.0.4."""
        return generate_latest(_Lean(self._registry))


class Standing(Collector):
    """How things stand, worked out when somebody asks."""

    def __init__(self, clock: Clock, build: Mapping[str, str], leader: str) -> None:
        self._clock = clock
        self._build = dict(build)
        self._leader = leader
        self.unsealed: Callable[[], int] = lambda: 0
        self.leads: Callable[[], bool] = lambda: True
        self.states: Callable[[], Mapping[str, int]] = dict
        self.source_read: float | None = None
        self._succeeded: float | None = None
        self._token_end: float | None = None
        self._drift: Mapping[str, int] = {}
        self._held: Mapping[str, int] = {}

    def after(self, report: SyncReport, token_end: float | None, now: float) -> None:
        """A pass ended with a result."""
        self._token_end = token_end
        self._drift, self._held = drifted(report.decision), held(report.decision)
        if _result(report) in {"ok", "held"}:
            self._succeeded = now

    def collect(self) -> Iterator[Metric]:
        """The gauges; what is not known has no sample."""
        yield _gauge("syncer_build_info", "The version that runs.", [(tuple(self._build.values()), 1)], *self._build)
        states = self.states()
        rows = [((state.value,), states.get(state.value, 0)) for state in State]
        yield _gauge("syncer_apps", "Apps by state.", rows, "state")
        rows = [((field.value,), self._drift.get(field.value, 0)) for field in Field]
        yield _gauge("syncer_drift_fields", "Apps in which the field was changed at the vendor.", rows, "field")
        rows = [((rule.value,), self._held.get(rule.value, 0)) for rule in Rule]
        yield _gauge("syncer_held", "Apps that a rule holds back.", rows, "rule")
        yield _gauge("syncer_source_age_seconds", "Since the source was last read.", self._age())
        succeeded = [((), self._succeeded)] if self._succeeded is not None else []
        yield _gauge("syncer_last_success_timestamp_seconds", "When a pass last ended without a failure.", succeeded)
        yield _gauge("syncer_token_expiry_seconds", "Until the first of the apps' tokens ends.", self._tokens())
        yield _gauge("syncer_audit_unsealed_records", "Records that no head covers yet.", [((), self.unsealed())])
        leads = [((self._leader,), int(self.leads()))]
        yield _gauge("leader_election_master_status", "Whether this process may write.", leads, "name")

    def _age(self) -> list[tuple[tuple[str, ...], float]]:
        return [] if self.source_read is None else [((), self._clock.monotonic() - self.source_read)]

    def _tokens(self) -> list[tuple[tuple[str, ...], float]]:
        return [] if self._token_end is None else [((), self._token_end - self._clock.now().timestamp())]


class _Lean(Collector):
    """A registry without the `_created` samples, which double the series and tell nothing here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def _gauge(name: str, told: str, rows: Iterable[tuple[tuple[str, ...], float]], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _status(status: int | None) -> str:
    if status is None:
        return "none"
    if status in STATUSES:
        return str(status)
    return f"{status // 100}xx" if 100 <= status < 600 else "other"


def _result(report: SyncReport) -> str:
    """A pass in one word, the worst first."""
    decision = report.decision
    wrong = {Status.FAILED, Status.OPEN}
    if decision.plan.unreadable or report.rejected or any(each.status in wrong for each in report.outcomes):
        return "incomplete"
    return "held" if len(decision.approved) < len(decision.plan.steps) else "ok"


def _put(outcome: Outcome) -> str:
    """What became of an app's PUT; empty where none was made."""
    if outcome.verdict is not None:
        return outcome.verdict.value
    return "open" if outcome.status is Status.OPEN else ""


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
