"""Loader and tracker on a real git repository and a real folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.desired.folder import FolderSource
from syncer.desired.loader import Loader
from syncer.desired.tracker import Memory, Tracker
from syncer.errors import SourceError
from tests.support.documents_text import defaults, one_app
from tests.support.git_sources import source
from tests.support.memory_source import FixedClock
from tests.support.repositories import Blob, Repository

if TYPE_CHECKING:
    from syncer.desired.snapshot import Source
    from syncer.model.desired import DesiredState

SAMPLE = Path(__file__).parents[2] / "config" / "apps"


def tracker(of: Source, memory: Path) -> Tracker:
    return Tracker(of, Loader(FixedClock()), Memory(memory))


def summary(state: DesiredState | None) -> dict[str, tuple[str, bool]]:
    assert state is not None
    return {app.name: (app.revision.id, bool(app.invalid)) for app in state.apps}


def test_the_sample_fleet_loads_from_the_folder_as_users_type_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLE.parents[1])
    folder = FolderSource("config/apps")
    state = Loader(FixedClock()).load(folder, folder.fetch())
    assert (len(state.apps), state.problems, state.rejected) == (14, (), ())
    assert state.apps[0].at.path == "config/apps/acme/telephony.yaml"
    assert state.revision.id.startswith("sha256:")


def test_a_subpath_of_a_repository_layers_from_there(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "apps.git")
    commit = repository.commit(
        {
            "_defaults.yaml": defaults("labels: {from: above}\n").encode(),
            "conf/apps/_defaults.yaml": defaults("labels: {from: root}\n").encode(),
            "conf/apps/t/x.yaml": one_app("x").encode(),
            "other/y.yaml": one_app("y").encode(),
        }
    )
    git = source(repository.url, tmp_path / "mirrors", subpath="conf/apps")
    (app,) = Loader(FixedClock()).load(git, git.fetch()).apps
    assert (app.at.path, dict(app.labels), app.revision.id) == ("conf/apps/t/x.yaml", {"from": "root"}, commit)
    blamed = git.blame(commit, app.at.path, app.at.line)
    assert blamed is not None
    assert blamed.sha == commit


def test_a_bad_commit_a_symlink_and_a_restart_never_lose_the_last_good_state(tmp_path: Path) -> None:
    memory, mirrors = tmp_path / "desired.json", tmp_path / "mirrors"
    repository = Repository.create(tmp_path / "apps.git")
    first = repository.commit({"a.yaml": one_app("a").encode(), "t/b.yaml": one_app("b").encode()})
    follow = tracker(source(repository.url, mirrors), memory)
    assert summary(follow.refresh()) == {"a": (first, False), "b": (first, False)}

    second = repository.commit({"a.yaml": b"kind: Apps\napps: [", "t/b.yaml": one_app("b").encode()})
    expected = {"a": (first, True), "b": (second, False)}
    assert summary(follow.refresh()) == expected

    third = repository.commit({"t/_defaults.yaml": Blob(b"../../secret", "120000"), "c.yaml": one_app("c").encode()})
    expected = {"a": (first, True), "b": (second, True), "c": (third, False)}
    state = follow.refresh()
    assert summary(state) == expected
    assert state.rejected == ("a.yaml", "t/_defaults.yaml", "t/b.yaml")

    shutil.rmtree(repository.path)
    restarted = tracker(source(repository.url, mirrors), memory)
    with pytest.raises(SourceError):
        restarted.refresh()
    assert summary(restarted.in_force) == expected


def test_an_emptied_folder_keeps_what_was_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "apps"
    folder.mkdir()
    (folder / "x.yaml").write_text(one_app("x"))
    follow = tracker(FolderSource(str(folder)), tmp_path / "desired.json")
    before = follow.refresh()
    (folder / "x.yaml").unlink()
    with pytest.raises(SourceError):
        follow.refresh()
    assert follow.in_force is before
    (folder / "x.yaml").write_text(one_app("x").replace("token", "tokn"))
    assert [app.invalid.split(": ")[1] for app in follow.refresh().apps] == ["SY201 unknown key `tokn`"]
