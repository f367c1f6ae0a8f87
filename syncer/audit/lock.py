"""One writer per state folder."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING

from syncer.audit import files
from syncer.errors import LockedError

if TYPE_CHECKING:
    from pathlib import Path


class StateLock:
    """An exclusive `flock` on `state_dir/lock`; the kernel lets go of it when the process ends, however it ends.

    The file itself stays: removing it would let two processes hold locks on two files of one name.
    """

    def __init__(self, state_dir: Path, holder: dict[str, str | int]) -> None:
        """Take the lock and write who holds it, or raise LockedError that names the holder."""
        path = state_dir / "lock"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, files.FILE_MODE)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, json.dumps(holder).encode() + b"\n", 0)
        except BlockingIOError as error:
            text = os.pread(self._handle, 4096, 0)
            os.close(self._handle)
            raise _refusal(path, text) from error
        except OSError:
            os.close(self._handle)
            raise

    def release(self) -> None:
        """Let go."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def _refusal(path: Path, text: bytes) -> LockedError:
    try:
        holder = json.loads(text)
        who = f"process {holder['pid']} on {holder['host']}, since {holder['start']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return LockedError(
        f"{path.parent} is in use by {who}",
        hint="one process writes at a time: wait until that one has ended, or stop it",
    )
