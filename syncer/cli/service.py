"""`syncer run`: the daemon and the one-shot, with their logs."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from syncer import narration, noticing, statefile, storage, wiring
from syncer import report as documents
from syncer.audit import payloads
from syncer.cli import exits, termination
from syncer.cli.ending import stopping
from syncer.daemon import Daemon
from syncer.desired.foldertree import stale_mounts
from syncer.errors import DesiredStateError, JournalError, LockedError, RefusedCommitError, StoppedError, SyncerError
from syncer.log import Event
from syncer.model.outcome import Trigger
from syncer.parts import Ask
from syncer.schedule import Schedule
from syncer.threads import end, in_thread

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from syncer.audit.journal import Journal
    from syncer.exporting import Export
    from syncer.model.outcome import SyncReport
    from syncer.notify.desk import Desk
    from syncer.settings import Resolved, Settings
    from syncer.wiring import Opened

HELD: Final = "another run holds the state or the lease; it does the work"
SEAL_EVERY: Final = 5.0
"""Seconds between looks at whether records have waited long enough for a head."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: its exit code, and why for people where that is not 0."""

    code: int
    why: str = ""


async def once(resolved: Resolved, log: FilteringBoundLogger, *, require_lock: bool) -> Ending:
    """One pass; SIGTERM finishes the PUT in flight. Another writer is no failure unless the lock is required."""
    wanted = resolved.settings.metrics
    export = _export(resolved.settings, log) if wanted.file or wanted.push else None
    try:
        ending = await _once(resolved, log, export)
    except LockedError as error:
        log.info(Event.PASS_FAILED, error=error.message, hint=HELD)
        return Ending(exits.HELD if require_lock else exits.DONE, termination.of_error(error))
    except StoppedError:
        return Ending(exits.DONE)
    except SyncerError as error:
        failed(error, log)
        if export is not None:
            export.board.failed()
        ending = Ending(error.exit_code, termination.of_error(error))
    if export is not None:
        export.closed()
        await export.push()
    return ending


async def elected(here: Opened) -> None:
    """Wait for the lead; LockedError when another process has it, StoppedError when asked to stop meanwhile."""
    waiting = asyncio.ensure_future(here.leadership.acquire())

    def stop() -> None:
        waiting.cancel()

    with stopping(stop):
        try:
            await waiting
        except asyncio.CancelledError as error:
            raise StoppedError("asked to stop while waiting for the lead; nothing was written") from error


async def _once(resolved: Resolved, log: FilteringBoundLogger, export: Export | None) -> Ending:
    watch = export.metrics if export else None
    async with (
        wiring.opened(resolved.settings, write=True, log=log, principal="system", settle=True, watch=watch) as here,
        noticing.opened(resolved.settings, log, last=0, count=watch.on_notice if watch else None) as desk,
    ):
        if export is not None:
            export.watch(here)
        _begin(here, resolved, log)
        await elected(here)
        report = await _one_pass(here, desk)
        document = finished(here, report, log)
        if export is not None:
            export.board.publish(report, here.tracker.apps, document)
        await _delivered(desk)
        failure = here.tracker.failure
        return Ending(_code(report, failure), termination.of_report(report, failure))


async def _one_pass(here: Opened, desk: Desk) -> SyncReport:
    try:
        with stopping(here.reconciler.stop):
            report = await here.reconciler.run(Ask(Trigger.SCHEDULE, write=True))
    except StoppedError:
        raise
    except SyncerError as error:
        desk.after(noticing.happened(here, None, error))
        await _delivered(desk)
        raise
    desk.after(noticing.happened(here, report))
    return report


async def _delivered(desk: Desk) -> None:
    """Receivers get a while; SIGTERM ends that at once, and the next run goes on with it."""
    with stopping(desk.hurry):
        await desk.settle(noticing.ONCE)


def _code(report: SyncReport, failure: SyncerError | None) -> int:
    """The exit code of a one-shot whose source failed so, if it did."""
    if report.rejected and not report.apps:
        return exits.INVALID  # nothing loads
    refused = isinstance(failure, RefusedCommitError)
    unread = failure is not None and not refused
    code = exits.of_pass(report, invalid=bool(report.rejected) or unread)
    return code or (exits.HELD if refused else exits.DONE)


def _export(settings: Settings, log: FilteringBoundLogger) -> Export:
    from syncer.exporting import Export

    return Export(settings, log)


async def forever(resolved: Resolved, log: FilteringBoundLogger) -> Ending:
    """The daemon and its server, until a signal ends it; 1 when this process can never write the journal again."""
    from syncer.serving import Front

    settings = resolved.settings
    export = _export(settings, log)
    front = Front(export)

    def ended(report: SyncReport) -> None:
        document = finished(here, report, log)
        export.finished(here, report, document)
        desk.after(noticing.happened(here, report))
        if here.journal is not None and here.journal.dead:
            log.error(Event.JOURNAL_POISONED, error=here.journal.poisoned)
            daemon.stop()

    def without_result() -> None:
        export.failed()
        desk.after(noticing.happened(here, None))

    async with (
        wiring.opened(settings, write=True, log=log, principal="system", settle=True, watch=front) as here,
        noticing.opened(settings, log, count=export.metrics.on_notice, speaks=lambda: here.leadership.leads) as desk,
    ):
        export.watch(here)
        daemon = Daemon(here.reconciler, schedule_of(settings), lambda: _moved(here, log), ended, log, without_result)
        async with front.serving(here, daemon, log, resolved.origins):
            _begin(here, resolved, log)
            here.leadership.stand(lambda: daemon.ask(Trigger.SCHEDULE))
            sealing = asyncio.create_task(_keep_sealed(here, log))
            try:
                await daemon.run()
            finally:
                await end([sealing])
        dead = here.journal is not None and here.journal.dead
        ending = Ending(exits.FAILED, here.writable.poisoned) if dead else Ending(exits.DONE)
    export.closed()
    return ending


async def _keep_sealed(here: Opened, log: FilteringBoundLogger) -> None:
    """Heads in time, also when no pass comes; trouble is told once, and each time that it becomes another."""
    told = ""
    while here.journal is not None:
        await asyncio.sleep(SEAL_EVERY)
        try:
            await in_thread(here.journal.seal_if_due)
            told = ""
        except JournalError as error:
            if error.message != told:
                log.error(Event.JOURNAL_POISONED, error=error.message)
            told = error.message


def _sealed(here: Opened, log: FilteringBoundLogger) -> None:
    try:
        if here.journal is not None:
            here.journal.seal()
    except JournalError as error:  # what was written is recorded; the head over it comes later
        log.error(Event.JOURNAL_POISONED, error=error.message)


def _begin(here: Opened, resolved: Resolved, log: FilteringBoundLogger) -> None:
    """What is worth saying once: a repaired journal, new configuration, hosts without limit, mounts without news."""
    journal = here.journal
    if journal is not None:
        if journal.torn:
            log.warning(Event.JOURNAL_REPAIRED, bytes=journal.torn)
        try:
            configured(journal, resolved)
        except JournalError as error:  # a full disk: nothing is written, but looking goes on (hazard E1)
            log.error(Event.JOURNAL_POISONED, error=error.message)
    if not here.settings.policy.restricts_hosts:
        log.warning(Event.HOSTS_UNRESTRICTED, hint="set policy.allowed_hosts to the hosts that calls may go to")
    if mounts := stale_mounts(storage.mounts(), str((here.settings.source.path or Path("/nowhere")).absolute())):
        log.warning(Event.SOURCE_NEVER_UPDATES, mounts=list(mounts), hint="mount the whole volume, without subPath")


def configured(journal: Journal, resolved: Resolved) -> None:
    """Record the configuration if the journal knows another one; raises JournalError."""
    if (now := digest(resolved)) != journal.config:
        named = [key for key, (_, origin) in resolved.origins.items() if origin != "built-in"]
        journal.note_many([payloads.config_changed(journal.config, now, named)])


def digest(resolved: Resolved) -> str:
    """One text for the whole configuration as it is shown: secrets are no part of it, only where they are kept."""
    rows = [[key, value] for key, (value, _) in sorted(resolved.origins.items())]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def schedule_of(settings: Settings) -> Schedule:
    """The schedule section as the daemon takes it."""
    wanted = settings.schedule
    return Schedule(settings.source.poll, wanted.detect, wanted.apply, wanted.zone, wanted.jitter)


def finished(here: Opened, report: SyncReport, log: FilteringBoundLogger) -> dict[str, Any]:
    """After each pass: a head over what it wrote, the status file, and the one line that sums it up.

    Returns what stands in the file (or should).
    """
    if report.outcomes:
        _sealed(here, log)
    state_dir = here.settings.state_dir
    document = statefile.merged(state_dir, report, (app.ref for app in here.tracker.apps))
    document = statefile.led(document, here.leadership.told())
    try:
        statefile.replace(state_dir, document)
    except SyncerError as error:
        log.warning(Event.PASS_FAILED, error=error.message, hint=error.hint)
    log.info(
        Event.PASS_FINISHED,
        run_id=report.run_id,
        trigger=report.trigger.value,
        revision=report.revision.short,
        plan=report.decision.plan.id[:12],
        writes=report.writes,
        elapsed=round(report.elapsed, 4),
        **documents.outcome_counts(report),
        states=documents.counts(report.apps),
    )
    return document


def failed(error: SyncerError, log: FilteringBoundLogger) -> None:
    """A pass that could not be made, with the places of the faults when files are to blame."""
    log.error(Event.PASS_FAILED, error=error.message, hint=error.hint)
    if isinstance(error, DesiredStateError):
        for problem in error.problems[:20]:
            narration.invalid(problem, log)


def _moved(here: Opened, log: FilteringBoundLogger) -> bool:
    """Looks at the source; whether another revision is in force than before."""
    before, known = here.tracker.in_force, here.tracker.failure
    try:
        now = here.tracker.refresh()
    except SyncerError as error:
        if known is None or known.message != error.message:  # each pass says it again; so does not every poll
            log.warning(Event.SOURCE_FAILED, error=error.message, hint=error.hint)
        return False
    return before is None or before.revision.id != now.revision.id
