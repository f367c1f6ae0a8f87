"""Half a line at the end of the journal, left by a crash: kept beside it before it is cut off."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from syncer.audit import files
from syncer.audit.events import EventType, Note

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.audit.events import JSON


def set_aside(segment: Path, end: int, torn: int) -> None:
    """Copy the torn bytes after `end`. Raises OSError."""
    with segment.open("rb") as file:
        file.seek(end)
        left = file.read(torn)
    files.write_whole(files.torn_copy(segment, end, hashlib.sha256(left).hexdigest()), left)


def repairs(segment: Path, end: int) -> list[Note]:
    """The records of what was set aside at `end`: also of a copy whose record a second crash cut off."""
    return [_repaired(copy, end) for copy in files.torn_copies(segment, end)]


def _repaired(path: Path, offset: int) -> Note:
    left = path.read_bytes()
    data: dict[str, JSON] = {
        "offset": offset,
        "size": len(left),
        "sha256": hashlib.sha256(left).hexdigest(),
        "file": path.name,
    }
    return Note(EventType.REPAIRED, data)
