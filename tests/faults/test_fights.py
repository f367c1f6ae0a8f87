"""Somebody at the vendor undoes what syncer puts back: it stops soon, says so, and waits for a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncer import wiring
from syncer.clock import SystemClock
from syncer.model.outcome import State
from tests.faults.fleet import FIRST, MIDDLE, Fleet, fleet, url

if TYPE_CHECKING:
    from pathlib import Path

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


async def test_a_slow_flapper_is_put_back_each_time_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "CLOCK", clock := Simulated())
    async with fleet(tmp_path) as here:
        here.declare(1)
        async with here.opened() as opened:
            await here.run(opened)
            for day in range(6):
                clock.time += timedelta(hours=12)
                here.change(FIRST, popup_url=url(f"theirs/{day}"))
                report = await here.run(opened)
    [reason] = [status.reason for status in report.apps if status.ref == FIRST]
    assert reason.endswith("put back 6 times within a week")
    assert here.log.getvalue().count('"app.flapping"') == 1
