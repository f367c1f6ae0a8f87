"""What waits and what was told, over restarts, in bounds, on disks that fail."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from syncer.notify.deciding import Known, Said
from syncer.notify.spool import NAME, Spool
from tests.support.noticed import T0, a_notice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KNOWN = Known("Drifted", "InSync", 2, T0, "Drifted", "desk", (("", Said(T0)), ("Drifted", Said(T0, 3))))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool.open(tmp_path, most=5)
    yield opened
    opened.close()


def ids(spool: Spool, receiver: str = "desk") -> list[str]:
    """Takes everything that waits for a receiver."""
    found = []
    while waiting := spool.head(receiver):
        found.append(waiting.notice.id)
        spool.done(waiting.seq)
    return found


def test_what_waits_comes_in_order_for_each_receiver_after_a_restart_too(tmp_path: Path, spool: Spool) -> None:
    spool.record("desk", [a_notice(id="1"), a_notice(id="2")], {})
    spool.record("other", [a_notice(id="3")], {})
    spool.record("desk", [a_notice(id="4")], {"app a": KNOWN})
    spool.close()
    again = Spool.open(tmp_path)
    assert (ids(again), ids(again, "other")) == (["1", "2", "4"], ["3"])
    assert again.known() == {"desk": {"app a": KNOWN}}
    again.close()


def test_what_is_known_no_longer_is_gone(spool: Spool) -> None:
    spool.record("desk", [], {"a": KNOWN, "b": KNOWN})
    spool.record("desk", [], {"a": None})
    assert spool.known() == {"desk": {"b": KNOWN}}


def test_the_oldest_give_way_and_are_counted(spool: Spool) -> None:
    for number in range(4):
        assert spool.record("desk", [a_notice(id=str(number))], {}) == 0
    assert spool.record("desk", [a_notice(id=str(number)) for number in (4, 5, 6)], {}) == 2
    assert spool.waiting("desk") == 5
    assert ids(spool) == ["2", "3", "4", "5", "6"]


def test_a_failed_attempt_is_remembered_with_its_next_time(spool: Spool) -> None:
    spool.record("desk", [a_notice()], {})
    first = spool.head("desk")
    assert first is not None
    spool.later(first.seq, 1234.5)
    second = spool.head("desk")
    assert second is not None
    assert (second.seq, second.attempts, second.due) == (first.seq, 1, 1234.5)


def test_receivers_that_are_configured_no_longer_are_forgotten(spool: Spool) -> None:
    spool.record("desk", [a_notice(id="1")], {"a": KNOWN})
    spool.record("gone", [a_notice(id="2"), a_notice(id="3")], {"a": KNOWN})
    assert spool.keep_only(["desk"]) == 2
    assert list(spool.known()) == ["desk"]
    assert (ids(spool), ids(spool, "gone")) == (["1"], [])


def test_nobody_else_may_read_it(tmp_path: Path, spool: Spool) -> None:
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert spool.trouble == ""


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_file_is_put_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    spool = Spool.open(tmp_path)
    spool.record("desk", [a_notice(id="1")], {})
    assert ids(spool) == ["1"]
    assert (tmp_path / f"{NAME}.broken").read_bytes() == content
    spool.close()


def test_a_file_of_another_version_is_put_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / NAME) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    spool = Spool.open(tmp_path)
    assert spool.known() == {}
    assert (tmp_path / f"{NAME}.broken").exists()
    spool.close()


def test_rows_of_another_version_are_passed_over(tmp_path: Path, spool: Spool) -> None:
    spool.record("desk", [a_notice(id="1")], {"a": KNOWN})
    spool.record("desk", [a_notice(id="2")], {"b": KNOWN})
    with sqlite3.connect(tmp_path / NAME) as other:
        other.execute('UPDATE waiting SET body = \'{"schema": "new"}\' WHERE seq = 1')
        other.execute("UPDATE known SET body = '[]' WHERE subject = 'a'")
    other.close()
    assert ids(spool) == ["2"]
    assert spool.known() == {"desk": {"b": KNOWN}}


def test_where_no_file_can_be_it_works_in_memory_and_says_so(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "missing")
    spool.record("desk", [a_notice(id="1")], {})
    assert ids(spool) == ["1"]
    assert spool.trouble != ""
    spool.close()


def test_a_disk_that_takes_no_more_costs_nothing_that_was_there(tmp_path: Path, spool: Spool) -> None:
    spool.record("desk", [a_notice(id="1")], {"a": KNOWN})
    limited = Spool(spool._database)
    limited._database.execute(f"PRAGMA max_page_count = {limited._database.execute('PRAGMA page_count').fetchone()[0]}")
    for number in range(2, 60):
        limited.record("desk", [a_notice(id=str(number), reason="x" * 900)], {})
    assert "full" in limited.trouble
    assert ids(limited) == [str(number) for number in range(1, 60)]
    assert limited.known() == {"desk": {"a": KNOWN}}
    limited.close()


def test_after_it_was_closed_late_work_does_no_harm(spool: Spool) -> None:
    spool.close()
    spool.done(1)
    assert spool.head("desk") is None
