"""A source as it would be with some files changed: to judge a change before it is made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncer.desired.snapshot import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncer.desired.snapshot import Contents, Snapshot


@dataclass(frozen=True, slots=True)
class Overlay:
    """The files of `base`, read from `source`, with `changed` (by path) in their place or beside them."""

    source: Contents | None
    base: Snapshot
    changed: Mapping[str, bytes]

    @property
    def snapshot(self) -> Snapshot:
        """What is listed; its revision stays that of the base."""
        kept = [entry for entry in self.base.entries if entry.path not in self.changed]
        fresh = [Entry(path, _blob(data), len(data)) for path, data in self.changed.items()]
        return replace(self.base, entries=tuple(sorted((*kept, *fresh), key=lambda entry: entry.path)))

    def read(self, snapshot: Snapshot, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        """The bytes by blob; SourceError as the source has it."""
        del snapshot  # the base's is the one that the source knows
        ours = {_blob(data): data for data in self.changed.values()}
        rest = [entry for entry in entries if entry.blob not in ours]
        theirs = self.source.read(self.base, rest) if self.source is not None and rest else {}
        return {**ours, **theirs}


def _blob(data: bytes) -> str:
    return f"changed:{hashlib.sha256(data).hexdigest()}"
