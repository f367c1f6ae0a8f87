"""Two texts are one URL exactly where RFC 3986 says so, and no secret part of one is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncer.model import url

CANARY = "canary7f3"

SAME = [
    ("https://H.Example/a", "https://h.example/a", "host case"),
    ("HTTPS://h.example/a", "https://h.example/a", "scheme case"),
    ("https://h.example:443/a", "https://h.example/a", "default port of https"),
    ("http://h.example:80/a", "http://h.example/a", "default port of http"),
    ("wss://h.example:443/a", "wss://h.example/a", "default port of wss"),
    ("https://h.example:/a", "https://h.example/a", "empty port"),
    ("https://h.example/%7euser", "https://h.example/~user", "escaped unreserved character"),
    ("https://h.example/a%2fb", "https://h.example/a%2Fb", "case of hex digits"),
    ("https://h.example/?q=%3d", "https://h.example/?q=%3D", "case of hex digits in a query"),
    ("https://h.example/a/./b/../c", "https://h.example/a/c", "dot segments"),
    ("https://h.example/a/%2e%2e/c", "https://h.example/c", "escaped dot segments"),
    ("https://h.example/../a", "https://h.example/a", "dot segments above the root"),
    ("https://h.example/a/.", "https://h.example/a/", "a last single dot"),
    ("https://h.example/a/b/..", "https://h.example/a/", "last double dots"),
    ("https://h.example/..", "https://h.example/", "nothing but dots"),
    ("https://h.example", "https://h.example/", "empty path"),
    ("https://h.example?q=1", "https://h.example/?q=1", "empty path before a query"),
    ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a", "case of an address"),
    ("https://%41sha@h.example/", "https://Asha@h.example/", "escaped character in userinfo"),
]

OTHER = [
    ("https://h.example/a/", "https://h.example/a", "trailing slash"),
    ("https://h.example/?a=1&b=2", "https://h.example/?b=2&a=1", "query order"),
    ("https://h.example/?", "https://h.example/", "empty query"),
    ("https://h.example/#", "https://h.example/", "empty fragment"),
    ("https://h.example/#a?b", "https://h.example/?#a?b", "a question mark in a fragment"),
    ("https://h.example/#a", "https://h.example/#b", "fragment"),
    ("https://h.example:8443/", "https://h.example/", "port"),
    ("https://h.example:80/", "https://h.example/", "default port of another scheme"),
    ("https://g.example/", "https://h.example/", "host"),
    ("https://h.example./", "https://h.example/", "dot after the host"),
    ("http://h.example/", "https://h.example/", "scheme"),
    ("https://u@h.example/", "https://h.example/", "userinfo"),
    ("https://@h.example/", "https://h.example/", "empty userinfo"),
    ("https://U@h.example/", "https://u@h.example/", "case of userinfo"),
    ("https://h.example/A", "https://h.example/a", "case of a path"),
    ("https://h.example/a%2Fb", "https://h.example/a/b", "escaped reserved character"),
    ("https://h.example//a", "https://h.example/a", "empty segment"),
    ("https://h.example/a..b", "https://h.example/ab", "dots inside a segment"),
]

NOT_URLS = [
    "",
    "not set",
    "h.example/a",
    "//h.example/a",
    "mailto:a@h.example",
    "https:///a",
    "https://",
    "1https://h.example/",
    r"https://good.example\@evil.example/",
    r"https://h.example/a\b",
    "https://good.example@also@evil.example/",
    "https://h.exam%70le/",
    "https://h.example/100%",
    "https://h.example/%%37e",
    "https://h.example:port/",
    "https://h.example:0443/",
    "https://h.example:65536/",
    "https://h.example:-1/",
    "https://[2001:db8::1/",
    "https://[h.example]/",
    "https://hé.example/",
    "https://h.example/é",
    "https://good。example/",
    " https://h.example/",
    "https://h.example/ ",
    "https://h.example/\n",
    "https://h.exa\tmple/",
    "https://h.example/a\r\nb",
    "\x00https://h.example/",
    "https://h.example/\ud800",
]


@pytest.mark.parametrize(("one", "two", "why"), SAME)
def test_equivalent_texts_are_one_url(one: str, two: str, why: str) -> None:
    assert url.parse(one) == url.parse(two), why
    assert hash(url.parse(one)) == hash(url.parse(two))
    assert url.parse(one).origin == url.parse(two).origin


@pytest.mark.parametrize(("one", "two", "why"), OTHER)
def test_other_differences_make_another_url(one: str, two: str, why: str) -> None:
    assert url.parse(one) != url.parse(two), why


@pytest.mark.parametrize("text", NOT_URLS)
def test_what_programs_may_read_differently_is_not_a_url(text: str) -> None:
    parsed = url.parse(text)
    assert (parsed.text, parsed.normal) == (text, text)
    assert parsed.origin == ("", "", None)


def test_a_url_keeps_its_text_and_names_its_origin() -> None:
    parsed = url.parse("HTTPS://H.example:8443/a/../b")
    assert parsed.text == "HTTPS://H.example:8443/a/../b"
    assert parsed.normal == "https://h.example:8443/b"
    assert parsed.origin == ("https", "h.example", 8443)


def test_the_host_of_an_address_has_no_brackets() -> None:
    assert url.parse("https://[::1]:8443/").origin == ("https", "::1", 8443)


def test_a_long_tangled_path_is_normalised_as_the_rfc_does() -> None:
    assert url.parse("https://h.example/a/b/c/./../../g//../h").normal == "https://h.example/a/g/h"


PARTS = r"https http :// u:p @ h.example :443 :8443 / a . .. %2e %7E %2f % ? q=1 & # [::1] \ é %25 41 7e"
PIECES = st.sampled_from(PARTS.split(" "))
TEXTS = st.text(max_size=30) | st.lists(PIECES | st.sampled_from([" ", "\t", "\n"]), max_size=14).map("".join)


@settings(max_examples=100)
@given(TEXTS)
@example("https://h.example/%25%37e")
def test_parsing_is_total_and_keeps_the_text(text: str) -> None:
    assert url.parse(text).text == text


@settings(max_examples=100)
@given(st.lists(PIECES, max_size=12).map(lambda rest: "https://h.example/" + "".join(rest)) | TEXTS)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = url.parse(text)
    again = url.parse(once.normal)
    assert (again.normal, again.origin) == (once.normal, once.origin)


@settings(max_examples=100)
@given(TEXTS, TEXTS)
def test_what_is_not_a_url_equals_only_itself(one: str, two: str) -> None:
    if not url.parse(one).host:
        assert (url.parse(one) == url.parse(two)) == (one == two)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h.example/a", "https://h.example/a"),
        ("https://h.example/@me/a", "https://h.example/@me/a"),
        ("https://u:p@h.example/a@b", "https://***@h.example/a@b"),
        ("https://h.example/?a=1&b=&c&=d", "https://h.example/?a=***&b=&***&=***"),
        ("https://h.example/?a=1;b=2", "https://h.example/?a=***"),
        ("https://h.example/?", "https://h.example/?"),
        ("https://h.example/#access_token=1", "https://h.example/#***"),
        ("https://h.example/?to=a@b.example", "https://h.example/?to=***"),
        ("u:p@h.example/a", "***@h.example/a"),
        ("https://u:p?q@h.example/", "***"),
        ("https://u:p#q@h.example/", "***"),
        ("https://u:p/q@h.example/", "***@h.example/"),
        ("not set", "not set"),
    ],
)
def test_what_may_be_secret_is_masked(text: str, shown: str) -> None:
    parsed = url.parse(text)
    assert parsed.shown == shown
    assert str(parsed) == f"{parsed}" == shown
    assert repr(parsed) == f"Url({shown!r})"


@settings(max_examples=100)
@given(before=TEXTS, after=TEXTS)
def test_a_query_value_is_never_shown(before: str, after: str) -> None:
    assert CANARY not in repr(url.parse(f"{before}?key={CANARY}{after}"))
    assert CANARY not in url.parse(f"{before}?{CANARY}").shown


@settings(max_examples=100)
@given(scheme=st.sampled_from(["https://", "http://", "//", "", " https://", "https:"]), user=TEXTS, rest=TEXTS)
def test_a_password_is_never_shown(scheme: str, user: str, rest: str) -> None:
    name = user.translate({ord(c): None for c in "/?#"})
    assert CANARY not in url.parse(f"{scheme}{name}:{CANARY}{rest}@h.example/path").shown
