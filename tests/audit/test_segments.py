"""Heads at their moments, and a log that goes on from segment to segment whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
from contextlib import closing, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit import checkpoint, files, read, sealing
from syncer.audit.appender import SystemDisk
from syncer.audit.events import EventType, Note
from syncer.audit.export import jsonl
from syncer.audit.index import Index
from syncer.audit.tree import Tree
from syncer.audit.verify import Finding, Signatures, Wanted, verify
from syncer.errors import JournalError
from tests.audit.test_journal import FaultyDisk
from tests.support.recording import START, Ticks, a_result, an_adoption, an_app, an_intent, open_journal, put
from tests.support.sealed import KEY, Shown, a_sealing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = 6000


def types(state: Path) -> list[str]:
    return [event["type"].removeprefix("syncer.").removesuffix(".v1") for event in read.records(state)]


def moments(state: Path) -> list[str]:
    return [event["data"]["moment"] for event in read.records(state) if event["type"] == EventType.CHECKPOINT]


def segments(state: Path) -> list[Path]:
    return sorted((state / "journal").glob("*.jsonl"))


def several(state: Path, puts: int = 6, shown: Shown | None = None) -> None:
    journal = open_journal(state, sealing=a_sealing(shown, rotate=SMALL))
    for number in range(puts):
        put(journal, an_app(number))
    journal.close()


class Nth(SystemDisk):
    """Fails one call of a kind, the nth from now on."""

    def __init__(self) -> None:
        self.fail("", 0, 0)

    def fail(self, kind: str, number: int, nth: int) -> None:
        self.kind, self.number, self.left = kind, number, nth

    def write(self, handle: int, data: bytes) -> int:
        self._called("write")
        return super().write(handle, data)

    def sync(self, handle: int) -> None:
        self._called("sync")
        super().sync(handle)

    def _called(self, kind: str) -> None:
        if kind == self.kind:
            self.left -= 1
            if not self.left:
                raise OSError(self.number, os.strerror(self.number))


class Watch(Ticks):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed


def test_a_closed_journal_makes_no_head_and_no_ballast(tmp_path: Path) -> None:
    """A thread that comes late finds the folder another process's."""
    journal = open_journal(tmp_path, sealing=a_sealing())
    put(journal, an_app())
    journal.close()
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir() if path.is_file()}
    journal._log._appender.trouble = "a full disk"  # as if it had room again just now
    (tmp_path / "ballast").unlink()
    assert journal.heal() == "a full disk"
    journal._log._appender.trouble = ""
    journal._log._sealer.feed({"type": "syncer.start.v1"})  # type: ignore[union-attr]
    journal.seal()
    journal.seal_if_due()
    journal.close()
    del before["ballast"]
    after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir() if path.is_file()}
    assert after == before


def test_a_start_and_a_stop_end_in_a_head(tmp_path: Path) -> None:
    shown = Shown()
    open_journal(tmp_path, sealing=a_sealing(shown)).close()

    assert types(tmp_path) == ["log.genesis", "start", "checkpoint", "stop", "checkpoint"]
    assert moments(tmp_path) == ["start", "stop"]
    assert shown.sizes == [2, 4]
    assert verify(tmp_path, Wanted(KEY.verifier, tuple(shown.heads))).good


def test_a_stop_before_a_head_is_a_clean_stop(tmp_path: Path) -> None:
    for _ in range(2):
        open_journal(tmp_path, sealing=a_sealing()).close()

    assert [e["data"]["clean"] for e in read.records(tmp_path) if e["type"] == EventType.START] == [True, True]


def test_a_head_is_made_when_asked_and_only_over_something_new(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing())
    put(journal, an_app())
    journal.seal()
    journal.seal()
    journal.close()

    assert moments(tmp_path) == ["start", "pass", "stop"]


def test_a_head_covers_every_record_before_it(tmp_path: Path) -> None:
    several(tmp_path)

    for event in read.records(tmp_path):
        if event["type"] == EventType.CHECKPOINT:
            head = checkpoint.parse(event["data"]["note"])
            assert head.size == int(event["seq"]) == event["data"]["size"]
            assert checkpoint.shown(head.root) == event["data"]["root"]
            assert KEY.verifier.signed(head.note)


def test_a_thousand_records_make_a_head(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing())
    journal.adopt([an_adoption(an_app(number)) for number in range(1000)])
    put(journal, an_app())
    journal.close()

    assert moments(tmp_path) == ["start", "count", "stop"]


def test_a_minute_after_the_first_record_a_head_is_due(tmp_path: Path) -> None:
    watch = Watch()
    journal = open_journal(tmp_path, clock=watch, sealing=a_sealing())
    watch.passed = 100
    put(journal, an_app())
    watch.passed = 159.9
    journal.seal_if_due()
    assert moments(tmp_path) == ["start"]
    watch.passed = 160
    journal.seal_if_due()
    journal.seal_if_due()
    journal.close()

    assert moments(tmp_path) == ["start", "time", "stop"]


def test_without_a_key_heads_are_unsigned_and_signatures_unchecked(tmp_path: Path) -> None:
    open_journal(tmp_path, sealing=a_sealing(key=None)).close()
    found = verify(tmp_path)

    assert (found.good, found.signatures, found.heads, found.sealed) == (True, Signatures.UNCHECKED, 2, 4)
    assert verify(tmp_path, Wanted(KEY.verifier)).finding is Finding.WRONG_KEY


def test_a_log_goes_on_in_the_next_segment(tmp_path: Path) -> None:
    shown = Shown()
    several(tmp_path, shown=shown)

    assert [path.name for path in segments(tmp_path)] == [f"0000000{number}.jsonl" for number in range(1, 5)]
    assert [int(event["seq"]) for event in read.records(tmp_path)] == list(range(len(types(tmp_path))))
    for path in segments(tmp_path)[:-1]:
        last = json.loads(path.read_bytes().splitlines()[-1])
        assert (last["type"], last["data"]["segment"]) == (EventType.SEGMENT_CLOSED, path.name)
    assert verify(tmp_path, Wanted(KEY.verifier, tuple(shown.heads))).good


def test_a_later_segment_begins_with_the_state_of_those_before_it(tmp_path: Path) -> None:
    several(tmp_path)
    heads = [checkpoint.parse(e["data"]["note"]) for e in read.records(tmp_path) if e["type"] == EventType.CHECKPOINT]
    opened = [event for event in read.records(tmp_path) if event["type"] == EventType.SEGMENT_OPENED]

    for number, event in enumerate(opened, start=2):
        data = event["data"]
        assert (data["segment"], data["previous"]) == (f"0000000{number}.jsonl", f"0000000{number - 1}.jsonl")
        assert data["size"] == int(event["seq"])
        assert checkpoint.parse(data["note"]) in heads


def test_a_segment_can_be_verified_without_those_before_it(tmp_path: Path) -> None:
    shown = Shown()
    several(tmp_path, shown=shown)
    wanted = Wanted(KEY.verifier, tuple(shown.heads))
    for number, path in enumerate(segments(tmp_path)[:-1], start=2):
        path.unlink()
        found = verify(tmp_path, Wanted(wanted.key, wanted.anchors, number))
        assert (found.sentence, found.good) == (
            f"good: {shown.sizes[-1] + 1} records, each linked to the one before",
            True,
        )

    assert verify(tmp_path, wanted).finding is Finding.ALTERED


def test_results_of_intents_before_the_segment_are_taken(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing(rotate=SMALL))
    first = an_intent(an_app(1))
    journal.intend(first)
    for number in range(2, 6):
        put(journal, an_app(number))
    journal.conclude(a_result(first))
    journal.close()

    assert verify(tmp_path).good
    assert verify(tmp_path, Wanted(from_segment=2)).good


@pytest.mark.parametrize("number", [1, 2])
def test_a_segment_that_begins_otherwise_is_no_place_to_begin(tmp_path: Path, number: int) -> None:
    several(tmp_path)
    path = files.segment(tmp_path, number + 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]) if number == 1 else lines[0].replace(b'"peaks":["', b'"peaks":["0', 1))

    with pytest.raises(JournalError, match="does not begin with the opening of a segment"):
        verify(tmp_path, Wanted(from_segment=number + 1))


def test_every_reader_goes_across_segments(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing(rotate=SMALL))
    seen: list[dict[str, Any]] = []
    turns = iter(range(7))

    def write() -> bool:
        number = next(turns, None)
        if number is not None:
            put(journal, an_app(number))
        return number is not None

    with closing(Index.open(tmp_path)) as kept:
        seen.extend(read.follow(tmp_path, 100, write))
        journal.close()
        whole = list(read.records(tmp_path))
        assert seen == whole[: len(seen)]
        assert len(segments(tmp_path)) > 3
        assert list(read.tail(tmp_path, 30)) == whole[-30:]
        raw = b"".join(path.read_bytes() for path in segments(tmp_path)).decode().splitlines()
        assert list(jsonl(read.records(tmp_path))) == raw
        with closing(Index.view(tmp_path)) as fresh:
            for number in range(7):
                (entry,) = kept.history(an_app(number), None, 10)
                assert (entry,) == fresh.history(an_app(number), None, 10)
                assert entry.verdict == "applied"
            assert kept.last_applied() == fresh.last_applied()
            assert len(fresh.last_applied()) == 7


def test_an_index_goes_on_from_where_it_stopped_in_a_later_segment(tmp_path: Path) -> None:
    several(tmp_path)
    with closing(Index.open(tmp_path)) as index:
        assert len(index.last_applied()) == 6
    several(tmp_path, puts=9)
    with closing(Index.open(tmp_path)) as index:
        assert len(index.last_applied()) == 9


def test_an_index_caught_between_two_segments_is_built_again(tmp_path: Path) -> None:
    several(tmp_path)
    last = segments(tmp_path)[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(lines[0][:40])
    with closing(Index.open(tmp_path)) as index:
        index.last_applied()
    (tmp_path / sealing.LAST_NAME).unlink()
    open_journal(tmp_path, sealing=a_sealing(rotate=SMALL)).close()
    with closing(Index.open(tmp_path)) as index:
        assert len(index.last_applied()) >= 4


def test_a_restart_goes_on_in_the_last_segment(tmp_path: Path) -> None:
    several(tmp_path)
    count = len(segments(tmp_path))
    open_journal(tmp_path, sealing=a_sealing()).close()

    assert len(segments(tmp_path)) == count
    assert verify(tmp_path, Wanted(KEY.verifier)).good


def cut_points(state: Path) -> list[tuple[str, Callable[[], None]]]:
    """What a crash can leave of the last rotation: each a way to put the folder back to that state."""
    before, after = segments(state)[-2:]
    closed, opened = before.read_bytes(), after.read_bytes().splitlines(keepends=True)[0]
    *kept, last = closed.splitlines(keepends=True)

    def put_back(first: bytes, second: bytes | None) -> Callable[[], None]:
        def work() -> None:
            before.write_bytes(first)
            after.unlink(missing_ok=True)
            if second is not None:
                after.write_bytes(second)

        return work

    points = [("before all", put_back(b"".join(kept), None)), ("made", put_back(b"".join(kept), b""))]
    points += [(f"closing {cut}", put_back(b"".join(kept) + last[:cut], b"")) for cut in range(1, len(last) + 1, 131)]
    points += [("closed", put_back(closed, b"")), ("closed, none made", put_back(closed, None))]
    points += [(f"opening {cut}", put_back(closed, opened[:cut])) for cut in range(1, len(opened) + 1, 173)]
    points.append(("opened", put_back(closed, opened)))
    return points


def test_a_crash_anywhere_in_a_rotation_is_mended_at_the_start(tmp_path: Path) -> None:
    several(tmp_path)
    count = len(segments(tmp_path))
    for name, put_back in cut_points(tmp_path):
        put_back()
        (tmp_path / sealing.LAST_NAME).unlink(missing_ok=True)
        assert verify(tmp_path).finding in {Finding.GOOD, Finding.TORN_TAIL}, name
        journal = open_journal(tmp_path, sealing=a_sealing(rotate=SMALL))
        for number in range(5):
            put(journal, an_app(number))
        journal.close()
        assert verify(tmp_path, Wanted(KEY.verifier)).good, name
        for extra in segments(tmp_path)[count:]:
            extra.unlink()
        for copy in (tmp_path / "journal").glob("*.torn-*"):
            copy.unlink()


@pytest.mark.parametrize("kind", ["write", "sync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_in_a_rotation_loses_nothing(tmp_path: Path, kind: str, number: int) -> None:
    for fails_at in range(1, 8):
        state = tmp_path / str(fails_at)
        disk = Nth()
        journal = open_journal(state, disk=disk, sealing=a_sealing(rotate=SMALL))
        while files.segment(state).stat().st_size < SMALL:
            put(journal, an_app())
        intent = an_intent(an_app(7))
        disk.fail(kind, number, fails_at)
        with suppress(JournalError):
            journal.intend(intent)
            journal.conclude(a_result(intent))
        disk.fail("", 0, 0)
        if not journal.heal() and not journal.open_intents():
            put(journal, an_app(8))
        journal.close()
        assert verify(state).finding in {Finding.GOOD, Finding.OPEN_INTENTS}
        open_journal(state, sealing=a_sealing(rotate=SMALL)).close()
        assert verify(state, Wanted(KEY.verifier)).finding in {Finding.GOOD, Finding.OPEN_INTENTS}


def test_a_result_has_a_place_when_the_next_segment_could_not_be_begun(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.ballast = tmp_path / "ballast"
    journal = open_journal(tmp_path, disk=disk, sealing=a_sealing(rotate=SMALL))
    waiting = an_intent(an_app(1))
    journal.intend(waiting)
    while files.segment(tmp_path).stat().st_size < SMALL:
        put(journal, an_app(2))
    size = files.segment(tmp_path).stat().st_size
    disk.room = 2300  # enough for the head and the close, not for the opening
    with pytest.raises(JournalError, match="can't be written"):
        journal.intend(an_intent(an_app(3)))
    assert files.segment(tmp_path).stat().st_size > size
    journal.conclude(a_result(waiting))
    disk.room = None
    assert journal.heal() == ""
    journal.close()

    assert types(tmp_path).count("put.result") == types(tmp_path).count("put.intent")
    assert len(segments(tmp_path)) == 2
    assert verify(tmp_path, Wanted(KEY.verifier)).good


def test_a_next_segment_that_can_not_be_made_takes_no_intent_and_harms_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing(rotate=SMALL))
    while files.segment(tmp_path).stat().st_size < SMALL:
        put(journal, an_app())
    files.segment(tmp_path, 2).mkdir()
    with pytest.raises(JournalError, match="the next segment can't be made"):
        journal.intend(an_intent(an_app()))
    files.segment(tmp_path, 2).rmdir()
    put(journal, an_app())
    journal.close()

    assert verify(tmp_path, Wanted(KEY.verifier)).good


def test_a_head_that_can_not_be_kept_takes_no_further_intent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    journal = open_journal(tmp_path, clock=watch, sealing=a_sealing())
    put(journal, an_app())
    real = files.write_whole

    def refuse(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "write_whole", refuse)
    watch.passed = 100
    with pytest.raises(JournalError, match="checkpoint can't be written"):
        journal.intend(an_intent(an_app()))
    monkeypatch.setattr(files, "write_whole", real)
    put(journal, an_app())
    journal.close()
    assert moments(tmp_path) == ["start", "count", "stop"]


def test_records_cut_off_after_a_head_stop_the_start(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing())
    put(journal, an_app())
    journal.close()
    path = files.segment(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))

    with pytest.raises(JournalError, match="the end was cut off"):
        open_journal(tmp_path, sealing=a_sealing())
    assert verify(tmp_path).finding is Finding.SHORTER


def test_another_log_in_the_place_of_a_sealed_one_stops_the_start(tmp_path: Path) -> None:
    for name in ("one", "two"):
        open_journal(tmp_path / name, sealing=a_sealing(), clock=Ticks(START + timedelta(hours=len(name)))).close()
    head = (tmp_path / "one" / sealing.LAST_NAME).read_bytes()
    (tmp_path / "two" / sealing.LAST_NAME).write_bytes(head)

    with pytest.raises(JournalError, match="are not those over which a head was made here"):
        open_journal(tmp_path / "two", sealing=a_sealing())
    assert verify(tmp_path / "two").finding is Finding.ALTERED


def test_a_last_head_that_can_not_be_read_stops_the_start(tmp_path: Path) -> None:
    open_journal(tmp_path, sealing=a_sealing()).close()
    (tmp_path / sealing.LAST_NAME).write_bytes(b"\xff")

    with pytest.raises(JournalError, match="checkpoint can't be read"):
        open_journal(tmp_path, sealing=a_sealing())


def test_nothing_less_is_signed_than_before(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing())
    put(journal, an_app())
    journal.seal()
    sealer = journal._log._sealer
    assert sealer is not None

    with pytest.raises(JournalError, match="would not contain the one over"):
        sealer.make(Tree().grown(b"one"))
    journal.note_many([Note(EventType.HOLD, {})])
    journal.close()


def test_the_progress_of_a_verification_runs_over_all_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_journal(tmp_path, sealing=a_sealing(rotate=SMALL))) as journal:
        for number in range(12):
            put(journal, an_app(number))
    last = files.last_segment(tmp_path)
    size = sum(files.size(files.segment(tmp_path, number)) for number in range(1, last + 1))
    monkeypatch.setattr("syncer.audit.verify.MEGABYTE", 1000)
    told: list[tuple[int, int, int]] = []
    assert verify(tmp_path, Wanted(), lambda *values: told.append(values)).good
    done = [each[0] for each in told]
    assert last > 2
    assert done == sorted(set(done))
    assert size // 1000 - 5 <= done[-1] <= size // 1000
    assert {each[1:] for each in told} == {(0, size // 1000)}
