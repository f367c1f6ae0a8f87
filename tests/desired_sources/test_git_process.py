"""One child: its exact arguments and environment, its end, its words."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncer.clock import SystemClock
from syncer.desired import gitauth, gitproc, gitwords
from syncer.desired.gitauth import FileSecret, Password, SshKey, VariableSecret
from syncer.desired.gitproc import SAFE, Bounds, Call, Git, scrubbed
from syncer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.clock import Clock

BOUNDS = Bounds(object_file=10**9)


class Late(SystemClock):
    """A clock that jumps far ahead as soon as a file is there."""

    def __init__(self, sign: Path) -> None:
        self._sign = sign

    def monotonic(self) -> float:
        return super().monotonic() + (10_000 if self._sign.exists() else 0)


def impostor(tmp_path: Path, body: str, clock: Clock | None = None) -> Git:
    """A program called git that does something else, to see what a child gets and how it is ended."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport json, os, sys, time, subprocess, resource\n{body}\n")
    program.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    return Git(home, f"{program.parent}:/usr/bin:/bin", clock or SystemClock(), BOUNDS)


def ends(process: int) -> bool:
    """Whether a process that was killed is gone within ten seconds; the kernel takes its time."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


def test_a_child_gets_the_safe_configuration_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "GIT_SSH", "GIT_ALLOW_PROTOCOL", "GIT_CONFIG_COUNT", "SSH_AUTH_SOCK", "SECRET"):
        monkeypatch.setenv(name, "canary")
    git = impostor(
        tmp_path,
        "print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), resource.getrlimit(resource.RLIMIT_FSIZE)]))",
    )
    done = git.run(Call(("fetch", "--end-of-options", "url"), 10, config=("a.b=c",), env=(("GIT_ASKPASS", "/x"),)))
    arguments, environment, folder, limit = json.loads(done.out)
    config = [part for setting in (*SAFE, "a.b=c") for part in ("-c", setting)]
    assert arguments == [*config, "fetch", "--end-of-options", "url"]
    assert environment.pop("PATH").startswith(str(tmp_path))
    environment.pop("LC_CTYPE", None)  # the impostor's interpreter sets it for itself
    assert environment == {
        "HOME": str(tmp_path / "home"),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ASKPASS": "/x",
    }
    assert folder == str(tmp_path / "home")
    assert limit == [10**9, 10**9]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is bounded")
def test_what_a_child_started_before_its_bound_came_is_bounded_as_well() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 100 & echo $!; wait"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        started = int(child.stdout.readline())
        gitproc._limit_files(child, 10**6)
        bounds = [resource.prlimit(process, resource.RLIMIT_FSIZE) for process in (child.pid, started)]
        child.kill()
        os.kill(started, signal.SIGKILL)
    assert bounds == [(10**6, 10**6)] * 2


def test_a_child_that_has_ended_has_nothing_to_bound() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
        gitproc._limit_files(child, 10**6)


def test_bounding_a_child_while_it_ends_is_no_error() -> None:
    for _ in range(60):  # each ends at another moment between the looks at it
        with subprocess.Popen(["/bin/true"], start_new_session=True) as child:
            gitproc._limit_files(child, 10**6)


def test_a_process_that_is_gone_has_no_children() -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        pass
    assert list(gitproc._children(child.pid)) == []


def test_a_child_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    told = tmp_path / "home" / "child"
    git = impostor(
        tmp_path,
        "child = subprocess.Popen(['sleep', '100'])\nopen('new', 'w').write(str(child.pid))\n"
        "os.rename('new', 'child')\ntime.sleep(100)",
        Late(told),
    )
    with pytest.raises(SourceError, match=r"git fetch took longer than 60 s"):
        git.run(Call(("--git-dir=x", "fetch"), 60))
    assert ends(int(told.read_text()))


@pytest.fixture
def first_process() -> Iterator[None]:
    """Orphans come to this process, as to the first one of a container."""
    prctl, subreaper = ctypes.CDLL(None).prctl, 36
    assert prctl(subreaper, 1, 0, 0, 0) == 0
    yield
    prctl(subreaper, 0, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="containers")
@pytest.mark.usefixtures("first_process")
def test_what_git_leaves_to_a_containers_first_process_is_buried(tmp_path: Path) -> None:
    told = tmp_path / "home" / "child"
    body = (
        "if sys.argv[-1] == 'version': sys.exit()\nchild = subprocess.Popen(['sleep', '100'])\n"
        "open('new', 'w').write(str(child.pid))\nos.rename('new', 'child')\ntime.sleep(100)"
    )
    with pytest.raises(SourceError, match="took longer"):
        impostor(tmp_path, body, Late(told)).run(Call(("fetch",), 60))
    orphan = int(told.read_text())
    assert ends(orphan)
    Git(tmp_path / "home", f"{tmp_path / 'bin'}:/usr/bin:/bin", SystemClock(), BOUNDS).run(Call(("version",), 20))
    assert not Path(f"/proc/{orphan}").exists()


@pytest.mark.parametrize("leads", [True, False])
def test_who_was_started_by_somebody_else_is_left_to_them(tmp_path: Path, leads: bool) -> None:
    with subprocess.Popen(["sh", "-c", "exit 7"], start_new_session=leads) as child:
        assert ends(child.pid)
        impostor(tmp_path, "").run(Call(("version",), 20))
        assert child.wait() == 7


def test_a_child_that_closes_its_output_and_stays_is_ended(tmp_path: Path) -> None:
    git = impostor(tmp_path, "os.close(1)\nos.close(2)\ntime.sleep(100)")
    with pytest.raises(SourceError, match="took longer"):
        git.run(Call(("fetch",), 0.5))


def test_a_child_that_says_too_much_is_ended(tmp_path: Path) -> None:
    git = impostor(tmp_path, "while True: sys.stdout.write('x' * 100000)")
    with pytest.raises(SourceError, match="git ls-tree answered with more than 1000 bytes"):
        git.run(Call(("ls-tree",), 20, output=1000))


def test_only_the_end_of_long_complaints_is_kept(tmp_path: Path) -> None:
    git = impostor(tmp_path, "sys.stderr.write('x' * 1000000 + 'end')\nsys.exit(3)")
    done = git.run(Call(("fetch",), 20))
    assert (done.code, len(done.err), done.err[-3:]) == (3, 16 * 1024, "end")


def test_large_input_and_output_do_not_block_each_other(tmp_path: Path) -> None:
    git = impostor(tmp_path, "while chunk := sys.stdin.buffer.read(4096): sys.stdout.buffer.write(chunk)")
    text = os.urandom(2_000_000)
    assert git.run(Call(("cat-file",), 20, stdin=text, output=len(text))).out == text


def test_a_child_that_does_not_read_its_input_is_no_error_of_ours(tmp_path: Path) -> None:
    git = impostor(tmp_path, "sys.exit(5)")
    assert git.run(Call(("cat-file",), 20, stdin=b"x" * 1_000_000)).code == 5


def test_no_child_is_started_after_an_interrupt(tmp_path: Path) -> None:
    git = impostor(tmp_path, "open(os.environ['HOME'] + '/started', 'w').close()")
    git.interrupt()
    with pytest.raises(SourceError, match="interrupted"):
        git.run(Call(("version",), 10))
    assert not (tmp_path / "home" / "started").exists()


def test_a_missing_git_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="git can't be started") as caught:
        Git(tmp_path, str(tmp_path), SystemClock(), BOUNDS).run(Call(("fetch",), 1))
    assert "install git" in caught.value.hint


@given(
    st.text(max_size=200), st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=3, max_size=9)
)
@settings(max_examples=1000)
def test_words_are_scrubbed_of_secrets_users_and_control_characters(text: str, secret: str) -> None:
    assume(secret not in "https://user:")  # struck out, it leaves nothing that looks like a URL
    words = scrubbed(f"{text}{secret} https://user:{secret}@host/x\x1b[2J", (secret, ""))
    assert secret not in words.replace("***", "").replace("https:///x", "")
    assert "user" not in words or "user" in text + secret
    assert all(char == "\n" or " " <= char <= "~" for char in words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("error: file write error: No space left on device\nfatal: unable to write", "no space left"),
        ("fatal: fetch-pack: invalid index-pack output\nerror: index-pack died of signal 25", "larger than the limit"),
        ("No user exists for uid 65532", "without an entry in /etc/passwd"),
        ('Load key "/x/key": error in libcrypto\nu@h: Permission denied (publickey).', "damaged or has a passphrase"),
        ("fatal: mismatched algorithms: client sha1; server sha256", "SHA-256"),
        ("fatal: attempt to fetch/clone from a shallow repository", "shallow clone"),
        ("ssh: connect to host h port 22: Network is unreachable", "can't be reached"),
        ("ssh: connect to host h port 22: Connection timed out", "too slow"),
        ("ssh: Could not resolve hostname h: Name or service not known", "name is not known"),
        ("error: 4032 bytes of body are still expected\nfatal: early EOF", "broke off"),
        ("error: 512 bytes of body are still expected\nfetch-pack: unexpected disconnect", "broke off"),
        ("hint: x\nfatal: something new", "git failed to fetch: fatal: something new"),
        ("", "git failed to fetch: it gave no reason"),
    ],
)
def test_what_git_says_has_a_meaning(words: str, message: str) -> None:
    assert message in gitwords.meaning(words, "fetch").message


def test_a_server_can_not_talk_us_into_dropping_the_mirror() -> None:
    assert not gitwords.is_corrupt("remote: fatal: loose object is corrupt\nfatal: the remote end hung up")
    assert gitwords.is_corrupt("error: object file objects/aa/bb is empty\nfatal: loose object aabb is corrupt")


def test_names_from_a_server_are_shown_harmless() -> None:
    assert gitwords.listed(["a\x1bb", "c"]) == "a?b, c"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"a\nb\n", "more than one line"),
        (b"\x00", "unprintable"),
        (b"x" * 70_000, "larger"),
    ],
)
def test_a_password_file_that_can_not_be_one_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        FileSecret(path)()


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SourceError, match="variable GIT_PASSWORD is empty"):
        VariableSecret("GIT_PASSWORD", {})()


def test_a_lent_password_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    credentials = Password("user", VariableSecret("P", {"P": "pä$$ 'word"}))
    with gitauth.lent(credentials, tmp_path) as loan:
        (folder,) = tmp_path.iterdir()
        askpass = dict(loan.env)["GIT_ASKPASS"]
        modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
        assert modes == {folder.name: 0o700, "username": 0o600, "password": 0o600, "askpass": 0o700}
        git = Git(tmp_path, os.environ["PATH"], SystemClock(), BOUNDS)
        asked = git.run(
            Call(("-c", f"core.askPass={askpass}", "credential", "fill"), 10, stdin=b"protocol=https\nhost=h\n\n")
        )
        assert asked.out.decode() == "protocol=https\nhost=h\nusername=user\npassword=pä$$ 'word\n"
        assert "pä$$" not in askpass
    assert list(tmp_path.iterdir()) == []


def test_the_ssh_command_trusts_only_what_was_given(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    (tmp_path / "h").write_text("")
    state = tmp_path / "a 100% state"
    state.mkdir()
    with gitauth.lent(SshKey(tmp_path / "k", tmp_path / "h", "deploy"), state) as loan:
        command = dict(loan.env)["GIT_SSH_COMMAND"]
        (folder,) = state.iterdir()
        assert (folder / "key").read_text().endswith("KEY-----\n")
        assert (folder / "key").stat().st_mode & 0o777 == 0o600
    for option in ("-F /dev/null", "StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes", "User=deploy"):
        assert option in command
    assert "100%% state" in command
