"""One pass: load, read, recover, plan, gate, apply, report. The same for a command, a CronJob and the daemon."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from syncer import narration
from syncer.apply import recover, run
from syncer.apply.one import Run
from syncer.clock import instant
from syncer.desired import windows
from syncer.errors import DesiredStateError, HeldError, JournalError, RefusedCommitError, StoppedError, SyncerError
from syncer.log import Event
from syncer.model.live import Unreadable
from syncer.model.outcome import State, Status, SyncReport
from syncer.model.problems import counted
from syncer.narration import Narrator
from syncer.parts import Sight, Tally, Tenure
from syncer.plan import build, gate, limits, rollout, states
from syncer.plan.limits import Fleet, lookback
from syncer.plan.rollout import Stage
from syncer.threads import interruptible, unless
from syncer.vendor.sweep import Patience, sweep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from structlog.typing import FilteringBoundLogger

    from syncer.model.desired import AppRef, DesiredApp, DesiredState
    from syncer.model.live import Live
    from syncer.model.outcome import AppStatus, Outcome
    from syncer.model.planned import Decision, Plan
    from syncer.parts import Ask, Parts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """The two sides of a pass, before anything is decided; `begun` when the reading began."""

    begun: datetime
    desired: DesiredState
    apps: tuple[DesiredApp, ...]
    live: tuple[Live, ...]
    blocked: frozenset[AppRef]


class Reconciler:
    """Runs passes one after the other; remembers only what the next pass's report needs of the last."""

    def __init__(self, parts: Parts, previous: Mapping[AppRef, AppStatus]) -> None:
        self._parts = parts
        self._previous = dict(previous)
        self._narrator = Narrator()
        self._stop = asyncio.Event()
        self._sight = Sight()

    def stop(self) -> None:
        """Ends the pass under way soon: a PUT in flight is finished and recorded, no other is begun."""
        self._stop.set()
        self._parts.interrupt()

    @property
    def stopping(self) -> bool:
        """Whether stop was called."""
        return self._stop.is_set()

    async def run(self, ask: Ask) -> SyncReport:
        """One whole pass.

        Raises SourceError or DesiredStateError when no desired state is in force (or, if strict, when the newest one
        can't be read or is invalid), HeldError when the plan is not the one expected. Failures of single apps are in
        the report.
        """
        started, begun = self._parts.clock.now(), self._parts.clock.monotonic()
        run_id, tenure = self._parts.new_id(), Tenure(self._parts.fence)
        log = self._parts.log.bind(run_id=run_id, trigger=ask.trigger.value)
        log.debug(Event.PASS_STARTED)
        reading = await self._read(ask, run_id, log)
        if self._sight.bars(tenure):
            log.warning(Event.LEADER_UNINFORMED, epoch=tenure.epoch)
        decision, facts = self._decide(reading)
        if ask.expect_plan and not decision.plan.id.startswith(ask.expect_plan):
            raise HeldError(
                f"the plan is {decision.plan.id[:12]} now, not {ask.expect_plan[:12]}",
                hint="look at it again with `syncer plan`, then name the new id",
            )
        recorded = self._witness(reading, decision, log)
        outcomes = await self._apply(ask, run_id, tenure, decision, facts, log) if recorded else ()
        if applied := {outcome.ref for outcome in outcomes if outcome.status is Status.APPLIED}:
            decision = gate.written(decision, applied)
        statuses = self._statuses(reading, decision, outcomes, log)
        elapsed = self._parts.clock.monotonic() - begun
        return SyncReport(
            run_id=run_id,
            trigger=ask.trigger,
            revision=reading.desired.revision,
            decision=decision,
            started=started,
            elapsed=elapsed,
            writes=ask.write and self._parts.writer is not None and (bool(outcomes) or not tenure.closed()),
            outcomes=outcomes,
            apps=statuses,
            problems=reading.desired.problems,
            rejected=reading.desired.rejected,
        )

    async def _read(self, ask: Ask, run_id: str, log: FilteringBoundLogger) -> Reading:
        begun = self._parts.clock.now()
        desired = await interruptible(self._parts.interrupt, partial(self._refreshed, ask, log))
        if ask.strict and not desired.valid:
            raise DesiredStateError(f"the desired state is invalid: {counted(desired.problems)}", desired.problems)
        self._narrator.source(desired, log)
        apps = ask.select(desired.apps)
        tally = Tally(ask.progress, len(apps))
        silent = frozenset(ref for ref, status in self._previous.items() if status.state is State.UNREADABLE)
        reading = sweep(
            self._parts.reader,
            apps,
            self._parts.concurrency,
            on_read=lambda live: tally.one(failed=isinstance(live, Unreadable)),
            patience=Patience(self._parts.clock, silent, run_id),
        )
        live = await self._until_stopped(reading)
        self._narrator.unknown_fields(live, log)
        return Reading(begun, desired, apps, live, self._recover(live, log))

    def _refreshed(self, ask: Ask, log: FilteringBoundLogger) -> DesiredState:
        """In a thread, whose end a stop waits for: it uses what is let go of next, and its git is interrupted."""
        try:
            self._sight.lost = False
            return self._parts.desired.refresh()
        except SyncerError as error:
            if self.stopping:
                raise StoppedError("asked to stop while loading; nothing was written") from error
            if isinstance(error, RefusedCommitError) and self._parts.witness is not None:
                self._note(partial(self._parts.witness.refused, error), log)
            kept = self._parts.desired.in_force
            if kept is None or ask.strict:
                raise
            log.error(Event.SOURCE_FAILED, error=error.message, hint=error.hint, in_force=kept.revision.short)
            self._sight.lost = not isinstance(error, RefusedCommitError)
            return kept

    def _note(self, record: Callable[[], None], log: FilteringBoundLogger) -> None:
        """Records what no write depends on: trouble with the journal is told and no more."""
        try:
            record()
        except JournalError as error:
            log.error(Event.JOURNAL_POISONED, error=error.message)

    async def _until_stopped(self, work: Awaitable[T]) -> T:
        """The work's result, unless asked to stop first: reading has no effects and may be broken off anywhere."""
        return await unless(self._stop, work, lambda: StoppedError("asked to stop while reading; nothing was written"))

    def _recover(self, live: tuple[Live, ...], log: FilteringBoundLogger) -> frozenset[AppRef]:
        """Resolves open intents with what was just read; without a journal they only stay blocked."""
        intents = self._parts.memory.open_intents()
        if not intents or self._parts.journal is None:
            return frozenset(intent.ref for intent in intents)
        found = {app.ref: app for app in live}
        try:
            blocked = recover.resolve(intents, found, self._parts.journal, self._parts.digest)
        except JournalError as error:  # nothing more is written, but looking goes on (hazard E1)
            log.error(Event.JOURNAL_POISONED, error=error.message)
            return frozenset(intent.ref for intent in intents)
        for intent in intents:
            event = Event.INTENT_OPEN if intent.ref in blocked else Event.INTENT_RECOVERED
            log.warning(event, app=str(intent.ref), request_id=intent.request_id)
        return blocked

    def _decide(self, reading: Reading) -> tuple[Decision, gate.Facts]:
        parts, revision = self._parts, reading.desired.revision
        last = parts.memory.last_applied()
        plan = build.build(revision, zip(reading.apps, reading.live, strict=True), last, parts.digest)
        read = {app.ref for app in reading.apps}
        elsewhere = tuple(rollout.elsewhere(reading.desired.apps, read, last, parts.digest))
        attempts = parts.memory.attempts(revision.id)
        tried = tuple(app for app in reading.desired.apps if app.ref in attempts)
        stage = Stage(
            parts.rollout,
            revision.id,
            {app.ref: attempts[app.ref] for app in tried},
            tried,
            elsewhere,
            boot=parts.boot.boot_id(),
            up=parts.boot.boottime_ns(),
        )
        facts = self._facts(plan, reading, stage)
        return gate.decide(plan, facts), facts

    def _facts(self, plan: Plan, reading: Reading, stage: Stage) -> gate.Facts:
        memory, now = self._parts.memory, self._parts.clock.now()
        opened = ((step.ref, windows.state(step.app.policy.windows, now)) for step in plan.steps)
        return gate.Facts(
            now=now,
            writes=not self._parts.observe,
            closed={ref: window.changes_at for ref, window in opened if not window.open},
            approvals=memory.approvals(instant(self._parts.clock, self._parts.boot)),
            unconfirmed={step.ref: memory.failures(step.ref, step.target) for step in plan.steps},
            refused=frozenset(step.ref for step in plan.steps if memory.rejected(step.ref, step.target)),
            open_intents=reading.blocked,
            limits=self._parts.limits,
            fleet=Fleet(len(reading.desired.apps), memory.recent_puts(now - lookback(self._parts.limits))),
            stage=stage,
            lost=tuple(app for app in reading.apps if app.unpinnable),
        )

    def _witness(self, reading: Reading, decision: Decision, log: FilteringBoundLogger) -> bool:
        """Records what was seen, and says whether it could: a journal that fails stops writing, not looking.

        What is written counts for the revision that is recorded as in force, so that one has to be.
        """
        self._parts.memory.record_seen(decision.plan.in_sync, self._parts.clock.now())
        if self._parts.witness is None:
            return True
        for last in (False, True):
            try:
                self._parts.witness.record(reading.desired, decision, zip(reading.apps, reading.live, strict=True))
            except JournalError as error:
                log.error(Event.JOURNAL_POISONED, error=error.message)
                if last or self._parts.journal is None or self._parts.journal.heal():
                    return False
            else:
                return True
        return False

    async def _apply(
        self, ask: Ask, run_id: str, tenure: Tenure, decision: Decision, facts: gate.Facts, log: FilteringBoundLogger
    ) -> tuple[Outcome, ...]:
        parts, stage = self._parts, facts.stage or Stage(self._parts.rollout)
        if not (ask.write and parts.writer and parts.journal and decision.approved) or tenure.closed():
            return ()
        if trouble := parts.journal.heal():
            log.error(Event.JOURNAL_POISONED, error=trouble)
            return ()
        steps = tuple((step, facts.approval(step)) for step in decision.approved)  # by the word that let it pass
        this = Run(
            run_id,
            ask.trigger,
            decision.plan.id,
            parts.writer,
            parts.journal,
            parts.clock,
            parts.new_id,
            read_back_delays=parts.read_back_delays,
            closed=tenure.closed,
            epoch=tenure.epoch,
            barred=lambda step: windows.closed(step.app.policy.windows, parts.clock.now()),
        )
        tally = Tally(ask.progress, len(steps))
        rolled = {step.ref for step, _ in steps if rollout.committed(step)}
        failed = {*stage.failed} - set(decision.plan.in_sync)

        def ended(outcome: Outcome) -> str:
            narration.outcome(outcome, log)
            tally.one(failed=outcome.status is not Status.APPLIED)
            if outcome.ref in rolled:
                wrong = outcome.status in {Status.FAILED, Status.OPEN}
                (failed.add if wrong else failed.discard)(outcome.ref)
            return stage.stopped(failed)

        return await run.carry_out(
            this, steps, concurrency=parts.concurrency, asked_to_stop=lambda: self.stopping, on_outcome=ended
        )

    def _flapping(self, reading: Reading, log: FilteringBoundLogger) -> Mapping[AppRef, int]:
        """Whose drift is put back again and again: told and recorded in the pass that makes it so, and no other."""
        recent = self._parts.memory.recent_puts(self._parts.clock.now() - limits.WARM)
        often, known = limits.flapping(recent), limits.flapping(put for put in recent if put.at < reading.begun)
        news = [(app.ref, app.name, often[app.ref]) for app in reading.apps if app.ref in often.keys() - known.keys()]
        narration.flapping(news, log)
        if self._parts.witness is not None:
            self._note(partial(self._parts.witness.repeated, news), log)
        return often

    def _statuses(
        self, reading: Reading, decision: Decision, outcomes: tuple[Outcome, ...], log: FilteringBoundLogger
    ) -> tuple[AppStatus, ...]:
        flapping = self._flapping(reading, log)
        now = self._parts.clock.now()
        ends = self._parts.token_ends()
        self._narrator.tokens(ends, now, log)
        observed = states.Observed(
            decision, now, {each.ref: each for each in outcomes}, self._previous, flapping, tokens=ends
        )
        statuses = states.after(reading.apps, observed)
        for status in statuses:
            narration.transition(self._previous.get(status.ref), status, log)
        self._previous.update((status.ref, status) for status in statuses)
        return statuses
