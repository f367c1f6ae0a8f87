"""The journal in the background: checked as it grows, searchable, and never believed further than it holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from syncer.audit import files
from syncer.audit.following import Follower
from syncer.errors import JournalError
from syncer.model.outcome import Verdict
from syncer.views import trail as trail_module
from syncer.views.digest import INTENT
from syncer.views.trail import Trail
from tests.support.recording import a_result, an_app, an_intent, open_journal, put
from tests.support.sealed import a_sealing

if TYPE_CHECKING:
    from pathlib import Path


def caught_up(state_dir: Path) -> Trail:
    trail = Trail(state_dir)
    while trail.step():
        pass
    return trail


def test_an_empty_folder_has_no_records_and_no_trouble(tmp_path: Path) -> None:
    told = caught_up(tmp_path).progress
    assert (told.records, told.sealed, told.oldest, told.caught_up, told.trouble) == (0, 0, 0, True, "")


def test_records_are_counted_as_they_are_checked(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing())
    put(journal, an_app())
    trail = caught_up(tmp_path)
    before = trail.progress.records
    put(journal, an_app(2))
    assert not trail.step()
    assert trail.progress.records == before + 2
    journal.seal()
    trail.step()
    assert trail.progress.sealed == before + 2
    journal.close()


def test_a_small_step_says_that_there_is_more(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    journal.close()
    trail = Trail(tmp_path)
    assert trail.step(1)
    assert (trail.progress.records, trail.progress.caught_up) == (1, False)


def test_an_intent_knows_how_it_ended(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app(), Verdict.REJECTED, 400)
    trail = caught_up(tmp_path)
    [row] = trail.ask("SELECT * FROM record WHERE type = ?", (INTENT,))
    assert (row["outcome"], row["fields"], row["name"]) == ("rejected", "recording_url", "app app_1")
    journal.close()


def test_a_result_is_found_by_what_only_its_intent_says(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    trail = caught_up(tmp_path)
    kinds = [row["type"] for row in trail.search("WHERE fields = 'recording_url'", (), "ASC", 10)]
    assert kinds == [INTENT, "syncer.put.result.v1"]
    journal.close()


def test_a_result_without_its_intent_stands_alone(tmp_path: Path) -> None:
    """As in a journal whose first segments were taken away."""
    journal = open_journal(tmp_path)
    intent = an_intent(an_app())
    journal.intend(intent)
    trail = caught_up(tmp_path)
    trail.ask("DELETE FROM record")
    journal.conclude(a_result(intent))
    trail.step()
    [row] = trail.ask("SELECT * FROM record")
    assert (row["type"], row["fields"]) == ("syncer.put.result.v1", "")
    journal.close()


def test_an_altered_journal_is_believed_up_to_the_first_record_that_does_not_fit(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    put(journal, an_app(2))
    journal.close()
    path = files.segment(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"hooks.example.com", b"hooks.evil1.ex.com")
    path.write_bytes(b"".join(lines))
    trail = caught_up(tmp_path)
    assert trail.progress.records == 3
    assert trail.progress.trouble.startswith("record 3 at byte")
    trail.step()
    assert len(trail.ask("SELECT seq FROM record")) == 3


def test_a_head_that_is_not_that_of_the_records_is_damage(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    journal.seal()
    journal.close()
    follower = Follower(tmp_path)
    follower._seen.feed = lambda *_: "not the head"  # type: ignore[method-assign]  # what an altered head comes to
    assert follower.step(100) == ()
    assert "not the head" in str(follower.damage)
    assert follower.step(100) == ()


def test_a_journal_that_begins_later_is_followed_from_there(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, sealing=a_sealing(rotate=6000))
    for number in range(9):
        put(journal, an_app(number))
        journal.seal()
    journal.close()
    with pytest.raises(JournalError):
        Follower(tmp_path, 99)
    whole = caught_up(tmp_path).progress
    files.segment(tmp_path).unlink()
    assert files.first_segment(tmp_path) == 2
    trail = caught_up(tmp_path)
    assert trail.progress == whole
    assert trail.ask("SELECT min(seq) AS first FROM record")[0]["first"] > 0


def test_a_journal_that_cannot_be_read_is_trouble_and_no_end(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    journal.close()
    trail = Trail(tmp_path)
    trail.step(1)
    files.segment(tmp_path).unlink()
    files.segment(tmp_path).mkdir()
    assert not trail.step()
    assert "can't be read" in trail.progress.trouble


def test_only_the_latest_can_be_searched_and_all_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_module, "KEPT", 3)
    journal = open_journal(tmp_path)
    for number in range(3):
        put(journal, an_app(number))
    journal.close()
    trail = caught_up(tmp_path)
    kept = [row["seq"] for row in trail.ask("SELECT seq FROM record ORDER BY seq")]
    assert (trail.progress.records, trail.progress.oldest, kept) == (9, 6, [6, 7, 8])


def test_a_database_that_fails_is_begun_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    trail = caught_up(tmp_path)
    trail.ask("DROP TABLE record")
    put(journal, an_app(2))
    assert not trail.step()
    assert trail.progress.trouble.startswith("it can't be kept for pages: no such table")
    while trail.step():
        pass
    assert (trail.progress.trouble, len(trail.ask("SELECT seq FROM record"))) == ("", 6)
    journal.close()


async def test_it_keeps_up_until_it_is_stopped(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    trail = Trail(tmp_path)
    task = asyncio.create_task(trail.keep_up())
    async with asyncio.timeout(10):
        while not trail.progress.caught_up:  # noqa: ASYNC110 -- the thread that works has no event to give
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert trail.progress.records == 4
    trail.close()
    journal.close()
