"""Somebody at the vendor undoes what syncer puts back: it stops soon, says so, and waits for a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncer import wiring
from syncer.audit.events import EventType
from syncer.clock import SystemClock
from syncer.model.outcome import State
from tests.faults import invariants
from tests.faults.fleet import FIRST, MIDDLE, Fleet, fleet, url

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.model.outcome import SyncReport
    from tests.soak.figures import Recorder

EVERY = timedelta(minutes=5)


class Simulated(SystemClock):
    """Wall-clock time that goes on by one interval a sweep."""

    def __init__(self) -> None:
        self.time = datetime(2025, 6, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


async def fight(here: Fleet, clock: Simulated, sweeps: int) -> int:
    """Sweeps with somebody who changes the first app back before each; how many PUTs syncer made of it."""
    before = len(here.emulator.store.ledger())
    async with here.opened() as opened:
        for sweep in range(sweeps):
            clock.time += EVERY
            here.change(FIRST, popup_url=url(f"theirs/{sweep}"))
            report = await here.run(opened)
    states = {status.ref: status.state for status in report.apps}
    assert states[FIRST] is State.FIGHTING
    assert states[MIDDLE] is State.IN_SYNC
    return len(here.emulator.store.ledger()) - before


@pytest.mark.parametrize("sweeps", [60, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_a_fight_ends_after_a_few_puts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Recorder, sweeps: int
) -> None:
    monkeypatch.setattr(wiring, "CLOCK", clock := Simulated())
    async with fleet(tmp_path) as here:
        here.declare(1)
        await here.passes(1)
        puts = await fight(here, clock, sweeps)
    assert puts <= 4
    figure("flapper", sweeps, seeds="none", result=f"{puts} PUTs, then `Fighting`")


async def slowly(here: Fleet, clock: Simulated, changes: int) -> SyncReport:
    """Somebody changes the first app every twelve hours; each pass is a process of its own, as in a CronJob."""
    for change in range(changes):
        clock.time += timedelta(hours=12)
        here.change(FIRST, popup_url=url(f"theirs/{change}"))
        await here.passes(1)
        clock.time += EVERY
        report = await here.passes(1)
    return report


async def test_a_slow_flapper_is_put_back_each_time_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "CLOCK", clock := Simulated())
    async with fleet(tmp_path) as here:
        here.declare(1)
        await here.passes(1)
        await slowly(here, clock, 3)
        assert here.log.getvalue().count('"app.flapping"') == 0
        report = await slowly(here, clock, 3)
        [status] = [status for status in report.apps if status.ref == FIRST]
        assert (status.state, status.put_back) == (State.IN_SYNC, 6)
        assert status.reason.endswith("put back 6 times within a week")
        assert here.log.getvalue().count('"app.flapping"') == 1
        [told] = invariants.records(here, EventType.DRIFT_REPEATED)
        assert (told["subject"], told["data"]["putback"]) == ("customers/acme/apps/app_1", 4)


async def test_a_flapper_that_stopped_for_a_week_is_told_again_when_it_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "CLOCK", clock := Simulated())
    async with fleet(tmp_path) as here:
        await here.passes(1)
        await slowly(here, clock, 4)
        clock.time += timedelta(days=8)
        report = await here.passes(1)
        assert {status.put_back for status in report.apps} == {0}
        await slowly(here, clock, 4)
        assert len(invariants.records(here, EventType.DRIFT_REPEATED)) == 2
