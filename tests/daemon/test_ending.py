"""What a process is made of is let go of once all that uses it has ended."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncer import log as logging
from syncer import settings, wiring
from syncer.approvals import Approver, Word
from syncer.daemon import Daemon
from syncer.errors import StoppedError
from syncer.exporting import Export
from syncer.model.outcome import Trigger
from syncer.orders import Helm, Whom
from syncer.parts import Ask
from syncer.reconcile import Reconciler
from syncer.schedule import Schedule
from syncer.serving import Front
from syncer.views import audit
from tests.support.site import site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from syncer.desired.snapshot import Snapshot
    from syncer.model.desired import DesiredApp
    from syncer.model.live import Live
    from syncer.wiring import Opened

WORD = Word("somebody", "CHG-1")


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Opened]:
    """A writer's process over one app."""
    with site(home, 1, popup_url="https://hooks.example/p") as here:
        environ = {"SYNCER_STATE_DIR": str(here.state), "SYNCER_SERVE_LISTEN": "127.0.0.1:0"}
        found = settings.load({}, environ, here.config).settings
        async with wiring.opened(found, write=True, log=logging.silent(), principal="test") as made:
            yield made


def an_order(here: Opened) -> Awaitable[object]:
    helm = Helm(here.tracker, here.past, here.index, here.writable, wiring.CLOCK)
    return helm.suspend(Whom(("app_0001",)), WORD, "4h")


def an_approval(here: Opened) -> Awaitable[object]:
    return Approver(here.reconciler, here.tracker, here.writable, wiring.CLOCK).commit("0" * 40, WORD)


def a_pass(here: Opened) -> Awaitable[object]:
    return here.reconciler.run(Ask(Trigger.MANUAL, write=True))


@pytest.mark.parametrize("work", [an_order, an_approval, a_pass])
async def test_a_command_that_is_cancelled_waits_for_its_thread(tmp_path: Path, work: object) -> None:
    """Ctrl-C: else the thread would write what was last good after the lock of the folder was let go of."""
    remembered = tmp_path / "state" / "last-good.json"
    async with opened(tmp_path) as here:
        reading, fetch = threading.Event(), here.source.fetch

        def slow() -> Snapshot:
            snapshot = fetch()
            reading.set()
            time.sleep(0.2)
            return snapshot

        here.source.fetch = slow  # type: ignore[method-assign]
        running = asyncio.ensure_future(work(here))  # type: ignore[operator]
        assert await asyncio.to_thread(reading.wait, 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    there = remembered.exists()
    await asyncio.sleep(0.3)
    assert remembered.exists() == there


class Slow:
    """A vendor that answers nobody, and takes its time to let go."""

    def __init__(self) -> None:
        self.asked, self.let_go = asyncio.Event(), False

    def begin_sweep(self) -> None:
        pass

    async def read(self, _app: DesiredApp) -> Live:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            self.let_go = True
        raise AssertionError


async def test_a_stop_waits_for_the_reads_that_it_broke_off(tmp_path: Path) -> None:
    """Their client is closed next."""
    async with opened(tmp_path) as here:
        vendor = Slow()
        passes = Reconciler(replace(here.reconciler._parts, reader=vendor), {})
        running = asyncio.create_task(passes.run(Ask(Trigger.MANUAL)))
        await asyncio.wait_for(vendor.asked.wait(), 20)
        passes.stop()
        with pytest.raises(StoppedError):
            await running
        assert vendor.let_go


async def test_a_page_under_way_when_the_daemon_ends_is_still_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, page = threading.Event(), audit.page

    def slow(*given: object) -> object:
        asked.set()
        time.sleep(0.3)
        return page(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "page", slow)
    async with opened(tmp_path) as here:
        every = timedelta(hours=1)
        daemon = Daemon(
            here.reconciler, Schedule(every, every, every, "UTC", 0.0), bool, lambda _: None, logging.silent()
        )
        async with Front(Export(here.settings, logging.silent())).serving(here, daemon, logging.silent(), {}):
            address = (here.settings.state_dir / "serve.json").read_text()
            port = int(address.rpartition(":")[2].strip('"}'))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /audit.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await asyncio.to_thread(asked.wait, 10)
        assert (await reader.readline()).split()[1] == b"200"
        writer.transport.abort()
