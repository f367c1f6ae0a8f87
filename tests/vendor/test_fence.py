"""A PUT leaves only if it may, asked in the moment in which it would."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer.errors import VendorError
from syncer.model.desired import EnvToken, MintedToken
from tests.vendor.stage import COMPLETE, desired, fine, http, raw_server, reading, surroundings, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.vendor.stage import Seen

CLOSED = "the lease was last renewed 71 s ago"


async def test_a_put_that_may_not_leave_is_certain_not_to_have_left() -> None:
    around = replace(surroundings(), tenure=lambda: lambda: CLOSED)
    async with raw_server(fine) as server, writing(server.url, around) as client:
        with pytest.raises(VendorError, match=CLOSED) as caught:
            await client.put(desired(), COMPLETE, "req-1")
        assert (caught.value.sent, caught.value.retryable) == (False, False)
        assert (await client.fetch(desired())).ref == desired().ref
    assert [request.method for request in server.seen] == ["GET"]


async def test_it_is_asked_after_the_connection_stands_and_not_before() -> None:
    """Between the decision and the wire the process may have been stopped for a minute."""
    accepted = asyncio.Event()
    asked: list[bool] = []
    writers: list[asyncio.StreamWriter] = []

    def closed() -> str:
        asked.append(accepted.is_set())
        return CLOSED

    def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        writers.append(writer)

    async with raw_server(fine) as server:
        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        url = server.url.replace(str(server.port), str(listener.sockets[0].getsockname()[1]))
        async with writing(url, replace(surroundings(), tenure=lambda: closed)) as client:
            with pytest.raises(VendorError, match=CLOSED):
                await client.put(desired(), COMPLETE, "req-1")
        listener.close()
        for writer in writers:
            writer.close()
    assert len(asked) == 1


async def test_a_word_given_under_another_leadership_is_none() -> None:
    """Between the intent and the wire a token is minted: meanwhile another process led, wrote and let go."""
    epoch = 3

    def tenure() -> Callable[[], str]:
        began = epoch
        return lambda: "" if epoch == began else "another leadership has begun since"

    def minting(_seen: Seen) -> bytes:
        nonlocal epoch
        epoch = 5
        return http(200, {"Status": "Success", "Data": "minted"})

    around = replace(surroundings(SECRET="s"), tenure=tenure)
    async with raw_server(minting) as server, writing(server.url, around) as client:
        with pytest.raises(VendorError, match="another leadership") as caught:
            await client.put(desired(token=MintedToken(EnvToken("SECRET"))), COMPLETE, "req-1")
    assert caught.value.sent is False
    assert [request.method for request in server.seen] == ["POST"]


async def test_what_may_leave_leaves_whole_and_with_its_length() -> None:
    def checked(seen: Seen) -> bytes:
        assert seen.headers["content-length"] == str(len(seen.body))
        return fine(seen)

    async with raw_server(checked) as server, writing(server.url) as client:
        assert (await client.put(desired(), COMPLETE, "req-1")).status == 200
        assert (await client.put(desired(), COMPLETE, "req-2")).status == 200
    assert len({request.connection for request in server.seen}) == 1


async def test_reading_goes_on() -> None:
    around = replace(surroundings(), tenure=lambda: lambda: CLOSED)
    async with raw_server(fine) as server, reading(server.url, around) as client:
        assert (await client.fetch(desired())).ref == desired().ref
