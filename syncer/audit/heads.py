"""What records say about the log itself: heads of its tree, and where one segment ends and the next begins. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.audit import checkpoint, files, tree
from syncer.audit.events import EventType, Note
from syncer.errors import JournalError

if TYPE_CHECKING:
    from syncer.audit.chain import Event, Links, Spot
    from syncer.audit.checkpoint import Head
    from syncer.audit.events import JSON
    from syncer.audit.tree import Tree

ABOUT_THE_LOG: Final = frozenset({EventType.CHECKPOINT, EventType.SEGMENT_CLOSED, EventType.SEGMENT_OPENED})


def recorded(head: Head, moment: str) -> Note:
    """The record of a head: it covers every record before itself."""
    data: dict[str, JSON] = {
        "moment": moment,
        "size": head.size,
        "root": checkpoint.shown(head.root),
        "note": head.note,
    }
    return Note(EventType.CHECKPOINT, data)


def closed(links: Links) -> Note:
    """The last record of a segment."""
    data = {"segment": files.segment_name(links.segment), "bytes": links.end, **_state(links.state)}
    return Note(EventType.SEGMENT_CLOSED, data)


def opened(links: Links, last: Head | None) -> Note:
    """The first record of a later segment: the state of the tree, enough to go on from, and the last head."""
    data: dict[str, JSON] = {
        "segment": files.segment_name(links.segment),
        "previous": files.segment_name(links.segment - 1),
        **_state(links.state),
        "peaks": [peak.hex() for peak in links.state.peaks],
        "note": None if last is None else last.note,
    }
    return Note(EventType.SEGMENT_OPENED, data)


class Seen:
    """Follows a log record by record: is what it says of itself so?

    `last` is the last head, `at` the number of the record that holds it, `heads` how many there were, `copied` the
    head in the last opening of a segment.
    """

    def __init__(self) -> None:
        self.last: Head | None = None
        self.at = 0
        self.heads = 0
        self.copied: Head | None = None

    def feed(self, event: Event, spot: Spot, before: Tree) -> str:
        """Take one record in, with the tree over all records before it; what is wrong with it, or nothing."""
        if event["type"] not in ABOUT_THE_LOG:
            return ""
        try:
            if event["type"] == EventType.CHECKPOINT:
                return self._head(event, before)
            if event["type"] == EventType.SEGMENT_OPENED:
                return self._opening(event["data"], spot, before)
            return _misfit(event["data"], before) or _named(event["data"], "segment", spot.segment)
        except (KeyError, TypeError, AttributeError, JournalError) as error:
            return f"a {event['type']} that is not one: {error}"

    def _head(self, event: Event, before: Tree) -> str:
        data = event["data"]
        head = checkpoint.parse(data["note"])
        if why := _misfit(data, before):
            return why
        if (head.size, head.root) != (before.size, before.root):
            return "the checkpoint is not that of the records before it"
        self.last, self.at = head, int(event["seq"])
        self.heads += 1
        return ""

    def _opening(self, data: Event, spot: Spot, before: Tree) -> str:
        if why := _misfit(data, before) or _named(data, "segment", spot.segment):
            return why
        if why := _named(data, "previous", spot.segment - 1):
            return why
        if state_of(data) != before:
            return "the subtree hashes are not those of the records before it"
        copied = None if data["note"] is None else checkpoint.parse(data["note"])
        if self.last is not None and copied != self.last:
            return "the copied checkpoint is not the last one"
        self.copied = copied
        return ""


def state_of(data: Event) -> Tree:
    """The tree that a segment's opening says to go on from.

    KeyError, TypeError, AttributeError or JournalError for another shape, or a root that is not that of its subtrees.
    """
    size, peaks = data["size"], tuple(bytes.fromhex(peak) if len(peak) == 64 else b"" for peak in data["peaks"])
    if not isinstance(size, int):
        raise TypeError("size")
    found = tree.from_peaks(size, peaks)
    if checkpoint.shown(found.root) != data["root"]:
        raise JournalError("the root is not that of the subtree hashes")
    return found


def _misfit(data: Event, before: Tree) -> str:
    if (data["size"], data["root"]) == (before.size, checkpoint.shown(before.root)):
        return ""
    return "size and root are not those of the records before it: a record was changed"


def _named(data: Event, key: str, number: int) -> str:
    want = files.segment_name(number)
    return "" if data[key] == want else f"{key} is {data[key]!r}, not {want!r}"


def _state(grown: Tree) -> dict[str, JSON]:
    return {"size": grown.size, "root": checkpoint.shown(grown.root)}
