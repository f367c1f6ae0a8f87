"""PUT: all seven fields, once on the wire, and honest about what is known."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from syncer.errors import VendorError, VendorKind
from syncer.model.desired import FileToken
from syncer.model.fields import UNDECLARED, AppSettings, Field
from syncer.vendor.client import WriteClient, open_reader, open_writer
from tests.vendor.stage import (
    COMPLETE,
    SETTINGS,
    TOKEN,
    FakeTime,
    Seen,
    desired,
    envelope,
    fine,
    http,
    options,
    raw_server,
    surroundings,
    writing,
)

if TYPE_CHECKING:
    from pathlib import Path


async def test_sends_all_seven_fields_once_with_the_given_request_id() -> None:
    async with raw_server(fine) as server, writing(server.url) as client:
        answer = await client.put(desired(), COMPLETE, "req-1")
    (request,) = server.seen
    assert (request.method, request.path) == ("PUT", "/v2/integrations/cust_acme/apps/app_abc123/settings")
    assert list(json.loads(request.body)) == [field.value for field in Field]
    assert json.loads(request.body) == {field.value: SETTINGS[field.value] for field in Field}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-request-id"] == "req-1"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert "transfer-encoding" not in request.headers
    assert (answer.status, answer.live.settings) == (200, COMPLETE)
    assert answer.body_sha256 == hashlib.sha256(request.body).hexdigest()
    assert 0 < answer.elapsed < 5


@pytest.mark.parametrize("missing", list(Field))
async def test_refuses_a_body_with_an_undeclared_field(missing: Field) -> None:
    async with raw_server(fine) as server, writing(server.url) as client:
        with pytest.raises(VendorError, match="needs all seven fields") as caught:
            await client.put(desired(), COMPLETE.with_setting(missing, UNDECLARED), "req-1")
    assert (server.connections, caught.value.sent) == (0, False)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 502, 503])
async def test_a_refused_put_is_one_request_and_an_error(status: int) -> None:
    async with raw_server(http(status)) as server, writing(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.put(desired(), COMPLETE, "req-1")
    assert (caught.value.status, caught.value.sent, len(server.seen)) == (status, True, 1)


async def test_a_put_answered_with_nonsense_is_sent_and_unknown() -> None:
    async with raw_server(http(200, b"<html>")) as server, writing(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.put(desired(), COMPLETE, "req-1")
    assert (caught.value.kind, caught.value.status, caught.value.sent) == (VendorKind.GARBLED, 200, True)


async def test_a_put_answered_for_another_app_is_an_error() -> None:
    async with raw_server(http(200, envelope("app_other"))) as server, writing(server.url) as client:
        with pytest.raises(VendorError) as caught:
            await client.put(desired(), COMPLETE, "req-1")
    assert caught.value.kind is VendorKind.WRONG_APP


async def test_a_put_without_a_token_is_certainly_not_sent() -> None:
    async with raw_server(fine) as server, writing(server.url, surroundings(TOKEN="")) as client:
        with pytest.raises(VendorError) as caught:
            await client.put(desired(), COMPLETE, "req-1")
    assert (caught.value.kind, caught.value.sent, server.connections) == (VendorKind.TOKEN, False, 0)


async def test_a_put_refused_for_a_token_that_was_replaced_may_be_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")

    def script(seen: Seen) -> bytes:
        file.write_text("fresh")
        return fine(seen) if seen.headers["authorization"] == "Bearer fresh" else http(401)

    app = desired(token=FileToken(str(file)))
    time = FakeTime()
    async with raw_server(script) as server, writing(server.url, surroundings(time)) as client:
        with pytest.raises(VendorError) as caught:
            await client.put(app, COMPLETE, "req-1")
        assert (caught.value.kind, caught.value.retryable, len(server.seen)) == (VendorKind.AUTH, True, 1)
        assert await client.backoff(1, caught.value)
        assert time.elapsed == 0
        assert (await client.put(app, COMPLETE, "req-2")).status == 200


async def test_a_put_refused_for_a_token_that_stayed_is_final_for_the_pass() -> None:
    async with raw_server(http(401)) as server, writing(server.url) as client:
        for _ in range(2):
            with pytest.raises(VendorError) as caught:
                await client.put(desired(), COMPLETE, "req-1")
        assert not await client.backoff(1, caught.value)
    assert (len(server.seen), caught.value.sent) == (1, False)


async def test_backoff_waits_what_the_vendor_asked_for() -> None:
    time, busy = FakeTime(), http(503, headers={"Retry-After": "7"})
    async with raw_server(busy) as server, writing(server.url, surroundings(time)) as client:
        with pytest.raises(VendorError) as caught:
            await client.put(desired(), COMPLETE, "req-1")
        assert await client.backoff(1, caught.value)
    assert 7 <= time.elapsed <= 8


async def test_backoff_gives_up_after_the_last_attempt() -> None:
    async with raw_server(fine) as server, writing(server.url, surroundings(FakeTime())) as client:
        error = VendorError(VendorKind.SERVER, "x", retryable=True)
        assert [await client.backoff(attempt, error) for attempt in (1, 2, 3)] == [True, True, False]


async def test_backoff_refuses_a_permanent_error_without_waiting() -> None:
    time = FakeTime()
    async with raw_server(fine) as server, writing(server.url, surroundings(time)) as client:
        assert not await client.backoff(1, VendorError(VendorKind.BAD_REQUEST, "x"))
    assert time.slept == []


def test_only_the_writer_has_a_put() -> None:
    reader = open_reader(options("http://127.0.0.1:1"), surroundings())
    writer = open_writer(options("http://127.0.0.1:1"), surroundings())
    assert not hasattr(reader, "put")
    assert isinstance(writer, WriteClient)


def test_an_empty_settings_value_is_never_a_body() -> None:
    assert not AppSettings().complete
