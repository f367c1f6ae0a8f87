"""Logs of every shape, damaged in every way at every place: two verifiers that share no line, one right verdict."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from syncer.audit import checkpoint, files, note, sealing
from syncer.audit.tree import Tree
from syncer.audit.verify import Finding
from syncer.errors import JournalError
from tests.audit.test_damage import relinked
from tests.audit.test_verdicts import SMALL, Case
from tests.support.recording import an_app, an_intent, open_journal, put
from tests.support.sealed import KEY, OTHER_KEY, Shown, a_sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

EACH = tuple(1 << bit for bit in range(8))
THREE = (0x01, 0x20, 0x80)
BITS = {"plain": EACH, "rotated": (0x04,)}
"""Bits flipped at length: each in the shortest log; test_verdicts flips three in every byte of a rotated one."""
FOUND = frozenset({Finding.ALTERED, Finding.TORN_TAIL, Finding.SHORTER, Finding.WRONG_KEY})
ELSEWHERE = note.Signer("acme/test", KEY.seed)


def plain(state: Path, _shown: Shown) -> None:
    """No heads, one segment."""
    journal = open_journal(state)
    put(journal, an_app(1))
    journal.close()


def signed(state: Path, shown: Shown) -> None:
    """Heads at start, after a pass and at the stop."""
    journal = open_journal(state, sealing=a_sealing(shown))
    put(journal, an_app(1))
    journal.seal()
    journal.close()


def rotated(state: Path, shown: Shown) -> None:
    """Three segments."""
    journal = open_journal(state, sealing=a_sealing(shown, rotate=SMALL))
    put(journal, an_app(1))
    put(journal, an_app(2))
    journal.close()


def repaired(state: Path, shown: Shown) -> None:
    """A tail that was torn once, and mended."""
    journal = open_journal(state, sealing=a_sealing(shown))
    put(journal, an_app(1))
    journal.close()
    with files.segment(state).open("ab") as file:
        file.write(b'{"specversion":"1.0","id":"01TORN')
    open_journal(state, sealing=a_sealing(shown)).close()


def unfinished(state: Path, shown: Shown) -> None:
    """Two intents are open, one behind the last head of its process."""
    journal = open_journal(state, sealing=a_sealing(shown))
    journal.intend(an_intent(an_app(1)))
    journal.seal()
    journal.intend(an_intent(an_app(3)))
    journal.close()


SHAPES: dict[str, Callable[[Path, Shown], None]] = {
    "plain": plain,
    "signed": signed,
    "rotated": rotated,
    "repaired": repaired,
    "unfinished": unfinished,
}


class Copy(NamedTuple):
    """A segment as it was written, by its path."""

    path: Path
    lines: list[bytes]

    @property
    def whole(self) -> bytes:
        return b"".join(self.lines)


class Log:
    """One log, its damage, and what both verifiers say of it."""

    def __init__(self, state: Path, shape: str) -> None:
        shown = Shown()
        SHAPES[shape](state, shown)
        (state / sealing.LAST_NAME).unlink(missing_ok=True)  # what an attacker would do first
        self.case = Case(state, tuple(shown.heads))
        self.key = KEY if shown.heads else None
        self.copies = [Copy(path, path.read_bytes().splitlines(keepends=True)) for path in self.case.segments]
        self.sound = Finding.OPEN_INTENTS if shape == "unfinished" else Finding.GOOD
        self.bits = BITS.get(shape, THREE)
        self.judged = 0

    @property
    def records(self) -> int:
        return sum(len(copy.lines) for copy in self.copies)

    def judge(self, *, key: note.Signer | None = None) -> Finding:
        """The verdict of both, which is one, with every head that was shown outside."""
        self.judged += 1
        return self.case.judge(key=key or self.key)

    def restore(self) -> None:
        for copy in self.copies:
            copy.path.write_bytes(copy.whole)

    def flips(self, step: int, bits: tuple[int, ...]) -> None:
        """A byte flipped is found wherever it stands."""
        for copy in self.copies:
            whole = copy.whole
            for position in range(step // 3, len(whole), step):
                for bit in bits:
                    copy.path.write_bytes(whole[:position] + bytes([whole[position] ^ bit]) + whole[position + 1 :])
                    assert self.judge() in FOUND, (copy.path.name, position, bit)
            copy.path.write_bytes(whole)

    def moved(self, foreign: bytes) -> None:
        """A record cut out, swapped with its neighbour, doubled, or put in from another log, at every place."""
        for copy, number in self.places():
            line, before, after = copy.lines[number], copy.lines[:number], copy.lines[number + 1 :]
            edits = {
                "cut": [*before, *after],
                "double": [*before, line, line, *after],
                "inserted": [*before, foreign, line, *after],
                "appended": [*before, line, foreign, *after],
                "swapped": [*before, *after[:1], line, *after[1:]],
            }
            for name, lines in edits.items():
                if lines == copy.lines or (name == "cut" and not after and copy is self.copies[-1]):
                    continue  # nothing changed, or a cut tail: judged by `cut`
                copy.path.write_bytes(b"".join(lines))
                assert self.judge() is Finding.ALTERED, (copy.path.name, number, name)
            copy.path.write_bytes(copy.whole)

    def places(self) -> Iterator[tuple[Copy, int]]:
        return ((copy, number) for copy in self.copies for number in range(len(copy.lines)))

    def cut(self, step: int) -> None:
        """A tail cut at every boundary of a record and at bytes in between, whole segments after it cut off as well.

        Seen by an anchor over more than is left, and at a boundary by nothing else.
        """
        anchored = max((head.size for head in self.case.heads), default=0)
        kept = 0
        for number, copy in enumerate(self.copies):
            for later in self.copies[number + 1 :]:
                later.path.unlink(missing_ok=True)
            offset = 0
            for line in copy.lines:
                for torn in (0, *range(1 + kept % step, len(line), step)):
                    copy.path.write_bytes(copy.whole[: offset + torn])
                    if kept + torn:
                        self.cut_at(kept, torn, anchored)
                offset += len(line)
                kept += 1
            self.restore()

    def cut_at(self, kept: int, torn: int, anchored: int) -> None:
        found = self.judge()
        if kept < anchored:
            assert found is Finding.SHORTER, (kept, torn)
        else:
            assert found is Finding.TORN_TAIL if torn else found in {Finding.GOOD, Finding.OPEN_INTENTS}, (kept, torn)

    def segments(self) -> None:
        """Every segment taken away, every two of them exchanged."""
        for copy in self.copies:
            copy.path.unlink()
            if copy is not self.copies[0] or len(self.copies) > 1:
                last = copy is self.copies[-1]
                assert self.judge() is (Finding.SHORTER if last else Finding.ALTERED)
            self.restore()
        for one, other in itertools.combinations(self.copies, 2):
            one.path.write_bytes(other.whole)
            other.path.write_bytes(one.whole)
            assert self.judge() is Finding.ALTERED
            self.restore()

    def heads(self) -> None:
        """Each recorded head replaced by another's, unsigned, or of other records; links and checksums made good."""
        events = [json.loads(line) for copy in self.copies for line in copy.lines]
        made = [n for n, event in enumerate(events) if event["type"] == "syncer.checkpoint.v1"]
        for number, edit in itertools.product(made, (unsigned, foreign_key, foreign_origin, other_records)):
            changed = json.loads(json.dumps(events))
            changed[number]["data"]["note"] = edit(events[number]["data"]["note"])
            lines = relinked(changed).splitlines(keepends=True)
            for copy in self.copies:
                copy.path.write_bytes(b"".join(lines[: len(copy.lines)]))
                del lines[: len(copy.lines)]
            assert self.judge() in FOUND | {Finding.WRONG_ORIGIN}, (number, edit)
        self.restore()
        if self.key is not None:
            assert self.judge(key=OTHER_KEY) is Finding.WRONG_KEY
            assert self.judge(key=ELSEWHERE) is Finding.WRONG_ORIGIN


def text_of(signed_note: str) -> str:
    return signed_note.split("\n\n", maxsplit=1)[0] + "\n"


def unsigned(signed_note: str) -> str:
    return text_of(signed_note) + "\n"


def foreign_key(signed_note: str) -> str:
    return OTHER_KEY.sign(text_of(signed_note))


def foreign_origin(signed_note: str) -> str:
    return ELSEWHERE.sign(text_of(signed_note).replace("acme/prod", "acme/test", 1))


def other_records(signed_note: str) -> str:
    size = checkpoint.parse(signed_note).size
    tree = Tree()
    for number in range(size):
        tree = tree.grown(b"%d\n" % number)
    return checkpoint.made("acme/prod", tree, KEY).note


def a_foreign_line(folder: Path) -> bytes:
    journal = open_journal(folder)
    put(journal, an_app(9))
    journal.close()
    return files.segment(folder).read_bytes().splitlines(keepends=True)[2]


@pytest.fixture(params=SHAPES)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    found = Log(tmp_path / "state", request.param)
    assert found.judge() is found.sound
    assert len(found.copies) == (3 if request.param == "rotated" else 1)
    return found


def test_damage_is_found_in_a_log_of_any_shape(log: Log, tmp_path: Path) -> None:
    log.flips(151, (0x01,))
    log.moved(a_foreign_line(tmp_path / "other"))
    log.cut(211)
    log.segments()
    log.heads()
    assert log.judge() is log.sound


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_damage_is_found_in_a_log_of_any_shape(log: Log, tmp_path: Path, figure: Recorder) -> None:
    log.flips(1, log.bits)
    log.moved(a_foreign_line(tmp_path / "other"))
    log.cut(1)
    log.segments()
    log.heads()
    assert log.judge() is log.sound
    figure("log-damage", log.judged, seeds="none", result="all detected, both verifiers agree")


def test_a_process_refuses_to_begin_on_a_log_that_is_damaged_before_its_tail(log: Log) -> None:
    for copy in log.copies:
        whole = copy.whole
        end = len(whole) - (1 if copy is log.copies[-1] else 0)
        for position in range(40, end, 401):
            copy.path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            with pytest.raises(JournalError, match="damaged or was altered"):
                open_journal(log.case.state)
        copy.path.write_bytes(whole)
    open_journal(log.case.state).close()
