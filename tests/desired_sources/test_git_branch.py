"""A branch that grows by pushes: over https and ssh, beside others, against rules, faults and a kill in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer.clock import SystemClock
from syncer.desired import gitaddress
from syncer.desired.gitauth import FileSecret, Password, SshKey
from syncer.desired.gitbranch import LARGEST, Branch, Tip
from syncer.desired.gitmirror import Access, GoneRefError
from syncer.desired.gitproc import Bounds
from syncer.errors import SourceError
from tests.support import git_https, sshd
from tests.support.git_https import Fault
from tests.support.repositories import Blob, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.git_https import GitHttps

NAME = "acme%2Fprod.checkpoint"
CANARY = "canary-93c1-push"
FAST_FORWARD_ONLY = """\
#!/bin/sh
while read -r old new ref; do
  case "$old$new" in *0000000000000000000000000000000000000000*) continue ;; esac
  git merge-base --is-ancestor "$old" "$new" || exit 1
done
"""


def branch(url: str, state: Path, access: Access | None = None, *, network: float = 30.0) -> Branch:
    address = gitaddress.parse(url, "heads", allow_file=True)
    limits = Bounds(network=network, local=20.0)
    return Branch(address, state, access or Access(), {"PATH": os.environ["PATH"]}, SystemClock(), limits)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "served").mkdir()
    made = Repository.create(tmp_path / "served" / "heads.git")
    made.git("config", "http.receivepack", "true")
    return made


@pytest.fixture
def server(repository: Repository, tmp_path: Path) -> Iterator[GitHttps]:
    with git_https.serving(repository.path.parent, tmp_path, username="syncer", password=CANARY) as running:
        yield running


def over_https(server: GitHttps, tmp_path: Path, *, network: float = 30.0) -> Branch:
    secret = tmp_path / "password"
    secret.write_text(f"{CANARY}\n")
    access = Access(Password("syncer", FileSecret(secret)), server.ca_file)
    return branch(server.url("heads.git"), tmp_path / "state", access, network=network)


def hook(repository: Repository, name: str, script: str) -> None:
    path = repository.path / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


def put(there: Branch, content: bytes, name: str = NAME) -> bool:
    return there.add(there.read(name), name, content, f"{content.decode()}\n\nmore\n")


def kept(repository: Repository, name: str = NAME) -> str:
    return repository.git("show", f"refs/heads/heads:{name}")


def subjects(repository: Repository) -> list[str]:
    return repository.git("log", "--format=%s", "refs/heads/heads").splitlines()


def test_the_first_head_makes_the_branch_and_later_ones_follow(repository: Repository, tmp_path: Path) -> None:
    there = branch(repository.url, tmp_path / "state")
    assert there.read(NAME) == Tip("", None)
    assert put(there, b"one")
    assert put(there, b"two")
    assert there.read(NAME) == Tip(repository.git("rev-parse", "heads"), b"two")
    assert subjects(repository) == ["two", "one"]
    assert "+two" in repository.git("log", "-p", "heads")
    repository.git("fsck", "--strict", "--no-dangling")


def test_other_files_and_folders_stay(repository: Repository, tmp_path: Path) -> None:
    odd: dict[str | bytes, bytes | Blob | None] = {
        "README": b"r", "a\nb": b"x", "d/e": b"e", "run": Blob(b"#!", "100755"), "link": Blob(b"/etc", "120000"),
    }  # fmt: skip
    repository.commit(odd, branch="heads")
    assert put(branch(repository.url, tmp_path / "state"), b"one")
    assert kept(repository) == "one"
    assert repository.git("diff", "--name-status", "heads~1", "heads") == f"A\t{NAME}"


@pytest.mark.needs("git-http-backend")
def test_pushes_over_https_to_a_protected_branch(repository: Repository, server: GitHttps, tmp_path: Path) -> None:
    hook(repository, "pre-receive", FAST_FORWARD_ONLY)
    there = over_https(server, tmp_path)
    assert put(there, b"one")
    assert put(there, b"two")
    assert subjects(repository) == ["two", "one"]
    assert not [
        path for path in (tmp_path / "state").rglob("*") if path.is_file() and CANARY in path.read_text("latin-1")
    ]


@pytest.mark.needs("sshd", "ssh", "ssh-keygen")
def test_pushes_over_ssh_to_a_protected_branch(repository: Repository, tmp_path: Path) -> None:
    hook(repository, "pre-receive", FAST_FORWARD_ONLY)
    with sshd.serving(tmp_path / "sshd") as running:
        access = Access(SshKey(running.key, running.known_hosts, running.user))
        there = branch(running.url(repository.path), tmp_path / "state", access)
        assert put(there, b"one")
        assert put(there, b"two")
        there.try_out(there.read(NAME))
    assert subjects(repository) == ["two", "one"]
    with pytest.raises(SourceError, match="can't be reached"):
        put(there, b"three")


def test_a_push_is_never_forced(repository: Repository, tmp_path: Path) -> None:
    there = branch(repository.url, tmp_path / "state")
    before = there.read(NAME)
    put(branch(repository.url, tmp_path / "other"), b"faster")
    assert not there.add(before, NAME, b"slower", "x")
    behind = there.read(NAME)
    put(branch(repository.url, tmp_path / "other"), b"faster still")
    assert not there.add(behind, NAME, b"slower", "x")
    assert kept(repository) == "faster still"


def test_many_journals_share_a_branch_and_lose_nothing(repository: Repository, tmp_path: Path) -> None:
    def work(number: int) -> None:
        there = branch(repository.url, tmp_path / f"state{number}")
        for turn in range(4):
            while not put(there, b"%d" % turn, f"{number}.checkpoint"):
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [kept(repository, f"{number}.checkpoint") for number in range(3)] == ["3"] * 3
    assert len(subjects(repository)) == 12


@pytest.mark.needs("git-http-backend")
def test_what_the_server_refuses_is_named(repository: Repository, server: GitHttps, tmp_path: Path) -> None:
    there = over_https(server, tmp_path)
    put(there, b"one")
    hook(repository, "pre-receive", "#!/bin/sh\necho no pushes on Fridays >&2\nexit 1\n")
    with pytest.raises(SourceError, match="rules refuse the push") as caught:
        put(there, b"two")
    assert not caught.value.retryable
    repository.git("config", "http.receivepack", "false")
    for tried in (lambda: put(there, b"two"), lambda: there.try_out(there.read(NAME))):
        with pytest.raises(SourceError, match="denies access"):
            tried()
    assert subjects(repository) == ["one"]


@pytest.mark.needs("git-http-backend")
@pytest.mark.parametrize(
    ("fault", "message"),
    [(Fault.RESET, "broke off|reached"), (Fault.DRIP, "took longer|too slow"), (Fault.STATUS, "in trouble")],
)
def test_a_server_in_trouble_changes_nothing(
    repository: Repository, server: GitHttps, tmp_path: Path, fault: Fault, message: str
) -> None:
    there = over_https(server, tmp_path, network=2.0)
    put(there, b"one")
    tip = there.read(NAME)
    server.behaviour.fault = fault
    with pytest.raises(SourceError, match=message):
        there.add(tip, NAME, b"two", "x")
    server.behaviour.fault = Fault.NONE
    assert subjects(repository) == ["one"]
    assert put(there, b"two")


def test_trying_out_changes_nothing(repository: Repository, tmp_path: Path) -> None:
    there = branch(repository.url, tmp_path / "state")
    there.try_out(there.read(NAME))
    assert repository.git("for-each-ref") == ""
    put(there, b"one")
    there.try_out(there.read(NAME))
    assert subjects(repository) == ["one"]


def test_a_branch_that_is_gone_is_not_made_again(repository: Repository, tmp_path: Path) -> None:
    there = branch(repository.url, tmp_path / "state")
    put(there, b"one")
    there.read(NAME)
    repository.git("update-ref", "-d", "refs/heads/heads")
    with pytest.raises(GoneRefError):
        there.read(NAME)


@pytest.mark.parametrize("content", [Blob(b"x" * (LARGEST + 1)), Blob(b"d" * 40, "160000")], ids=["large", "submodule"])
def test_a_name_that_stands_for_no_small_file_is_an_error(
    repository: Repository, tmp_path: Path, content: Blob
) -> None:
    repository.commit({NAME: content, "other": b""}, branch="heads")
    there = branch(repository.url, tmp_path / "state")
    if content.mode == "160000":  # what it names is not here
        assert there.read(NAME).content is None
    else:
        with pytest.raises(SourceError, match="is not a file of at most"):
            there.read(NAME)


def test_a_folder_of_that_name_is_an_error(repository: Repository, tmp_path: Path) -> None:
    repository.commit({f"{NAME}/x": b""}, branch="heads")
    with pytest.raises(SourceError, match="is not a file"):
        branch(repository.url, tmp_path / "state").read(NAME)


def test_an_interrupted_branch_refuses_the_rest(repository: Repository, tmp_path: Path) -> None:
    there = branch(repository.url, tmp_path / "state")
    there.interrupt()
    with pytest.raises(SourceError, match="interrupted"):
        there.read(NAME)


@pytest.mark.parametrize("moment", ["pre-receive", "post-receive"])
def test_after_kill_9_in_the_middle_of_a_push_the_next_one_works(
    repository: Repository, tmp_path: Path, moment: str
) -> None:
    put(branch(repository.url, tmp_path / "state"), b"one")
    fifo = tmp_path / "reached"
    os.mkfifo(fifo)
    hook(repository, moment, f"#!/bin/sh\necho > {fifo}\nread x < {fifo}\n")
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.desired_sources.test_git_branch import branch, put\n"
        "put(branch(sys.argv[1], Path(sys.argv[2])), b'two')\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, repository.url, str(tmp_path / "state")],
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    fifo.read_text()
    child.kill()
    child.wait()
    fifo.write_text("go on\n")
    (repository.path / "hooks" / moment).unlink()
    assert put(branch(repository.url, tmp_path / "state"), b"three")
    assert kept(repository) == "three"
    assert subjects(repository)[-1] == "one"
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
