"""The token and the secret that mints it occur in nothing that could be printed."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from syncer.errors import VendorError
from syncer.model.desired import AppRef, EnvToken, MintedToken
from tests.vendor.stage import (
    COMPLETE,
    TOKEN,
    Act,
    FakeTime,
    Seen,
    desired,
    envelope,
    http,
    raw_server,
    surroundings,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "canary-secret-5b1e0f77"


async def _drop(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _hang(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def _echo(status: int) -> bytes:
    """A vendor that repeats everything it was sent, wherever it can."""
    text = f"{TOKEN} {SECRET} popup_url"
    headers = {
        "Location": f"https://{TOKEN}.{SECRET}.example/{SECRET}",
        "Retry-After": TOKEN,
        "X-Echo": text,
        "WWW-Auth": text,
    }
    return http(status, {"error": text, TOKEN: text, "Status": text, "Data": None}, headers)


ANSWERS: dict[str, bytes | Act] = {
    **{str(status): _echo(status) for status in (200, 204, 302, 307, 400, 401, 403, 404, 408, 409, 429, 500, 503)},
    "other app": http(200, envelope(TOKEN)),
    "wrong type": http(200, envelope(popup_url=[TOKEN])),
    "too long": http(200, envelope(popup_url=TOKEN * 1000)),
    "not json": http(200, TOKEN.encode()),
    "not utf-8": http(200, TOKEN.encode() + b"\xff"),
    "same key": http(200, f'{{"{TOKEN}": 1, "{TOKEN}": 2}}'.encode()),
    "not http": f"{TOKEN} {SECRET}\r\n\r\n".encode(),
    "bad header": f"HTTP/1.1 200 OK\r\n{TOKEN}\x00: {SECRET}\r\n\r\n".encode(),
    "long header": f"HTTP/1.1 200 OK\r\nX: {TOKEN * 9000}\r\n\r\n".encode(),
    "gzip": http(200, b"x", {"Content-Encoding": TOKEN}),
    "drop": _drop,
    "hang": _hang,
}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _everything(error: BaseException) -> str:
    """All texts of an error, its causes and their attributes, one level deep."""
    parts = ["".join(traceback.format_exception(error))]
    for one in _chain(error):
        values: list[Any] = [one, one.args, *vars(one).values()]
        parts += [text(value) for value in values for text in (repr, str)]
    return "\n".join(parts)


class Heard:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_request(self, method: str, status: int | None, elapsed: float, ref: AppRef) -> None:
        self.texts.append(f"{method} {status} {elapsed} {ref}")


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("call", ["read", "fetch", "put", "mint"])
async def test_no_failure_shows_a_secret(answer: bytes | Act, call: str) -> None:
    app = desired(token=MintedToken(EnvToken("SECRET"))) if call == "mint" else desired()

    def script(seen: Seen) -> bytes | Act:
        return answer

    around = surroundings(FakeTime(), SECRET=SECRET)
    async with raw_server(script) as server, writing(server.url, around, deadline=0.3, attempts=1) as client:
        shown = repr(client) + str(client)
        if call in {"read", "mint"}:
            shown += repr(await client.read(app))
        if call != "read":
            with pytest.raises(VendorError) as caught:
                await (client.put(app, COMPLETE, "r") if call in {"put", "mint"} else client.fetch(app))
            shown += _everything(caught.value)
    assert server.seen
    assert TOKEN not in shown
    assert SECRET not in shown


async def test_an_observer_hears_of_every_exchange_and_of_no_secret() -> None:
    heard = Heard()
    plain = surroundings(FakeTime())
    around = type(plain)(plain.clock, plain.rng, plain.environ, heard, plain.sleep)

    def script(seen: Seen) -> bytes | Act:
        return http(500) if len(server.seen) == 1 else _drop

    async with raw_server(script) as server, writing(server.url, around, attempts=2) as client:
        await client.read(desired())
    assert heard.texts == ["GET 500 0.0 cust_acme/app_abc123", "GET None 0.0 cust_acme/app_abc123"]
