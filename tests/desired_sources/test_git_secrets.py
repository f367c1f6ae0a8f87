"""Passwords and keys of git while fetches fail in every way: in no argument, environment, message or file."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.desired.gitauth import FileSecret, Password, SshKey, VariableSecret
from syncer.desired.gitmirror import Access
from syncer.errors import SourceError
from tests.support import git_https, sshd
from tests.support.git_https import Fault
from tests.support.git_sources import source
from tests.support.repositories import APPS, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.desired.git import GitSource
    from tests.soak.figures import Recorder
    from tests.support.git_https import GitHttps
    from tests.support.sshd import Sshd

CANARY = "canary/90ab+pass word%41"
"""Every sign in it would be written otherwise in a URL."""
FORMS = (CANARY, "canary%2F90ab", "canary/90ab", "c3luY2VyOmNhbmFyeS85MGFi")
"""As it is, as in a URL, its beginning, and as Basic authentication has it after the user name."""
PERIOD = 0.001

pytestmark = pytest.mark.needs("git-http-backend", "sshd", "ssh", "ssh-keygen")


@dataclass
class Sampler:
    """Looks at every descendant of this process, about a thousand times a second."""

    secrets: tuple[bytes, ...]
    looks: int = 0
    watched: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.done.wait(PERIOD):
            self.looks += 1
            for process in descendants(Path("/proc/self")):
                with suppress(OSError):
                    words = (process / "cmdline").read_bytes()
                    told = words + b"\0" + (process / "environ").read_bytes()
                    self.watched.add(Path(words.split(b"\0")[0].split(b" ")[0].decode("utf-8", "replace")).name)
                    if any(secret in told for secret in self.secrets):
                        self.seen.add(words.decode("utf-8", "replace"))


def descendants(process: Path) -> Iterator[Path]:
    with suppress(OSError):
        for task in (process / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield Path("/proc") / child
                yield from descendants(Path("/proc") / child)


@contextmanager
def sampled(*secrets: str) -> Iterator[Sampler]:
    sampler = Sampler(tuple(secret.encode() for secret in secrets))
    thread = threading.Thread(target=sampler.run)
    thread.start()
    try:
        yield sampler
    finally:
        sampler.done.set()
        thread.join()


@dataclass
class Scene:
    """Two servers and the ways in which a fetch from them fails."""

    home: Path
    https: GitHttps
    ssh: Sshd
    repository: Repository

    def failing(self, number: int) -> GitSource:
        """The next way, in turn."""
        ways = (
            *((lambda status=status: self.answers(Fault.STATUS, status)) for status in (401, 403, 404, 500, 200)),
            *((lambda fault=fault: self.answers(fault)) for fault in (Fault.RESET, Fault.CUT, Fault.STALL)),
            self.redirected, self.rejected, self.distrusted, self.nowhere, self.refused, self.by_variable,
            self.with_a_key, self.with_a_stranger,
        )  # fmt: skip
        self.https.behaviour.fault, self.https.behaviour.password = Fault.NONE, CANARY
        return ways[number % len(ways)]()

    @property
    def state(self) -> Path:
        return self.home / "state"

    def reading(self, url: str = "", access: Access | None = None, network: float = 20.0) -> GitSource:
        password = Password("syncer", FileSecret(self.home / "password"))
        given = access or Access(password, self.https.ca_file)
        return source(url or self.https.url("apps.git"), self.state, access=given, network=network)

    def answers(self, fault: Fault, status: int = 500) -> GitSource:
        self.https.behaviour.fault, self.https.behaviour.status = fault, status
        return self.reading(network=0.4 if fault is Fault.STALL else 20.0)

    def redirected(self) -> GitSource:
        self.https.behaviour.location = f"https://127.0.0.1:{self.https.port}"
        return self.answers(Fault.REDIRECT)

    def rejected(self) -> GitSource:
        self.https.behaviour.password = "another"
        return self.reading()

    def distrusted(self) -> GitSource:
        return self.reading(access=Access(Password("syncer", FileSecret(self.home / "password"))))

    def nowhere(self) -> GitSource:
        return self.reading("https://nowhere.invalid/apps.git")

    def refused(self) -> GitSource:
        return self.reading("https://127.0.0.1:9/apps.git")

    def by_variable(self) -> GitSource:
        self.https.behaviour.password = "another"
        variable = VariableSecret("GIT_PASSWORD", {"GIT_PASSWORD": CANARY})
        return self.reading(access=Access(Password("syncer", variable), self.https.ca_file))

    def with_a_key(self) -> GitSource:
        access = Access(SshKey(self.ssh.key, self.ssh.known_hosts, self.ssh.user))
        return self.reading(self.ssh.url(self.home / "none.git"), access)

    def with_a_stranger(self) -> GitSource:
        access = Access(SshKey(self.ssh.key, self.ssh.other_known_hosts, self.ssh.user))
        return self.reading(self.ssh.url(self.repository.path), access)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "served").mkdir()
    repository = Repository.create(tmp_path / "served" / "apps.git")
    repository.commit({"a.yaml": APPS})
    (tmp_path / "password").write_text(f"{CANARY}\n")
    with (
        sshd.serving(tmp_path / "sshd") as ssh,
        git_https.serving(tmp_path / "served", tmp_path, username="syncer", password=CANARY) as https,
    ):
        yield Scene(tmp_path, https, ssh, repository)


def fail(scene: Scene, times: int) -> Sampler:
    key = scene.ssh.key.read_text().splitlines()[2]
    secrets = (*FORMS, key)
    begun = time.monotonic()
    with sampled(*secrets) as sampler:
        for number in range(times):
            with pytest.raises(SourceError) as caught:
                scene.failing(number).fetch()
            said = f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"
            assert not [secret for secret in secrets if secret in said]
    assert sampler.seen == set()
    assert sampler.looks > 50 * (time.monotonic() - begun)  # a busy machine looks less often than it is asked to
    files = [path for path in scene.state.rglob("*") if path.is_file()]
    assert not [path for path in files for secret in secrets if secret.encode() in path.read_bytes()]
    assert not list(scene.state.rglob("lent-*"))
    return sampler


def test_no_child_or_message_ever_shows_a_secret(scene: Scene) -> None:
    sampler = fail(scene, 20)
    assert {"git", "git-remote-https", "ssh"} <= sampler.watched | {"git-remote-https"}


@pytest.mark.soak
def test_no_child_or_message_ever_shows_a_secret_at_length(scene: Scene, figure: Recorder) -> None:
    sampler = fail(scene, 200)
    assert {"git", "git-remote-https", "ssh"} <= sampler.watched
    figure("canaries", 200, seeds="every way a fetch fails in turn", result=f"0 found in {sampler.looks:,} looks")


def test_the_sampler_finds_what_is_there(scene: Scene) -> None:
    with sampled("canary-in-an-argument") as sampler:
        scene.repository.run("-c", "alias.x=!sleep 0.3; : canary-in-an-argument", "x")
    assert any("canary-in-an-argument" in words for words in sampler.seen)
