"""The log as its one writer keeps it: read and mended at the start, then grown line by line and segment by segment."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from syncer.audit import files, heads, lines, repair
from syncer.audit.appender import Appender
from syncer.audit.chain import Damage, DamagedError, Links, Story, Walk
from syncer.audit.events import EventType, Note
from syncer.audit.sealing import Moment
from syncer.audit.tree import Tree
from syncer.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from syncer.audit.appender import Disk
    from syncer.audit.chain import Event
    from syncer.audit.checkpoint import Head
    from syncer.audit.sealing import Sealer
    from syncer.audit.stamp import Stamp

BALLAST_NAME: Final = "ballast"


class LogWriter:
    """The end of a log, after all of it was checked; one thread at a time.

    `story` and `links` tell what the log holds, `key_id` names the key that it was begun with, `torn` are the bytes of
    half a line at its end. Nothing is written before `begin`.
    """

    def __init__(self, state_dir: Path, stamp: Stamp, disk: Disk, sealer: Sealer | None) -> None:
        """Read all of it. Raises JournalError (DamagedError at the first bad record)."""
        self._state_dir = state_dir
        self._stamp = stamp
        self._disk = disk
        self._sealer = sealer
        self._last = ""
        self._head: Head | None = None
        self.story = Story()
        self.links = Links(tree=Tree())
        self.key_id = ""
        self.torn = self._read_all()

    def begin(self, key_id: str) -> None:
        """Mend a torn tail and record the start; a log that is new gets its name and `key_id`.

        Raises OSError or JournalError, and then holds nothing open.
        """
        if self.links.closed and self.links.end:  # the process before ended before it opened the next segment
            self.links.turn()
        self._appender = self._appender_at(self.links)
        try:
            self._begin(key_id)
        except BaseException:
            self._appender.close()
            raise

    @property
    def trouble(self) -> str:
        """As of the appender: why nothing may be promised any more, or an empty text."""
        return self._appender.trouble

    @property
    def dead(self) -> bool:
        """As of the appender: whether the trouble can't pass."""
        return self._appender.dead

    @property
    def unsealed(self) -> int:
        """Records that no head covers yet; 0 where no heads are made."""
        return self._sealer.unsealed if self._sealer is not None else 0

    def heal(self) -> None:
        """Ask whether a full disk has room again."""
        self._appender.heal()

    def append(self, notes: Sequence[Note], *, last_words: bool = False) -> None:
        """Write records, durable when this returns. Last words go in at once; before others, heads and segments."""
        if not notes:
            return
        if self._sealer is not None and not last_words:
            self._keep_house(self._sealer)
        self._write(notes, last_words=last_words)

    def seal(self, moment: Moment) -> None:
        """Record a head over everything so far and show it outside, unless nothing has come since the last one.

        Nothing in trouble. Raises JournalError where the head can't be kept.
        """
        if self._sealer is None or self.trouble or not self._sealer.unsealed:
            return
        self._open_segment()
        head = self._sealer.make(self.links.state)
        self._write([heads.recorded(head, moment.value)])
        self._head = head
        self._sealer.publish(head)

    def seal_if_due(self) -> None:
        """Make a head if records have waited long enough for one; as `seal`."""
        if self._sealer is not None and self._sealer.overdue:
            self.seal(Moment.TIME)

    def end(self) -> None:
        """Record the stop, unless in trouble, and let go of the file."""
        try:
            if not self.trouble:
                self.append([Note(EventType.STOP, {"records": self.links.records})])
                self._seal_if_possible(Moment.STOP)
        finally:
            self._appender.close()

    def _read_all(self) -> int:
        walk, seen = Walk(self._state_dir, self.links), heads.Seen()
        before = self.links.state
        for spot, event in walk:
            if why := seen.feed(event, spot, before) or self.story.feed(event):
                raise DamagedError(Damage(before.size, spot, why))
            before = self.links.state
            self._read(event)
        if self._sealer is not None:
            self._sealer.confirm_end(self.links)
        self._head = seen.last
        return walk.torn

    def _read(self, event: Event) -> None:
        if self._sealer is not None:
            self._sealer.confirm(self.links)
            self._sealer.feed(event)
        if event["type"] not in heads.ABOUT_THE_LOG:
            self._last = str(event["type"])
        if event["type"] == EventType.LOG_GENESIS:
            self.key_id = str(event["data"].get("keyid"))

    def _appender_at(self, links: Links) -> Appender:
        path = files.segment(self._state_dir, links.segment)
        return Appender(path, links.end, self._state_dir / BALLAST_NAME, self._disk)

    def _begin(self, key_id: str) -> None:
        clean = not self.links.records or self._last == EventType.STOP
        segment = files.segment(self._state_dir, self.links.segment)
        if self.torn:
            repair.set_aside(segment, self.links.end, self.torn)
            self._appender.cut_to_end()
        self._appender.settle()
        first = []
        if not self.links.records:
            self.links.logid = hashlib.sha256(self._stamp.new_id().encode()).hexdigest()[:32]
            first.append(Note(EventType.LOG_GENESIS, {"keyid": key_id}))
        first.extend(repair.repairs(segment, self.links.end))
        first.append(Note(EventType.START, {"clean": clean, "open": len(self.story.open), "pid": os.getpid()}))
        self.append(first, last_words=True)
        self._seal_if_possible(Moment.START)

    def _keep_house(self, sealer: Sealer) -> None:
        self._open_segment()
        if sealer.full(self.links):
            self._turn()
        elif sealer.overdue:
            self.seal(Moment.COUNT)

    def _turn(self) -> None:
        """Go on in another segment. It is there, durably, before this one is closed: a result always has a place."""
        self.seal(Moment.SEGMENT)
        try:
            following = self._appender_at(Links(self.links.segment + 1))
        except OSError as error:
            raise JournalError(f"the next segment can't be made: {error.strerror}") from error
        try:
            following.settle()
            self._write([heads.closed(self.links)])
        except OSError as error:
            following.close()
            self._appender.give_up(error)
            raise JournalError(self.trouble) from error
        except JournalError:
            following.close()
            raise
        self._appender.close()
        self._appender = following
        self._open_segment()

    def _open_segment(self) -> None:
        """Begin the segment after one that was closed."""
        if self.links.closed:
            self._write([])

    def _seal_if_possible(self, moment: Moment) -> None:
        """Where it is not, the records wait for the next head; what the process came for is done all the same."""
        with suppress(JournalError):
            self.seal(moment)

    def _write(self, notes: Sequence[Note], *, last_words: bool = False) -> None:
        links = replace(self.links)
        if links.closed:
            if links.end:
                links.turn()
            notes = [heads.opened(links, self._head), *notes]
        batch = []
        events = []
        for note in notes:
            line = lines.encode(self._stamp.event(note, links, self.story.boots))
            events.append(links.feed(line))
            batch.append(line)
        self._appender.append(batch, last_words=last_words)
        self.links = links
        for event in events:
            self.story.feed(event)
            if self._sealer is not None:
                self._sealer.feed(event)
