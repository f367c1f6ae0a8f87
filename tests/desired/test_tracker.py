from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncer.desired.loader import Loader
from syncer.desired.tracker import Memory, Tracker
from syncer.errors import DesiredStateError, SourceError, UsageError
from tests.support.documents_text import defaults, one_app
from tests.support.memory_source import FixedClock, MemorySource

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.desired.snapshot import Snapshot, Source
    from syncer.model.desired import DesiredState

GOOD = {"a.yaml": one_app("a"), "b.yaml": one_app("b")}
BAD = one_app("a").replace("token", "tokn")
FIRST, SECOND, THIRD = (f"{number:040x}" for number in (1, 2, 3))


def tracker(source: Source, memory: Path | None = None) -> Tracker:
    return Tracker(source, Loader(FixedClock()), Memory(memory) if memory else None)


def revisions(state: DesiredState | None) -> dict[str, tuple[str, bool]]:
    assert state is not None
    return {app.name: (app.revision.id, bool(app.invalid)) for app in state.apps}


def test_the_newest_reading_comes_in_force() -> None:
    follow = tracker(MemorySource(GOOD))
    assert follow.refresh() is follow.in_force
    assert follow.failure is None
    assert revisions(follow.in_force) == {"a": (FIRST, False), "b": (FIRST, False)}


def test_a_broken_file_keeps_its_last_good_state_and_the_rest_moves_on() -> None:
    source = MemorySource(GOOD)
    follow = tracker(source)
    follow.refresh()
    source.change({"a.yaml": BAD})
    assert revisions(follow.refresh()) == {"a": (FIRST, True), "b": (SECOND, False)}
    source.change({"a.yaml": one_app("a")})
    assert revisions(follow.refresh()) == {"a": (THIRD, False), "b": (THIRD, False)}


@pytest.mark.parametrize("files", [{}, {"README.yaml": "kind: Nothing\n"}, {"a.yaml": "", "b.yaml": ""}])
def test_an_emptied_source_raises_and_what_was_in_force_stays(files: dict[str, str]) -> None:
    source = MemorySource(GOOD)
    follow = tracker(source)
    before = follow.refresh()
    source.commit(files)
    with pytest.raises(DesiredStateError):
        follow.refresh()
    assert follow.in_force is before
    assert isinstance(follow.failure, DesiredStateError)


def test_a_source_that_fails_raises_and_what_was_in_force_stays() -> None:
    source = MemorySource(GOOD)
    follow = tracker(source)
    before = follow.refresh()
    source.fails = "git is down"
    with pytest.raises(SourceError, match="git is down"):
        follow.refresh()
    assert follow.in_force is before
    source.fails = ""
    follow.refresh()
    assert follow.failure is None


def test_a_restart_with_a_bad_tip_loses_and_rolls_back_nothing(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    source = MemorySource(GOOD)
    follow = tracker(source, memory)
    follow.refresh()
    source.change({"a.yaml": BAD})
    before = follow.refresh()
    source.change({"b.yaml": one_app("b", url="https://h.example/new")})
    after = tracker(source, memory).refresh()
    assert revisions(before) == {"a": (FIRST, True), "b": (SECOND, False)}
    assert revisions(after) == {"a": (FIRST, True), "b": (THIRD, False)}


def test_a_restart_remembers_each_broken_file_at_its_own_revision(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    source = MemorySource({**GOOD, "c.yaml": one_app("c")})
    follow = tracker(source, memory)
    for change in ({"a.yaml": BAD}, {"b.yaml": BAD}, {"c.yaml": one_app("c", url="https://h.example/new")}):
        follow.refresh()
        source.change(change)
    expected = revisions(follow.refresh())
    assert expected == {"a": (FIRST, True), "b": (SECOND, True), "c": (f"{4:040x}", False)}
    assert revisions(tracker(source, memory).refresh()) == expected


def test_a_restart_with_the_source_down_has_the_last_good_state_in_force(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    source = MemorySource(GOOD)
    tracker(source, memory).refresh()
    follow = tracker(NoFetch(source), memory)
    with pytest.raises(SourceError, match="remote is down"):
        follow.refresh()
    assert revisions(follow.in_force) == {"a": (FIRST, False), "b": (FIRST, False)}


def test_a_history_that_is_out_of_reach_at_start_is_looked_for_again(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    source = MemorySource(GOOD)
    tracker(source, memory).refresh()
    source.change({"a.yaml": BAD})
    source.fails = "down"
    follow = tracker(source, memory)
    with pytest.raises(SourceError):
        follow.refresh()
    source.fails = ""
    assert revisions(follow.refresh()) == {"a": (FIRST, True), "b": (SECOND, False)}


def test_a_restart_knows_which_file_was_defaults(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    source = MemorySource(
        {"t/common.yaml": defaults("labels: {a: b}"), "t/x.yaml": one_app("x"), "y.yaml": one_app("y")}
    )
    tracker(source, memory).refresh()
    source.change({"t/common.yaml": ""})
    state = tracker(source, memory).refresh()
    assert revisions(state) == {"x": (FIRST, True), "y": (SECOND, False)}
    assert dict(state.apps[0].labels) == {"a": "b"}


def test_a_past_that_the_source_has_no_more_is_given_up(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    source = MemorySource(GOOD)
    tracker(source, memory).refresh()
    source.change({"a.yaml": BAD})
    del source.revisions[FIRST]
    assert revisions(tracker(source, memory).refresh()) == {"b": (SECOND, False)}


def test_a_folder_has_no_past_so_its_broken_files_have_no_state_after_a_restart(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    source = MemorySource(GOOD)
    folder = Folder(source)
    tracker(folder, memory).refresh()
    source.change({"a.yaml": BAD})
    assert set(revisions(tracker(folder, memory).refresh())) == {"b"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"origins": []}',
        '{"origins": {"": []}}',
        '{"origins": {"": {"good": 1, "files": {}}}}',
        '{"origins": {"": {"good": "x"}}}',
        '{"origins": {"": {"good": "x", "files": []}}}',
        "\xff",
        "[" * 99_999,
    ],
)
def test_a_memory_that_makes_no_sense_is_ignored_and_replaced(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "desired.json"
    memory.write_text(content, encoding="latin-1")
    source = MemorySource(GOOD)
    assert len(tracker(source, memory).refresh().apps) == 2
    assert FIRST in memory.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["desired.json"]


def test_the_memory_is_written_only_when_it_changes(tmp_path: Path) -> None:
    memory = tmp_path / "desired.json"
    follow = tracker(MemorySource(GOOD), memory)
    follow.refresh()
    memory.unlink()
    follow.refresh()
    assert not memory.exists()


def test_a_memory_that_can_not_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    follow = tracker(MemorySource(GOOD), tmp_path / "missing" / "desired.json")
    assert len(follow.refresh().apps) == 2
    assert follow.failure is not None
    assert "can't write" in follow.failure.message
    assert follow.in_force is not None


def test_what_is_remembered_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "desired.json"
    path.with_name(".desired.json.new").write_text("left by a crash, readable for everybody")
    tracker(MemorySource(GOOD), path).refresh()
    assert path.stat().st_mode & 0o777 == 0o600


class NoFetch(MemorySource):
    """The remote is gone; the mirror still has every revision."""

    def __init__(self, source: MemorySource) -> None:
        super().__init__()
        self.revisions = source.revisions

    def fetch(self) -> Snapshot:
        raise SourceError("remote is down")


class Folder(MemorySource):
    """A source without history."""

    def __init__(self, source: MemorySource) -> None:
        super().__init__()
        self.revisions = source.revisions

    def fetch(self) -> Snapshot:
        return MemorySource.at(self, [*self.revisions][-1])

    def at(self, revision: str) -> Snapshot:
        raise UsageError("a folder has no revisions")
