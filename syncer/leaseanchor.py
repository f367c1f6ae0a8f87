"""Keeps the newest head of the journal as an annotation of the Lease, and says when it knows another journal.

The leader writes it with its renewals, so that it costs no request. A head there that is not of a beginning of this
journal means that the journal was reset, cut, restored from a backup or forked: then this process must not lead.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from syncer.audit import anchors, checkpoint, sealing
from syncer.errors import JournalError
from syncer.log import Event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from syncer.audit.checkpoint import Head

PREFIX: Final = "anchor.syncer/"
ORDER: Final = f"{PREFIX}order"
"""Which heads were written last, the newest first: those of Pods long gone make room."""
MOST: Final = 20
HINT: Final = (
    "restore the state folder that made it. For a new journal on purpose name another audit.origin, or take the "
    "annotation out of the lease"
)


class LeaseAnchor:
    """The head of one journal in one lease, beside those of other origins."""

    def __init__(self, origin: str, state_dir: Path, lease: str, log: FilteringBoundLogger) -> None:
        self._origin = origin
        self._key = key_of(origin)
        self._state_dir = state_dir
        self._lease = lease
        self._log = log.bind(lease=lease)
        self._newest: Head | None = None
        self._sent = ""
        self._kept = ""
        self._refused = ""

    @property
    def refused(self) -> str:
        """Why nothing may be written, or nothing."""
        return self._refused

    def show(self, head: Head) -> None:
        """Write this head with the next renewal; it covers all that came before it."""
        self._newest = head

    def objection(self, annotations: Mapping[str, str]) -> str:
        """Whether the head in the lease is one of a beginning of this journal; why not, or nothing."""
        text = annotations.get(self._key, "")
        why = "" if text in {"", self._kept, self._sent} else self._contradiction(text)
        if why and why != self._refused:
            self._log.error(Event.ANCHOR_REFUSED, error=why, hint=HINT)
        if text and not why and text != self._kept:
            self._kept = text
            self._log.info(Event.ANCHORED, origin=self._origin, size=checkpoint.parse(text).size)
        self._refused = why
        return why

    def wanted(self, annotations: Mapping[str, str]) -> Mapping[str, str | None]:
        """The newest head, and which of the others are too many."""
        head = self._newest
        if head is None or head.note == annotations.get(self._key):
            return {}
        self._sent = head.note  # ours, so that it fits however long the journal has grown meanwhile
        own = self._key.removeprefix(PREFIX)
        order = [own, *(each for each in annotations.get(ORDER, "").split(",") if each and each != own)]
        gone = {f"{PREFIX}{each}": None for each in order[MOST:]}
        return {self._key: head.note, ORDER: ",".join(order[:MOST]), **gone}

    def _contradiction(self, text: str) -> str:
        try:
            head, newest = checkpoint.parse(text), self._newest or sealing.stored(self._state_dir)
            why = anchors.contradiction(self._state_dir, head, newest) if newest else "this journal has no head"
        except JournalError as error:
            why = f"it can't be compared: {error.message}"
        told = f"the head kept in the lease {self._lease} is not of this journal: {why}"
        return f"{told}; was it reset, cut, restored or forked?" if why else ""


def key_of(origin: str) -> str:
    """The annotation that holds the head of a journal: origins may be longer than Kubernetes' names."""
    return f"{PREFIX}{hashlib.sha256(origin.encode()).hexdigest()[:16]}"
