"""A running emulator with apps, for tests of any part."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from httpx_aiohttp import AiohttpTransport

from syncer.emulator.server import Emulator
from syncer.emulator.store import Seed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from syncer.emulator.fields import Value
    from syncer.emulator.instants import Clock

CUSTOMER = "cust_1"


def app_id(number: int) -> str:
    """The id of the n-th seeded app, from 1."""
    return f"app_{number:04d}"


def app_token(number: int) -> str:
    """The token of the n-th seeded app."""
    return f"token-{number:04d}"


def seeds(count: int, settings: Mapping[str, Value] | None = None, customer: str = CUSTOMER) -> tuple[Seed, ...]:
    """Apps of one customer, ids and tokens by number, all with the same settings."""
    return tuple(
        Seed(customer, app_id(number), f"app {number}", app_token(number), f"secret-{number}", settings=settings or {})
        for number in range(1, count + 1)
    )


@dataclass(frozen=True, slots=True)
class Vendor:
    """An emulator and a client that speaks to it as the n-th app."""

    emulator: Emulator
    client: httpx.AsyncClient

    def url(self, number: int = 1) -> str:
        return self.emulator.settings_url(CUSTOMER, app_id(number))

    def headers(self, number: int = 1, fault: str = "") -> dict[str, str]:
        headers = {"Authorization": f"Bearer {app_token(number)}"}
        return {**headers, "X-Emulator-Fault": fault} if fault else headers

    async def get(self, number: int = 1, fault: str = "") -> httpx.Response:
        return await self.client.get(self.url(number), headers=self.headers(number, fault))

    async def put(self, body: object, number: int = 1, fault: str = "") -> httpx.Response:
        return await self.client.put(self.url(number), json=body, headers=self.headers(number, fault))

    async def settings(self, number: int = 1) -> dict[str, Any]:
        """What a read shows."""
        answer: dict[str, Any] = (await self.get(number)).raise_for_status().json()["data"]["settings"]
        return answer

    async def control(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.client.request(method, f"{self.emulator.control_url}{path}", json=body)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that happens behind a socket, where there is no event to await."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- see above
            await asyncio.sleep(0.002)


@asynccontextmanager
async def emulator(
    count: int = 1, settings: Mapping[str, Value] | None = None, *, clock: Clock | None = None
) -> AsyncIterator[Vendor]:
    """An emulator in this loop with `count` apps of customer `cust_1`."""
    async with (
        Emulator.start(clock=clock) as running,
        httpx.AsyncClient(transport=AiohttpTransport(), trust_env=False, timeout=10) as client,
    ):
        running.seed(*seeds(count, settings))
        yield Vendor(running, client)
