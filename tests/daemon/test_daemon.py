"""The daemon's loop with fakes: what is asked for is answered, once, by one pass at a time."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from syncer.daemon import Daemon
from syncer.errors import SourceError, StoppedError
from syncer.model.desired import Revision
from syncer.model.outcome import SyncReport, Trigger
from syncer.model.planned import Decision, Plan
from syncer.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syncer.parts import Ask

FAR = timedelta(days=1)
NEVER = Schedule(FAR, FAR, FAR)


def report(ask: Ask, revision: str) -> SyncReport:
    made = Revision(revision, "source")
    now = datetime(2026, 11, 20, tzinfo=UTC)
    return SyncReport("run", ask.trigger, made, Decision(Plan("id", made, (), (), ()), ()), now, 0.0, ask.write)


@dataclass
class Passes:
    """Remembers what was asked; a pass ends when the test lets it."""

    asks: list[Ask] = field(default_factory=list)
    revision: str = "one"
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Queue[Ask] = field(default_factory=asyncio.Queue)
    fails_with: list[Exception] = field(default_factory=list)
    under_way: int = 0
    stopped: bool = False

    async def run(self, ask: Ask) -> SyncReport:
        assert self.under_way == 0, "passes overlap"
        self.under_way += 1
        self.asks.append(ask)
        self.begun.put_nowait(ask)
        try:
            await self.gate.wait()
            if self.stopped:
                raise StoppedError("asked to stop")
            if self.fails_with:
                raise self.fails_with.pop()
            return report(ask, self.revision)
        finally:
            self.under_way -= 1

    def stop(self) -> None:
        self.stopped = True
        self.gate.set()

    def triggers(self) -> list[tuple[Trigger, bool]]:
        return [(ask.trigger, ask.write) for ask in self.asks]


@dataclass
class Stage:
    """A daemon that runs, and what surrounds it."""

    passes: Passes = field(default_factory=Passes)
    moved: list[bool | Exception] = field(default_factory=list)
    reports: asyncio.Queue[SyncReport] = field(default_factory=asyncio.Queue)
    log: list[dict[str, Any]] = field(default_factory=list)
    polled: asyncio.Event = field(default_factory=asyncio.Event)
    daemon: Daemon = field(init=False)

    def poll(self) -> bool:
        found = self.moved.pop(0) if self.moved else False
        self.loop.call_soon_threadsafe(self.polled.set)
        if isinstance(found, Exception):
            raise found
        return found

    async def pass_of(self) -> Ask:
        async with asyncio.timeout(10):
            return await self.passes.begun.get()

    async def reported(self) -> SyncReport:
        async with asyncio.timeout(10):
            return await self.reports.get()

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)


@asynccontextmanager
async def running(schedule: Schedule = NEVER, *, held: bool = False) -> AsyncIterator[Stage]:
    stage = Stage()

    def remember(_logger: object, _name: str, event: Any) -> str:
        stage.log.append(dict(event))
        raise structlog.DropEvent

    log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[remember])
    if not held:
        stage.passes.gate.set()
    stage.daemon = Daemon(stage.passes, schedule, stage.poll, stage.reports.put_nowait, log)
    task = asyncio.create_task(stage.daemon.run())
    await stage.pass_of()
    try:
        yield stage
    finally:
        stage.daemon.stop()
        async with asyncio.timeout(10):
            await task


async def test_it_starts_with_a_pass_that_may_write() -> None:
    async with running() as stage:
        assert (await stage.reported()).trigger is Trigger.START
    assert stage.passes.triggers() == [(Trigger.START, True)]


async def test_requests_during_a_pass_become_one_pass_and_none_is_lost() -> None:
    async with running(held=True) as stage:
        for trigger in (Trigger.DETECT, Trigger.SIGNAL, Trigger.SIGNAL, Trigger.POLL, Trigger.SCHEDULE):
            stage.daemon.ask(trigger)
        stage.passes.gate.set()
        await stage.pass_of()
    assert stage.passes.triggers()[:2] == [(Trigger.START, True), (Trigger.SIGNAL, True)]
    assert len(stage.passes.asks) == 2


async def test_a_look_does_not_write() -> None:
    async with running() as stage:
        stage.daemon.ask(Trigger.DETECT)
        await stage.pass_of()
    assert stage.passes.triggers()[1] == (Trigger.DETECT, False)


async def test_a_poll_asks_for_a_pass_only_if_the_source_moved() -> None:
    async with running() as stage:
        await stage.reported()
        stage.daemon.ask(Trigger.POLL)
        async with asyncio.timeout(10):
            await stage.polled.wait()
        stage.moved.append(True)
        stage.daemon.ask(Trigger.POLL)
        assert (await stage.pass_of()).trigger is Trigger.COMMIT
    assert stage.passes.triggers() == [(Trigger.START, True), (Trigger.COMMIT, True)]


async def test_a_poll_that_fails_unexpectedly_ends_nothing() -> None:
    async with running() as stage:
        await stage.reported()
        stage.moved.append(RuntimeError("boom"))
        stage.daemon.ask(Trigger.POLL)
        async with asyncio.timeout(10):
            await stage.polled.wait()
        stage.daemon.ask(Trigger.SIGNAL)
        assert (await stage.pass_of()).trigger is Trigger.SIGNAL
    assert "RuntimeError" in [line.get("error") for line in stage.log]


async def test_a_look_that_comes_upon_a_commit_asks_for_a_pass_that_writes_it() -> None:
    async with running() as stage:
        await stage.reported()
        stage.passes.revision = "two"
        stage.daemon.ask(Trigger.DETECT)
        assert (await stage.pass_of()).trigger is Trigger.DETECT
        assert (await stage.pass_of()).trigger is Trigger.COMMIT
        await stage.reported()
        stage.daemon.ask(Trigger.DETECT)
        await stage.pass_of()
    assert len(stage.passes.asks) == 4


async def test_a_start_that_failed_is_made_up_for_by_the_first_look_that_succeeds() -> None:
    async with running(held=True) as stage:
        stage.passes.fails_with.append(SourceError("no route"))
        stage.passes.gate.set()
        stage.daemon.ask(Trigger.DETECT)
        assert (await stage.pass_of()).trigger is Trigger.DETECT
        assert (await stage.pass_of()).write


@pytest.mark.parametrize("fault", [SourceError("no route"), RuntimeError("a bug")])
async def test_a_pass_that_fails_is_logged_and_the_next_one_comes(fault: Exception) -> None:
    async with running(held=True) as stage:
        stage.passes.fails_with.append(fault)
        stage.passes.gate.set()
        stage.daemon.ask(Trigger.SIGNAL)
        await stage.pass_of()
        await stage.reported()
    (failed,) = [line for line in stage.log if line["event"] == "pass.failed"]
    assert failed["trigger"] == "start"


async def test_a_report_that_can_not_be_told_ends_nothing() -> None:
    async with running(held=True) as stage:
        tell = stage.reports.put_nowait
        stage.daemon._on_report = _refuse
        stage.passes.gate.set()
        stage.daemon.ask(Trigger.SIGNAL)
        await stage.pass_of()
        stage.daemon._on_report = tell
    assert [line["error"] for line in stage.log if line["event"] == "pass.failed"][:1] == ["OSError"]


def _refuse(_report: SyncReport) -> None:
    raise OSError("disk on fire")


async def test_stopping_during_a_pass_ends_it_and_begins_no_other() -> None:
    async with running(held=True) as stage:
        stage.daemon.ask(Trigger.SCHEDULE)
        stage.daemon.stop()
        stage.daemon.stop()
    assert len(stage.passes.asks) == 1
    assert [line["event"] for line in stage.log] == ["daemon.started", "daemon.stopping", "daemon.stopped"]


async def test_stopping_while_idle_ends_at_once() -> None:
    async with running() as stage:
        await stage.reported()
    assert stage.log[-1]["event"] == "daemon.stopped"


async def test_the_scheduler_asks_for_what_is_due() -> None:
    schedule = replace(NEVER, detect=timedelta(seconds=1))
    async with running(schedule) as stage:
        assert (await stage.pass_of()).trigger is Trigger.DETECT


async def test_a_second_signal_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    async with running(held=True) as stage:
        stage.passes.stop = lambda: None  # type: ignore[method-assign]  # a pass that takes its time
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            while not any(line["event"] == "daemon.stopping" for line in stage.log):  # noqa: ASYNC110 -- a signal
                await asyncio.sleep(0.002)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            while not left:  # noqa: ASYNC110 -- a signal
                await asyncio.sleep(0.002)
        stage.passes.gate.set()
    assert left == [1]


async def test_a_push_asks_for_a_pass_only_if_the_source_moved() -> None:
    async with running() as stage:
        await stage.reported()
        stage.daemon.ask(Trigger.PUSH)
        async with asyncio.timeout(10):
            await stage.polled.wait()
        stage.moved.append(True)
        stage.daemon.ask(Trigger.PUSH)
        assert (await stage.pass_of()).trigger is Trigger.PUSH
    assert stage.passes.triggers() == [(Trigger.START, True), (Trigger.PUSH, True)]


async def test_a_push_beside_a_look_does_not_make_it_write() -> None:
    async with running(held=True) as stage:
        for trigger in (Trigger.DETECT, Trigger.PUSH):
            stage.daemon.ask(trigger)
        stage.passes.gate.set()
        await stage.pass_of()
    assert stage.passes.triggers()[1] == (Trigger.PUSH, False)


async def test_what_is_done_between_passes_waits_for_the_one_under_way_and_holds_up_the_next() -> None:
    done: list[int] = []

    async def work() -> int:
        stage.daemon.ask(Trigger.MANUAL)
        await asyncio.sleep(0.05)
        done.append(stage.passes.under_way)
        return len(stage.passes.asks)

    async with running(held=True) as stage:
        between = asyncio.create_task(stage.daemon.between(work))
        await asyncio.sleep(0.05)
        assert not between.done()
        stage.passes.gate.set()
        assert await between == 1
        assert (await stage.pass_of()).trigger is Trigger.MANUAL
    assert done == [0]


async def test_nothing_is_done_between_passes_once_it_ends() -> None:
    async with running() as stage:
        await stage.reported()
        stage.daemon.stop()
        with pytest.raises(StoppedError, match="nothing was done"):
            await stage.daemon.between(asyncio.Event().wait)


async def test_the_end_waits_for_what_is_done_between_passes() -> None:
    ended: list[str] = []

    async def work() -> None:
        stage.daemon.stop()
        await asyncio.sleep(0.05)
        ended.append("work")

    async with running() as stage:
        await stage.reported()
        await stage.daemon.between(work)
    assert ended == ["work"]
    assert stage.log[-1]["event"] == "daemon.stopped"
