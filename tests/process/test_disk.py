"""Disks that fill up, are read-only or lose the journal, and many processes that want the same state folder."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from syncer.audit.index import INDEX_NAME
from tests.process import promise
from tests.support.nursery import Child, Nursery, nursery
from tests.support.site import Site, site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.soak.figures import Recorder

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"

pytestmark = pytest.mark.timeout(300)


@contextmanager
def tmpfs(folder: Path) -> Iterator[None]:
    """A real file system of 4 MiB. Not every container may mount one; a limit on file sizes is tried everywhere."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("file systems can't be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Takes every byte that is left."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def until(truth: Callable[[], Any], child: Child | None = None) -> Any:
    deadline = time.monotonic() + 60
    while not (found := truth()):
        assert time.monotonic() < deadline, child.told() if child else ""
        assert child is None or not child.ended.is_set(), child.told()
        time.sleep(0.01)
    return found


def passed(child: Child) -> dict[str, Any]:
    """Asks for a pass and waits for the line that sums it up."""
    before = len(child.lines("pass.finished"))
    child.signal(signal.SIGHUP)
    until(lambda: len(child.lines("pass.finished")) > before, child)
    return child.lines("pass.finished")[before]


@contextmanager
def daemon(start: Nursery, here: Site) -> Iterator[Child]:
    """A daemon after its first pass."""
    child = start.start(here, "run")
    until(lambda: child.lines("pass.finished"), child)
    yield child


def under_way(here: Site) -> bool:
    """Whether the newest record but for what is about the log is an intent."""
    return any(record["type"] == "syncer.put.intent.v1" for record in here.journal()[-2:])


def test_on_a_full_disk_nothing_is_written_and_looking_goes_on_until_there_is_room(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "state"), versioned(tmp_path, 1, popup_url=POPUP) as here, nursery(tmp_path) as start:
        with daemon(start, here.site) as child:
            filler = fill(here.site.state)
            here.site.change(1, popup_url=OTHER)
            asked = len(here.site.emulator.store.requests())
            written = 1
            while passed(child)["applied"]:  # the last page of the journal may have room for a few records yet
                written += 1
                here.site.change(1, popup_url=OTHER)
            assert "00000001.jsonl can't be written" in child.told()
            assert len(here.site.emulator.store.requests()) > asked
            assert len(here.site.emulator.store.ledger()) == written
            filler.unlink()
            assert passed(child)["applied"] == 1
            child.signal(signal.SIGTERM)
            assert child.wait() == 0, child.told()
        promise.kept(here.site)


def test_a_disk_that_fills_up_during_a_put_takes_its_result_and_then_nothing(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "state"), versioned(tmp_path, 1, popup_url=POPUP) as here, nursery(tmp_path) as start:
        with daemon(start, here.site) as child:
            here.site.emulator.fault("PUT:latency(1500)", times=1)
            here.site.change(1, popup_url=OTHER)
            child.signal(signal.SIGHUP)
            until(lambda: under_way(here.site), child)
            filler = fill(here.site.state)
            assert until(lambda: child.lines("pass.finished")[1:], child)[0]["applied"] == 1
            promise.kept(here.site)
            here.site.change(1, popup_url=OTHER)
            fill(here.site.state)
            assert passed(child)["applied"] == 0
            filler.unlink()
            assert passed(child)["applied"] == 1
            child.signal(signal.SIGTERM)
            assert child.wait() == 0, child.told()
        promise.kept(here.site)


def test_a_read_only_state_folder_ends_a_run_before_anything_is_sent(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "state"), site(tmp_path, 1, popup_url=POPUP) as here:
        here.run("sync")
        subprocess.run(["mount", "-o", "remount,ro", str(here.state)], check=True)
        here.change(1, popup_url=OTHER)
        ended = here.ended("sync")
        assert ended.returncode == 1
        assert "Read-only file system" in ended.stderr
        assert len(here.emulator.store.ledger()) == 1


@pytest.mark.parametrize("lost", ["removed", "replaced"])
def test_a_journal_that_is_lost_under_a_daemon_stops_it_before_the_next_put(tmp_path: Path, lost: str) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, nursery(tmp_path) as start:
        with daemon(start, here.site) as child:
            segment = here.site.state / "journal" / "00000001.jsonl"
            kept = segment.read_bytes()
            segment.rename(tmp_path / "elsewhere.jsonl")
            if lost == "replaced":
                segment.write_bytes(kept)
            here.site.change(1, popup_url=OTHER)
            child.signal(signal.SIGHUP)
            assert child.wait() == 1
            assert "was removed, replaced or changed under this process" in child.told()
        assert len(here.site.emulator.store.ledger()) == 1
        (tmp_path / "elsewhere.jsonl").rename(segment)
        start.run(here.site, "sync")
        assert here.site.live(1)["popup_url"] == POPUP
        promise.kept(here.site)


def test_a_report_that_can_not_be_printed_costs_no_record(tmp_path: Path) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here, open(os.devnull.replace("null", "full"), "w") as full:  # noqa: PTH123
        ended = subprocess.run(
            here.command("sync"), env=here.environ(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
        assert ended.returncode == 1
        assert "No space left on device" in ended.stderr
        assert "Traceback" not in ended.stderr
        promise.converged(here, 3, popup_url=POPUP)
        promise.kept(here)


@pytest.mark.soak
def test_an_index_that_somebody_else_locks_is_done_without(tmp_path: Path) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here:
        here.run("sync")
        here.declare(3, popup_url=OTHER)
        with closing(sqlite3.connect(here.state / INDEX_NAME, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            here.run("sync")
        promise.converged(here, 3, popup_url=OTHER)
        here.run("sync")
        promise.kept(here)


@pytest.mark.parametrize("pairs", [3, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_of_two_starts_on_one_folder_the_second_says_who_holds_it(tmp_path: Path, figure: Recorder, pairs: int) -> None:
    with site(tmp_path, 3, popup_url=POPUP) as here, nursery(tmp_path) as start:
        here.emulator.fault("GET:latency(150)")
        for number in range(pairs):
            here.declare(3, popup_url=f"{POPUP}/{number}")
            both = [start.start(here, "sync") for _ in range(2)]
            codes = {child.wait(): child for child in both}
            assert set(codes) == {0, 4}, [child.told() for child in both]
            assert "is in use by" in codes[4].told()
        assert len(here.emulator.store.ledger()) == 3 * pairs
        promise.kept(here)
    figure("two-writers", pairs, seeds="", result="one wrote, one named it, each time")


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_of_twenty_one_shots_at_once_exactly_one_writes(tmp_path: Path, figure: Recorder, rounds: int) -> None:
    apps = 4
    with versioned(tmp_path, apps) as here, nursery(tmp_path) as start:
        for number in range(rounds):
            here.commit(range(1, apps + 1), popup_url=f"{POPUP}/{number}")
            before = len(here.site.journal()) if number else 0
            children = [start.start(here.site, "run", "--once", stopped=True) for _ in range(20)]
            for child in children:
                child.wait_until_stopped()
            for child in children:
                child.signal(signal.SIGCONT)
            assert {child.wait() for child in children} == {0}
            intents = [r for r in here.site.journal()[before:] if r["type"] == "syncer.put.intent.v1"]
            assert len({record["data"]["runid"] for record in intents}) == 1
            assert len(intents) == apps
            promise.converged(here.site, apps, popup_url=f"{POPUP}/{number}")
        promise.kept(here.site)
    figure("one-shots", rounds, seeds="", result="exactly one wrote, each time")
