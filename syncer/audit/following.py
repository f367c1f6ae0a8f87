"""The checks of `verify`, bit by bit over a journal that grows, for a process that has other things to do."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from syncer.audit import heads, verify
from syncer.audit.chain import Damage, DamagedError, Story, Walk

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.audit.chain import Event, Spot


class Follower:
    """Walks a journal from segment `first` on; every record it hands out fits all that came before.

    `damage` is the first thing that does not fit: nothing is handed out after it.
    """

    def __init__(self, state_dir: Path, first: int = 1) -> None:
        """Raises JournalError where `first` is not the beginning of a segment."""
        self._walk = Walk(state_dir, verify.beginning(state_dir, first))
        self._seen = heads.Seen()
        self._story = Story(whole=first == 1)
        self.damage: Damage | None = None

    @property
    def records(self) -> int:
        """How many records of the log are checked: the number of the next one."""
        return self._walk.links.records

    @property
    def sealed(self) -> int:
        """How many records the last head covers."""
        return self._seen.last.size if self._seen.last else 0

    def step(self, most: int) -> tuple[tuple[Spot, Event], ...]:
        """The next records, at most so many; none at the journal's end. JournalError where it can't be read."""
        found: list[tuple[Spot, Event]] = []
        if self.damage is not None:
            return ()
        before = self._walk.links.state
        try:
            for spot, event in islice(self._walk, most):
                if why := self._seen.feed(event, spot, before) or self._story.feed(event):
                    self.damage = Damage(before.size, spot, why)
                    break
                before = self._walk.links.state
                found.append((spot, event))
        except DamagedError as error:
            self.damage = error.damage
        return tuple(found)
