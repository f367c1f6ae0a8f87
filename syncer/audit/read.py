"""Records out of the journal: all, the last few, those yet to come; by app, type and time."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from syncer.audit import files, lines
from syncer.audit.chain import Links, Walk
from syncer.audit.events import subject_of
from syncer.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syncer.audit.chain import Event
    from syncer.model.desired import AppRef


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted: each part that is given must hold. `types` are whole type names; times are aware."""

    ref: AppRef | None = None
    types: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, event: Event) -> bool:
        """Whether a record passes; `since` is inclusive, `until` is not."""
        if self.ref is not None and event.get("subject") != subject_of(self.ref):
            return False
        if self.types and event["type"] not in self.types:
            return False
        if self.since is None and self.until is None:
            return True
        at = datetime.fromisoformat(event["time"])
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


EVERYTHING = Filter()


def records(state_dir: Path, wanted: Filter = EVERYTHING) -> Iterator[Event]:
    """Every record in order, each checked against the one before.

    Raises JournalError where there is no journal, DamagedError (one of them) at the first record that does not fit.
    A torn tail is passed over: its record was never promised.
    """
    _must_exist(state_dir)
    return (event for _, event in Walk(state_dir, Links()) if wanted.wants(event))


def tail(state_dir: Path, count: int, wanted: Filter = EVERYTHING) -> tuple[Event, ...]:
    """The last `count` records that pass; errors as in `records`."""
    return tuple(deque(records(state_dir, wanted), maxlen=count))


def follow(state_dir: Path, count: int, wait: Callable[[], bool], wanted: Filter = EVERYTHING) -> Iterator[Event]:
    """The last `count` records, then each as it comes; `wait` waits a while and answers whether to look again."""
    _must_exist(state_dir)
    walk = Walk(state_dir, Links())
    yield from deque((event for _, event in walk if wanted.wants(event)), maxlen=count)
    while wait():
        yield from (event for _, event in walk if wanted.wants(event))


def event_at(path: Path, offset: int) -> Event:
    """The record whose line begins at a byte offset. Raises JournalError where none does."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            event: Event = orjson.loads(file.readline(lines.MAX_LINE + 1))
    except (OSError, orjson.JSONDecodeError) as error:
        raise JournalError(f"no record can be read at byte {offset} of {path}") from error
    return event


def stands(path: Path, start: int, end: int, head: str) -> bool:
    """Whether the bytes from `start` to `end` are the line with this hash; at the very beginning there is none."""
    if end == 0:
        return True
    try:
        with path.open("rb") as file:
            line = os.pread(file.fileno(), end - start, start)
    except OSError:
        return False
    return hashlib.sha256(line).hexdigest() == head


def _must_exist(state_dir: Path) -> None:
    if not files.recorded(state_dir):
        raise JournalError(
            f"there is no journal in {state_dir}", hint="give the state folder of the daemon with --state-dir"
        )
