"""Every way a log can be changed, and what is said about it."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from syncer.audit import chain, files, lines, read
from syncer.audit.events import EventType
from syncer.audit.index import Index
from syncer.audit.verify import Finding, verify
from syncer.errors import JournalError
from syncer.model.outcome import Verdict
from tests.support.recording import a_result, an_app, an_intent, open_journal, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def a_log(state: Path) -> list[bytes]:
    """A small log of one PUT and one refused PUT; its lines."""
    journal = open_journal(state)
    put(journal, an_app(1))
    put(journal, an_app(2), Verdict.REJECTED, 400)
    journal.close()
    return files.segment(state).read_bytes().splitlines(keepends=True)


def relinked(events: list[dict[str, Any]]) -> bytes:
    """A log written anew by somebody who knows the format: every link and checksum is right."""
    head, written = "0" * 64, []
    for seq, event in enumerate(events):
        event.pop("linecrc", None)
        body = orjson.dumps({**event, "seq": str(seq), "prevhash": head})[:-1]
        line = body + b',"linecrc":"%08x"}\n' % zlib.crc32(body)
        head = hashlib.sha256(line).hexdigest()
        written.append(line)
    return b"".join(written)


def test_any_flipped_byte_is_found(tmp_path: Path) -> None:
    a_log(tmp_path)
    path = files.segment(tmp_path)
    whole = path.read_bytes()

    missed = []
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1
        path.write_bytes(flipped)
        if verify(tmp_path).good:
            missed.append(position)

    assert missed == []


def test_a_flipped_byte_before_the_tail_stops_the_start(tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    path = files.segment(tmp_path)
    whole = path.read_bytes()

    for position in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(JournalError, match="damaged or was altered: record"):
            open_journal(tmp_path)
    path.write_bytes(whole)
    open_journal(tmp_path).close()
    assert len(list(read.records(tmp_path))) == len(lines) + 2


def test_a_tail_cut_at_every_byte_is_mended(tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    path = files.segment(tmp_path)
    whole = path.read_bytes()
    good = len(whole) - len(lines[-1])

    for cut in range(good, len(whole)):
        path.write_bytes(whole[:cut])
        torn = cut - good
        found = verify(tmp_path)
        assert (found.finding, found.torn) == (Finding.TORN_TAIL if torn else Finding.GOOD, torn)
        journal = open_journal(tmp_path)
        journal.close()
        repairs = [event["data"] for event in read.records(tmp_path) if event["type"] == EventType.REPAIRED]
        assert verify(tmp_path).good
        assert path.read_bytes()[:good] == whole[:good]
        left = whole[good:cut]
        assert [(one["offset"], one["size"], one["sha256"]) for one in repairs] == (
            [(good, torn, hashlib.sha256(left).hexdigest())] if torn else []
        )
        for one in repairs:
            copy = path.parent / one["file"]
            assert copy.read_bytes() == left
            copy.unlink()


def test_a_cut_of_every_byte_of_an_intent_is_a_torn_tail(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    before = files.segment(tmp_path).stat().st_size
    journal.intend(an_intent(an_app()))
    whole = files.segment(tmp_path).read_bytes()
    journal.close()

    for cut in range(before + 1, len(whole)):
        files.segment(tmp_path).write_bytes(whole[:cut])
        found = verify(tmp_path)
        assert (found.finding, found.open) == (Finding.TORN_TAIL, ())


def test_a_torn_first_line_begins_the_log_anew(tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    files.segment(tmp_path).write_bytes(lines[0][:50])
    journal = open_journal(tmp_path)
    journal.close()

    types = [event["type"] for event in read.records(tmp_path)]
    assert types == [EventType.LOG_GENESIS, EventType.REPAIRED, EventType.START, EventType.STOP]


def test_a_repair_cut_off_itself_is_still_recorded(tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    path = files.segment(tmp_path)
    path.write_bytes(b"".join(lines[:-1]))
    end = path.stat().st_size
    files.torn_copy(path, end, hashlib.sha256(b"torn").hexdigest()).write_bytes(b"torn")
    open_journal(tmp_path).close()

    (repair,) = [event for event in read.records(tmp_path) if event["type"] == EventType.REPAIRED]
    assert repair["data"]["sha256"] == hashlib.sha256(b"torn").hexdigest()


def test_a_very_long_tail_without_a_newline_is_torn(tmp_path: Path) -> None:
    a_log(tmp_path)
    with files.segment(tmp_path).open("ab") as file:
        file.write(b"\0" * 100_000)

    assert (verify(tmp_path).finding, verify(tmp_path).torn) == (Finding.TORN_TAIL, 100_000)
    assert verify(tmp_path).sentence == "torn tail: 100000 bytes after record 6 are not a whole line"
    open_journal(tmp_path).close()
    assert verify(tmp_path).good


def test_a_very_long_line_in_the_middle_is_damage(tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    files.segment(tmp_path).write_bytes(lines[0] + b"x" * 100_000 + b"\n" + lines[1])

    assert "longer than 16000 bytes" in verify(tmp_path).sentence


@pytest.mark.parametrize(
    "edit",
    [
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
        lambda lines: [*lines[:3], lines[2], *lines[3:]],
        lambda lines: lines[1:],
        lambda lines: [*lines, lines[0]],
    ],
    ids=["removed", "swapped", "doubled", "beginning removed", "beginning appended"],
)
def test_whole_lines_can_not_be_moved(tmp_path: Path, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = a_log(tmp_path)
    files.segment(tmp_path).write_bytes(b"".join(edit(lines)))

    found = verify(tmp_path)
    assert found.finding is Finding.ALTERED
    assert found.damage is not None
    assert "seq is" in found.damage.why


def test_records_cut_off_the_end_are_not_found_from_inside(tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    files.segment(tmp_path).write_bytes(b"".join(lines[:-3]))

    assert verify(tmp_path).good


AN_EVENT = (
    '{"specversion":"1.0","id":"1","source":"/s","type":"syncer.log.genesis.v1","time":"2026-11-20T10:11:12.000000Z",'
    '"logid":"log","bootid":"b","boottimens":"1"}'
)


def change(name: str, value: object) -> Callable[[list[dict[str, Any]]], None]:
    return lambda events: events[2].__setitem__(name, value)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (change("logid", "another"), "logid is that of another log"),
        (change("specversion", "2.0"), "an attribute is missing or is not a text"),
        (change("time", None), "an attribute is missing or is not a text"),
        (change("boottimens", "-5"), "boottimens or data has the wrong form"),
        (change("boottimens", "9" * 5000), "boottimens or data has the wrong form"),
        (change("time", "soon"), "time has the wrong form"),
        (change("time", "2026-11-20T10:11:12"), "time has the wrong form"),
        (lambda events: events[2]["data"].pop("before"), "an intent that is not one: 'before'"),
        (lambda events: events[2]["data"].update(after=None), "an intent that is not one: 'NoneType'"),
        (change("data", []), "boottimens or data has the wrong form"),
        (change("boottimens", "1"), "boottimens runs backwards within one boot"),
        (change("subject", "elsewhere"), "an intent that is not one"),
        (change("subject", "customers/cust_acme/apps/app_9"), "is about another app than its intent"),
        (lambda events: events[2]["data"].pop("reqid"), "an intent that is not one"),
        (lambda events: events.insert(3, events[2]), "a second intent of request"),
        (lambda events: events.insert(4, events[3]), "which has no open intent"),
        (lambda events: events.pop(2), "which has no open intent"),
        (lambda events: events.pop(0), "the first record is not the beginning of a log"),
    ],
)
def test_a_log_rewritten_with_good_links_must_still_make_sense(
    tmp_path: Path, edit: Callable[[list[dict[str, Any]]], object], why: str
) -> None:
    events = [json.loads(line) for line in a_log(tmp_path)]
    edit(events)
    files.segment(tmp_path).write_bytes(relinked(events))

    found = verify(tmp_path)
    assert found.finding is Finding.ALTERED
    assert why in found.sentence
    with pytest.raises(JournalError, match="damaged or was altered"):
        open_journal(tmp_path)


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (b'{"seq":"0","seq":"0"', "the key 'seq' stands twice"),
        (b'{"data":{"a":1,"a":1}', "the key 'a' stands twice"),
        (b'{"seq"', "the line is not JSON"),
        (b"[1", "the line is not JSON"),
        (b'{ "seq":"7"', "seq is '7', not 0"),
    ],
)
def test_a_line_with_a_good_checksum_must_be_an_object_without_doubled_keys(
    tmp_path: Path, start: bytes, why: str
) -> None:
    a_log(tmp_path)
    files.segment(tmp_path).write_bytes(start + b',"linecrc":"%08x"}\n' % zlib.crc32(start))

    assert why in verify(tmp_path).sentence


def test_a_line_that_only_spaces_things_differently_is_taken() -> None:
    event = relinked([{**json.loads(AN_EVENT), "data": {}}])
    start = event[: -lines.TAIL_BYTES].replace(b'"data":', b'"data": ')
    line = start + b',"linecrc":"%08x"}\n' % zlib.crc32(start)

    assert chain.Links().feed(line)["data"] == {}


def test_a_record_changed_together_with_its_checksum_breaks_the_link(tmp_path: Path) -> None:
    written = a_log(tmp_path)
    start = written[2][: -lines.TAIL_BYTES].replace(b"hooks.example.com", b"hooks.example.org")
    written[2] = start + b',"linecrc":"%08x"}\n' % zlib.crc32(start)
    files.segment(tmp_path).write_bytes(b"".join(written))

    assert "record 3 at byte" in verify(tmp_path).sentence
    assert "prevhash is not the hash of the line before" in verify(tmp_path).sentence


def test_an_index_refuses_a_record_without_what_its_type_must_hold(tmp_path: Path) -> None:
    events = [json.loads(line) for line in a_log(tmp_path)]
    del events[3]["data"]["verdict"]
    files.segment(tmp_path).write_bytes(relinked(events))

    with pytest.raises(JournalError, match=r"record 3 at byte .* that is not one: 'verdict'"):
        Index.view(tmp_path)


def test_a_line_without_its_checksum_is_damage(tmp_path: Path) -> None:
    a_log(tmp_path)
    files.segment(tmp_path).write_bytes(b"{}\n")

    assert "does not end in its checksum" in verify(tmp_path).sentence
    assert lines.TAIL_BYTES == 23


def test_an_index_is_not_built_from_a_damaged_log(tmp_path: Path) -> None:
    lines = a_log(tmp_path)
    files.segment(tmp_path).write_bytes(b"".join([*lines[:2], *lines[3:]]))

    with pytest.raises(JournalError, match="damaged or was altered"):
        Index.view(tmp_path)


def test_an_open_intent_is_named(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    intent = an_intent(an_app(), "req-1")
    journal.intend(intent)

    found = verify(tmp_path)
    assert found.finding is Finding.OPEN_INTENTS
    assert [(one.request_id, one.ref) for one in found.open] == [("req-1", an_app())]
    assert found.sentence == "open intents: 1 without a result"
    journal.conclude(a_result(intent))
    journal.close()
    assert verify(tmp_path).sentence == "good: 5 records, each linked to the one before"


def test_no_journal_is_an_error_and_not_a_good_one(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        verify(tmp_path)
    files.segment(tmp_path).mkdir(parents=True)
    with pytest.raises(JournalError, match="can't be read: Is a directory"):
        verify(tmp_path)
