"""GET: the documented answer, every status, every kind of nonsense."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from syncer.errors import VendorError, VendorKind
from syncer.model.fields import Field, plain
from syncer.model.live import LiveApp, Unreadable
from tests.vendor.stage import (
    COMPLETE,
    REF,
    SETTINGS,
    TOKEN,
    FakeTime,
    desired,
    envelope,
    fine,
    http,
    raw_server,
    reading,
    surroundings,
)


async def test_reads_the_documented_answer() -> None:
    async with raw_server(fine) as server, reading(server.url, surroundings(FakeTime())) as client:
        live = await client.read(desired())
    assert isinstance(live, LiveApp)
    assert live.settings == COMPLETE
    assert [plain(live.settings.get(field)) for field in Field] == [SETTINGS[field.value] for field in Field]
    assert (live.ref, live.updated_at, live.extra) == (REF, SETTINGS["updated_at"], ())
    assert live.read_at == FakeTime().now()


async def test_asks_with_the_headers_of_the_contract_and_nothing_else() -> None:
    async with raw_server(fine) as server, reading(server.url) as client:
        await client.read(desired())
    request = server.seen[0]
    assert (request.method, request.path) == ("GET", "/v2/integrations/cust_acme/apps/app_abc123/settings")
    assert request.headers.pop("host") == f"127.0.0.1:{server.port}"
    assert re.fullmatch(r"[0-9a-f]{16}", request.headers.pop("x-request-id"))
    assert re.fullmatch(r"exotel-syncer/[0-9.]+", request.headers.pop("user-agent"))
    assert request.headers == {
        "authorization": f"Bearer {TOKEN}",
        "accept": "application/json",
        "accept-encoding": "identity",
    }


async def test_a_get_may_carry_created_at() -> None:
    answer = http(200, envelope(created_at="2024-06-01T09:00:00.000Z"))
    async with raw_server(answer) as server, reading(server.url) as client:
        assert isinstance(await client.read(desired()), LiveApp)


async def test_unknown_fields_are_named_and_bounded() -> None:
    extra: dict[str, Any] = {"zeta": 1, "alpha": {"deep": [1]}, "\x1b[31mred": True, "long" * 50: 1}
    async with raw_server(http(200, envelope(**extra))) as server, reading(server.url) as client:
        live = await client.fetch(desired())
    assert live.settings == COMPLETE
    assert live.extra[:2] == ("\\u{1b}[31mred", "alpha")
    assert "zeta" in live.extra
    assert max(map(len, live.extra)) <= 64
    assert all(name.isprintable() for name in live.extra)


async def test_many_unknown_fields_are_cut_off() -> None:
    answer = http(200, envelope(**{f"extra{number}": 1 for number in range(150)}))
    async with raw_server(answer) as server, reading(server.url) as client:
        assert len((await client.fetch(desired())).extra) == 20


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "words"),
    [
        (201, VendorKind.UNEXPECTED, False, "(201)"),
        (204, VendorKind.UNEXPECTED, False, "(204)"),
        (301, VendorKind.REDIRECT, False, "vendor redirected to"),
        (302, VendorKind.REDIRECT, False, "vendor redirected to"),
        (304, VendorKind.REDIRECT, False, "vendor redirected to"),
        (307, VendorKind.REDIRECT, False, "vendor redirected to"),
        (400, VendorKind.BAD_REQUEST, False, "refused the request"),
        (401, VendorKind.AUTH, False, "does not accept this app's token"),
        (403, VendorKind.AUTH, False, "does not let this app's token"),
        (404, VendorKind.NOT_FOUND, False, "knows no such app"),
        (408, VendorKind.SERVER, True, "gave up waiting"),
        (409, VendorKind.UNEXPECTED, False, "(409)"),
        (418, VendorKind.UNEXPECTED, False, "(418)"),
        (429, VendorKind.RATE_LIMITED, True, "fewer requests"),
        (500, VendorKind.SERVER, True, "the vendor failed (500)"),
        (503, VendorKind.SERVER, True, "the vendor failed (503)"),
        (599, VendorKind.SERVER, True, "the vendor failed (599)"),
        (600, VendorKind.UNEXPECTED, False, "(600)"),
    ],
)
async def test_every_status_has_a_kind_a_sentence_and_a_hint(
    status: int, kind: VendorKind, retryable: bool, words: str
) -> None:
    async with raw_server(http(status)) as server, reading(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired())
    error = caught.value
    assert (error.kind, error.status, error.retryable, error.sent) == (kind, status, retryable, True)
    assert words in error.message
    assert error.hint
    assert len(server.seen) == 1


async def test_an_auth_failure_names_where_the_token_comes_from() -> None:
    async with raw_server(http(401)) as server, reading(server.url) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert "variable TOKEN" in live.hint


async def test_a_400_keeps_names_of_fields_and_no_values() -> None:
    body = b'{"error": "popup_url https://secret.example/?key=hunter2 and recording_url are bad", "not_popup_url_x": 1}'
    async with raw_server(http(400, body)) as server, reading(server.url) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.message == "the vendor refused the request as invalid (400): it names popup_url, recording_url"


def _without(field: str) -> dict[str, Any]:
    answer = envelope()
    del answer["data"]["settings"][field]
    return answer


GARBLED: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n ",
    "html": b"<html><body>Sign in</body></html>",
    "truncated": json.dumps(envelope()).encode()[:-40],
    "trailing": json.dumps(envelope()).encode() + b"{}",
    "utf16": json.dumps(envelope()).encode("utf-16"),
    "not utf-8": b'{"success": true, "data": "\xff"}',
    "bom": b"\xef\xbb\xbf" + json.dumps(envelope()).encode(),
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "success false": json.dumps({**envelope(), "success": False}).encode(),
    "success missing": json.dumps({"data": envelope()["data"]}).encode(),
    "success text": json.dumps({**envelope(), "success": "true"}).encode(),
    "success one": json.dumps({**envelope(), "success": 1}).encode(),
    "error in 200": b'{"success": false, "error": {"code": 500, "message": "oops"}}',
    "no data": b'{"success": true}',
    "null data": b'{"success": true, "data": null}',
    "null settings": b'{"success": true, "data": {"app_id": "app_abc123", "settings": null}}',
    "empty settings": b'{"success": true, "data": {"app_id": "app_abc123", "settings": {}}}',
    "app id a number": json.dumps({"success": True, "data": {**envelope()["data"], "app_id": 5}}).encode(),
    "same key twice": json.dumps(envelope()).encode().replace(b'"popup_url"', b'"popup_url": null, "popup_url"'),
    "same key twice outside": b'{"success": true, ' + json.dumps(envelope()).encode()[1:],
    "nan": json.dumps(envelope()).encode().replace(b"null", b"NaN", 1),
    "infinity extra": json.dumps(envelope(extra=1)).encode().replace(b'"extra": 1', b'"extra": -Infinity'),
    "huge number": json.dumps(envelope(extra=1)).encode().replace(b'"extra": 1', b'"extra": ' + b"9" * 5000),
    "deep": b"[" * 100_000,
    "deep extra": json.dumps(envelope(extra=1))
    .encode()
    .replace(b'"extra": 1', b'"extra": ' + b"[" * 90_000 + b"]" * 90_000),
    "half a character": json.dumps(envelope(popup_url="https://a.example/\ud800")).encode(),
    "url a number": json.dumps(envelope(popup_url=5)).encode(),
    "url a flag": json.dumps(envelope(popup_url=False)).encode(),
    "url a list": json.dumps(envelope(popup_url=["https://a.example"])).encode(),
    "url endless": json.dumps(envelope(popup_url="https://a.example/" + "a" * 100_000)).encode(),
    "flag text": json.dumps(envelope(recording_enabled="true")).encode(),
    "flag one": json.dumps(envelope(recording_enabled=1)).encode(),
    "flag null": json.dumps(envelope(streaming_enabled=None)).encode(),
    **{f"without {field.value}": json.dumps(_without(field.value)).encode() for field in Field},
}


@pytest.mark.parametrize("body", GARBLED.values(), ids=GARBLED.keys())
async def test_a_200_that_is_not_the_documented_answer_is_garbled(body: bytes) -> None:
    async with raw_server(http(200, body)) as server, reading(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.fetch(desired())
    assert (caught.value.kind, caught.value.status, caught.value.retryable) == (VendorKind.GARBLED, 200, False)
    assert len(caught.value.message) < 300
    assert "hooks.example" not in caught.value.message


async def test_a_garbled_answer_is_not_asked_for_again() -> None:
    async with raw_server(http(200, b"{}")) as server, reading(server.url) as client:
        await client.read(desired())
    assert len(server.seen) == 1


async def test_an_answer_about_another_app_is_never_taken_for_this_one() -> None:
    async with raw_server(http(200, envelope("app_other"))) as server, reading(server.url) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.kind is VendorKind.WRONG_APP


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "x-odd"])
async def test_a_compressed_answer_is_refused_undecoded(encoding: str) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    answer = http(200, bomb, {"Content-Encoding": encoding})
    async with raw_server(answer) as server, reading(server.url) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.kind is VendorKind.GARBLED
    assert "compressed" in live.message


async def test_an_answer_marked_identity_is_fine() -> None:
    answer = http(200, envelope(), {"Content-Encoding": "identity"})
    async with raw_server(answer) as server, reading(server.url) as client:
        assert isinstance(await client.read(desired()), LiveApp)


async def test_a_status_speaks_even_where_its_body_is_too_large() -> None:
    async with raw_server(http(404, b"x" * 1_000_000)) as server, reading(server.url) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert live.kind is VendorKind.NOT_FOUND


async def test_an_app_without_a_usable_token_sends_nothing() -> None:
    async with raw_server(fine) as server, reading(server.url, surroundings(TOKEN="")) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert (live.kind, server.connections) == (VendorKind.TOKEN, 0)
