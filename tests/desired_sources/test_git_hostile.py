"""Repositories made to harm: nothing in them is run, followed or shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from syncer.desired.screen import Caps
from syncer.errors import SourceError
from tests.support.git_sources import source
from tests.support.repositories import APPS, Blob, Repository

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.desired.snapshot import Snapshot


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "origin.git")


def refused(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(problem.rule, problem.at.path) for problem in snapshot.refused]


@pytest.mark.parametrize("name", [".git", ".GIT", "..", "."])
def test_a_tree_that_would_write_into_git_itself_is_not_taken_in(
    repository: Repository, tmp_path: Path, name: str
) -> None:
    first = repository.commit({"a.yaml": APPS})
    git = source(repository.url, tmp_path / "state")
    git.fetch()
    repository.tree_of_one(name, "100644", repository.write_blob(b"[core]\n\tsshCommand = touch /tmp/x\n"))
    with pytest.raises(SourceError, match="objects that git's own check refuses"):
        git.fetch()
    assert git.at(first).entries


def test_large_and_deep_documents_are_refused_unread(repository: Repository, tmp_path: Path) -> None:
    deep = "/".join("d" * 4) + "/x.yaml"
    repository.commit({"big.yaml": b"x" * 101, "fits.yaml": b"x" * 100, deep: APPS, "d/d/d/fits.yaml": b""})
    snapshot = source(repository.url, tmp_path / "state", caps=Caps(file=100, depth=4)).fetch()
    assert refused(snapshot) == [("SY154", "big.yaml"), ("SY155", deep)]
    assert [entry.path for entry in snapshot.entries] == ["d/d/d/fits.yaml", "fits.yaml"]


def test_a_source_of_nothing_but_refused_files_is_a_snapshot_with_problems(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"link.yaml": Blob(b"/etc/passwd", "120000")})
    snapshot = source(repository.url, tmp_path / "state").fetch()
    assert snapshot.entries == ()
    assert refused(snapshot) == [("SY150", "link.yaml")]


def test_a_pack_over_the_limit_ends_the_fetch_and_leaves_nothing_large(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": APPS, "noise.bin": os.urandom(12_000_000), **_many(150)})
    with pytest.raises(SourceError, match="larger than the limit for one pack"):
        source(repository.url, tmp_path / "state", object_file=1_000_000).fetch()
    assert sum(path.stat().st_size for path in (tmp_path / "state").rglob("*") if path.is_file()) < 100_000


def _many(count: int) -> dict[str | bytes, bytes | Blob | None]:
    return {f"f{number}.txt": b"%d" % number for number in range(count)}
