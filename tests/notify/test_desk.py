"""The desk: passes only leave their result, whatever receivers do; restarts repeat and lose nothing."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from syncer.errors import SourceError
from syncer.model.outcome import State
from syncer.notify.courier import Patience, Round
from syncer.notify.desk import KEPT, Desk, Office, rules_of
from syncer.notify.spool import MOST, Spool
from syncer.notify.transport import Answer
from tests.support.noticed import MINUTE, SENDER, T0, Hands, a_commit, a_receiver, happened, ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from syncer.notify.sinks import Request
    from syncer.settings.tree import Notify

DRIFTED, IN_SYNC, FAILING = State.DRIFTED, State.IN_SYNC, State.FAILING
PATIENCE = Patience(first=1.0, longest=1.0)


class Post:
    """Takes what it is sent; while it hangs, nothing ends."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self._more = asyncio.Event()

    async def post(self, request: Request) -> Answer:
        self.asked += 1
        await self.open.wait()
        self.got.append(json.loads(request.body))
        self._more.set()
        return Answer(200)

    async def arrived(self, count: int) -> None:
        """Until it was sent so many."""
        async with asyncio.timeout(20):
            while len(self.got) < count:
                self._more.clear()
                await self._more.wait()

    def told(self) -> list[tuple[str, str]]:
        return [(each["app"]["name"] if each["app"] else each["what"], each["to"]) for each in self.got]


class Lines:
    """A logger that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def bind(self, **keys: Any) -> Lines:
        del keys
        return self

    def info(self, event: str, **keys: Any) -> None:
        self.lines.append({"event": event, **keys})

    warning = error = info

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


class House:
    """A desk on a state folder, with the clock that it goes by."""

    def __init__(self, folder: Path, *receivers: Notify, most: int = MOST, tick: float = 3600.0) -> None:
        self.clock = Hands()
        self.log = Lines()
        self.spool = Spool.open(folder, most=most)
        self.posts = {each.name: Post() for each in receivers}
        shared = Round(self.spool, self.clock, random.Random(7), {}, SENDER, self.log, PATIENCE)  # type: ignore[arg-type]  # keeps what it is told
        pairs = tuple((each, self.posts[each.name]) for each in receivers)
        self.leads = True
        office = Office(ids(), "https://s.example", 5 * MINUTE, tick, speaks=lambda: self.leads)
        self.desk = Desk(pairs, shared, office)

    async def passes(self, *apps: dict[str, State] | None, every: timedelta = MINUTE, **fields: Any) -> None:
        """One pass after the other, and everything decided and tried after each."""
        for each in apps:
            self.clock.move(every)
            self.desk.after(happened(each, self.clock.now(), **fields))
            assert await self.desk.settle(20)


@asynccontextmanager
async def house(folder: Path, *receivers: Notify, **more: Any) -> AsyncIterator[House]:
    made = House(folder, *(receivers or (a_receiver(),)), **more)
    task = asyncio.create_task(made.desk.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        made.spool.close()


DESK = ("desk", "Drifted")
BACK = ("desk", "InSync")


async def test_a_transition_and_its_end_are_sent(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.passes({"desk": IN_SYNC}, {"desk": DRIFTED}, {"desk": DRIFTED}, {"desk": IN_SYNC})
        assert here.posts["desk"].told() == [DESK, BACK]


async def test_each_receiver_hears_what_it_wants(tmp_path: Path) -> None:
    one, two = a_receiver(name="one", on=(DRIFTED,)), a_receiver(name="two", on=(FAILING,), after=2)
    async with house(tmp_path, one, two) as here:
        await here.passes(*[{"a": DRIFTED, "b": FAILING}] * 2)
        assert {name: post.told() for name, post in here.posts.items()} == {
            "one": [("a", "Drifted")],
            "two": [("b", "Failing")],
        }


async def test_a_standby_tells_nothing_not_even_of_silence_until_it_leads(tmp_path: Path) -> None:
    async with house(tmp_path, a_receiver(on=(DRIFTED, State.STALE)), tick=0.01) as here:
        here.leads = False
        await here.passes({"desk": DRIFTED}, {"desk": DRIFTED})
        here.clock.move(timedelta(hours=1))
        await asyncio.sleep(0.05)  # a few looks at what becomes due by itself
        assert here.posts["desk"].told() == []
        here.leads = True
        await here.passes({"desk": DRIFTED})
        assert DESK in here.posts["desk"].told()


async def test_a_restart_repeats_nothing_and_counts_on(tmp_path: Path) -> None:
    receiver = a_receiver(after=3)
    told = []
    for number in range(5):
        async with house(tmp_path, receiver) as here:
            here.clock.move(number * MINUTE)
            await here.passes({"desk": DRIFTED})
            told.append(here.posts["desk"].told())
    assert told == [[], [], [DESK], [], []]


async def test_what_could_not_be_delivered_is_delivered_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.posts["desk"].open.clear()
        here.clock.move(MINUTE)
        here.desk.after(happened({"desk": DRIFTED}, here.clock.now()))
        assert not await here.desk.settle(0.2)
    async with house(tmp_path) as here:
        assert await here.desk.settle(20)
        await here.posts["desk"].arrived(1)
        assert here.posts["desk"].told() == [DESK]


async def test_a_receiver_that_hangs_for_ten_minutes_holds_up_neither_passes_nor_others(tmp_path: Path) -> None:
    async with house(tmp_path, a_receiver(name="slow"), a_receiver(name="quick")) as here:
        slow, quick = here.posts["slow"], here.posts["quick"]
        slow.open.clear()
        for number in range(120):  # ten minutes of passes, five seconds apart
            here.clock.move(timedelta(seconds=5))
            fleet = {"desk": DRIFTED if number % 60 < 30 else IN_SYNC, "other": IN_SYNC}
            here.desk.after(happened(fleet, here.clock.now()))
            await here.desk._settled.wait()
            await here.desk._couriers[1].idle.wait()
        assert quick.told() == [DESK, BACK, DESK, BACK]
        assert (slow.asked, slow.told(), here.spool.waiting("slow")) == (1, [], 4)
        slow.open.set()
        assert await here.desk.settle(20)
        assert slow.told() == quick.told()


async def test_what_waits_for_a_dead_receiver_is_bounded_and_what_gives_way_is_counted(tmp_path: Path) -> None:
    async with house(tmp_path, a_receiver(digest=1000), most=10) as here:
        here.posts["desk"].open.clear()
        here.desk.after(happened({f"n{number:02d}": DRIFTED for number in range(25)}, here.clock.now()))
        await here.desk._settled.wait()
        assert here.spool.waiting("desk") == 10
        [line] = here.log.of("notice.dropped")
        assert line["notices"] == 15


async def test_passes_that_come_faster_than_they_are_looked_at_are_bounded(tmp_path: Path) -> None:
    made = House(tmp_path, a_receiver())
    for number in range(KEPT * 3):
        made.desk.after(happened({"desk": DRIFTED}, T0 + number * MINUTE))
    assert len(made.desk._pending) == KEPT
    task = asyncio.create_task(made.desk.run())
    assert await made.desk.settle(20)
    assert made.posts["desk"].told() == [DESK]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    made.spool.close()


async def test_what_becomes_due_between_passes_is_told_without_one(tmp_path: Path) -> None:
    receiver = a_receiver(after=timedelta(minutes=10))
    async with house(tmp_path, receiver, tick=0.01) as here:
        here.desk.after(happened({"desk": DRIFTED}, here.clock.now()))
        assert await here.desk.settle(20)
        here.clock.move(timedelta(minutes=11))
        await here.posts["desk"].arrived(1)
        assert here.posts["desk"].told() == [DESK]


async def test_a_silence_of_three_intervals_is_told_and_so_is_its_end(tmp_path: Path) -> None:
    async with house(tmp_path, a_receiver(on=(State.STALE,)), tick=0.01) as here:
        await here.passes({"desk": IN_SYNC})
        here.clock.move(timedelta(minutes=16))
        await here.posts["desk"].arrived(1)
        await here.passes(None, {"desk": IN_SYNC})
        await here.posts["desk"].arrived(2)
        assert here.posts["desk"].told() == [("fleet", "Stale"), ("fleet", "InSync")]
        assert here.posts["desk"].got[0]["reason"] == "no pass has had a result for 16 min"


async def test_a_silence_from_the_start_is_told_too(tmp_path: Path) -> None:
    async with house(tmp_path, a_receiver(on=(State.STALE,)), tick=0.01) as here:
        here.clock.move(timedelta(hours=2))
        await here.posts["desk"].arrived(1)
        assert here.posts["desk"].told() == [("fleet", "Stale")]


async def test_a_pass_without_a_result_is_told_and_ends_no_trouble_of_apps(tmp_path: Path) -> None:
    async with house(tmp_path, a_receiver(on=(DRIFTED, FAILING, State.UNREADABLE))) as here:
        await here.passes({"desk": DRIFTED})
        await here.passes(None, failure=SourceError("git is away"), error=SourceError("git is away"))
        assert here.posts["desk"].told() == [DESK, ("fleet", "Failing"), ("source", "Unreadable")]


async def test_a_git_server_hears_of_commits_and_of_nothing_else(tmp_path: Path) -> None:
    status = a_receiver(kind="commit-status", on=(), server="github", repository="a/b")
    async with house(tmp_path, status, tick=0.01) as here:
        await here.passes({"desk": State.PENDING}, {"desk": IN_SYNC}, {"desk": DRIFTED}, revision=a_commit("a"))
        assert [each["state"] for each in here.posts["desk"].got] == ["pending", "success"]


async def test_receivers_that_are_gone_are_forgotten_and_their_notices_counted(tmp_path: Path) -> None:
    async with house(tmp_path, a_receiver(name="old")) as here:
        here.posts["old"].open.clear()
        here.desk.after(happened({"desk": DRIFTED}, here.clock.now()))
        await here.desk._settled.wait()
    async with house(tmp_path, a_receiver(name="new")) as here:
        await here.passes({"desk": DRIFTED})
        assert here.posts["new"].told() == [DESK]
        assert [line["notices"] for line in here.log.of("notice.dropped")] == [1]


async def test_a_disk_that_takes_nothing_is_told_once_and_notices_go_out(tmp_path: Path) -> None:
    async with house(tmp_path / "missing") as here:
        await here.passes({"desk": DRIFTED}, {"desk": IN_SYNC}, {"desk": IN_SYNC})
        assert here.posts["desk"].told() == [DESK, BACK]
        assert len(here.log.of("notice.failed")) == 1


async def test_a_fault_of_ours_is_logged_and_the_next_pass_is_looked_at(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.desk.after("no pass at all")  # type: ignore[arg-type]  # stands for a defect
        assert await here.desk.settle(20)
        await here.passes({"desk": DRIFTED})
        assert here.posts["desk"].told() == [DESK]
        assert here.log.of("notice.failed")[0]["error"] == "AttributeError"


async def test_without_receivers_nothing_runs() -> None:
    shared = Round(Spool.in_memory(), Hands(), random.Random(7), {}, SENDER, Lines())  # type: ignore[arg-type]  # keeps what it is told
    desk = Desk((), shared, Office(ids(), "", MINUTE))
    desk.after(happened({"desk": DRIFTED}))
    await desk.run()
    assert await desk.settle(1)
    shared.spool.close()


@pytest.mark.parametrize(
    ("after", "passes", "length"), [(3, 3, timedelta(0)), (timedelta(minutes=9), 1, timedelta(minutes=9))]
)
def test_after_is_a_number_of_passes_or_a_time(after: int | timedelta, passes: int, length: timedelta) -> None:
    found = rules_of(a_receiver(after=after), "")
    assert (found.passes, found.length) == (passes, length)
