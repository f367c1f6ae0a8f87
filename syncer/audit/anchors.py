"""Heads kept outside the journal: files that they are appended to, and whether a journal is the one of a head."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from syncer.audit import checkpoint, files
from syncer.audit.chain import Links, Walk
from syncer.audit.tree import Tree
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


def file_name(origin: str) -> str:
    """The name of the file that holds the newest head of a journal, where several journals share a folder."""
    return f"{quote(origin, safe='')}.checkpoint"


def contradiction(state_dir: Path, anchor: Head, newest: Head) -> str:
    """Why a head kept elsewhere is not of a beginning of this journal, whose newest head is given; empty if it is.

    The beginning is hashed anew from the lines. Raises JournalError where they can't be read.
    """
    if anchor.origin != newest.origin:
        return f"it is of the journal {anchor.origin}"
    if anchor.size > newest.size:
        return f"it covers {anchor.size} records, and this journal has {newest.size}"
    root = newest.root if anchor.size == newest.size else _root(state_dir, anchor.size)
    return (
        "" if anchor.root == root else f"the first {anchor.size} records of this journal are not those that it covers"
    )


def _root(state_dir: Path, size: int) -> bytes:
    """The root over the first records."""
    walk = Walk(state_dir, Links(tree=Tree()))
    records = iter(walk)
    while walk.links.records < size and next(records, None):
        pass
    return walk.links.state.root
