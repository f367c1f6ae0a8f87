"""Attempts, waits, budgets: when a read is made again and when the vendor is left in peace."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from syncer.errors import VendorError, VendorKind
from syncer.model.live import LiveApp, Unreadable
from syncer.vendor import retry
from syncer.vendor.sweep import sweep
from tests.vendor.stage import Act, FakeTime, Seen, desired, fine, http, raw_server, reading, surroundings

if TYPE_CHECKING:
    import asyncio

    from tests.soak.figures import Recorder

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        ("600", 600),
        ("86400", 600),
        ("999999999", 600),
        ("Sat, 15 Jun 2024 12:01:30 GMT", 90),
        ("Sat, 15 Jun 2024 11:00:00 GMT", 0),
        ("Sun, 16 Jun 2024 12:00:00 GMT", 600),
        ("Saturday, 15-Jun-24 12:00:10 GMT", 10),
        ("9999999999", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        ("Sat, 15 Jun 2024 12:01:30", None),
        ("Sat, 15 Jun 99999 12:01:30 GMT", None),
    ],
)
def test_retry_after_in_both_forms_capped(header: str, seconds: float | None) -> None:
    assert retry.retry_after(header, NOW) == seconds


def test_jitter_is_full_and_doubles_up_to_a_cap() -> None:
    error = VendorError(VendorKind.SERVER, "x", retryable=True)
    for attempt, most in ((1, 0.5), (2, 1.0), (3, 2.0), (10, 8.0)):
        waits = [retry.delay(attempt, error, 0.5, random.Random(seed)) for seed in range(300)]
        assert 0 <= min(waits) < most * 0.05
        assert most * 0.95 < max(waits) <= most


def test_what_the_vendor_asked_for_is_never_undercut() -> None:
    error = VendorError(VendorKind.RATE_LIMITED, "x", retryable=True, retry_after=20.0)
    assert all(20 <= retry.delay(1, error, 0.5, random.Random(seed)) <= 20.5 for seed in range(100))


async def test_a_failing_server_is_asked_three_times() -> None:
    async with raw_server(http(500)) as server, reading(server.url, surroundings(FakeTime())) as client:
        live = await client.read(desired())
    assert isinstance(live, Unreadable)
    assert (live.kind, len(server.seen)) == (VendorKind.SERVER, 3)


async def test_each_attempt_has_its_own_request_id() -> None:
    async with raw_server(http(500)) as server, reading(server.url, surroundings(FakeTime())) as client:
        await client.read(desired())
    assert len({seen.headers["x-request-id"] for seen in server.seen}) == 3


@pytest.mark.parametrize("first", [408, 429, 500, 502, 503, 504])
async def test_a_passing_failure_is_got_over(first: int) -> None:
    def script(seen: Seen) -> bytes:
        return http(first) if len(server.seen) == 1 else fine(seen)

    async with raw_server(script) as server, reading(server.url, surroundings(FakeTime())) as client:
        assert isinstance(await client.read(desired()), LiveApp)


async def test_a_broken_connection_is_got_over() -> None:
    async def drop(writer: asyncio.StreamWriter) -> None:
        writer.close()

    def script(seen: Seen) -> bytes | Act:
        return drop if len(server.seen) == 1 else fine(seen)

    async with raw_server(script) as server, reading(server.url, surroundings(FakeTime())) as client:
        assert isinstance(await client.read(desired()), LiveApp)


async def test_a_short_retry_after_is_waited_for() -> None:
    def script(seen: Seen) -> bytes:
        return http(429, headers={"Retry-After": "20"}) if len(server.seen) == 1 else fine(seen)

    time = FakeTime()
    async with raw_server(script) as server, reading(server.url, surroundings(time)) as client:
        assert isinstance(await client.read(desired()), LiveApp)
    assert 20 <= time.elapsed < 22


async def test_a_long_retry_after_is_not_waited_for_and_the_app_is_left_alone_that_long() -> None:
    time = FakeTime()
    busy = http(429, headers={"Retry-After": "3600"})
    async with raw_server(busy) as server, reading(server.url, surroundings(time)) as client:
        for _ in range(2):
            live = await client.read(desired())
            assert isinstance(live, Unreadable)
            assert live.kind is VendorKind.RATE_LIMITED
        assert (len(server.seen), time.elapsed) == (1, 0)
        time.elapsed = 601
        await client.read(desired())
        assert len(server.seen) == 2


async def test_one_app_that_asks_for_a_pause_does_not_hold_up_the_others() -> None:
    def script(seen: Seen) -> bytes:
        return http(503, headers={"Retry-After": "3600"}) if "/app7/" in seen.path else fine(seen)

    time = FakeTime()
    apps = [desired(f"app{number}") for number in range(50)]
    async with raw_server(script) as server, reading(server.url, surroundings(time)) as client:
        for _ in range(3):
            lives = await sweep(client, apps, 8)
            assert [live.ref.app_id for live in lives if isinstance(live, Unreadable)] == ["app7"]
    assert sum("/app7/" in seen.path for seen in server.seen) == 1


async def test_a_customer_whose_apps_all_ask_for_a_pause_is_left_alone() -> None:
    def script(seen: Seen) -> bytes:
        return http(429, headers={"Retry-After": "3600"}) if "cust_acme" in seen.path else fine(seen)

    apps = [desired(f"app{number}") for number in range(20)] + [desired("app", "cust_other")]
    async with raw_server(script) as server, reading(server.url, surroundings(FakeTime())) as client:
        lives = await sweep(client, apps, 1)
        assert {live.kind for live in lives if isinstance(live, Unreadable)} == {VendorKind.RATE_LIMITED}
        assert isinstance(lives[-1], LiveApp)
    assert sum("cust_acme" in seen.path for seen in server.seen) == 2


@pytest.mark.parametrize("sweeps", [2, pytest.param(30, marks=pytest.mark.soak)])
async def test_a_storm_costs_little_more_than_no_retries_at_all(figure: Recorder, sweeps: int) -> None:
    apps = [desired(f"app{number}") for number in range(200)]
    async with raw_server(http(500)) as server, reading(server.url, surroundings(FakeTime())) as client:
        for _ in range(sweeps):
            before = len(server.seen)
            lives = await sweep(client, apps, 8)
            assert all(isinstance(live, Unreadable) for live in lives)
            assert 200 < len(server.seen) - before <= 240
    figure(
        "retry-amplification", len(server.seen), seeds="none", result=f"{len(server.seen) / (sweeps * 200):.3f} times"
    )


async def test_where_a_few_fail_every_one_gets_its_attempts() -> None:
    failed: set[str] = set()

    def script(seen: Seen) -> bytes:
        if seen.path.endswith("5/settings") and seen.path not in failed:
            failed.add(seen.path)
            return http(503)
        return fine(seen)

    apps = [desired(f"app{number}") for number in range(200)]
    async with raw_server(script) as server, reading(server.url, surroundings(FakeTime())) as client:
        lives = await sweep(client, apps, 8)
    assert all(isinstance(live, LiveApp) for live in lives)
    assert len(failed) == 20


def test_the_budget_is_bounded_and_begins_anew() -> None:
    budget = retry.RetryBudget()
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    for _ in range(10_000):
        budget.earn()
    assert sum(budget.take() for _ in range(1000)) == 50
    budget.reset()
    assert sum(budget.take() for _ in range(1000)) == 3
