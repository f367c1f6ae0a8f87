"""Delivers webhooks as the vendor does: a receiver must answer 200, else again after 5 s, 30 s, 5 min, then dropped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from syncer.emulator.records import DeliveryEntry

if TYPE_CHECKING:
    from syncer.emulator.calls import Call, Event
    from syncer.emulator.store import Store

RETRY_DELAYS = (5.0, 30.0, 300.0)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a webhook is meant to go, and where it is sent: they differ when a sink is set."""

    meant: str
    sent: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went; the defaults are none at all."""

    url: str | None = None
    number: int = 0
    outcome: str = "skipped"
    status: int | None = None
    detail: str = ""


class Deliverer:
    """Sends the events of calls in the background and notes every attempt in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client = httpx.AsyncClient(transport=AiohttpTransport(), trust_env=False, follow_redirects=False)
        self._calls: set[asyncio.Task[None]] = set()

    def start(self, call: Call, events: tuple[Event, ...]) -> asyncio.Task[None]:
        """Deliver the events one after the other; the task ends with the last retry."""
        task = asyncio.create_task(self._deliver_all(call, events))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._client.aclose()

    async def _deliver_all(self, call: Call, events: tuple[Event, ...]) -> None:
        async with asyncio.TaskGroup() as retries:
            for event in events:
                address = self._address(call, event)
                if address is not None and not await self._attempt(call, event, address, 1):
                    retries.create_task(self._retry(call, event, address))

    def _address(self, call: Call, event: Event) -> Address | None:
        """From the settings of this moment; a reason not to send goes to the log."""
        if call.key not in self._store.apps:
            self._note(call, event, Attempt(detail="the app is gone"))
            return None
        settings = self._store.settings(call.key)
        url = settings[event.field]
        if event.needs and not settings[event.needs]:
            self._note(call, event, Attempt(detail=f"{event.needs} is off"))
            return None
        if not isinstance(url, str):
            self._note(call, event, Attempt(detail=f"{event.field} is not set"))
            return None
        sink = self._store.modes.webhook_sink
        if not sink:
            return Address(url, url)
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return Address(url, f"{sink.rstrip('/')}{parts.path}{query}")

    async def _retry(self, call: Call, event: Event, address: Address) -> None:
        for attempt, delay in enumerate(RETRY_DELAYS, start=2):
            await asyncio.sleep(delay * self._store.modes.retry_scale)
            if await self._attempt(call, event, address, attempt):
                return

    async def _attempt(self, call: Call, event: Event, address: Address, attempt: int) -> bool:
        status, detail = await self._post(event, address)
        delivered = status == 200
        last = attempt > len(RETRY_DELAYS)
        outcome = "delivered" if delivered else "dropped" if last else "retry"
        self._note(call, event, Attempt(address.meant, attempt, outcome, status, detail))
        return delivered

    async def _post(self, event: Event, address: Address) -> tuple[int | None, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "exotel-emulator"}
        if address.sent != address.meant:
            headers["X-Emulator-Target"] = address.meant
        body, seconds = orjson.dumps(event.payload), self._store.modes.webhook_timeout
        try:
            # One bound for the whole delivery. The client's own is per read, and the transport under it reports a
            # refused connection as a time-out too, so that one must never fire first.
            async with asyncio.timeout(seconds):
                answer = await self._client.post(address.sent, content=body, headers=headers, timeout=seconds + 1)
        except TimeoutError:
            return None, "no answer in time"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, f"{type(error).__name__}: {error}"
        return answer.status_code, ""

    def _note(self, call: Call, event: Event, attempt: Attempt) -> None:
        clock = self._store.clock
        self._store.log_delivery(
            DeliveryEntry(
                sequence=0,
                call_sid=call.call_sid,
                event=event.name,
                customer_id=call.key.customer_id,
                app_id=call.key.app_id,
                url=attempt.url,
                attempt=attempt.number,
                status=attempt.status,
                outcome=attempt.outcome,
                detail=attempt.detail,
                at=clock.now(),
                monotonic_ns=clock.monotonic_ns(),
            )
        )
