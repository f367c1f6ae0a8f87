"""What is left in the termination log, and that nothing about it can make a run end otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncer.cli import termination
from syncer.errors import ConfigError, SourceError, SyncerError
from syncer.model.outcome import AppStatus, State, SyncReport, Trigger
from syncer.model.problems import Place, Problem
from tests.support.builders import NOW, REVISION, a_plan, a_ref, decide

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_that_ends_well_leaves_no_file_and_takes_an_older_reason_away(tmp_path: Path) -> None:
    told = tmp_path / "log"
    termination.write(told, 0, "")
    assert not told.exists()
    termination.write(told, 1, "the vendor is down")
    assert told.read_text() == "exit 1: the vendor is down\n"
    termination.write(told, 0, "")
    assert told.read_text() == ""


def test_a_reason_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    told = tmp_path / "log"
    termination.write(told, 1, "é\n" * 5000)
    text = told.read_bytes()
    assert len(text) <= termination.LONGEST + 1
    assert text.decode().splitlines() == [text.decode().rstrip("\n")]
    termination.write(told, 4, "")
    assert told.read_text() == "exit 4: see the log\n"


def test_a_file_that_cannot_be_written_is_nobodys_failure(tmp_path: Path) -> None:
    termination.write(tmp_path / "none" / "log", 1, "why")
    termination.write(tmp_path, 0, "")
    termination.write(None, 1, "why")
    assert list(tmp_path.iterdir()) == []


def test_a_pass_tells_of_the_source_then_of_files_then_of_apps_by_state() -> None:
    statuses = tuple(
        AppStatus(a_ref(name), name, state, f"why {name}", NOW, NOW)
        for name, state in (
            ("calm", State.IN_SYNC), ("lost", State.UNREADABLE), ("held", State.HELD), ("too", State.UNREADABLE)
        )
    )  # fmt: skip
    plan = decide(a_plan())
    files = ("apps/broken.yaml", "apps/other.yaml")
    report = SyncReport("run", Trigger.SCHEDULE, REVISION, plan, NOW, 1.5, True, apps=statuses, rejected=files)
    assert termination.of_report(report, SourceError("git is down", hint="wait")) == (
        "git is down; wait; 2 of the source's files are invalid, first apps/broken.yaml; "
        "1 Held, first acme/app_held: why held; 2 Unreadable, first acme/app_lost: why lost"
    )
    assert termination.of_report(replace(report, apps=statuses[:1], rejected=()), None) == ""


def test_an_error_is_told_with_its_hint_if_it_has_one() -> None:
    assert termination.of_error(SourceError("git is down", hint="wait")) == "git is down; wait"
    assert termination.of_error(SyncerError("it broke")) == "it broke"


def test_of_problems_in_files_the_first_is_named() -> None:
    found = Problem("SY201", "mode is none of apply, observe", Place("/etc/syncer/config/syncer.yaml", 5, 7))
    told = termination.of_error(ConfigError("the configuration has 2 problems", (found, found)))
    assert told == (
        "the configuration has 2 problems; "
        "first SY201 at /etc/syncer/config/syncer.yaml:5:7: mode is none of apply, observe"
    )
