"""A sweep of 2,000 apps against the emulator in another process: requests per second, and CPU of ours per request.

The whole client stands beside what it could have been built on. Figures depend on the machine; the ratios are the
point. The default transport of httpx gets fewer apps: it needs seconds for them.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import aiohttp
import httpx
import httpx_aiohttp

from syncer.clock import SystemClock
from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed
from syncer.model.desired import AppRef, DesiredApp, EnvToken, Layer, Origin, Revision
from syncer.model.fields import AppSettings
from syncer.model.live import LiveApp
from syncer.vendor.client import Surroundings, open_reader
from syncer.vendor.options import VendorOptions
from syncer.vendor.sweep import sweep

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

APPS = 2000
FEW = 400
CONCURRENCY = 64
CUSTOMER = "cust_bench"
Get = Callable[[int], Awaitable[bytes]]


def serve(pipe: Connection) -> None:
    """The other process: the emulator with the fleet, until the pipe says stop."""
    with Emulator.in_thread() as emulator:
        emulator.seed(*(Seed(CUSTOMER, f"app{number}", token=f"token{number}") for number in range(APPS)))
        pipe.send(emulator.base_url)
        pipe.recv()


async def workers(get: Get, count: int) -> None:
    """The same shape for every contender: a few workers over one iterator, the body parsed."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            if json.loads(await get(number))["success"] is not True:
                raise AssertionError(number)

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def by_client(base_url: str, count: int) -> None:
    """The client of syncer: tokens, pacing, guards, caps, strict JSON, schema."""
    clock = SystemClock()
    environ = {f"TOKEN{number}": f"token{number}" for number in range(count)}
    options = VendorOptions(base_url=base_url, rate=1e6, concurrency=CONCURRENCY)
    origin, revision = Origin("apps.yaml", 1, 1, Layer.APP), Revision("0" * 40, "bench")
    apps = [
        DesiredApp(AppRef(CUSTOMER, f"app{number}"), "", AppSettings(), EnvToken(f"TOKEN{number}"), origin, revision)
        for number in range(count)
    ]
    client = open_reader(options, Surroundings(clock, random.Random(1), environ))
    lives = await sweep(client, apps, CONCURRENCY)
    await client.aclose()
    if not all(isinstance(live, LiveApp) for live in lives):
        raise AssertionError(next(live for live in lives if not isinstance(live, LiveApp)))


def _headers(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer token{number}", "Accept-Encoding": "identity"}


def _url(base_url: str, number: int) -> str:
    return f"{base_url}/{CUSTOMER}/apps/app{number}/settings"


async def by_httpx(base_url: str, count: int, transport: httpx.AsyncBaseTransport | None) -> None:
    """Nothing but httpx, over the given transport."""
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=60, limits=limits) as client:

        async def get(number: int) -> bytes:
            return (await client.get(_url(base_url, number), headers=_headers(number))).content

        await workers(get, count)


async def by_aiohttp(base_url: str, count: int) -> None:
    """Nothing but aiohttp."""
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def get(number: int) -> bytes:
            async with session.get(_url(base_url, number), headers=_headers(number)) as response:
                return await response.read()

        await workers(get, count)


CONTENDERS: dict[str, tuple[int, Callable[[str, int], Awaitable[None]]]] = {
    "syncer's client (httpx over aiohttp)": (APPS, by_client),
    "httpx over aiohttp, bare": (
        APPS,
        lambda url, n: by_httpx(url, n, httpx_aiohttp.AiohttpTransport(trust_env=False)),
    ),
    "httpx on its own transport, bare": (FEW, lambda url, n: by_httpx(url, n, None)),
    "aiohttp, bare": (APPS, by_aiohttp),
}


def main() -> None:
    """Run every contender once and print a table."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,))
    process.start()
    base_url = ours.recv()
    sys.stdout.write(f"{'':40}{'apps':>6}{'seconds':>9}{'req/s':>8}{'CPU ms/req':>12}\n")
    try:
        for name, (count, run) in CONTENDERS.items():
            wall, cpu = time.perf_counter(), time.process_time()
            asyncio.run(_awaited(run(base_url, count)))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            sys.stdout.write(f"{name:40}{count:6}{wall:9.2f}{count / wall:8.0f}{1000 * cpu / count:12.2f}\n")
    finally:
        ours.send("stop")
        process.join()


async def _awaited(run: Awaitable[None]) -> None:
    await run


if __name__ == "__main__":
    main()
