"""When a head of the journal is made, by which key, and that it only ever vouches for more than the one before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from syncer.audit import checkpoint, files
from syncer.audit.chain import Damage, DamagedError
from syncer.audit.events import EventType
from syncer.audit.heads import ABOUT_THE_LOG
from syncer.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncer.audit.chain import Event, Links
    from syncer.audit.checkpoint import Head
    from syncer.audit.note import Signer
    from syncer.audit.tree import Tree
    from syncer.clock import Clock

LAST_NAME: Final = "checkpoint"
"""In the state folder: the last head made there."""

MOST_RECORDS: Final = 1000
LONGEST: Final = 60.0
"""Records, and seconds since the first of them, that may wait for a head."""


class Moment(StrEnum):
    """Why a head is made."""

    START = "start"
    STOP = "stop"
    PASS = "pass"  # noqa: S105 -- the end of a pass, not a secret
    COUNT = "count"
    TIME = "time"
    SEGMENT = "segment"


def no_veto() -> str:
    """Nothing outside speaks against an intent."""
    return ""


@dataclass(frozen=True, slots=True)
class Sealing:
    """The journal's name, where heads go (`publish` must not raise), the key, and the size of a segment in bytes.

    `veto` says why no intent may be recorded, as seen from outside the journal, or nothing.
    """

    origin: str
    rotate: int
    publish: Callable[[Head], None]
    key: Signer | None = None
    veto: Callable[[], str] = no_veto


class Sealer:
    """Makes the heads of one journal. What it made last stands in the state folder; nothing less is vouched for again.

    `unsealed` are the records since the last head, those about the log itself not counted.
    """

    def __init__(self, state_dir: Path, sealing: Sealing, clock: Clock) -> None:
        """Read what was made last. Raises JournalError where that is there and can't be read."""
        self._path = state_dir / LAST_NAME
        self._sealing = sealing
        self._clock = clock
        self._made = stored(state_dir)
        self.unsealed = 0
        self._since = 0.0

    def confirm(self, links: Links) -> None:
        """Called with every state of the log that is read: DamagedError where it is not that of the last head."""
        last = self._made
        if last is not None and links.records == last.size and links.state.root != last.root:
            why = f"the {last.size} records before it are not those over which a head was made here"
            raise DamagedError(Damage(links.records, links.spot, why))

    def confirm_end(self, links: Links) -> None:
        """Called when all is read: DamagedError where the last head covers more."""
        if self._made is not None and links.records < self._made.size:
            why = f"the log ends here, but a head over {self._made.size} records was made: the end was cut off"
            raise DamagedError(Damage(links.records, links.spot, why))

    def feed(self, event: Event) -> None:
        """Count a record."""
        if event["type"] == EventType.CHECKPOINT:
            self.unsealed = 0
        elif event["type"] not in ABOUT_THE_LOG:
            if not self.unsealed:
                self._since = self._clock.monotonic()
            self.unsealed += 1

    @property
    def overdue(self) -> bool:
        """Whether enough has been recorded, or waited long enough, for a head."""
        waited = self._clock.monotonic() - self._since
        return self.unsealed >= MOST_RECORDS or (self.unsealed > 0 and waited >= LONGEST)

    def full(self, links: Links) -> bool:
        """Whether it is time for the next segment."""
        return links.end >= self._sealing.rotate

    def make(self, tree: Tree) -> Head:
        """The head of a tree that is durable; kept before anybody sees it. JournalError where it can't be."""
        last = self._made
        if last is not None and (tree.size < last.size or (tree.size == last.size and tree.root != last.root)):
            raise JournalError(f"a head over {tree.size} records would not contain the one over {last.size}")
        head = checkpoint.made(self._sealing.origin, tree, self._sealing.key)
        try:
            files.write_whole(self._path, head.note.encode())
        except OSError as error:
            raise JournalError(
                f"{self._path} can't be written: {error.strerror}", hint="make room on the disk; it is tried again"
            ) from error
        self._made = head
        return head

    def publish(self, head: Head) -> None:
        """Show a head outside the journal."""
        self._sealing.publish(head)


def stored(state_dir: Path) -> Head | None:
    """The last head made in a state folder; JournalError where it can't be read."""
    path = state_dir / LAST_NAME
    try:
        return checkpoint.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, JournalError) as error:
        raise JournalError(
            f"{path} can't be read: {error}", hint="run `syncer audit verify`, and keep a copy of the state folder"
        ) from error
