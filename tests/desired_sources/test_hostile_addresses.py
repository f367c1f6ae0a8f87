"""Addresses, refs and folders by the ten thousand: what is let through, git and two URL parsers read as it is meant."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from syncer.desired import gitaddress
from syncer.errors import UsageError
from tests.desired_sources.test_git_address import SEEDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.figures import Recorder

URLS = (
    *SEEDS, "https://git.example/a.git", "ssh://git.example:22/~git/a", "https://a.b-c.example:8443/x/y.git",
    "https://git.example:/x", "https://git.example:0/x", "https://git.example:65536/x", "https://-x.example/x",
    "https://git.example\t/x", "https://git.example /x", "https:/git.example/x", "https:///x", "https:git.example/x",
    "https://git.example/x\u2028y", "https://g\u0131t.example/x", "https://git.example%2eevil.example/x", "https://1.2.3.4/x",
    "https://0x7f.1/x", "https://git.example/x@evil.example", "https://git.example:8443@evil.example/x", "ssh://h/-x",
    "https://xn--git-7ka.example/x", "https://git.example./x", "https://GIT.example/x", "https://git.example/%0d%0aX",
    "https://git.example/x%00", "https://git.example/x%7f", "ssh://-oProxyCommand=touch@h/x", "transport::https://h/x",
    "https://git.example/\\..\\x", "https://git.example/../../x", "https://[fe80::1%25eth0]/x", "https://git.example\u3002/x",
)  # fmt: skip
REFS = (
    "main", "HEAD", "@", "-x", "--upload-pack=touch", "a..b", "a~1", "a^{}", "a:b", ":a", "+a", "a@{0}", "@{-1}",
    "a.lock", "a.lock/b", "/a", "a/", "a//b", ".a", "a/.b", "a.", "a\\b", "a?b", "a*b", "a[b", "a b", "a\nb", "a\x7fb",
    "refs/heads/x", "refs/../x", "é", "a\u202eb", "a\u200bb", "x" * 201, "", "feature/ü-1", "a@b", "$(touch x)",
    "`x`", "a;b", "v1.0",
)  # fmt: skip
FOLDERS = (
    "apps", "apps/prod", "", ".", "..", "../x", "a/../../x", "/etc", "a/./b", "a//b", "~", "a\nb", "a\x00b", "a\x1bb",
    ":/", ":(top)x", "*", "-x", "--", "a:b", "HEAD:x", "é", "cafe\u0301", "a\\..\\b", "\u202ex", "x" * 1001,
    "%2e%2e/x", "{}",
)  # fmt: skip
SIGNS = "@:/\\?#%.-+ \t\r\n\x00\x1b[]{}~^*'\"`$;|&<>\u3002\u2028\u202e\ufeffé0aZ"


def mutants(seeds: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Seeds as they are, cut, doubled, joined, and with a sign put in anywhere."""

    def put_in(text: str, place: int, sign: str, cut: int) -> str:
        at = place % (len(text) + 1)
        return text[:at] + sign + text[at + cut :]

    one = st.sampled_from(seeds)
    changed = st.builds(
        put_in, one, st.integers(0, 2000), st.text(st.sampled_from(SIGNS), max_size=3), st.integers(0, 4)
    )
    twice = st.builds(put_in, changed, st.integers(0, 2000), st.text(max_size=2), st.integers(0, 2))
    return st.one_of(one, changed, twice, st.lists(one, max_size=3).map("".join), st.text(max_size=30))


def tried(strategy: st.SearchStrategy[str], check: Callable[[str], bool], count: int) -> tuple[int, int]:
    """How many inputs were tried, and how many of them were let through."""
    seen: list[bool] = []

    @seed(7)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def run(text: str) -> None:
        seen.append(check(text))

    run()
    return len(seen), sum(seen)


def accepted(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except UsageError as error:
        said = f"{error.message}{error.hint}"
    else:
        return True
    assert said.isprintable()
    return False


URL = re.compile(r"(https|ssh)://([a-z0-9][a-z0-9.-]*)(?::([1-9][0-9]{0,4}|0[0-9]{0,4}))?(/[!-~]+)")


def url_is_judged_right(url: str) -> bool:
    if not accepted(gitaddress.parse, url):
        return False
    found = URL.fullmatch(url)
    assert found
    scheme, host, port, path = found.groups()
    assert not set(path) & set("?#")
    assert not re.search(r"%(?:[01][0-9a-f]|7f)", path, re.IGNORECASE)
    first, second = urlsplit(url), httpx.URL(url)
    assert (first.scheme, first.hostname, first.username, first.port) == (
        scheme,
        host,
        None,
        int(port) if port else None,
    )
    assert (second.scheme, second.raw_host.decode(), second.userinfo) == (scheme, host, b"")
    return True


def ref_is_judged_right(ref: str) -> bool:
    if not accepted(gitaddress.checked_ref, ref):
        return False
    assert ref[0] not in "-+/."
    assert ref.isprintable()
    assert not set(ref) & set(" ~^:?*[\\")
    asked = subprocess.run(["git", "check-ref-format", f"refs/heads/{ref}"], check=False)
    assert asked.returncode == 0, ref
    return True


def folder_is_judged_right(folder: str) -> bool:
    if not accepted(gitaddress.checked_subpath, folder):
        return False
    checked = gitaddress.checked_subpath(folder)
    assert not {"..", ".", ""} & set(checked.split("/")) or not checked
    assert checked.isprintable()
    assert checked == gitaddress.checked_subpath(checked)
    return True


KINDS = {
    "urls": (URLS, url_is_judged_right),
    "refs": (REFS, ref_is_judged_right),
    "folders": (FOLDERS, folder_is_judged_right),
}


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_let_through_wrongly(kind: str) -> None:
    seeds, check = KINDS[kind]
    assert sum(map(check, seeds)) >= 3
    count, through = tried(mutants(seeds), check, 300)
    assert 0 < through < count


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_none_is_let_through_wrongly_at_length(kind: str, figure: Recorder) -> None:
    seeds, check = KINDS[kind]
    count, through = tried(mutants(seeds), check, 10_000)
    assert 0 < through < count
    figure("hostile-refs", count, seeds="7", result="0 accepted wrongly")
