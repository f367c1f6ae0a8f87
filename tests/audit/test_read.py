"""Records out of the journal."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from syncer.audit import export, files, read
from syncer.audit.events import EventType
from syncer.audit.read import Filter
from syncer.errors import JournalError
from syncer.model.outcome import Verdict
from tests.support.recording import an_adoption, an_app, an_approval, open_journal, put

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    journal = open_journal(tmp_path)
    put(journal, an_app(1))
    put(journal, an_app(2), Verdict.REJECTED, 400)
    journal.adopt([an_adoption(an_app(3))])
    journal.approve(an_approval(an_app(1)))
    journal.note(EventType.SOURCE_CHANGED, {"git": {"author": "=HYPERLINK(1)", "commit": "-5"}})
    journal.close()
    return tmp_path


def test_the_tail_is_the_last_records(state: Path) -> None:
    assert [event["type"] for event in read.tail(state, 2)] == [EventType.SOURCE_CHANGED, EventType.STOP]


def test_records_are_filtered_by_app(state: Path) -> None:
    wanted = Filter(ref=an_app(1))
    assert [event["type"] for event in read.records(state, wanted)] == [
        EventType.PUT_INTENT,
        EventType.PUT_RESULT,
        EventType.APPROVE,
    ]


def test_records_are_filtered_by_type(state: Path) -> None:
    wanted = Filter(types=frozenset({EventType.PUT_RESULT}))
    assert [event["data"]["verdict"] for event in read.records(state, wanted)] == ["applied", "rejected"]


def test_records_are_filtered_by_time(state: Path) -> None:
    times = [datetime.fromisoformat(event["time"]) for event in read.records(state)]

    assert len(read.tail(state, 100, Filter(since=times[2]))) == len(times) - 2
    assert len(read.tail(state, 100, Filter(until=times[2]))) == 2
    assert len(read.tail(state, 100, Filter(since=times[1], until=times[2]))) == 1


def test_following_hands_out_records_as_they_come(state: Path) -> None:
    journal = open_journal(state)
    waits = iter([True, True, False])

    def wait() -> bool:
        journal.note(EventType.HOLD, {"rule": "window"}, an_app(9))
        return next(waits)

    followed = [event["type"] for event in read.follow(state, 1, wait)]
    journal.close()

    assert followed == [EventType.START, EventType.HOLD, EventType.HOLD]


def test_no_journal_is_an_error(tmp_path: Path) -> None:
    for ask in (lambda: read.records(tmp_path), lambda: next(read.follow(tmp_path, 1, lambda: False))):
        with pytest.raises(JournalError, match="there is no journal"):
            ask()


def test_no_record_at_an_offset_is_an_error(state: Path) -> None:
    with pytest.raises(JournalError, match="no record can be read at byte 7"):
        read.event_at(files.segment(state), 7)


def test_nothing_stands_where_there_is_no_file(tmp_path: Path) -> None:
    assert not read.stands(tmp_path / "nothing", 0, 5, "")


def test_exported_lines_are_the_journals_own(state: Path) -> None:
    lines = [line + "\n" for line in export.jsonl(read.records(state))]

    assert "".join(lines) == files.segment(state).read_text()


def test_the_table_has_a_row_for_each_record(state: Path) -> None:
    events = list(read.records(state))
    rows = list(csv.DictReader(io.StringIO("\n".join(export.table(events)))))

    assert [row["seq"] for row in rows] == [event["seq"] for event in events]
    intent = next(row for row in rows if row["type"] == EventType.PUT_INTENT)
    assert (intent["app_id"], intent["fields"], intent["trigger"]) == ("app_1", "recording_url", "commit")
    assert [json.loads(row["data"]) for row in rows] == [event["data"] for event in events]
    approval = next(row for row in rows if row["type"] == EventType.APPROVE)
    assert (approval["by"], approval["message"]) == ("asha", "agreed in the change meeting")


def test_no_cell_of_the_table_is_a_formula(state: Path) -> None:
    rows = list(csv.reader(io.StringIO("\n".join(export.table(read.records(state))))))

    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert any("'=HYPERLINK(1)" in row for row in rows)
