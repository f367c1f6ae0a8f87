"""Counts of what happened, and the exposition of everything."""

from __future__ import annotations

import platform
from itertools import chain, product
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from syncer.errors import RefusedCommitError
from syncer.metrics.standing import Standing
from syncer.model.outcome import Status, Verdict
from syncer.notify import sinks
from syncer.notify.courier import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from syncer.clock import Clock
    from syncer.errors import SourceError
    from syncer.model.desired import AppRef
    from syncer.model.outcome import Outcome, SyncReport

STATUSES: Final = frozenset({200, 202, 204, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504})
"""Answers of the vendor that have a series of their own; others are counted as `2xx`, `5xx` and so on."""
METHODS: Final = ("GET", "PUT", "POST")
RESULTS: Final = ("ok", "held", "incomplete", "failed")
PUTS: Final = (*(verdict.value for verdict in Verdict), "open")
LOOKS: Final = ("ok", "failed", "refused")
PASS_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
REQUEST_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


class Metrics:
    """The metrics of one process, on a registry of their own; with `each_app` every app has a series."""

    def __init__(self, clock: Clock, version: str, leader: str, *, each_app: bool = False) -> None:
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
        self._notices = Counter(
            "syncer_notices",
            "Notices, by kind of receiver and by what became of them; failed: of an attempt.",
            ["kind", "result"],
            registry=registry,
        )
        for kind, delivery in product(sinks.FORMS, Result):
            self._notices.labels(kind, delivery.value)
        for result in RESULTS:
            self._passes.labels(result)
        for result in PUTS:
            self._puts.labels(result)
        for result in LOOKS:
            self._looks.labels("fetch", result)
        for method in METHODS:
            self._request_seconds.labels(method)
        build = {"version": version, "python": platform.python_version()}
        self.standing = Standing(clock, build, leader, each_app=each_app)
        registry.register(self.standing)
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

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

    def on_notice(self, kind: str, result: str) -> None:
        """A notice was delivered or given up, or an attempt failed; called in any thread."""
        self._notices.labels(kind, result).inc()

    def finished(self, report: SyncReport) -> None:
        """A pass ended with a result."""
        result = _result(report)
        self._passes.labels(result).inc()
        self._pass_seconds.observe(report.elapsed)
        for outcome in report.outcomes:
            if put := _put(outcome):
                self._puts.labels(put).inc()
        self.standing.after(report, succeeded=result in {"ok", "held"})

    def failed(self) -> None:
        """A pass ended without a result."""
        self._passes.labels("failed").inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format, version 0.0.4."""
        return generate_latest(_Lean(self._registry, self._process))

    def handed(self) -> bytes:
        """The same for another's exposition, without the metrics of the process: those would displace the other's."""
        return generate_latest(_Lean(self._registry))


class _Lean(Collector):
    """Registries without the `_created` samples, which double the series and tell nothing here."""

    def __init__(self, *registries: CollectorRegistry) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        for family in chain.from_iterable(registry.collect() for registry in self._registries):
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


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
