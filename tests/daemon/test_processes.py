"""The daemon as a real process: signals, commits, crashes, broken sources, full disks."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer.audit import verify
from syncer.emulator.modes import PutSemantics
from tests.support.daemon import running
from tests.support.site import site
from tests.support.versioned import versioned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.site import Site

POPUP = "https://hooks.acme.example/popup"
OTHER = "https://hooks.acme.example/other"
COUNTS = ("applied", "unchanged", "failed", "moved", "stopped", "held", "waiting", "unreadable")


def check_recorded(here: Site) -> None:
    """I1 and I2: every PUT of the ledger has an intent, every intent one end."""
    records = here.journal()
    intents = {r["data"]["reqid"] for r in records if r["type"] == "syncer.put.intent.v1"}
    ends = [r["data"]["reqid"] for r in records if r["type"] in {"syncer.put.result.v1", "syncer.put.recovered.v1"}]
    assert {entry.request_id for entry in here.emulator.store.ledger()} <= intents
    assert sorted(ends) == sorted(intents)
    assert verify.verify(here.state).good


def slow_down(here: Site) -> None:
    here.emulator.fault("PUT:latency(1500)", app=("cust_1", "app_0001"))


def wait_for_put(here: Site) -> None:
    """Until the emulator has a PUT under way: its intent stands in the journal, and its answer waits."""

    deadline = time.monotonic() + 20
    while here.emulator.store.arrived() <= len(here.emulator.store.requests()) or not here.state.exists():
        assert time.monotonic() < deadline
    while not any(r["type"] == "syncer.put.intent.v1" for r in here.journal()):
        assert time.monotonic() < deadline


def test_it_starts_with_a_pass_and_sums_it_up_once(tmp_path: Path) -> None:
    with versioned(tmp_path, 3, popup_url=POPUP) as here, running(here.site) as daemon:
        line = daemon.wait_for("pass.finished")
        assert (line["trigger"], line["applied"], line["writes"]) == ("start", 3, True)
        assert sum(line[name] for name in COUNTS) == line["apps"] == 3
        assert daemon.stop() == 0
        assert [one["event"] for one in daemon.lines].count("pass.finished") == 1
        check_recorded(here.site)


def test_a_new_commit_is_applied_without_waiting_for_the_schedule(tmp_path: Path) -> None:
    with versioned(tmp_path, 2, popup_url=POPUP) as here:
        here.configure(poll="1s")
        with running(here.site) as daemon:
            daemon.wait_for("pass.finished")
            commit = here.commit(range(2, 3), popup_url=OTHER)
            line = daemon.wait_for("pass.finished", trigger="commit")
            assert line["revision"] == commit[: len(line["revision"])]
            assert here.site.live(2)["popup_url"] == OTHER
            assert daemon.stop() == 0


def test_a_look_finds_drift_and_writes_nothing_and_a_signal_puts_it_back(tmp_path: Path) -> None:
    with versioned(tmp_path, 2, popup_url=POPUP) as here:
        here.configure(detect="1s")
        with running(here.site) as daemon:
            daemon.wait_for("pass.finished")
            here.site.change(1, popup_url=OTHER)
            daemon.wait_for("app.state", state="Drifted")
            assert here.site.live(1)["popup_url"] == OTHER
            assert daemon.pass_now()["applied"] == 1
            assert here.site.live(1)["popup_url"] == POPUP
            assert daemon.stop() == 0


def test_sigterm_finishes_and_records_the_put_in_flight(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        slow_down(here.site)
        with running(here.site) as daemon:
            wait_for_put(here.site)
            assert daemon.stop() == 0
            assert here.site.live(1)["popup_url"] == POPUP
            check_recorded(here.site)


def test_a_second_sigterm_leaves_at_once_and_a_restart_resolves_what_is_open(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        slow_down(here.site)
        with running(here.site) as daemon:
            wait_for_put(here.site)
            daemon.signal(signal.SIGTERM)
            daemon.wait_for("daemon.stopping")
            daemon.signal(signal.SIGTERM)
            assert daemon.ended() == 1
        here.site.emulator.clear_faults()
        assert not verify.verify(here.site.state).good
        with running(here.site) as daemon:
            daemon.wait_for("intent.recovered")
            daemon.wait_for("pass.finished")
            assert daemon.stop() == 0
        check_recorded(here.site)
        assert here.site.live(1)["popup_url"] == POPUP


def test_a_killed_daemon_is_made_good_by_the_next(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        slow_down(here.site)
        with running(here.site) as daemon:
            wait_for_put(here.site)
            daemon.signal(signal.SIGKILL)
            assert daemon.ended() == -signal.SIGKILL
        here.site.emulator.clear_faults()
        with running(here.site) as daemon:
            daemon.wait_for("pass.finished")
            assert daemon.stop() == 0
        check_recorded(here.site)


def test_a_source_that_goes_away_leaves_the_last_good_state_in_force(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, running(here.site) as daemon:
        daemon.wait_for("pass.finished")
        here.repository.path.rename(tmp_path / "elsewhere.git")
        here.site.change(1, popup_url=OTHER)
        assert daemon.pass_now()["applied"] == 1
        daemon.wait_for("source.failed")
        assert here.site.live(1)["popup_url"] == POPUP
        assert daemon.stop() == 0


def test_a_source_that_is_not_there_at_the_start_is_waited_for(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        here.repository.path.rename(tmp_path / "elsewhere.git")
        here.configure(poll="1s")
        with running(here.site) as daemon:
            daemon.wait_for("pass.failed")
            (tmp_path / "elsewhere.git").rename(here.repository.path)
            assert daemon.wait_for("pass.finished")["applied"] == 1
            assert daemon.stop() == 0


def test_a_bad_file_is_the_state_of_its_own_apps(tmp_path: Path) -> None:
    with versioned(tmp_path, 2, popup_url=POPUP) as here, running(here.site) as daemon:
        daemon.wait_for("pass.finished")
        here.repository.commit({"app_0001.yaml": b"kind: Apps\n"})
        here.commit(range(2, 3), popup_url=OTHER)
        assert daemon.pass_now()["states"] == {"InSync": 1, "Invalid": 1}
        daemon.wait_for("source.invalid", path="app_0001.yaml")
        assert [here.site.live(n)["popup_url"] for n in (1, 2)] == [POPUP, OTHER]
        assert daemon.stop() == 0


def test_a_full_disk_stops_writing_and_not_looking(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, running(here.site) as daemon:
        daemon.wait_for("pass.finished")
        written = len(here.site.emulator.store.ledger())
        size = (here.site.state / "journal" / "00000001.jsonl").stat().st_size
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        here.site.change(1, popup_url=OTHER)
        reads = len(here.site.emulator.store.requests())
        line = daemon.pass_now()
        daemon.wait_for("journal.poisoned")
        assert sum(line[name] for name in COUNTS) == line["apps"]
        assert line["applied"] == 0
        assert len(here.site.emulator.store.requests()) > reads
        assert len(here.site.emulator.store.ledger()) == written
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert daemon.pass_now()["applied"] == 1
        assert daemon.stop() == 0
        assert verify.verify(here.site.state).good


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, running(here.site) as daemon:
        daemon.wait_for("pass.finished")
        here.site.run("run", expect=4)
        told = here.site.run("run", "--once")
        assert "another run holds the state" in told
        here.site.run("run", "--once", "--require-lock", expect=4)
        here.site.run("sync", expect=4)
        here.site.run("plan", "--exit-code")
        assert daemon.stop() == 0


def test_names_that_are_hostile_make_no_line_that_is_no_json(tmp_path: Path) -> None:
    with versioned(tmp_path, 2, popup_url=POPUP) as here:
        here.repository.commit(
            {b"\xff\x1b\n.yaml": b"kind: \xff\n"}, subject="\x1b]0;x\x07 \u202e", author="E\x07ve <e@x.test>"
        )
        with running(here.site) as daemon:
            daemon.wait_for("source.invalid")
            daemon.wait_for("pass.finished")
            here.site.change(1, popup_url="https://x.example/\x1b[2J\n{")
            daemon.pass_now()
            assert daemon.stop() == 0


def test_once_makes_one_pass(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        lines = [json.loads(line) for line in here.run("run", "--once").splitlines()]
        assert [line["applied"] for line in lines if line["event"] == "pass.finished"] == [2]
        here.run("run", "--once")
        assert len(here.emulator.store.ledger()) == 2


def test_once_with_a_bad_file_applies_the_others_and_ends_with_1(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_url=POPUP) as here:
        (here.source / "bad.yaml").write_text("kind: Apps\n")
        here.run("run", "--once", expect=1)
        assert here.live(2)["popup_url"] == POPUP


def test_once_ends_with_65_only_when_nothing_loads(tmp_path: Path) -> None:
    with site(tmp_path, 2, popup_ulr=POPUP) as here:
        assert "SY201" in here.run("run", "--once", expect=65)
        (here.source / "apps.yaml").unlink()
        here.run("run", "--once", expect=65)
        (here.source / "_defaults.yaml").write_text("apiVersion: syncer/v1\nkind: Defaults\n")
        assert "SY309" in here.run("run", "--once", expect=65)


def test_once_that_is_asked_to_stop_finishes_the_put_in_flight(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        slow_down(here.site)
        for command in ("run", "--once"), ("sync",):
            here.commit(range(1, 2), popup_url=f"{POPUP}/{command[0]}")
            with subprocess.Popen(
                here.site.command(*command), env=here.site.environ(), stdout=subprocess.DEVNULL
            ) as process:
                _wait_for_another_put(here.site)
                process.terminate()
                assert process.wait(30) == 0
            assert here.site.live(1)["popup_url"] == f"{POPUP}/{command[0]}"
            check_recorded(here.site)


def _wait_for_another_put(here: Site) -> None:

    deadline = time.monotonic() + 20
    before = len(here.emulator.store.ledger())
    while not here.state.joinpath("journal", "00000001.jsonl").exists():
        assert time.monotonic() < deadline
    while sum(r["type"] == "syncer.put.intent.v1" for r in here.journal()) <= before:
        assert time.monotonic() < deadline


def test_a_sync_that_is_stopped_while_it_reads_is_not_done(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.emulator.fault("GET:hang")
        arrived = here.emulator.store.arrived
        with subprocess.Popen(here.command("sync"), env=here.environ(), stderr=subprocess.PIPE, text=True) as process:
            while not arrived():
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
            assert process.returncode == 1
        assert "nothing was written" in told


def test_an_empty_configuration_change_is_recorded_once(tmp_path: Path) -> None:
    with site(tmp_path, 1, popup_url=POPUP) as here:
        here.run("run", "--once")
        here.run("run", "--once")
        here.run("run", "--once", SYNCER_LOG_LEVEL="warning")
        changes = [r for r in here.journal() if r["type"] == "syncer.config.changed.v1"]
        assert len(changes) == 2


@pytest.mark.parametrize("semantics", list(PutSemantics))
def test_undeclared_fields_keep_their_values_in_the_daemon_as_well(tmp_path: Path, semantics: PutSemantics) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here:
        store = here.site.emulator.store
        store.modes = replace(store.modes, put_semantics=semantics)
        here.site.change(1, callback_url=OTHER, streaming_enabled=True)
        with running(here.site) as daemon:
            daemon.wait_for("pass.finished")
            assert daemon.stop() == 0
        assert here.site.live(1)["callback_url"] == OTHER
        assert here.site.live(1)["streaming_enabled"] is True


def test_observing_writes_nothing(tmp_path: Path) -> None:
    with versioned(tmp_path, 1, popup_url=POPUP) as here, running(here.site, SYNCER_MODE="observe") as daemon:
        line = daemon.wait_for("pass.finished")
        assert (line["writes"], line["held"]) == (False, 1)
        assert daemon.stop() == 0
        assert here.site.emulator.store.ledger() == ()
