"""One app: re-read, intent, PUT, read back, result. A retry starts from the re-read and has an intent of its own.

What goes wrong before the intent is recorded leaves the app FAILED, for nothing was sent. What goes wrong between
intent and result leaves it OPEN: the intent stays without a result and is resolved by the next read.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncer.apply import verdict as verdicts
from syncer.errors import JournalError, VendorError, VendorKind
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

ACCEPTED = range(200, 300)
"""Statuses by which the vendor says that it took a PUT."""

READ_BACK_DELAYS = (0.0, 1.0, 3.0, 9.0)
"""Seconds before each read after a PUT: a vendor that is merely slow to show it gets 13 s (hazard C7)."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for every app of one pass.

    `closed` says why no PUT may be begun now, or nothing, and `barred` the same of one step; `epoch` is the leadership
    that the pass belongs to.
    """

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
    closed: Callable[[], str] = lambda: ""
    epoch: int | None = None
    barred: Callable[[AppPlan], str] = lambda _step: ""


class Stop:
    """Whether to begin anything more: true once asked to stop, or once something says that it must."""

    def __init__(self, asked: Callable[[], bool], closed: Callable[[], str] = lambda: "") -> None:
        self._asked = asked
        self._closed = closed
        self._failure = ""

    def __bool__(self) -> bool:
        if not self._failure and (why := self._closed()):
            self.halt(why)  # also if it opens again: what was planned before belongs to another leadership
        return bool(self._failure) or self._asked()

    @property
    def why(self) -> str:
        """One sentence for the apps whose turn does not come."""
        return self._failure or "asked to stop"

    def halt(self, why: str) -> None:
        """Nothing more may be sent: the journal can't be written, or too much has failed."""
        self._failure = f"nothing more is written: {why}"


async def apply(run: Run, step: AppPlan, approval: Approval | None, stop: Stop) -> Outcome:
    """Carries one step out and says how it went; a failing journal halts `stop`.

    Once `stop` is true no intent is begun; a PUT that is under way is read back and recorded all the same.
    """
    started = run.clock.monotonic()
    attempt = 0
    while True:
        attempt += 1
        outcome, error = await _attempt(run, step, approval, attempt, stop)
        if error is None or attempt >= run.attempts or stop or not await run.writer.backoff(attempt, error):
            break
    return replace(outcome, attempts=attempt, elapsed=run.clock.monotonic() - started)


async def _attempt(
    run: Run, step: AppPlan, approval: Approval | None, attempt: int, stop: Stop
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
    if why := stop.why if stop else run.barred(step):  # a pass may outlast the window that it began in
        return replace(outcome, status=Status.STOPPED, failure=why), None
    intent = Intent(run.new_id(), run.run_id, run.trigger, attempt, step, run.plan_id, approval, run.epoch)
    try:
        run.journal.intend(intent)
    except JournalError as error:
        stop.halt(error.message)
        return replace(outcome, failure=f"nothing written: {error.message}", hint=error.hint), None
    return await _intended(run, intent, read_at, stop)


async def _intended(run: Run, intent: Intent, read_at: float, stop: Stop) -> tuple[Outcome, VendorError | None]:
    """From a recorded intent to a recorded result, or to an app that stays open."""
    step = intent.step
    outcome = Outcome(step.ref, step.app.name, Status.OPEN)
    try:
        result, error = await _put(run, intent, read_at)
        if result is not None:
            run.journal.conclude(result)
        elif error is not None and error.status is not None and error.status in ACCEPTED:
            run.journal.accept(intent.request_id, intent.ref, error.status)
    except JournalError as failed:
        stop.halt(failed.message)
        return replace(outcome, failure=f"the PUT's result is not recorded: {failed.message}", hint=failed.hint), None
    except Exception as fault:  # noqa: BLE001 -- a bug must not cost the other apps their results
        told = f"an unexpected {type(fault).__name__} after the intent; the fate of the PUT is not recorded"
        return replace(outcome, failure=told, fault=fault), None
    if result is None:
        told = error.message if error else ""
        told = f"{told}; the fate of the PUT is unknown until the app is read again"
        return replace(outcome, failure=told), None
    return _concluded(outcome, result, error)


def _concluded(outcome: Outcome, result: Result, error: VendorError | None) -> tuple[Outcome, VendorError | None]:
    if result.verdict is Verdict.APPLIED:
        return replace(outcome, status=Status.APPLIED, verdict=result.verdict), None
    hint = error.hint if error else ""
    retryable = error if error is not None and error.retryable and result.verdict is not Verdict.SUPERSEDED else None
    return replace(outcome, status=Status.FAILED, verdict=result.verdict, failure=result.message, hint=hint), retryable


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
        return None, error or VendorError(live.kind, live.message, hint=live.hint, status=result.status)
    seen = verdicts.shown(step, live.settings)
    if error is not None and error.kind is VendorKind.TIMEOUT and seen is not Verdict.APPLIED:
        return None, error  # it may still land: the next pass's read says more than this one, and no PUT overlaps it
    message = verdicts.explain(step, live.settings, seen)
    if error is not None and seen is not Verdict.APPLIED:
        message = error.message if seen is Verdict.NOT_APPLIED else f"{error.message}; {message}"
    elapsed = run.clock.monotonic() - sent_at
    return replace(result, verdict=seen, message=message, live=live, elapsed=elapsed), error


async def _read_back(run: Run, step: AppPlan, *, patient: bool) -> LiveApp | Unreadable:
    """The app as it reads after the PUT, until it shows what was sent.

    Patiently after a 200. After an error two reads tell a PUT that landed from one that never did, without holding
    up the rest of the fleet in an outage.
    """
    live: LiveApp | Unreadable = Unreadable(step.ref, VendorKind.UNEXPECTED, "not read back")
    for delay in run.read_back_delays if patient else run.read_back_delays[:2]:
        if delay:
            await run.sleep(delay)
        live = await run.writer.read(step.app)
        if not isinstance(live, Unreadable) and verdicts.shown(step, live.settings) is Verdict.APPLIED:
            break
    return live
