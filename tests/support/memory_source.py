"""A source held in memory: revisions are dictionaries of path and text."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncer.desired.snapshot import Entry, Snapshot
from syncer.errors import SourceError
from syncer.model.desired import Commit, Revision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncer.model.problems import Problem


class FixedClock:
    """A clock that stands still until it is told."""

    def __init__(self, now: datetime = datetime(2025, 6, 1, 12, tzinfo=UTC)) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


class MemorySource:
    """Each `commit` is a new revision; `fetch` gives the newest. `fails` makes every call fail."""

    def __init__(self, files: Mapping[str, str | bytes] | None = None, root: str = "") -> None:
        self.root = root
        self.revisions: dict[str, dict[str, bytes]] = {}
        self.refused: tuple[Problem, ...] = ()
        self.fails = ""
        self.asked: list[list[str]] = []
        if files is not None:
            self.commit(files)

    def commit(self, files: Mapping[str, str | bytes]) -> str:
        """A new revision with exactly these files."""
        sha = f"{len(self.revisions) + 1:040x}"
        self.revisions[sha] = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        return sha

    def change(self, files: Mapping[str, str | bytes | None]) -> str:
        """A new revision on top of the newest; None removes a file."""
        newest: dict[str, str | bytes | None] = dict([*self.revisions.values()][-1])
        newest.update(files)
        return self.commit({path: text for path, text in newest.items() if text is not None})

    def fetch(self) -> Snapshot:
        self._check()
        return self.at([*self.revisions][-1])

    def at(self, revision: str) -> Snapshot:
        self._check()
        if revision not in self.revisions:
            raise SourceError(f"no revision {revision}")
        files = self.revisions[revision]
        entries = tuple(Entry(path, _blob(files[path]), len(files[path])) for path in sorted(files))
        commit = Commit(revision, "A <a@example>", datetime(2025, 1, 1, tzinfo=UTC), "change")
        return Snapshot(Revision(revision, "memory", commit), self.root, entries, self.refused)

    def read(self, snapshot: Snapshot, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        self._check()
        self.asked.append([entry.path for entry in entries])
        files = self.revisions[snapshot.revision.id]
        return {entry.blob: files[entry.path] for entry in entries if entry.path in files}

    def blame(self, snapshot_revision: str, path: str, line: int) -> Commit | None:
        return None

    def interrupt(self) -> None:
        """Nothing here takes time."""

    def changed_since(self, since: str, revision: str) -> frozenset[str]:
        before, after = self.revisions[since], self.revisions[revision]
        return frozenset(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))

    def _check(self) -> None:
        if self.fails:
            raise SourceError(self.fails)


def _blob(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
