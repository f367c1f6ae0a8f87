"""The envelope around what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.audit import lines, payloads
from syncer.audit.events import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.audit.chain import Links
    from syncer.audit.events import JSON, Identity, Note
    from syncer.clock import BootClock, Clock


class Stamp:
    """Puts the envelope around a note: CloudEvents 1.0 attributes, who wrote it and where in the log it stands."""

    def __init__(self, clock: Clock, boot: BootClock, identity: Identity, new_id: Callable[[], str]) -> None:
        self.clock = clock
        self._boot = boot
        self._identity = identity
        self.new_id = new_id

    def event(self, note: Note, links: Links, boots: Mapping[str, int]) -> dict[str, JSON]:
        """The event of a note that comes after `links`, not earlier than what `boots` has seen of this boot."""
        boot = lines.attribute(self._boot.boot_id())
        about: dict[str, JSON] = {} if note.ref is None else {"subject": subject_of(note.ref)}
        return {
            "specversion": "1.0",
            "id": self.new_id(),
            "source": lines.attribute(self._identity.source),
            "type": note.event.value,
            **about,
            "time": payloads.instant(self.clock.now()),
            "datacontenttype": "application/json",
            "logid": links.logid,
            "seq": str(links.records),
            "prevhash": links.head,
            "bootid": boot,
            "boottimens": str(max(self._boot.boottime_ns(), boots.get(boot, 0))),
            "data": {**note.data, "actor": self._identity.actor()},
        }
