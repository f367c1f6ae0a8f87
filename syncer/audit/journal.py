"""The single writer of a state folder's journal."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from syncer.audit import digests, files, payloads
from syncer.audit.appender import SystemDisk
from syncer.audit.events import OWN_EVENTS, EventType, Note
from syncer.audit.lock import StateLock
from syncer.audit.sealing import Moment, Sealer, no_veto
from syncer.audit.stamp import Stamp
from syncer.audit.writer import LogWriter
from syncer.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from syncer.audit.appender import Disk
    from syncer.audit.events import JSON, Adoption, Identity
    from syncer.audit.sealing import Sealing
    from syncer.clock import BootClock, Clock
    from syncer.model.desired import AppRef
    from syncer.model.orders import Lift, Order
    from syncer.model.outcome import Intent, OpenIntent, Result
    from syncer.model.planned import Approval, SourceApproval


class Journal:
    """Records that are on the disk when the call returns; where one can't be, JournalError and no further intent.

    Safe to call from several threads: one appends at a time. `torn` are the bytes of a torn tail that opening it put
    aside; `config` the digest of the configuration last recorded, empty when none was.
    """

    def __init__(self, state_dir: Path, log: LogWriter, lock: StateLock, veto: Callable[[], str]) -> None:
        """Use `open`."""
        self._lock = lock
        self._veto = veto
        self._log = log
        self._one_at_a_time = threading.RLock()
        self._closed = False
        self.torn = log.torn
        self.config = log.story.config
        self.digests = digests.load_or_create(state_dir, recorded=log.links.records > 0)
        if log.links.records and log.key_id != self.digests.key_id:
            raise JournalError(
                "the key in the state folder is not the one that the journal was begun with",
                hint="restore the key from where it was saved; with another one every app would look changed",
            )
        files.make_folder(files.segment(state_dir).parent)
        log.begin(self.digests.key_id)

    @classmethod
    def open(  # noqa: PLR0913 -- what the one writer is made of, all by keyword
        cls,
        state_dir: Path,
        *,
        clock: Clock,
        boot: BootClock,
        identity: Identity,
        new_id: Callable[[], str],
        disk: Disk | None = None,
        sealing: Sealing | None = None,
    ) -> Journal:
        """Lock the folder, check the whole journal, mend a torn tail, and write that this process started.

        Without `sealing` there is one segment, and no heads. Raises LockedError when another process writes here,
        JournalError when the journal is damaged anywhere but at its tail or is not what its last head was made over,
        when its key is missing, or when the disk refuses.
        """
        stamp = Stamp(clock, boot, identity, new_id)
        try:
            files.make_folder(state_dir)
            lock = StateLock(
                state_dir, {"pid": os.getpid(), "host": identity.instance, "start": payloads.instant(clock.now())}
            )
        except OSError as error:
            raise JournalError(
                f"{state_dir} can't be used: {error.strerror}",
                hint="make it writable for this user, or name another folder with --state-dir",
            ) from error
        try:
            sealer = None if sealing is None else Sealer(state_dir, sealing, clock)
            veto = no_veto if sealing is None else sealing.veto
            return cls(state_dir, LogWriter(state_dir, stamp, disk or SystemDisk(), sealer), lock, veto)
        except OSError as error:
            lock.release()
            raise JournalError(f"the journal in {state_dir} can't be opened: {error.strerror}") from error
        except BaseException:
            lock.release()
            raise

    @property
    def poisoned(self) -> str:
        """Why no intent is taken any more, or an empty text."""
        return self._log.trouble or self._veto()

    @property
    def dead(self) -> bool:
        """Whether only a new process can write again (a failed fsync): end with exit 1. Else a full disk may pass."""
        return self._log.dead

    @property
    def unsealed(self) -> int:
        """Records that no head covers yet."""
        return self._log.unsealed

    @property
    def logid(self) -> str:
        """The random name of this log."""
        return self._log.links.logid

    def open_intents(self) -> tuple[OpenIntent, ...]:
        """Intents without a result, oldest first; their apps take no new intent before they are concluded."""
        with self._one_at_a_time:
            return tuple(self._log.story.open.values())

    def heal(self) -> str:
        """Look whether a full disk has room again, and say what `poisoned` says now; call it when a pass begins."""
        with self._one_at_a_time:
            if not self._closed:
                self._log.heal()
            return self.poisoned

    def intend(self, intent: Intent) -> None:
        """Record that a PUT is about to be made. Only when this has returned may it be sent."""
        with self._one_at_a_time:
            if veto := self._veto():
                raise JournalError(veto)
            if (waiting := self._open_of(intent)) is not None:
                raise JournalError(f"{intent.ref}: intent {waiting} has no result yet, and no other comes before that")
            self._append([payloads.intent(intent, self.digests)])

    def conclude(self, result: Result) -> None:
        """Record how an intent ended; in spite of a full disk, for the PUT has been sent."""
        self._end(result, recovered=False)

    def accept(self, request_id: str, ref: AppRef, status: int) -> None:
        """Record that the vendor took a PUT whose effect could not be read; its intent stays open."""
        with self._one_at_a_time:
            self._begun(request_id, ref)
            self._append([payloads.accepted(request_id, ref, status)])

    def recover(self, result: Result) -> None:
        """Record what became of an intent whose fate was open, found out by reading the app."""
        self._end(result, recovered=True)

    def adopt(self, adoptions: Iterable[Adoption]) -> None:
        """Record apps first seen in agreement with git, all durable with one fsync."""
        self._append([payloads.adopted(adoption, self.digests) for adoption in adoptions])

    def approve(self, approval: Approval) -> None:
        """Record a person's approval."""
        self._append([payloads.approved(approval)])

    def approve_source(self, approval: SourceApproval) -> None:
        """Record a person's approval of a commit."""
        self._append([payloads.source_approved(approval)])

    def order(self, orders: Iterable[Order]) -> None:
        """Record a person's orders, all durable with one fsync."""
        self._append([payloads.ordered(order) for order in orders])

    def lift(self, lifts: Iterable[Lift]) -> None:
        """Record the ends of orders, all durable with one fsync."""
        self._append([payloads.lifted(lift) for lift in lifts])

    def note(self, event: EventType, data: Mapping[str, JSON], ref: AppRef | None = None) -> None:
        """Record anything else; syncer.audit.payloads makes the notes that the schema knows."""
        self.note_many([Note(event, data, ref)])

    def note_many(self, notes: Iterable[Note]) -> None:
        """Record several, all durable with one fsync."""
        several = list(notes)
        if own := next((note.event for note in several if note.event in OWN_EVENTS), None):
            raise ValueError(f"{own} has a method of its own")
        self._append(several)

    def seal(self, moment: Moment = Moment.PASS) -> None:
        """Record a head over everything so far and show it outside, unless nothing has come since the last one.

        Nothing while the journal takes no records, or once it is closed. Raises JournalError where the head can't be
        kept.
        """
        with self._one_at_a_time:
            if not self._closed:
                self._log.seal(moment)

    def seal_if_due(self) -> None:
        """Make a head if records have waited long enough for one; call it every few seconds. Raises as `seal`."""
        with self._one_at_a_time:
            if not self._closed:
                self._log.seal_if_due()

    def close(self) -> None:
        """Record the stop, unless the journal takes no more records, and let go of the folder."""
        with self._one_at_a_time:  # to the end: the folder may be another process's as soon as it is let go of
            if self._closed:
                return
            self._closed = True
            try:
                self._log.end()
            finally:
                self._lock.release()

    def _end(self, result: Result, *, recovered: bool) -> None:
        with self._one_at_a_time:
            self._begun(result.request_id, result.ref)
            self._append([payloads.result(result, self.digests, recovered=recovered)], last_words=True)

    def _begun(self, request_id: str, ref: AppRef) -> None:
        begun = self._log.story.open.get(request_id)
        if begun is None or begun.ref != ref:
            raise JournalError(f"no open intent {request_id} of {ref} to conclude")

    def _open_of(self, intent: Intent) -> str | None:
        if intent.request_id in self._log.story.open:
            return intent.request_id
        return next((request for request, begun in self._log.story.open.items() if begun.ref == intent.ref), None)

    def _append(self, notes: Sequence[Note], *, last_words: bool = False) -> None:
        with self._one_at_a_time:
            self._log.append(notes, last_words=last_words)
