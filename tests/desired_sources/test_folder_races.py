"""A folder that is written while it is read: what is believed was published, and half a file never is."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.clock import SystemClock
from syncer.desired.folder import FolderSource, Settle
from syncer.desired.loader import Loader
from syncer.errors import SourceError, SyncerError
from tests.desired_sources.test_folder import Hands, publish, write
from tests.support.documents_text import one_app
from tests.support.memory_source import FixedClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.desired.snapshot import Snapshot
    from syncer.model.desired import DesiredState

SAMPLE = Path(__file__).parents[2] / "config" / "apps"
READS, MANY_READS = 300, 10_000
FILES = ("a.yaml", "team/b.yaml", "team/c.yaml")


def version(number: int) -> dict[str, str]:
    """Every file of one version, each naming it in every line, of sizes that differ from version to version."""
    return {name: f"# {number}\n" * (1 + (number * 7 + place) % 40) for place, name in enumerate(FILES)}


class Writer(threading.Thread):
    """Publishes one version after the other until told to end; `turns` counts them."""

    def __init__(self, step: Callable[[int], object]) -> None:
        super().__init__(daemon=True)
        self._step = step
        self.ending = threading.Event()
        self.turned = threading.Condition()
        self.turns = 0

    def run(self) -> None:
        for number in itertools.count(1):
            if self.ending.is_set():
                return
            self._step(number)
            with self.turned:
                self.turns += 1
                self.turned.notify_all()

    def wait_for_turns(self, count: int) -> None:
        with self.turned:
            until = self.turns + count
            self.turned.wait_for(lambda: self.turns >= until, 20)


@contextmanager
def writing(step: Callable[[int], object]) -> Iterator[Writer]:
    writer = Writer(step)
    writer.start()
    try:
        yield writer
    finally:
        writer.ending.set()
        writer.join()


def numbers(source: FolderSource, snapshot: Snapshot) -> dict[str, set[str]]:
    """The versions that stand in each file."""
    read = source.read(snapshot, snapshot.entries)
    return {entry.path: set(read[entry.blob].decode().splitlines()) for entry in snapshot.entries}


def whole(source: FolderSource, snapshot: Snapshot, folder: Path) -> bool:
    """Whether a snapshot is one version, all of it."""
    found = numbers(source, snapshot)
    stated = {line for lines in found.values() for line in lines}
    assert len(stated) == 1, stated
    number = int(stated.pop().removeprefix("# "))
    read = source.read(snapshot, snapshot.entries)
    there = {str(Path(entry.path).relative_to(folder)): read[entry.blob].decode() for entry in snapshot.entries}
    return there == version(number)


def read_while(folder: Path, times: int, step: Callable[[int], object]) -> int:
    """Read so often while somebody publishes; how many readings were believed, each of them whole."""
    source = FolderSource(str(folder), settle=Settle(2.0, lambda _: None, SystemClock()))
    believed = 0
    with writing(step):
        for _ in range(times):
            try:
                snapshot = source.fetch()
            except SourceError:
                continue
            assert whole(source, snapshot, folder)
            believed += 1
    return believed


def config_map(folder: Path, times: int) -> int:
    publish(folder, "..2025_01_01_00_00_00.0", version(0))
    return read_while(folder, times, lambda number: publish(folder, f"..2025_01_01_00_00_00.{number}", version(number)))


def git_sync(home: Path, times: int) -> int:
    """Whole folders, switched by a link that is the source itself; each is left for a while."""

    def step(number: int) -> None:
        write(home / f"v{number}", version(number))
        (home / "link.new").symlink_to(f"v{number}")
        (home / "link.new").rename(home / "link")

    step(0)
    source, believed = FolderSource(str(home / "link")), 0
    with writing(step):
        for _ in range(times):
            try:
                snapshot = source.fetch()
            except SourceError:
                continue
            assert whole(source, snapshot, home / "link")
            believed += 1
    return believed


@pytest.mark.parametrize("how", [config_map, git_sync])
def test_every_believed_reading_was_published(tmp_path: Path, how: Callable[[Path, int], int]) -> None:
    assert how(tmp_path, READS) > 0


@pytest.mark.soak
@pytest.mark.parametrize("how", [config_map, git_sync])
def test_every_believed_reading_was_published_at_length(tmp_path: Path, how: Callable[[Path, int], int]) -> None:
    assert how(tmp_path, MANY_READS) > 100


def cut_in_place(folder: Path, number: int) -> None:
    """Each file cut to nothing and written again in three parts, as a careless writer does it."""
    for name, text in version(number).items():
        with (folder / name).open("w") as file:
            third = len(text) // 3 + 1
            for start in range(0, len(text), third):
                file.write(text[start : start + third])
                file.flush()


def truncated(folder: Path, times: int) -> tuple[int, int]:
    """Readings of a folder whose files are cut and rewritten without pause: those believed, and those given up."""
    write(folder, version(0))
    believed = given_up = 0
    with writing(lambda number: cut_in_place(folder, number)) as writer:
        hands = Hands(lambda _: writer.wait_for_turns(2))
        source = FolderSource(str(folder), settle=hands.settle, tries=3)
        for _ in range(times):
            try:
                snapshot = source.fetch()
            except SourceError:
                given_up += 1
            else:  # two equal readings with two whole versions in between hold no version but that of empty files
                assert set().union(*numbers(source, snapshot).values()) <= {"# 0"}
                believed += 1
    return believed, given_up


def test_a_folder_that_is_cut_and_rewritten_all_the_time_is_not_believed(tmp_path: Path) -> None:
    _, given_up = truncated(tmp_path, READS // 10)
    assert given_up > 0


@pytest.mark.soak
def test_a_folder_that_is_cut_and_rewritten_all_the_time_is_not_believed_at_length(tmp_path: Path) -> None:
    _, given_up = truncated(tmp_path, MANY_READS // 10)
    assert given_up > 0


def loaded(folder: Path) -> DesiredState:
    """What a daemon makes of a folder that stays as it is."""
    hands = Hands()
    source = FolderSource(str(folder), settle=hands.settle)
    return Loader(FixedClock()).load(source, source.fetch())


def hosts(state: DesiredState) -> set[str]:
    return {
        str(value).split("/")[2] for app in state.apps for _, value in app.settings.declared() if "://" in str(value)
    }


def cut_everywhere(folder: Path, name: str, step: int) -> None:
    """Cut one file of the sample fleet at every place: refused, or every line in it is whole."""
    whole_state = loaded(folder)
    path = folder / name
    data = path.read_bytes()
    shown = f"{folder}/{name}"
    for size in range(0, len(data), step):
        path.write_bytes(data[:size])
        try:
            state = loaded(folder)
        except SyncerError:
            continue
        if data[:size].endswith(b"\n"):
            assert hosts(state) <= hosts(whole_state)
        else:
            assert shown in state.rejected
            assert not [app for app in state.apps if app.at.path == shown]


SAMPLES = sorted(str(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("*.yaml"))


def copied(home: Path) -> Path:
    return write(home / "apps", {name: (SAMPLE / name).read_text() for name in SAMPLES})


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_file_cut_anywhere_is_refused_or_ends_with_a_whole_line(tmp_path: Path, name: str) -> None:
    cut_everywhere(copied(tmp_path), name, 41)


@pytest.mark.soak
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_file_cut_at_every_byte_is_refused_or_ends_with_a_whole_line(tmp_path: Path, name: str) -> None:
    cut_everywhere(copied(tmp_path), name, 1)


def test_only_a_daemon_on_a_plain_folder_asks_for_the_last_line_break(tmp_path: Path) -> None:
    text = one_app("desk").rstrip("\n")
    write(tmp_path / "plain", {"a.yaml": text, "b.yaml": "# b\n", "c.yaml": ""})
    plain = FolderSource(str(tmp_path / "plain"), settle=Hands().settle).fetch()
    assert [(problem.rule, problem.at.path) for problem in plain.refused] == [("SY158", f"{tmp_path}/plain/a.yaml")]
    assert [Path(entry.path).name for entry in plain.entries] == ["b.yaml", "c.yaml"]
    assert FolderSource(str(tmp_path / "plain")).fetch().refused == ()
    (tmp_path / "mounted").mkdir()
    publish(tmp_path / "mounted", "..2025_01_01_00_00_00.1", {"a.yaml": text})
    assert FolderSource(str(tmp_path / "mounted"), settle=Hands().settle).fetch().refused == ()
