"""What the tests of the vendor client stand on: apps, a clock that does not wait, a server that answers anything."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.clock import SystemClock
from syncer.model.desired import AppRef, DesiredApp, EnvToken, Layer, Origin, Revision, TokenRef
from syncer.model.fields import AppSettings
from syncer.model.url import parse
from syncer.vendor.client import ReadClient, Surroundings, WriteClient, open_reader, open_writer
from syncer.vendor.options import VendorOptions

TOKEN = "canary-token-7f3a9d2c41"
REF = AppRef("cust_acme", "app_abc123")
SETTINGS: dict[str, Any] = {
    "popup_url": "https://hooks.example/popup",
    "missed_call_url": "https://hooks.example/missed",
    "callback_url": None,
    "recording_enabled": True,
    "recording_url": "https://hooks.example/recording",
    "streaming_enabled": False,
    "streaming_url": None,
    "updated_at": "2024-06-15T10:30:00.000Z",
}
COMPLETE = AppSettings(
    popup_url=parse("https://hooks.example/popup"),
    missed_call_url=parse("https://hooks.example/missed"),
    callback_url=None,
    recording_enabled=True,
    recording_url=parse("https://hooks.example/recording"),
    streaming_enabled=False,
    streaming_url=None,
)


def desired(app_id: str = REF.app_id, customer_id: str = REF.customer_id, token: TokenRef | None = None) -> DesiredApp:
    return DesiredApp(
        ref=AppRef(customer_id, app_id),
        name=app_id,
        settings=AppSettings(),
        token=token or EnvToken("TOKEN"),
        at=Origin("apps.yaml", 1, 1, Layer.APP),
        revision=Revision("0" * 40, "test"),
    )


def envelope(app_id: str = REF.app_id, /, **settings: Any) -> dict[str, Any]:
    return {"success": True, "data": {"app_id": app_id, "settings": {**SETTINGS, **settings}}}


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2024, 6, 15, 12, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.elapsed + seconds
        await asyncio.sleep(0)
        self.elapsed = max(self.elapsed, until)


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


Act = Callable[[asyncio.StreamWriter], Awaitable[None]]
Script = Callable[[Seen], bytes | Act]


@dataclass
class RawServer:
    """A server that answers with any bytes, or does anything to the connection."""

    script: Script
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    busy: int = 0
    busiest: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v2/integrations"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while (seen := await _request(reader, number)) is not None:
                self.seen.append(seen)
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                try:
                    answer = self.script(seen)
                    if isinstance(answer, bytes):
                        writer.write(answer)
                        await writer.drain()
                    else:
                        await answer(writer)
                finally:
                    self.busy -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader, connection: int) -> Seen | None:
    line = (await reader.readline()).decode()
    if not line:
        return None
    method, path, _ = line.split()
    headers: dict[str, str] = {}
    while (header := (await reader.readline()).decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, path, headers, body, connection)


@asynccontextmanager
async def raw_server(script: Script | bytes, ssl: Any = None) -> AsyncIterator[RawServer]:
    answer: Script = script if callable(script) else lambda _: script
    server = RawServer(answer)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=ssl)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def http(status: int, body: bytes | dict[str, Any] = b"", headers: Mapping[str, str] | None = None) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content


def fine(seen: Seen) -> bytes:
    """The documented answer about the app that was asked for."""
    return http(200, envelope(seen.path.split("/")[-2]))


def surroundings(time: FakeTime | None = None, /, **environ: str) -> Surroundings:
    """Real time unless told otherwise, a seeded generator, one token in the environment."""
    variables = {"TOKEN": TOKEN, **environ}
    if time is None:
        return Surroundings(SystemClock(), random.Random(7), variables)
    return Surroundings(time, random.Random(7), variables, sleep=time.sleep)


def options(url: str, **changes: Any) -> VendorOptions:
    return VendorOptions(**{"base_url": url, "rate": 10_000.0, "deadline": 5.0, "backoff": 0.01, **changes})


@asynccontextmanager
async def reading(url: str, around: Surroundings | None = None, /, **changes: Any) -> AsyncIterator[ReadClient]:
    client = open_reader(options(url, **changes), around or surroundings())
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def writing(url: str, around: Surroundings | None = None, /, **changes: Any) -> AsyncIterator[WriteClient]:
    client = open_writer(options(url, **changes), around or surroundings())
    try:
        yield client
    finally:
        await client.aclose()
