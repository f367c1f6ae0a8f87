"""What a pass found out, as people are told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncer.errors import DesiredStateError, EmptySourceError, Refusal, RefusedCommitError, SourceError
from syncer.model.outcome import State
from syncer.model.planned import Decision, Hold, Plan, Rule
from syncer.model.problems import Place, Problem
from syncer.notify import seen
from syncer.notify.notice import What
from syncer.notify.seen import Standing
from tests.support.noticed import happened, ref

IN_SYNC, HELD = State.IN_SYNC, State.HELD
PROBLEM = Problem("SY201", "unknown key", Place("apps/a.yaml", 7, 3))


def test_an_app_comes_with_its_labels_and_the_next_command() -> None:
    [desk] = seen.of(happened({"desk": State.DRIFTED})).apps or ()
    assert (desk.name, desk.ref, desk.labels, desk.key) == (
        "desk",
        ref("desk"),
        (("team", "voice"),),
        "app acme/app_desk",
    )
    assert (desk.state, desk.reason, desk.todo) == (State.DRIFTED, "why Drifted", "syncer explain acme/app_desk")


@pytest.mark.parametrize(
    ("state", "todo"),
    [
        (IN_SYNC, ""),
        (HELD, "syncer explain acme/app_desk"),
        (State.AUTH_FAILED, "syncer doctor"),
        (State.UNREADABLE, "syncer doctor"),
        (State.INVALID, "syncer validate"),
    ],
)
def test_what_to_do_depends_on_the_state(state: State, todo: str) -> None:
    [desk] = seen.of(happened({"desk": state})).apps or ()
    assert desk.todo == todo


def test_a_held_app_comes_with_what_releases_it() -> None:
    release = "syncer approve 0123 --reason …"
    hold = Hold(Rule.BUDGET, "over the budget", ref("desk"), release=release)
    pass_ = happened({"desk": HELD})
    assert pass_.report is not None
    decision = Decision(Plan("p", pass_.report.revision, (), (), ()), (), (hold,))
    [desk] = seen.of(replace(pass_, report=replace(pass_.report, decision=decision))).apps or ()
    assert desk.todo == release


def test_text_from_outside_can_neither_move_nor_hide_anything() -> None:
    pass_ = happened({"desk": State.FAILING})
    assert pass_.report is not None
    bad = replace(pass_.report.apps[0], name="a\nb\u202e", reason="x\x1b[2J" + "y" * 5000)
    [desk] = seen.of(replace(pass_, report=replace(pass_.report, apps=(bad,)))).apps or ()
    assert desk.name == "a\\u{a}b\\u{202e}"
    assert desk.reason.startswith("x\\u{1b}[2Jyyy")
    assert len(desk.reason) == 1000


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (SourceError("git says no", hint="look at the key"), State.UNREADABLE),
        (EmptySourceError("nothing there"), State.UNREADABLE),
        (RefusedCommitError(Refusal.REWRITTEN, "rewritten", commit="c" * 40), HELD),
        (DesiredStateError("a mess", (PROBLEM,)), State.INVALID),
    ],
)
def test_a_source_that_brings_nothing_new_has_a_state(failure: SourceError, state: State) -> None:
    found = seen.of(happened({"desk": IN_SYNC}, failure=failure)).source
    assert found is not None
    assert (found.state, found.reason, found.todo) == (state, failure.message, failure.hint or "syncer doctor")


def test_broken_files_are_told_with_the_first_place() -> None:
    found = seen.of(happened({}, rejected=("apps/a.yaml",), problems=(PROBLEM,))).source
    assert found == Standing(
        What.SOURCE,
        State.INVALID,
        "a problem in 1 file; the first: unknown key (apps/a.yaml:7)",
        todo="syncer validate",
    )
    many = seen.of(happened({}, rejected=("a", "b"))).source
    assert many is not None
    assert many.reason == "0 problems in 2 files"


def test_a_pass_without_a_result_is_the_fleets_trouble_and_says_nothing_of_apps() -> None:
    found = seen.of(happened(None, error=SourceError("nothing in force")))
    assert found.apps is None
    assert found.fleet is not None
    assert (found.fleet.state, found.fleet.reason) == (State.FAILING, "a pass had no result: nothing in force")
    assert len(found.all()) == 2
    silent = seen.of(happened(None)).fleet
    assert silent is not None
    assert "pass.failed" in silent.reason


def test_a_journal_that_takes_nothing_is_the_fleets_trouble() -> None:
    fleet = seen.of(happened({"desk": IN_SYNC}, trouble="the disk is full")).fleet
    assert fleet is not None
    assert (fleet.state, fleet.reason) == (State.FAILING, "nothing is written to the vendor: the disk is full")
