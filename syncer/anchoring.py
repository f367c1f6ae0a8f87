"""Keeps the newest head of the journal in a branch elsewhere, and says when that branch knows another journal.

A thread of its own speaks to the server, so that no PUT waits for it: the newest head replaces one that still waits,
and what failed is tried again. A branch that holds a head over more records than there are, or over others, means that
the journal was reset, cut, restored from a backup or forked: then no intent may be recorded until a person has decided.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from syncer.audit import anchors, checkpoint, sealing
from syncer.errors import JournalError, SourceError, SyncerError
from syncer.log import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from syncer.audit.checkpoint import Head
    from syncer.desired.gitbranch import Tip

RETRY: Final = 60.0
"""Seconds after which a head that was not taken is tried again, though no newer one came."""
TRIES: Final = 5
"""How often at once, when others push to the same branch."""


class Branch(Protocol):
    """Where heads are kept."""

    def read(self, name: str) -> Tip:
        """The branch's tip and a file at its top."""

    def add(self, tip: Tip, name: str, content: bytes, message: str) -> bool:
        """A commit after that tip; False if somebody was faster."""

    def try_out(self, tip: Tip) -> None:
        """As far as can be gone without changing anything."""

    def interrupt(self) -> None:
        """End what is running and refuse what comes later."""


@dataclass(frozen=True, slots=True)
class Place:
    """A branch for people (`name`), and the state folder of the journal whose heads go there."""

    branch: Branch
    name: str
    state_dir: Path


class OtherJournalError(JournalError):
    """The branch holds a head that is not of a beginning of this journal."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"the head kept in {place} is not of this journal: {why}; was it reset, cut, restored or forked?",
            hint="restore the state folder that made it. For a new journal on purpose name another audit.origin, or "
            "delete the head's file from the branch in a commit that says why",
        )


class Anchor:
    """One place. `show`, `settle`, `refused` and `close` may be called from any thread, and raise nothing.

    `kept` is told the size of each head that stands there, in the thread that put it there.
    """

    def __init__(
        self,
        place: Place,
        log: FilteringBoundLogger,
        kept: Callable[[int], None] = lambda _size: None,
        *,
        retry: float = RETRY,
    ) -> None:
        self._place = place
        self._log = log.bind(repository=place.name)
        self._tell = kept
        self._retry = retry
        self._changed = threading.Condition()
        self._newest: Head | None = None
        self._done: Head | None = None
        self._closed = False
        self._thread: threading.Thread | None = None
        self._kept: bytes | None = None
        self._told = ""
        self._refused = ""

    @property
    def refused(self) -> str:
        """Why nothing may be written, or nothing."""
        return self._refused

    def show(self, head: Head) -> None:
        """Keep this head, soon; it covers all that came before it."""
        with self._changed:
            self._newest = head
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="anchor", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait so long for the newest head to be kept or not taken; whether that is known."""
        with self._changed:
            return self._changed.wait_for(lambda: self._done is self._newest, seconds)

    def close(self, seconds: float) -> None:
        """Give the newest head so long to be kept, then end."""
        known = self.settle(seconds)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._place.branch.interrupt()
        if self._thread is not None:
            self._thread.join(seconds)
        if not known:
            self._log.warning(Event.ANCHOR_FAILED, error=f"the last head could not be kept within {seconds:g} s")

    def _run(self) -> None:
        while (head := self._next()) is not None:
            self._attempt(head)
            with self._changed:
                self._done = head
                self._changed.notify_all()

    def _next(self) -> Head | None:
        """The head to keep next: a newer one, or in time the one that was not taken. None when it is time to end."""
        with self._changed:
            wait = self._retry if self._told else None
            self._changed.wait_for(lambda: self._closed or self._done is not self._newest, wait)
            return None if self._closed else self._newest

    def _attempt(self, head: Head) -> None:
        try:
            self._keep(head)
        except OtherJournalError as error:
            self._refused = error.message
            if self._news(error):
                self._log.error(Event.ANCHOR_REFUSED, error=error.message, hint=error.hint)
        except SyncerError as error:  # whatever stands in `refused` still does
            if not self._closed and self._news(error):
                self._log.warning(Event.ANCHOR_FAILED, error=error.message, hint=error.hint)
        else:
            self._refused = self._told = ""
            self._tell(head.size)
            self._log.info(Event.ANCHORED, origin=head.origin, size=head.size)

    def _news(self, error: SyncerError) -> bool:
        """Trouble is told once, and each time that it becomes another."""
        before, self._told = self._told, error.message
        return error.message != before

    def _keep(self, head: Head) -> None:
        name, content = anchors.file_name(head.origin), head.note.encode()
        message = f"{head.origin}: {head.size} records\n\nroot {checkpoint.shown(head.root)}\n"
        for _ in range(TRIES):
            tip = self._place.branch.read(name)
            if tip.content not in {None, self._kept}:
                confirm(self._place, tip.content, head)
            if tip.content == content or self._place.branch.add(tip, name, content, message):
                self._kept = content
                return
        raise SourceError(f"others pushed to {self._place.name} first each time", hint="it is tried again")


def confirm(place: Place, content: bytes, newest: Head) -> Head:
    """The head that a branch holds; OtherJournalError unless it is one of a beginning of the journal."""
    try:
        head = checkpoint.parse(content.decode())
    except (UnicodeDecodeError, JournalError) as error:
        raise OtherJournalError(place.name, "it is none that can be read") from error
    if why := anchors.contradiction(place.state_dir, head, newest):
        raise OtherJournalError(place.name, why)
    return head


def examine(place: Place, origin: str) -> str:
    """What a run would find there, for a person; SyncerError when it could not go on. Nothing is changed."""
    tip = place.branch.read(anchors.file_name(origin))
    place.branch.try_out(tip)
    if tip.content is None:
        return f"{place.name}: no head yet"
    newest = sealing.stored(place.state_dir)
    if newest is None:
        raise OtherJournalError(place.name, f"{place.state_dir} holds no journal with heads")
    return f"{place.name}: a head over {confirm(place, tip.content, newest).size} records"
