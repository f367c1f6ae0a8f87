"""One app: re-read, intent, PUT, read back, result. A retry starts from the re-read and has an intent of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncer.apply import verdict as verdicts
from syncer.errors import VendorError, VendorKind
from syncer.model.live import Unreadable
from syncer.model.outcome import Intent, Outcome, Result, Status, Verdict
from syncer.plan import digests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from syncer.apply.ports import Journal, Writer
    from syncer.clock import Clock
    from syncer.model.live import LiveApp
    from syncer.model.outcome import Trigger
    from syncer.model.planned import AppPlan, Approval

READ_BACK_DELAYS = (0.0, 1.0, 3.0, 9.0)
"""Seconds before each read after a PUT: a vendor that is merely slow to show it gets 13 s (hazard C7)."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for every app of one pass."""

    run_id: str
    trigger: Trigger
    plan_id: str
    writer: Writer
    journal: Journal
    clock: Clock
    new_id: Callable[[], str]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    read_back_delays: tuple[float, ...] = READ_BACK_DELAYS
    attempts: int = 3


async def apply(run: Run, step: AppPlan, approval: Approval | None = None) -> Outcome:
    """Carries one step out and says how it went; raises only JournalError, which must stop the pass."""
    started = run.clock.monotonic()
    for attempt in range(1, run.attempts + 1):
        outcome, error = await _attempt(run, step, approval, attempt)
        again = error is not None and attempt < run.attempts and await run.writer.backoff(attempt, error)
        if not again:
            break
    return replace(outcome, attempts=attempt, elapsed=run.clock.monotonic() - started)


async def _attempt(
    run: Run, step: AppPlan, approval: Approval | None, attempt: int
) -> tuple[Outcome, VendorError | None]:
    """One PUT at most. The error is given only when another attempt may be made, after a new re-read."""
    outcome = Outcome(step.ref, step.app.name, Status.FAILED)
    live = await run.writer.read(step.app)
    read_at = run.clock.monotonic()
    if isinstance(live, Unreadable):
        return replace(outcome, failure=f"re-read before the PUT: {live.message}", hint=live.hint), None
    if digests.base(live.settings) != step.base:
        moved = "the live settings moved after the plan was made; nothing written, planned again in the next pass"
        return replace(outcome, status=Status.MOVED, failure=moved), None
    intent = Intent(run.new_id(), run.run_id, run.trigger, attempt, step, run.plan_id, approval)
    run.journal.intend(intent)
    result, error = await _put(run, intent, read_at)
    if result is None:
        told = error.message if error else ""
        failure = f"{told}; the app can't be read back, so the fate of the PUT is unknown"
        return replace(outcome, status=Status.OPEN, failure=failure), None
    run.journal.conclude(result)
    if result.verdict is Verdict.APPLIED:
        return replace(outcome, status=Status.APPLIED, verdict=result.verdict, failure=""), None
    hint = error.hint if error else ""
    retryable = error if error is not None and error.retryable and result.verdict is Verdict.NOT_APPLIED else None
    return replace(outcome, verdict=result.verdict, failure=result.message, hint=hint), retryable


async def _put(run: Run, intent: Intent, read_at: float) -> tuple[Result | None, VendorError | None]:
    """Sends the PUT and finds out what became of it; no result means that nobody can say yet."""
    step = intent.step
    sent_at = run.clock.monotonic()
    result = Result(intent.request_id, step.ref, Verdict.NOT_APPLIED, window=sent_at - read_at)
    error: VendorError | None = None
    try:
        answer = await run.writer.put(step.app, step.body, intent.request_id)
        result = replace(result, status=answer.status, body_sha256=answer.body_sha256)
    except VendorError as caught:
        error = caught
        result = replace(result, status=error.status)
        if verdicts.refused(error):
            verdict = Verdict.REJECTED if error.sent else Verdict.NOT_APPLIED
            elapsed = run.clock.monotonic() - sent_at
            return replace(result, verdict=verdict, message=error.message, elapsed=elapsed), error
    live = await _read_back(run, step, patient=error is None)
    if isinstance(live, Unreadable):
        return None, error or VendorError(live.kind, live.message, hint=live.hint)
    seen = verdicts.shown(step, live.settings)
    message = verdicts.explain(step, live.settings, seen)
    if error is not None and seen is not Verdict.APPLIED:
        message = error.message
    elapsed = run.clock.monotonic() - sent_at
    return replace(result, verdict=seen, message=message, live=live, elapsed=elapsed), error


async def _read_back(run: Run, step: AppPlan, *, patient: bool) -> LiveApp | Unreadable:
    """The app as it reads after the PUT, until it shows what was sent.

    Patiently after a 200. After an error two reads tell a PUT that landed late from one that never did, without
    holding up the rest of the fleet in an outage.
    """
    live: LiveApp | Unreadable = Unreadable(step.ref, VendorKind.UNEXPECTED, "not read back")
    for delay in run.read_back_delays if patient else run.read_back_delays[:2]:
        if delay:
            await run.sleep(delay)
        live = await run.writer.read(step.app)
        if not isinstance(live, Unreadable) and verdicts.shown(step, live.settings) is Verdict.APPLIED:
            break
    return live
