"""The mirror under damage: killed fetches, corrupt objects, foreign owners, full disks, two processes at once."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.desired.gitmirror import Access, DamagedError
from syncer.errors import SourceError
from tests.support import git_https
from tests.support.git_https import Fault
from tests.support.git_sources import source
from tests.support.repositories import APPS, Repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.desired.git import GitSource

ROOT = Path(__file__).parents[2]
AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.create(tmp_path / "origin.git")
    made.commit({"a.yaml": APPS, "b.yaml": b"b"})
    return made


def mirror(state: Path) -> Path:
    (found,) = state.glob("*/mirror.git")
    return found


def spoil_objects(path: Path) -> None:
    for found in (path / "objects").rglob("*"):
        if found.is_file():
            found.chmod(0o644)
            found.write_bytes(b"garbage")


def empty_objects(path: Path) -> None:
    for found in (path / "objects").rglob("*"):
        if found.is_file():
            found.unlink()


def unpack(path: Path, scratch: Path) -> None:
    for pack in (path / "objects" / "pack").glob("*.pack"):
        moved = pack.rename(scratch / "moved.pack")
        pack.with_suffix(".idx").unlink()
        Repository(path).git("unpack-objects", "-q", stdin=moved.read_bytes())


def spoil_head(path: Path) -> None:
    (path / "HEAD").write_bytes(b"")


def spoil_config(path: Path) -> None:
    (path / "config").write_bytes(b"[core\n")


def spoil_refs(path: Path) -> None:
    for ref in (path / "refs" / "syncer").iterdir():
        ref.write_bytes(b"")


@pytest.mark.parametrize("spoil", [spoil_objects, empty_objects, spoil_head, spoil_config, spoil_refs])
@pytest.mark.parametrize("moved", [False, True])
def test_a_damaged_mirror_is_cloned_anew(
    repository: Repository, tmp_path: Path, spoil: Callable[[Path], None], *, moved: bool
) -> None:
    source(repository.url, tmp_path / "state").fetch()
    spoil(mirror(tmp_path / "state"))
    if moved:
        repository.commit({"b.yaml": b"B"})
    git = source(repository.url, tmp_path / "state")
    snapshot = git.fetch()
    assert len(git.read(snapshot, snapshot.entries)) == 2
    assert {path.name for path in mirror(tmp_path / "state").parent.iterdir()} == {"lock", "mirror.git"}


def test_an_object_lost_between_listing_and_reading_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    git = source(repository.url, tmp_path / "state")
    snapshot = git.fetch()
    repository.commit({"c.yaml": b"c"}, orphan=True)
    repository.git("update-ref", "refs/tags/kept", snapshot.revision.id)
    empty_objects(mirror(tmp_path / "state"))
    assert git.read(snapshot, snapshot.entries[:1]) == {snapshot.entries[0].blob: APPS}


@pytest.mark.parametrize("lost", ["main^{tree}", "main:apps"])
def test_a_lost_folder_is_fetched_again_though_the_commit_did_not_move(
    repository: Repository, tmp_path: Path, lost: str
) -> None:
    repository.commit({"apps/c.yaml": b"c"})
    source(repository.url, tmp_path / "state").fetch()
    unpack(mirror(tmp_path / "state"), tmp_path)
    tree = repository.git("rev-parse", lost)
    (mirror(tmp_path / "state") / "objects" / tree[:2] / tree[2:]).unlink()
    assert len(source(repository.url, tmp_path / "state").fetch().entries) == 3


def test_bytes_that_do_not_match_their_id_are_never_handed_out(repository: Repository, tmp_path: Path) -> None:
    git = source(repository.url, tmp_path / "state")
    snapshot = git.fetch()
    entry = snapshot.entries[0]
    objects = mirror(tmp_path / "state") / "objects"
    unpack(mirror(tmp_path / "state"), tmp_path)
    other = Repository(mirror(tmp_path / "state")).write_blob(b"x" * entry.size)
    target = objects / entry.blob[:2] / entry.blob[2:]
    target.unlink()
    target.write_bytes((objects / other[:2] / other[2:]).read_bytes())
    assert git.read(snapshot, [entry]) == {entry.blob: APPS}


def test_a_damaged_mirror_with_the_server_gone_is_an_error(repository: Repository, tmp_path: Path) -> None:
    git = source(repository.url, tmp_path / "state")
    snapshot = git.fetch()
    empty_objects(mirror(tmp_path / "state"))
    repository.path.rename(tmp_path / "gone")
    with pytest.raises(SourceError):
        git.read(snapshot, snapshot.entries)


def test_a_server_whose_repository_is_damaged_does_not_cost_us_the_mirror(
    repository: Repository, tmp_path: Path
) -> None:
    git = source(repository.url, tmp_path / "state")
    snapshot = git.fetch()
    repository.commit({"b.yaml": b"B"})
    empty_objects(repository.path)
    with pytest.raises(SourceError):
        git.fetch()
    with pytest.raises(SourceError):
        git.at("2" * 40)
    later = source(repository.url, tmp_path / "state")
    assert later.at(snapshot.revision.id) == snapshot
    assert len(later.read(snapshot, snapshot.entries)) == 2
    with pytest.raises(SourceError) as caught:
        source(repository.url, tmp_path / "other").fetch()
    assert not isinstance(caught.value, DamagedError)


@pytest.mark.parametrize(
    "left",
    [
        "mirror.git/config.lock",
        "mirror.git/shallow.lock",
        "mirror.git/packed-refs.lock",
        "mirror.git/refs/syncer/SLOT.lock",
        "mirror.git/objects/pack/tmp_pack_x",
        "mirror.git/tmp_objdir-incoming-x/pack/y",
        "lent-x/password",
        "mirror.new/HEAD",
        "mirror.old/HEAD",
    ],
)
def test_leftovers_of_a_killed_fetch_are_removed(repository: Repository, tmp_path: Path, left: str) -> None:
    source(repository.url, tmp_path / "state").fetch()
    home = mirror(tmp_path / "state").parent
    (slot,) = (home / "mirror.git" / "refs" / "syncer").iterdir()
    path = home / left.replace("SLOT", slot.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    (home / "fetching").touch()
    sha = repository.commit({"b.yaml": b"B"})
    assert source(repository.url, tmp_path / "state").fetch().revision.id == sha
    assert not path.exists()


@pytest.mark.needs("git-http-backend")
@pytest.mark.parametrize("before", [False, True])
def test_after_kill_9_in_the_middle_of_a_fetch_the_next_one_works(tmp_path: Path, *, before: bool) -> None:
    served = tmp_path / "served"
    served.mkdir()
    repository = Repository.create(served / "apps.git")
    repository.commit({f"f{number}.yaml": os.urandom(200) for number in range(300)})
    state = tmp_path / "state"
    with git_https.serving(served, tmp_path) as server:
        git = source(server.url("apps.git"), state, access=Access(ca_file=server.ca_file))
        if before:
            git.fetch()
            repository.commit({f"g{number}.yaml": os.urandom(200) for number in range(300)})
        server.behaviour.fault, server.behaviour.only_packs = Fault.DRIP, True
        server.behaviour.struck.clear()
        child = subprocess.Popen(
            [sys.executable, "-c", FETCH, server.url("apps.git"), str(state), server.ca_file], cwd=ROOT
        )
        assert server.behaviour.struck.wait(30)
        child.kill()
        child.wait()
        server.behaviour.fault = Fault.NONE
        server.behaviour.released.set()
        snapshot = git.fetch()
        assert len(git.read(snapshot, snapshot.entries)) == (600 if before else 300)
        assert {path.name for path in mirror(state).parent.iterdir()} == {"lock", "mirror.git"}


FETCH = """
import sys
from pathlib import Path
from syncer.desired.gitmirror import Access
from tests.support.git_sources import source
source(sys.argv[1], Path(sys.argv[2]), access=Access(ca_file=Path(sys.argv[3]))).fetch()
"""


def test_a_fetch_waits_for_another_process_and_then_gives_up(repository: Repository, tmp_path: Path) -> None:
    git = source(repository.url, tmp_path / "state", network=0.3)
    git.fetch()
    with (mirror(tmp_path / "state").parent / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SourceError, match="another process is fetching") as caught:
            git.fetch()
    assert caught.value.retryable
    assert git.fetch().entries


def test_a_stop_ends_the_wait_for_another_process(repository: Repository, tmp_path: Path) -> None:
    git = source(repository.url, tmp_path / "state", network=60.0)
    git.fetch()
    with (mirror(tmp_path / "state").parent / "lock").open("rb") as lock, ThreadPoolExecutor() as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetching = pool.submit(git.fetch)
        time.sleep(0.1)
        git.interrupt()
        with pytest.raises(SourceError, match="interrupted"):
            fetching.result(10)


def test_fetches_at_once_from_many_threads_all_succeed(repository: Repository, tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(source(repository.url, tmp_path / "state").fetch().revision.id))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [repository.git("rev-parse", "main")] * 4


@AS_ROOT
def test_a_mirror_that_belongs_to_another_user_is_read(repository: Repository, tmp_path: Path) -> None:
    source(repository.url, tmp_path / "state").fetch()
    for path in (mirror(tmp_path / "state"), *mirror(tmp_path / "state").rglob("*")):
        os.chown(path, 65534, 65534)
    sha = repository.commit({"b.yaml": b"B"})
    assert source(repository.url, tmp_path / "state").fetch().revision.id == sha


@AS_ROOT
@pytest.mark.parametrize("suffix", ["", "/.git"])
def test_a_mounted_repository_of_another_user_is_read(repository: Repository, tmp_path: Path, suffix: str) -> None:
    if suffix:
        (tmp_path / "work").mkdir()
        repository.path.rename(tmp_path / "work" / ".git")
        url = f"file://{tmp_path / 'work'}"
    else:
        url = repository.url
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534)
    assert source(url, tmp_path / "state").fetch().entries
    with pytest.raises(SourceError, match="no branch or tag dev"):
        source(url, tmp_path / "state").at("dev")


def test_a_folder_that_can_not_be_made_is_an_error(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(SourceError, match="mirror's folder can't be written"):
        source(repository.url, tmp_path / "state").fetch()


@AS_ROOT
@pytest.mark.needs("mount")
def test_a_full_disk_is_named_and_frees_itself(repository: Repository, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(state)], check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        small = repository.git("rev-parse", "main")
        git = source(repository.url, state)
        git.fetch()
        repository.commit({"noise.bin": os.urandom(2_000_000)})
        with pytest.raises(SourceError, match="no space left") as caught:
            git.fetch()
        assert caught.value.retryable
        assert git.at(small).entries
        repository.git("update-ref", "refs/heads/main", small)
        assert git.fetch().revision.id == small
    finally:
        subprocess.run(["umount", str(state)], check=True)


def test_nothing_is_known_before_the_first_fetch(repository: Repository, tmp_path: Path) -> None:
    git = source(repository.url, tmp_path / "state")
    with pytest.raises(SourceError, match="no commit"):
        git.is_ancestor("1" * 40, "2" * 40)


def test_many_small_fetches_are_packed_and_lose_nothing(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncer.desired.gitmirror.LOOSE_OBJECTS", 1)
    git = source(repository.url, tmp_path / "state")
    first = git.fetch().revision.id
    for number in range(40):
        repository.commit({f"{number}-{step}.yaml": b"%d %d" % (number, step) for step in range(20)}, orphan=True)
        git.fetch()
    assert list((mirror(tmp_path / "state") / "objects" / "pack").glob("*.pack"))
    assert git.at(first).revision.id == first


def test_an_interrupted_source_ends_what_runs_and_refuses_the_rest(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    Repository.create(served / "apps.git").commit({"a.yaml": APPS})
    with git_https.serving(served, tmp_path) as server:
        server.behaviour.fault = Fault.DRIP
        git = source(server.url("apps.git"), tmp_path / "state", access=Access(ca_file=server.ca_file))
        stopper = threading.Thread(target=_interrupt, args=(server.behaviour.struck, git))
        stopper.start()
        with pytest.raises(SourceError, match="interrupted"):
            git.fetch()
        stopper.join()
        with pytest.raises(SourceError, match="interrupted"):
            git.fetch()


def _interrupt(struck: threading.Event, git: GitSource) -> None:
    struck.wait(20)
    git.interrupt()
