"""Bytes onto the disk for good, or the reason why there will be no more."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from syncer.audit import files
from syncer.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BALLAST_BYTES: Final = 1 << 20
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Disk(Protocol):
    """The two calls that decide whether a record exists."""

    def write(self, handle: int, data: bytes) -> int:
        """As os.write: how many bytes were taken."""

    def sync(self, handle: int) -> None:
        """As os.fsync."""


class SystemDisk:
    """The machine's."""

    def write(self, handle: int, data: bytes) -> int:
        """One write system call."""
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        """One fsync system call."""
        os.fsync(handle)


class Appender:
    """The end of one segment, opened for appending by its only writer.

    `trouble` says why nothing may be promised any more. A full disk can pass (`heal`). A failed fsync can't
    (`dead`): the kernel may have dropped the pages and reports it only once, so a
    second answer would be a lie.
    """

    def __init__(self, path: Path, end: int, ballast: Path, disk: Disk) -> None:
        """Open the segment, made if need be, and lay the ballast. Raises OSError."""
        self._path = path
        self._end = end
        self._ballast = ballast
        self._disk = disk
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, files.FILE_MODE)
        self._closed = False
        self.dead = False
        self.trouble = ""

    def settle(self) -> None:
        """Make the segment's name and present length durable, and see to the ballast. Raises OSError."""
        self._disk.sync(self._handle)
        files.sync_folder(self._path.parent)
        if not self._ballast.exists() and (why := self._lay_ballast()):
            self.trouble = f"no room for the reserve of {BALLAST_BYTES} bytes: {why}"

    def cut_to_end(self) -> None:
        """Drop what stands after the last whole line. Raises OSError."""
        os.ftruncate(self._handle, self._end)
        self._disk.sync(self._handle)

    def append(self, batch: Sequence[bytes], *, last_words: bool = False) -> None:
        """Write the lines, one write each, and one fsync for all: they are durable when this returns.

        JournalError otherwise, and nothing of the batch stays. `last_words` are written in spite of trouble, with the
        ballast given up to make room for them if need be.
        """
        if self._closed:  # its number may be another file's by now
            raise JournalError("the journal takes no more records: this process has closed it")
        if self.dead or (self.trouble and not last_words):
            raise JournalError(f"the journal takes no more records: {self.trouble}", hint=self._hint())
        error = self._write(batch)
        if error is not None and last_words:
            with suppress(OSError):
                self._ballast.unlink()
            error = self._write(batch)
        if error is None:
            error = self._sync() or self._lost(self._end + sum(map(len, batch)))
        if error is not None:
            raise JournalError(self.trouble, hint=self._hint()) from error
        self._end += sum(map(len, batch))

    def give_up(self, error: OSError) -> None:
        """Promise nothing more because of an error beside the segment: for good, unless only room is missing."""
        self.dead = error.errno not in NO_ROOM
        self.trouble = f"what comes after {self._path.name} can't be made: {error.strerror}"

    def heal(self) -> None:
        """Ask whether a full disk has room again: if a new ballast can be laid, the trouble is over."""
        if self.trouble and not self.dead and not self._lay_ballast():
            self.trouble = ""

    def close(self) -> None:
        """Let go of the file; the ballast stays for the next start."""
        self._closed = True
        os.close(self._handle)

    def _write(self, batch: Sequence[bytes]) -> OSError | None:
        """All lines or none; why not, and then it is in trouble."""
        if self.dead:
            return OSError(errno.EIO, self.trouble)
        try:
            for line in batch:
                self._write_line(line)
        except OSError as error:
            self.dead = error.errno not in NO_ROOM or not self._undone()
            self.trouble = f"{self._path.name} can't be written: {error.strerror}"
            return error
        return None

    def _write_line(self, line: bytes) -> None:
        taken = self._disk.write(self._handle, line)
        if taken != len(line):
            raise OSError(errno.ENOSPC, f"only {taken} of {len(line)} bytes were taken")

    def _sync(self) -> OSError | None:
        try:
            self._disk.sync(self._handle)
        except OSError as error:
            self.dead = True
            self.trouble = f"fsync of {self._path.name} failed: {error.strerror}"
            return error
        return None

    def _lost(self, end: int) -> OSError | None:
        """Whether the file still goes by its name: what is synced into a removed one is nowhere when it is closed.

        It ends where the batch does, too: one that was emptied in place, or that another wrote into, is no journal.
        """
        try:
            found = self._path.stat()
            if os.path.samestat(found, os.fstat(self._handle)) and found.st_size == end:
                return None
            error = OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        except OSError as refused:
            error = refused
        self.dead = True
        self.trouble = f"{self._path.name} was removed, replaced or changed under this process: {error.strerror}"
        return error

    def _undone(self) -> bool:
        try:
            os.ftruncate(self._handle, self._end)
        except OSError:
            return False
        return True

    def _hint(self) -> str:
        if self.dead:
            return "nothing more is written by this process; mend the disk and start again: the start checks the tail"
        return "make room on the disk: writing goes on by itself"

    def _lay_ballast(self) -> str:
        """Take real blocks (bytes that no file system can squeeze); why not, or nothing."""
        try:
            files.write_whole(self._ballast, hashlib.shake_256(b"ballast").digest(BALLAST_BYTES))
        except OSError as error:
            return error.strerror or type(error).__name__
        return ""
