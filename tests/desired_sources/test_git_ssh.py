"""A real sshd with a key: known hosts are enforced, keys are usable however they are mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncer.desired.gitauth import SshKey
from syncer.desired.gitmirror import Access
from syncer.errors import SourceError
from tests.support import sshd
from tests.support.git_sources import source
from tests.support.repositories import APPS, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncer.desired.git import GitSource
    from tests.support.sshd import Sshd

pytestmark = [pytest.mark.needs("sshd"), pytest.mark.needs("ssh"), pytest.mark.needs("ssh-keygen")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("ssh") / "server") as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.create(tmp_path / "apps.git")
    made.commit({"a.yaml": APPS})
    return made


def reading(server: Sshd, repository: Repository, state: Path, **changes: Path) -> GitSource:
    key = changes.get("key", server.key)
    access = Access(SshKey(key, changes.get("known_hosts", server.known_hosts), server.user))
    return source(server.url(repository.path), state, access=access)


def test_clones_and_follows_with_a_key(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    git = reading(server, repository, tmp_path / "state")
    snapshot = git.fetch()
    assert git.read(snapshot, snapshot.entries) == {snapshot.entries[0].blob: APPS}
    sha = repository.commit({"b.yaml": b"b"})
    assert git.fetch().revision.id == sha


def test_a_key_that_a_group_may_read_and_without_last_newline_works(
    server: Sshd, repository: Repository, tmp_path: Path
) -> None:
    mounted = tmp_path / "100% mounted key"
    mounted.write_bytes(server.key.read_bytes().rstrip())
    mounted.chmod(0o440)
    assert reading(server, repository, tmp_path / "state %h dir", key=mounted).fetch().entries


def test_another_host_key_is_refused(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    git = reading(server, repository, tmp_path / "state", known_hosts=server.other_known_hosts)
    with pytest.raises(SourceError, match="host key is not the one in known_hosts") as caught:
        git.fetch()
    assert not caught.value.retryable


def test_an_unknown_host_key_is_refused(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    nobody = tmp_path / "known_hosts"
    nobody.write_text("")
    with pytest.raises(SourceError, match="host key is not in known_hosts"):
        reading(server, repository, tmp_path / "state", known_hosts=nobody).fetch()


def test_a_key_that_is_not_registered_is_refused(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not accept the key"):
        reading(server, repository, tmp_path / "state", key=server.key.with_name("stranger")).fetch()


def test_a_rotated_key_is_read_at_the_next_fetch(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    mounted = tmp_path / "key"
    mounted.write_bytes(server.key.with_name("stranger").read_bytes())
    git = reading(server, repository, tmp_path / "state", key=mounted)
    with pytest.raises(SourceError, match="does not accept the key"):
        git.fetch()
    mounted.write_bytes(server.key.read_bytes())
    assert git.fetch().entries


def test_a_key_with_a_passphrase_is_named(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    sshd.make_key(locked, passphrase="secret words")
    with pytest.raises(SourceError, match="key"):
        reading(server, repository, tmp_path / "state", key=locked).fetch()


def test_a_missing_repository_is_named(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    gone = Repository(tmp_path / "gone.git")
    with pytest.raises(SourceError, match="does not exist there"):
        reading(server, gone, tmp_path / "state").fetch()


def test_a_server_that_is_down_is_named(repository: Repository, tmp_path: Path) -> None:
    with sshd.serving(tmp_path / "server") as server:
        git = reading(server, repository, tmp_path / "state")
        before = git.fetch()
    with pytest.raises(SourceError, match="can't be reached") as caught:
        git.fetch()
    assert caught.value.retryable
    assert git.at(before.revision.id).entries


@pytest.mark.parametrize("missing", ["key", "known_hosts"])
def test_a_file_that_is_not_there_is_named(server: Sshd, repository: Repository, tmp_path: Path, missing: str) -> None:
    with pytest.raises(SourceError, match="can't be read: No such file"):
        reading(server, repository, tmp_path / "state", **{missing: tmp_path / "nothing"}).fetch()


def test_the_public_half_is_not_taken_for_the_key(server: Sshd, repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no private key"):
        reading(server, repository, tmp_path / "state", key=server.key.with_suffix(".pub")).fetch()
