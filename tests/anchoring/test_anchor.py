"""One anchor and its thread, against a branch that does what a test says."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from syncer import anchoring
from syncer.anchoring import Anchor, OtherJournalError, Place
from syncer.audit import anchors, checkpoint
from syncer.desired.gitbranch import Tip
from syncer.errors import SourceError
from tests.support.recording import an_app, open_journal, put
from tests.support.sealed import Shown, a_sealing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncer.audit.checkpoint import Head
    from syncer.log import Event

NAME = anchors.file_name("acme/prod")
SOON = 10.0


@dataclass
class Shelf:
    """A branch in memory. `trouble` is raised by reads, `overtaken` so many pushes come too late."""

    content: bytes | None = None
    trouble: str = ""
    overtaken: int = 0
    pushes: list[str] = field(default_factory=list)
    tried: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def read(self, name: str) -> Tip:
        assert name == NAME
        self.reached.set()
        self.gate.wait(SOON)
        if self.trouble:
            raise SourceError(self.trouble, hint="wait", retryable=True)
        return Tip("a" * 40, self.content)

    def add(self, tip: Tip, name: str, content: bytes, message: str) -> bool:
        assert (tip.content, name) == (self.content, NAME)
        if self.overtaken:
            self.overtaken -= 1
            return False
        self.content = content
        self.pushes.append(message.splitlines()[0])
        return True

    def try_out(self, tip: Tip) -> None:
        self.tried += 1
        if self.trouble:
            raise SourceError(self.trouble)

    def interrupt(self) -> None:
        self.gate.set()


@dataclass
class Log:
    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def bind(self, **_: object) -> Log:
        return self

    def _say(self, event: Event, **keys: object) -> None:
        self.lines.append((event.value, keys))

    info = warning = error = _say

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


@dataclass
class Stage:
    """A journal, the heads that it made, a shelf for them, an anchor."""

    state: Path
    heads: list[Head]
    shelf: Shelf
    log: Log
    anchor: Anchor

    @property
    def place(self) -> Place:
        return Place(self.shelf, "https://git.example/heads heads", self.state)

    def show(self, head: Head) -> None:
        self.anchor.show(head)
        assert self.anchor.settle(SOON)


@contextmanager
def staged(home: Path, retry: float = 60.0, **shelf: Any) -> Iterator[Stage]:
    shown = Shown()
    for turn in range(3):
        journal = open_journal(home / "state", sealing=a_sealing(shown))
        put(journal, an_app(turn))
        journal.close()
    board, log = Shelf(**shelf), Log()
    place = Place(board, "https://git.example/heads heads", home / "state")
    anchor = Anchor(place, cast("Any", log), retry=retry)
    stage = Stage(home / "state", shown.heads, board, log, anchor)
    try:
        yield stage
    finally:
        anchor.close(0)


def test_a_head_is_kept_with_a_message_for_people(tmp_path: Path) -> None:
    with staged(tmp_path) as here:
        here.show(here.heads[0])
        here.show(here.heads[-1])
        assert here.shelf.content == here.heads[-1].note.encode()
        assert here.shelf.pushes == [f"acme/prod: {head.size} records" for head in (here.heads[0], here.heads[-1])]
        assert here.log.events == ["audit.anchored", "audit.anchored"]
        assert here.anchor.refused == ""


def test_nothing_is_pushed_when_it_is_there_already(tmp_path: Path) -> None:
    with staged(tmp_path) as here:
        here.shelf.content = here.heads[-1].note.encode()
        here.show(here.heads[-1])
        assert here.shelf.pushes == []


def test_the_newest_head_replaces_one_that_waits(tmp_path: Path) -> None:
    with staged(tmp_path) as here:
        here.shelf.gate.clear()
        here.anchor.show(here.heads[0])
        assert here.shelf.reached.wait(SOON)
        for head in here.heads[1:]:
            here.anchor.show(head)
        here.shelf.gate.set()
        assert here.anchor.settle(SOON)
        assert here.shelf.pushes == [f"acme/prod: {head.size} records" for head in (here.heads[0], here.heads[-1])]


def test_somebody_who_is_faster_costs_another_look(tmp_path: Path) -> None:
    with staged(tmp_path, overtaken=anchoring.TRIES - 1) as here:
        here.show(here.heads[0])
        assert here.log.events == ["audit.anchored"]
    with staged(tmp_path / "b", overtaken=anchoring.TRIES) as here:
        here.show(here.heads[0])
        assert "first each time" in str(here.log.lines)


def test_trouble_stops_nothing_and_is_told_once_until_it_is_another(tmp_path: Path) -> None:
    with staged(tmp_path, trouble="down") as here:
        here.show(here.heads[0])
        here.show(here.heads[1])
        here.shelf.trouble = "refused"
        here.show(here.heads[2])
        here.shelf.trouble = ""
        here.show(here.heads[3])
        here.shelf.trouble = "down"
        here.show(here.heads[4])
        told = [keys.get("error", "") for _, keys in here.log.lines]
        assert told == ["down", "refused", "", "down"]
        assert here.anchor.refused == ""


def test_what_was_not_taken_is_tried_again_though_no_newer_head_comes(tmp_path: Path) -> None:
    with staged(tmp_path, retry=0.01, trouble="down") as here:
        here.show(here.heads[0])
        here.shelf.reached.clear()
        assert here.shelf.reached.wait(SOON)
        here.shelf.trouble = ""
        kept = threading.Event()
        while not here.shelf.pushes:
            kept.wait(0.01)
        assert here.shelf.content == here.heads[0].note.encode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda head: replace(head, size=head.size + 1000), "it covers"),
        (lambda head: replace(head, root=bytes(32)), "are not those that it covers"),
        (lambda head: replace(head, origin="other"), "it is of the journal other"),
    ],
)
def test_a_head_that_does_not_fit_stops_the_writing_loudly(tmp_path: Path, change: Any, why: str) -> None:
    with staged(tmp_path) as here:
        other = change(here.heads[0])
        root = checkpoint.shown(other.root)
        here.shelf.content = f"{other.origin}\n{other.size}\n{root}\n\n".encode()
        before = here.shelf.content
        here.show(here.heads[-1])
        assert why in here.anchor.refused
        assert here.log.events == ["audit.anchor-refused"]
        assert here.shelf.content == before


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff\xfe", b"acme/prod\n1\nAAAA\n\n", b"/etc/passwd"])
def test_a_file_that_holds_no_head_stops_the_writing(tmp_path: Path, content: bytes) -> None:
    with staged(tmp_path, content=content) as here:
        here.show(here.heads[-1])
        assert "it is none that can be read" in here.anchor.refused


def test_writing_goes_on_when_a_person_has_decided_and_not_before(tmp_path: Path) -> None:
    with staged(tmp_path, content=b"forked") as here:
        here.show(here.heads[0])
        here.shelf.trouble = "down"
        here.show(here.heads[1])
        assert here.anchor.refused
        here.shelf.trouble, here.shelf.content = "", None
        here.show(here.heads[2])
        assert here.anchor.refused == ""


def test_a_head_of_ours_that_was_replaced_is_looked_at_anew(tmp_path: Path) -> None:
    with staged(tmp_path) as here:
        here.show(here.heads[1])
        here.shelf.content = here.heads[0].note.encode()
        here.show(here.heads[2])
        assert here.anchor.refused == ""
        here.shelf.content = b"acme/prod\n1\n" + checkpoint.shown(bytes(32)).encode() + b"\n\n"
        here.show(here.heads[3])
        assert here.anchor.refused


def test_the_end_waits_for_the_last_head_but_not_for_ever(tmp_path: Path) -> None:
    with staged(tmp_path) as here:
        here.anchor.show(here.heads[0])
        here.anchor.close(SOON)
        assert here.shelf.pushes
    with staged(tmp_path / "b") as here:
        here.shelf.gate.clear()
        here.anchor.show(here.heads[0])
        here.anchor.close(0.05)
        assert here.log.events[-1] == "audit.anchor-failed"
        assert "within 0.05 s" in str(here.log.lines[-1])


def test_an_anchor_that_was_never_used_ends_at_once(tmp_path: Path) -> None:
    with staged(tmp_path) as here:
        assert here.anchor.settle(0)


def test_an_examination_changes_nothing_and_says_what_is_there(tmp_path: Path) -> None:
    with staged(tmp_path) as here:
        assert anchoring.examine(here.place, "acme/prod").endswith("no head yet")
        here.shelf.content = here.heads[1].note.encode()
        assert f"a head over {here.heads[1].size} records" in anchoring.examine(here.place, "acme/prod")
        assert (here.shelf.tried, here.shelf.pushes) == (2, [])
        empty = replace(here.place, state_dir=tmp_path / "empty")
        with pytest.raises(OtherJournalError, match="holds no journal"):
            anchoring.examine(empty, "acme/prod")
        here.shelf.content = b"x"
        with pytest.raises(OtherJournalError, match="none that can be read"):
            anchoring.examine(here.place, "acme/prod")
