"""A real https server with its own authority and a password: what works, and what each failure is called."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from syncer.desired.gitauth import FileSecret, Password, VariableSecret
from syncer.desired.gitmirror import Access
from syncer.errors import SourceError
from tests.support import git_https
from tests.support.git_https import Fault, GitHttps
from tests.support.git_sources import source
from tests.support.repositories import APPS, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.desired.git import GitSource

CANARY = "canary-7f3a-password"

pytestmark = pytest.mark.needs("git-http-backend")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "served").mkdir()
    made = Repository.create(tmp_path / "served" / "apps.git")
    made.commit({"a.yaml": APPS, "b.yaml": b"b"})
    return made


@pytest.fixture
def server(repository: Repository, tmp_path: Path) -> Iterator[GitHttps]:
    with git_https.serving(repository.path.parent, tmp_path, username="syncer", password=CANARY) as running:
        yield running


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{CANARY}\n")
    return path


@pytest.fixture
def git(server: GitHttps, secret: Path, tmp_path: Path) -> GitSource:
    return reading(server, secret, tmp_path / "state")


def reading(server: GitHttps, secret: Path, state: Path, **bounds: Any) -> GitSource:
    access = Access(Password("syncer", FileSecret(secret)), server.ca_file)
    return source(server.url("apps.git"), state, access=access, **bounds)


def test_clones_with_a_password_and_the_authority(git: GitSource) -> None:
    snapshot = git.fetch()
    assert [entry.path for entry in snapshot.entries] == ["a.yaml", "b.yaml"]
    assert git.read(snapshot, snapshot.entries[:1]) == {snapshot.entries[0].blob: APPS}


def test_a_new_commit_transfers_only_what_is_new(git: GitSource, server: GitHttps, repository: Repository) -> None:
    git.fetch()
    sha = repository.commit({"b.yaml": b"B"})
    assert git.fetch().revision.id == sha
    server.behaviour.requests.clear()
    assert git.fetch().revision.id == sha
    assert not [path for method, path, _ in server.behaviour.requests if method == "POST" and "receive" in path]


def test_a_rotated_password_is_read_at_the_next_fetch(git: GitSource, server: GitHttps, secret: Path) -> None:
    git.fetch()
    server.behaviour.password = "rotated"
    with pytest.raises(SourceError, match="does not accept the credentials") as caught:
        git.fetch()
    assert not caught.value.retryable
    secret.write_text("rotated")
    git.fetch()


def test_a_password_from_a_variable_works(server: GitHttps, tmp_path: Path) -> None:
    password = VariableSecret("GIT_PASSWORD", {"GIT_PASSWORD": CANARY})
    access = Access(Password("syncer", password), server.ca_file)
    assert source(server.url("apps.git"), tmp_path / "state", access=access).fetch().entries


def test_without_a_password_nobody_is_asked(server: GitHttps, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not accept the credentials"):
        source(server.url("apps.git"), tmp_path / "state", access=Access(ca_file=server.ca_file)).fetch()


def test_an_unknown_authority_is_refused_before_anything_is_sent(
    server: GitHttps, secret: Path, tmp_path: Path
) -> None:
    access = Access(Password("syncer", FileSecret(secret)))
    with pytest.raises(SourceError, match="certificate is not trusted"):
        source(server.url("apps.git"), tmp_path / "state", access=access).fetch()
    assert server.behaviour.requests == []


def test_another_host_name_than_the_certificate_has_is_refused(server: GitHttps, secret: Path, tmp_path: Path) -> None:
    access = Access(Password("syncer", FileSecret(secret)), server.ca_file)
    with pytest.raises(SourceError, match="certificate is not trusted"):
        source(f"https://127.0.0.1:{server.port}/apps.git", tmp_path / "state", access=access).fetch()


def test_a_missing_repository_is_named(server: GitHttps, secret: Path, tmp_path: Path) -> None:
    access = Access(Password("syncer", FileSecret(secret)), server.ca_file)
    with pytest.raises(SourceError, match="does not exist there"):
        source(server.url("nothing.git"), tmp_path / "state", access=access).fetch()


def test_a_server_that_is_down_leaves_the_last_commit_readable(
    repository: Repository, secret: Path, tmp_path: Path
) -> None:
    with git_https.serving(repository.path.parent, tmp_path, username="syncer", password=CANARY) as server:
        git = reading(server, secret, tmp_path / "state")
        before = git.fetch()
    with pytest.raises(SourceError, match="can't be reached") as caught:
        git.fetch()
    assert caught.value.retryable
    again = git.at(before.revision.id)
    assert git.read(again, again.entries[:1]) == {again.entries[0].blob: APPS}


def test_a_host_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="name is not known") as caught:
        source("https://nowhere.invalid/apps.git", tmp_path / "state").fetch()
    assert caught.value.retryable


def test_a_redirect_is_not_followed(git: GitSource, server: GitHttps, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with git_https.serving(repository.path.parent, tmp_path / "other") as elsewhere:
        server.behaviour.location = f"https://localhost:{elsewhere.port}"
        server.behaviour.fault = Fault.REDIRECT
        with pytest.raises(SourceError, match="redirects to another address"):
            git.fetch()
        assert elsewhere.behaviour.requests == []


@pytest.mark.parametrize(
    ("status", "message", "retryable"),
    [
        (403, "denies access", False),
        (404, "does not exist there", False),
        (429, "in trouble", True),
        (500, "in trouble", True),
        (503, "in trouble", True),
    ],
)
def test_each_status_has_its_message(
    git: GitSource, server: GitHttps, status: int, message: str, retryable: bool
) -> None:
    server.behaviour.fault = Fault.STATUS
    server.behaviour.status = status
    with pytest.raises(SourceError, match=message) as caught:
        git.fetch()
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CUT])
@pytest.mark.parametrize("only_packs", [False, True])
def test_a_connection_that_breaks_off_is_retryable_and_the_next_fetch_works(
    git: GitSource, server: GitHttps, fault: Fault, *, only_packs: bool
) -> None:
    server.behaviour.fault = fault
    server.behaviour.only_packs = only_packs
    with pytest.raises(SourceError) as caught:
        git.fetch()
    assert caught.value.retryable
    assert "broke off" in caught.value.message or "reached" in caught.value.message
    server.behaviour.fault = Fault.NONE
    assert git.fetch().entries


def test_a_page_instead_of_a_repository_is_named(server: GitHttps, git: GitSource) -> None:
    server.behaviour.fault = Fault.STATUS
    server.behaviour.status = 200
    with pytest.raises(SourceError, match="not a git repository"):
        git.fetch()


def test_a_proxy_is_only_the_one_that_is_configured(server: GitHttps, secret: Path, tmp_path: Path) -> None:
    access = Access(Password("syncer", FileSecret(secret)), server.ca_file, proxy="http://127.0.0.1:9")
    with pytest.raises(SourceError, match="can't be reached"):
        source(server.url("apps.git"), tmp_path / "state", access=access).fetch()


@pytest.mark.parametrize("only_packs", [False, True])
def test_a_dripping_server_ends_at_the_timeout_with_its_whole_process_group(
    server: GitHttps, secret: Path, tmp_path: Path, *, only_packs: bool
) -> None:
    server.behaviour.fault = Fault.DRIP
    server.behaviour.only_packs = only_packs
    git = reading(server, secret, tmp_path / "state", network=1.5)
    with pytest.raises(SourceError, match=r"took longer than 1\.5 s") as caught:
        git.fetch()
    assert caught.value.retryable
    assert ends_of_processes(tmp_path)
    assert not list((tmp_path / "state").rglob("lent-*"))
    server.behaviour.fault = Fault.NONE
    assert reading(server, secret, tmp_path / "state").fetch().entries


def test_a_transfer_below_the_lowest_speed_is_given_up(server: GitHttps, secret: Path, tmp_path: Path) -> None:
    server.behaviour.fault = Fault.DRIP
    git = reading(server, secret, tmp_path / "state", patience=1)
    with pytest.raises(SourceError, match="too slow"):
        git.fetch()


def test_no_lent_secret_stays_after_a_fetch(git: GitSource, tmp_path: Path) -> None:
    git.fetch()
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file() and CANARY in path.read_text("latin-1")]
    assert kept == []


def ends_of_processes(folder: Path) -> bool:
    """Whether nobody who names a folder lives any more, within the time that the kernel needs to end them."""
    pause = threading.Event()
    return any(not processes_of(folder) or pause.wait(0.02) for _ in range(250))


def processes_of(folder: Path) -> list[str]:
    """Living processes that name a folder in their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                state = re.sub(r".*\) ", "", (entry / "stat").read_text())[:1]
            except OSError:
                continue
            if str(folder) in words and "pytest" not in words and state != "Z":
                found.append(words)
    return found
