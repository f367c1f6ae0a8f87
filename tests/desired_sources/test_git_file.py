"""A repository on this machine: what a snapshot is, how it moves, and what is an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from syncer.desired.gitmirror import NoSuchRefError
from syncer.desired.screen import Caps
from syncer.desired.snapshot import Entry
from syncer.errors import EmptySourceError, SourceError
from syncer.model.desired import Commit, Revision
from tests.support.git_sources import source
from tests.support.repositories import APPS, Repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "origin.git")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_snapshot_lists_documents_sorted_and_leaves_the_rest_out(repository: Repository, state: Path) -> None:
    repository.commit(
        {
            "b.yml": APPS,
            "a/x.yaml": b"1",
            "README.md": b"no",
            ".github/ci.yaml": b"no",
            ".hidden.yaml": b"no",
            "a/.d/y.yaml": b"no",
            "UPPER.YAML": b"no",
        }
    )
    snapshot = source(repository.url, state).fetch()
    assert [entry.path for entry in snapshot.entries] == ["a/x.yaml", "b.yml"]
    assert snapshot.entries[0] == Entry("a/x.yaml", repository.write_blob(b"1"), 1)
    assert snapshot.root == ""
    assert snapshot.refused == ()


def test_the_revision_names_commit_author_time_and_repository(repository: Repository, state: Path) -> None:
    sha = repository.commit({"a.yaml": APPS}, subject="Point the desk at the new popup")
    at = datetime.fromtimestamp(1750000000, timezone(timedelta(hours=5, minutes=30)))
    commit = Commit(sha, "Ann Example <ann@example.test>", at, "Point the desk at the new popup")
    assert source(repository.url, state).fetch().revision == Revision(sha, repository.url, commit)


def test_a_subpath_is_the_root_and_stays_in_the_paths(repository: Repository, state: Path) -> None:
    repository.commit({"config/apps/a.yaml": APPS, "other.yaml": b"no"})
    snapshot = source(repository.url, state, subpath="config//apps/").fetch()
    assert snapshot.root == "config/apps"
    assert [entry.path for entry in snapshot.entries] == ["config/apps/a.yaml"]


def test_a_new_commit_brings_a_new_snapshot_with_only_the_changed_blob_new(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"a", "b.yaml": b"b"})
    git = source(repository.url, state)
    before = git.fetch()
    repository.commit({"b.yaml": b"B"})
    after = git.fetch()
    assert {entry.blob for entry in after.entries} - {entry.blob for entry in before.entries} == {
        repository.write_blob(b"B")
    }
    assert git.is_ancestor(before.revision.id, after.revision.id)


def test_an_unchanged_commit_gives_the_same_snapshot_again(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": APPS})
    git = source(repository.url, state)
    assert git.fetch() is git.fetch()


def test_only_the_blobs_asked_for_are_read(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"first\n", "b.yaml": b"second", "c.yaml": b"", "d.yaml": b"first\n"})
    git = source(repository.url, state)
    snapshot = git.fetch()
    by_path = {entry.path: entry for entry in snapshot.entries}
    wanted = [by_path["a.yaml"], by_path["c.yaml"], by_path["d.yaml"]]
    assert git.read(snapshot, wanted) == {by_path["a.yaml"].blob: b"first\n", by_path["c.yaml"].blob: b""}
    assert git.read(snapshot, []) == {}


def test_a_tag_a_commit_and_the_default_branch_are_refs_too(repository: Repository, state: Path) -> None:
    first = repository.commit({"a.yaml": b"1"})
    repository.git("-c", "user.name=T", "-c", "user.email=t@t.test", "tag", "-a", "-m", "one", "v1", first)
    second = repository.commit({"a.yaml": b"2"})
    for ref, expected in (("v1", first), (first, first), ("HEAD", second), ("refs/tags/v1", first)):
        assert source(repository.url, state, ref=ref).fetch().revision.id == expected


def test_a_commit_that_no_branch_tip_names_is_found_although_the_server_hides_it(
    repository: Repository, state: Path
) -> None:
    first = repository.commit({"a.yaml": b"1"})
    repository.commit({"a.yaml": b"2"})
    assert source(repository.url, state, ref=first).fetch().revision.id == first


def test_a_commit_that_nobody_has_is_an_error(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"1"})
    with pytest.raises(SourceError, match=r"no commit d{40}"):
        source(repository.url, state, ref="d" * 40).fetch()


def test_a_pinned_commit_needs_the_server_only_once(repository: Repository, state: Path) -> None:
    first = repository.commit({"a.yaml": b"1"})
    git = source(repository.url, state, ref=first)
    git.fetch()
    repository.path.rename(repository.path.with_name("gone"))
    assert git.fetch().revision.id == first


def test_at_serves_commits_of_the_mirror_and_asks_for_names(repository: Repository, state: Path) -> None:
    first = repository.commit({"a.yaml": b"1"})
    repository.commit({"a.yaml": b"2"})
    other = repository.commit({"a.yaml": b"3"}, branch="release/1.0")
    git = source(repository.url, state)
    git.fetch()
    assert git.at(first).revision.id == first
    assert git.at(first[:10]).revision.id == first
    assert git.at("release/1.0").revision.id == other


def test_a_commit_of_a_moment_that_utc_does_not_have_counts_as_the_epoch(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"1"}, when="253402340000 -1200")
    commit = source(repository.url, state).fetch().revision.commit
    assert commit is not None
    assert commit.at == datetime.fromtimestamp(0, UTC)


def test_at_says_what_there_is_when_a_name_is_misspelt(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"1"}, branch="release")
    with pytest.raises(NoSuchRefError, match="no branch or tag relaese") as caught:
        source(repository.url, state).at("relaese")
    assert "there is release" in caught.value.hint


def test_an_abbreviated_commit_that_is_not_here_is_an_error(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"1"})
    git = source(repository.url, state)
    with pytest.raises(NoSuchRefError):
        git.at("abcdef0")
    git.fetch()
    with pytest.raises(NoSuchRefError):
        git.at("abcdef0")


def test_when_the_server_is_gone_the_last_commit_stays_readable(repository: Repository, state: Path) -> None:
    sha = repository.commit({"a.yaml": APPS})
    git = source(repository.url, state)
    git.fetch()
    repository.path.rename(repository.path.with_name("gone"))
    with pytest.raises(SourceError, match="does not exist there"):
        git.fetch()
    later = source(repository.url, state)
    snapshot = later.at(sha)
    assert later.read(snapshot, snapshot.entries) == {snapshot.entries[0].blob: APPS}


def test_a_forced_push_is_visible_as_no_ancestor(repository: Repository, state: Path) -> None:
    old = repository.commit({"a.yaml": b"1"})
    git = source(repository.url, state)
    git.fetch()
    new = repository.commit({"a.yaml": b"2"}, orphan=True)
    assert git.fetch().revision.id == new
    assert not git.is_ancestor(old, new)
    assert git.at(old).revision.id == old
    assert not git.is_ancestor("e" * 40, new)
    with pytest.raises(SourceError, match="no commit"):
        git.is_ancestor(old, "e" * 40)


def test_a_deleted_branch_is_an_error_even_if_a_tag_has_its_name(repository: Repository, state: Path) -> None:
    sha = repository.commit({"a.yaml": b"1"}, branch="prod")
    repository.commit({"a.yaml": b"1"})
    git = source(repository.url, state, ref="prod")
    git.fetch()
    repository.git("update-ref", "refs/tags/prod", sha)
    repository.git("update-ref", "-d", "refs/heads/prod")
    with pytest.raises(NoSuchRefError, match="refs/heads/prod is gone"):
        git.fetch()
    assert git.at(sha).revision.id == sha


def test_a_branch_that_became_a_folder_of_branches_is_no_conflict(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"1"}, branch="release")
    git = source(repository.url, state, ref="release")
    git.fetch()
    repository.git("update-ref", "-d", "refs/heads/release")
    sha = repository.commit({"a.yaml": b"2"}, branch="release/2")
    assert git.at("release/2").revision.id == sha


@pytest.mark.parametrize(
    ("files", "subpath", "message"),
    [
        ({"README.md": b"x"}, "", r"the repository at [0-9a-f]{12} holds no \*\.yaml"),
        ({"apps/README.md": b"x"}, "apps", r"folder apps at [0-9a-f]{12} holds no \*\.yaml"),
        ({"a.yaml": b"x"}, "apps", "there is no folder apps"),
        ({"apps": b"x"}, "apps", "folder apps at [0-9a-f]{12} is not a folder"),
    ],
)
def test_an_empty_source_is_an_error_that_says_which(
    repository: Repository, state: Path, files: dict[str | bytes, bytes], subpath: str, message: str
) -> None:
    repository.commit(dict(files))
    with pytest.raises(EmptySourceError, match=message) as caught:
        source(repository.url, state, subpath=subpath).fetch()
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("ref", ["main", "HEAD"])
def test_a_repository_without_commits_is_an_error(repository: Repository, state: Path, ref: str) -> None:
    with pytest.raises(EmptySourceError, match="the repository is empty"):
        source(repository.url, state, ref=ref).fetch()


def test_a_tag_of_a_blob_is_no_source(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"1"})
    repository.git("update-ref", "refs/tags/blob", repository.write_blob(b"1"))
    with pytest.raises(SourceError, match="does not lead to a commit"):
        source(repository.url, state, ref="blob").fetch()


@pytest.mark.parametrize("caps", [Caps(files=2), Caps(total=4)])
def test_a_source_over_the_caps_is_an_error_never_a_part(repository: Repository, state: Path, caps: Caps) -> None:
    repository.commit({"a.yaml": b"11", "b.yaml": b"22", "c.yaml": b"33"})
    with pytest.raises(SourceError, match="the source holds more than"):
        source(repository.url, state, caps=caps).fetch()


def test_changed_since_names_documents_changed_added_and_removed(repository: Repository, state: Path) -> None:
    old = repository.commit({"apps/a.yaml": b"1", "apps/b.yaml": b"1", "apps/c.yaml": b"1", "other.yaml": b"1"})
    new = repository.commit(
        {"apps/a.yaml": b"2", "apps/b.yaml": None, "apps/d.yaml": b"1", "apps/x.md": b"1", "other.yaml": b"2"}
    )
    git = source(repository.url, state, subpath="apps")
    git.fetch()
    assert git.changed_since(old, new) == {"apps/a.yaml", "apps/b.yaml", "apps/d.yaml"}
    assert git.changed_since("main", new) == frozenset()


def test_blame_names_the_commit_of_a_line(repository: Repository, state: Path) -> None:
    first = repository.commit({"a.yaml": b"one\ntwo\n"}, author="Ann <ann@example.test>")
    second = repository.commit({"a.yaml": b"one\nTWO\n"}, author="Bob <bob@example.test>", subject="Change two")
    git = source(repository.url, state)
    git.fetch()
    one, two = git.blame(second, "a.yaml", 1), git.blame(second, "a.yaml", 2)
    assert one is not None
    assert two is not None
    assert (one.sha, one.author) == (first, "Ann <ann@example.test>")
    assert (two.sha, two.author, two.subject) == (second, "Bob <bob@example.test>", "Change two")
    assert git.blame(second, "a.yaml", 9) is None
    assert git.blame(second, "b.yaml", 1) is None


def test_a_committers_own_words_are_kept_to_a_length_that_people_read(repository: Repository, state: Path) -> None:
    repository.commit({"a.yaml": b"1"}, author=f"{'E' * 60_000} <eve@example.test>", subject="s" * 200_000)
    commit = source(repository.url, state).fetch().revision.commit
    assert commit is not None
    assert (len(commit.author), len(commit.subject), commit.author[-2:]) == (500, 500, "E…")


def test_a_commit_with_an_impossible_zone_has_a_time(repository: Repository, state: Path) -> None:
    tree = repository.git("rev-parse", f"{repository.commit({'a.yaml': b'1'})}^{{tree}}")
    who = "Eve <eve@example.test> 1750000000 +9959"
    raw = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nOdd\n".encode()
    odd = repository.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=raw)
    repository.git("update-ref", "refs/heads/main", odd)
    commit = source(repository.url, state).fetch().revision.commit
    assert commit is not None
    assert commit.at.tzinfo is not None


def test_two_urls_never_share_a_mirror(repository: Repository, state: Path, tmp_path: Path) -> None:
    other = Repository.create(tmp_path / "other.git")
    first, second = repository.commit({"a.yaml": b"1"}), other.commit({"a.yaml": b"2"})
    assert source(repository.url, state).fetch().revision.id == first
    git = source(other.url, state)
    assert git.fetch().revision.id == second
    with pytest.raises(SourceError):
        git.at(first)
