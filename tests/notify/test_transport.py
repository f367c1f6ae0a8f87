"""HTTP to receivers, on real sockets: bounded, nothing ambient, and no secret in any failure."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from syncer.errors import SyncerError, UsageError
from syncer.model.secret import Secret
from syncer.notify.sinks import Request
from syncer.notify.transport import Link
from tests.support.receivers import receiving, tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

CANARY = "canary-5d1e"


@asynccontextmanager
async def linked(proxy: str = "", ca_file: Path | None = None, deadline: float = 5.0) -> AsyncIterator[Link]:
    link = Link(proxy, ca_file, deadline)
    try:
        yield link
    finally:
        await link.aclose()


def to(url: str) -> Request:
    return Request(Secret(f"{url}?key={CANARY}"), b'{"a": 1}', {"x-secret": CANARY, "content-type": "application/json"})


async def failing(link: Link, url: str) -> SyncerError:
    with pytest.raises(SyncerError) as caught:
        await link.post(to(url))
    chain, error = [], caught.value
    cause: BaseException | None = error
    while cause is not None:
        chain.append(f"{cause!r} {cause} {getattr(cause, 'hint', '')} {vars(cause)}")
        cause = cause.__cause__ or cause.__context__
    assert CANARY not in "".join(chain)
    return error


async def test_a_request_arrives_whole_and_its_answer_comes_back() -> None:
    with receiving() as receiver:
        receiver.answer = lambda _request: (202, {"retry-after": "7"}, b"thanks")
        async with linked() as link:
            answer = await link.post(to(receiver.url()))
    [got] = receiver.got
    assert (answer.status, answer.body, answer.retry_after) == (202, b"thanks", 7.0)
    assert (got.path, got.body, got.headers["x-secret"]) == (f"/hook?key={CANARY}", b'{"a": 1}', CANARY)
    assert "cookie" not in got.headers


@pytest.mark.parametrize("said", ["soon", "-1", "Fri, 31 Dec 2027 23:59:59 GMT", "9" * 30, "\u00b2"])
async def test_an_odd_time_to_wait_counts_as_none(said: str) -> None:
    with receiving() as receiver:
        receiver.answer = lambda _request: (503, {"retry-after": said}, b"")
        async with linked() as link:
            assert (await link.post(to(receiver.url()))).retry_after == 0.0


async def test_a_redirect_is_an_answer_and_nobody_goes_there() -> None:
    with receiving() as receiver, receiving() as elsewhere:
        receiver.answer = lambda _request: (307, {"location": elsewhere.url(), "set-cookie": "a=b"}, b"")
        async with linked() as link:
            answers = [await link.post(to(receiver.url())) for _ in range(2)]
    assert [each.status for each in answers] == [307, 307]
    assert elsewhere.got == []
    assert "cookie" not in receiver.got[1].headers


async def test_one_that_never_answers_is_left_after_the_deadline() -> None:
    with receiving() as receiver:
        receiver.open.clear()
        async with linked(deadline=0.2) as link:
            error = await failing(link, receiver.url())
    assert (error.message, error.retryable) == ("no answer within 0.2 s", True)


async def test_one_that_trickles_is_left_after_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            try:
                await writer.drain()
            except ConnectionError:
                break
            await asyncio.sleep(0.02)
        writer.close()

    async with raw(drip) as url, linked(deadline=0.3) as link:
        assert (await failing(link, url)).message == "no answer within 0.3 s"


async def test_a_body_without_end_is_cut_off_and_its_status_counts() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n" + b"x" * 200_000)
        try:
            await writer.drain()
            await reader.read()
        except ConnectionError:
            pass
        writer.close()

    async with raw(endless) as url, linked() as link:
        answer = await link.post(to(url))
    assert answer.status == 200
    assert len(answer.body) <= 64 * 1024


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nx"])
async def test_one_that_breaks_off_or_speaks_something_else_failed(said: bytes) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with raw(broken) as url, linked() as link:
        error = await failing(link, url)
    assert error.message.startswith("the connection broke (")
    assert error.retryable


async def test_nobody_there_is_told_as_such() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with linked() as link:
        assert (await failing(link, f"http://127.0.0.1:{port}/")).message == "no connection: Connection refused"


async def test_a_certificate_is_checked_against_the_given_authority(tmp_path: Path) -> None:
    context, authority = tls(tmp_path)
    with receiving(context) as receiver:
        async with linked(ca_file=authority) as link:
            assert (await link.post(to(receiver.url()))).status == 200
        async with linked() as link:
            assert (await failing(link, receiver.url())).message == "the receiver's certificate is not trusted"
        async with linked(ca_file=authority) as link:
            error = await failing(link, receiver.url().replace("localhost", "127.0.0.1"))
            assert error.message == "the receiver's certificate is not trusted"


def test_an_authority_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(UsageError, match=name):
            Link("", tmp_path / name, 1.0)


async def test_only_a_proxy_that_was_named_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver, receiving() as proxy, receiving() as ambient:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, ambient.url(""))
        async with linked() as link:
            await link.post(to(receiver.url()))
        async with linked(proxy=proxy.url("")) as link:
            await link.post(to("http://receiver.invalid/x"))
            error = await failing(link, "https://receiver.invalid/x")
    assert (len(receiver.got), len(proxy.got), ambient.got) == (1, 1, [])
    assert proxy.got[0].path == f"http://receiver.invalid/x?key={CANARY}"
    assert error.message == "the proxy refused to connect (407)"


@asynccontextmanager
async def raw(handler: Callable[..., Any]) -> AsyncIterator[str]:
    tasks: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await handler(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handled, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
