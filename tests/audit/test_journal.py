"""The writer: what it promises, and when it stops promising."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit import files, read
from syncer.audit.events import EventType, Note
from syncer.audit.verify import Finding, verify
from syncer.errors import JournalError
from syncer.model.outcome import Verdict
from tests.support.recording import (
    Boot,
    a_result,
    a_step,
    an_adoption,
    an_app,
    an_approval,
    an_intent,
    open_journal,
    put,
)

if TYPE_CHECKING:
    from pathlib import Path


class FaultyDisk:
    """Fails the calls that it is told to: `errors` by the kind of call, each used up once; `room` bytes, if given."""

    def __init__(self) -> None:
        self.errors: dict[str, list[int]] = {"write": [], "sync": []}
        self.room: int | None = None
        self.ballast: Path | None = None
        self.syncs = 0

    def write(self, handle: int, data: bytes) -> int:
        if self.errors["write"]:
            raise _error(self.errors["write"].pop())
        if self.room is not None and not (self.ballast and not self.ballast.exists()):
            if self.room == 0:
                raise _error(errno.ENOSPC)
            data = data[: self.room]
            self.room -= len(data)
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        self.syncs += 1
        if self.errors["sync"]:
            raise _error(self.errors["sync"].pop())
        os.fsync(handle)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def types(state: Path) -> list[str]:
    return [event["type"].removeprefix("syncer.").removesuffix(".v1") for event in read.records(state)]


def events(state: Path, kind: EventType) -> list[dict[str, Any]]:
    return [event for event in read.records(state) if event["type"] == kind]


def test_a_new_log_begins_with_its_name_and_ends_with_the_stop(tmp_path: Path) -> None:
    open_journal(tmp_path / "state").close()

    assert types(tmp_path / "state") == ["log.genesis", "start", "stop"]


def test_a_second_run_goes_on_in_the_same_log(tmp_path: Path) -> None:
    with_first = open_journal(tmp_path)
    with_first.close()
    second = open_journal(tmp_path)
    second.close()

    assert types(tmp_path) == ["log.genesis", "start", "stop", "start", "stop"]
    assert second.logid == with_first.logid
    assert [event["data"]["clean"] for event in events(tmp_path, EventType.START)] == [True, True]


def test_folders_and_files_are_the_owners_alone(tmp_path: Path) -> None:
    os.umask(0o022)
    state = tmp_path / "state"
    open_journal(state).close()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state, *state.rglob("*"))}

    assert modes == {
        "state": 0o700,
        "lock": 0o600,
        "hmac.key": 0o600,
        "ballast": 0o600,
        "journal": 0o700,
        "00000001.jsonl": 0o600,
    }


def test_every_line_carries_the_hash_of_the_line_before(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    journal.close()

    lines = files.segment(tmp_path).read_bytes().splitlines(keepends=True)

    expected = ["0" * 64, *(hashlib.sha256(line).hexdigest() for line in lines[:-1])]
    assert [json.loads(line)["prevhash"] for line in lines] == expected
    assert [json.loads(line)["seq"] for line in lines] == [str(number) for number in range(len(lines))]


def test_an_intent_says_who_what_where_and_why(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    approval = an_approval(an_app())
    journal.intend(an_intent(an_app(), "req-1", approval=approval))

    (event,) = events(tmp_path, EventType.PUT_INTENT)
    journal.close()

    assert event["subject"] == "customers/cust_acme/apps/app_1"
    data = event["data"]
    assert data["reason"] == {"trigger": "commit", "causes": ["git"]}
    assert data["git"]["author"] == "Asha Rao <asha@example.com>"
    assert data["git"]["lines"] == {"recording_url": "apps/acme.yaml:14"}
    assert data["approval"]["by"] == "asha"
    assert data["before"]["popup_url"] == "https://hooks.example.com/popup?token=***"
    assert data["after"]["recording_url"] == "https://hooks.example.com/new"
    assert data["before"]["hmac"]["recording_url"] != data["after"]["hmac"]["recording_url"]
    assert len(data["after"]["hmac"]) == 7
    assert data["actor"] == {"instance": "one", "version": "0.1.0", "principal": "system"}


def test_secrets_of_a_url_are_nowhere_in_the_folder(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    put(journal, an_app())
    journal.adopt([an_adoption(an_app(2))])
    journal.close()

    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s3cret" not in content


def test_a_result_needs_its_intent(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    intent = put(journal, an_app())

    with pytest.raises(JournalError, match="no open intent"):
        journal.conclude(a_result(intent))
    journal.close()


def test_an_app_with_an_open_intent_takes_no_other(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.intend(an_intent(an_app(), "req-1"))

    with pytest.raises(JournalError, match="intent req-1 has no result yet"):
        journal.intend(an_intent(an_app(), "req-2"))
    with pytest.raises(JournalError, match="intent req-1 has no result yet"):
        journal.intend(an_intent(an_app(2), "req-1"))
    journal.close()


def test_an_intent_found_at_start_can_be_recovered(tmp_path: Path) -> None:
    first = open_journal(tmp_path)
    intent = an_intent(an_app(), "req-1")
    first.intend(intent)
    first.close()

    second = open_journal(tmp_path)
    (waiting,) = second.open_intents()
    second.recover(a_result(intent, Verdict.NOT_APPLIED))
    second.close()

    assert (waiting.request_id, waiting.ref, waiting.revision) == ("req-1", an_app(), "5f" * 20)
    assert dict(waiting.after) == second.digests.all(intent.step.body)
    assert dict(waiting.before) == second.digests.all(intent.step.live.settings)
    assert types(tmp_path)[-2:] == ["put.recovered", "stop"]
    assert verify(tmp_path).good


def test_an_acceptance_leaves_its_intent_open(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    intent = an_intent(an_app(), "req-1")
    journal.intend(intent)
    journal.accept("req-1", an_app(), 200)
    assert [waiting.request_id for waiting in journal.open_intents()] == ["req-1"]
    with pytest.raises(JournalError, match="no open intent req-2"):
        journal.accept("req-2", an_app(), 200)
    journal.conclude(a_result(intent))
    journal.close()

    assert types(tmp_path)[-4:] == ["put.intent", "put.accepted", "put.result", "stop"]
    assert verify(tmp_path).good


def test_records_of_one_batch_share_one_fsync(tmp_path: Path) -> None:
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk=disk)
    before = disk.syncs
    journal.note_many([Note(EventType.HOLD, {"rule": "window"}, an_app(number)) for number in range(50)])
    journal.note_many([])

    assert disk.syncs == before + 1
    journal.close()


def test_the_journals_own_records_are_not_for_note(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with pytest.raises(ValueError, match="has a method of its own"):
        journal.note(EventType.PUT_RESULT, {})
    journal.close()


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.close()
    journal.close()

    assert types(tmp_path).count("stop") == 1


def test_nothing_is_written_under_the_number_of_a_file_that_was_closed(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    number = journal._log._appender._handle
    journal.close()
    other = tmp_path / "other"
    with other.open("wb") as taken:
        os.dup2(taken.fileno(), number)  # as any file or connection that is opened next may get it
        try:
            with pytest.raises(JournalError, match="closed"):
                journal.note(EventType.CONFIG_CHANGED, {"sha256": "0" * 64})
            journal.seal()
        finally:
            os.close(number)
    assert other.read_bytes() == b""


def test_time_since_boot_never_runs_backwards_in_the_log(tmp_path: Path) -> None:
    open_journal(tmp_path, boot=Boot(up=5000)).close()
    open_journal(tmp_path, boot=Boot(up=10)).close()

    assert verify(tmp_path).finding is Finding.GOOD


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_no_intent_is_taken_after_an_error_of_the_disk(tmp_path: Path, kind: str) -> None:
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk=disk)
    disk.errors[kind] = [errno.EIO]
    with pytest.raises(JournalError, match="Input/output error"):
        journal.intend(an_intent(an_app()))

    assert "Input/output error" in journal.poisoned
    assert journal.dead
    with pytest.raises(JournalError, match="takes no more records"):
        journal.intend(an_intent(an_app(2)))
    assert journal.heal() == journal.poisoned
    journal.close()


def test_a_failed_fsync_is_never_asked_again(tmp_path: Path) -> None:
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk=disk)
    intent = an_intent(an_app())
    journal.intend(intent)
    disk.errors["sync"] = [errno.EIO]
    with pytest.raises(JournalError, match="fsync"):
        journal.conclude(a_result(intent))
    asked = disk.syncs

    with pytest.raises(JournalError):
        journal.conclude(a_result(intent))
    journal.close()
    assert disk.syncs == asked


def test_after_a_failed_fsync_a_restart_finds_the_intent_open(tmp_path: Path) -> None:
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk=disk)
    disk.errors["sync"] = [errno.EIO]
    with pytest.raises(JournalError):
        journal.intend(an_intent(an_app(), "req-1"))
    journal.close()

    again = open_journal(tmp_path)
    assert [intent.request_id for intent in again.open_intents()] == ["req-1"]
    again.close()


@pytest.mark.parametrize("room", [0, 1, 40, 400])
def test_a_full_disk_before_the_put_leaves_no_trace_and_passes(tmp_path: Path, room: int) -> None:
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk=disk)
    length = files.segment(tmp_path).stat().st_size
    disk.room = room
    with pytest.raises(JournalError, match="can't be written"):
        journal.intend(an_intent(an_app()))
    assert files.segment(tmp_path).stat().st_size == length
    assert not journal.dead

    disk.room = None
    assert journal.heal() == ""
    put(journal, an_app())
    journal.close()
    assert verify(tmp_path).good


def test_the_ballast_makes_room_for_the_result_of_a_put_already_sent(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.ballast = tmp_path / "ballast"
    journal = open_journal(tmp_path, disk=disk)
    intent = an_intent(an_app())
    journal.intend(intent)
    disk.room = 60
    journal.conclude(a_result(intent))

    assert types(tmp_path)[-1] == "put.result"
    assert "only 60 of" in journal.poisoned
    with pytest.raises(JournalError, match="takes no more records"):
        journal.intend(an_intent(an_app()))
    journal.close()
    assert types(tmp_path)[-1] == "put.result"


def test_a_result_that_can_not_be_written_at_all_is_an_error(tmp_path: Path) -> None:
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk=disk)
    intent = an_intent(an_app())
    journal.intend(intent)
    disk.room = 0
    with pytest.raises(JournalError, match="No space left"):
        journal.conclude(a_result(intent))
    journal.close()

    assert [intent.request_id for intent in verify(tmp_path).open] == [intent.request_id]


def test_no_room_for_the_ballast_at_start_means_no_intent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = files.write_whole

    def no_room(path: Path, content: bytes) -> None:
        if path.name == "ballast":
            raise _error(errno.ENOSPC)
        real(path, content)

    monkeypatch.setattr(files, "write_whole", no_room)
    journal = open_journal(tmp_path)

    assert "no room for the reserve" in journal.poisoned
    assert journal.heal() == journal.poisoned
    monkeypatch.undo()
    assert journal.heal() == ""
    journal.close()


def test_a_start_that_the_disk_refuses_lets_go_of_the_folder(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.errors["sync"] = [errno.EIO]
    with pytest.raises(JournalError, match="can't be opened: Input/output error"):
        open_journal(tmp_path, disk=disk)

    open_journal(tmp_path).close()


def test_a_state_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(JournalError, match="state can't be used"):
        open_journal(tmp_path / "state")


def test_a_missing_key_beside_a_journal_stops_the_start(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    (tmp_path / "hmac.key").unlink()

    with pytest.raises(JournalError, match=r"hmac\.key is missing"):
        open_journal(tmp_path)
    assert not (tmp_path / "hmac.key").exists()


def test_another_key_than_the_journals_stops_the_start(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    (tmp_path / "hmac.key").write_bytes(b"k" * 32)

    with pytest.raises(JournalError, match="not the one that the journal was begun with"):
        open_journal(tmp_path)


def test_long_values_do_not_make_a_long_line(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.intend(an_intent(an_app(), step=a_step(an_app(), "https://hooks.example.com/" + "é\x00" * 9000)))
    journal.close()

    lines = files.segment(tmp_path).read_bytes().splitlines(keepends=True)
    assert max(map(len, lines)) <= 16_000
    (event,) = events(tmp_path, EventType.PUT_INTENT)
    assert "…[cut: 18026 characters, sha256:" in event["data"]["after"]["recording_url"]
    assert len(event["data"]["after"]["hmac"]["recording_url"]) == 64


def test_a_truncation_that_fails_after_a_short_write_ends_the_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk=disk)
    intent = an_intent(an_app())
    journal.intend(intent)
    disk.room = 40
    monkeypatch.setattr(os, "ftruncate", _refuse)
    with pytest.raises(JournalError, match="only 40 of"):
        journal.conclude(a_result(intent))
    monkeypatch.undo()

    assert journal.dead
    journal.close()
    assert verify(tmp_path).finding is Finding.TORN_TAIL
    open_journal(tmp_path).close()
    assert [one.request_id for one in verify(tmp_path).open] == [intent.request_id]


def _refuse(handle: int, length: int) -> None:
    raise _error(errno.EIO)


def test_a_lock_that_can_not_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "ftruncate", _refuse)
    with pytest.raises(JournalError, match="can't be used: Input/output error"):
        open_journal(tmp_path)
    monkeypatch.undo()
    open_journal(tmp_path).close()


@pytest.mark.parametrize("lost", ["removed", "replaced", "emptied in place", "written to by another"])
def test_a_journal_that_no_longer_goes_by_its_name_promises_nothing(tmp_path: Path, lost: str) -> None:
    journal = open_journal(tmp_path)
    segment = files.segment(tmp_path)
    kept = segment.read_bytes()
    if lost == "emptied in place":  # as logrotate does it with copytruncate
        os.truncate(segment, 0)
    elif lost == "written to by another":
        segment.write_bytes(kept + kept.splitlines(keepends=True)[-1])
    else:
        segment.unlink()
    if lost == "replaced":
        segment.write_bytes(kept)
    with pytest.raises(JournalError, match="removed, replaced or changed under this process"):
        journal.intend(an_intent(an_app()))
    assert journal.dead
    journal.close()


def test_a_state_folder_is_for_its_owner_and_those_above_it_are_made_as_usual(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        files.make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")] == [0o755, 0o700]
