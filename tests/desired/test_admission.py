"""Which commits come in force: what a tracker remembers, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from syncer.desired.admission import Admission
from syncer.desired.loader import Loader
from syncer.desired.tracker import Memory, Tracker
from syncer.errors import Refusal, RefusedCommitError
from tests.support.documents_text import one_app
from tests.support.git_sources import source
from tests.support.memory_source import FixedClock
from tests.support.repositories import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.desired.git import GitSource


class Signed:
    """A repository's commits of which only some are signed, and a person's approvals."""

    def __init__(self, commits: GitSource) -> None:
        self._commits = commits
        self.signers: dict[str, str] = {}
        self.approvals: set[tuple[str, str]] = set()

    def is_ancestor(self, old: str, new: str) -> bool:
        return self._commits.is_ancestor(old, new)

    def signer(self, commit: str, allowed: Path) -> str:
        if commit not in self.signers:
            raise RefusedCommitError(Refusal.NOT_SIGNED, f"{commit} is not signed", commit=commit, hint=str(allowed))
        return self.signers[commit]

    def approved(self, was: str, now: str) -> bool:
        return (was, now) in self.approvals


class Followed:
    """A repository and trackers of it; `restarted` is another process with the same memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository.create(folder / "origin.git")
        self.source = source(self.repository.url, folder / "git")
        self.signed = Signed(self.source)
        self.tracker = self.restarted()

    def restarted(
        self, *, origin: str = "one", kept: bool = True, forward: bool = True, allowed: Path | None = None
    ) -> Tracker:
        admission = Admission(self.signed, self.signed.approved, allowed, forward)
        memory = Memory(self.folder / "last-good.json", origin, kept)
        self.tracker = Tracker(self.source, Loader(FixedClock()), memory, admission)
        return self.tracker

    def commit(self, url: str, *, orphan: bool = False) -> str:
        return self.repository.commit({"a.yaml": one_app("a", url=f"https://h.example/{url}").encode()}, orphan=orphan)

    def reset(self, commit: str) -> None:
        self.repository.git("update-ref", "refs/heads/main", commit)

    @property
    def now(self) -> str:
        """The commit in force."""
        return self.tracker.in_force.revision.id if self.tracker.in_force else ""

    def refused(self) -> RefusedCommitError:
        """What the next look at the source refuses, and that nothing else comes in force."""
        before = self.now
        with pytest.raises(RefusedCommitError) as caught:
            self.tracker.refresh()
        assert self.now == before
        assert self.tracker.failure is caught.value
        return caught.value

    def refused_at_start(self, in_force: str) -> RefusedCommitError:
        """What the first look after a restart refuses, with the state in force found again."""
        with pytest.raises(RefusedCommitError) as caught:
            self.tracker.refresh()
        assert self.now == in_force
        return caught.value


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path)


def test_a_commit_on_top_comes_in_force(followed: Followed) -> None:
    for name in ("1", "2"):
        tip = followed.commit(name)
        followed.tracker.refresh()
        assert followed.now == tip


def test_a_rewritten_history_is_held_and_told_with_both_commits_and_the_command(followed: Followed) -> None:
    first = followed.commit("1")
    second = followed.commit("2")
    followed.tracker.refresh()
    followed.reset(first)
    amended = followed.commit("3")
    error = followed.refused()
    assert followed.now == second
    assert error.message == f"history was rewritten: {amended} does not follow {second}, which stays in force"
    assert f"`syncer approve --non-fast-forward {amended} --reason '…'`" in error.hint
    assert (error.rule, error.commit, error.was, error.exit_code) == (Refusal.REWRITTEN, amended, second, 4)


def test_a_reset_to_an_older_commit_is_held(followed: Followed) -> None:
    first, *_, last = [followed.commit(name) for name in "1234"]
    followed.tracker.refresh()
    followed.reset(first)
    error = followed.refused()
    assert (error.commit, error.was) == (first, last)


def test_a_history_without_a_common_commit_is_held(followed: Followed) -> None:
    followed.commit("1")
    followed.tracker.refresh()
    tip = followed.commit("2", orphan=True)
    assert followed.refused().commit == tip


def test_what_was_rewritten_while_nobody_looked_is_held_at_the_next_start(followed: Followed) -> None:
    first = followed.commit("1")
    followed.tracker.refresh()
    second = followed.commit("2", orphan=True)
    followed.restarted()
    error = followed.refused_at_start(first)
    assert error.commit == second


def test_a_rewritten_history_stays_held_over_a_restart(followed: Followed) -> None:
    first = followed.commit("1")
    followed.tracker.refresh()
    followed.commit("2", orphan=True)
    followed.refused()
    followed.restarted()
    followed.refused_at_start(first)


def test_a_history_restored_is_followed_again(followed: Followed) -> None:
    first = followed.commit("1")
    followed.tracker.refresh()
    followed.commit("2", orphan=True)
    followed.refused()
    followed.reset(first)
    last = followed.commit("3")
    followed.tracker.refresh()
    assert (followed.now, followed.tracker.failure) == (last, None)


def test_the_commit_in_force_may_be_gone_and_its_successor_must_still_follow_it(followed: Followed) -> None:
    followed.commit("1")
    followed.tracker.refresh()
    path = followed.folder / "last-good.json"
    path.write_text(path.read_text().replace(followed.now, "ab" * 20))
    followed.restarted()
    assert followed.refused().was == "ab" * 20
    assert followed.now == ""


def test_first_contact_takes_what_it_finds(followed: Followed) -> None:
    first = followed.commit("1")
    followed.tracker.refresh()
    assert followed.now == first


def test_another_repository_or_ref_is_a_first_contact(followed: Followed) -> None:
    followed.commit("1")
    followed.tracker.refresh()
    second = followed.commit("2", orphan=True)
    followed.restarted(origin="two").refresh()
    assert followed.now == second


def test_a_look_at_another_ref_does_not_make_the_first_forgotten(followed: Followed) -> None:
    first = followed.commit("1")
    followed.tracker.refresh()
    followed.commit("2", orphan=True)
    for number in range(10):
        followed.restarted(origin=f"other {number}").refresh()
    followed.restarted()
    followed.refused_at_start(first)


def test_only_so_many_origins_are_remembered(followed: Followed) -> None:
    followed.commit("1")
    for number in range(20):
        followed.restarted(origin=f"origin {number}").refresh()
    known = json.loads((followed.folder / "last-good.json").read_text())["origins"]
    assert list(known) == [f"origin {number}" for number in range(4, 20)]


def test_history_any_follows_everything(followed: Followed) -> None:
    followed.commit("1")
    followed.tracker.refresh()
    second = followed.commit("2", orphan=True)
    followed.restarted(forward=False).refresh()
    assert followed.now == second


def test_an_approval_admits_its_commit_in_place_of_that_one_and_nothing_else(followed: Followed) -> None:
    first = followed.commit("1")
    followed.tracker.refresh()
    second = followed.commit("2", orphan=True)
    followed.signed.approvals = {(first, second)}
    third = followed.commit("3", orphan=True)
    assert followed.refused().commit == third
    followed.reset(second)
    followed.tracker.refresh()
    assert followed.now == second
    followed.reset(third)
    assert followed.refused().was == second


def test_a_process_that_only_looks_knows_what_is_in_force_and_leaves_it_so(followed: Followed) -> None:
    first = followed.commit("1")
    followed.tracker.refresh()
    memory = (followed.folder / "last-good.json").read_text()
    second = followed.commit("2")
    followed.restarted(kept=False).refresh()
    assert followed.now == second
    assert (followed.folder / "last-good.json").read_text() == memory
    followed.commit("3", orphan=True)
    followed.restarted(kept=False)
    followed.refused_at_start(first)


def test_a_signed_commit_carries_its_signer(followed: Followed) -> None:
    first = followed.commit("1")
    followed.signed.signers[first] = "ann (key)"
    state = followed.restarted(allowed=followed.folder / "allowed").refresh()
    assert state.revision.commit is not None
    assert state.revision.commit.signer == "ann (key)"
    assert [app.revision for app in state.apps] == [state.revision]


def test_an_unsigned_commit_leaves_the_signed_one_in_force(followed: Followed) -> None:
    first = followed.commit("1")
    followed.signed.signers[first] = "ann (key)"
    followed.restarted(allowed=followed.folder / "allowed").refresh()
    followed.commit("2")
    assert followed.refused().rule is Refusal.NOT_SIGNED
    assert followed.now == first


def test_an_approval_is_no_signature(followed: Followed) -> None:
    first = followed.commit("1")
    followed.signed.signers[first] = "ann (key)"
    followed.restarted(allowed=followed.folder / "allowed").refresh()
    second = followed.commit("2", orphan=True)
    followed.signed.approvals = {(first, second)}
    assert followed.refused().rule is Refusal.NOT_SIGNED


def test_a_commit_in_force_that_nobody_signed_is_not_restored_once_signatures_are_asked_for(
    followed: Followed,
) -> None:
    followed.commit("1")
    followed.tracker.refresh()
    followed.restarted(allowed=followed.folder / "allowed")
    assert followed.refused().rule is Refusal.NOT_SIGNED
    assert followed.now == ""


def test_a_signed_commit_in_force_is_restored(followed: Followed) -> None:
    first = followed.commit("1")
    followed.signed.signers[first] = "ann (key)"
    allowed = followed.folder / "allowed"
    followed.restarted(allowed=allowed).refresh()
    followed.commit("2")
    followed.restarted(allowed=allowed)
    assert followed.refused_at_start(first).rule is Refusal.NOT_SIGNED
