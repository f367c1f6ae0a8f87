"""Connections end in time, whatever the other side does."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from syncer.errors import UsageError
from syncer.serve import guard
from syncer.serve.connection import Crowd
from syncer.serve.guard import Guard
from syncer.serve.listening import listening
from syncer.serve.push import LARGEST
from syncer.threads import in_thread
from tests.support.served import SECRET, TOKEN, Served, View, parsed, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from tests.soak.figures import Recorder

HEAD = b"POST /-/push/gitlab HTTP/1.1\r\nHost: localhost\r\nX-Gitlab-Token: " + SECRET.encode() + b"\r\n"
QUICK = 0.3
"""Seconds of a deadline in tests."""


def quick(**bounds: float) -> Served:
    return Served(crowd=Crowd(**{"request": QUICK, "answer": QUICK, **bounds}))  # type: ignore[arg-type]  # `most` is whole


async def trickle(port: int, start: bytes, drop: bytes = b"x", every: float = 0.05) -> float:
    """Sends a start and then a byte at a time, until the server cuts it off; the seconds that took."""
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)
    ended = asyncio.create_task(reader.read())
    try:
        while not ended.done():
            writer.write(drop)
            await asyncio.wait({ended}, timeout=every)
        with suppress(ConnectionError):
            await ended
    finally:
        ended.cancel()
        writer.transport.abort()
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"\r\n"),
        (b"G", b"E"),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"),
        (HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /li", b"v"),
        (b"GET /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", b"x"),
    ],
    ids=["line breaks", "method", "header", "body", "chunks", "second request", "body that nobody reads"],
)
async def test_a_request_that_trickles_in_is_cut(start: bytes, drop: bytes) -> None:
    async with served(quick()) as here:
        assert await asyncio.wait_for(trickle(here.port, start, drop), 10) < 10 * QUICK
        assert here.crowd.waiting == {}


async def test_a_connection_that_says_nothing_is_cut() -> None:
    async with served(quick()) as here:
        assert await here.raw(b"") == b""


async def test_an_answer_that_takes_too_long_has_ended_when_the_server_has(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It uses what is let go of next."""
    monkeypatch.setattr("syncer.serve.listening.GRACE", 0.05)
    begun, told = threading.Event(), []

    def work() -> None:
        begun.set()
        time.sleep(0.5)
        told.append("ended")

    async def slow(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await in_thread(work)

    behind = Served().behind()
    guarded = Guard(slow, guard.LOOPBACK, behind.clock, behind.log)
    async with listening(guarded, "127.0.0.1", 0) as address:
        _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await asyncio.to_thread(begun.wait, 10)
    assert told == ["ended"]
    assert not caplog.records
    writer.transport.abort()


async def test_a_cut_push_asks_for_nothing() -> None:
    async with served(quick()) as here:
        await trickle(here.port, HEAD + b"Content-Length: 1000\r\n\r\n")
        assert here.actions.looks == 0
        assert not [line for line in here.log if line["event"] == "serve.failed"]


async def test_a_connection_may_be_used_again() -> None:
    async with served() as here:
        request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        for _ in range(3):
            writer.write(request)
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(request * 3)
        for _ in range(3):
            await reader.readuntil(b"ok\n")
        assert here.crowd.waiting == {}
        writer.close()


async def test_an_answer_that_nobody_reads_is_cut() -> None:
    here = quick()
    here.view = View({"x": "y" * 30_000_000})
    async with served(here):
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port, limit=1024)
        writer.write(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.sleep(4 * QUICK)  # nobody reads
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(30_000_000)
        writer.close()


async def test_a_large_answer_that_is_read_comes_whole() -> None:
    async with served(Served(view=View({"x": "y" * 30_000_000}), crowd=Crowd(answer=5))) as here:
        assert len((await here.ask("GET", "/api/v1/status")).body) == 30_000_008


async def test_one_connection_too_many_ends_the_one_that_waited_longest() -> None:
    async with served(quick(most=3, request=20)) as here:
        waiting = []
        for _ in range(3):
            waiting.append(await asyncio.open_connection("127.0.0.1", here.port))
            waiting[-1][1].write(b"GET")
        assert (await here.ask("GET", "/livez")).status == 200
        with suppress(ConnectionError):
            assert await asyncio.wait_for(waiting[0][0].read(), 5) == b""
        assert not waiting[2][0].at_eof()
        for _, writer in waiting:
            writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Content-Length: 5\r\n\r\nno",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffffff\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n",
        HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
async def test_lies_about_a_body_are_no_fault_of_ours(request_bytes: bytes) -> None:
    async with served(quick()) as here:
        answer = await here.raw(request_bytes.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        assert not answer or parsed(answer).status < 500
        assert (await here.ask("GET", "/livez")).status == 200


async def test_large_bodies_leave_no_memory_behind() -> None:
    async with served(quick()) as here:
        flood = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 64
        await asyncio.gather(*(here.raw(flood) for _ in range(16)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(10):
            await asyncio.gather(*(here.raw(flood) for _ in range(16)))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 20 * LARGEST // 1024


async def test_a_port_that_is_taken_is_a_matter_of_configuration() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="can't listen on") as caught:
            async with listening(Served().view, "127.0.0.1", taken.getsockname()[1]):  # type: ignore[arg-type]  # never asked
                pass
    assert "serve.listen" in caught.value.hint


async def test_the_end_waits_a_moment_for_answers_and_for_nobody_else() -> None:
    begun = time.monotonic()
    async with served() as here:
        writers = [(await asyncio.open_connection("127.0.0.1", here.port))[1] for _ in range(5)]
        writers[0].write(b"GET")
        writers[1].write(HEAD + b"Content-Length: 1000\r\n\r\nx")
        await here.ask("GET", "/livez")
    assert time.monotonic() - begun < 1.5
    for writer in writers:
        writer.close()


class Stuck(View):
    """Never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def plan(self) -> dict[str, object]:
        self.asked.set()
        await asyncio.Event().wait()
        return {}


async def test_an_answer_that_never_comes_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncer.serve.listening.GRACE", 0.1)
    view = Stuck()
    async with served(Served(view=view)) as here:
        asked = asyncio.create_task(here.raw(b"GET /api/v1/plan HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        await view.asked.wait()
    assert await asked == b""


@asynccontextmanager
async def besieged(port: int, count: int) -> AsyncIterator[None]:
    """So many sockets that trickle, each replaced when it is cut."""

    async def forever(number: int) -> None:
        token = f"Authorization: Bearer {TOKEN}\r\n".encode()
        starts = (b"GET /livez HTTP/1.1\r\n", HEAD + b"Content-Length: 100000\r\n\r\n", token)
        while True:
            with suppress(OSError):
                await trickle(port, starts[number % 3], every=0.5)
            await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(forever(number)) for number in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def took(seconds: float) -> list[float]:
    """Seconds of each answer of /livez under siege, the slowest last; the besiegers share the server's loop."""
    found = []
    async with served() as here, besieged(here.port, 500):
        await asyncio.sleep(1)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            begun = time.monotonic()
            assert (await here.ask("GET", "/livez")).status == 200
            found.append(time.monotonic() - begun)
            await asyncio.sleep(0.05)
    return sorted(found)


async def test_500_trickling_sockets_leave_livez_answering() -> None:
    found = await took(8)
    assert found[len(found) // 2] < 0.2  # others may have the machine for a moment: the soak looks at the slowest


@pytest.mark.soak
async def test_500_trickling_sockets_for_a_minute(figure: Recorder) -> None:
    slowest = (await took(60))[-1]
    assert slowest < 0.2
    figure("slow-sockets", 60, seeds="none", result=f"slowest answer {slowest * 1000:.0f} ms")
