"""A folder: plain, mounted as a ConfigMap, linked by git-sync, hostile, half-written."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.clock import SystemClock
from syncer.desired import foldertree
from syncer.desired.folder import FolderSource, Settle
from syncer.desired.screen import Caps
from syncer.errors import EmptySourceError, SourceError, UsageError
from syncer.model.desired import Revision
from syncer.model.problems import Severity
from tests.support import git_sources
from tests.support.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.desired.snapshot import Snapshot, Source

NOBODY = 65534


class Hands:
    """A clock that moves only while somebody pauses; `meanwhile` happens in each pause."""

    def __init__(self, meanwhile: Callable[[int], object] = lambda _: None) -> None:
        self.seconds = 0.0
        self.pauses = 0
        self._meanwhile = meanwhile

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.seconds += seconds
        self.pauses += 1
        self._meanwhile(self.pauses)

    @property
    def settle(self) -> Settle:
        return Settle(2.0, self.pause, self)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def contents(source: FolderSource, snapshot: Snapshot) -> dict[str, bytes]:
    read = source.read(snapshot, snapshot.entries)
    return {entry.path: read[entry.blob] for entry in snapshot.entries}


def refused(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(problem.rule, problem.at.path) for problem in snapshot.refused]


def publish(volume: Path, version: str, files: dict[str, str]) -> None:
    """What the kubelet does: a new dated folder, `..data` switched by renaming, links to the names in it."""
    write(volume / version, files)
    old = (volume / "..data").readlink() if (volume / "..data").is_symlink() else None
    (volume / "..data_tmp").symlink_to(version)
    (volume / "..data_tmp").rename(volume / "..data")
    for name in {name.split("/")[0] for name in files}:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")
    if old:
        shutil.rmtree(volume / old)


def test_a_plain_folder_lists_documents_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path / "config" / "apps", {"b.yml": "b", "a/x.yaml": "x", "README.md": "", ".git/c.yaml": "", ".d.yaml": ""}
    )
    monkeypatch.chdir(tmp_path)
    source = FolderSource("./config/apps/")
    snapshot = source.fetch()
    assert snapshot.root == "config/apps"
    assert contents(source, snapshot) == {"config/apps/a/x.yaml": b"x", "config/apps/b.yml": b"b"}
    assert (snapshot.revision.source, snapshot.revision.commit, snapshot.refused) == ("./config/apps/", None, ())


@pytest.mark.parametrize("typed", ["", "."])
def test_the_present_folder_has_an_empty_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    write(tmp_path, {"a.yaml": ""})
    monkeypatch.chdir(tmp_path)
    snapshot = FolderSource(typed).fetch()
    assert (snapshot.root, [entry.path for entry in snapshot.entries]) == ("", ["a.yaml"])


def test_the_revision_is_of_names_and_contents_wherever_the_folder_lies(tmp_path: Path) -> None:
    files = {"a.yaml": "1", "b/c.yaml": "2"}
    one, two = write(tmp_path / "one", files), write(tmp_path / "elsewhere" / "two", {**files, "x.md": "ignored"})
    first = FolderSource(str(one)).fetch().revision.id
    assert first.startswith("sha256:")
    assert FolderSource(str(two)).fetch().revision.id == first
    write(two, {"b/c.yaml": "3"})
    assert FolderSource(str(two)).fetch().revision.id != first
    (one / "b" / "c.yaml").rename(one / "c.yaml")
    assert FolderSource(str(one)).fetch().revision.id != first


def test_reading_gives_what_was_listed_even_if_the_file_changed(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "before"})
    source = FolderSource(str(tmp_path))
    snapshot = source.fetch()
    write(tmp_path, {"a.yaml": "after"})
    newer = source.fetch()
    assert list(contents(source, snapshot).values()) == [b"before"]
    assert list(contents(source, newer).values()) == [b"after"]
    write(tmp_path, {"a.yaml": "third"})
    source.fetch()
    with pytest.raises(SourceError, match="not held any more"):
        source.read(snapshot, snapshot.entries)


def test_git_and_folder_are_read_alike(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "origin.git")
    repository.commit({"a.yaml": b"a"})
    write(tmp_path / "plain", {"a.yaml": "a"})
    sources: tuple[Source, ...] = (
        git_sources.source(repository.url, tmp_path / "state"),
        FolderSource(str(tmp_path / "plain")),
    )
    for source in sources:
        snapshot = source.fetch()
        assert list(source.read(snapshot, snapshot.entries).values()) == [b"a"]


def test_a_folder_has_no_history(tmp_path: Path) -> None:
    source = FolderSource(str(tmp_path))
    with pytest.raises(UsageError):
        source.at("main")
    with pytest.raises(UsageError):
        source.changed_since("a", "b")
    assert source.blame("sha256:0", "a.yaml", 1) is None


@pytest.mark.parametrize("files", [{}, {"README.md": "x"}, {".hidden/a.yaml": "x"}])
def test_an_empty_folder_is_an_error(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    with pytest.raises(EmptySourceError, match=r"holds no \*\.yaml"):
        FolderSource(str(tmp_path)).fetch()


@pytest.mark.parametrize(
    "make", [lambda _: None, lambda path: path.write_text(""), lambda path: path.symlink_to("gone")]
)
def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "apps")
    with pytest.raises(SourceError, match="can't be read"):
        FolderSource(str(tmp_path / "apps")).fetch()


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret.yaml", "b.yaml", "gone", "link.yaml"])
def test_a_symlink_is_refused_wherever_it_leads(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"secret.yaml": "canary", "apps/b.yaml": "b"})
    (tmp_path / "apps" / "link.yaml").symlink_to(target)
    source = FolderSource(str(tmp_path / "apps"))
    snapshot = source.fetch()
    assert refused(snapshot) == [("SY150", f"{tmp_path}/apps/link.yaml")]
    assert list(contents(source, snapshot).values()) == [b"b"]


def test_a_linked_folder_is_mentioned_and_not_entered(tmp_path: Path) -> None:
    write(tmp_path, {"secret/a.yaml": "canary", "apps/b.yaml": "b"})
    (tmp_path / "apps" / "team").symlink_to("../secret")
    snapshot = FolderSource(str(tmp_path / "apps")).fetch()
    assert refused(snapshot) == [("SY150", f"{tmp_path}/apps/team")]
    assert snapshot.refused[0].severity is Severity.WARNING


def test_special_files_are_refused_and_never_block(tmp_path: Path) -> None:
    write(tmp_path, {"b.yaml": "b"})
    os.mkfifo(tmp_path / "fifo.yaml")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.yaml"))
        snapshot = FolderSource(str(tmp_path)).fetch()
    assert refused(snapshot) == [("SY156", f"{tmp_path}/fifo.yaml"), ("SY156", f"{tmp_path}/socket.yaml")]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything: give that up for a while where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_refused() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        write(folder, {"a.yaml": "a", "b.yaml": "b", "c.md": "c", "closed/c.yaml": "c"})
        folder.chmod(0o755)
        for name in ("a.yaml", "c.md", "closed"):
            (folder / name).chmod(0)
        with as_nobody():
            snapshot = FolderSource(str(folder)).fetch()
        assert refused(snapshot) == [("SY157", f"{folder}/a.yaml"), ("SY157", f"{folder}/closed")]
    finally:
        (folder / "closed").chmod(0o755)
        shutil.rmtree(folder)


def test_misleading_names_large_and_deep_files_are_refused(tmp_path: Path) -> None:
    write(
        tmp_path, {"a\nb.yaml": "", "big.yaml": "x" * 11, "d/d/d/x.yaml": "", "fits.yaml": "x" * 10, "e\u0301.yaml": ""}
    )
    snapshot = FolderSource(str(tmp_path), caps=Caps(file=10, depth=3)).fetch()
    assert refused(snapshot) == [
        ("SY153", f"{tmp_path}/a\\u{{a}}b.yaml"),
        ("SY154", f"{tmp_path}/big.yaml"),
        ("SY155", f"{tmp_path}/d/d/d"),
        ("SY153", f"{tmp_path}/e\u0301.yaml"),
    ]
    assert [entry.path for entry in snapshot.entries] == [f"{tmp_path}/fits.yaml"]


@pytest.mark.parametrize("caps", [Caps(files=2), Caps(total=4)])
def test_a_folder_over_the_caps_is_an_error_never_a_part(tmp_path: Path, caps: Caps) -> None:
    write(tmp_path, {"a.yaml": "11", "b.yaml": "22", "c.yaml": "33"})
    with pytest.raises(SourceError, match="the source holds more than"):
        FolderSource(str(tmp_path), caps=caps).fetch()


def test_a_config_map_is_read_beneath_its_one_target(tmp_path: Path) -> None:
    publish(tmp_path, "..2025_06_01", {"a.yaml": "1", "sub/b.yaml": "2"})
    source = FolderSource(str(tmp_path))
    snapshot = source.fetch()
    assert contents(source, snapshot) == {f"{tmp_path}/a.yaml": b"1", f"{tmp_path}/sub/b.yaml": b"2"}
    assert snapshot.refused == ()
    publish(tmp_path, "..2025_06_02", {"a.yaml": "3"})
    assert contents(source, source.fetch())[f"{tmp_path}/a.yaml"] == b"3"


def test_a_link_in_a_config_map_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "volume", "..2025_06_01", {"a.yaml": "1"})
    write(tmp_path, {"secret.yaml": "canary"})
    (tmp_path / "volume" / "b.yaml").symlink_to("../secret.yaml")
    (tmp_path / "volume" / "c.yaml").symlink_to("..data/../../secret.yaml")
    snapshot = FolderSource(str(tmp_path / "volume")).fetch()
    assert [path for _, path in refused(snapshot)] == [f"{tmp_path}/volume/b.yaml", f"{tmp_path}/volume/c.yaml"]


@pytest.mark.parametrize("target", ["/etc", "..", "../..", "../secret", "."])
def test_a_data_link_that_leads_out_is_not_followed(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"secret/a.yaml": "canary", "volume/b.yaml": "b"})
    (tmp_path / "volume" / "..data").symlink_to(target)
    source = FolderSource(str(tmp_path / "volume"))
    assert list(contents(source, source.fetch()).values()) == [b"b"]


def test_a_data_link_to_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"secret/a.yaml": "canary", "volume/b.yaml": "b"})
    (tmp_path / "volume" / "..2025").symlink_to("../secret")
    (tmp_path / "volume" / "..data").symlink_to("..2025")
    with pytest.raises(SourceError, match="changed during each"):
        FolderSource(str(tmp_path / "volume")).fetch()


def test_a_git_sync_link_is_followed_and_its_switch_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "worktrees", {"one/apps/a.yaml": "1", "two/apps/a.yaml": "2"})
    (tmp_path / "link").symlink_to("worktrees/one")
    whole, below = FolderSource(str(tmp_path / "link")), FolderSource(str(tmp_path / "link" / "apps"))
    assert list(contents(whole, whole.fetch())) == [f"{tmp_path}/link/apps/a.yaml"]
    assert list(contents(below, below.fetch()).values()) == [b"1"]
    (tmp_path / "next").symlink_to("worktrees/two")
    (tmp_path / "next").rename(tmp_path / "link")
    assert list(contents(below, below.fetch()).values()) == [b"2"]


def test_every_accepted_snapshot_of_a_config_map_was_published(tmp_path: Path) -> None:
    publish(tmp_path, "..v0", {"a.yaml": "0", "b.yaml": "0", "c.yaml": "0"})
    done = threading.Event()

    def switch() -> None:
        version = 0
        while not done.is_set():
            version += 1
            publish(tmp_path, f"..v{version}", dict.fromkeys(("a.yaml", "b.yaml", "c.yaml"), str(version)))
            done.wait(0.001)

    writer = threading.Thread(target=switch)
    writer.start()
    source = FolderSource(str(tmp_path), tries=1000)
    try:
        seen = [set(contents(source, source.fetch()).values()) for _ in range(300)]
    finally:
        done.set()
        writer.join()
    assert {len(values) for values in seen} == {1}
    assert len({next(iter(values)) for values in seen}) > 1


def test_a_folder_that_keeps_moving_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(*_: object) -> foldertree.Reading:
        raise foldertree.MovedError

    monkeypatch.setattr(foldertree, "take", moved)
    with pytest.raises(SourceError, match="changed during each of 12 readings") as caught:
        FolderSource(str(tmp_path)).fetch()
    assert caught.value.retryable


def test_a_folder_is_believed_after_two_equal_readings(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "url: https://hooks.exa"})

    def finish(pauses: int) -> None:
        if pauses == 1:
            write(tmp_path, {"a.yaml": "url: https://hooks.example/popup\n"})

    hands = Hands(finish)
    source = FolderSource(str(tmp_path), settle=hands.settle)
    assert list(contents(source, source.fetch()).values()) == [b"url: https://hooks.example/popup\n"]
    assert hands.pauses == 2


def test_a_folder_that_did_not_change_since_is_believed_at_once(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "1"})
    hands = Hands()
    source = FolderSource(str(tmp_path), settle=hands.settle)
    first = source.fetch()
    hands.seconds += 60
    assert source.fetch() == first
    assert hands.pauses == 1


def test_a_folder_that_never_settles_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "0"})
    hands = Hands(lambda pauses: write(tmp_path, {"a.yaml": str(pauses)}))
    with pytest.raises(SourceError, match="did not stay the same for 2 s") as caught:
        FolderSource(str(tmp_path), settle=hands.settle).fetch()
    assert caught.value.retryable


def test_a_stop_ends_the_wait_for_a_folder_to_settle(tmp_path: Path) -> None:
    """Else a daemon that was asked to stop would wait for it."""
    write(tmp_path, {"a.yaml": "1"})
    waiting, stop = threading.Event(), threading.Event()

    def pause(_seconds: float) -> None:
        waiting.set()
        assert stop.wait(30)

    source = FolderSource(str(tmp_path), settle=Settle(2.0, pause, SystemClock(), stop.set))
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(source.fetch)
        assert waiting.wait(10)
        source.interrupt()
        with pytest.raises(SourceError, match="asked to stop"):
            reading.result(10)


def test_a_stopped_folder_gives_no_contents_either(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "1"})
    source = FolderSource(str(tmp_path))
    snapshot = source.fetch()
    source.interrupt()
    with pytest.raises(SourceError, match="asked to stop"):
        source.read(snapshot, snapshot.entries)


def test_a_config_map_needs_no_second_reading(tmp_path: Path) -> None:
    publish(tmp_path, "..2025_06_01", {"a.yaml": "1"})
    hands = Hands()
    source = FolderSource(str(tmp_path), settle=hands.settle)
    assert source.fetch().entries
    assert source.fetch().entries
    assert hands.pauses == 0


def test_mounts_that_never_update_are_found() -> None:
    volume = "/var/lib/kubelet/pods/u/volumes/kubernetes.io~configmap/apps"
    mounts = (
        f"1 2 8:1 {volume}/..2025_06_01_10_00_00.1/a.yaml /config/apps/a.yaml ro - ext4 /dev/sda rw\n"
        f"1 2 8:1 {volume} /config/whole ro - ext4 /dev/sda rw\n"
        f"1 2 8:1 {volume}/..2025_06_01_10_00_00.1/b.yaml /elsewhere/b.yaml ro - ext4 /dev/sda rw\nshort\n"
    )
    assert foldertree.stale_mounts(mounts, "/config/apps/") == ("/config/apps/a.yaml",)
    assert foldertree.stale_mounts(mounts, "/elsewhere/b.yaml") == ("/elsewhere/b.yaml",)
    assert foldertree.stale_mounts(mounts, "/config/whole") == ()


def test_the_root_folder_itself_can_be_a_source() -> None:
    assert FolderSource("/")._path("a.yaml") == "/a.yaml"
    assert Revision("sha256:0", "/").commit is None
