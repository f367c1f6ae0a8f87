from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import pytest

from tests.support.emulated import Vendor, emulator, until

NEW = b'{"popup_url":"https://new.example/popup"}'


class Raw:
    """One TCP connection that speaks HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def send(cls, vendor: Vendor, method: str, fault: str) -> Raw:
        url = urlsplit(vendor.url())
        raw = cls(*await asyncio.open_connection(url.hostname, url.port))
        body = NEW if method == "PUT" else b""
        fields = {**vendor.headers(fault=fault), "Content-Type": "application/json", "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        raw.writer.write(f"{method} {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n{head}\r\n".encode() + body)
        await raw.writer.drain()
        return raw

    async def headers(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def until_logged(vendor: Vendor, count: int) -> None:
    """Until so many requests are in the log: a hung one gets there when its client leaves."""
    await until(lambda: len(vendor.emulator.store.requests()) >= count)


@pytest.mark.parametrize(
    ("method", "fault", "stored"),
    [
        ("PUT", "reset_before_commit", 0),
        ("PUT", "reset_after_commit", 1),
        ("GET", "GET:reset_before_commit", 0),
        ("GET", "GET:reset_after_commit", 0),
    ],
)
async def test_reset_is_a_tcp_reset_and_not_a_clean_end(method: str, fault: str, stored: int) -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, method, fault)
        with pytest.raises(ConnectionResetError):
            await raw.reader.read()
        raw.writer.close()
        await until_logged(vendor, 1)
        ledger, (entry,) = vendor.emulator.store.ledger(), vendor.emulator.store.requests()
    assert len(ledger) == stored
    assert entry.status is None
    assert all(one.ended_ns is not None for one in ledger)


async def test_reset_faults_leave_reads_alone_unless_asked() -> None:
    async with emulator() as vendor:
        answer = await vendor.get(fault="reset_before_commit, reset_after_commit")
    assert answer.status_code == 200


@pytest.mark.parametrize(("fault", "stored"), [("hang", 0), ("hang(after)", 1)])
async def test_hang_sends_nothing_and_keeps_the_connection(fault: str, stored: int) -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, "PUT", fault)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(raw.reader.read(1), 0.2)
        under_way = vendor.emulator.store.arrived() - len(vendor.emulator.store.requests())
        await raw.close()
        await until_logged(vendor, 1)
        ledger, (entry,) = vendor.emulator.store.ledger(), vendor.emulator.store.requests()
    assert under_way == 1
    assert (len(ledger), entry.status) == (stored, None)


async def test_hung_requests_do_not_keep_the_emulator_alive() -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, "GET", "hang")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(raw.reader.read(1), 0.1)
        before = time.monotonic()
    raw.writer.close()
    assert time.monotonic() - before < 1.5


async def test_slow_drip_sends_one_byte_at_a_time() -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, "GET", "slow_drip(20)")
        await raw.headers()
        sizes = [len(await raw.reader.read(4096)) for _ in range(5)]
        await raw.close()
    assert sizes == [1, 1, 1, 1, 1]


async def test_slow_drip_ends_with_the_whole_body() -> None:
    async with emulator() as vendor:
        answer = await vendor.get(fault="slow_drip(0.1)")
    assert answer.json()["success"] is True


async def test_cut_off_closes_in_the_middle_of_the_body() -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, "GET", "cut_off")
        head, body = await raw.headers(), await raw.reader.read()
        await raw.close()
    promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert 0 < len(body) < promised


async def test_header_bomb_sends_more_header_bytes_than_asked() -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, "GET", "header_bomb(100000)")
        data = b""
        while b"\r\n\r\n" not in data:
            data += await raw.reader.read(65536)
        await raw.close()
    assert len(data.partition(b"\r\n\r\n")[0]) > 100_000


@pytest.mark.parametrize("fault", ["latency(60)", "latency(60,after)"])
async def test_latency_delays_the_answer(fault: str) -> None:
    async with emulator() as vendor:
        before = time.monotonic()
        answer = await vendor.put({}, fault=fault)
        elapsed = time.monotonic() - before
    assert answer.status_code == 200
    assert elapsed >= 0.06


async def test_put_is_stored_although_its_client_left_during_the_latency() -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, "PUT", "latency(50)")
        await raw.close()
        await until_logged(vendor, 1)
        ledger = vendor.emulator.store.ledger()
    assert len(ledger) == 1


async def test_long_latency_does_not_keep_the_emulator_alive() -> None:
    async with emulator() as vendor:
        raw = await Raw.send(vendor, "GET", "latency(60000)")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(raw.reader.read(1), 0.1)
        before = time.monotonic()
    raw.writer.close()
    assert time.monotonic() - before < 1.5
