"""URL, ref and subpath: rejected, or handed to git exactly as written and at the right place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncer.desired import gitaddress
from syncer.desired.gitauth import FileSecret, Password, SshKey, VariableSecret
from syncer.desired.gitmirror import Access
from syncer.errors import UsageError
from tests.support.git_sources import source

SEEDS = (
    "-oProxyCommand=touch x", "ext::sh -c touch% x", "--upload-pack=touch x", "https://h/a\r\nhost=evil", "fd::17",
    "ssh://-oProxyCommand=x/y", "https://good.example@evil.example/x", "https://good.example\\@evil.example/x",
    "https://h/x?y=1", "https://h/x#y", "http://h/x", "git://h/x", "git@h:org/x.git", "https://h:99999/x", "https://h",
    "https://h/", "https://[::1]/x", "https://H.example/x", "https://h/%0a", "ssh://h/%0Dx", "https://h/\x00",
    "https://h/x\n", "file:///srv/x", "file://host/x", "", "https://h。example/x", "HTTPS://h/x", "ssh://u:p@h/x",
)  # fmt: skip
PIECES = st.sampled_from(
    [*SEEDS, "https://", "ssh://", "h", "@", ":", "/", "..", "-", "\n", "%0a", "{", "~", "^", ".lock"]
)
HOSTILE = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=5).map("".join))


@pytest.mark.parametrize(
    "url", ["https://git.example/a/b.git", "https://git.example:8443/x y".replace(" ", "~"), "ssh://h/~u/x"]
)
def test_plain_urls_pass_unchanged(url: str) -> None:
    assert gitaddress.parse(url).url == url


@pytest.mark.parametrize("url", SEEDS)
def test_each_known_trick_is_rejected(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        gitaddress.parse(url)
    assert caught.value.hint
    assert caught.value.message.isprintable()


def test_a_password_in_a_url_is_not_repeated_in_the_message() -> None:
    with pytest.raises(UsageError) as caught:
        gitaddress.parse("https://user:canary@git.example/x")
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


def test_a_file_url_needs_leave() -> None:
    assert gitaddress.parse("file:///srv/x", allow_file=True).scheme == "file"
    with pytest.raises(UsageError, match="not a git URL") as caught:
        gitaddress.parse("file:///srv/x")
    assert "allow_file" in caught.value.hint


@given(HOSTILE)
@settings(max_examples=3000, deadline=None)
def test_an_accepted_url_is_one_plain_word_of_the_two_transports(url: str) -> None:
    try:
        address = gitaddress.parse(url)
    except UsageError:
        return
    assert address.url == url
    assert url.startswith(("https://", "ssh://"))
    assert url.isascii()
    assert url.isprintable()
    assert not set(url.split("/")[2]) & set("@ \\%[]-" if url.split("/")[2].startswith("-") else "@ \\%[]")


@given(HOSTILE)
@settings(max_examples=300, deadline=None)
def test_an_accepted_ref_is_one_that_git_accepts(ref: str) -> None:
    try:
        gitaddress.checked_ref(ref)
    except UsageError:
        return
    assert not ref.startswith("-")
    assert subprocess.run(["git", "check-ref-format", f"refs/heads/{ref}"], check=False).returncode == 0


@given(st.text(alphabet="abAB01/._-@{~^:é ", min_size=1, max_size=12))
@settings(max_examples=300, deadline=None)
def test_refs_are_judged_as_git_judges_them_or_more_strictly(ref: str) -> None:
    try:
        gitaddress.checked_ref(ref)
    except UsageError:
        return
    assert subprocess.run(["git", "check-ref-format", f"refs/heads/{ref}"], check=False).returncode == 0


@pytest.mark.parametrize("ref", ["main", "release/1.0", "v1.2.3", "HEAD", "a" * 40, "feature/é", "refs/tags/x", "a@b"])
def test_usual_refs_pass(ref: str) -> None:
    assert gitaddress.checked_ref(ref) == ref


@given(HOSTILE)
@settings(max_examples=2000, deadline=None)
def test_an_accepted_subpath_stays_inside(subpath: str) -> None:
    try:
        checked = gitaddress.checked_subpath(subpath)
    except UsageError:
        return
    assume(checked)
    assert not checked.startswith("/")
    assert ".." not in checked.split("/")
    assert "\n" not in checked


@pytest.mark.parametrize(
    ("written", "read"), [("", ""), (".", ""), ("apps/", "apps"), ("./a//b/", "a/b"), ("a b", "a b")]
)
def test_a_subpath_is_normalised(written: str, read: str) -> None:
    assert gitaddress.checked_subpath(written) == read


HTTPS, SSH = "https://git.example/x", "ssh://git.example/x"
PASSWORD = Password("user", VariableSecret("P", {}))
KEY = SshKey(Path("/k"), Path("/h"))


@pytest.mark.parametrize(
    ("url", "access", "message"),
    [
        (SSH, Access(), "an ssh source needs"),
        (SSH, Access(PASSWORD), "an ssh source needs"),
        (HTTPS, Access(KEY), "of no use for a source over https"),
        (HTTPS, Access(Password("a\nb", FileSecret(Path("/p")))), "can't be a user name"),
        (SSH, Access(SshKey(Path("/k"), Path("/h"), "-oX")), "can't be a user name"),
        (SSH, Access(KEY, proxy="http://p:1"), "only used for a source over https"),
        (HTTPS, Access(proxy="http://u:p@p:1"), "is not a proxy's URL"),
        (HTTPS, Access(proxy="socks5://p:1"), "is not a proxy's URL"),
    ],
)
def test_access_that_does_not_fit_is_rejected_at_once(tmp_path: Path, url: str, access: Access, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        source(url, tmp_path, access=access)
