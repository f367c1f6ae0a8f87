"""A sweep reads every app, whatever happens to some."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from syncer.errors import VendorKind
from syncer.model.live import Live, LiveApp, Unreadable
from syncer.vendor.sweep import Patience, sweep
from tests.vendor.stage import Act, FakeTime, Seen, desired, envelope, fine, http, raw_server, reading

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


class Silent(Recorder):
    """A reader of apps that keep silent for 15 s each, but for those that are named `fine…`."""

    def __init__(self, kind: VendorKind = VendorKind.TIMEOUT) -> None:
        super().__init__()
        self.time = FakeTime()
        self.kind = kind

    async def read(self, app: DesiredApp) -> Live:
        self.asked.append(app.ref)
        await self.time.sleep(15)
        if app.ref.app_id.startswith("fine"):
            return Unreadable(app.ref, VendorKind.SERVER, "slow, but an answer")
        return Unreadable(app.ref, self.kind, "silent")


@pytest.mark.parametrize("kind", [VendorKind.TIMEOUT, VendorKind.CONNECT])
async def test_two_thousand_silent_apps_cost_five_minutes_and_not_sixteen(kind: VendorKind) -> None:
    reader = Silent(kind)
    apps = [desired(f"app{number}") for number in range(2000)]
    heard: list[Live] = []
    lives = await sweep(reader, apps, 32, heard.append, Patience(reader.time))
    assert reader.time.elapsed <= 315
    asked = len(reader.asked)
    assert asked <= 672
    assert [live.ref for live in lives] == [app.ref for app in apps]
    assert len(heard) == 2000
    unasked = [live for live in lives if isinstance(live, Unreadable) and live.message.startswith("not asked")]
    assert len(unasked) == 2000 - asked
    assert {live.kind for live in unasked} == {VendorKind.TIMEOUT}


async def test_a_slow_vendor_that_answers_is_waited_for() -> None:
    reader = Silent()
    await sweep(reader, [desired(f"fine{number}") for number in range(2000)], 32, patience=Patience(reader.time))
    assert len(reader.asked) == 2000


async def test_apps_that_were_silent_the_last_time_come_last_and_never_in_one_order() -> None:
    apps = [desired(f"app{number}") for number in range(20)]
    orders = set()
    for salt in ("one", "two"):
        reader = Recorder()
        await sweep(reader, apps, 1, patience=Patience(FakeTime(), [app.ref for app in apps[:10]], salt))
        assert reader.asked[:10] == [app.ref for app in apps[10:]]
        assert set(reader.asked[10:]) == {app.ref for app in apps[:10]}
        orders.add(tuple(reader.asked))
    assert len(orders) == 2
