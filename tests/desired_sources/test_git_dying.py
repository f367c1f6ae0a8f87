"""Servers that are slow, endless or dying: each fetch ends in time, leaves nothing, and costs nothing that was here."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from syncer.desired.gitauth import FileSecret, Password, SshKey
from syncer.desired.gitmirror import Access
from syncer.errors import SourceError
from tests.desired_sources.test_git_https import ends_of_processes
from tests.support import git_https, sshd
from tests.support.daemon import running
from tests.support.git_https import Fault
from tests.support.git_sources import source
from tests.support.repositories import APPS, Repository
from tests.support.site import CONFIG, site
from tests.support.versioned import apps_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncer.desired.git import GitSource
    from tests.support.git_https import GitHttps
    from tests.support.sshd import Sshd

CANARY = "canary-1d07-dying"
LIMIT = 1.5
"""Seconds that a fetch may take."""
SMALL = 1_000_000
POPUP = "https://hooks.acme.example/popup"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "served").mkdir()
    made = Repository.create(tmp_path / "served" / "apps.git")
    made.commit({"a.yaml": APPS})
    return made


@pytest.fixture
def https(repository: Repository, tmp_path: Path) -> Iterator[GitHttps]:
    with git_https.serving(repository.path.parent, tmp_path, username="syncer", password=CANARY) as running_server:
        yield running_server


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


def noise(repository: Repository, size: int = 400_000) -> str:
    return repository.commit({"noise.bin": os.urandom(size), "b.yaml": b"b"})


def left(state: Path) -> list[Path]:
    """What a fetch may not leave behind."""
    return [
        path for pattern in ("tmp_*", "lent-*", "mirror.new", "fetching", "*.lock") for path in state.rglob(pattern)
    ]


def fails_in_time(git: GitSource, state: Path, message: str) -> None:
    begun = time.monotonic()
    with pytest.raises(SourceError, match=message) as caught:
        git.fetch()
    assert time.monotonic() - begun < LIMIT + 8
    assert CANARY not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"
    assert ends_of_processes(state)
    assert left(state) == []
    assert sum(path.stat().st_size for path in state.rglob("*") if path.is_file()) < SMALL


HTTPS = [
    (Fault.STALL, "took longer than 1.5 s|too slow"),
    (Fault.DRIP, "took longer than 1.5 s|too slow"),
    (Fault.CUT, "broke off"),
    (Fault.ENDLESS, "larger than the limit for one pack"),
]


@pytest.mark.needs("git-http-backend")
@pytest.mark.parametrize(("fault", "message"), HTTPS, ids=[fault.value for fault, _ in HTTPS])
def test_a_pack_over_https_that_never_ends_well(
    repository: Repository, https: GitHttps, tmp_path: Path, fault: Fault, message: str
) -> None:
    (tmp_path / "password").write_text(CANARY)
    access = Access(Password("syncer", FileSecret(tmp_path / "password")), https.ca_file)
    limit = LIMIT if fault is not Fault.ENDLESS else LIMIT + 6  # a busy machine takes a while to send too much
    git = source(https.url("apps.git"), tmp_path / "state", access=access, network=limit, object_file=20 * SMALL)
    before = source(https.url("apps.git"), tmp_path / "state", access=access).fetch()
    new = noise(repository)
    https.behaviour.fault, https.behaviour.only_packs = fault, True
    fails_in_time(git, tmp_path / "state", message)
    again = git.at(before.revision.id)
    assert list(git.read(again, again.entries).values()) == [APPS]
    https.behaviour.fault = Fault.NONE
    assert source(https.url("apps.git"), tmp_path / "state", access=access).fetch().revision.id == new


SERVE = 'eval "$SSH_ORIGINAL_COMMAND"'
SSH = {
    "stopped in the middle": (f"{SERVE} | (dd bs=1 count=3000 status=none; kill -STOP $$)", "took longer"),
    "stopped at once": ("kill -STOP $$", "took longer"),
    "silent": ("exec sleep 600", "took longer"),
    "drips": (f"{SERVE} | while head -c 1; do sleep 0.2; done", "took longer"),
    "dies in the middle": (f"{SERVE} | (dd bs=1 count=3000 status=none; kill -KILL $PPID)", "broke off"),
    "refuses": ("exit 1", "broke off|does not exist|failed to"),
    "speaks of something else": ("yes", "not a git repository|broke off"),
    "goes on for ever": (
        f"{SERVE} | dd bs=1 count=3000 status=none; exec cat /dev/zero",
        "broke off|not a git|took longer|check refuses",
    ),
}


@pytest.mark.needs("sshd", "ssh", "ssh-keygen")
@pytest.mark.parametrize("how", SSH)
def test_a_server_over_ssh_that_never_ends_well(repository: Repository, ssh: Sshd, tmp_path: Path, how: str) -> None:
    script, message = SSH[how]
    state, pid = tmp_path / "state", tmp_path / "pid"
    access = Access(SshKey(ssh.key, ssh.known_hosts, ssh.user))
    git = source(ssh.url(repository.path), state, access=access, network=LIMIT)
    before = source(ssh.url(repository.path), state, access=access).fetch()
    noise(repository)
    (tmp_path / "serve").write_text(f"echo $$ > {pid}\n{script}\n")
    key = ssh.authorized_keys.read_text()
    ssh.authorized_keys.write_text(f'command="exec sh {tmp_path}/serve" {key}')
    try:
        fails_in_time(git, state, message)
    finally:
        ssh.authorized_keys.write_text(key)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(os.getpgid(int(pid.read_text())), signal.SIGKILL)
    assert git.at(before.revision.id).entries == before.entries
    assert len(source(ssh.url(repository.path), state, access=access).fetch().entries) == 2


@pytest.mark.needs("git-http-backend")
def test_a_daemon_goes_on_with_the_last_good_commit_and_says_why(repository: Repository, tmp_path: Path) -> None:
    with (
        git_https.serving(repository.path.parent, tmp_path, username="syncer", password=CANARY) as server,
        site(tmp_path, 1) as here,
    ):
        repository.commit({"a.yaml": apps_file(tmp_path, range(1, 2), {"popup_url": POPUP})})
        (tmp_path / "git-password").write_text(CANARY)
        wanted = (
            f'source: {{{{url: "{server.url("apps.git")}", ref: main, ca_file: "{server.ca_file}", credentials: {{{{'
            'username: syncer, password: {{file: "{home}/git-password"}}}}}}'
        )
        here.configure(CONFIG.replace("source: {{path: {source}}}", wanted))
        with running(here) as daemon:
            daemon.wait_for("pass.finished")
            server.behaviour.fault, server.behaviour.status = Fault.STATUS, 500
            here.change(1, popup_url="https://hooks.acme.example/other")
            since = daemon.mark()
            daemon.pass_now()
            failed = daemon.wait_for("source.failed", since)
            assert "in trouble" in failed["error"]
            assert failed["in_force"] == repository.git("rev-parse", "main")[:12]
            assert daemon.stop() == 0
        assert here.live()["popup_url"] == POPUP
        said = repr(daemon.lines) + "".join(map(str, here.journal()))
        assert CANARY not in said
        kept = (path for path in here.state.rglob("*") if path.is_file())
        assert not [path for path in kept if CANARY.encode() in path.read_bytes()]
