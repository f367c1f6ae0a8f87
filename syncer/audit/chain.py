"""What links one record to the next, and which intent is still open: the checks of reader, writer and verifier."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

from syncer.audit import files, lines
from syncer.audit.events import EventType, ref_of
from syncer.errors import JournalError
from syncer.model.outcome import OpenIntent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from syncer.audit.tree import Tree

Event: TypeAlias = dict[str, Any]

NO_HASH: Final = "0" * 64
_BOOT_TIME: Final = re.compile(r"[0-9]{1,20}")
_TEXTS: Final = ("id", "source", "type", "time", "bootid", "boottimens")


class Spot(NamedTuple):
    """Where a record stands: the number of its segment, and the byte in it with which its line begins."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Damage:
    """The first record that is not what was written: its number, its place, and why."""

    seq: int
    spot: Spot
    why: str

    def __str__(self) -> str:
        return f"record {self.seq} at byte {self.spot.offset} of segment {self.spot.segment}: {self.why}"


class DamagedError(JournalError):
    """The journal is not what was written."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(
            f"the journal is damaged or was altered: {damage}",
            hint="run `syncer audit verify`, keep a copy of the state folder, and find out who or what touched it",
        )
        self.damage = damage


@dataclass(slots=True)
class Links:
    """The place after the last good record: what the next one must say of itself.

    `end` is the byte offset in the segment, `records` their number in the whole log (and the next `seq`), `head` the
    hash of the last line, `closed` whether that line closed its segment. `tree` grows along where it is wanted.
    """

    segment: int = 1
    end: int = 0
    records: int = 0
    head: str = NO_HASH
    logid: str = ""
    closed: bool = False
    tree: Tree | None = None

    @property
    def spot(self) -> Spot:
        """Where the next line begins."""
        return Spot(self.segment, self.end)

    @property
    def state(self) -> Tree:
        """The tree over all records so far; ValueError where none was asked for."""
        if self.tree is None:
            raise ValueError("these links keep no tree")
        return self.tree

    def feed(self, line: bytes) -> Event:
        """Check a whole line against the one before and step over it; DamagedError says what does not fit."""
        event, why = _parsed(line)
        why = why or self._misfit(event)
        if why:
            raise DamagedError(Damage(self.records, self.spot, why))
        if not self.records:
            self.logid = event["logid"]
        self.end += len(line)
        self.records += 1
        self.head = hashlib.sha256(line).hexdigest()
        self.closed = event["type"] == EventType.SEGMENT_CLOSED
        if self.tree is not None:
            self.tree = self.tree.grown(line)
        return event

    def turn(self) -> None:
        """Go on to the next segment, which begins where this one was closed."""
        self.segment += 1
        self.end = 0

    def _misfit(self, event: Event) -> str:
        if event.get("seq") != str(self.records):
            return f"seq is {event.get('seq')!r}, not {self.records}: a record was removed, added or moved"
        if event.get("prevhash") != self.head:
            return "prevhash is not the hash of the line before: that line, or this one, was changed"
        if why := _misshapen(event):
            return why
        if self.records:
            return self._misplaced(event)
        starts = event["type"] == EventType.LOG_GENESIS and isinstance(event.get("logid"), str)
        return "" if starts else "the first record is not the beginning of a log"

    def _misplaced(self, event: Event) -> str:
        if event.get("logid") != self.logid:
            return "logid is that of another log"
        if self.closed and not self.end:
            return "" if event["type"] == EventType.SEGMENT_OPENED else "a segment does not begin with its opening"
        if self.closed:
            return "a record comes after the close of its segment"
        return "a segment is opened in the middle of one" if event["type"] == EventType.SEGMENT_OPENED else ""


def _misshapen(event: Event) -> str:
    if event.get("specversion") != "1.0" or not all(isinstance(event.get(name), str) for name in _TEXTS):
        return "an attribute is missing or is not a text"
    if not _BOOT_TIME.fullmatch(event["boottimens"]) or not isinstance(event.get("data"), dict):
        return "boottimens or data has the wrong form"
    if not _is_instant(event["time"]):
        return "time has the wrong form"
    return ""


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return text.endswith("Z")


def _parsed(line: bytes) -> tuple[Event, str]:
    if len(line) > lines.MAX_LINE:
        return {}, f"the line is longer than {lines.MAX_LINE} bytes"
    if why := lines.damage(line):
        return {}, why
    try:
        event: Event = orjson.loads(line)  # an object: nothing else ends as the line was just found to end
    except orjson.JSONDecodeError as error:
        return {}, f"the line is not JSON: {error}"
    # Writing it again gives the same bytes unless a key stands twice (the reader keeps one of them): a check at the
    # speed of orjson. Only a line that fails it is parsed slowly, to tell a doubled key from another writer's spacing.
    if orjson.dumps(event) + b"\n" != line and (key := _doubled_key(line)):
        return {}, f"the key {key!r} stands twice"
    return event, ""


def _doubled_key(line: bytes) -> str:
    doubled: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        doubled.extend(name for name in names if names.count(name) > 1)

    json.loads(line, object_pairs_hook=unique)
    return doubled[0] if doubled else ""


class Story:
    """Whether records make sense together: every intent ends once, time since a boot never runs backwards."""

    def __init__(self, *, whole: bool = True) -> None:
        """`whole` is false for a story that begins in the middle: it may end intents that it did not begin."""
        self._whole = whole
        self.open: dict[str, OpenIntent] = {}
        self.intents = 0
        self.results = 0
        self.boots: dict[str, int] = {}
        self.config = ""

    def feed(self, event: Event) -> str:
        """Take one record in; the answer says what is wrong with it, or nothing."""
        up = int(event["boottimens"])
        if up < self.boots.get(event["bootid"], 0):
            return "boottimens runs backwards within one boot"
        self.boots[event["bootid"]] = up
        match event["type"]:
            case EventType.PUT_INTENT:
                return self._begin(event)
            case EventType.PUT_RESULT | EventType.PUT_RECOVERED:
                return self._end(event)
            case EventType.CONFIG_CHANGED:
                self.config = str(event["data"].get("after", ""))
        return ""

    def _begin(self, event: Event) -> str:
        try:
            intent = open_intent(event)
        except (KeyError, TypeError, AttributeError) as error:
            return f"an intent that is not one: {error}"
        if intent.request_id in self.open:
            return f"a second intent of request {intent.request_id}"
        self.open[intent.request_id] = intent
        self.intents += 1
        return ""

    def _end(self, event: Event) -> str:
        request = str(event["data"].get("reqid"))
        intent = self.open.get(request)
        if intent is None and not self._whole:
            self.results += 1
            return ""
        if intent is None:
            return f"a result for request {request}, which has no open intent"
        if intent.ref != ref_of(event.get("subject")):
            return f"the result of request {request} is about another app than its intent"
        del self.open[request]
        self.results += 1
        return ""


class Walk:
    """One walk over the journal, from where `links` stands: every whole line checked, `torn` bytes left over."""

    def __init__(self, state_dir: Path, links: Links) -> None:
        self._state_dir = state_dir
        self.links = links
        self.torn = 0

    def __iter__(self) -> Iterator[tuple[Spot, Event]]:
        """Spot and event of each record; DamagedError at the first bad one, JournalError if it can't be read.

        A later walk goes on where this one ended.
        """
        while True:
            # Looked for before the reading: what was written after it comes with the next walk.
            last = files.last_segment(self._state_dir)
            yield from self._segment()
            if last <= self.links.segment:
                return
            if self.torn or not self.links.closed:
                why = "the segment ends without its close, and there is a later one"
                raise DamagedError(Damage(self.links.records, self.links.spot, why))
            self.links.turn()

    def _segment(self) -> Iterator[tuple[Spot, Event]]:
        path = files.segment(self._state_dir, self.links.segment)
        try:
            with path.open("rb", buffering=1 << 20) as file:
                file.seek(self.links.end)
                yield from self._lines(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise JournalError(f"{path} can't be read: {error.strerror}") from error

    def _lines(self, file: BinaryIO) -> Iterator[tuple[Spot, Event]]:
        self.torn = 0
        while line := file.readline(lines.MAX_LINE + 1):
            if not line.endswith(b"\n") and not _more_lines(file.read):
                self.torn = file.tell() - self.links.end
                return
            spot = self.links.spot
            yield spot, self.links.feed(line)


def _more_lines(read: Callable[[int], bytes]) -> bool:
    """Whether a newline follows: then what stands before it is no torn tail but damage. Reads on, to it or the end."""
    return any(b"\n" in chunk for chunk in iter(lambda: read(1 << 20), b""))


def open_intent(event: Event) -> OpenIntent:
    """The intent of a record as the recovery takes it. Another shape raises KeyError, TypeError, AttributeError."""
    data = event["data"]
    ref = ref_of(event["subject"])
    if ref is None:
        raise KeyError("subject")
    return OpenIntent(
        request_id=str(data["reqid"]),
        ref=ref,
        name=data["name"],
        before=tuple(data["before"]["hmac"].items()),
        after=tuple(data["after"]["hmac"].items()),
        revision=data["git"]["commit"],
        at=datetime.fromisoformat(event["time"]),
    )
