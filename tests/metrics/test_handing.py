"""Metrics for those who do not come for them: a file that is never half, a gateway that may be down."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trustme

from syncer.errors import SyncerError
from syncer.metrics import handing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def test_the_file_is_replaced_whole_and_readable_for_the_collector(tmp_path: Path) -> None:
    file = tmp_path / "syncer.prom"
    file.write_text("old")
    before = file.stat().st_ino
    handing.write(file, b"new 1\n")
    assert file.read_bytes() == b"new 1\n"
    assert file.stat().st_ino != before
    assert file.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["syncer.prom"]  # noqa: PTH208 -- hidden names too


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "syncer.prom").mkdir()
    with pytest.raises(SyncerError, match="can't be written"):
        handing.write(tmp_path / "syncer.prom", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["syncer.prom"]
    with pytest.raises(SyncerError, match="No such file"):
        handing.write(tmp_path / "none" / "syncer.prom", b"x")
    (tmp_path / "file").touch()
    with pytest.raises(SyncerError, match="Not a directory"):
        handing.write(tmp_path / "file" / "syncer.prom", b"x")


def test_a_link_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / f".syncer.prom.{os.getpid()}").symlink_to(victim)
    handing.write(tmp_path / "syncer.prom", b"new 1\n")
    assert (victim.read_text(), (tmp_path / "syncer.prom").read_bytes()) == ("kept", b"new 1\n")
    assert not (tmp_path / "syncer.prom").is_symlink()


@asynccontextmanager
async def gateway(answer: bytes, seen: list[bytes], tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server that reads one request and answers it with these bytes, or not at all."""
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            seen.append(head + await reader.readexactly(length))
            writer.write(answer)
            await writer.drain()
            if not answer:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.ensure_future(serve(reader, writer)))

    async with await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*served)


async def test_a_push_is_a_post_to_the_job_below_the_path() -> None:
    seen: list[bytes] = []
    async with gateway(b"HTTP/1.1 200 OK\r\n\r\n", seen) as address:
        await handing.push(f"{address}/below", "nightly", b"up 1\n")
    assert seen[0].startswith(b"POST /below/metrics/job/nightly HTTP/1.1\r\n")
    assert seen[0].endswith(b"\r\n\r\nup 1\n")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 503 no\r\n\r\n", "answered 503"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "answered 302"),
        (b"SSH-2.0-x\r\n", "answered 0"),
        (b"x" * 200_000, "can't be reached: ValueError"),
        (b"", "did not answer within 0.2 s"),
    ],
)
async def test_any_other_answer_is_an_error(answer: bytes, why: str) -> None:
    async with gateway(answer, []) as address:
        with pytest.raises(SyncerError, match=why):
            await handing.push(address, "syncer", b"up 1\n", 0.2 if not answer else 10)


async def test_a_gateway_that_is_not_there_or_not_trusted_is_an_error() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with gateway(b"HTTP/1.1 200 OK\r\n\r\n", [], tls) as address:
        with pytest.raises(SyncerError, match="can't be reached"):
            await handing.push(address.replace("http:", "https:"), "syncer", b"up 1\n")
    with pytest.raises(SyncerError, match="can't be reached"):
        await handing.push(address, "syncer", b"up 1\n")
