from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from tests.support.emulated import CUSTOMER, Vendor, app_id, emulator, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(slots=True)
class Receiver:
    """A webhook receiver: answers the statuses given, then 200, and keeps what arrived."""

    statuses: list[int] = field(default_factory=list)
    origin: str = ""
    received: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append((lines[0].split()[1], headers, orjson.loads(body)))
        status = self.statuses.pop(0) if self.statuses else 200
        if status:
            fields = f"location: {self.origin}/moved\r\ncontent-length: 0\r\nconnection: close"
            writer.write(f"HTTP/1.1 {status} X\r\n{fields}\r\n\r\n".encode())
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    def events(self) -> list[tuple[str, str]]:
        return [(path, payload["event"]) for path, _, payload in self.received]


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[Receiver]:
    one = Receiver(list(statuses))
    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        one.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one


def hooks(origin: str) -> dict[str, str | bool | None]:
    """Settings that send every webhook to a path of its own."""
    return {
        "popup_url": f"{origin}/popup",
        "missed_call_url": f"{origin}/missed",
        "callback_url": f"{origin}/callback",
        "recording_url": f"{origin}/recording",
        "recording_enabled": True,
    }


async def call(vendor: Vendor, kind: str, **more: object) -> list[dict[str, Any]]:
    body = {"customer_id": CUSTOMER, "app_id": app_id(1), "kind": kind, "wait": True, **more}
    answer = await vendor.control("POST", "/calls", body)
    deliveries: list[dict[str, Any]] = answer.raise_for_status().json()["deliveries"]
    return deliveries


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("incoming", [("/popup", "incoming_call")]),
        ("missed", [("/popup", "incoming_call"), ("/missed", "missed_call")]),
        (
            "answered",
            [
                ("/callback", "outbound_call"),
                ("/callback", "call_ringing"),
                ("/callback", "call_answered"),
                ("/callback", "call_completed"),
            ],
        ),
        (
            "recorded",
            [
                ("/popup", "incoming_call"),
                ("/callback", "call_answered"),
                ("/callback", "call_completed"),
                ("/recording", "recording_ready"),
            ],
        ),
    ],
)
async def test_call_sends_the_documented_webhooks_in_order(kind: str, expected: list[tuple[str, str]]) -> None:
    async with receiver() as target, emulator(settings=hooks(target.origin)) as vendor:
        deliveries = await call(vendor, kind)
    assert target.events() == expected
    assert [entry["outcome"] for entry in deliveries] == ["delivered"] * len(expected)


async def test_payloads_have_the_documented_fields() -> None:
    async with receiver() as target, emulator(settings=hooks(target.origin)) as vendor:
        await call(vendor, "recorded", call_sid="call_123")
        await call(vendor, "missed", call_sid="call_124")
    payloads = {payload["event"]: payload for _, _, payload in target.received}
    assert list(payloads["incoming_call"]) == ["event", "call_sid", "from", "to", "timestamp"]
    assert list(payloads["recording_ready"]) == ["event", "call_sid", "recording_url", "duration", "timestamp"]
    assert payloads["recording_ready"]["recording_url"] == "https://recordings.exotel.com/call_123.mp3"
    assert list(payloads["missed_call"]) == [
        "event",
        "call_sid",
        "from",
        "to",
        "exophone",
        "ring_duration",
        "timestamp",
    ]
    assert {headers["content-type"] for _, headers, _ in target.received} == {"application/json"}


async def test_details_of_an_incoming_call_are_sent_on_request() -> None:
    async with receiver() as target, emulator(settings=hooks(target.origin)) as vendor:
        await call(vendor, "incoming", details=True, **{"from": "+911", "user_id": "u"})
    ((_, _, payload),) = target.received
    assert {"direction", "app_id", "user_id", "exophone", "caller_info"} < set(payload)
    assert (payload["from"], payload["user_id"]) == ("+911", "u")


async def test_recording_is_announced_only_while_recording_is_enabled() -> None:
    async with receiver() as target, emulator(settings=hooks(target.origin)) as vendor:
        await vendor.put({"recording_enabled": False, "callback_url": None})
        deliveries = await call(vendor, "recorded")
    assert target.events() == [("/popup", "incoming_call")]
    assert [(entry["event"], entry["outcome"], entry["detail"]) for entry in deliveries[1:]] == [
        ("call_answered", "skipped", "callback_url is not set"),
        ("call_completed", "skipped", "callback_url is not set"),
        ("recording_ready", "skipped", "recording_enabled is off"),
    ]


async def test_webhook_goes_where_the_settings_of_the_moment_say() -> None:
    async with receiver() as old, receiver() as new, emulator(settings=hooks(old.origin)) as vendor:
        await vendor.put({"popup_url": f"{new.origin}/moved"})
        await call(vendor, "incoming")
    assert (old.events(), new.events()) == ([], [("/moved", "incoming_call")])


async def test_receiver_that_does_not_answer_200_is_tried_again_until_it_does() -> None:
    async with receiver(500, 201) as target, emulator(settings=hooks(target.origin)) as vendor:
        await vendor.control("PATCH", "/modes", {"retry_scale": 0.001})
        deliveries = await call(vendor, "incoming")
    assert [(entry["attempt"], entry["status"], entry["outcome"]) for entry in deliveries] == [
        (1, 500, "retry"),
        (2, 201, "retry"),
        (3, 200, "delivered"),
    ]
    first, second, third = (entry["monotonic_ns"] for entry in deliveries)
    assert second - first >= 5_000_000
    assert third - second >= 30_000_000


async def test_webhook_is_dropped_after_four_attempts_and_a_redirect_is_not_followed() -> None:
    async with receiver(302, 302, 302, 302) as target, emulator(settings=hooks(target.origin)) as vendor:
        await vendor.control("PATCH", "/modes", {"retry_scale": 0.0001})
        deliveries = await call(vendor, "incoming")
    assert [entry["outcome"] for entry in deliveries] == ["retry", "retry", "retry", "dropped"]
    assert {path for path, _ in target.events()} == {"/popup"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/closed", "wss://127.0.0.1:9/stream"])
async def test_receiver_that_cannot_be_reached_counts_as_a_failed_attempt(url: str) -> None:
    async with emulator(settings={"popup_url": url}) as vendor:
        await vendor.control("PATCH", "/modes", {"retry_scale": 0})
        deliveries = await call(vendor, "incoming")
    assert [entry["status"] for entry in deliveries] == [None] * 4
    assert all("Cannot connect" in entry["detail"] for entry in deliveries)


async def test_silent_receiver_runs_into_the_time_limit() -> None:
    async with receiver(0) as target, emulator(settings=hooks(target.origin)) as vendor:
        await vendor.control("PATCH", "/modes", {"retry_scale": 0, "webhook_timeout": 0.1})
        deliveries = await call(vendor, "incoming")
    assert [(entry["outcome"], entry["detail"]) for entry in deliveries] == [
        ("retry", "no answer in time"),
        ("delivered", ""),
    ]


async def test_retries_of_one_webhook_do_not_hold_up_the_next() -> None:
    async with receiver(500) as target, emulator(settings=hooks(target.origin)) as vendor:
        await call(vendor, "missed", wait=False)
        await until(lambda: len(target.received) == 2)
        outcomes = [entry.outcome for entry in vendor.emulator.store.deliveries()]
    assert target.events() == [("/popup", "incoming_call"), ("/missed", "missed_call")]
    assert outcomes[0] == "retry"


async def test_sink_catches_every_webhook_and_is_told_where_it_was_meant_to_go() -> None:
    meant = "https://hooks.example.com/popup?team=1"
    async with receiver() as target, emulator(settings={"popup_url": meant}) as vendor:
        await vendor.control("PATCH", "/modes", {"webhook_sink": target.origin})
        (delivery,) = await call(vendor, "incoming")
    ((path, headers, _),) = target.received
    assert (path, headers["x-emulator-target"]) == ("/popup?team=1", meant)
    assert delivery["url"] == meant


async def test_delivery_log_is_read_back_over_control() -> None:
    async with emulator() as vendor:
        await call(vendor, "incoming", call_sid="call_9")
        document = (await vendor.control("GET", "/deliveries")).json()
    (entry,) = document["deliveries"]
    assert (entry["call_sid"], entry["outcome"], entry["detail"]) == ("call_9", "skipped", "popup_url is not set")


async def test_call_of_an_app_that_is_gone_by_then_is_skipped() -> None:
    async with receiver(0) as target, emulator(settings=hooks(target.origin)) as vendor:
        await vendor.control("PATCH", "/modes", {"webhook_timeout": 0.2})
        await call(vendor, "missed", wait=False)
        await until(lambda: len(target.received) == 1)
        vendor.emulator.store.reset()
        await until(lambda: len(vendor.emulator.store.deliveries()) == 2)
        last = vendor.emulator.store.deliveries()[-1]
    assert (last.event, last.detail) == ("missed_call", "the app is gone")


async def test_retries_under_way_do_not_keep_the_emulator_alive(caplog: pytest.LogCaptureFixture) -> None:
    async with receiver(500) as target, emulator(settings=hooks(target.origin)) as vendor:
        waiting = asyncio.create_task(call(vendor, "incoming"))
        await until(lambda: len(vendor.emulator.store.deliveries()) == 1)
        before = time.monotonic()
    elapsed = time.monotonic() - before
    with pytest.raises((httpx.HTTPError, RuntimeError)):
        await waiting
    assert elapsed < 1.5
    assert caplog.records == []
