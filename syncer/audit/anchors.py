"""Heads kept outside the journal: a file that they are appended to, best on another machine's disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from syncer.audit import checkpoint, files
from syncer.errors import JournalError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.audit.checkpoint import Head


def append(path: Path, head: Head) -> None:
    """Add a head to a file, durable when this returns; an empty line ends it. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, files.FILE_MODE)
    try:
        data = f"{head.note.rstrip()}\n\n".encode()
        if os.write(handle, data) != len(data):
            raise OSError(0, "only a part of the head was taken")
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> tuple[Head, ...]:
    """Every head in a file: checkpoints one after the other, or log lines that hold them; UsageError otherwise."""
    try:
        return checkpoint.anchors(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror}", hint="check the path given with --anchor"
        ) from error
    except (UnicodeDecodeError, JournalError) as error:
        raise UsageError(f"{path} holds no heads: {error}", hint="see docs/audit.md for what an anchor is") from error
