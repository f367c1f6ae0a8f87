"""A sweep reads every app, whatever happens to some."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from syncer.errors import VendorKind
from syncer.model.live import Live, LiveApp, Unreadable
from syncer.vendor.sweep import sweep
from tests.vendor.stage import Act, Seen, desired, envelope, fine, http, raw_server, reading

if TYPE_CHECKING:
    from syncer.model.desired import AppRef, DesiredApp


class Recorder:
    """A reader that notes what it is asked, and how many at once."""

    def __init__(self) -> None:
        self.begun = 0
        self.asked: list[AppRef] = []
        self.busy = 0
        self.busiest = 0
        self.tasks = 0

    def begin_sweep(self) -> None:
        self.begun += 1

    async def read(self, app: DesiredApp) -> Live:
        self.asked.append(app.ref)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        await asyncio.sleep(0)
        self.busy -= 1
        return Unreadable(app.ref, VendorKind.SERVER, "x")


async def test_answers_stand_in_the_order_of_the_apps() -> None:
    apps = [desired(f"app{number}", f"cust{number % 3}") for number in range(100)]
    reader = Recorder()
    assert [live.ref for live in await sweep(reader, apps, 7)] == [app.ref for app in apps]
    assert (reader.begun, len(reader.asked), reader.busiest) == (1, 100, 7)
    assert reader.tasks <= 8


async def test_an_empty_fleet_is_an_empty_sweep() -> None:
    assert await sweep(Recorder(), [], 32) == ()


async def test_customers_take_turns() -> None:
    apps = [desired(f"app{number}", "big") for number in range(50)] + [desired("app", "small")]
    reader = Recorder()
    await sweep(reader, apps, 1)
    assert reader.asked[1].customer_id == "small"


async def test_each_answer_is_reported_as_it_comes() -> None:
    heard: list[Live] = []
    lives = await sweep(Recorder(), [desired(f"app{number}") for number in range(10)], 3, heard.append)
    assert sorted(live.ref for live in heard) == sorted(live.ref for live in lives)


async def test_a_cancelled_sweep_leaves_no_task_behind() -> None:
    all_busy = asyncio.Event()

    def script(seen: Seen) -> Act:
        if len(server.seen) == 4:
            all_busy.set()
        return _hang

    async with raw_server(script) as server, reading(server.url, concurrency=4) as client:
        running = asyncio.ensure_future(sweep(client, [desired(f"app{number}") for number in range(20)], 4))
        await all_busy.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert len(server.seen) == 4


async def _drop(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _hang(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


WAYS: list[tuple[bytes | Act, VendorKind]] = [
    (http(400), VendorKind.BAD_REQUEST),
    (http(401), VendorKind.AUTH),
    (http(404), VendorKind.NOT_FOUND),
    (http(500), VendorKind.SERVER),
    (http(302, headers={"Location": "https://elsewhere.example"}), VendorKind.REDIRECT),
    (http(200, b"<html>"), VendorKind.GARBLED),
    (http(200, envelope("app_other")), VendorKind.WRONG_APP),
    (http(200, b" " * 300_000), VendorKind.TOO_LARGE),
    (_drop, VendorKind.CONNECT),
    (_hang, VendorKind.TIMEOUT),
    (http(204), VendorKind.UNEXPECTED),
]


async def test_every_tenth_of_500_apps_fails_in_another_way_and_the_rest_is_read() -> None:
    apps = [desired(f"app{number}") for number in range(500)]
    expected = {f"app{number}": WAYS[number // 10 % len(WAYS)] for number in range(0, 500, 10)}

    def script(seen: Seen) -> bytes | Act:
        app_id = seen.path.split("/")[-2]
        return expected[app_id][0] if app_id in expected else fine(seen)

    async with raw_server(script) as server, reading(server.url, deadline=1.0, concurrency=32) as client:
        lives = await sweep(client, apps, 32)
    kinds = {live.ref.app_id: live.kind for live in lives if isinstance(live, Unreadable)}
    assert kinds == {app_id: kind for app_id, (_, kind) in expected.items()}
    assert sum(isinstance(live, LiveApp) for live in lives) == 450
