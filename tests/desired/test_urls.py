from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import can_ada
import httpx
import pytest
import yarl
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.desired import urls
from syncer.model.fields import URL_FIELDS, Field
from syncer.model.url import parse

if TYPE_CHECKING:
    from tests.soak.figures import Recorder

HOSTS = ("hooks.acme.example", "hooks.acme.example:8443")


def rules(text: str, field: Field = Field.POPUP_URL, allowed: tuple[str, ...] | None = None) -> list[str]:
    return [fault.rule for fault in urls.faults(field, text, allowed)]


@pytest.mark.parametrize(
    "text",
    [
        "https://hooks.acme.example",
        "https://hooks.acme.example/popup?app=1&x=%7E/y",
        "https://hooks.acme.example?x=1",
        "https://hooks.acme.example:8443/popup",
        "https://Hooks.Acme.example/~a/%20/;v=1",
        "https://hooks.acme.example:443/",
        "https://h/",
        "https://1and1.example/a@b:c",
    ],
)
def test_a_plain_url_is_in_order(text: str) -> None:
    assert rules(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["SY320"]),
        ("hooks.acme.example/popup", ["SY320"]),
        ("https:/hooks.acme.example", ["SY320"]),
        ("//hooks.acme.example", ["SY320"]),
        ("javascript:alert(1)", ["SY320"]),
        ("http://hooks.acme.example", ["SY321"]),
        ("HTTPS://hooks.acme.example", ["SY321"]),
        ("ws://hooks.acme.example", ["SY321"]),
        ("wss://hooks.acme.example", ["SY321"]),
        ("file:///etc/passwd", ["SY321", "SY326"]),
        ("https://user@hooks.acme.example", ["SY322"]),
        ("https://hooks.acme.example@evil.example/", ["SY322"]),
        ("https://user:pa@ss@hooks.acme.example", ["SY322"]),
        ("https://@hooks.acme.example", ["SY322"]),
        ("https://g\u043e\u043ed.example", ["SY323"]),
        ("https://good\u3002example", ["SY323"]),
        ("https://xn--gd-8ia.example", ["SY323"]),
        ("https://a.XN--p1ai", ["SY323"]),
        ("https://hooks.acme.example/a b", ["SY324"]),
        ("https://hooks.acme.example\n", ["SY324"]),
        (" https://hooks.acme.example", ["SY324"]),
        ("https://hooks\t.acme.example", ["SY324"]),
        ("https://hooks.acme.example\\@evil.example", ["SY324"]),
        ("https://hooks.acme.example/\x1b[31m", ["SY324"]),
        ("https://hooks.acme.example/<x>", ["SY324"]),
        ("https://hooks.acme.example/%zz", ["SY324"]),
        ("https://hooks.acme.example/%", ["SY324"]),
        ("https://hooks.acme.example/{app}", ["SY324"]),
        ("https://h.example/" + "a" * 2048, ["SY325"]),
        ("https://", ["SY326"]),
        ("https:///popup", ["SY326"]),
        ("https://?x", ["SY326"]),
        ("https://a..example", ["SY326"]),
        ("https://a.example.", ["SY326"]),
        ("https://-a.example", ["SY326"]),
        ("https://a_b.example", ["SY326"]),
        ("https://a%2eexample", ["SY326"]),
        ("https://a;b.example", ["SY326"]),
        ("https://" + "a" * 64 + ".example", ["SY326"]),
        ("https://" + "a." * 130 + "example", ["SY326"]),
        ("https://a.example:", ["SY326"]),
        ("https://a.example:0", ["SY326"]),
        ("https://a.example:65536", ["SY326"]),
        ("https://a.example:0443", ["SY326"]),
        ("https://a.example:+443", ["SY326"]),
        ("https://a.example:80:443", ["SY326"]),
        ("https://127.0.0.1", ["SY327"]),
        ("https://127.1", ["SY327"]),
        ("https://2130706433", ["SY327"]),
        ("https://0x7f000001", ["SY327"]),
        ("https://0x7f.0.0.0x1", ["SY327"]),
        ("https://0177.0.0.01", ["SY327"]),
        ("https://127.0.0.1.", ["SY327"]),
        ("https://[::1]/", ["SY327"]),
        ("https://[::ffff:127.0.0.1]:443/", ["SY327"]),
        ("https://a.example/#x", ["SY328"]),
        ("https://a.example#@evil.example", ["SY328"]),
        ("http://user@127.0.0.1/<#f", ["SY321", "SY322", "SY327", "SY328", "SY324"]),
    ],
)
def test_each_trick_has_its_rule(text: str, expected: list[str]) -> None:
    assert rules(text) == expected


def test_only_a_stream_may_go_over_a_websocket() -> None:
    for field in URL_FIELDS:
        assert rules("wss://a.example/s", field) == ([] if field is Field.STREAMING_URL else ["SY321"])
    assert rules("ws://a.example/s", Field.STREAMING_URL) == ["SY321"]
    assert urls.faults(Field.STREAMING_URL, "ws://a.example/s", None)[0].help == "write wss://…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://hooks.acme.example/x", []),
        ("https://HOOKS.acme.example/x", []),
        ("https://hooks.acme.example:443/x", []),
        ("https://hooks.acme.example:8443/x", []),
        ("https://hooks.acme.example:9443/x", ["SY330"]),
        ("https://hooks.acme.example.evil.example/x", ["SY330"]),
        ("https://sub.hooks.acme.example/x", ["SY330"]),
        ("https://evil.example/hooks.acme.example", ["SY330"]),
        ("https://evil.example?hooks.acme.example", ["SY330"]),
    ],
)
def test_an_allow_list_is_exact(text: str, expected: list[str]) -> None:
    assert rules(text, allowed=HOSTS) == expected


def test_an_empty_allow_list_lets_nothing_through() -> None:
    (fault,) = urls.faults(Field.POPUP_URL, "https://a.example", ())
    assert (fault.rule, fault.help) == ("SY330", "allowed: none")


def test_a_near_miss_is_suggested() -> None:
    (fault,) = urls.faults(Field.POPUP_URL, "https://hooks.acrne.example/", HOSTS[:1])
    assert fault.help == "did you mean `hooks.acme.example`? allowed: hooks.acme.example"


def test_user_information_is_never_shown() -> None:
    for text in ("https://user:canary@a.example/", "https://user:cana/ry@a.example/", "https://canary%@:x@/"):
        found = urls.faults(Field.POPUP_URL, text, HOSTS)
        assert found
        assert "cana" not in repr(found)


PIECES = (
    *(
        "https://",
        "wss://",
        "http://",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "#",
        "?",
        "[",
        "]",
        "%2e",
        "%00",
        "%40",
        ".",
        ";",
        "&",
    ),
    *("hooks.acme.example", "evil.example", "127.0.0.1", "::1", "0x7f", "443", "xn--a", "\u3002", "\uff0f", "\t", "\n"),
    *("\u200b", "\u202e", " ", "a", "A", "{app}", "..", "<", '"', "\x00", "\x7f", "\u0130", "\u212a", "\ufeff"),
)


HOSTILE = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=40).map("https://".__add__)


def goes_to_an_allowed_host(text: str) -> None:
    """By our own reading, and by that of every parser at hand, among them the ones that requests are made with."""
    if not rules(text, allowed=HOSTS):
        url = parse(text)
        assert (url.scheme, url.host) == ("https", "hooks.acme.example")
        assert url.port in {None, 8443}
        assert {urlsplit(text).hostname, yarl.URL(text).host, httpx.URL(text).host} == {"hooks.acme.example"}
        oracle = can_ada.parse(text)  # as a browser reads it
        assert (oracle.protocol, oracle.hostname, oracle.username) == ("https:", "hooks.acme.example", "")
        assert oracle.port in {"", "8443"}
        assert re.fullmatch(r"https://hooks\.acme\.example(:443|:8443)?([/?][!-~]*)?", text, re.IGNORECASE)


@given(HOSTILE)
@settings(max_examples=1500, deadline=None)
def test_whatever_passes_goes_to_an_allowed_host(text: str) -> None:
    goes_to_an_allowed_host(text)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_whatever_passes_goes_to_an_allowed_host_at_length(figure: Recorder) -> None:
    rng = random.Random(7)
    letters = [chr(code) for code in (*range(0x180), *range(0x2000, 0x2070), *range(0xFF00, 0xFF60), 0x1F600)]
    accepted = 0
    for _ in range(60_000):
        text = list("https://hooks.acme.example/popup?x=1")
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(text) + 1)
            text[at : at + rng.randint(0, 2)] = rng.choice(PIECES if rng.random() < 0.5 else letters)
        goes_to_an_allowed_host("".join(text))
        accepted += not rules("".join(text), allowed=HOSTS)
    assert accepted > 1_000, "mutations that leave nothing to accept prove nothing"
    figure("hostile-urls", 60_000, seeds="7", result=f"0 accepted wrongly, {accepted:,} rightly")


def test_parsers_that_disagree_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "_yarl", lambda _: None)
    assert rules("https://a.example/") == ["SY329"]


def test_the_parsers_of_both_libraries_refuse_without_raising() -> None:
    assert urls._urllib("https://[x") is None
    assert urls._yarl("https://a:x/") is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("https://a.example", ""),
        ("https://a.example/x?b=%2F", ""),
        ("https://a.example?x", ""),
        ("https://A.example/x", "https://a.example/x"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("https://a.example/%7ex", "https://a.example/~x"),
        ("https://a.example/a/../b", "https://a.example/b"),
    ],
)
def test_a_url_with_a_plainer_spelling_is_advised(text: str, plain: str) -> None:
    found = urls.lints(text)
    assert [fault.rule for fault in found] == (["SY502"] if plain else [])
    assert not plain or found[0].help.startswith(f"write {plain}:")
