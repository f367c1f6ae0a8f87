"""How far a commit has come, as a git server is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncer.errors import Refusal, RefusedCommitError, SourceError
from syncer.model.outcome import State
from syncer.notify import commits
from tests.support.noticed import FOLDER, MINUTE, T0, a_commit, happened

if TYPE_CHECKING:
    from syncer.notify.deciding import Known
    from syncer.notify.seen import Happened

A, B = a_commit("a"), a_commit("b")
IN_SYNC, PENDING, FAILING, HELD = State.IN_SYNC, State.PENDING, State.FAILING, State.HELD


@dataclass
class GitServer:
    now: datetime = T0
    memory: dict[str, Known] = field(default_factory=dict)

    def hears(self, pass_: Happened, after: timedelta = MINUTE) -> list[tuple[str, str, str]]:
        self.now += after
        told = commits.decide(commits.of(pass_), self.memory, self.now, "https://syncer.example")
        self.memory |= {key: known for key, known in told.memory.items() if known}
        assert all(each.link == "https://syncer.example" for each in told.notices)
        return [(each.revision[0], each.state, each.reason) for each in told.notices]


@pytest.mark.parametrize(
    ("state", "verdict", "text"),
    [
        (IN_SYNC, "success", "2 of 2 apps are as declared"),
        (State.DRIFTED, "success", "2 of 2 apps are as declared"),
        (State.FIGHTING, "success", "2 of 2 apps are as declared"),
        (State.SUSPENDED, "success", "2 of 2 apps are as declared"),
        (PENDING, "pending", "1 of 2 apps are as declared, 1 waiting"),
        (HELD, "pending", "1 of 2 apps are as declared, 1 held"),
        (State.CONFLICT, "pending", "1 of 2 apps are as declared, 1 in conflict"),
        (State.UNREADABLE, "pending", "1 of 2 apps are as declared, 1 unreadable"),
        (State.AUTH_FAILED, "pending", "1 of 2 apps are as declared, 1 without a valid token"),
        (FAILING, "failure", "1 of 2 apps are as declared, 1 failed"),
        (State.NOT_CONVERGING, "failure", "1 of 2 apps are as declared, 1 failed"),
        (State.INVALID, "failure", "1 of 2 apps are as declared, 1 failed"),
    ],
)
def test_every_state_of_an_app_says_something_of_the_commit(state: State, verdict: str, text: str) -> None:
    assert GitServer().hears(happened({"x": IN_SYNC, "y": state}, revision=A)) == [("a", verdict, text)]


def test_a_commit_goes_from_pending_to_success_and_success_is_the_last_word() -> None:
    server = GitServer()
    told = [
        server.hears(happened({"x": state}, revision=A), timedelta(hours=1))
        for state in (PENDING, PENDING, IN_SYNC, FAILING, PENDING)
    ]
    assert [[verdict for _, verdict, _ in each] for each in told] == [["pending"], [], ["success"], [], []]


def test_counts_that_move_are_told_but_not_at_every_pass() -> None:
    server = GitServer()
    fleets = [{f"n{n}": IN_SYNC if n < done else PENDING for n in range(60)} for done in range(60)]
    told = [server.hears(happened(fleet, revision=A)) for fleet in fleets]
    assert len([each for each in told if each]) <= 6
    assert server.hears(happened({"n": IN_SYNC}, revision=A)) == [("a", "success", "1 of 1 apps are as declared")]


def test_a_commit_that_never_arrived_is_closed_when_the_next_one_comes() -> None:
    server = GitServer()
    server.hears(happened({"x": PENDING}, revision=A))
    assert server.hears(happened({"x": PENDING}, revision=B)) == [
        ("a", "error", "bbbbbbbbbbbb came before every app had it"),
        ("b", "pending", "0 of 1 apps are as declared, 1 waiting"),
    ]
    server.hears(happened({"x": IN_SYNC}, revision=B))
    assert [sha for sha, *_ in server.hears(happened({"x": IN_SYNC}, revision=A))] == ["a"]


def test_broken_files_fail_the_commit() -> None:
    pass_ = happened({"x": IN_SYNC}, revision=A, rejected=("a.yaml", "b.yaml"))
    assert GitServer().hears(pass_) == [("a", "failure", "1 of 1 apps are as declared, 2 invalid files")]


def test_a_commit_that_is_not_taken_fails_and_the_one_in_force_stays_as_it_is() -> None:
    server = GitServer()
    server.hears(happened({"x": IN_SYNC}, revision=A))
    refusal = RefusedCommitError(Refusal.NOT_SIGNED, "its signature is of nobody who may", commit="c" * 40)
    pass_ = happened({"x": IN_SYNC}, revision=A, failure=refusal)
    assert server.hears(pass_) == [("c", "failure", "not taken: its signature is of nobody who may")]
    assert server.hears(pass_) == []


def test_a_folder_and_a_pass_without_a_result_have_nothing_to_tell() -> None:
    server = GitServer()
    assert server.hears(happened({"x": PENDING}, revision=FOLDER)) == []
    assert server.hears(happened(None, failure=SourceError("away"))) == []
