"""The journal among real processes, signals, limits and system calls."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from syncer.audit import files, read
from syncer.audit.events import EventType
from syncer.audit.index import Index
from syncer.audit.verify import Finding, Wanted, verify
from syncer.errors import LockedError
from tests.support.recording import a_result, an_intent, open_journal
from tests.support.sealed import KEY, a_sealing

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.audit.sealing import Sealing

WRITER = (sys.executable, "-m", "tests.audit.writer")


def run(what: str, state: Path, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*before, *WRITER, what, str(state)], capture_output=True, text=True, timeout=60, check=False)


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    second = run("open_once", tmp_path)
    journal.close()

    assert second.returncode == 4
    assert f"is in use by process {os.getpid()} on one, since 2026-11-20T10:11:12" in second.stdout
    assert "wait until that one has ended" in second.stdout
    assert run("open_once", tmp_path).returncode == 0


def test_a_lock_without_a_readable_holder_still_holds(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with pytest.raises(LockedError, match=f"in use by process {os.getpid()} on one"):
        open_journal(tmp_path)
    (tmp_path / "lock").write_text("")

    with pytest.raises(LockedError, match="in use by another process"):
        open_journal(tmp_path)
    journal.close()


def kill_and_reopen(state: Path, lines: int, sealing: Sealing | None = None) -> None:
    """Kill a writer right after it has acknowledged some records, then look for every one of them."""
    what = "append_sealed" if sealing else "append_forever"
    child = subprocess.Popen([*WRITER, what, str(state)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    acknowledged += child.stdout.read().splitlines(keepends=True)
    child.stdout.close()
    child.wait()

    journal = open_journal(state, sealing=sealing)
    kinds = {EventType.PUT_INTENT: "intent", EventType.PUT_RESULT: "result"}
    found = {
        f"{kinds[event['type']]} {event['data']['reqid']}\n"
        for event in read.records(state)
        if event["type"] in kinds and f"-{child.pid}-" in event["data"]["reqid"]
    }
    whole = {line for line in acknowledged if line.endswith("\n")}
    assert whole - found == set()
    assert len(found) - len(whole) <= 1
    with contextlib.closing(Index.view(state)) as index:
        left_open = index.open_intents()
    for waiting in left_open:
        journal.recover(a_result(an_intent(waiting.ref, waiting.request_id)))
    journal.close()
    assert verify(state, Wanted(KEY.verifier if sealing else None)).good


def test_no_acknowledged_record_is_lost_by_kill_9(tmp_path: Path) -> None:
    dice = random.Random(20)
    for _ in range(20):
        kill_and_reopen(tmp_path, dice.randrange(1, 40))


def test_no_acknowledged_record_is_lost_between_segments(tmp_path: Path) -> None:
    dice = random.Random(64)
    for _ in range(12):
        kill_and_reopen(tmp_path, dice.randrange(1, 60), a_sealing(rotate=8000))
    assert files.last_segment(tmp_path) > 12


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_no_acknowledged_record_is_lost_between_segments_at_length(tmp_path: Path) -> None:
    dice = random.Random(640)
    for round_ in range(200):
        kill_and_reopen(tmp_path / str(round_ // 20), dice.randrange(1, 200), a_sealing(rotate=8000))


CALLS = ("write", "fsync", "rename", "openat", "ftruncate")


def kill_at(state: Path, call: str, when: int) -> bool:
    """Kill the writer as it enters a system call on its state folder; whether it came to that one."""
    folders = [each for path in (state, state / "journal") for each in ("-P", str(path))]
    names = [
        "checkpoint",
        "checkpoint.new",
        "journal/00000001.jsonl",
        "journal/00000002.jsonl",
        "journal/00000003.jsonl",
    ]
    paths = [each for name in names for each in ("-P", str(state / name))]
    inject = ("strace", "-f", "-o", "/dev/null", *folders, *paths, "-e", f"inject={call}:signal=KILL:when={when}")
    ran = run("send_sealed", state, *inject)
    acknowledged = set(ran.stdout.splitlines())
    journal = open_journal(state, sealing=a_sealing(rotate=6000))
    for waiting in journal.open_intents():
        journal.recover(a_result(an_intent(waiting.ref, waiting.request_id)))
    journal.close()
    assert verify(state, Wanted(KEY.verifier)).good
    kinds = {EventType.PUT_INTENT: "intent", EventType.PUT_RESULT: "result"}
    found = {f"{kinds[e['type']]} {e['data']['reqid']}" for e in read.records(state) if e["type"] in kinds}
    assert acknowledged <= found
    return ran.returncode != 0


@pytest.mark.needs("strace")
@pytest.mark.parametrize(("call", "when"), [(call, when) for call in CALLS[:3] for when in (3, 6, 9, 12)])
def test_a_kill_within_a_rotation_loses_nothing(tmp_path: Path, call: str, when: int) -> None:
    kill_at(tmp_path, call, when)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.needs("strace")
@pytest.mark.parametrize("call", CALLS)
def test_a_kill_at_every_call_of_a_rotation_loses_nothing(tmp_path: Path, call: str) -> None:
    when = 1
    while kill_at(tmp_path / str(when), call, when):
        when += 1
    assert when > 1 or call == "ftruncate"


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_no_acknowledged_record_is_lost_by_kill_9_at_length(tmp_path: Path) -> None:
    dice = random.Random(500)
    for round_ in range(500):
        kill_and_reopen(tmp_path / str(round_ // 5), dice.randrange(1, 120))


def test_a_short_write_and_then_none_leave_the_log_whole(tmp_path: Path) -> None:
    ran = run("hit_the_limit", tmp_path)

    first, second, third, fourth = ran.stdout.splitlines()
    assert "only 60 of" in first
    assert "takes no more records" in second
    assert third.startswith("dead=False")
    assert fourth == "healed=''"
    assert verify(tmp_path).good
    assert verify(tmp_path).intents == 1


@pytest.mark.needs("strace")
def test_the_intent_is_synced_before_anything_is_sent(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    state = tmp_path / "state"
    calls = "trace=openat,write,fsync,sendto,sendmsg,ftruncate"
    ran = run("send_after_intent", state, "strace", "-f", "-e", calls, "-s", "4000", "-o", str(trace))
    assert ran.returncode == 0, ran.stderr

    unsynced, sent, handle = 0, 0, None
    for line in trace.read_text().splitlines():
        if opened := re.search(r'openat\(.*00000001\.jsonl", O_WRONLY\|O_CREAT\|O_APPEND\|O_CLOEXEC.* = (\d+)', line):
            handle = opened[1]
        elif handle and re.search(rf" write\({handle}, ", line):
            unsynced += 1
        elif handle and re.search(rf" fsync\({handle}\) += 0", line):
            unsynced = 0
        elif re.search(r" send(to|msg)\(", line) and "PUT" in line:
            sent += 1
            assert unsynced == 0, line
    assert sent == 5


@pytest.mark.needs("strace")
@pytest.mark.parametrize("when", range(1, 8))
def test_an_fsync_that_fails_anywhere_promises_nothing(tmp_path: Path, when: int) -> None:
    state = tmp_path / "state"
    inject = ("strace", "-f", "-o", "/dev/null", "-e", f"inject=fsync:error=EIO:when={when}+")
    ran = run("send_after_intent", state, *inject)

    assert ran.returncode == 1
    assert "JournalError" in ran.stderr
    if files.segment(state).exists():
        found = verify(state)
        assert found.finding in {Finding.GOOD, Finding.OPEN_INTENTS}
        assert found.intents <= 1
    assert run("open_once", state).returncode == 0


@pytest.mark.needs("strace")
@pytest.mark.parametrize("when", range(1, 12))
def test_a_write_refused_anywhere_loses_nothing_promised(tmp_path: Path, when: int) -> None:
    state = tmp_path / "state"
    inject = ("strace", "-f", "-o", "/dev/null", "-P", str(files.segment(state)), "-e")
    ran = run("send_after_intent", state, *inject, f"inject=write:error=ENOSPC:when={when}")

    assert ran.returncode in {0, 1}
    assert "Error" not in ran.stderr or "JournalError" in ran.stderr
    if files.segment(state).exists():
        assert verify(state).finding in {Finding.GOOD, Finding.OPEN_INTENTS}
    assert run("open_once", state).returncode == 0


def test_threads_take_turns(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)

    def twenty() -> None:
        for _ in range(20):
            journal.note(EventType.HOLD, {})

    threads = [threading.Thread(target=twenty) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()

    assert verify(tmp_path).records == 3 + 80
