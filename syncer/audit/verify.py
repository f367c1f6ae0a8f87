"""Is the journal what was written? Read from its lines alone, in one pass, whatever its size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from syncer.audit import checkpoint, files, heads, sealing
from syncer.audit.chain import Damage, DamagedError, Links, Spot, Story, Walk
from syncer.audit.read import event_at
from syncer.audit.tree import Tree
from syncer.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from syncer.audit.chain import Event
    from syncer.audit.checkpoint import Head
    from syncer.audit.note import Verifier
    from syncer.model.outcome import OpenIntent

Progress: TypeAlias = "Callable[[int, int, int], None]"
"""What is told of each megabyte: how many are done, 0, and how many there are."""
MEGABYTE: Final = 1_000_000


class Finding(StrEnum):
    """The verdict, the gravest that applies."""

    GOOD = "good"
    OPEN_INTENTS = "open-intents"
    TORN_TAIL = "torn-tail"
    WRONG_KEY = "wrong-key"
    WRONG_ORIGIN = "wrong-origin"
    SHORTER = "shorter-than-anchor"
    ALTERED = "altered"


class Signatures(StrEnum):
    """What is known of who signed the heads."""

    UNCHECKED = "unchecked"
    GOOD = "good"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to check the journal against.

    `key` must have signed its last head and every anchor that bears signatures; `anchors` are heads kept elsewhere;
    `from_segment` is where to begin, with what its first line says of the tree, which the next signed head vouches for.
    """

    key: Verifier | None = None
    anchors: tuple[Head, ...] = ()
    from_segment: int = 1


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    `records` (the number of the last one, plus one) and everything after it cover the good part. `first` and `last`
    are the time attributes as written, `head` the SHA-256 of the last good line, `end` its end in bytes in segment
    `segment`, `torn` the bytes after it that are no whole line. `root` is the tree's over all records, `sealed` how
    many of them the last head covers (where a key is wanted: the last head signed by it), `heads` how many heads
    there are, `why` what is wrong where it is not damage.
    """

    finding: Finding
    damage: Damage | None
    logid: str
    records: int
    intents: int
    results: int
    open: tuple[OpenIntent, ...]
    first: str
    last: str
    head: str
    segment: int
    end: int
    torn: int
    root: str
    heads: int
    sealed: int
    origin: str
    signatures: Signatures
    anchors: int
    why: str

    @property
    def good(self) -> bool:
        """Whether nothing at all is to be said against it."""
        return self.finding is Finding.GOOD

    @property
    def sentence(self) -> str:
        """The verdict for a person."""
        match self.finding:
            case Finding.ALTERED:
                return f"altered or damaged: {self.damage}"
            case Finding.SHORTER | Finding.WRONG_KEY | Finding.WRONG_ORIGIN:
                return f"{self.finding.replace('-', ' ')}: {self.why}"
            case Finding.TORN_TAIL:
                return f"torn tail: {self.torn} bytes after record {self.records - 1} are not a whole line"
            case Finding.OPEN_INTENTS:
                return f"open intents: {len(self.open)} without a result"
            case Finding.GOOD:
                return f"good: {self.records} records, each linked to the one before"


@dataclass(slots=True)
class _Course:
    """One walk and what it has come upon."""

    wanted: Wanted
    links: Links
    story: Story
    seen: heads.Seen = field(default_factory=heads.Seen)
    sealed: int = 0
    origin: str = ""
    wrong_key: str = ""
    first: str = ""
    last: str = ""

    def feed(self, event: Event, spot: Spot, before: Tree) -> str:
        """Take one record in; what is wrong with it, or nothing."""
        self.first, self.last = self.first or event["time"], event["time"]
        count = self.seen.heads
        if why := self.seen.feed(event, spot, before) or self.story.feed(event):
            return why
        return self._head(self.seen.last) if self.seen.last is not None and self.seen.heads > count else ""

    def _head(self, head: Head) -> str:
        self.origin = head.origin
        self.wrong_key = ""
        if self.wanted.key is not None:
            try:
                signed = self.wanted.key.signed(head.note)
            except JournalError as error:
                return str(error)
            if not signed:
                self.wrong_key = f"the head in record {self.seen.at} is not signed by {self.wanted.key}"
                return ""
        self.sealed = head.size
        return ""


def verify(state_dir: Path, wanted: Wanted | None = None, progress: Progress | None = None) -> Verification:
    """Check every line of a state folder's journal; nothing is written, no lock is needed.

    The last head that was made in the folder counts as an anchor. Raises JournalError where there is no journal, it
    can't be read, or `from_segment` is not the beginning of a segment.
    """
    if not files.recorded(state_dir) and not files.segment(state_dir).exists():
        raise JournalError(
            f"there is no journal in {state_dir}", hint="give the state folder of the daemon with --state-dir"
        )
    wanted = wanted or Wanted()
    anchors = (*wanted.anchors, *filter(None, [sealing.stored(state_dir)]))
    course = _Course(wanted, beginning(state_dir, wanted.from_segment), Story(whole=wanted.from_segment == 1))
    walk = Walk(state_dir, course.links)
    told = _told(walk, progress, _sizes(state_dir, wanted.from_segment)) if progress else walk
    damage = _walked(told, course, anchors)
    return _verdict(walk, course, anchors, damage)


def beginning(state_dir: Path, number: int) -> Links:
    """Where to begin: at the first record, or with the tree that a later segment opens with; JournalError otherwise."""
    if number == 1:
        return Links(tree=Tree())
    path = files.segment(state_dir, number)
    event = event_at(path, 0)
    try:
        state = heads.state_of(event["data"])
        return Links(number, 0, state.size, event["prevhash"], event["logid"], closed=True, tree=state)
    except (KeyError, TypeError, AttributeError, ValueError, JournalError) as error:
        raise JournalError(f"{path} does not begin with the opening of a segment: {error}") from error


def _sizes(state_dir: Path, first: int) -> dict[int, int]:
    numbers = range(first, files.last_segment(state_dir) + 1)
    return {number: files.size(files.segment(state_dir, number)) for number in numbers}


def _told(walk: Walk, progress: Progress, sizes: Mapping[int, int]) -> Iterator[tuple[Spot, Event]]:
    """The walk, telling how far it is."""
    total, before, shown = sum(sizes.values()) // MEGABYTE, 0, 0
    segment = walk.links.segment
    for spot, event in walk:
        if spot.segment != segment:
            before, segment = before + sizes.get(segment, 0), spot.segment
        if shown < (done := (before + spot.offset) // MEGABYTE):
            shown = done
            progress(done, 0, total)
        yield spot, event


def _walked(walk: Iterable[tuple[Spot, Event]], course: _Course, anchors: Iterable[Head]) -> Damage | None:
    roots: dict[int, set[bytes]] = defaultdict(set)
    for anchor in anchors:
        roots[anchor.size].add(anchor.root)
    before = course.links.state
    try:
        for spot, event in walk:
            why = _unlike(before, roots) or course.feed(event, spot, before)
            if why:
                return Damage(before.size, spot, why)
            before = course.links.state
    except DamagedError as error:
        return error.damage
    why = _unlike(before, roots)
    return Damage(before.size, course.links.spot, why) if why else None


def _unlike(state: Tree, roots: Mapping[int, set[bytes]]) -> str:
    """Whether anchors say something else of the records so far."""
    if state.size not in roots or roots[state.size] == {state.root}:
        return ""
    return f"the {state.size} records before it are not those of an anchor"


def _verdict(walk: Walk, course: _Course, anchors: tuple[Head, ...], damage: Damage | None) -> Verification:
    links, story, wanted = course.links, course.story, course.wanted
    found = Verification(
        finding=Finding.OPEN_INTENTS if story.open else Finding.GOOD,
        damage=damage,
        logid=links.logid,
        records=links.records,
        intents=story.intents,
        results=story.results,
        open=tuple(story.open.values()),
        first=course.first,
        last=course.last,
        head=links.head,
        segment=links.segment,
        end=links.end,
        torn=walk.torn,
        root=checkpoint.shown(links.state.root),
        heads=course.seen.heads,
        sealed=course.sealed,
        origin=course.origin,
        signatures=Signatures.UNCHECKED,
        anchors=len(wanted.anchors),
        why="",
    )
    if wanted.key is not None:
        found = replace(found, signatures=Signatures.GOOD)
    if walk.torn:
        found = replace(found, finding=Finding.TORN_TAIL)
    for finding, why in (_strangers(course), _cut(anchors, links.records)):
        if why:
            wrong = Signatures.WRONG if finding is Finding.WRONG_KEY else found.signatures
            found = replace(found, finding=finding, why=why, signatures=wrong)
    return found if damage is None else replace(found, finding=Finding.ALTERED)


def _cut(anchors: Iterable[Head], records: int) -> tuple[Finding, str]:
    longest = max((anchor.size for anchor in anchors), default=0)
    why = f"the log holds {records} records, and a head over {longest} was made" if longest > records else ""
    return Finding.SHORTER, why


def _strangers(course: _Course) -> tuple[Finding, str]:
    """What names another log, or is not signed by the key that is wanted."""
    key = course.wanted.key
    if key is None:
        return Finding.WRONG_KEY, ""
    origins = {course.origin, *(anchor.origin for anchor in course.wanted.anchors)} - {"", key.name}
    if origins:
        return Finding.WRONG_ORIGIN, f"heads are of {', '.join(sorted(origins))}, and the key is that of {key.name}"
    if course.wrong_key or not course.sealed:
        return Finding.WRONG_KEY, course.wrong_key or f"no head in it is signed by {key}"
    for anchor in course.wanted.anchors:
        if anchor.signed and not _signed(anchor, key):
            return Finding.WRONG_KEY, f"the anchor over {anchor.size} records is not signed by {key}"
    return Finding.WRONG_KEY, ""


def _signed(anchor: Head, key: Verifier) -> bool:
    try:
        return key.signed(anchor.note)
    except JournalError:
        return False
