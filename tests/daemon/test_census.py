"""The list of apps beside a pass: it comes with the report, or the report comes without it."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncer import census, settings, wiring
from syncer import log as logging
from syncer.errors import StoppedError
from syncer.model.desired import AppRef
from syncer.model.live import Listed, Unlisted
from syncer.model.outcome import Trigger
from syncer.parts import Ask
from tests.support.site import site

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from syncer.census import Found
    from syncer.model.desired import DesiredState
    from syncer.model.outcome import SyncReport

SEEN = (Listed(AppRef("cust_1", "app_0001"), "one"), Listed(AppRef("cust_1", "app_0009"), "nine"))


async def passed(home: Path, listing: Callable[[], Awaitable[Found]], stop: asyncio.Event | None = None) -> SyncReport:
    """One pass over one app with this list beside it; asked to stop once the event is set."""
    with site(home, 1, popup_url="https://hooks.example/p") as here:
        found = settings.load({}, {"SYNCER_STATE_DIR": str(here.state)}, here.config).settings
        async with wiring.opened(found, write=False, log=logging.silent(), principal="test") as opened:
            passes = census.Census(
                opened.reconciler._parts,
                {},
                listing,
                lambda: (app.ref for app in opened.tracker.apps),
            )

            async def stopper() -> None:
                if stop is not None:
                    await stop.wait()
                    passes.stop()

            stopping = asyncio.create_task(stopper())
            try:
                return await passes.run(Ask(Trigger.MANUAL))
            finally:
                stopping.cancel()


async def test_what_git_declares_is_left_out(tmp_path: Path) -> None:
    async def listing() -> Found:
        return SEEN, (Unlisted("cust_2", "no"),)

    report = await passed(tmp_path, listing)
    assert report.unmanaged is not None
    assert report.unmanaged.apps == SEEN[1:]
    assert report.unmanaged.unlisted == (Unlisted("cust_2", "no"),)


async def test_whoever_asks_to_stop_does_not_wait_for_the_list(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def listing() -> Found:
        await asyncio.sleep(0.3)  # the pass has ended by then
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    report = await passed(tmp_path, listing, asked)
    assert report.unmanaged is None
    assert len(report.apps) == 1


async def test_a_pass_that_is_stopped_early_ends_as_ever(tmp_path: Path) -> None:
    stop = asyncio.Event()
    stop.set()

    async def listing() -> Found:
        return SEEN, ()

    with pytest.raises(StoppedError):
        await passed(tmp_path, listing, stop)


async def test_a_stop_waits_for_the_thread_that_reads_the_source(tmp_path: Path) -> None:
    """What the thread uses is let go of once the pass has ended: the index, the journal, the file of the last good."""
    ended: list[str] = []
    with site(tmp_path, 1, popup_url="https://hooks.example/p") as here:
        found = settings.load({}, {"SYNCER_STATE_DIR": str(here.state)}, here.config).settings
        async with wiring.opened(found, write=True, log=logging.silent(), principal="test") as opened:
            reading = threading.Event()
            refresh = opened.tracker.refresh

            def slow() -> DesiredState:
                state = refresh()
                reading.set()
                time.sleep(0.2)
                opened.index.orders()
                ended.append("read")
                return state

            opened.tracker.refresh = slow  # type: ignore[method-assign]
            running = asyncio.create_task(opened.reconciler.run(Ask(Trigger.MANUAL, write=True)))
            assert await asyncio.to_thread(reading.wait, 10)
            opened.reconciler.stop()
            with pytest.raises(StoppedError):
                await running
            assert ended == ["read"]
        assert not here.emulator.store.ledger()


class Broken:
    """A client that fails as nobody expects."""

    async def listed(self, customer: str, _token: object) -> tuple[Listed, ...]:
        raise RuntimeError(customer)


async def test_a_fault_of_our_own_is_told_and_no_more(tmp_path: Path) -> None:
    with site(tmp_path, 1) as here:
        text = here.config.read_text().replace("rate:", "customer_tokens: {cust_1: {env: T}}, rate:")
        here.config.write_text(text)
        found = settings.load({}, {}, here.config).settings
    apps, [one] = await census.listed(Broken(), found)  # type: ignore[arg-type]  # only this much of a client is used
    assert apps == ()
    assert replace(one, hint="") == Unlisted("cust_1", "the list failed: RuntimeError")
