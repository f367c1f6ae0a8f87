"""What a source hands over: the list of document files at one revision, and a way to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncer.model.desired import Commit, Revision
    from syncer.model.problems import Problem


@dataclass(frozen=True, slots=True)
class Entry:
    """One document file of a snapshot.

    `path` is what people see and what is recorded: repository-relative with the subpath included (git), or the
    folder as typed followed by the relative path. `blob` identifies the content (git blob hash, or SHA-256 of the
    bytes); `size` is in bytes.
    """

    path: str
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every document file below `root` at one revision.

    `root` is the prefix of every entry path at which layering starts: "", "apps", "config/apps". `entries` are the
    `*.yaml` and `*.yml` below it, dot-folders left out, sorted by path. `refused` are those that may not be read:
    symlinks, wrong mode, gitlinks, control characters in names, over the caps.
    """

    revision: Revision
    root: str
    entries: tuple[Entry, ...]
    refused: tuple[Problem, ...]


class Contents(Protocol):
    """What the files of a snapshot are read from."""

    def read(self, snapshot: Snapshot, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        """The contents by blob id; SourceError."""


class Source(Contents, Protocol):
    """Where desired state comes from: a git repository or a folder."""

    def fetch(self) -> Snapshot:
        """The newest snapshot; SourceError when there is none to be had."""

    def at(self, revision: str) -> Snapshot:
        """The snapshot at a branch, tag or commit; SourceError, or UsageError for a plain folder."""

    def blame(self, snapshot_revision: str, path: str, line: int) -> Commit | None:
        """Who last changed that line; None for a folder."""

    def interrupt(self) -> None:
        """Break off a reading under way, from another thread; every later one is a SourceError."""

    def changed_since(self, since: str, revision: str) -> frozenset[str]:
        """The entry paths that differ between two revisions; UsageError for a plain folder."""
